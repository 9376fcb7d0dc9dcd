"""The algebra of limits, 10,000 cases a property, with holidays, seasons, night shifts and clock changes."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridgov.common.business_time import (
    Allowance,
    Unit,
    WorkCalendar,
    due_at,
    due_over,
    elapsed,
    elapsed_over,
    explain,
    explain_days,
    extend,
    instant_at_share_left,
    ratio_left,
    remaining,
)
from tests.common.calendars import CHINA, SEASONS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NIGHTS = ((0, 120), (150, 210), (1320, 1440))
CALENDARS = [
    CHINA,
    SEASONS,
    # night shifts, across both changes of the clocks; 2:30 is skipped in March and comes twice in November
    WorkCalendar(ZoneInfo("America/New_York"), (NIGHTS,) * 7, label="nights"),
    # clocks change by half an hour; working round the clock but for an hour
    WorkCalendar(ZoneInfo("Australia/Lord_Howe"), (((0, 110), (170, 1440)),) * 6 + ((),), label="island"),
]
INVERTIBLE = [Unit.URGENT, Unit.NATURAL, Unit.WORK_HOURS, Unit.WORK_DAYS]
CIVIL = [Unit.CIVIL_WORK_DAYS, Unit.CIVIL_DAYS, Unit.CIVIL_MONTHS]
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
TWO_YEARS_US = 2 * 365 * 86_400_000_000

WEEKS_US = 21 * 86_400_000_000


class Draw:
    """Values out of one run of random bytes: a tenth of the time that hypothesis takes to draw each by itself."""

    def __init__(self, data: bytes) -> None:
        self.rest = int.from_bytes(data, "little")

    def number(self, below: int) -> int:
        self.rest, value = divmod(self.rest, below)
        return value

    def one_of(self, values):
        return values[self.number(len(values))]

    def instant(self) -> datetime:
        return FIRST + self.number(TWO_YEARS_US) * MICROSECOND

    def span(self) -> timedelta:
        """Up to three weeks, of any length, of whole minutes, or none."""
        kind = self.number(8)
        length = self.number(WEEKS_US)
        return timedelta() if kind == 0 else (length if kind > 3 else length // 60_000_000 * 60_000_000) * MICROSECOND

    def allowance(self, units, minutes: int = 20_000, count: int = 30) -> Allowance:
        unit = self.one_of(units)
        if unit.is_civil:
            return Allowance(unit, count=self.number(4 if unit is Unit.CIVIL_MONTHS else count))
        return Allowance(unit, minutes=self.number(minutes))


PROPERTIES: list[Callable[[Draw], None]] = []


def holds(check: Callable[[Draw], None]) -> Callable[[Draw], None]:
    """Marks a property; hypothesis' own cost is many times theirs, so that they share its cases."""
    PROPERTIES.append(check)
    return check


RANDOM = st.binary(min_size=32, max_size=32)


def algebra(examples: int = 10_000):
    return settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
    )


def runs(start: datetime, *lengths: timedelta) -> list[tuple[datetime, datetime | None]]:
    """Segments of running and pausing by turns; the last runs on."""
    bounds = [start]
    for length in lengths:
        bounds.append(bounds[-1] + length)
    return [(a, bounds[i + 1] if i + 1 < len(bounds) else None) for i, a in enumerate(bounds) if i % 2 == 0]


@holds
def due_is_the_earliest_instant_at_which_the_allowance_has_passed(draw: Draw) -> None:
    calendar, start, allowance = draw.one_of(CALENDARS), draw.instant(), draw.allowance(INVERTIBLE)
    due = due_at(start, allowance, calendar)
    assert due >= start
    assert elapsed(start, due, allowance.unit, calendar) == allowance.span
    if allowance.minutes:
        assert elapsed(start, due - MICROSECOND, allowance.unit, calendar) == allowance.span - MICROSECOND


@holds
def due_and_elapsed_never_fall_when_start_or_allowance_rise(draw: Draw) -> None:
    calendar, start, allowance = draw.one_of(CALENDARS), draw.instant(), draw.allowance(INVERTIBLE)
    later, more, unit = draw.span(), Allowance(allowance.unit, minutes=draw.number(600)), allowance.unit
    due = due_at(start, allowance, calendar)
    assert due_at(start + later, allowance, calendar) >= due
    assert due_at(start, extend(allowance, more), calendar) >= due
    passed = elapsed(start, start + later, unit, calendar)
    assert timedelta() <= passed <= later
    whole = elapsed(start, start + later + more.span, unit, calendar)
    assert whole == passed + elapsed(start + later, start + later + more.span, unit, calendar)


@holds
def pause_and_resume_at_one_instant_changes_nothing(draw: Draw) -> None:
    calendar, start, allowance = draw.one_of(CALENDARS), draw.instant(), draw.allowance(INVERTIBLE + CIVIL)
    segments = runs(start, draw.span(), timedelta())
    assert due_over(segments, allowance, calendar) == due_at(start, allowance, calendar)


@holds
def pause_outside_working_time_changes_nothing(draw: Draw) -> None:
    calendar, start = draw.one_of(CALENDARS), draw.instant()
    allowance = draw.allowance([Unit.WORK_HOURS, Unit.WORK_DAYS, Unit.CIVIL_WORK_DAYS])
    day = calendar.date_of(start) + timedelta(days=1 + draw.number(30))
    while not calendar.works_on(day):
        day += timedelta(days=1)
    later = day + timedelta(days=1)
    while not calendar.works_on(later):
        later += timedelta(days=1)
    begin, end = calendar.instants_of(day)[-1][1], calendar.instants_of(later)[0][0]
    one, two = sorted((begin + draw.number(end - begin + 1), begin + draw.number(end - begin + 1)))
    segments = [(start, EPOCH + one * MICROSECOND), (EPOCH + two * MICROSECOND, None)]
    assert due_over(segments, allowance, calendar) == due_at(start, allowance, calendar)


@holds
def extension_is_the_sum_on_the_same_segments(draw: Draw) -> None:
    calendar, start, first = draw.one_of(CALENDARS), draw.instant(), draw.allowance(INVERTIBLE)
    unit, more = first.unit, Allowance(first.unit, minutes=draw.number(10_000))
    longer = extend(first, more)
    assert due_at(start, longer, calendar) == due_at(due_at(start, first, calendar), more, calendar)
    segments = runs(start, draw.span(), draw.span())
    due, extended = due_over(segments, first, calendar), due_over(segments, longer, calendar)
    assert due is not None
    assert extended is not None
    assert extended >= due
    # what runs between the two is what was granted
    before = elapsed_over(segments, unit, calendar, due)
    assert elapsed_over(segments, unit, calendar, extended) - before == more.span


@holds
def paused_clock_is_due_when_the_allowance_has_run(draw: Draw) -> None:
    calendar, start, allowance = draw.one_of(CALENDARS), draw.instant(), draw.allowance(INVERTIBLE)
    unit = allowance.unit
    segments = runs(start, draw.span(), draw.span(), draw.span(), draw.span())
    due = due_over(segments, allowance, calendar)
    assert due is not None
    assert elapsed_over(segments, unit, calendar, due) == allowance.span
    assert any(first <= due and (last is None or due <= last) for first, last in segments)
    if allowance.minutes:
        assert elapsed_over(segments, unit, calendar, due - MICROSECOND) < allowance.span
    closed = segments[:2]
    reached = elapsed_over(closed, unit, calendar, due) == allowance.span
    assert due_over(closed, allowance, calendar) == (due if reached else None)


@holds
def share_left_is_what_is_left_at_its_instant(draw: Draw) -> None:
    calendar, start, allowance = draw.one_of(CALENDARS), draw.instant(), draw.allowance(INVERTIBLE)
    allowance = extend(allowance, Allowance(allowance.unit, minutes=1))
    segments, share = runs(start, draw.span(), draw.span()), draw.number(101) / 100
    at = instant_at_share_left(segments, allowance, calendar, share)
    due = due_over(segments, allowance, calendar)
    assert at is not None
    assert due is not None
    assert start <= at <= due
    passed = elapsed_over(segments, allowance.unit, calendar, at)
    assert abs(passed - allowance.span * (1 - share)) <= MICROSECOND
    assert abs(ratio_left(segments, allowance, calendar, at) - share) < 1e-6
    left = remaining(segments, allowance, calendar, at)
    assert timedelta() <= left.span - (allowance.span - passed) < timedelta(minutes=1)


@holds
def civil_due_is_the_end_of_a_working_day_and_rises(draw: Draw) -> None:
    calendar, start, allowance = draw.one_of(CALENDARS), draw.instant(), draw.allowance(CIVIL, count=12)
    allowance = extend(allowance, Allowance(allowance.unit, count=1))
    segments = runs(start, draw.span(), draw.span())
    due = due_over(segments, allowance, calendar)
    assert due is not None
    day = calendar.date_of(due - MICROSECOND)
    assert due == EPOCH + calendar.instants_of(day)[-1][1] * MICROSECOND
    assert day > calendar.date_of(start)
    longer = due_over(segments, extend(allowance, Allowance(allowance.unit, count=draw.number(3))), calendar)
    assert longer is not None
    assert longer >= due >= due_at(start, allowance, calendar)
    assert ratio_left(segments, allowance, calendar, due) == 0


def obey(data: bytes) -> None:
    assert len(PROPERTIES) == 8
    for check in PROPERTIES:
        check(Draw(data))


@algebra(2_500)
@given(RANDOM)
def test_limits_obey_every_property(data: bytes) -> None:
    obey(data)


@pytest.mark.slow
@algebra()
@given(RANDOM)
def test_limits_obey_every_property_at_length(data: bytes) -> None:
    obey(data)


@algebra(1_000)
@given(RANDOM)
def test_days_add_up_to_the_allowance_and_are_said_in_one_sentence(data: bytes) -> None:
    draw = Draw(data)
    calendar, start = draw.one_of(CALENDARS), draw.instant()
    allowance = draw.allowance(INVERTIBLE + CIVIL, minutes=6_000, count=20)
    segments = runs(start, draw.span(), draw.span())
    days = explain_days(segments, allowance, calendar)
    total = sum((day.used for day in days), timedelta())
    if allowance.unit is Unit.CIVIL_MONTHS:
        assert total >= timedelta(days=28 * allowance.count)
    elif allowance.unit.is_civil:
        assert total == timedelta(days=allowance.count)
    else:
        assert total == allowance.span
    assert [day.on for day in days] == [days[0].on + timedelta(days=i) for i in range(len(days))]
    sentence = explain(segments, allowance, calendar)
    assert sentence.count("。") == 1
    assert "前完成" in sentence


@algebra(1_000)
@given(RANDOM)
def test_elapsed_equals_a_count_minute_by_minute_of_wall_time(data: bytes) -> None:
    draw = Draw(data)
    start = draw.instant().replace(second=0, microsecond=0)
    end = start + timedelta(minutes=draw.number(40 * 1440))
    counted = 0
    day = CHINA.date_of(start)
    while day <= CHINA.date_of(end):
        midnight = datetime(day.year, day.month, day.day, tzinfo=CHINA.tz)
        if _works(day):
            for first, last in ((480, 720), (840, 1080)):
                low = max(start, midnight + timedelta(minutes=first))
                high = min(end, midnight + timedelta(minutes=last))
                counted += max(0, (high - low) // timedelta(minutes=1))
        day += timedelta(days=1)
    assert elapsed(start, end, Unit.WORK_HOURS, CHINA) == timedelta(minutes=counted)


def _works(day: date) -> bool:
    special = CHINA.days.get(day)
    return special.works if special else day.weekday() < 5
