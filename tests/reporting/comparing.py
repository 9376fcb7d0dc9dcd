"""Every number of a dashboard and of a month's assessment beside the brute-force count; what differs is told.

Of ``reporting`` nothing is used but its answers and the names of its figures. Which cases a person sees, which areas
and departments stand on a board, and what a row of the assessment is worth are worked out here once more.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q

from dispatch.actors import Actor
from dispatch.models import Ticket
from grids.models import Area
from incidents.models import Incident, JournalEntry, NamedAccess
from personnel.assessment_models import AssessmentMonth
from personnel.models import Department
from reporting.history import Facts
from reporting.indicators import INDICATORS, Figure, Unit
from reporting.selectors import Dashboard
from tests.reporting import brute
from tests.reporting.brute import Life

ZONE = ZoneInfo("Asia/Shanghai")
DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)
SOON = timedelta(hours=4)
STAGES = {
    "accept": ["reported", "checking"], "file": ["accepted"], "dispatch": ["filed"],
    "handle": ["dispatched", "handling", "suspended"], "feed_back": ["handled"], "verify": ["verifying", "verified"],
    "evaluate": ["closed"],
}  # fmt: skip
WHOLE = set(
    "closing_ratio closing_on_time_ratio rework_ratio return_ratio extension_ratio satisfaction_ratio "
    "valid_report_ratio patrol_found_ratio average_handling_hours on_time_accept on_time_check on_time_file "
    "on_time_dispatch on_time_sign on_time_handle on_time_send on_time_verify on_time_close on_time_total open_cases "
    "overdue_cases suspended_cases overdue_unhandled answered force_closed".split()
)
OF_AREAS = set(
    "open_cases overdue_cases reported filed closed closing_ratio closing_on_time_ratio on_time_handle rework_ratio "
    "satisfaction_ratio".split()
)
OF_DEPARTMENTS = set(
    "open_cases overdue_cases dispatched handled on_time_sign on_time_handle overdue_unhandled return_ratio "
    "extension_ratio rework_ratio average_handling_hours satisfaction_ratio".split()
)
TRACED = ("closing_on_time_ratio", "satisfaction_ratio")
ENDED = ("rejected", "declined", "voided", "merged", "closed", "evaluated")
COUNTED = ("reported", "filed", "handled", "closed")


@dataclass
class Tally:
    """``compared`` numbers, of which ``busy`` had anything to count; ``differences`` in words."""

    compared: int = 0
    busy: int = 0
    differences: list[str] = field(default_factory=list)
    by_part: Counter[str] = field(default_factory=Counter)

    def same(self, where: str, shown: Any, expected: Any, *, busy: bool = True) -> None:
        self.compared += 1
        self.busy += bool(busy)
        self.by_part[where.split(" ")[0]] += 1
        if shown != expected:
            self.differences.append(f"{where}: shown {str(shown)[:300]}, counted {str(expected)[:300]}")

    def figure(self, where: str, shown: Figure, said: tuple[list[str], Any], end: datetime, told: "Told") -> None:
        """The value, the cases behind it on both sides, and that each piece of evidence stood by the end."""
        hits, misses = Counter(ref.number for ref in shown.hits), Counter(ref.number for ref in shown.misses)
        if shown.unit is Unit.WORK_HOURS:
            hours = None if shown.value is None else round(shown.value, 6)
            seen, expected = (hits, hours), (Counter(said[0]), None if said[1] is None else round(said[1], 6))
        else:
            total = len(said[0]) + len(said[1])
            ratio = len(said[0]) / total if total else None
            value = len(said[0]) if shown.unit is Unit.CASES else ratio
            seen, expected = (shown.value, hits, misses), (value, Counter(said[0]), Counter(said[1]))
        self.same(where, seen, expected, busy=bool(said[0] or said[1]))
        bad = [ref for ref in (*shown.hits, *shown.misses) if not told.stood(ref, end)]
        if bad:
            self.differences.append(f"{where}: no such entry by then: {bad[:5]}")


class Told:
    """The entries of all journals with their time: whether a piece of evidence is there, and what was open when."""

    def __init__(self) -> None:
        rows = JournalEntry.objects.order_by("incident", "seq").values_list(
            "incident__number", "seq", "at", "action", "status_to"
        )
        self._at: dict[tuple[str, int], datetime] = {}
        self._statuses: dict[str, list[tuple[datetime, str]]] = {}
        for number, seq, at, action, status in rows:
            self._at[number, seq] = at
            if action != "step":
                self._statuses.setdefault(number, []).append((at, status))

    def open_before(self, numbers: Iterable[str], moment: datetime) -> list[str]:
        """The cases whose last entry before the moment left them open."""
        found = []
        for number in numbers:
            statuses = [status for at, status in self._statuses[number] if at < moment]
            if statuses and statuses[-1] not in ENDED:
                found.append(number)
        return found

    def stood(self, ref: tuple[str, int], end: datetime) -> bool:
        at = self._at.get((ref[0], ref[1]))
        return at is not None and at < end


# --- who sees what ------------------------------------------------------------------------------------------------


def seen_by(actor: Actor, area_id: int | None) -> set[str]:
    """Numbers of the cases that the person may see in the area, by where they lie now; by plain rules."""
    secret = set(Incident.objects.filter(is_confidential=True).values_list("pk", flat=True))
    secret -= set(NamedAccess.objects.filter(user=actor.user_id).values_list("incident_id", flat=True))
    held = {area for role, area, _department in actor.postings if area is not None}
    tickets = Ticket.objects.filter(
        Q(department__in=actor.department_ids) | Q(worker=actor.worker_id, worker__isnull=False)
    )
    mine = set(tickets.values_list("incident_id", flat=True))
    found = set()
    columns = ("city_id", "district_id", "street_id", "community_id", "grid_id")
    rows = Incident.objects.values_list("pk", "number", "reported_by_id", "checker_id", "verifier_id", *columns)
    for pk, number, reporter, checker, verifier, *chain in rows:
        own = actor.user_id in (reporter, checker, verifier) or pk in mine
        if pk not in secret and (held & set(chain) if held else own) and (area_id is None or area_id in chain):
            found.add(number)
    return found


def top_area(actor: Actor) -> int | None:
    """The highest of the areas that the person is posted to."""
    held = Area.objects.filter(pk__in=[a for _r, a, _d in actor.postings if a is not None])
    return next(iter(held.order_by("level", "code").values_list("pk", flat=True)), None)


def board_areas(area_id: int | None) -> set[int]:
    """The areas on the board of the area: its nearest level below; a grid itself; the cities of nobody's."""
    if area_id is None:
        return set(Area.objects.filter(parent=None, valid_to=None).values_list("pk", flat=True))
    below = dict(Area.objects.filter(parent=area_id, valid_to=None).values_list("pk", "level"))
    return {pk for pk, level in below.items() if level == min(below.values())} or {area_id}


def departments_below() -> dict[int, set[int]]:
    """Each top department with itself and all below it."""
    parents = dict(Department.objects.values_list("pk", "parent_id"))

    def top(pk: int) -> int:
        return pk if parents[pk] is None else top(parents[pk])

    found: dict[int, set[int]] = {}
    for pk in parents:
        found.setdefault(top(pk), set()).add(pk)
    return found


def lived(life: Life, start: datetime) -> bool:
    """Open at the end, or something of it happened or was due since ``start``; not a history that ended elsewhere."""
    if [told.action for told in life.told] == ["adopted"] and not life.is_open:
        return False
    return (
        life.is_open
        or any(told.at >= start for told in life.told)
        or any(watch.due is not None and watch.due >= start for watch in life.watches)
    )


# --- the dashboard ------------------------------------------------------------------------------------------------


def dashboard(tally: Tally, shown: Dashboard, lives: Iterable[Life], told: Told, who: str) -> None:
    """``lives``: every case, as its journal leaves it just after the instant, of those that the person sees."""
    end = shown.at + MOMENT
    lives = [life for life in lives if lived(life, end - 60 * DAY)]
    midnight = _midnight(shown.at)
    start, back = {
        "today": (midnight, DAY), "week": (end - 7 * DAY, 7 * DAY), "month": (end - 30 * DAY, 30 * DAY),
    }[shown.span]  # fmt: skip
    tally.same(f"whole {who} period", (shown.period.start, shown.period.end), (start, end))
    said, before = brute.figures(lives, start, end), brute.figures(lives, start - back, end - back)
    tally.same(f"whole {who} keys", set(shown.figures), WHOLE)
    for key, figure in shown.figures.items():
        tally.figure(f"whole {who} {key}", figure, said[key], end, told)
    tally.same(f"ratio {who} keys", set(shown.ratios), set(TRACED))
    for key, trend in shown.ratios.items():
        tally.figure(f"ratio {who} {key}/now", trend.now, said[key], end, told)
        tally.figure(f"ratio {who} {key}/before", trend.before, before[key], end, told)
        shares = [len(yes) / (len(yes) + len(no)) if yes or no else None for yes, no in (said[key], before[key])]
        points = None if None in shares else round((shares[0] - shares[1]) * 100, 9)
        tally.same(f"ratio {who} {key}/difference", trend.difference and round(trend.difference, 9), points)
    _funnel(tally, shown, lives, end, told, who)
    _counters(tally, shown, lives, end, told, who)
    _lines(tally, shown, lives, end, told, who)
    _boards(tally, shown, lives, start, told, who)
    _due_soon(tally, shown, lives, end, who)


def all_indicators(tally: Tally, counted: Facts, lives: Collection[Life], told: Told, who: str) -> None:
    """Every indicator there is, also those that no page shows yet."""
    said = brute.figures(lives, counted.period.start, counted.period.end)
    tally.same(f"indicator {who} keys", set(said), set(INDICATORS))
    for key, indicator in INDICATORS.items():
        tally.figure(f"indicator {who} {key}", indicator(counted), said[key], counted.period.end, told)


def _is_late(life: Life, end: datetime) -> bool:
    second = end.replace(microsecond=0)
    return life.is_open and any(w.state == "on" and w.due is not None and w.due < second for w in life.watches)


def _numbers(lives: Iterable[Life]) -> tuple[list[str], list[str]]:
    return [life.number for life in lives], []


def _funnel(tally: Tally, shown: Dashboard, lives: list[Life], end: datetime, told: Told, who: str) -> None:
    tally.same(f"funnel {who} stages", [row.stage.value for row in shown.funnel], list(STAGES))
    for row in shown.funnel:
        there = [life for life in lives if life.status in STAGES[row.stage.value]]
        late = [life for life in there if _is_late(life, end)]
        near = [
            life for life in there
            if life.is_open and life not in late
            and any(w.state == "on" and w.due and w.due <= end + SOON for w in life.watches)
        ]  # fmt: skip
        for name, figure, said in (
            ("standing", row.standing, there), ("overdue", row.overdue, late), ("due_soon", row.due_soon, near),
        ):  # fmt: skip
            tally.figure(f"funnel {who} {row.stage.value}/{name}", figure, _numbers(said), end, told)


def _counters(tally: Tally, shown: Dashboard, lives: list[Life], end: datetime, told: Told, who: str) -> None:
    midnight = _midnight(shown.at)
    stretches = {
        "today": [(midnight, end), (midnight - DAY, end - DAY)],
        "week": [(end - 7 * DAY, end), (end - 14 * DAY, end - 7 * DAY)],
        "month": [(end - 30 * DAY, end), (end - 60 * DAY, end - 30 * DAY)],
    }
    tally.same(f"counter {who} keys", set(shown.counters), set(COUNTED))
    for name, (now, before) in stretches.items():
        said, earlier = brute.figures(lives, *now), brute.figures(lives, *before)
        for key in COUNTED:
            trend = shown.counters[key][name]
            tally.figure(f"counter {who} {key}/{name}", trend.now, said[key], end, told)
            tally.figure(f"counter {who} {key}/{name}/before", trend.before, earlier[key], end, told)
            was, gone = len(earlier[key][0]), len(said[key][0]) - len(earlier[key][0])
            tally.same(f"counter {who} {key}/{name}/trend", (trend.difference, trend.change),
                       (gone, gone / was if was >= 10 else None))  # fmt: skip


def _midnight(at: datetime) -> datetime:
    local = at.astimezone(ZONE)
    return datetime(local.year, local.month, local.day, tzinfo=ZONE)


def _lines(tally: Tally, shown: Dashboard, lives: list[Life], end: datetime, told: Told, who: str) -> None:
    """The days behind the counters, what was open day by day, and the chart."""
    midnight, numbers = _midnight(shown.at), [life.number for life in lives]
    tally.same(f"daily {who} keys", set(shown.sparks), {*COUNTED, *TRACED, "open_cases"})
    tally.same(f"daily {who} days", {len(line) for line in shown.sparks.values()}, {14})
    for place in range(14):
        start = midnight - (13 - place) * DAY
        until = min(start + DAY, end)
        said = brute.figures(lives, start, until)
        said["open_cases"] = (told.open_before(numbers, until), [])
        for key, line in shown.sparks.items():
            tally.figure(f"daily {who} {key}/{place - 13}", line[place], said[key], end, told)
    tally.figure(f"standing {who} now", shown.standing.now, (told.open_before(numbers, end), []), end, told)
    yesterday = (told.open_before(numbers, end - DAY), [])
    tally.figure(f"standing {who} before", shown.standing.before, yesterday, end - DAY, told)
    if shown.span == "today":
        steps = [(midnight + n * DAY / 24, midnight + (n + 1) * DAY / 24) for n in range(24)]
    else:
        count = {"week": 7, "month": 30}[shown.span]
        steps = [(midnight - n * DAY, min(midnight - (n - 1) * DAY, end)) for n in range(count - 1, -1, -1)]
    back = {"today": DAY, "week": 7 * DAY, "month": 30 * DAY}[shown.span]
    tally.same(f"flow {who} steps", [(row.period.start, row.period.end) for row in shown.flow], steps)
    for row, (start, until) in zip(shown.flow, steps, strict=True):
        said = brute.figures(lives, start, until)
        for key, figure in (("reported", row.reported), ("closed", row.closed)):
            tally.figure(f"flow {who} {start:%d-%H}/{key}", figure, said[key], end, told)
        earlier = brute.figures(lives, start - back, until - back)["reported"]
        tally.figure(f"flow {who} {start:%d-%H}/before", row.before, earlier, end, told)


def _boards(tally: Tally, shown: Dashboard, lives: list[Life], start: datetime, told: Told, who: str) -> None:
    end = shown.at + MOMENT
    ids = board_areas(shown.area_id)
    tally.same(f"areas {who} rows", sorted(row.id for row in shown.areas), sorted(ids))
    for row in shown.areas:
        said = brute.figures(brute.in_area(lives, row.id), start, end)
        tally.same(f"areas {who} {row.id} keys", set(row.figures), OF_AREAS)
        for key, figure in row.figures.items():
            tally.figure(f"areas {who} {row.id} {key}", figure, said[key], end, told)
    tally.same(f"map {who} areas", sorted(value.area_id for value in shown.map), sorted(ids))
    for value in shown.map:
        inside = [life for life in brute.in_area(lives, value.area_id) if life.is_open]
        late = [life for life in inside if _is_late(life, end)]
        tally.figure(f"map {who} {value.area_id}/standing", value.standing, _numbers(inside), end, told)
        tally.figure(f"map {who} {value.area_id}/overdue", value.overdue, _numbers(late), end, told)
    own = {top: brute.of_departments(lives, below) for top, below in departments_below().items()}
    busy = {top: found for top, found in own.items() if found}
    tally.same(f"departments {who} rows", sorted(row.id for row in shown.departments), sorted(busy))
    for row in shown.departments:
        said = brute.figures(busy.get(row.id, []), start, end)
        tally.same(f"departments {who} {row.id} keys", set(row.figures), OF_DEPARTMENTS)
        for key, figure in row.figures.items():
            tally.figure(f"departments {who} {row.id} {key}", figure, said[key], end, told)


def _due_soon(tally: Tally, shown: Dashboard, lives: list[Life], end: datetime, who: str) -> None:
    expected = []
    for life in lives:
        running = [w for w in life.watches if w.state == "on" and w.due is not None] if life.is_open else []
        running = [w for w in running if w.kind != "total"] or running
        first = min(((w.due, w.kind) for w in running), default=None)
        if first is not None and first[0] <= end + SOON:
            expected.append((first[0], life.number, first[1], first[0] < end.replace(microsecond=0)))
    rows = [(row.due_at, row.number, row.kind, row.is_overdue) for row in shown.due_soon]
    tally.same(f"due_soon {who} list", rows, sorted(expected), busy=bool(expected))


# --- the assessment -----------------------------------------------------------------------------------------------


def month_row(items: Iterable[Mapping[str, str]], said: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    """Score in hundredths, and of each item its cases, weight and points in hundredths, out of the counted figures."""
    items = list(items)
    counted = [item for item in items if said[item["key"]][0] or said[item["key"]][1]]
    weights = sum(Fraction(item["weight"]) for item in counted)
    lines, total = [], Fraction(0)
    for item in items:
        good, bad = said[item["key"]]
        line: list[Any] = [item["key"], sorted(good), sorted(bad), 0, None]
        if good or bad:
            low, high = Fraction(item.get("zero_at", "0")), Fraction(item.get("full_at", "1"))
            part = (Fraction(len(good), len(good) + len(bad)) - low) / (high - low)
            weight = Fraction(item["weight"]) * 100 / weights
            points = weight * max(Fraction(0), min(Fraction(1), part))
            total += points
            line[3:] = [_hundredths(weight), _hundredths(points)]
        lines.append(line)
    return (_hundredths(total) if counted else None), lines


def _hundredths(value: Fraction) -> int:
    return int(value * 100 + Fraction(1, 2))


def assessment(tally: Tally, month: AssessmentMonth, told: Told) -> int:
    """Every stored row of the month; how many have a score."""
    start = datetime(month.on.year, month.on.month, 1, tzinfo=ZONE)
    end = datetime(month.on.year + month.on.month // 12, month.on.month % 12 + 1, 1, tzinfo=ZONE)
    lives = brute.lives(end, exempt_before=month.known_at)
    rows = {row.grid_id: row for row in month.rows.all()}
    tally.same(f"assessment {month.on} grids", sorted(rows), sorted(month.grid_ids))
    scored = 0
    for grid_id, row in rows.items():
        said = brute.figures(brute.in_area(lives, grid_id), start, end)
        score, lines = month_row(month.scheme.items, said)
        stored = [
            [line["key"], sorted(n for n, _s in line["hits"]), sorted(n for n, _s in line["misses"]),
             line["weight"], line["points"]]
            for line in row.lines
        ]  # fmt: skip
        tally.same(f"assessment {month.on} {grid_id} score", row.score, score, busy=score is not None)
        for mine, theirs in zip(lines, stored, strict=True):
            tally.same(f"assessment {month.on} {grid_id} {mine[0]}", theirs, mine, busy=mine[4] is not None)
        bad = [ref for line in row.lines for ref in line["hits"] + line["misses"] if not told.stood(tuple(ref), end)]
        if bad:
            tally.differences.append(f"assessment {month.on} {grid_id}: no such entry by then: {bad[:5]}")
        scored += score is not None
    return scored
