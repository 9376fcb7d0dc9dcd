"""The map of the admin on which an area is drawn: who may, what is said, what is saved."""

import json

import pytest
import shapely
from django.urls import reverse

from dispatch import placing
from gridgov.common import clock
from gridgov.common.models import AuditEntry, User
from grids.models import Area
from grids.spatial import areas
from personnel import services
from tests.worlds import CELL

GRID, ABOVE = "620901001001001", "620901001001002"
STEP = CELL / 5


@pytest.fixture
def enter(world, client):
    def entered(login: str):
        client.force_login(User.objects.get(username=login))
        return client

    return entered


@pytest.fixture
def district_admin(world):
    """A system administrator of 乙区 alone."""
    services.post(
        worker=world.workers["nobody"], role="system_admin", area=world.areas["620902"],
        starts_on=clock.local_date(clock.now()),
    )  # fmt: skip
    return "nobody"


def url(name: str, code: str) -> str:
    return reverse(f"admin:grids_area_{name}", args=[Area.objects.get(code=code).pk])


def stored(code: str):
    return shapely.from_wkb(bytes(Area.objects.get(code=code).boundary))


def drawn(by: float = STEP, codes=(GRID, ABOVE)) -> dict:
    """The border between the two grids moved north for each of ``codes``."""
    along = stored(GRID).bounds[3]

    def corners(at):
        at = at.copy()
        at[abs(at[:, 1] - along) < 1e-9, 1] += by
        return at

    return {
        str(Area.objects.get(code=code).pk): json.loads(shapely.to_geojson(shapely.transform(stored(code), corners)))
        for code in codes
    }


def post(client, name: str, code: str = GRID, **given):
    body = {"revision": areas.index().revision, "shapes": drawn(), **given}
    return client.post(url(name, code), json.dumps(body), content_type="application/json")


# --- who may ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["map", "map_shapes"])
def test_pages_are_for_the_system_administrator_of_the_area(enter, district_admin, page):
    assert enter("duty_chief").get(url(page, GRID)).status_code == 403
    assert enter("security_admin").get(url(page, GRID)).status_code == 403
    assert enter("system_admin").get(url(page, GRID)).status_code == 200
    client = enter(district_admin)
    assert client.get(url(page, GRID)).status_code == 404
    assert client.get(url(page, "620902001001001")).status_code == 200


@pytest.mark.parametrize("page", ["map_check", "map_save"])
def test_steps_are_for_the_system_administrator_of_the_area(enter, district_admin, page):
    before = stored(GRID)
    assert post(enter("duty_chief"), page, reason="x").status_code == 403
    assert post(enter("security_admin"), page, reason="x").status_code == 403
    assert post(enter(district_admin), page, reason="x").status_code == 404
    assert stored(GRID) == before
    assert not AuditEntry.objects.filter(action="area.redraw").exists()
    assert post(enter("system_admin"), page, reason="甘政发1号").status_code == 200


def test_a_neighbour_in_another_administrators_district_is_not_changed(enter, district_admin, world):
    """乙区's administrator draws on his own side of the border only."""
    mine, theirs = "620902001001001", "620901001002001"
    client = enter(district_admin)
    ids = {code: Area.objects.get(code=code).pk for code in (mine, theirs)}
    shapes = {str(ids[code]): json.loads(shapely.to_geojson(stored(code))) for code in ids}
    answer = post(client, "map_check", mine, shapes=shapes)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == f"shapes.{theirs}"
    told = client.get(url("map_shapes", mine)).json()
    assert {one["code"]: one["editable"] for one in told["neighbours"]}[theirs] is False


# --- what is told -------------------------------------------------------------------------------------------------


def test_shapes_have_every_corner_and_the_neighbours(enter, world, django_assert_max_num_queries):
    client = enter("system_admin")
    client.get(url("map_shapes", GRID))
    with django_assert_max_num_queries(8):  # session, user, Django's own rights, ours, the area is his, the shapes
        told = client.get(url("map_shapes", GRID)).json()
    assert shapely.from_geojson(json.dumps(told["area"]["shape"])).equals_exact(stored(GRID), 0)
    assert ABOVE in {one["code"] for one in told["neighbours"]}
    assert GRID not in {one["code"] for one in told["neighbours"]}
    assert told["above"]["type"] == "Polygon"
    assert told["below"] == []


def test_check_says_what_would_follow_and_writes_nothing(enter, world):
    before = stored(GRID), areas.index().revision
    lon, _lat = world.point(ABOVE)
    bottom = stored(ABOVE).bounds[1]
    number = world.report(lon=lon, lat=bottom + STEP / 2)
    told = post(enter("system_admin"), "map_check").json()
    assert told["ok"] is True
    assert [one["code"] for one in told["changed"]] == [GRID, ABOVE]
    said = {effect["label"]: effect for effect in told["effects"]}
    assert said["在办案件改属"]["count"] == 1
    assert said["任职于这些区域"]["count"] == 2
    assert set(said) == {"部件改属", "场所改属", "在办案件改属", "任职于这些区域"}
    assert (stored(GRID), areas.index().revision) == before
    assert world.case(number).grid.code == ABOVE


def test_saving_keeps_the_areas_of_ended_cases_and_moves_open_ones(enter, world):
    lon, _lat = world.point(ABOVE)
    at = {"lon": lon, "lat": stored(ABOVE).bounds[1] + STEP / 2}
    ended, running = world.report(**at), world.report(**at)
    world.perform(ended, "reject", "acceptor", reason="outside", note="不在范围")
    answer = post(enter("system_admin"), "map_save", reason="甘政发2026-1号")
    assert answer.status_code == 200, answer.content.decode()
    assert answer.json()["url"] == url("change", GRID)
    placing.place_again(at=clock.now())
    assert world.case(running).grid.code == GRID
    assert world.case(ended).grid.code == ABOVE
    entry = AuditEntry.objects.get(action="area.redraw")
    assert (entry.actor.username, set(entry.detail["areas"])) == ("system_admin", {GRID, ABOVE})


def test_refusals_name_their_field_in_chinese(enter, world):
    client = enter("system_admin")
    assert post(client, "map_save").json()["errors"] == [{"field": "reason", "message": "请填写调整依据"}]
    overlap = post(client, "map_save", shapes=drawn(codes=(GRID,)), reason="x")
    assert (overlap.status_code, overlap.json()["errors"][0]["field"]) == (400, "shapes")
    assert "拓扑错误" in overlap.json()["errors"][0]["message"]
    stale = post(client, "map_check", revision=0)
    assert (stale.status_code, stale.json()["errors"][0]["field"]) == (409, "revision")
    same = post(client, "map_save", shapes=drawn(by=0), reason="x")
    assert same.json()["errors"] == [{"field": "shapes", "message": "边界没有变化"}]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"{}", b'{"shapes": 3, "revision": 1}', b"\xff"])
def test_bad_bodies_are_answered_400(enter, body):
    answer = enter("system_admin").post(url("map_check", GRID), body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] in ("shapes", "revision")


def test_a_body_that_is_too_large_is_refused_at_its_field(enter, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = post(enter("system_admin"), "map_check")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "shapes", "message": "提交的边界过大，请用导入"}]


def test_the_map_of_a_city_leads_to_its_districts(enter, world):
    page = enter("system_admin").get(url("map", "620900"))
    assert "由其下级合并" in page.text
    assert url("map", "620901") in page.text
    assert "areaedit.js" not in page.text


def test_the_page_of_an_area_leads_to_its_map(enter, world):
    client = enter("system_admin")
    assert url("map", GRID) in client.get(url("change", GRID)).text
    assert url("map", GRID) in client.get(reverse("admin:grids_area_changelist"), {"q": GRID}).text
    assert client.get("/admin/grids/area/999999/map/").status_code == 404
    assert client.get(f"/admin/grids/area/{10**30}/map/").status_code == 404
