"""Pictures of dashboards: asked for by looking, counted by a task in slices, shown with the instant they are of.

Memory is that of one piece of the cases, whatever their number. After each slice what was counted stands in the
database: a killed worker costs a slice. One picture is worked at a time in a deployment, a slice a task, so that the
loop's tasks always have the other workers and their turn in between.
"""

import logging
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, QuerySet, Value
from django.db.models.functions import Now

from gridgov.common import clock, replica, turns
from grids.spatial import areas
from reporting import pictures, selectors
from reporting.models import Picture
from reporting.selectors import Dashboard
from reporting.sights import Sight

logger = logging.getLogger(__name__)

#: A picture is renewed for so long after somebody looked at it.
WATCHED = timedelta(minutes=30)
#: That somebody looks is written down at most this often.
NOTED = timedelta(seconds=60)
#: It is not renewed sooner after it was than this, nor than so many times as long as it took: a sixth of the time.
LEAST = timedelta(seconds=60)
TIMES = 5
#: Nobody has looked at it for so long: it is gone.
KEPT = timedelta(days=1)
#: A worker that says nothing for so long is taken for dead.
LEASE = timedelta(seconds=60)
#: After a failure it is tried again then.
PAUSE = timedelta(seconds=60)
#: What was begun so long ago is begun anew.
PART_HOLDS = timedelta(hours=1)


class _Stopped(Exception):
    """Another worker has it, or it is gone."""


# --- looking ------------------------------------------------------------------------------------------------------


def find(sight: Sight, area_id: int | None) -> Picture | None:
    """The picture of the area for that sight, if there is one. One statement."""
    # from the database itself: what was just asked for must not be asked for again
    return Picture.objects.using("default").filter(key=_key(sight, area_id)).defer("part").first()


def ask(sight: Sight, area_id: int | None) -> Picture:
    """There is a picture of the area, counted or waiting to be. One statement, or two."""
    row = Picture(key=_key(sight, area_id), sight=sight.as_json(), area_id=area_id, looked_at=clock.now())
    Picture.objects.using("default").bulk_create([row], ignore_conflicts=True)
    note(row)
    return row


def note(picture: Picture) -> None:
    """That somebody looked is known: it is renewed for WATCHED from now. A statement at most each NOTED."""
    if clock.now() - picture.looked_at < NOTED and picture.pk:
        return
    Picture.objects.filter(key=picture.key).update(looked_at=Now())


def shown(picture: Picture, span: str) -> Dashboard | None:
    """What it shows of the span; None while it was never counted."""
    return None if picture.shown is None else pictures.from_json(picture.shown["spans"][span])


def _key(sight: Sight, area_id: int | None) -> str:
    return sight.key(area_id, pictures.SHAPE)


# --- counting -----------------------------------------------------------------------------------------------------


def run_slice(*, patience: float = 5.0) -> bool:
    """A picture that is due was counted for about ``patience`` seconds; False if there was none."""
    picture = _take()
    if picture is None:
        return False
    try:
        _count(picture, patience)
    except _Stopped:
        logger.info("picture %s is another's", picture.pk)
    except Exception as error:
        logger.exception("picture %s failed", picture.pk)
        Picture.objects.filter(pk=picture.pk, lease=picture.lease).update(
            lease="", lease_until=_in(PAUSE), last_error=f"{type(error).__name__}: {error}"[:300],
            part=None, part_at=None, part_seconds=0, mark=0,
        )  # fmt: skip
    return True


def discard_old() -> int:
    """Pictures that nobody has looked at for KEPT are gone; how many."""
    return Picture.objects.filter(looked_at__lt=_in(-KEPT)).delete()[0]


def _take() -> Picture | None:
    """A picture that is due and that nobody works on, ours for LEASE; None while any other is worked on.

    Those that were never counted come first, then the oldest. Who looks and takes does both in one turn.
    """
    if not _due().exists():
        return None
    with transaction.atomic():
        turns.wait_for("pictures")
        return _take_in_turn()


def _due() -> QuerySet[Picture]:
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=Now())
    return Picture.objects.filter(free, Q(due_at__isnull=True) | Q(due_at__lte=Now()), looked_at__gt=_in(-WATCHED))


def _take_in_turn() -> Picture | None:
    if Picture.objects.filter(~Q(lease=""), lease_until__gt=Now()).exists():
        return None
    found = _due().order_by(F("at").asc(nulls_first=True), "pk").first()
    if found is None:
        return None
    lease = uuid.uuid4().hex
    # a worker that was taken for dead may still write, or the picture be gone
    if not _due().filter(pk=found.pk, lease=found.lease).update(lease=lease, lease_until=_in(LEASE)):
        return None
    found.refresh_from_db()
    return found


def _count(picture: Picture, patience: float) -> None:
    """The picture is as of now, or a part of it is counted and kept."""
    began, revision = time.monotonic(), areas.index().revision
    if picture.part is not None and (
        picture.part["revision"] != revision or clock.now() - picture.part_at > PART_HOLDS  # type: ignore[operator]
    ):
        picture.part, picture.part_at, picture.part_seconds, picture.mark = None, None, 0.0, 0
    at = picture.part_at or clock.now()
    spans = {} if picture.part is None else _spans(picture.part)
    actor = Sight.from_json(picture.sight).actor
    pieces = selectors.pieces(actor, at=at, area_id=picture.area_id, after=picture.mark)
    while True:
        with replica.reading():
            mark, more = next(pieces, (None, {}))
        if mark is None:
            break
        for span, piece in more.items():
            bare = pictures.without_evidence(piece)
            spans[span] = pictures.together(spans[span], bare) if span in spans else bare
        took = picture.part_seconds + time.monotonic() - began
        # where nothing was left the end is reached, however long it took to see that
        if mark > picture.mark and time.monotonic() - began >= patience:
            part = {"revision": revision, "spans": _told(spans)}
            _write(picture, part=part, part_at=at, part_seconds=took, mark=mark, lease="", lease_until=None)
            return
        _write(picture, lease_until=_in(LEASE))
    took = picture.part_seconds + time.monotonic() - began
    whole = _told({span: selectors.in_order(found) for span, found in spans.items()})
    _write(
        picture, shown={"revision": revision, "spans": whole}, at=at, seconds=took,
        due_at=_in(max(LEAST, TIMES * timedelta(seconds=took))), part=None, part_at=None, part_seconds=0, mark=0,
        lease="", lease_until=None, last_error="",
    )  # fmt: skip


def _spans(part: Mapping[str, Any]) -> dict[str, Dashboard]:
    return {span: pictures.from_json(told) for span, told in part["spans"].items()}


def _told(spans: Mapping[str, Dashboard]) -> dict[str, Any]:
    return {span: pictures.to_json(found) for span, found in spans.items()}


def _write(picture: Picture, **values: Any) -> None:
    """The row has the values, if it is still ours; else _Stopped."""
    if not Picture.objects.filter(pk=picture.pk, lease=picture.lease).update(**values):
        raise _Stopped


def _in(span: timedelta) -> Any:
    return ExpressionWrapper(Now() + Value(span), output_field=DateTimeField())
