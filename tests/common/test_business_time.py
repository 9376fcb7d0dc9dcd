"""Units, allowances, calendars and the examples of the arithmetic; its algebra stands in the properties."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from gridgov.common.business_time import (
    Allowance,
    DayKind,
    OutsideCalendar,
    Season,
    SpecialDay,
    Unit,
    WorkCalendar,
    after,
    due_at,
    due_over,
    elapsed,
    elapsed_over,
    extend,
    instant_at_share_left,
    ratio_left,
    remaining,
    share_of,
)
from tests.common.calendars import CHINA, SEASONS, SHANGHAI, WEEK, local


@pytest.mark.parametrize(
    ("value", "unit", "expected", "words"),
    [
        ("2", "urgent", Allowance(Unit.URGENT, minutes=120), "2紧急工作时"),
        (10, "紧急工作时", Allowance(Unit.URGENT, minutes=600), "10紧急工作时"),
        ("10m", "urgent", Allowance(Unit.URGENT, minutes=10), "10分钟"),
        ("30分钟", "urgent", Allowance(Unit.URGENT, minutes=30), "30分钟"),
        ("100m", "urgent", Allowance(Unit.URGENT, minutes=100), "1紧急工作时40分"),
        (4, "work_hours", Allowance(Unit.WORK_HOURS, minutes=240), "4工作时"),
        ("4", "工作时", Allowance(Unit.WORK_HOURS, minutes=240), "4工作时"),
        ("30分", "work_hours", Allowance(Unit.WORK_HOURS, minutes=30), "30工作分钟"),
        (Decimal("1.5"), "work_hours", Allowance(Unit.WORK_HOURS, minutes=90), "1.5工作时"),
        ("5", "工作日", Allowance(Unit.WORK_DAYS, minutes=2400), "5工作日"),
        (0.5, "work_days", Allowance(Unit.WORK_DAYS, minutes=240), "0.5工作日"),
        ("2h", "work_days", Allowance(Unit.WORK_DAYS, minutes=120), "2工作时"),
        ("3", "自然日", Allowance(Unit.NATURAL, minutes=4320), "3自然日"),
        ("1", "紧急工作日", Allowance(Unit.NATURAL, minutes=1440), "1自然日"),
        ("1.5", "natural", Allowance(Unit.NATURAL, minutes=2160), "1.5自然日"),
        ("36h", "natural", Allowance(Unit.NATURAL, minutes=2160), "1.5自然日"),
        ("5小时", "natural", Allowance(Unit.NATURAL, minutes=300), "5小时"),
        ("15", "civil_work_days", Allowance(Unit.CIVIL_WORK_DAYS, count=15), "15个工作日"),
        (7, "civil_days", Allowance(Unit.CIVIL_DAYS, count=7), "7日"),
        ("3", "个月", Allowance(Unit.CIVIL_MONTHS, count=3), "3个月"),
    ],
)
def test_allowance_is_parsed_and_described(value, unit, expected, words) -> None:
    allowance = Allowance.parse(value, unit)
    assert allowance == expected
    assert allowance.describe() == words


def test_work_day_becomes_minutes_of_the_calendars_day_when_built() -> None:
    allowance = Allowance.parse(2, "work_days", nominal_day_minutes=450)
    assert allowance.minutes == 900
    assert allowance.describe(450) == "2工作日"


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("four", "work_hours"), ("", "work_hours"), ("-1", "work_hours"), ("1.33", "urgent"), ("4x", "urgent"),
        ("1.5", "civil_days"), ("30m", "civil_work_days"), ("4", "fortnight"), ("nan", "urgent"),
    ],
)  # fmt: skip
def test_allowance_refuses_what_is_no_limit(value, unit) -> None:
    with pytest.raises(ValueError, match=r"时限|单位|整"):
        Allowance.parse(value, unit)


@pytest.mark.parametrize(
    "fields",
    [{"minutes": -1}, {"count": 1}, {"minutes": 1, "count": 1}],
)
def test_allowance_of_an_invertible_unit_has_minutes_only(fields) -> None:
    with pytest.raises(ValueError, match=r"时限|分钟"):
        Allowance(Unit.WORK_HOURS, **fields)


def test_allowance_of_a_civil_unit_has_a_count_only() -> None:
    with pytest.raises(ValueError, match="按个数计"):
        Allowance(Unit.CIVIL_DAYS, minutes=60)
    with pytest.raises(ValueError, match="没有固定的时长"):
        _ = Allowance(Unit.CIVIL_DAYS, count=1).span


def test_extend_adds_within_a_family_of_units() -> None:
    hours, days = Allowance.parse(4, "work_hours"), Allowance.parse(1, "work_days")
    assert extend(hours, days) == Allowance(Unit.WORK_HOURS, minutes=720)
    assert extend(days, hours) == Allowance(Unit.WORK_DAYS, minutes=720)
    months = Allowance(Unit.CIVIL_MONTHS, count=3)
    assert extend(months, Allowance(Unit.CIVIL_MONTHS, count=1)) == Allowance(Unit.CIVIL_MONTHS, count=4)
    with pytest.raises(ValueError, match="不能加到"):
        extend(hours, Allowance.parse(1, "natural"))
    with pytest.raises(ValueError, match="不能加到"):
        extend(months, Allowance(Unit.CIVIL_DAYS, count=1))


@pytest.mark.parametrize(
    ("allowance", "share", "part"),
    [
        (Allowance(Unit.WORK_HOURS, minutes=240), 0.25, Allowance(Unit.WORK_HOURS, minutes=60)),
        (Allowance(Unit.WORK_HOURS, minutes=10), 0.25, Allowance(Unit.WORK_HOURS, minutes=3)),
        (Allowance(Unit.CIVIL_WORK_DAYS, count=15), 0.25, Allowance(Unit.CIVIL_WORK_DAYS, count=4)),
        (Allowance(Unit.CIVIL_MONTHS, count=3), 0.25, Allowance(Unit.CIVIL_DAYS, count=23)),
        (Allowance(Unit.WORK_DAYS, minutes=4800), 0.1, Allowance(Unit.WORK_DAYS, minutes=480)),
    ],
)
def test_share_of_an_allowance_is_rounded_up(allowance, share, part) -> None:
    assert share_of(allowance, share) == part


# --- calendars


@pytest.mark.parametrize(
    ("on", "kind", "name", "works"),
    [
        (date(2026, 9, 30), DayKind.ORDINARY, "", True),
        (date(2026, 10, 1), DayKind.HOLIDAY, "国庆节", False),
        (date(2026, 10, 4), DayKind.HOLIDAY, "国庆节", False),
        (date(2026, 10, 10), DayKind.MAKE_UP, "国庆节调休上班", True),
        (date(2026, 10, 11), DayKind.WEEKEND, "", False),
    ],
)
def test_calendar_knows_the_kind_of_a_day(on, kind, name, works) -> None:
    assert (CHINA.kind_of(on), CHINA.name_of(on), CHINA.works_on(on)) == (kind, name, works)
    assert kind.works is works


@pytest.mark.parametrize(
    ("instant", "works"),
    [
        ("2026-09-30 08:00", True),
        ("2026-09-30 07:59", False),
        ("2026-09-30 12:00", False),
        ("2026-09-30 14:00", True),
        ("2026-09-30 18:00", False),
        ("2026-10-01 10:00", False),
        ("2026-10-10 10:00", True),
    ],
)
def test_calendar_knows_whether_it_is_working_time(instant, works) -> None:
    assert CHINA.works_at(local(instant)) is works


def test_make_up_day_has_the_hours_of_its_season_or_its_own() -> None:
    assert CHINA.hours_of(date(2026, 9, 20)) == ((480, 720), (840, 1080))
    assert SEASONS.hours_of(date(2026, 9, 20)) == ((480, 720), (870, 1080))
    own = WorkCalendar(SHANGHAI, WEEK, days={date(2026, 9, 20): SpecialDay(True, "半日", ((540, 720),))})
    assert own.hours_of(date(2026, 9, 20)) == ((540, 720),)


def test_season_may_run_over_new_year() -> None:
    winter = Season((11, 1), (2, 28), ((((540, 720)),),) * 7)
    calendar = WorkCalendar(SHANGHAI, WEEK, seasons=(winter,))
    assert [calendar.hours_of(date(2026, *day)) for day in ((10, 31), (11, 1), (12, 31), (1, 3), (2, 28))] == [
        (),
        *[((540, 720),)] * 4,
    ]
    assert calendar.hours_of(date(2026, 3, 2)) == WEEK[0]


@pytest.mark.parametrize(
    "weekly",
    [
        WEEK[:6],
        ((),) * 7,
        (((720, 480),), *WEEK[1:]),
        (((480, 720), (700, 800)), *WEEK[1:]),
        (((480, 1441),), *WEEK[1:]),
    ],
)
def test_calendar_refuses_hours_that_are_out_of_order(weekly) -> None:
    with pytest.raises(ValueError, match=r"作息|时段"):
        WorkCalendar(SHANGHAI, weekly)


def test_calendar_computes_outside_its_years_by_the_weekly_pattern() -> None:
    assert CHINA.covers(date(2026, 12, 31))
    assert not CHINA.covers(date(2027, 1, 1))
    assert not CHINA.covers(date(2024, 12, 31))
    # Friday to Monday, 2031
    assert due_at(local("2031-06-06 17:00"), Allowance.parse(2, "work_hours"), CHINA) == local("2031-06-09 09:00")


def test_limit_with_no_working_time_ahead_is_refused() -> None:
    calendar = WorkCalendar(SHANGHAI, WEEK, seasons=(Season((1, 1), (12, 31), ((),) * 7),))
    with pytest.raises(OutsideCalendar):
        due_at(local("2026-06-01 09:00"), Allowance.parse(1, "work_hours"), calendar)


# --- arithmetic


def test_due_at_of_nothing_is_the_start() -> None:
    start = local("2026-10-03 03:00")
    assert due_at(start, Allowance(Unit.WORK_HOURS), CHINA) == start


def test_due_is_the_end_of_business_rather_than_the_next_morning() -> None:
    assert due_at(local("2026-09-30 17:00"), Allowance.parse(1, "work_hours"), CHINA) == local("2026-09-30 18:00")


def test_due_comes_back_in_utc() -> None:
    due = due_at(local("2026-09-30 17:00"), Allowance.parse(4, "work_hours"), CHINA)
    assert due.tzinfo is UTC
    assert due.isoformat() == "2026-10-08T03:00:00+00:00"


def test_elapsed_is_exact_to_the_microsecond() -> None:
    start, end = local("2026-09-30 17:59:59.999999"), local("2026-10-08 08:00:00.000001")
    assert elapsed(start, end, Unit.WORK_HOURS, CHINA) == timedelta(microseconds=2)


def test_elapsed_over_counts_what_ran_by_then() -> None:
    segments = [(local("2026-06-01 09:00"), local("2026-06-01 10:00")), (local("2026-06-01 15:00"), None)]
    spans = [
        elapsed_over(segments, Unit.WORK_HOURS, CHINA, local(f"2026-06-01 {at}"))
        for at in ("08:00", "09:30", "12:00", "16:00", "20:00")
    ]
    assert spans == [timedelta(minutes=m) for m in (0, 30, 60, 120, 240)]


def test_paused_clock_is_not_due_but_one_that_reached_it_is() -> None:
    segments = [(local("2026-06-01 09:00"), local("2026-06-01 10:00"))]
    assert due_over(segments, Allowance.parse("61m", "work_hours"), CHINA) is None
    assert due_over(segments, Allowance.parse("60m", "work_hours"), CHINA) == local("2026-06-01 10:00")


def test_warning_comes_when_a_quarter_is_left() -> None:
    segments = [(local("2026-09-30 17:00"), None)]
    allowance = Allowance.parse(4, "work_hours")
    assert instant_at_share_left(segments, allowance, CHINA, 0.25) == local("2026-10-08 10:00")
    assert ratio_left(segments, allowance, CHINA, local("2026-10-03 12:00")) == 0.75
    assert ratio_left(segments, allowance, CHINA, local("2026-10-09 12:00")) == 0
    assert ratio_left(segments, Allowance(Unit.WORK_HOURS), CHINA, local("2026-10-09 12:00")) == 0


def test_remaining_is_rounded_up_to_the_minute() -> None:
    segments = [(local("2026-09-30 17:00"), None)]
    allowance = Allowance.parse(4, "work_hours")
    assert remaining(segments, allowance, CHINA, local("2026-09-30 17:30:30")).minutes == 210
    assert remaining(segments, allowance, CHINA, local("2026-10-09 17:30")).minutes == 0


def test_steps_after_due_follow_the_unit() -> None:
    due = local("2026-09-30 17:30")
    assert after(due, 60, Unit.WORK_HOURS, CHINA) == local("2026-10-08 08:30")
    assert after(due, 60, Unit.URGENT, CHINA) == local("2026-09-30 18:30")
    assert after(due, 0, Unit.WORK_DAYS, CHINA) == due
    with pytest.raises(ValueError, match="负"):
        after(due, -1, Unit.URGENT, CHINA)


@pytest.mark.parametrize(
    "segments",
    [
        [],
        [(datetime(2026, 6, 1, 9), None)],  # noqa: DTZ001 - without a zone on purpose
        [(local("2026-06-01 09:00"), local("2026-06-01 08:00"))],
        [(local("2026-06-01 09:00"), None), (local("2026-06-02 09:00"), None)],
        [(local("2026-06-01 09:00"), local("2026-06-03 09:00")), (local("2026-06-02 09:00"), None)],
    ],
)
def test_segments_out_of_order_are_refused(segments) -> None:
    with pytest.raises(ValueError, match=r"起点|时区|计时段"):
        due_over(segments, Allowance.parse(1, "work_hours"), CHINA)


def test_share_outside_nought_to_one_is_refused() -> None:
    with pytest.raises(ValueError, match="比例"):
        instant_at_share_left([(local("2026-06-01 09:00"), None)], Allowance.parse(1, "urgent"), CHINA, 1.5)


# --- changes of the clocks

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = WorkCalendar(NEW_YORK, (((60, 240),),) * 7)  # 1:00 to 4:00 each night


@pytest.mark.parametrize(
    ("on", "hours"),
    [
        (date(2026, 3, 7), 3),
        (date(2026, 3, 8), 2),  # 2:00 to 3:00 is skipped
        (date(2026, 11, 1), 4),  # 1:00 to 2:00 comes twice
        (date(2026, 11, 2), 3),
    ],
)
def test_night_has_the_hours_that_really_pass(on, hours) -> None:
    start = datetime(on.year, on.month, on.day, tzinfo=NEW_YORK)
    end = start + timedelta(hours=12)
    assert elapsed(start, end, Unit.WORK_HOURS, NIGHT) == timedelta(hours=hours)


def test_hours_within_the_skipped_hour_do_not_exist() -> None:
    calendar = WorkCalendar(NEW_YORK, (((60, 120), (135, 165), (180, 240)),) * 7)
    instants = calendar.instants_of(date(2026, 3, 8))
    assert [(last - first) // 60_000_000 for first, last in instants] == [60, 60]
    assert instants[0][1] == instants[1][0]


def test_continuous_units_do_not_care_for_the_clocks() -> None:
    start = datetime(2026, 3, 7, 12, tzinfo=NEW_YORK)
    due = due_at(start, Allowance.parse(1, "natural"), NIGHT)
    assert due.astimezone(NEW_YORK) == datetime(2026, 3, 8, 13, tzinfo=NEW_YORK)
