"""Which weeks a demo begins with, and how much comes in when. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

#: Something comes in on every day; this much more in the month that is assessed, in the last weeks, at the very end.
QUIET_PER_DAY = 1.2
IN_THE_MONTH = 145.0
LATELY, LATELY_PER_DAY = timedelta(days=23), 4.0
BUSY, BUSY_PER_DAY = timedelta(days=4), 44.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``start`` to before ``end`` there come ``per_day`` reports on an ordinary day."""

    start: datetime
    end: datetime
    per_day: float


def last_month(end: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The civil month before the one of ``end``: its first instant, and the first after it."""
    first = end.astimezone(zone).date().replace(day=1)
    return _midnight((first - timedelta(days=1)).replace(day=1), zone), _midnight(first, zone)


def first_weeks(end: datetime, zone: ZoneInfo) -> Iterator[Stretch]:
    """From the first day of the last month to ``end``, in order and without a gap."""
    start, over = last_month(end, zone)
    in_the_month = IN_THE_MONTH / ((over - start) / timedelta(days=1))
    rates = (
        (start, end, QUIET_PER_DAY),
        (start, over, in_the_month),
        (end - LATELY, end - BUSY, LATELY_PER_DAY),
        (end - BUSY, end, BUSY_PER_DAY),
    )
    edges = sorted({edge for first, last, _rate in rates for edge in (first, last)})
    for first, last in pairwise(edges):
        yield Stretch(first, last, sum(rate for begin, stop, rate in rates if begin <= first and last <= stop))


def _midnight(on: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(on, time(), tzinfo=zone)
