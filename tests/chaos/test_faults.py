"""Ended between any two writes, by an error or by death, nothing is lost, doubled or left standing.

A few here; ``make test-slow`` goes through all points of all works and then at random, two or three ends in a row, up
to FAULTS (2,000) of them from SEED. A sequence that was found at fault is kept in :data:`KEPT`.
"""

import os
import random
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta

import pytest

from dispatch import loop_audit
from gridgov.common import clock
from tests.chaos import works
from tests.chaos.faults import count, strike, undone
from tests.chaos.works import Work
from tests.dispatch.test_garbage import LATER

pytestmark = pytest.mark.django_db

Ends = tuple[tuple[int, bool], ...]
#: Two and three ends in a row, run always. What a random run finds at fault is added here.
KEPT: tuple[tuple[str, Ends], ...] = (
    ("sweep and deliver", ((2, True), (3, False))),
    ("deliver", ((1, False), (2, True), (1, True))),
)


#: What the machinery has to do is not yet done.
TO_DO = {"step_overdue", "breach_unstated"}


@pytest.fixture(autouse=True)
def _in_march() -> Iterator[None]:
    """The works are of a week in March, and so are their clocks."""
    with clock.played(LATER + timedelta(hours=1)):
        yield


def clean(*, grace: timedelta = loop_audit.GRACE, but: Collection[str] = ()) -> None:
    found = loop_audit.run(grace=grace).faults
    assert [(f.key, f.count, f.numbers) for f in found if f.key not in but] == []


def undisturbed(work: Work) -> tuple[object, ...]:
    """What the work comes to when nothing ends it."""
    with undone():
        work.do()
        works.settle()
        found = works.outcome()
    works.forget_file()
    return found


def probe(work: Work, ends: Ends, expected: tuple[object, ...]) -> None:
    """The work is ended at each of the points in turn, begun again each time, and done in the end."""
    with undone():
        before = works.standing() if work.whole else None
        for at, death in ends:
            struck = strike(work.do, at, death=death)
            if not struck:
                break
            if work.whole:
                assert works.standing() == before, f"{work.name} ended at {at} was half done"
            else:
                clean(but=TO_DO)
        else:
            work.do()
        works.settle()
        clean(grace=timedelta(0))
        assert works.outcome() == expected, f"{work.name} ended at {ends}"
    works.forget_file()


def every_point(work: Work) -> Iterator[Ends]:
    for at in range(1, count(work.do) + 1):
        for death in (False, True):
            yield ((at, death),)


def test_fault_ends_the_work_where_it_is_told_to(world):
    number = world.report()

    def accept():
        world.perform(number, "accept", "acceptor")

    points = count(accept)
    assert points >= 4  # the case, its clocks, the entry, the commit
    assert world.case(number).status == "reported"
    for at in range(1, points + 1):
        for death in (False, True):
            assert strike(accept, at, death=death)
            assert world.case(number).status == "reported"
    assert not strike(accept, points + 1, death=True)
    assert world.case(number).status == "accepted"


def test_some_works_ended_at_each_point(world):
    for work in works.few(world):
        expected = undisturbed(work)
        for at in range(1, count(work.do) + 1):
            probe(work, ((at, at % 2 == 0),), expected)


def test_machinery_ended_at_some_points(world):
    dice = random.Random(1)
    for work in works.machinery(world):
        expected = undisturbed(work)
        points = list(every_point(work))
        for ends in dice.sample(points, min(2, len(points))):
            probe(work, ends, expected)


def test_sequences_that_are_kept(world):
    found = {work.name: work for work in works.machinery(world)}
    if not {name for name, _ends in KEPT} <= set(found):
        found |= {work.name: work for work in works.on_cases(world)}
    for name, ends in KEPT:
        probe(found[name], ends, undisturbed(found[name]))


def through(make: Callable[[], list[Work]], limit: int, dice: random.Random) -> int:
    """All points of the works, then sequences at random; how many ends."""
    done, found = 0, make()
    expected = {work.name: undisturbed(work) for work in found}
    for work in found:
        for ends in every_point(work):
            probe(work, ends, expected[work.name])
            done += 1
    points = {work.name: count(work.do) for work in found}
    while done < limit:
        work = dice.choice(found)
        length = dice.choice((2, 2, 3))
        ends = tuple((dice.randint(1, points[work.name]), dice.random() < 0.5) for _ in range(length))
        try:
            probe(work, ends, expected[work.name])
        except AssertionError as error:
            raise AssertionError(f"keep this: {(work.name, ends)}") from error
        done += length
    return done


@pytest.mark.slow
def test_works_ended_at_all_points_and_at_random(world):
    limit = int(os.environ.get("FAULTS", "2000"))
    dice = random.Random(int(os.environ.get("SEED", "1")))
    done = through(lambda: works.on_cases(world), limit * 3 // 4, dice)
    done += through(lambda: list(works.machinery(world)), limit - done, dice)
    assert done >= limit
