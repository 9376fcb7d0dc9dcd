"""How the dashboard arranges the figures (pure): by stage, by day, by department and by area.

Every number that is made here is a :class:`~reporting.indicators.Figure`, and so names the cases behind it.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from incidents.workflow import ENDED, OPEN, STAGE_OF, TRANSITIONS, Stage, Status
from reporting import indicators
from reporting.figures import Figure, Number, Unit
from reporting.history import CaseFact, Facts, Period, Ref
from reporting.indicators import INDICATORS

#: The figures of each row of a board, by key.
AREA_COLUMNS = (
    "open_cases", "overdue_cases", "reported", "filed", "closed", "closing_ratio", "closing_on_time_ratio",
    "on_time_handle", "rework_ratio", "satisfaction_ratio",
)  # fmt: skip
DEPARTMENT_COLUMNS = (
    "open_cases", "overdue_cases", "dispatched", "handled", "on_time_sign", "on_time_handle", "overdue_unhandled",
    "return_ratio", "extension_ratio", "rework_ratio", "average_handling_hours", "satisfaction_ratio",
)  # fmt: skip
#: The ratios that the dashboard shows of the whole.
RATIOS = (
    "closing_ratio", "closing_on_time_ratio", "rework_ratio", "return_ratio", "extension_ratio", "satisfaction_ratio",
    "valid_report_ratio", "patrol_found_ratio", "average_handling_hours",
)  # fmt: skip
#: What was done in time, in the order of the loop.
ON_TIME = (
    "on_time_accept", "on_time_check", "on_time_file", "on_time_dispatch", "on_time_sign", "on_time_handle",
    "on_time_send", "on_time_verify", "on_time_close", "on_time_total",
)  # fmt: skip
#: What is counted for today, seven and thirty days.
COUNTED = ("reported", "filed", "handled", "closed")
STANDING = ("open_cases", "overdue_cases", "suspended_cases")

#: What is explained on hover and is no indicator of its own.
DEFINITIONS: Mapping[str, Any] = {
    "stage_open": _("此刻停在该环节的在办案件数；评价环节为已结案、尚未评价的案件。单位：件。"),
    "stage_overdue": _("其中至少一项计时已过时限的案件数。单位：件。"),
    "stage_due_soon": _("其中尚未超期、最早的时限将在所选时间内到期的案件数。单位：件。"),
    "trend": _("与紧接在前、同样长的一段时间相比；今日与昨日同一时刻相比。"),
    "due_soon": _("在办案件中正在计时的环节，按到期先后；已过时限的在前。没有环节计时的案件以全程时限计。"),
    "flow": _("各时段内上报和结案的案件数，口径同上报数、结案数；虚线为上一个同样长的时段的上报数。单位：件。"),
    "daily_ratio": _("折线为近 14 天逐日的比例；时限类按当天到期、按现在所知的结果计。"),
    "overdue_share": _("横条为在办案件中已超期的比例。"),
    "map": _("按案件位置所在区域，此刻在办和已超期的案件数；未定位的案件不上图。单位：件。"),
}


def definition(key: str) -> str:
    """The definition of a figure or of an arrangement, for the user; empty for an unknown key."""
    found = INDICATORS.get(key)
    return str(found.definition if found else DEFINITIONS.get(key, ""))


# --- stages -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StageRow:
    """What stands in one of the seven stages: all, of these past due, and of these due soon."""

    stage: Stage
    standing: Number
    overdue: Number
    due_soon: Number


def stage_funnel(facts: Facts, *, soon: timedelta) -> list[StageRow]:
    """The cases in each stage at the end of the period, in the order of the loop. Unit: cases.

    Evaluation has the closed cases nobody has evaluated yet, of those that lived in the period.
    """
    by_stage: dict[Stage, list[CaseFact]] = {stage: [] for stage in Stage}
    for case in facts.cases:
        if case.is_open or case.status == Status.CLOSED:
            by_stage[STAGE_OF[Status(case.status)]].append(case)
    end = facts.period.end
    rows = []
    for stage, cases in by_stage.items():
        overdue = [case for case in cases if case.is_overdue(end)]
        late = {case.id for case in overdue}
        near = [case for case in cases if case.id not in late and _is_due_by(case, end + soon)]
        rows.append(StageRow(stage, _figure(cases), _figure(overdue), _figure(near)))
    return rows


def _is_due_by(case: CaseFact, by: datetime) -> bool:
    return case.is_open and any(
        clock.state == "running" and clock.due_at is not None and clock.due_at <= by for clock in case.clocks
    )


def _figure(cases: Iterable[CaseFact]) -> Figure:
    return Figure(Unit.CASES, tuple(case.ref for case in cases))


# --- counters -----------------------------------------------------------------------------------------------------


#: A share of less is noise: 40 in place of 2 are 38 more, not 1900 %.
LEAST_BASE = 10


@dataclass(frozen=True, slots=True)
class Trend:
    """A count of a stretch of time and of the stretch before it."""

    now: Number
    before: Number

    @property
    def difference(self) -> int:
        return self.now.count - self.before.count

    @property
    def change(self) -> float | None:
        """The difference as a share of before; None where there was too little before for a share to say anything."""
        return self.difference / self.before.count if self.before.count >= LEAST_BASE else None


def windows(now: datetime, midnight: datetime) -> dict[str, tuple[Period, Period]]:
    """The stretches that are counted and those they are compared with. ``midnight``: the start of the local day.

    Today up to now is compared with yesterday up to the same time of day.
    """
    day = timedelta(days=1)
    found = {"today": (Period(midnight, now), Period(midnight - day, now - day))}
    for name, length in (("week", 7 * day), ("month", 30 * day)):
        found[name] = (Period(now - length, now), Period(now - 2 * length, now - length))
    return found


def counters(facts: Facts, stretches: Mapping[str, tuple[Period, Period]]) -> dict[str, dict[str, Trend]]:
    """Each of COUNTED for each stretch. ``facts`` reach back to the start of the earliest. Unit: cases."""
    return {
        key: {
            name: Trend(INDICATORS[key](facts.during(now)), INDICATORS[key](facts.during(before)))
            for name, (now, before) in stretches.items()
        }
        for key in COUNTED
    }


def daily(facts: Facts, days: Iterable[Period]) -> dict[str, list[Figure]]:
    """Each of COUNTED day by day, for the line behind a counter. Unit: cases."""
    stretches = list(days)
    return {key: [INDICATORS[key](facts.during(day)) for day in stretches] for key in COUNTED}


#: The ratios with a line behind them.
TRACED = ("closing_on_time_ratio", "satisfaction_ratio")


def daily_ratios(facts: Facts, days: Iterable[Period]) -> dict[str, list[Figure]]:
    """Each of TRACED day by day: of what was due or said on the day, as it is known at the end of ``facts``."""
    stretches = list(days)
    return {key: [INDICATORS[key](facts.during(day)) for day in stretches] for key in TRACED}


_ENDING = frozenset(t.action.value for t in TRANSITIONS if t.target in ENDED and t.sources <= OPEN)
_REVIVING = frozenset(
    t.action.value for t in TRANSITIONS if t.sources <= ENDED and (t.target is None or t.target in OPEN)
)


def open_at(facts: Facts, instants: Iterable[datetime]) -> list[Figure]:
    """The cases that were open just before each instant, by the last entry before it. Unit: cases.

    The instants lie within the period for which ``facts`` were read: a case that ended before it is not among them.
    """
    moments = list(instants)
    order = sorted(range(len(moments)), key=moments.__getitem__)
    times = [moments[position] for position in order]
    found: list[list[Ref]] = [[] for _moment in moments]
    for case in facts.cases:
        is_open, until = case.is_open, times[-1]
        for entry in reversed(case.entries):
            if is_open:  # from this entry to the one after it
                for position in order[bisect_right(times, entry.at) : bisect_right(times, until)]:
                    found[position].append(Ref(case.number, entry.seq))
            until = entry.at
            if until < times[0]:
                break
            if entry.action in _ENDING:
                is_open = True
            elif entry.action in _REVIVING:
                is_open = False
    return [Figure(Unit.CASES, tuple(refs)) for refs in found]


@dataclass(frozen=True, slots=True)
class Flow:
    """What came and what was closed in one hour or day; ``before``: what came in the one it is compared with."""

    period: Period
    reported: Number
    closed: Number
    before: Number


def flow(facts: Facts, buckets: Iterable[Period], *, back: timedelta) -> list[Flow]:
    """The cases reported and closed in each bucket, and those reported ``back`` earlier. Unit: cases."""
    rows = []
    for bucket in buckets:
        earlier = Period(bucket.start - back, bucket.end - back)
        during = facts.during(bucket)
        rows.append(
            Flow(
                bucket,
                indicators.reported(during),
                indicators.closed(during),
                indicators.reported(facts.during(earlier)),
            )
        )
    return rows


@dataclass(frozen=True, slots=True)
class RatioTrend:
    """A ratio of a stretch of time and of the stretch before it."""

    now: Number
    before: Number

    @property
    def difference(self) -> float | None:
        """In points of a hundred; None where one of them has nothing to divide by."""
        now, before = self.now.exact, self.before.exact
        return None if now is None or before is None else float((now - before) * 100)


def ratio_trends(facts: Facts, now: Period, before: Period) -> dict[str, RatioTrend]:
    """Each of TRACED for the stretch and the one before it, the latter as it is known at the end of ``facts``."""
    return {
        key: RatioTrend(INDICATORS[key](facts.during(now)), INDICATORS[key](facts.during(before))) for key in TRACED
    }


# --- boards -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One area or department with its figures by key."""

    id: int
    figures: Mapping[str, Number]


def area_board(facts: Facts, *, level: int, area_ids: Iterable[int]) -> list[BoardRow]:
    """The figures of each area of the level, in the given order, empty ones too."""
    split = facts.by_area(level)
    return [
        BoardRow(area_id, _figures(split.get(area_id, Facts(facts.period, ())), AREA_COLUMNS)) for area_id in area_ids
    ]


def department_board(facts: Facts, departments: Mapping[int, Collection[int]]) -> list[BoardRow]:
    """The figures of each department with those below it, in the given order; the idle ones are left out.

    ``departments``: id → ids of itself and everything below it.
    """
    rows = []
    busy = {ticket.department_id for case in facts.cases for ticket in case.tickets}
    for department_id, below in departments.items():
        if busy.isdisjoint(below):
            continue
        own = facts.of_departments(below)
        if own.cases:
            rows.append(BoardRow(department_id, _figures(own, DEPARTMENT_COLUMNS)))
    return rows


def _figures(facts: Facts, keys: Iterable[str]) -> dict[str, Figure]:
    return {key: INDICATORS[key](facts) for key in keys}


def whole(facts: Facts) -> dict[str, Figure]:
    """The ratios, what was in time, and what stands at the end."""
    return _figures(facts, (*RATIOS, *ON_TIME, *STANDING, "overdue_unhandled", "answered", "force_closed"))


# --- map and list -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MapValue:
    """What an area's colour says."""

    area_id: int
    standing: Number
    overdue: Number


def map_values(facts: Facts, *, level: int, area_ids: Iterable[int]) -> list[MapValue]:
    """Open and overdue cases by area at the end of the period, empty areas too. Unit: cases."""
    split = facts.by_area(level)
    found = []
    for area_id in area_ids:
        inside = split.get(area_id, Facts(facts.period, ()))
        found.append(MapValue(area_id, indicators.open_cases(inside), indicators.overdue_cases(inside)))
    return found


@dataclass(frozen=True, slots=True)
class DueSoon:
    """A clock that is due soon, or past due."""

    number: str
    kind: str
    due_at: datetime
    is_overdue: bool
    ref: Ref


def due_soon(facts: Facts, *, within: timedelta) -> list[DueSoon]:
    """Of each open case the stage clock that is due first, if that is by then, the earliest first.

    A case without a running stage clock is judged by its total clock.
    """
    found = []
    end = facts.period.end
    for case in facts.cases:
        running = [c for c in case.clocks if c.state == "running" and c.due_at is not None] if case.is_open else []
        running = [c for c in running if c.kind != "total"] or running
        first = min(running, key=lambda clock: (clock.due_at, clock.kind), default=None)
        if first is not None and first.due_at is not None and first.due_at <= end + within:
            found.append(DueSoon(case.number, first.kind, first.due_at, first.is_past_due(end), first.ref))
    return sorted(found, key=lambda due: (due.due_at, due.number))
