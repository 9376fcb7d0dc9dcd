"""Limits counted by the civil day: 个工作日, 日 and 个月.

The rules, from 民法典 art. 200 to 204, and one of ours for pauses:

1. The day of start is not counted; counting begins with the next day (art. 201).
2. Of n 个工作日 the n-th working day is the last day; of n 日 the n-th calendar day; of n 个月 the same day of the
   n-th month after, or that month's last day where it has no such day (art. 202).
3. Where the last day of 日 or 个月 is a day of rest, the first working day after it is the last day (art. 203).
4. The last day ends with its business hours (art. 203).
5. A counted day that is paused in whole or in part is not counted, and the last day moves on by it. A day runs from
   midnight to the end of its business, a day of rest to midnight; of 个工作日 only business hours can be paused. So
   a pause on the day of start moves nothing, nor one at night, nor, of 个工作日, one at a weekend.

A day counts as much as of it has passed (working time for 个工作日, clock time for the others), so that shares of a
limit have instants; days stand for days, whatever their hours.
"""

import calendar as months
from collections.abc import Iterator
from datetime import date, timedelta

from django.utils.translation import gettext as _

from gridgov.common.business_time.calendars import LAST_YEAR, OutsideCalendar, WorkCalendar, from_micros, to_micros
from gridgov.common.business_time.units import Allowance, Unit

DAY = 86_400_000_000
FOREVER = to_micros(from_micros(0).replace(year=9999))
Spans = tuple[tuple[int, int], ...]
ONE_DAY = timedelta(days=1)


def add_months(on: date, count: int) -> date:
    """The same day ``count`` months later, or that month's last day (民法典 art. 202)."""
    index = on.year * 12 + on.month - 1 + count
    year, month = divmod(index, 12)
    return date(year, month + 1, min(on.day, months.monthrange(year, month + 1)[1]))


def windows(on: date, unit: Unit, calendar: WorkCalendar) -> Spans:
    """The parts of a counted day in which it passes, as instants; empty if the unit does not count the day."""
    working = calendar.instants_of(on)
    if unit is Unit.CIVIL_WORK_DAYS:
        return working
    end = working[-1][1] if working else calendar.midnight(on + ONE_DAY)
    return ((calendar.midnight(on), end),)


def touches(pauses: Spans, spans: Spans) -> bool:
    return any(p < b and a < q for p, q in pauses for a, b in spans)


def counted_days(first: date, unit: Unit, calendar: WorkCalendar, pauses: Spans) -> Iterator[tuple[date, Spans]]:
    """The days that count, from the day after ``first`` on, each with its windows; without the paused ones.

    Ends at a pause without end (one to ``FOREVER``). OutsideCalendar from the year 2400 on.
    """
    day = first
    while True:
        day += ONE_DAY
        if day.year >= LAST_YEAR:
            words = _("%(calendar)s在%(year)s年之前没有足够的工作日")
            raise OutsideCalendar(words % {"calendar": calendar.label, "year": LAST_YEAR})
        if pauses and pauses[-1][1] == FOREVER and calendar.midnight(day) >= pauses[-1][0]:
            return
        spans = windows(day, unit, calendar)
        if spans and not touches(pauses, spans):
            yield day, spans


def due_day(first: date, allowance: Allowance, calendar: WorkCalendar, pauses: Spans) -> tuple[date, date] | None:
    """The n-th counted day and the last day of the limit (the same, or the working day that it moves to).

    None if a pause without end comes before.
    """
    count = allowance.count
    if allowance.unit is Unit.CIVIL_MONTHS:
        count = (add_months(first, count) - first).days
    nth: date | None = None
    for index, (day, _spans) in enumerate(counted_days(first, allowance.unit, calendar, pauses), start=1):
        if index == count:
            nth = day
        if nth is not None and calendar.works_on(day):
            return nth, day
    return None


def due(first: date, allowance: Allowance, calendar: WorkCalendar, pauses: Spans) -> int | None:
    """The end of business of the last day, or None as for :func:`due_day`."""
    found = due_day(first, allowance, calendar, pauses)
    return calendar.instants_of(found[1])[-1][1] if found else None


def elapsed(first: date, unit: Unit, calendar: WorkCalendar, pauses: Spans, until: int) -> int:
    """Counted days that have passed by ``until``, a day as 86,400,000,000 microseconds."""
    total = 0
    for _day, spans in counted_days(first, unit, calendar, pauses):
        if spans[0][0] >= until:
            break
        whole = sum(b - a for a, b in spans)
        passed = sum(min(b, until) - a for a, b in spans if a < until)
        total += DAY * passed // whole
    return total


def instant(first: date, unit: Unit, calendar: WorkCalendar, pauses: Spans, passed: int) -> int | None:
    """The earliest instant with that many microseconds of counted days passed; None if a pause comes before."""
    if passed <= 0:
        return None
    for _day, spans in counted_days(first, unit, calendar, pauses):
        if passed > DAY:
            passed -= DAY
            continue
        whole = sum(b - a for a, b in spans)
        needed = -(-passed * whole // DAY)
        for a, b in spans:
            if needed <= b - a:
                return a + needed
            needed -= b - a
    return None
