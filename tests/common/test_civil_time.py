"""Worked examples of the limits counted by the civil day (民法典 art. 200 to 204; rules in ``civil``).

2026: 02-14 and 02-28 (Sat), 09-20 (Sun) and 10-10 (Sat) work; 02-15 to 02-23, 06-19 to 06-21, 09-25 to 09-27 and
10-01 to 10-07 rest. 2026-06-01 is a Monday. Business ends at 18:00.
"""

from datetime import date, timedelta

import pytest

from gridgov.common.business_time import (
    Allowance,
    OutsideCalendar,
    Season,
    Unit,
    WorkCalendar,
    after,
    due_at,
    due_over,
    elapsed,
    elapsed_over,
    instant_at_share_left,
    ratio_left,
    remaining,
)
from gridgov.common.business_time.civil import add_months
from tests.common.calendars import CHINA, SHANGHAI, WEEK, local

WORK, DAYS, MONTHS = Unit.CIVIL_WORK_DAYS, Unit.CIVIL_DAYS, Unit.CIVIL_MONTHS

# unit, start, count, pauses, last day, why
EXAMPLES = [
    (WORK, "2026-06-01 09:00", 3, [], "2026-06-04", "the day of start is not counted"),
    (WORK, "2026-06-01 23:30", 3, [], "2026-06-04", "whatever its hour"),
    (WORK, "2026-06-01 00:00", 3, [], "2026-06-04", "midnight begins the day"),
    (WORK, "2026-06-05 10:00", 1, [], "2026-06-08", "Friday to Monday"),
    (WORK, "2026-06-06 10:00", 1, [], "2026-06-08", "Saturday to Monday"),
    (WORK, "2026-09-30 17:00", 3, [], "2026-10-10", "over National Day to the make-up Saturday"),
    (WORK, "2026-09-24 10:00", 5, [], "2026-10-09", "Mid-autumn and National Day: 28, 29, 30, 8, 9"),
    (WORK, "2026-02-13 10:00", 2, [], "2026-02-24", "make-up Saturday, Spring Festival, Tuesday"),
    (WORK, "2026-09-17 10:00", 3, [], "2026-09-21", "Friday, the make-up Sunday, Monday"),
    (WORK, "2026-12-30 10:00", 2, [], "2027-01-04", "over New Year, a holiday by law, and a weekend"),
    (WORK, "2026-06-01 09:00", 3, [("06-02 10:00", "06-02 11:00")], "2026-06-05", "partly paused: not counted"),
    (WORK, "2026-06-01 09:00", 3, [("06-02 10:00", "06-02 10:00")], "2026-06-04", "a pause of no length is none"),
    (WORK, "2026-06-01 09:00", 3, [("06-01 10:00", "06-01 16:00")], "2026-06-04", "a pause on the day of start"),
    (WORK, "2026-06-01 09:00", 3, [("06-02 12:00", "06-02 14:00")], "2026-06-04", "a pause at noon"),
    (WORK, "2026-06-01 09:00", 3, [("06-02 18:00", "06-03 08:00")], "2026-06-04", "a pause at night"),
    (WORK, "2026-06-01 09:00", 3, [("06-03 15:00", "06-05 09:00")], "2026-06-09", "takes three days: 2, 8, 9"),
    (WORK, "2026-06-04 09:00", 2, [("06-05 18:00", "06-08 08:00")], "2026-06-08", "a pause over the weekend"),
    (WORK, "2026-06-01 09:00", 3, [("06-04 17:00", "06-04 17:30")], "2026-06-05", "on the last day itself"),
    (WORK, "2026-06-01 09:00", 3, [("06-04 18:00", "06-08 09:00")], "2026-06-04", "from due on: too late"),
    (
        WORK, "2026-06-01 09:00", 3, [("06-02 09:00", "06-02 10:00"), ("06-02 15:00", "06-02 16:00")], "2026-06-05",
        "two pauses in one day take one",
    ),
    (DAYS, "2026-06-01 09:00", 7, [], "2026-06-08", "Monday to Monday"),
    (DAYS, "2026-06-01 09:00", 5, [], "2026-06-08", "Saturday: the next working day"),
    (DAYS, "2026-09-30 17:00", 7, [], "2026-10-08", "the last day of a holiday"),
    (DAYS, "2026-09-30 17:00", 3, [], "2026-10-08", "the middle of a holiday"),
    (DAYS, "2026-02-13 10:00", 1, [], "2026-02-14", "a make-up Saturday works"),
    (DAYS, "2026-06-01 09:00", 7, [("06-03 15:00", "06-05 09:00")], "2026-06-11", "takes three days"),
    (DAYS, "2026-06-01 09:00", 7, [("06-03 20:00", "06-03 21:00")], "2026-06-08", "after business: takes none"),
    (DAYS, "2026-06-01 09:00", 7, [("06-06 20:00", "06-06 21:00")], "2026-06-09", "a day of rest lasts to midnight"),
    (DAYS, "2026-06-01 09:00", 5, [("06-08 10:00", "06-09 12:00")], "2026-06-10", "while it is put off"),
    (MONTHS, "2026-09-30 17:00", 3, [], "2026-12-30", "the same day"),
    (MONTHS, "2025-11-30 10:00", 3, [], "2026-02-28", "no 30 February: its last day, a make-up Saturday"),
    (MONTHS, "2026-01-31 10:00", 1, [], "2026-02-28", "no 31 February"),
    (MONTHS, "2026-08-31 10:00", 1, [], "2026-09-30", "no 31 September"),
    (MONTHS, "2023-11-30 10:00", 3, [], "2024-02-29", "a leap year, before the calendar's years"),
    (MONTHS, "2026-07-04 10:00", 3, [], "2026-10-08", "4 October is a holiday"),
    (MONTHS, "2026-12-31 10:00", 2, [], "2027-03-01", "28 February 2027 is a Sunday"),
    (MONTHS, "2026-06-01 09:00", 1, [("06-10 09:00", "06-12 12:00")], "2026-07-06", "1 July, 3 days on, a Saturday"),
    (MONTHS, "2025-03-31 09:00", 12, [], "2026-03-31", "a year"),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "start", "count", "pauses", "last", "why"), EXAMPLES)
def test_civil_limit_is_due_as_in_the_worked_example(unit, start, count, pauses, last, why) -> None:
    bounds = [local(start)]
    for pause in pauses:
        bounds += [local(f"{start[:5]}{end}") for end in pause]
    segments = [(a, bounds[i + 1] if i + 1 < len(bounds) else None) for i, a in enumerate(bounds) if i % 2 == 0]
    assert due_over(segments, Allowance(unit, count=count), CHINA) == local(f"{last} 18:00"), why


@pytest.mark.parametrize(
    ("on", "count", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 10, 15), 15, date(2028, 1, 15)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
    ],
)
def test_months_end_at_the_same_day_or_the_last(on: date, count: int, later: date) -> None:
    assert add_months(on, count) == later


def test_civil_limit_of_nothing_is_due_at_the_start() -> None:
    assert due_at(local("2026-06-01 09:00"), Allowance(WORK), CHINA) == local("2026-06-01 09:00")


def test_civil_limit_is_not_due_while_paused_before_it() -> None:
    segments = [(local("2026-06-01 09:00"), local("2026-06-03 10:00"))]
    assert due_over(segments, Allowance(WORK, count=3), CHINA) is None
    # one day passed before the pause
    assert due_over(segments, Allowance(WORK, count=1), CHINA) == local("2026-06-02 18:00")


def test_civil_elapsed_counts_days_and_parts_of_them() -> None:
    start = local("2026-06-01 09:00")
    assert elapsed(start, local("2026-06-01 18:00"), WORK, CHINA) == timedelta()
    assert elapsed(start, local("2026-06-02 12:00"), WORK, CHINA) == timedelta(days=0.5)
    assert elapsed(start, local("2026-06-02 13:00"), WORK, CHINA) == timedelta(days=0.5)
    assert elapsed(start, local("2026-06-08 18:00"), WORK, CHINA) == timedelta(days=5)
    # of 日 a working day runs from midnight to 18:00, a day of rest to midnight
    assert elapsed(start, local("2026-06-02 09:00"), DAYS, CHINA) == timedelta(days=0.5)
    assert elapsed(start, local("2026-06-06 12:00"), DAYS, CHINA) == timedelta(days=4.5)


def test_civil_elapsed_leaves_out_a_paused_day_once_it_is_paused() -> None:
    segments = [(local("2026-06-01 09:00"), local("2026-06-02 12:00")), (local("2026-06-02 15:00"), None)]
    assert elapsed_over(segments, WORK, CHINA, local("2026-06-02 12:00")) == timedelta(days=0.5)
    assert elapsed_over(segments, WORK, CHINA, local("2026-06-02 18:00")) == timedelta()
    assert elapsed_over(segments, WORK, CHINA, local("2026-06-03 18:00")) == timedelta(days=1)


def test_civil_share_left_has_an_instant_within_the_day() -> None:
    segments = [(local("2026-06-01 09:00"), None)]
    # of 3 days 25 % are 0.75: a quarter into the third day, 2 of its 8 hours
    assert instant_at_share_left(segments, Allowance(WORK, count=3), CHINA, 0.25) == local("2026-06-04 10:00")
    # a share that a whole day ends is left from the end of that day, not from the next morning
    assert instant_at_share_left(segments, Allowance(WORK, count=4), CHINA, 0.5) == local("2026-06-03 18:00")
    assert instant_at_share_left(segments, Allowance(WORK, count=3), CHINA, 0) == local("2026-06-04 18:00")
    assert instant_at_share_left(segments, Allowance(WORK, count=3), CHINA, 1) == local("2026-06-01 09:00")
    # 5 日 end on Monday: seven days with those it is put off by, of which 3.5 have passed on Friday at 9:00
    assert instant_at_share_left(segments, Allowance(DAYS, count=5), CHINA, 0.5) == local("2026-06-05 09:00")


def test_civil_share_left_is_unknown_while_paused() -> None:
    segments = [(local("2026-06-01 09:00"), local("2026-06-03 10:00"))]
    assert instant_at_share_left(segments, Allowance(WORK, count=3), CHINA, 0.25) is None


def test_civil_ratio_left_falls_to_nothing_at_due() -> None:
    segments = [(local("2026-06-01 09:00"), None)]
    allowance = Allowance(WORK, count=4)
    ratios = [
        ratio_left(segments, allowance, CHINA, local(f"2026-06-{day}"))
        for day in ("01 09:00", "02 18:00", "03 12:00", "05 18:00", "09 09:00")
    ]
    assert ratios == [1.0, 0.75, 0.625, 0.0, 0.0]


def test_civil_remaining_rounds_up_to_days() -> None:
    segments = [(local("2026-06-01 09:00"), None)]
    assert remaining(segments, Allowance(WORK, count=4), CHINA, local("2026-06-03 12:00")) == Allowance(WORK, count=3)
    assert remaining(segments, Allowance(WORK, count=4), CHINA, local("2026-06-20 12:00")) == Allowance(WORK)
    # of a month what is left is days: 1 July less 9 June, 22
    assert remaining(segments, Allowance(MONTHS, count=1), CHINA, local("2026-06-09 18:00")) == Allowance(
        DAYS, count=22
    )


def test_steps_after_a_civil_due_count_working_or_all_time() -> None:
    due = local("2026-06-05 18:00")
    assert after(due, 60, WORK, CHINA) == local("2026-06-08 09:00")
    assert after(due, 60, DAYS, CHINA) == local("2026-06-05 19:00")
    assert after(due, 60, MONTHS, CHINA) == local("2026-06-05 19:00")


def test_civil_limit_without_working_days_ahead_is_refused() -> None:
    never = (Season((1, 1), (12, 31), ((),) * 7),)
    calendar = WorkCalendar(SHANGHAI, WEEK, seasons=never, label="日历")
    with pytest.raises(OutsideCalendar):
        due_at(local("2026-06-01 09:00"), Allowance(WORK, count=1), calendar)
