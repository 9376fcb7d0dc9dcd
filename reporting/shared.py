"""One computation of a dashboard for everybody who sees the same cases.

A scope of few cases is counted while one waits, and kept in the process for some seconds. A large one never is: what
is shown is the picture that a task counted (``reporting.renewal``), of the instant that it says; looking asks for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from django.db.models import Exists
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.visibility import scope_of
from gridgov.common import clock
from gridgov.common.errors import NotFound
from grids.spatial import areas
from incidents.models import JournalEntry, NamedAccess
from reporting import facts, renewal, selectors
from reporting.models import Picture
from reporting.selectors import Dashboard
from reporting.sights import Sight

#: So long it is shown although the journal has grown, and so long while it has not: clocks run out without an entry.
FRESH = timedelta(seconds=4)
STANDS = timedelta(seconds=15)
MANY = 64
#: Up to so many cases of sixty days are counted while one waits: a second or so.
FEW_CASES = 5_000
#: A picture that took no longer than this is of a scope that has become small.
QUICK_SECONDS = 1.0


class Pending(Exception):
    """There is no picture yet; one was asked for."""


@dataclass(slots=True)
class _Kept:
    lock: Lock
    newest: Any = None
    shown: Dashboard | None = None


_kept: dict[Any, _Kept] = {}
_guard = Lock()


def forget() -> None:
    """The next one who looks computes."""
    with _guard:
        _kept.clear()


def dashboard(by: Actor, *, area_id: int | None = None, span: str = "month") -> Dashboard:
    """:func:`reporting.selectors.dashboard` as of at most some seconds ago; of many cases the last picture.

    Pending where there is none yet: it is there some seconds later. NotFound as there. One statement, or two more.
    """
    area_id = scope_of(by, area_id)
    if span not in selectors.SPANS:
        raise NotFound(_("没有这个时段"))
    named = NamedAccess.objects.filter(user=by.user_id)
    newest = (
        JournalEntry.objects.order_by("-pk")
        .annotate(is_named=Exists(named))
        .values_list("is_named", "pk", "mac")
        .first()
    )
    # who is named on confidential cases sees others than his colleagues
    sight = Sight.of(by, is_named=newest is not None and newest[0])
    key = (sight, area_id, span, areas.index().revision)
    with _guard:
        if len(_kept) >= MANY and key not in _kept:
            _kept.clear()
        kept = _kept.setdefault(key, _Kept(Lock()))
    with kept.lock:
        now = clock.now()
        if kept.shown is not None and _holds(kept, newest, now):
            return kept.shown
        kept.shown, picture = None, renewal.find(sight, area_id)
        if picture is None or (picture.at is not None and picture.seconds < QUICK_SECONDS):
            try:
                kept.shown = selectors.dashboard(by, at=now, area_id=area_id, span=span, most=FEW_CASES)
            except facts.TooMany:
                picture = picture or renewal.ask(sight, area_id)
            else:
                kept.newest = newest
                return kept.shown
    return _pictured(picture, span)


def _pictured(picture: Picture, span: str) -> Dashboard:
    renewal.note(picture)
    shown = renewal.shown(picture, span)
    if shown is None:
        raise Pending
    return shown


def _holds(kept: _Kept, newest: Any, now: datetime) -> bool:
    assert kept.shown is not None
    age = now - kept.shown.at
    same_day = clock.local_date(now) == clock.local_date(kept.shown.at)
    return same_day and timedelta(0) <= age < (STANDS if newest == kept.newest else FRESH)
