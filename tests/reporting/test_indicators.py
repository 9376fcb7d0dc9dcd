"""Every figure equals a second, independent count over the journal, on random histories and at any period's end."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from grids.models import Level
from personnel.selectors import department_tree
from reporting import facts, indicators
from reporting.history import Facts, Period
from reporting.indicators import INDICATORS
from tests.reporting import brute
from tests.reporting.walks import START, Walk
from tests.worlds import World

pytestmark = pytest.mark.django_db


def compare(counted: Facts, lives: list[brute.Life], where: object) -> int:
    """All figures agree, in value and in the cases behind it; how many of them had something to count."""
    said = brute.figures(lives, counted.period.start, counted.period.end)
    assert said.keys() == INDICATORS.keys()
    busy = 0
    for key, (numbers, other) in said.items():
        figure = INDICATORS[key](counted)
        assert Counter(ref.number for ref in figure.hits) == Counter(numbers), (where, key, figure)
        if key == "average_handling_hours":
            assert figure.value == (None if other is None else pytest.approx(other, abs=1e-9)), (where, key)
        else:
            assert Counter(ref.number for ref in figure.misses) == Counter(other), (where, key, figure)
            if indicators.INDICATORS[key].unit is indicators.Unit.RATIO:
                total = len(numbers) + len(other)
                assert figure.value == (len(numbers) / total if total else None), (where, key)
            else:
                assert figure.value == len(numbers)
        busy += figure.denominator > 0
    return busy


def periods(walk: Walk) -> list[Period]:
    """Weeks, days, the whole, and ends that lie between two moves or on one: no figure may look past its end."""
    week = timedelta(days=7)
    found = [Period(START + n * week, START + (n + 1) * week) for n in range((walk.now - START) // week + 1)]
    found += [Period(START, walk.now + timedelta(microseconds=1)), Period(START, walk.now)]
    for _n in range(4):
        start = START + (walk.now - START) * walk.random.random()
        found.append(Period(start, start + timedelta(hours=walk.random.choice([3, 24, 80]))))
    return found


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_figures_equal_the_brute_force_count_on_random_histories(world: World, seed: int) -> None:
    walk = Walk(world, seed).run(330, cases=26)
    walk.exempt(0.3)
    assert sum(walk.done.values()) > 3 * sum(walk.refused.values())
    busy = 0
    departments = {code: department_tree().below(row.pk) for code, row in world.departments.items()}
    people = [(login, world.people[login].pk, world.workers[login].pk) for login in (
        "grid_worker", "grid_leader", "verifier", "grid_worker_b")]  # fmt: skip
    for period in periods(walk):
        counted = facts.load(period)
        lives = brute.lives(period.end)
        busy += compare(counted, lives, period)
        for code in ("620901", "620901001", "620901001001", "620901001001001", "620902001001002"):
            area_id = world.areas[code].pk
            compare(counted.within(area_id), brute.in_area(lives, area_id), (period, code))
        for code, ids in departments.items():
            compare(counted.of_departments(ids), brute.of_departments(lives, ids), (period, code))
        for login, user_id, worker_id in people:
            compare(counted.of_person(user_id, worker_id), brute.of_person(lives, user_id, worker_id), (period, login))
    assert busy > 100


def test_grids_read_apart_equal_the_whole_split_by_place(world: World) -> None:
    walk = Walk(world, 14).run(150, cases=14)
    middle = START + (walk.now - START) / 2
    grids = {area.pk for area in world.areas.values() if area.level == Level.GRID}
    for period in (Period(START, middle), Period(middle, walk.now)):
        split = facts.load(period).by_area(Level.GRID)
        apart = facts.load_areas(period, level=Level.GRID, area_ids=grids)
        assert apart.keys() == grids
        for grid_id in grids:
            cases = split[grid_id].cases if grid_id in split else ()
            assert {case.number: case for case in apart[grid_id].cases} == {case.number: case for case in cases}


def statements(period: Period) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert facts.load(period).cases
    return len(queries)


def test_facts_take_five_statements_and_one_where_nothing_moved(world: World, settings: Any) -> None:
    settings.REFERENCE_CHECK_SECONDS = 600
    period = Period(START, START + timedelta(days=90))
    for cases in (1, 9):
        walk = Walk(world, cases).run(40, cases=cases)
        facts.forget()
        assert [statements(period), statements(period)] == [5, 1]
        world.report(at=walk.now)
        assert [statements(period), statements(period)] == [5, 1]


def test_facts_kept_in_the_process_are_those_of_the_journal(world: World) -> None:
    walk = Walk(world, 16)
    for _turn in range(8):
        walk.run(20, cases=10)
        for end in (walk.now + timedelta(microseconds=1), walk.now - timedelta(hours=5)):
            kept = facts.load(Period(START, end))
            facts.forget()
            assert kept.cases == facts.load(Period(START, end)).cases


def test_figures_of_the_past_stay_what_they_were(world: World) -> None:
    walk = Walk(world, 15).run(120, cases=12)
    end = walk.now + timedelta(microseconds=1)
    period = Period(START, end)
    before = {key: indicator(facts.load(period)) for key, indicator in INDICATORS.items()}
    walk.run(200, cases=18)
    after = {key: indicator(facts.load(period)) for key, indicator in INDICATORS.items()}
    assert after == before
