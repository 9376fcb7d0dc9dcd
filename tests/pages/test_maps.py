"""What the map is told: shapes that still fit together, cases within a box, each to those who may see them."""

import gzip
import json
from datetime import timedelta

import numpy as np
import pytest
import shapely
from django.core.cache import caches

from dispatch.views import maps
from gridgov import env
from gridgov.common import clock
from grids import outlines, services
from grids.spatial import areas
from personnel.services import end_posting, post

pytestmark = pytest.mark.django_db
CITY_BOX = "103.5,36.0,103.7,36.2"


def shapes(answer: dict) -> np.ndarray:
    """The polygons of an answer, unpacked as the browser does."""

    def ring(numbers: list[int]) -> np.ndarray:
        return np.array(numbers).reshape(-1, 2).cumsum(axis=0) * answer["unit"]

    return np.array(
        [shapely.MultiPolygon([(ring(part[0]), [ring(hole) for hole in part[1:]]) for part in area["shape"]])
         for area in answer["areas"]],
        dtype=object,
    )  # fmt: skip


@pytest.mark.parametrize("level", [2, 3, 4, 5])
@pytest.mark.parametrize("detail", range(len(outlines.DETAILS)))
def test_shapes_are_a_coverage_at_every_level_and_detail(world, level, detail):
    answer = json.loads(outlines.outlines(world.root.pk, level, detail).body)
    found = shapes(answer)
    assert {area["id"] for area in answer["areas"]} == {r.id for r in areas.index().all() if r.level == level}
    assert shapely.coverage_is_valid(found)
    assert shapely.is_valid(found).all()
    whole = shapely.from_wkb(bytes(world.root.boundary)).area
    assert shapely.coverage_union_all(found).area == pytest.approx(whole, rel=0.02)


def test_simplifying_wavy_neighbours_leaves_no_sliver_and_fewer_points():
    x = np.linspace(104, 104.1, 400)
    wave = 36 + 0.0004 * np.sin(np.arange(400))
    edge = list(zip(x, wave, strict=True))
    above = shapely.Polygon([*edge, (104.1, 36.1), (104, 36.1)])
    below = shapely.Polygon([*edge, (104.1, 35.9), (104, 35.9)])
    made = outlines.simplified(list(shapely.to_wkb([above, below])), 400.0)
    assert shapely.coverage_is_valid(made)
    assert shapely.get_num_coordinates(made).sum() < 60
    assert shapely.intersection(made[0], made[1]).area == 0
    assert outlines.simplified([], 400.0).size == 0


def test_borders_of_streets_run_along_the_grids(world):
    answer = json.loads(outlines.outlines(world.areas["620901"].pk, 5, 3).body)
    assert answer["borders"]
    assert answer["edge"]
    assert json.loads(outlines.outlines(world.areas["620901001001001"].pk, 5, 3).body)["borders"] == []


def test_areas_are_told_to_those_alone_who_may_see_them(world, sign_in):
    own, other = world.areas["620901"].pk, world.areas["620902"].pk
    chief = sign_in("duty_chief")
    assert chief.get(f"/map/areas/?area={own}&level=3").status_code == 200
    assert chief.get(f"/map/areas/?area={other}&level=3").status_code == 404
    assert sign_in("nobody").get(f"/map/areas/?area={own}&level=3").status_code == 403
    for wrong in ("level=1", "level=6", "level=x", "level=3&detail=9", f"level={10**15}"):
        assert chief.get(f"/map/areas/?area={own}&{wrong}").status_code == 404


def test_areas_are_packed_marked_and_not_sent_twice(world, sign_in, statements):
    leader = sign_in("leader")
    path = f"/map/areas/?area={world.root.pk}&level=5&detail=1"
    first = leader.get(path, headers={"accept-encoding": "gzip"})
    plain = leader.get(path)
    assert gzip.decompress(first.content) == plain.content
    assert first["X-Plain-Size"] == str(len(plain.content))
    assert len(first.content) < len(plain.content)
    assert "private" in first["Cache-Control"]
    again = leader.get(path, headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert leader.get(path, headers={"if-none-match": '"other"'}).status_code == 200
    assert statements(leader, path) == 1  # whose session it is: the shapes are kept


def test_changed_areas_have_another_mark(world, sign_in):
    leader = sign_in("leader")
    path = f"/map/areas/?area={world.root.pk}&level=2"
    before = leader.get(path)["ETag"]
    assert leader.get(path)["ETag"] == before
    services.change_area(area=world.areas["620901"], name="改名区")
    changed = leader.get(path)
    assert changed["ETag"] != before
    assert "改名区" in changed.text


# --- cases --------------------------------------------------------------------------------------------------------


def cases(client, *, zoom: int = 14, box: str = CITY_BOX, more: str = "") -> dict:
    return client.get(f"/map/cases/?bbox={box}&zoom={zoom}{more}").json()


def test_cases_in_the_box_are_told_to_those_who_may_see_them(world, sign_in):
    here, there = world.report(), world.report(by="acceptor_b", grid="620902001001001")
    assert {p[0] for p in cases(sign_in("leader"))["points"]} == {here, there}
    assert [p[0] for p in cases(sign_in("duty_chief"))["points"]] == [here]
    assert [p[0] for p in cases(sign_in("leader"), more=f"&area={world.areas['620902'].pk}")["points"]] == [there]
    assert cases(sign_in("leader"), box="100,30,101,31")["points"] == []
    assert sign_in("nobody").get(f"/map/cases/?bbox={CITY_BOX}&zoom=14").status_code == 403
    assert (
        sign_in("duty_chief").get(f"/map/cases/?bbox={CITY_BOX}&zoom=14&area={world.areas['620902'].pk}").status_code
        == 404
    )


def test_secret_cases_are_no_points_for_others(world, sign_in):
    secret = world.report(category="0302")
    assert cases(sign_in("supervisor"))["points"] == []
    assert [p[0] for p in cases(sign_in("acceptor"))["points"]] == [secret]


def test_points_have_the_shape_of_their_time(world, sign_in):

    late, fresh = world.report(at=clock.now() - timedelta(days=20)), world.report()
    kinds = {p[0]: p[3] for p in cases(sign_in("acceptor"))["points"]}
    assert kinds == {late: "over", fresh: "normal"}


@pytest.mark.parametrize("wrong", ["", "1,2,3", "a,b,c,d", "1,2,nan,4", "10,0,5,1", "0,0,1,inf", "0,0,999,1"])
def test_box_that_is_none_is_not_found(sign_in, wrong):
    assert sign_in("leader").get(f"/map/cases/?bbox={wrong}&zoom=14").status_code == 404


def test_zoom_that_is_none_is_not_found(sign_in):
    for wrong in ("", "x", "-1", "99"):
        assert sign_in("leader").get(f"/map/cases/?bbox={CITY_BOX}&zoom={wrong}").status_code == 404


def test_far_away_and_too_many_cases_are_counts_of_areas(world, sign_in, monkeypatch):
    for grid in ("620901001001001", "620901001001001", "620901001001002"):
        world.report(grid=grid)
    far = cases(sign_in("leader"), zoom=8)["clusters"]
    assert [(row[0], row[4]) for row in far] == [(world.areas["620901"].pk, 3)]
    monkeypatch.setattr(maps, "MOST_POINTS", 2)
    near = cases(sign_in("duty_chief"), zoom=16)
    assert "points" not in near
    assert sum(row[4] for row in near["clusters"]) == 3


def test_answer_from_near_is_of_now_and_its_statements_do_not_grow(world, sign_in, statements):
    leader = sign_in("leader")
    world.report()
    path = f"/map/cases/?bbox={CITY_BOX}&zoom=14"
    few = statements(leader, path)
    for _case in range(4):
        world.report()
    assert len(leader.get(path).json()["points"]) == 5
    assert statements(leader, path) == few == 2  # whose session it is, the points
    assert len(leader.get(path).content) < 60_000


def far(client) -> list[list]:
    """District, lon, lat, name, open, overdue and due soon, of each that has open cases."""
    return cases(client, zoom=9)["clusters"]


def test_answer_from_afar_is_kept_and_asks_nothing(world, sign_in, statements):
    leader = sign_in("leader")
    world.report()
    assert [row[4] for row in far(leader)] == [1]
    world.report()
    assert statements(leader, f"/map/cases/?bbox={CITY_BOX}&zoom=9") == 1  # whose session it is
    assert [row[4] for row in far(leader)] == [1]
    for name in ("process", "default"):
        caches[name].clear()
    assert [row[4] for row in far(leader)] == [2]


def test_kept_answer_is_never_that_of_somebody_who_sees_other_areas(world, sign_in):
    world.report()
    own, other = world.areas["620901"].pk, world.areas["620902"].pk
    assert [row[0] for row in far(sign_in("duty_chief"))] == [own]
    assert far(sign_in("duty_chief_b")) == []
    world.report(by="acceptor_b", grid="620902001001001")
    assert [row[0] for row in far(sign_in("leader"))] == [own, other]
    assert [row[0] for row in far(sign_in("duty_chief"))] == [own]
    assert far(sign_in("duty_chief_b")) == []  # as it was: his own answer is kept
    assert [row[0] for row in far(sign_in("supervisor_b"))] == [other]


def test_kept_answer_is_never_that_of_a_colleague_who_is_named_on_a_secret_case(world, sign_in):
    world.report(category="0302")
    assert [row[4] for row in far(sign_in("acceptor"))] == [1]
    assert far(sign_in("supervisor")) == []


def test_whoever_sees_another_area_from_now_on_is_told_of_it_at_once(world, sign_in):
    world.report(), world.report(by="acceptor_b", grid="620902001001001")
    own, other = world.areas["620901"], world.areas["620902"]
    chief, posting = sign_in("duty_chief"), world.people["duty_chief"].worker.postings.get()
    assert [row[0] for row in far(chief)] == [own.pk]
    today = clock.local_date(clock.now())
    end_posting(posting=posting, ends_on=today - timedelta(days=1), reason="轮岗")
    post(worker=posting.worker, role="duty_chief", area=other, starts_on=today)
    assert [row[0] for row in far(chief)] == [other.pk]


def test_tiles_of_the_settings_are_allowed_as_pictures_and_no_others(sign_in, settings):

    assert "http" not in sign_in("leader").get("/dashboard/")["Content-Security-Policy"]
    settings.MAP_TILES = [env.TileSource("天地图", "https://t{s}.tianditu.gov.cn/vec/{z}/{x}/{y}", "天地图")]
    page = sign_in("leader").get("/dashboard/")
    assert "img-src 'self' data: https://*.tianditu.gov.cn;" in page["Content-Security-Policy"]
    assert "tianditu.gov.cn/vec" in page.text
