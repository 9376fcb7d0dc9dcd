"""An event reaches exactly the people who could open the case."""

from datetime import date, timedelta

import pytest

from dispatch.actors import actors_of
from dispatch.cases import read_by_id
from dispatch.live.audience import COLUMNS, audiences, viewer_of
from dispatch.visibility import may_see
from gridgov.common import clock
from incidents.models import Incident, NamedAccess
from tests.statements import counted
from tests.worlds import PEOPLE, World

pytestmark = pytest.mark.django_db


def hearing(world: World, number: str) -> set[str]:
    """The logins of everybody who would hear of the case."""
    case = world.case(number)
    values = tuple(getattr(case, name) for name in COLUMNS)
    audience = audiences({case.pk: values})[case.pk]
    return {login for login in PEOPLE if audience.includes(viewer_of(world.actor(login)))}


def opening(world: World, number: str) -> set[str]:
    """The logins of everybody who may open it, by the rule that pages use."""
    case = read_by_id(world.case(number).pk)
    return {login for login in PEOPLE if may_see(case, world.actor(login))}


def test_case_is_heard_in_its_area_and_above_and_not_beside_it(world):
    heard = hearing(world, world.report())
    assert {"acceptor", "acceptor_street", "acceptor_city", "grid_worker", "leader"} <= heard
    assert not {"acceptor_b", "grid_leader_b", "grid_worker_2", "department_handler", "nobody"} & heard


def test_case_is_heard_by_the_department_that_handles_it_and_no_other(world):
    number = world.carry("dispatched")
    heard = hearing(world, number)
    assert {"department_handler", "department_handler_2", "department_head"} <= heard
    assert not {"department_handler_b", "department_handler_joint"} & heard


def test_confidential_case_is_heard_by_those_named_alone(world):
    number = world.report(category="0302")
    heard = hearing(world, number)
    assert "acceptor" in heard
    assert not {"supervisor", "acceptor_b", "grid_worker"} & heard
    NamedAccess.objects.create(incident=world.case(number), user=world.people["supervisor"])
    assert "supervisor" in hearing(world, number)
    NamedAccess.objects.create(incident=world.case(number), user=world.people["supervisor_b"])
    assert "supervisor_b" not in hearing(world, number)


def test_case_that_moved_away_is_heard_where_it_is_now(world):
    number = world.report()
    there = world.areas
    Incident.objects.filter(number=number).update(
        district=there["620902"], street=there["620902001"], community=there["620902001001"],
        grid=there["620902001001001"],
    )  # fmt: skip
    heard = hearing(world, number)
    assert {"acceptor_b", "grid_worker_b", "acceptor_city"} <= heard
    assert not {"acceptor_street", "grid_worker", "supervisor"} & heard
    assert "acceptor" in heard  # who reported it


@pytest.mark.parametrize("status", ["accepted", "dispatched", "handling", "handled"])
def test_hearing_is_opening_for_everybody_at_every_stage(world, status):
    number = world.carry(status)
    assert hearing(world, number) == opening(world, number)


@pytest.mark.parametrize("category", ["0101", "0302", "0203"])
def test_hearing_is_opening_for_every_kind_of_case(world, category):
    for by, grid in (("acceptor", "620901001001001"), ("acceptor_b", "620902001001001")):
        number = world.report(by=by, grid=grid, category=category)
        assert hearing(world, number) == opening(world, number)


def test_posting_gives_hearing_on_its_days_alone(world):
    tomorrow = clock.local_date(clock.now()) + timedelta(days=1)
    user = world.people["acceptor_street"]
    (_user, before), *_ = actors_of([user.pk], on=date(2019, 12, 31))
    (_user, later), *_ = actors_of([user.pk], on=tomorrow)
    area = ("area", world.areas["620901001"].pk)
    assert area not in viewer_of(before).keys
    assert area in viewer_of(later).keys


def test_audiences_take_two_statements_for_any_number_of_cases(world):
    numbers = [world.report(category="0302"), world.carry("dispatched"), world.report()]

    def taken(of: list[str]) -> int:
        cases = {case.pk: tuple(getattr(case, name) for name in COLUMNS) for case in map(world.case, of)}
        with counted() as found:
            audiences(cases)
        return len(found)

    assert taken(numbers[:1]) == taken(numbers) == 2


def test_actors_of_many_are_the_actors_of_each(world):
    logins = ["acceptor", "department_head", "nobody", "grid_worker"]
    found = {user.username: actor for user, actor in actors_of([world.people[login].pk for login in logins])}
    assert found == {login: world.actor(login) for login in logins}
    world.people["acceptor"].is_active = False
    world.people["acceptor"].save()
    assert actors_of([world.people["acceptor"].pk]) == []
