"""The test city is what the tests take it for."""

import pytest

from grids.models import Area
from grids.spatial import areas
from tests.worlds import World, make_world

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("time", [1, 2])
def test_world_is_whole_when_made_and_when_copied(time: int) -> None:
    world = make_world()
    assert Area.objects.count() == 1 + 2 + 4 + 8 + 16
    assert areas.locate(*world.point("620902002002002")).area_id == world.areas["620902002002002"].pk
    acceptor = world.actor("acceptor")
    assert acceptor.roles == ("acceptor",)
    assert acceptor.desk_area_id == world.areas["620901"].pk
    assert world.actor("department_head").department_ids == {
        world.departments[code].pk for code in ("CG", "CG-SZ", "CG-SR")
    }


def test_world_is_of_one_test_alone() -> None:
    assert isinstance(make_world(), World)
