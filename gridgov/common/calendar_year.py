"""A year of a work calendar as a page shows it (pure): months, weeks from Monday, what each day is and why."""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from django.utils.translation import gettext as _

from gridgov.common.business_time import WorkCalendar
from gridgov.common.business_time.calendars import DayKind


@dataclass(frozen=True, slots=True)
class Day:
    """``kind``: ordinary, make_up, weekend or holiday; ``words`` of a special day: its name and hours."""

    on: date
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Month:
    """``weeks``: seven places each, None outside the month."""

    name: str
    weeks: tuple[tuple[Day | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Year:
    """Twelve months with their sums. ``specials``: runs of special days of one name, in words."""

    number: int
    months: tuple[Month, ...]
    work_days: int
    rest_days: int
    make_up_days: int
    specials: tuple[str, ...]


def year_of(days: WorkCalendar, number: int) -> Year:
    """The year ``number`` as the calendar has it; outside what it covers the weekly pattern alone counts."""
    months = []
    for month in range(1, 13):
        weeks = calendar.Calendar().monthdatescalendar(number, month)
        rows = (tuple(_day(days, on) if on.month == month else None for on in week) for week in weeks)
        months.append(Month(_("%(month)d月") % {"month": month}, tuple(rows)))
    every = [day for month in months for week in month.weeks for day in week if day is not None]
    works = sum(DayKind(day.kind).works for day in every)
    return Year(
        number, tuple(months), works, len(every) - works, sum(day.kind == DayKind.MAKE_UP for day in every),
        tuple(_specials(days, every)),
    )  # fmt: skip


def _day(days: WorkCalendar, on: date) -> Day:
    kind = days.kind_of(on)
    name = days.name_of(on)
    hours = "、".join(f"{_wall(first)}–{_wall(last)}" for first, last in days.hours_of(on))
    return Day(on, kind.value, f"{name} {hours}".strip() if name else "")


def _wall(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _specials(days: WorkCalendar, every: list[Day]) -> list[str]:
    """Special days that follow each other under one name are one: 10月1日–7日 国庆节."""
    special = [day for day in every if day.on in days.days]
    found: list[list[Day]] = [special[:1]] if special else []
    for before, day in pairwise(special):
        follows = day.on - before.on == timedelta(days=1) and (day.kind, days.name_of(day.on)) == (
            before.kind, days.name_of(before.on),
        )  # fmt: skip
        if follows:
            found[-1].append(day)
        else:
            found.append([day])
    return [f"{_span(run)} {days.name_of(run[0].on)}" for run in found]


def _span(run: list[Day]) -> str:
    first, last = run[0].on, run[-1].on
    return f"{first:%m-%d}" if first == last else f"{first:%m-%d}–{last:%m-%d}"
