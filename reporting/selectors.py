"""Reads for the dashboard and for the evidence behind a number. Nothing here writes.

All of it is limited to the cases that the person may see (``dispatch.visibility``): two people with different areas see
different figures. Times are of the deployment's zone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.selectors import entry_label
from dispatch.visibility import cases_of
from gridgov.common import clock
from gridgov.common.errors import NotFound
from grids import permissions
from grids.models import LEVEL_NAMES, Level
from grids.spatial import areas
from incidents.models import JournalEntry
from incidents.workflow import Status
from personnel.selectors import department_tree
from reporting import boards, facts
from reporting.history import Facts, Period, Ref
from reporting.indicators import INDICATORS, Figure

SPAN = timedelta(days=30)
SOON = timedelta(hours=4)
SPARK_DAYS = 14


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything that the dashboard shows of one area, or of all that the person sees, at one instant.

    ``board_level``: the level of the areas on the board and the map, one below the area. ``figures``: by key, over the
    last 30 days.
    """

    at: datetime
    area_id: int | None
    board_level: int
    period: Period
    figures: Mapping[str, Figure]
    funnel: Sequence[boards.StageRow]
    counters: Mapping[str, Mapping[str, boards.Trend]]
    sparks: Mapping[str, Sequence[Figure]]
    areas: Sequence[boards.BoardRow]
    departments: Sequence[boards.BoardRow]
    map: Sequence[boards.MapValue]
    due_soon: Sequence[boards.DueSoon]


def dashboard(by: Actor, *, at: datetime | None = None, area_id: int | None = None) -> Dashboard:
    """The dashboard of the area, by default of the highest one that ``by`` holds. One to five statements.

    NotFound for an area in which he may not see cases.
    """
    at = at or clock.now()
    area_id = scope_of(by, area_id)
    read, period = _read(by, at, area_id)
    level, ids = _shown_areas(area_id)
    month = read.during(period)
    midnight = _midnight(at)
    days = [
        Period(midnight - timedelta(days=n), min(at, midnight - timedelta(days=n - 1)))
        for n in reversed(range(SPARK_DAYS))
    ]
    return Dashboard(
        at=at,
        area_id=area_id,
        board_level=level,
        period=period,
        figures=boards.whole(month),
        funnel=boards.stage_funnel(month, soon=SOON),
        counters=boards.counters(read, boards.windows(_after(at), midnight)),
        sparks=boards.daily(read, days),
        areas=boards.area_board(month, level=level, area_ids=ids),
        departments=boards.department_board(month, _departments(area_id)),
        map=boards.map_values(month, level=level, area_ids=ids),
        due_soon=boards.due_soon(month, within=SOON),
    )


def drill(
    by: Actor,
    key: str,
    *,
    at: datetime | None = None,
    area_id: int | None = None,
    department_id: int | None = None,
    stage: str = "",
    stretch: str = "",
) -> Figure:
    """The figure ``key`` behind a number of the dashboard, with the cases it counts.

    ``department_id``: of a row of the department board; ``stretch``: today, week or month, of a counter; ``stage``: of
    the funnel, then ``key`` is standing, overdue or due_soon. NotFound for what there is not.
    """
    at = at or clock.now()
    read, period = _read(by, at, scope_of(by, area_id))
    if department_id is not None:
        read = read.of_departments(department_tree().below(department_id))
    if stage:
        for row in boards.stage_funnel(read.during(period), soon=SOON):
            if row.stage == stage and key in ("standing", "overdue", "due_soon"):
                return getattr(row, key)
        raise NotFound(_("没有这个指标"))
    if key not in INDICATORS:
        raise NotFound(_("没有这个指标"))
    if stretch:
        found = boards.windows(_after(at), _midnight(at)).get(stretch)
        if found is None or key not in boards.COUNTED:
            raise NotFound(_("没有这个时段"))
        period = found[0]
    return INDICATORS[key](read.during(period))


def scope_of(by: Actor, area_id: int | None) -> int | None:
    """The area that is shown: the one asked for, else the highest that ``by`` holds; None where he holds none."""
    held = [record for pk in permissions.visible_area_ids(by.grants) if (record := areas.find(pk)) is not None]
    if area_id is None:
        top = min(held, key=lambda record: (record.level, record.code), default=None)
        return top.id if top is not None else None
    record = areas.find(area_id)
    if record is None or not (by.is_system or any(h.id in record.ancestors for h in held)):
        raise NotFound(_("没有这个区域"))
    return area_id


def _read(by: Actor, at: datetime, area_id: int | None) -> tuple[Facts, Period]:
    """The facts of twice SPAN, for the comparisons, and the period of the last SPAN."""
    seen = cases_of(by)
    record = areas.find(area_id)
    if record is not None:
        seen = seen.filter(**{f"{LEVEL_NAMES[record.level]}_id": record.id})
    end = _after(at)
    return facts.load(Period(end - 2 * SPAN, end), cases=seen), Period(end - SPAN, end)


def _after(at: datetime) -> datetime:
    """Just after ``at``: what happened at this very instant has happened."""
    return at + timedelta(microseconds=1)


def _midnight(at: datetime) -> datetime:
    return clock.local(at).replace(hour=0, minute=0, second=0, microsecond=0)


def _shown_areas(area_id: int | None) -> tuple[int, list[int]]:
    """The level below the area and its areas there; of a grid itself."""
    index = areas.index()
    if area_id is None:
        return int(Level.CITY), [root.id for root in index.roots]
    children = index.children(area_id)
    if not children:
        return areas.get(area_id).level, [area_id]
    level = min(child.level for child in children)
    return level, [child.id for child in children if child.level == level]


def _departments(area_id: int | None) -> dict[int, frozenset[int]]:
    """Top departments of the area's city (of all cities without one), in the order of their codes."""
    tree = department_tree()
    record = areas.find(area_id)
    found = [d for d in tree.all(record.root_id if record else None) if d.parent_id is None]
    return {d.id: tree.below(d.id) for d in sorted(found, key=lambda d: (d.root_id, d.code))}


# --- evidence -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """A case as it was when it was counted: after the entry ``seq`` of its journal."""

    number: str
    seq: int
    action: str
    label: str
    status: str
    status_label: str
    at: datetime
    category_id: int
    address: str


def evidence(by: Actor, refs: Iterable[Sequence[Any]]) -> tuple[list[Evidence], int]:
    """The cases behind a number, as they were then, and how many ``by`` may not see. One statement.

    ``refs``: pairs of case number and journal sequence number, as :class:`Ref` or out of a stored assessment.
    """
    wanted = {Ref(str(number), int(seq)) for number, seq in refs}
    if not wanted:
        return [], 0
    seen = cases_of(by, wide=True).order_by().values("pk")
    rows = JournalEntry.objects.filter(
        incident__number__in={ref.number for ref in wanted}, seq__in={ref.seq for ref in wanted}, incident__in=seen
    ).values_list("incident__number", "seq", "action", "status_to", "at", "incident__category_id", "incident__address")
    found = [
        Evidence(number, seq, action, entry_label(action), status, str(Status(status).label), at, category, address)
        for number, seq, action, status, at, category, address in rows.order_by("incident__number", "seq")
        if Ref(number, seq) in wanted
    ]
    return found, len(wanted) - len(found)


@dataclass(frozen=True, slots=True)
class CaseThen:
    """A case as the journal leaves it at one entry: what came later is not in it."""

    number: str
    seq: int
    at: datetime
    status: str
    entries: Sequence[Mapping[str, Any]]


def case_then(by: Actor, number: str, seq: int) -> CaseThen:
    """The case up to and with the entry ``seq``. NotFound if ``by`` may not see it or there is none. One statement."""
    rows = list(
        JournalEntry.objects.filter(
            Q(incident__in=cases_of(by, wide=True).order_by().values("pk")), incident__number=number, seq__lte=seq
        )
        .order_by("seq")
        .values("seq", "action", "status_from", "status_to", "at", "actor_id", "actor_role", "payload")
    )
    if not rows or rows[-1]["seq"] != seq:
        raise NotFound(_("没有这个案件"))
    last = rows[-1]
    return CaseThen(number, seq, last["at"], last["status_to"], [r | {"label": entry_label(r["action"])} for r in rows])
