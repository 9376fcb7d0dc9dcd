"""A year of a calendar on one page: what each day is, and its sums."""

from datetime import date

import pytest

from gridgov.common import work_calendar
from gridgov.common.calendar_year import Year, year_of


@pytest.fixture
def year(db: None) -> Year:
    work_calendar.forget()
    work_calendar.load_file(work_calendar.DEFAULT_FILE)
    version = work_calendar.current_version()
    return year_of(work_calendar.content_of(version).as_calendar(), 2026)


def days(year: Year) -> dict[date, tuple[str, str]]:
    return {d.on: (d.kind, d.words) for month in year.months for week in month.weeks for d in week if d is not None}


def test_year_has_each_day_once_in_weeks_of_seven(year: Year) -> None:
    assert len(days(year)) == 365
    assert len(year.months) == 12
    assert all(len(week) == 7 for month in year.months for week in month.weeks)
    assert all(d.on.weekday() == place for m in year.months for week in m.weeks for place, d in enumerate(week) if d)


def test_year_tells_holidays_and_make_up_days_from_ordinary_ones(year: Year) -> None:
    found = days(year)
    assert found[date(2026, 10, 1)] == ("holiday", "国庆节")
    kind, words = found[date(2026, 10, 10)]
    assert (kind, words) == ("make_up", "国庆节调休上班 08:00–12:00、14:00–18:00")
    assert found[date(2026, 10, 12)] == ("ordinary", "")
    assert found[date(2026, 10, 11)] == ("weekend", "")


def test_year_sums_up(year: Year) -> None:
    kinds = [kind for kind, _words in days(year).values()]
    assert year.make_up_days == kinds.count("make_up") > 0
    assert year.work_days == kinds.count("ordinary") + kinds.count("make_up")
    assert year.work_days + year.rest_days == 365


def test_special_days_that_follow_each_other_are_one(year: Year) -> None:
    assert "10-01–10-07 国庆节" in year.specials
    assert sum("国庆节调休上班" in words for words in year.specials) >= 1
