"""Reads for the dashboard and for the evidence behind a number. Nothing here writes.

All of it is limited to the cases that the person may see (``dispatch.visibility``): two people with different areas see
different figures. Times are of the deployment's zone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.selectors import entry_label
from dispatch.visibility import cases_of, scope_of
from gridgov.common import clock
from gridgov.common.errors import NotFound
from grids.models import LEVEL_NAMES, Level
from grids.spatial import areas
from incidents.models import Incident, JournalEntry
from incidents.workflow import Stage, Status
from personnel.selectors import department_tree
from reporting import boards, candidates, facts
from reporting.figures import Figure, Number, Unit
from reporting.history import Facts, Period, Ref
from reporting.indicators import INDICATORS, open_cases

SPAN = timedelta(days=30)
SOON = timedelta(hours=4)
SPARK_DAYS = 14
#: The stretches that may be chosen for figures, boards and the chart; also those of the counters.
SPANS = ("today", "week", "month")


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything that the dashboard shows of one area, or of all that the person sees, at one instant.

    ``board_level``: the level of the areas on the board and the map, the first below the area that has several.
    ``figures``: by key, over ``period``, which is the span that was chosen (of SPANS). ``standing``: the open cases
    now and one day ago. ``sparks``: by key, day by day, the last unfinished. ``due_count`` and ``due_over``: how many
    are due soon, and past due of these; ``due_soon`` may hold the first of them alone. What is computed at once carries
    its evidence (:class:`Figure`), what was stored only counts (``reporting.pictures``).
    """

    at: datetime
    area_id: int | None
    board_level: int
    span: str
    period: Period
    figures: Mapping[str, Number]
    funnel: Sequence[boards.StageRow]
    counters: Mapping[str, Mapping[str, boards.Trend]]
    standing: boards.Trend
    ratios: Mapping[str, boards.RatioTrend]
    sparks: Mapping[str, Sequence[Number]]
    flow: Sequence[boards.Flow]
    areas: Sequence[boards.BoardRow]
    departments: Sequence[boards.BoardRow]
    map: Sequence[boards.MapValue]
    due_soon: Sequence[boards.DueSoon]
    due_count: int
    due_over: int


def dashboard(
    by: Actor,
    *,
    at: datetime | None = None,
    area_id: int | None = None,
    span: str = "month",
    most: int | None = None,
) -> Dashboard:
    """The dashboard of the area, by default of the highest one that ``by`` holds. One to five statements.

    NotFound for an area in which he may not see cases, or a span that there is not. ``facts.TooMany`` where it would
    take more than ``most`` cases.
    """
    at = at or clock.now()
    area_id = scope_of(by, area_id)
    _stretches(at, span)
    return _arranged(facts.load(_whole(at), cases=_seen(by, area_id), most=most), at, area_id, (span,))[span]


def pieces(
    by: Actor, *, at: datetime, area_id: int | None, after: int = 0
) -> Iterator[tuple[int, dict[str, Dashboard]]]:
    """The dashboards of all spans out of one reading, piece by piece, each with the id of its last case.

    Together they are the whole (``pictures.together``); there is one piece at least. ``after``: the cases up to this
    one are left out.
    """
    chunks, mark = facts.chunks(_whole(at), cases=_seen(by, area_id), after=after), None
    while True:
        with facts.uncollected():
            mark, read = (
                next(chunks, (None, None)) if mark is not None else next(chunks, (after, Facts(_whole(at), ())))
            )
            if mark is None or read is None:
                return
            found = _arranged(read, at, area_id, SPANS)
            del read
        yield mark, found


def in_order(shown: Dashboard) -> Dashboard:
    """The departments in the order of their codes, however the pieces were put together."""
    places = {department_id: place for place, department_id in enumerate(_departments(shown.area_id))}
    return replace(shown, departments=sorted(shown.departments, key=lambda row: places.get(row.id, len(places))))


def _arranged(read: Facts, at: datetime, area_id: int | None, spans: Iterable[str]) -> dict[str, Dashboard]:
    """What each of the spans shows of the cases."""
    end, stretches = _after(at), _stretches(at)
    level, ids = _shown_areas(area_id)
    days, departments = _days(at, SPARK_DAYS), _departments(area_id)
    *ends, a_day_ago, now = boards.open_at(read, [*(day.end for day in days[:-1]), end - _DAY, end])
    due = boards.due_soon(read, within=SOON)
    # what stands at the end, and what is counted for each stretch or day, is the same whichever span is chosen
    common: dict[str, Any] = {
        "at": at,
        "area_id": area_id,
        "board_level": level,
        "funnel": boards.stage_funnel(read, soon=SOON),
        "counters": boards.counters(read, stretches),
        "standing": boards.Trend(open_cases(read), a_day_ago),
        "sparks": {**boards.daily(read, days), **boards.daily_ratios(read, days), "open_cases": [*ends, now]},
        "map": boards.map_values(read, level=level, area_ids=ids),
        "due_soon": due,
        "due_count": len(due),
        "due_over": sum(row.is_overdue for row in due),
    }
    found = {}
    for span in spans:
        period, before = stretches[span]
        chosen = read.during(period)
        found[span] = Dashboard(
            **common,
            span=span,
            period=period,
            figures=boards.whole(chosen),
            ratios=boards.ratio_trends(read, period, before),
            flow=boards.flow(read, _buckets(at, span), back=_BACK[span]),
            areas=boards.area_board(chosen, level=level, area_ids=ids),
            departments=boards.department_board(chosen, departments),
        )
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """Which number of the dashboard is looked behind: ``key``, as of ``at``.

    ``department_id``: of a row of the department board; ``stretch``: today, week or month, of a counter; ``between``:
    an hour or a day of the chart; ``stage``: of the funnel, then ``key`` is standing, overdue or due_soon; ``due_soon``
    without a stage is the list.
    """

    key: str
    at: datetime
    area_id: int | None = None
    department_id: int | None = None
    stage: str = ""
    stretch: str = ""
    span: str = "month"
    between: Period | None = None

    @property
    def period(self) -> Period:
        """What it is counted of. NotFound for what there is not."""
        period = _stretches(self.at, self.span)[self.span][0]
        if self.stage:
            if self.key in PARTS and self.stage in set(Stage):
                return period
            raise NotFound(_("没有这个指标"))
        if self.key != "due_soon" and self.key not in INDICATORS:
            raise NotFound(_("没有这个指标"))
        if self.key == "due_soon" or not (self.stretch or self.between):
            return period
        found, whole = self.between or _stretches(self.at).get(self.stretch, (None,))[0], _whole(self.at)
        if found is None or self.key not in boards.COUNTED or not whole.start <= found.start <= found.end:
            raise NotFound(_("没有这个时段"))
        return Period(found.start, min(found.end, whole.end))

    @property
    def touching(self) -> Q:
        """The cases that can count for it."""
        whole = _whole(self.at)
        if self.stage:
            found = candidates.of_stage(self.stage, self.key, whole, soon=SOON)
            if self.stage == Stage.EVALUATE:
                found &= facts.alive(whole)
        else:
            found = candidates.of_figure(self.key, self.period, soon=SOON)
        if self.department_id is not None:
            found &= candidates.of_departments(self._departments)
        return found

    def figure(self, read: Facts) -> Figure:
        """The number out of the cases that were read, with those that it counts."""
        if self.department_id is not None:
            read = read.of_departments(self._departments)
        read = read.during(self.period)
        if self.stage:
            [row] = [row for row in boards.stage_funnel(read, soon=SOON) if row.stage == self.stage]
            return getattr(row, self.key)
        if self.key == "due_soon":
            return Figure(Unit.CASES, tuple(due.ref for due in boards.due_soon(read, within=SOON)))
        return INDICATORS[self.key](read)

    @property
    def _departments(self) -> frozenset[int]:
        return department_tree().below(self.department_id) if self.department_id is not None else frozenset()


#: What is told of a stage of the funnel.
PARTS = ("standing", "overdue", "due_soon")


def drill(
    by: Actor, key: str, *, at: datetime | None = None, most: int | None = None, area_id: int | None = None, **more: Any
) -> Figure:
    """The figure ``key`` behind a number of the dashboard, with the cases it counts; ``more`` as in :class:`Asked`.

    NotFound for what there is not. ``facts.TooMany`` where more than ``most`` cases would have to be read for it.
    """
    asked = Asked(key, at or clock.now(), scope_of(by, area_id), **more)
    return asked.figure(facts.load(_whole(asked.at), cases=_drilled(by, asked), touching=asked.touching, most=most))


def drill_pieces(by: Actor, asked: Asked, *, after: int = 0, size: int) -> Iterator[tuple[int, Figure]]:
    """The figure piece by piece, of so many cases that may count for it each, with the id of the last of them."""
    for mark, read in facts.chunks(
        _whole(asked.at), cases=_drilled(by, asked), touching=asked.touching, after=after, size=size
    ):
        yield mark, asked.figure(read)


def drilled(by: Actor, asked: Asked) -> int:
    """How many cases may count for it: at least as many as do. One statement."""
    return facts.lived_in(_drilled(by, asked), _whole(asked.at), asked.touching).order_by().count()


def _drilled(by: Actor, asked: Asked) -> QuerySet[Incident]:
    return _seen(by, scope_of(by, asked.area_id))


def _stretches(at: datetime, span: str = "month") -> dict[str, tuple[Period, Period]]:
    """The spans with those they are compared with. NotFound where ``span`` is none of them."""
    found = boards.windows(_after(at), _midnight(at))
    if span not in found:
        raise NotFound(_("没有这个时段"))
    return found


_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
#: The reported cases of the chart are compared with those so long before.
_BACK = {"today": _DAY, "week": 7 * _DAY, "month": SPAN}


def _days(at: datetime, count: int) -> list[Period]:
    """The last days, the last of them up to now."""
    midnight = _midnight(at)
    days = ((midnight - n * _DAY, midnight - (n - 1) * _DAY) for n in reversed(range(count)))
    return [Period(start, min(_after(at), end)) for start, end in days]


def _buckets(at: datetime, span: str) -> list[Period]:
    """The hours of the whole day for today, else the days of the span."""
    if span == "today":
        midnight = _midnight(at)
        return [Period(midnight + n * _HOUR, midnight + (n + 1) * _HOUR) for n in range(24)]
    return _days(at, 7 if span == "week" else 30)


def _seen(by: Actor, area_id: int | None) -> QuerySet[Incident]:
    """The cases of the area that ``by`` may see."""
    seen = cases_of(by)
    record = areas.find(area_id)
    return seen if record is None else seen.filter(**{f"{LEVEL_NAMES[record.level]}_id": record.id})


def _whole(at: datetime) -> Period:
    """Twice SPAN up to now, for the comparisons."""
    end = _after(at)
    return Period(end - 2 * SPAN, end)


def _after(at: datetime) -> datetime:
    """Just after ``at``: what happened at this very instant has happened."""
    return at + timedelta(microseconds=1)


def _midnight(at: datetime) -> datetime:
    return clock.local(at).replace(hour=0, minute=0, second=0, microsecond=0)


def _shown_areas(area_id: int | None) -> tuple[int, list[int]]:
    """The first level below the area on which there are several, with its areas; of a grid itself."""
    index = areas.index()
    if area_id is None:
        return int(Level.CITY), [root.id for root in index.roots]
    children = index.children(area_id)
    if not children:
        return areas.get(area_id).level, [area_id]
    while len(children) == 1 and (below := index.children(children[0].id)):
        children = below
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
