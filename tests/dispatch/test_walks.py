"""Walks through the database: random people try random things, and every answer is a move of the table or a refusal.

A walk is two cases and a score of tries with time moving; afterwards both cases are audited. Any other exception than
a refusal (an IntegrityError above all) ends the test. 200 walks in ``make test``, 5,000 in ``make test-slow``.
"""

import pytest

from incidents.workflow import Status
from tests.dispatch.walker import Walker
from tests.worlds import World

TRIES = 16


@pytest.mark.parametrize("seed", range(4))
def test_walks_never_reach_what_table_or_database_forbids(world: World, seed: int) -> None:
    walker = Walker(world, seed)
    for _ in range(50):
        walker.walk(TRIES)
    _has_seen_much(walker)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_many_walks_never_reach_what_table_or_database_forbids(world: World, seed: int) -> None:
    walker = Walker(world, seed)
    for _ in range(50):
        walker.walk(TRIES)
    _has_seen_much(walker)


def _has_seen_much(walker: Walker) -> None:
    """The walks went somewhere: moves, every kind of refusal, and most statuses at their ends."""
    assert walker.answers["ok"] > 200
    assert {answer.split()[0] for answer in walker.answers} >= {"ok", "400", "403", "404", "409"}
    assert len(walker.reached) >= 7
    assert walker.reached <= set(Status.values)
