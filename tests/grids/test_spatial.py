"""Points to areas, one and many, and areas as reference data."""

import math
import os
import random
import subprocess
import sys
import textwrap
from urllib.parse import quote

import pytest
import shapely
from django.db import connection

from grids import services
from grids.geometry import from_wkb
from grids.models import Area, Level, ServiceZone
from grids.spatial import areas
from tests.grids.cities import SIZE, area, features, load, make_city, square

pytestmark = pytest.mark.django_db

GRID = "110101001001001"


@pytest.fixture
def city() -> Area:
    return make_city()


def code_at(lon: float, lat: float) -> str | None:
    placement = areas.locate(lon, lat)
    return areas.get(placement.area_id).code if placement else None


def test_point_gets_its_chain_of_five_and_the_revision(city):
    placement = areas.locate(104.005, 36.005)
    assert [areas.get(i).code for i in placement.chain] == ["110100", "110101", "110101001", "110101001001", GRID]
    assert placement.area_id == placement.chain[4]
    assert placement.root_id == city.pk
    assert placement.level == Level.GRID
    assert placement.revision == areas.revision == 5  # four levels and the desks


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (104.01, 36.005, "110101001001001"),  # edge of two communities
        (104.005, 36.01, "110101001001001"),  # edge of two grids
        (104.01, 36.01, "110101001001001"),  # corner of four
        (104.02, 36.005, "110101001002001"),  # edge of two streets
        (104.0, 36.0, "110101001001001"),  # the city's own corner
        (104.04, 36.02, "110101002002002"),
    ],
)
def test_point_on_a_shared_edge_belongs_to_the_lowest_code(city, lon, lat, code):
    assert code_at(lon, lat) == code
    assert areas.get(areas.locate_many([(lon, lat)])[0].area_id).code == code


@pytest.mark.parametrize(
    "point", [(103.99, 36.005), (104.005, 36.03), (36.005, 104.005), (math.nan, 36.0), (104.0, math.inf), (0, 0)]
)
def test_point_outside_every_city_has_no_area(city, point):
    assert areas.locate(*point) is None
    assert areas.locate_many([point, (104.005, 36.005)])[0] is None


def test_swapped_axes_are_noticed(city):
    assert areas.looks_swapped(36.005, 104.005)
    assert not areas.looks_swapped(104.005, 36.005)
    assert not areas.looks_swapped(10, 10)


@pytest.mark.parametrize(
    ("skip", "codes"),
    [
        ((Level.DISTRICT,), ["110100", None, "110101001", "110101001001", GRID]),
        ((Level.STREET,), ["110100", "110101", None, "110101001001", GRID]),
        ((Level.DISTRICT, Level.COMMUNITY), ["110100", None, "110101001", None, GRID]),
        ((Level.GRID,), ["110100", "110101", "110101001", "110101001001", None]),
        ((Level.COMMUNITY, Level.GRID), ["110100", "110101", "110101001", None, None]),
    ],
)
def test_skipped_level_is_none_in_the_chain(skip, codes):
    make_city(skip=skip)
    placement = areas.locate(104.005, 36.005)
    assert [areas.get(i).code if i else None for i in placement.chain] == codes
    assert areas.chain(placement.area_id) == placement.chain


def test_point_in_no_grid_gets_the_deepest_level_that_has_it(city):
    load("110100", Level.DISTRICT, features(["110101"], [square(104.0, 36.0, 5, 2)]))
    load("110100", Level.STREET, features(["110101003"], [square(104.04, 36.0, 1, 2)]))
    assert code_at(104.045, 36.005) == "110101003"  # a street that has no communities
    Area.objects.filter(code=GRID).update(valid_to="2100-01-01")
    services.raise_revision()
    assert code_at(104.005, 36.005) == "110101001001"
    assert areas.locate(104.005, 36.005).level == Level.COMMUNITY


def test_ended_area_takes_no_points_but_keeps_its_name(city):
    grid = area(GRID)
    Area.objects.filter(pk=grid.pk).update(valid_to="2100-01-01")
    services.raise_revision()
    assert areas.name(grid.pk) == GRID
    assert not areas.get(grid.pk).active
    assert grid.pk not in {child.id for child in areas.children(grid.parent_id)}


def test_cities_stand_side_by_side(city):
    other = make_city("220100", "220101", lon=104.04)  # shares an edge
    assert areas.locate(104.045, 36.005).root_id == other.pk
    assert areas.locate(104.04, 36.005).root_id == city.pk  # lowest code
    assert {root.code for root in areas.roots} == {"110100", "220100"}
    assert areas.by_code("220100", Level.STREET, "220101001").root_id == other.pk
    assert areas.by_code(other.pk, Level.STREET, "110101001") is None
    assert areas.by_code("999999", Level.STREET, "220101001") is None


def test_many_points_agree_with_one_by_one_and_with_brute_force(city):
    rng = random.Random(7)
    points = [(104 + rng.uniform(-0.01, 0.05), 36 + rng.uniform(-0.01, 0.03)) for _ in range(500)]
    points += [(104 + SIZE * rng.randint(0, 4), 36 + SIZE * rng.randint(0, 2)) for _ in range(50)]
    many = areas.locate_many(points)
    assert many == [areas.locate(*point) for point in points]
    grids = list(Area.objects.filter(level=Level.GRID).order_by("code"))
    shapes = from_wkb([grid.boundary for grid in grids])
    for point, placement in zip(points, many, strict=True):
        inside = [grid for grid, shape in zip(grids, shapes, strict=True) if shape.intersects(shapely.Point(point))]
        assert (placement.area_id if placement else None) == (inside[0].pk if inside else None)


def test_many_of_none_is_empty(city):
    assert areas.locate_many([]) == []


def test_no_area_at_all():
    assert areas.locate(104.005, 36.005) is None
    assert areas.locate_many([(104.005, 36.005)]) == [None]
    assert areas.roots == []
    assert not areas.looks_swapped(36, 104)


def test_reference_data_by_id(city):
    street = area("110101001")
    assert areas.name(street.pk) == "110101001"
    assert areas.name(None) == ""
    assert areas.find(-1) is None
    assert areas.chain(-1) == (None,) * 5
    with pytest.raises(KeyError):
        areas.get(-1)
    assert [child.code for child in areas.children(street.pk)] == ["110101001001", "110101001002"]
    assert len(list(areas.subtree(street.pk))) == 1 + 2 + 4
    assert areas.get(street.pk).path == f"/{city.pk}/{street.parent_id}/{street.pk}/"
    assert areas.full_name(street.pk) == "110101001"


def test_full_name_says_once_what_a_name_repeats_of_the_one_above(city):
    names = {"110101": "西固区", "110101001": "陈坪街道", "110101001001": "西固中路社区", GRID: "西固中路社区第1网格"}
    for code, name in names.items():
        services.change_area(area=area(code), by=None, name=name)
    assert areas.full_name(area(GRID).pk) == "西固区陈坪街道西固中路社区第1网格"
    assert areas.full_name(area("110101001001").pk) == "西固区陈坪街道西固中路社区"
    assert areas.full_name(city.pk) == areas.name(city.pk)


def test_centre_is_the_nearest_desk_at_or_above_the_level(city):
    grid = area(GRID)
    assert areas.centre_for(grid.pk).code == "110101001001"
    assert areas.centre_for(grid.pk, Level.STREET).code == "110101001"
    assert areas.centre_for(grid.pk, Level.CITY).code == "110100"
    services.change_area(area=area("110101001"), has_desk=False)
    assert areas.centre_for(grid.pk, Level.STREET).code == "110101"
    assert [centre.code for centre in areas.centres_below(area("110101").pk)] == [
        "110101001001", "110101001002", "110101002",
    ]  # fmt: skip
    assert areas.centre_for(-1) is None


def test_centre_skips_a_missing_level_upward():
    make_city(skip=(Level.DISTRICT,))
    assert areas.centre_for(area(GRID).pk, Level.DISTRICT).code == "110100"


def test_zone_covers_what_lies_below_its_areas(city):
    zone = ServiceZone(root=city, code="P1", name="派出所", kind="police")
    services.save_zone(zone=zone, members=[area("110101001").pk])
    assert areas.zones_of(area(GRID).pk) == {zone.pk}
    assert areas.zones_of(area("110101002001001").pk) == frozenset()
    assert areas.zones_of(None) == frozenset()


def test_index_is_read_once_and_not_at_every_question(city, django_assert_max_num_queries):
    areas.locate(104.005, 36.005)
    with django_assert_max_num_queries(1):  # the revision, at most once a second
        for _ in range(200):
            areas.locate(104.005, 36.005)
            areas.name(city.pk)


def this_database() -> str:
    """The test database as a DATABASE_URL."""
    held = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{held['NAME']}"
    who = f"{quote(held['USER'])}:{quote(held['PASSWORD'])}@" if held["USER"] else ""
    return f"postgres://{who}{held['HOST'] or 'localhost'}:{held['PORT'] or 5432}/{held['NAME']}"


_OTHER_PROCESS = """
    import sys, time
    import django
    django.setup()
    from django.db import connection
    from grids import services
    from grids.models import Area
    from grids.spatial import areas
    assert areas.locate(104.005, 36.005) is not None
    first = areas.revision
    print("ready", flush=True)
    sys.stdin.readline()  # the areas have changed by now
    deadline = time.monotonic() + 10
    while areas.revision == first and time.monotonic() < deadline:
        time.sleep(0.05)
    print(areas.get(areas.locate(104.005, 36.005).chain[3]).name, areas.revision - first)
"""


@pytest.mark.django_db(transaction=True)
def test_another_process_sees_a_changed_area_within_seconds():
    make_city()
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_OTHER_PROCESS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "gridgov.settings", "DATABASE_URL": this_database()},
    )
    try:
        assert child.stdout.readline() == "ready\n"
        services.change_area(area=area("110101001001"), name="改名社区")
        out, _ = child.communicate("\n", timeout=30)
        assert out == "改名社区 1\n"
        assert child.returncode == 0
    finally:
        child.kill()
        child.wait()


def test_counts_in_a_box_are_those_of_the_areas_whose_boxes_meet_it(city):
    dice = random.Random(4)
    for _ in range(20):
        west, south = dice.uniform(103.9, 104.1), dice.uniform(35.9, 36.1)
        box = (west, south, west + dice.uniform(0, 0.1), south + dice.uniform(0, 0.1))
        meeting = [
            r.level for r in areas.index().all()
            if r.active and r.box[0] <= box[2] and r.box[2] >= box[0] and r.box[1] <= box[3] and r.box[3] >= box[1]
        ]  # fmt: skip
        assert areas.index().counts_in(box) == {level: meeting.count(level) for level in set(meeting)}
