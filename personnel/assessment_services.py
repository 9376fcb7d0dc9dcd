"""Writing the monthly assessment: schemes, the rows of a month, and the way from computed to published.

computed → the leader's review (confirmed as it is, or with a mark within the scheme's cap and a reason) → the worker's
reply → published. The leader of a grid is who holds ``lead_grid`` there. After publication nothing is changed: a new
version is computed and goes the same way.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from gridgov.common import audit, clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.models import User
from grids import permissions
from grids.capabilities import Capability
from grids.models import Area
from grids.spatial import areas
from personnel.assessment import Item, Scheme, final
from personnel.assessment_models import Assessment, AssessmentMonth, AssessmentScheme

REASON_LIMIT = 500
REPLY_LIMIT = 1_000
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9}|/[0-9]{1,9})?")
State = Assessment.State


# --- schemes ------------------------------------------------------------------------------------------------------


def save_scheme(
    *,
    code: str,
    name: str,
    items: Sequence[Mapping[str, Any]],
    mark_cap: str,
    from_month: date,
    reply_days: int = 7,
    source: str = "",
    known_keys: Collection[str] | None = None,
    by: User | None = None,
    at: datetime | None = None,
) -> tuple[AssessmentScheme, bool]:
    """The scheme has this content: a new version (True), or the last one where it says the same.

    ``items``: ``key``, ``weight`` and, if not 0 and 1, ``zero_at`` and ``full_at``, numbers as text; ``mark_cap`` in
    points. ``known_keys``: the indicators that there are. Raises FieldError.
    """
    plain = [_item(item, known_keys) for item in items]
    cap = _number("mark_cap", mark_cap)
    try:
        scheme = Scheme(tuple(map(item_of, plain)), cap)
    except ValueError as error:
        raise FieldError("items", _("方案不成立：%(why)s") % {"why": error}) from error
    if from_month.day != 1:
        raise FieldError("from_month", _("须是某月的第一天"))
    content = {
        "name": name, "items": plain, "mark_cap": int(scheme.mark_cap * 100), "reply_days": reply_days,
        "from_month": from_month, "source": source,
    }  # fmt: skip
    with transaction.atomic():
        last = AssessmentScheme.objects.filter(code=code).order_by("-version").first()
        if last is not None and all(getattr(last, field) == value for field, value in content.items()):
            return last, False
        row = AssessmentScheme.objects.create(
            code=code, version=last.version + 1 if last else 1, created_at=at or clock.now(), **content
        )
        audit.record(action="assessment_scheme.save", actor=by, obj=row, detail={"version": row.version}, at=at)
    return row, True


def _item(item: Mapping[str, Any], known_keys: Collection[str] | None) -> dict[str, str]:
    key = str(item.get("key", ""))
    if known_keys is not None and key not in known_keys:
        raise FieldError("items", _("没有这个指标：%(key)s") % {"key": key[:40]})
    unknown = set(item) - {"key", "weight", "zero_at", "full_at"}
    if unknown:
        raise FieldError("items", _("没有这一项：%(name)s") % {"name": sorted(unknown)[0][:40]})
    return {
        "key": key,
        "weight": str(_number("weight", item.get("weight"))),
        "zero_at": str(_number("zero_at", item.get("zero_at", "0"))),
        "full_at": str(_number("full_at", item.get("full_at", "1"))),
    }


def _number(name: str, text: Any) -> Fraction:
    # no exponents and nothing long: 1e999999999 would be written out
    if not _PLAIN_NUMBER.fullmatch(str(text)):
        raise FieldError(name, _("须是数字"))
    try:
        return Fraction(str(text))
    except ZeroDivisionError:
        raise FieldError(name, _("须是数字")) from None


def item_of(row: Mapping[str, str]) -> Item:
    """A stored item as the score takes it."""
    return Item(row["key"], Fraction(row["weight"]), Fraction(row["zero_at"]), Fraction(row["full_at"]))


def scheme_of(row: AssessmentScheme) -> Scheme:
    """A stored scheme as the score takes it."""
    return Scheme(tuple(map(item_of, row.items)), Fraction(row.mark_cap, 100))


# --- computing ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """What was computed for one grid. ``score`` in hundredths of a point."""

    grid_id: int
    worker_id: int | None
    lines: list[dict[str, Any]]
    score: int | None


def open_month(*, root: Area, on: date, grid_ids: Sequence[int], known_at: datetime) -> AssessmentMonth:
    """The first version of the month, begun now or before: who comes second finds what the first one fixed.

    Raises Conflict where no scheme holds for the month.
    """
    found = AssessmentMonth.objects.filter(root=root, on=on, version=1).first()
    if found is not None:
        return found
    scheme = AssessmentScheme.objects.filter(from_month__lte=on).order_by("-from_month", "-version", "-pk").first()
    if scheme is None:
        raise Conflict(_("该月没有适用的考核方案"), code="no_scheme")
    month, _created = AssessmentMonth.objects.get_or_create(
        root=root,
        on=on,
        version=1,
        defaults={"scheme": scheme, "grid_ids": sorted(grid_ids), "known_at": known_at},
    )
    return month


def open_correction(
    *, root: Area, on: date, grid_ids: Sequence[int], reason: str, by: User, at: datetime | None = None
) -> AssessmentMonth:
    """A new version of the month for these grids, to be computed; their published rows stay as they are.

    Only what is published needs one. Raises FieldError, NotFound, NotPermitted, Conflict.
    """
    at = at or clock.now()
    text = _text("reason", reason, REASON_LIMIT)
    ids = sorted(set(grid_ids))
    current = {row.grid_id: row for row in latest(Assessment.objects.filter(month__root=root, month__on=on))}
    grants = permissions.grants_of(by, clock.local_date(at))
    for grid_id in ids:
        row = current.get(grid_id)
        if row is None:
            raise NotFound(_("没有这个网格的考核"))
        _lead(row, grants)
        if row.state != State.PUBLISHED:
            raise Conflict(_("尚未公布的考核不必更正"), code="not_published")
    if not ids:
        raise FieldError("grids", _("请选择网格"), code="required")
    try:
        with transaction.atomic():
            months = AssessmentMonth.objects.filter(root=root, on=on)
            month = AssessmentMonth.objects.create(
                root=root, on=on, version=months.aggregate(m=Max("version"))["m"] + 1,
                scheme=months.get(version=1).scheme, grid_ids=ids, known_at=at, reason=text, asked_by=by,
            )  # fmt: skip
            audit.record(action="assessment.correct", actor=by, obj=month, detail={"grids": ids}, at=at)
    except IntegrityError:
        raise Conflict(_("同时有人在更正，请再试一次"), code="busy") from None
    return month


def latest(rows: Iterable[Assessment]) -> list[Assessment]:
    """Of each grid and month the row of the highest version."""
    found: dict[tuple[int, date], Assessment] = {}
    for row in sorted(rows, key=lambda row: row.month.version):
        found[row.grid_id, row.month.on] = row
    return list(found.values())


def missing_grids(month: AssessmentMonth) -> list[int]:
    """The grids of the month that have no row yet, in order."""
    done = set(Assessment.objects.filter(month=month).values_list("grid_id", flat=True))
    return [grid_id for grid_id in month.grid_ids if grid_id not in done]


def store(*, month: AssessmentMonth, rows: Iterable[Row]) -> None:
    """These grids have their row; one that had it already keeps it. One transaction."""
    with transaction.atomic():
        Assessment.objects.bulk_create(
            [
                Assessment(month=month, grid_id=row.grid_id, worker_id=row.worker_id, lines=row.lines, score=row.score)
                for row in rows
            ],
            ignore_conflicts=True,
        )


def finish_month(*, month: AssessmentMonth, at: datetime) -> AssessmentMonth:
    """The month says that it is computed, once, if each of its grids has its row."""
    if not missing_grids(month):
        AssessmentMonth.objects.filter(pk=month.pk, computed_at__isnull=True).update(computed_at=at)
        month.refresh_from_db()
    return month


# --- review, reply, publication -----------------------------------------------------------------------------------


def revision_of(row: Assessment) -> str:
    """What a page names to say which state of the row it shows: another one after each step."""
    return f"{row.state}-{int(row.reviewed_at.timestamp() * 1_000_000) if row.reviewed_at else 0}"


def review(
    *,
    assessment_id: int,
    by: User,
    mark: str | int = 0,
    reason: str = "",
    revision: str | None = None,
    at: datetime | None = None,
) -> Assessment:
    """The leader has confirmed the score, or marked it up or down by ``mark`` points with a reason.

    Until publication he may review again, after the worker's reply too. ``revision``: of the row that he looked at.
    Raises NotFound, NotPermitted, FieldError, Conflict (published, or moved on since ``revision``).
    """
    at = at or clock.now()
    row = _read(assessment_id, by, at)
    _lead(row, permissions.grants_of(by, clock.local_date(at)))
    if row.worker_id == by.pk:
        raise NotPermitted(_("不得审核本人的考核"), missing="separation:worker")
    _still(row, revision)
    points, text = _mark(row, mark, reason)
    state = State.REVIEWED if row.state == State.COMPUTED else row.state
    with transaction.atomic():
        _move(
            row, (State.COMPUTED, State.REVIEWED, State.REPLIED), state=state, mark=points, mark_reason=text,
            reviewed_by=by, reviewed_at=at,
        )  # fmt: skip
        audit.record(action="assessment.review", actor=by, obj=row, detail={"mark": points}, at=at)
    return _again(row)


def confirm(*, assessment_ids: Iterable[int], by: User, at: datetime | None = None) -> int:
    """Each of the rows is confirmed as it is, or none; how many. A row that was reviewed before is a Conflict."""
    at = at or clock.now()
    done = 0
    with transaction.atomic():
        for assessment_id in sorted(set(assessment_ids)):
            if _read(assessment_id, by, at).state != State.COMPUTED:
                raise Conflict(_("其中有已审核的考核，请逐个处理"), code="reviewed_before")
            review(assessment_id=assessment_id, by=by, at=at)
            done += 1
    return done


def may_confirm(row: Assessment, by: User) -> bool:
    """Whether ``by``, its leader, may confirm the row together with others: not reviewed yet, and not his own."""
    return row.state == State.COMPUTED and row.worker_id != by.pk


def reply(
    *, assessment_id: int, by: User, text: str, revision: str | None = None, at: datetime | None = None
) -> Assessment:
    """The worker has said what he has to say, once. ``revision``: of the row that he looked at.

    His days are how long publication waits for him; after them he may still reply, until it is published.
    Raises NotFound, NotPermitted, FieldError, Conflict.
    """
    at = at or clock.now()
    row = _read(assessment_id, by, at)
    if row.worker_id != by.pk:
        raise NotPermitted(_("只有被考核的网格员可以答复"), missing="worker")
    words = _text("reply", text, REPLY_LIMIT)
    _still(row, revision)
    with transaction.atomic():
        _move(row, (State.REVIEWED,), state=State.REPLIED, reply=words, replied_at=at)
        audit.record(action="assessment.reply", actor=by, obj=row, at=at)
    return _again(row)


def publish(*, assessment_id: int, by: User, revision: str | None = None, at: datetime | None = None) -> Assessment:
    """The score stands published, with the leader's mark: after the worker's reply, or when his days for it are over.

    ``revision``: of the row that he looked at. Raises NotFound, NotPermitted, Conflict.
    """
    at = at or clock.now()
    row = _read(assessment_id, by, at)
    _lead(row, permissions.grants_of(by, clock.local_date(at)))
    if row.worker_id == by.pk:
        raise NotPermitted(_("不得公布本人的考核"), missing="separation:worker")
    _still(row, revision)
    if reply_waits(row, at):
        raise Conflict(
            _("网格员尚未答复，答复期%(days)s天未满") % {"days": row.month.scheme.reply_days}, code="reply_waits"
        )
    with transaction.atomic():
        _move(
            row, (State.REVIEWED, State.REPLIED), state=State.PUBLISHED, final_score=final(row.score, row.mark),
            published_by=by, published_at=at,
        )  # fmt: skip
        audit.record(
            action="assessment.publish", actor=by, obj=row, detail={"final_score": final(row.score, row.mark)}, at=at
        )
    return _again(row)


def reply_until(row: Assessment) -> datetime | None:
    """Until when the worker's reply is waited for; None where none is: no worker, not reviewed, or replied."""
    if row.state != State.REVIEWED or row.worker_id is None or row.reviewed_at is None:
        return None
    return row.reviewed_at + timedelta(days=row.month.scheme.reply_days)


def reply_waits(row: Assessment, at: datetime) -> bool:
    """Whether publication has to wait for the worker's reply at ``at``."""
    until = reply_until(row)
    return until is not None and at < until


def _still(row: Assessment, revision: str | None) -> None:
    """The row is as the person saw it, if he says what he saw; else Conflict."""
    if revision is not None and revision != revision_of(row):
        raise Conflict(_("在你提交之前，这项考核已有变化"), code="moved_on")


def _read(assessment_id: int, by: User, at: datetime) -> Assessment:
    """The row as ``by`` may know it: its leader always, its worker once it was reviewed."""
    row = Assessment.objects.select_related("month__scheme").filter(pk=assessment_id).first()
    if row is None or not may_see(row, by, permissions.grants_of(by, clock.local_date(at))):
        raise NotFound(_("没有这项考核"))
    return row


def may_see(row: Assessment, by: User, grants: permissions.Grants) -> bool:
    """The leader of the grid at any time, the worker himself once it was reviewed."""
    if permissions.may(grants, Capability.LEAD_GRID, areas.chain(row.grid_id)):
        return True
    return row.worker_id == by.pk and row.state != State.COMPUTED


def _lead(row: Assessment, grants: permissions.Grants) -> None:
    if not permissions.may(grants, Capability.LEAD_GRID, areas.chain(row.grid_id)):
        raise NotPermitted(
            _("此操作需要：%(needed)s") % {"needed": Capability.LEAD_GRID.label}, missing=Capability.LEAD_GRID.value
        )


def _mark(row: Assessment, mark: str | int, reason: str) -> tuple[int, str]:
    hundredths = _number("mark", mark) * 100
    if hundredths.denominator != 1:
        raise FieldError("mark", _("最多两位小数"))
    cap = row.month.scheme.mark_cap
    if abs(hundredths) > cap:
        raise FieldError("mark", _("加减分须在±%(cap)s分以内") % {"cap": f"{cap / 100:g}"})
    if hundredths and row.score is None:
        raise FieldError("mark", _("没有得分，不能加减分"))
    if not hundredths:
        return 0, ""
    if not reason.strip():
        raise FieldError("reason", _("有加减分时须写理由"), code="required")
    return int(hundredths), _text("reason", reason, REASON_LIMIT)


def _text(name: str, text: Any, limit: int) -> str:
    if not isinstance(text, str) or not text.strip():
        raise FieldError(name, _("请填写"), code="required")
    if len(text) > limit:
        raise FieldError(name, _("最长%(limit)s字") % {"limit": limit})
    if "\x00" in text:
        raise FieldError(name, _("文字中有不可用的字符"))
    return text.strip()


def _move(row: Assessment, states: Iterable[str], **values: Any) -> None:
    """The row, if it is still as it was read; else Conflict."""
    moved = Assessment.objects.filter(
        pk=row.pk, state__in=[s for s in states if s == row.state], reviewed_at=row.reviewed_at
    ).update(**values)
    if not moved:
        now = Assessment.objects.get(pk=row.pk)
        raise Conflict(_("考核%(state)s，不能这样办") % {"state": now.get_state_display()}, code="not_open")


def _again(row: Assessment) -> Assessment:
    return Assessment.objects.select_related("month__scheme").get(pk=row.pk)
