"""Walks through the database: random people try random things, and every answer is a move of the table or a refusal.

A walk is two cases and a score of tries with time moving; afterwards both cases are audited. Any other exception than
a refusal (an IntegrityError above all) ends the test. 200 walks in ``make test``, 5,000 in ``make test-slow``.
"""

import pytest

from dispatch.cases import case_from, with_all
from dispatch.visibility import cases_of, may_see
from incidents.models import Incident
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


def test_what_is_told_of_one_case_agrees_with_the_list_wherever_walks_end(world: World) -> None:
    walker = Walker(world, 9)
    for _ in range(25):
        walker.walk(TRIES)
    cases = [case_from(row) for row in with_all(Incident.objects.all())]
    seen = 0
    for actor in walker.actors.values():
        listed = set(cases_of(actor, wide=True).values_list("number", flat=True))
        assert {case.incident.number for case in cases if may_see(case, actor)} == listed, actor
        seen += len(listed)
    assert seen > 100
