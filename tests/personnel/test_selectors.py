"""Who is where: departments of a person, people of a department, holders of a role nearby."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from personnel import selectors, services
from personnel.models import Posting
from personnel.roles import Role

ON = date(2026, 3, 2)


def ids(world, *codes):
    return {world.departments[code].pk for code in codes}


def test_departments_of_a_person_are_those_posted_to_and_all_below(world):
    of = selectors.departments_of
    assert of(world.people["department_head"].pk, ON) == ids(world, "CG", "CG-SZ", "CG-SR")
    assert of(world.people["department_handler"].pk, ON) == ids(world, "CG-SZ")
    assert of(world.people["acceptor"].pk, ON) == frozenset()
    assert of(world.people["department_head"].pk, date(2019, 12, 31)) == frozenset()


def test_staff_are_those_posted_to_the_department_itself(world):
    people = {login: user.pk for login, user in world.people.items()}
    sections = world.departments
    handlers = sorted([people["department_handler"], people["department_handler_2"]])
    assert selectors.staff_of(sections["CG-SZ"].pk, ON) == handlers
    assert selectors.staff_of(sections["CG"].pk, ON) == [people["department_head"]]
    assert selectors.staff_of(sections["CG"].pk, ON, role=Role.DEPARTMENT_HANDLER) == []
    assert selectors.staff_of(sections["CG-SR"].pk, ON) == []


def test_who_has_left_is_staff_no_more(world):
    services.leave(worker=world.workers["department_handler"], on=ON, reason="调离")
    assert selectors.staff_of(world.departments["CG-SZ"].pk, ON) == [world.people["department_handler_2"].pk]


def test_holders_are_those_of_exactly_that_area(world):
    people, areas = world.people, world.areas
    west = areas["620901"].pk
    assert selectors.holders(Role.ACCEPTOR, west, ON) == [people["acceptor"].pk, people["acceptor_2"].pk]
    assert selectors.holders("acceptor", areas["620901001"].pk, ON) == [people["acceptor_street"].pk]
    assert selectors.holders("acceptor", areas["620901002"].pk, ON) == []
    assert selectors.holders("acceptor", areas["620901002"].pk, ON, levels_up=1) == [
        people["acceptor"].pk,
        people["acceptor_2"].pk,
    ]
    assert selectors.holders("leader", areas["620901001001001"].pk, ON, levels_up=9) == [people["leader"].pk]
    assert selectors.holders("acceptor", 0, ON) == []


def test_holders_upward_come_from_the_deepest_area_up(world):
    chain = [world.areas[c].pk for c in ("620900", "620901", "620901001", "620901001001", "620901001001001")]
    found = selectors.holders_upward(Role.DUTY_CHIEF, [*chain, None], ON)
    logins = {user.pk: login for login, user in world.people.items()}
    assert [logins[holder.user_id] for holder in found] == [
        "duty_chief_street",
        "duty_chief",
        "duty_chief_2",
        "duty_chief_city",
    ]
    assert selectors.nearest_holders(Role.DUTY_CHIEF, chain, ON) == [world.people["duty_chief_street"].pk]
    excluded = {world.people["duty_chief_street"].pk, world.people["duty_chief"].pk}
    nearest = selectors.nearest_holders(Role.DUTY_CHIEF, chain, ON, exclude=excluded)
    assert nearest == [world.people["duty_chief_2"].pk]


def test_worker_of_a_grid_is_its_own_else_the_communitys(world):
    people, areas = world.people, world.areas
    grid, other = areas["620901001001001"], areas["620901001001002"]
    assert selectors.worker_of_grid(grid.pk, ON) == people["grid_worker"].pk
    assert selectors.worker_of_grid(other.pk, ON) == people["grid_worker_2"].pk
    posting = Posting.objects.get(worker=world.workers["grid_worker_2"])
    services.end_posting(posting=posting, ends_on=ON - timedelta(days=1), reason="调整")
    assert selectors.worker_of_grid(other.pk, ON) is None
    services.post(worker=world.workers["nobody"], role="grid_worker", area=areas["620901001001"], starts_on=ON)
    assert selectors.worker_of_grid(other.pk, ON) == people["nobody"].pk
    assert selectors.worker_of_grid(grid.pk, ON) == people["grid_worker"].pk
    assert selectors.worker_of_grid(grid.pk, ON, exclude={people["grid_worker"].pk}) == people["nobody"].pk


def test_worker_of_a_street_does_not_stand_in_for_a_grids(world):
    services.post(worker=world.workers["nobody"], role="grid_worker", area=world.areas["620901002"], starts_on=ON)
    assert selectors.worker_of_grid(world.areas["620901002001001"].pk, ON) is None


def test_leader_of_a_community(world):
    community = world.areas["620901001001"].pk
    assert selectors.leader_of_community(community, ON) == world.people["grid_leader"].pk
    assert selectors.leader_of_community(community, ON, exclude={world.people["grid_leader"].pk}) is None
    assert selectors.leader_of_community(world.areas["620901001002"].pk, ON) is None


def test_tree_answers_without_a_statement(world):
    tree = selectors.department_tree()
    team = world.departments["TEAM"]
    with CaptureQueriesContext(connection) as captured:
        assert [d.code for d in tree.of_area(team.area_id, "team")] == ["TEAM"]
        assert tree.top(world.departments["CG-SZ"].pk) == world.departments["CG"].pk
        assert [d.code for d in tree.all(world.root.pk)] == ["CENTRE", "CG", "CG-SR", "CG-SZ", "SW", "TEAM", "ZJ"]
        assert tree.by_code(world.root.pk, "SW").name == "水务局"
        assert (tree.name(None), tree.full_name(0), tree.find(0)) == ("", "", None)
    assert len(captured) == 0


@pytest.mark.parametrize("code", ["CG", "SW"])
def test_below_has_itself(world, code):
    assert world.departments[code].pk in selectors.department_tree().below(world.departments[code].pk)
