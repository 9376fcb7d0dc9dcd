"""Which weeks a demo begins with, on any day of the year."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from gridgov.simulation import span

ZONE = ZoneInfo("Asia/Shanghai")
ENDS = [
    datetime(2026, 11, 26, 13, 0, tzinfo=ZONE),
    datetime(2026, 3, 1, 0, 0, tzinfo=ZONE),
    datetime(2026, 3, 1, 0, 30, tzinfo=ZONE),
    datetime(2024, 3, 3, 9, 0, tzinfo=ZONE),
    datetime(2026, 12, 31, 23, 59, tzinfo=ZONE),
    datetime(2027, 1, 1, 8, 0, tzinfo=ZONE),
]


@pytest.mark.parametrize(
    ("end", "first", "over"),
    [
        (datetime(2026, 11, 26, 13, 0, tzinfo=ZONE), (2026, 10, 1), (2026, 11, 1)),
        (datetime(2026, 3, 1, 0, 30, tzinfo=ZONE), (2026, 2, 1), (2026, 3, 1)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=ZONE), (2026, 11, 1), (2026, 12, 1)),
        (datetime(2027, 1, 1, 8, 0, tzinfo=ZONE), (2026, 12, 1), (2027, 1, 1)),
        # by the deployment's clock, where it is the first of the month already
        (datetime(2026, 5, 31, 17, 0, tzinfo=UTC), (2026, 5, 1), (2026, 6, 1)),
    ],
)
def test_last_month_is_the_civil_one_before(end, first, over):
    assert span.last_month(end, ZONE) == tuple(datetime(*day, tzinfo=ZONE) for day in (first, over))


@pytest.mark.parametrize("end", ENDS, ids=str)
def test_first_weeks_fill_the_whole_span_and_hold_about_as_much_on_any_day(end):
    stretches = list(span.first_weeks(end, ZONE))
    start, over = span.last_month(end, ZONE)
    assert (stretches[0].start, stretches[-1].end) == (start, end)
    assert all(a.end == b.start for a, b in pairwise(stretches))
    assert all(s.start < s.end and s.per_day > 0 for s in stretches)

    def count(first, last):
        return sum(
            s.per_day * max(timedelta(), min(s.end, last) - max(s.start, first)).total_seconds() / 86_400
            for s in stretches
        )

    assert 430 < count(start, end) < 510
    assert count(start, over) > 175
    assert count(end - span.BUSY, end) > 175
