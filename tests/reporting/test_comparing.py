"""The whole dashboard and the month's rows equal the second count, whoever looks, also where nobody holds an area."""

from datetime import date, timedelta

import pytest
from django.core.management import call_command

from grids.models import Level
from incidents.models import Incident
from personnel import assessment_services
from reporting import facts, selectors, services
from reporting.history import Period
from tests.reporting import brute, comparing
from tests.reporting.comparing import MOMENT, Tally, Told
from tests.reporting.walks import START, Walk
from tests.worlds import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("seed", [61])
def test_every_number_of_the_dashboard_equals_the_second_count(world: World, seed: int) -> None:
    walk = Walk(world, seed).run(150, cases=16, pace_minutes=100)
    walk.exempt(0.2)
    world.report(at=walk.now, category="0302")  # for those named alone
    tally, told = Tally(), Told()
    # at a move, between two, and while much is on its way
    for at, span in (
        (walk.now, "month"), (walk.now - timedelta(hours=5, seconds=11), "today"),
        (START + (walk.now - START) / 2, "week"),
    ):  # fmt: skip
        everything = brute.lives(at + MOMENT)
        for login in ("duty_chief", "grid_leader", "department_head"):
            actor = world.actor(login)
            shown = selectors.dashboard(actor, at=at, span=span)
            assert shown.area_id == comparing.top_area(actor)
            numbers = comparing.seen_by(actor, shown.area_id)
            seen = [life for life in everything if life.number in numbers]
            comparing.dashboard(tally, shown, seen, told, login)
            cases = Incident.objects.filter(number__in=numbers)
            period = Period(at + MOMENT - timedelta(days=3), at + MOMENT)
            comparing.all_indicators(tally, facts.load(period, cases=cases), seen, told, login)
    assert tally.differences == []
    assert tally.compared > 3_000
    assert tally.busy > 1_000
    assert set(tally.by_part) == {
        "whole", "ratio", "funnel", "counter", "daily", "standing", "flow", "areas", "map", "departments", "due_soon",
        "indicator",
    }  # fmt: skip


def test_every_row_of_a_month_equals_the_second_count(world: World) -> None:
    call_command("load_assessment", verbosity=0)
    walk = Walk(world, 63).run(260, cases=24, pace_minutes=150)
    month = services.assess_month(2026, 3, world.root, at=walk.now, batch=5)
    # an exemption that is granted afterwards is for the next version
    assert walk.exempt(0.5)
    grids = [area.pk for area in world.areas.values() if area.level == Level.GRID]
    after = walk.now + MOMENT
    april = assessment_services.open_month(root=world.root, on=date(2026, 4, 1), grid_ids=grids, known_at=after)
    services.compute(april, at=walk.now)
    tally, told = Tally(), Told()
    assert comparing.assessment(tally, month, told) > 3
    comparing.assessment(tally, april, told)
    assert tally.differences == []


def test_what_differs_is_told(world: World) -> None:
    """The comparison can fail: a case left out of one side, and a figure of a second later."""
    walk = Walk(world, 64).run(60, cases=8)
    actor = world.actor("leader")
    shown = selectors.dashboard(actor, at=walk.now)
    lives = brute.lives(walk.now + MOMENT)
    whole, told = Tally(), Told()
    comparing.dashboard(whole, shown, lives, told, "leader")
    assert whole.differences == []
    less = Tally()
    comparing.dashboard(less, shown, lives[1:], told, "leader")
    assert {"whole", "funnel", "counter", "areas", "map"} <= {said.split(" ")[0] for said in less.differences}
