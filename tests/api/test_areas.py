"""Areas and points."""

import pytest

from gridgov.common.coordinates import from_wgs84
from tests.worlds import World

pytestmark = pytest.mark.django_db


def test_areas_come_by_level_parent_root_and_text(world: World) -> None:
    client = world.client("nobody")

    def codes(query: str) -> list[str]:
        answer = client.get(f"/api/v1/areas/?{query}")
        assert answer.status_code == 200, answer.content
        return [area["code"] for area in answer.json()["results"]]

    assert codes("level=2") == ["620901", "620902"]
    assert codes(f"parent={world.areas['620901'].pk}") == ["620901001", "620901002"]
    assert codes("root=620900&level=1") == ["620900"]
    assert codes("text=乙二东&level=4") == ["620902002002"]
    assert len(codes("")) == 31
    for query in ("level=6", "level=x", "parent=999999", "root=none", "colour=red", "cursor=x"):
        assert client.get(f"/api/v1/areas/?{query}").status_code == 400, query
    assert world.client().get("/api/v1/areas/").status_code == 401


def test_area_pages_have_every_area_once(world: World) -> None:
    client, found = world.client("nobody"), []
    address = "/api/v1/areas/?page_size=10"
    while address:
        page = client.get(address).json()
        found += [area["code"] for area in page["results"]]
        address = page["next"]
    assert len(found) == len(set(found)) == 31


def test_point_is_located_in_any_datum(world: World) -> None:
    client = world.client("nobody")
    lon, lat = world.point("620901002001001")
    for crs in ("wgs84", "gcj02", "bd09"):
        at = from_wgs84(lon, lat, crs)
        answer = client.get("/api/v1/areas/locate/", {"lon": at[0], "lat": at[1], "crs": crs})
        assert answer.status_code == 200, answer.content
        said = answer.json()
        assert [area["code"] for area in said["areas"]][-1] == "620901002001001"
        assert (said["lon"], said["lat"]) == pytest.approx((lon, lat), abs=1e-6)


@pytest.mark.parametrize(
    ("query", "field"),
    [("lat=36", "lon"), ("lon=103", "lat"), ("lon=nan&lat=36", "lon"), ("lon=1e9&lat=36", "lon"),
     ("lon=103&lat=36&crs=mars", "crs"), ("lon=100&lat=36", "lon")],
)  # fmt: skip
def test_bad_point_is_refused_by_field(world: World, query: str, field: str) -> None:
    answer = world.client("nobody").get(f"/api/v1/areas/locate/?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_many_points_are_located_in_order(world: World) -> None:
    client = world.client("nobody")
    codes = ["620901001001001", "620902002002002"]
    points = [list(world.point(codes[0])), [0, 0], list(world.point(codes[1]))]
    said = client.post("/api/v1/areas/locate/", {"points": points}).json()
    assert [p and p["code"] for p in said["results"]] == [codes[0], None, codes[1]]
    assert said["results"][0]["chain"] == [
        world.areas[code].pk for code in ("620900", "620901", "620901001", "620901001001", "620901001001001")
    ]
    assert client.post("/api/v1/areas/locate/", {"points": []}).json()["results"] == []
    shifted = [list(from_wgs84(*world.point(codes[1]), "gcj02"))]
    assert client.post("/api/v1/areas/locate/", {"points": shifted, "crs": "gcj02"}).json()["results"][0]["level"] == 5


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "points"),
        ({"points": "x"}, "points"),
        ({"points": [[1]]}, "points.0"),
        ({"points": [[103.6, 36.0], [36.0, 103.6]]}, "points.1"),
        ({"points": [["103", 36.0]]}, "points.0"),
        ({"points": [[103.6, 36.0]], "crs": "mars"}, "crs"),
        ({"points": [[103.6, 36.0]], "colour": 1}, "colour"),
        ({"points": [[103.6, 36.0]] * 10_001}, "points"),
    ],
)
def test_bad_points_are_refused_by_field(world: World, body: object, field: str) -> None:
    answer = world.client("nobody").post("/api/v1/areas/locate/", body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"] == field
