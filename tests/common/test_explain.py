"""The golden file of sentences, and what its cases cannot show."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gridgov.common.business_time import Allowance, DayKind, Unit, WorkCalendar, explain, explain_days
from tests.common.calendars import CHINA, SEASONS, SHANGHAI, WEEK, local

GOLDEN = Path(__file__).parent / "golden/explain.txt"


def _cases() -> list[tuple[str, str]]:
    lines = [line for line in GOLDEN.read_text().splitlines() if line and not line.startswith("#")]
    cases = list(zip(lines[::2], lines[1::2], strict=True))
    assert all(case.startswith("> ") and not sentence.startswith(">") for case, sentence in cases)
    return [(case[2:], sentence) for case, sentence in cases]


def _explain(case: str) -> str:
    start, amount, *options = case.split(" | ")
    bounds: list[datetime] = [local(start)]
    extensions, calendar, at = [], CHINA, None
    for option in options:
        word, _, rest = option.partition(" ")
        if word == "pause":
            bounds += [local(end) for end in rest.split(" .. ")]
        elif word == "stop":
            bounds.append(local(rest))
        elif word == "extension":
            extensions.append(Allowance.parse(*rest.split()))
        elif word == "at":
            at = local(rest)
        else:
            assert word == "seasons"
            calendar = SEASONS
    segments = [(a, bounds[i + 1] if i + 1 < len(bounds) else None) for i, a in enumerate(bounds) if i % 2 == 0]
    return explain(segments, Allowance.parse(*amount.split()), calendar, extensions=extensions, at=at)


@pytest.mark.parametrize(("case", "sentence"), _cases(), ids=[case for case, _ in _cases()])
def test_explain_says_the_golden_sentence(case: str, sentence: str) -> None:
    assert _explain(case) == sentence


def test_golden_file_has_thirty_sentences() -> None:
    assert len(_cases()) >= 30


@pytest.mark.parametrize("sentence", [sentence for _, sentence in _cases()])
def test_sentences_have_full_width_punctuation(sentence: str) -> None:
    assert not set(sentence) & set(",;()")
    assert sentence.endswith("。")
    assert sentence.count("。") == 1


def test_explain_says_the_year_when_read_in_another() -> None:
    start = local("2026-06-01 11:00")
    sentence = explain([(start, None)], Allowance.parse(1, "urgent"), CHINA, at=local("2027-06-01 12:00"))
    assert sentence.startswith("2026年6月1日11:00起算")
    assert "应于6月1日12:00前完成，已超时8760时" in sentence


def test_explain_shows_instants_in_the_zone_asked_for() -> None:
    start = datetime(2026, 6, 1, 3, tzinfo=UTC)
    tokyo = ZoneInfo("Asia/Tokyo")
    allowance = Allowance.parse(1, "urgent")
    assert explain([(start, None)], allowance, CHINA, tz=tokyo).endswith("应于6月1日13:00前完成。")
    assert explain([(start, None)], allowance, CHINA, tz=SHANGHAI).endswith("应于6月1日12:00前完成。")


def test_explain_says_that_holidays_before_the_calendar_are_not_known() -> None:
    sentence = explain([(local("2024-12-31 17:00"), None)], Allowance.parse(2, "work_hours"), CHINA)
    assert sentence.endswith("（日历2026版第2次修订；2024年节假日未录入，按每周作息推算）。")


def test_explain_names_the_day_from_which_holidays_are_not_known() -> None:
    calendar = WorkCalendar(SHANGHAI, WEEK, label="日历2026版", covers_to=date(2026, 6, 30))
    sentence = explain([(local("2026-07-03 17:00"), None)], Allowance.parse(2, "work_hours"), calendar)
    assert sentence.endswith("（日历2026版；2026年6月30日以后放假调休安排尚未公布，暂按每周作息推算）。")


def test_a_day_that_ends_at_midnight_begins_no_other() -> None:
    calendar = WorkCalendar(SHANGHAI, (((1200, 1440),),) * 7)
    start = local("2026-06-01 22:00")
    assert [day.on for day in explain_days([(start, None)], Allowance.parse(2, "work_hours"), calendar)] == [
        date(2026, 6, 1)
    ]
    sentence = explain([(start, None)], Allowance.parse(2, "work_hours"), calendar)
    assert sentence == "6月1日22:00起算，限2工作时；当日计2时（22:00–24:00），应于6月2日0:00前完成。"


def test_explain_days_gives_each_day_its_use() -> None:
    days = explain_days([(local("2026-09-30 17:00"), None)], Allowance.parse(3, "work_days"), CHINA)
    assert [(day.on.day, day.minutes) for day in days] == [
        (30, 60), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 480), (9, 480), (10, 420),
    ]  # fmt: skip
    assert [day.kind for day in days] == [
        DayKind.ORDINARY, *[DayKind.HOLIDAY] * 7, DayKind.ORDINARY, DayKind.ORDINARY, DayKind.MAKE_UP,
    ]  # fmt: skip
    assert days[1].name == "国庆节"
    assert days[0].intervals == ((local("2026-09-30 17:00"), local("2026-09-30 18:00")),)
    assert not any(day.paused for day in days)


def test_explain_days_marks_paused_days_and_counts_civil_ones_whole() -> None:
    segments = [(local("2026-06-01 09:00"), local("2026-06-03 15:00")), (local("2026-06-05 09:00"), None)]
    days = explain_days(segments, Allowance(Unit.CIVIL_WORK_DAYS, count=3), CHINA)
    assert [day.on.day for day in days if day.paused] == [3, 4, 5]
    assert [day.on.day for day in days if day.used] == [2, 8, 9]
    assert {day.used for day in days if day.used} == {timedelta(days=1)}


def test_explain_days_says_which_days_are_not_covered() -> None:
    days = explain_days([(local("2026-12-31 17:00"), None)], Allowance.parse(2, "work_hours"), CHINA)
    assert [(day.on, day.covered) for day in days if day.on in (date(2026, 12, 31), date(2027, 1, 4))] == [
        (date(2026, 12, 31), True),
        (date(2027, 1, 4), False),
    ]


def test_explain_needs_no_label() -> None:
    sentence = explain([(local("2026-06-01 11:00"), None)], Allowance.parse(1, "work_hours"), replace(CHINA, label=""))
    assert sentence == "6月1日11:00起算，限1工作时；当日计1时（11:00–12:00），应于6月1日12:00前完成。"
