"""The harness itself: a short run with kills loses nothing. It takes a minute or two: ``make test-slow``."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from scripts import programs
from tests.chaos import run
from tests.chaos.run import Outage, lateness

#: Seeds that were at fault once.
KEPT: tuple[int, ...] = ()


@pytest.mark.slow
@pytest.mark.skipif(not (programs.postgres() and programs.redis()), reason="needs PostgreSQL and Redis")
def test_short_runs_with_kills_lose_and_double_nothing():
    requests = int(os.environ.get("REQUESTS", "150"))
    for seed in (7, *KEPT):
        [result] = run.runs(1, seed, requests)
        assert result.violations == []
        assert sum(result.kills.values()) >= 4
        assert result.answers["report 201"] > requests / 5
        assert result.steps > 0


def minute(count: float) -> datetime:
    return datetime(2026, 3, 10, 9, tzinfo=UTC) + timedelta(minutes=count)


def test_lateness_counts_from_the_end_of_the_outages_it_fell_into():
    outages = [Outage("redis", minute(1), minute(2)), Outage("postgres", minute(2), minute(4))]
    assert lateness(minute(0), minute(0.5), outages) == 30
    assert lateness(minute(1.5), minute(4.5), outages) == 30
    assert lateness(minute(5), minute(5), outages) == 0
    # just before an outage the sweep had not yet come round
    assert lateness(minute(0.95), minute(4.5), outages) == 30
