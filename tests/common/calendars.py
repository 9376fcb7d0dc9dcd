"""Calendars of the tests, read from the data files without a database."""

import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gridgov.common.business_time import Season, SpecialDay, WorkCalendar

DATA = Path(__file__).parents[2] / "gridgov/common/data"
SHANGHAI = ZoneInfo("Asia/Shanghai")
HOURS = ((480, 720), (840, 1080))
WEEK = (HOURS,) * 5 + ((), ())


def _days() -> dict[date, SpecialDay]:
    days: dict[date, SpecialDay] = {}
    for year in (2025, 2026, 2027):
        for day in json.loads((DATA / f"calendar-{year}.json").read_text())["days"]:
            days[date.fromisoformat(day["on"])] = SpecialDay(day["kind"] == "work", day["name"])
    return days


CHINA = WorkCalendar(
    SHANGHAI,
    WEEK,
    days=_days(),
    label="日历2026版第2次修订",
    covers_from=date(2025, 1, 1),
    covers_to=date(2026, 12, 31),
)
# In summer the afternoon is 14:30 to 18:00: a day of 7.5 hours.
SUMMER_HOURS = ((480, 720), (870, 1080))
SEASONS = replace(
    CHINA, seasons=(Season((5, 1), (9, 30), (SUMMER_HOURS,) * 5 + ((), ()), "夏季"),), label="日历2026版第3次修订"
)


def local(text: str) -> datetime:
    """An instant from ``2026-09-30 17:00`` in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
