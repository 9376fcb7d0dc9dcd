"""The layers of the map: components, where workers are posted, zones. Scoped, bounded, cheap, and nobody's name."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch.views import map_layers
from gridgov.common import clock
from gridgov.common.reference import touch
from grids import services
from grids.models import Area, Component, ServiceZone
from grids.spatial import REFERENCE
from personnel import services as people

pytestmark = pytest.mark.django_db
CITY_BOX = "103.5,36.0,103.7,36.2"
LAYERS = ("components", "duty")
TABLES = {"components": "grids_component", "duty": "grids_areamembership", "zones": "grids_servicezone"}


def ask(client, layer: str, *, zoom: int = 16, box: str = CITY_BOX, more: str = ""):
    return client.get(f"/map/{layer}/?bbox={box}&zoom={zoom}{more}")


def component(world, code: str, grid: str = "620901001001001", *, state: str = "intact", **more) -> Component:
    lon, lat = world.point(grid)
    given = {"name": "路灯", "address": "西固中路302号", "lon": lon, "lat": lat} | more
    return Component.objects.create(
        root=world.root, code=code, type_code="0102", area=world.areas[grid], state=state, **given
    )


def zone(world, code: str, members, kind: str = "market", name: str = "") -> ServiceZone:
    made = ServiceZone(root=world.root, code=code, name=name or f"所{code}", kind=kind)
    return services.save_zone(zone=made, members=[world.areas[m].pk for m in members])


# --- permission -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["components", "duty", "zones"])
def test_layers_are_for_who_sees_cases_there(world, sign_in, layer):
    own, other = world.areas["620901"].pk, world.areas["620902"].pk
    assert ask(sign_in("nobody"), layer).status_code == 403
    assert ask(sign_in("department_handler"), layer).status_code == 403
    chief = sign_in("duty_chief")
    assert ask(chief, layer, more=f"&area={own}").status_code == 200
    assert ask(chief, layer, more=f"&area={other}").status_code == 404
    assert ask(chief, layer, more="&area=999999").status_code == 404


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    "wrong", ["bbox=1,2,3&zoom=5", "bbox=a,b,c,d&zoom=5", "bbox=0,0,1,1&zoom=x", "zoom=5", "bbox=0,0,1,1&zoom=23"]
)
def test_no_box_or_zoom_is_not_found(sign_in, layer, wrong):
    assert sign_in("leader").get(f"/map/{layer}/?{wrong}").status_code == 404


def test_no_detail_is_not_found(world, sign_in):
    assert sign_in("leader").get("/map/zones/?detail=9").status_code == 404


# --- components -----------------------------------------------------------------------------------------------------


def test_components_near_are_points_of_the_persons_areas(world, sign_in):
    component(world, "A")
    component(world, "B", "620902001001001")
    component(world, "gone", state="removed")
    component(world, "bad", state="damaged")
    assert {p[0] for p in ask(sign_in("leader"), "components").json()["points"]} == {"A", "B", "bad"}
    points = ask(sign_in("duty_chief"), "components").json()["points"]
    assert {p[0]: p[3:] for p in points} == {
        "A": ["路灯", "完好", "西固中路302号"], "bad": ["路灯", "破损", "西固中路302号"],
    }  # fmt: skip
    assert ask(sign_in("leader"), "components", box="100,30,101,31").json()["points"] == []


def test_components_far_away_or_many_are_counts_by_area(world, sign_in):
    component(world, "A")
    component(world, "B", "620901001001002")
    component(world, "C", "620902001001001")
    far = ask(sign_in("leader"), "components", zoom=9).json()["clusters"]
    assert [(c[3], c[4]) for c in far] == [("甲区", 2), ("乙区", 1)]
    near = [Component(root=world.root, code=f"N{i}", type_code="0102", name="井盖", lon=103.601 + i * 1e-6, lat=36.052,
                      area=world.areas["620901001001001"], short_code=f"S{i}", qr_token=f"T{i}")
            for i in range(map_layers.MOST_POINTS + 1)]  # fmt: skip
    Component.objects.bulk_create(near)
    answer = ask(sign_in("leader"), "components").json()
    assert "points" not in answer
    assert sum(c[4] for c in answer["clusters"]) == len(near) + 3


@pytest.mark.parametrize("zoom", [4, 9, 11, 13, 16, 22])
def test_layers_are_small_at_every_zoom_however_many_there_are(world, sign_in, zoom):
    rows = [Component(root=world.root, code=f"{i:032}", type_code="0102", name="名" * 80, address="址" * 200,
                      lon=103.601 + (i % 100) * 1e-4, lat=36.052, area=world.areas["620901001001001"],
                      short_code=f"S{i}", qr_token=f"T{i}") for i in range(map_layers.MOST_POINTS)]  # fmt: skip
    Component.objects.bulk_create(rows)
    for layer in LAYERS:
        answer = ask(sign_in("leader"), layer, zoom=zoom)
        assert len(answer.content) <= map_layers.MOST_BYTES
        told = answer.json()
        assert sum(len(told.get(name, [])) for name in ("points", "clusters", "cells")) <= map_layers.MOST_POINTS


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("count", [1, 3])
def test_layers_take_two_statements_and_none_for_a_while(world, sign_in, layer, count):
    for number in range(count):
        component(world, f"A{number}")
    leader = sign_in("leader")
    path = f"/map/{layer}/?bbox={CITY_BOX}&zoom=9"
    leader.get("/map/areas/")
    with CaptureQueriesContext(connection) as found:
        first = leader.get(path)
    assert sum(TABLES[layer] in q["sql"] and "common_user" not in q["sql"].split("WHERE")[0][:40] for q in found) <= 2
    with CaptureQueriesContext(connection) as again:
        assert leader.get(path).content == first.content
    assert sum("grids_component" in q["sql"] for q in again) == 0
    assert len(again) < len(found) + 1
    assert len(again) <= 4  # session, user, who he is, tokens


def test_what_is_kept_is_for_who_sees_the_same_areas_alone(world, sign_in):
    component(world, "A")
    component(world, "B", "620902001001001")
    assert len(ask(sign_in("leader"), "components").json()["points"]) == 2
    assert len(ask(sign_in("duty_chief"), "components").json()["points"]) == 1


def test_what_is_kept_is_in_the_language_of_who_reads(world, sign_in):
    component(world, "A")
    leader = sign_in("leader")
    [here] = ask(leader, "components").json()["points"]
    leader.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    [there] = ask(leader, "components").json()["points"]
    assert (here[4], there[4]) == ("完好", "Intact")


# --- where workers are posted ---------------------------------------------------------------------------------------


def test_grids_say_whether_somebody_is_posted_and_nobodys_name(world, sign_in):
    answer = ask(sign_in("leader"), "duty", zoom=16)
    cells = {cell[0]: cell[4:] for cell in answer.json()["cells"]}
    by_code = {code: cells.get(area.pk) for code, area in world.areas.items() if area.level == 5}
    assert by_code["620901001001001"][1:] == [1, 1]
    assert by_code["620901002002002"] == [0, 0, 1]
    for login, person in world.people.items():
        assert person.name not in answer.text, login
        assert person.phone not in answer.text, login


def test_from_afar_grids_with_somebody_are_counted(world, sign_in):
    cells = {cell[3]: cell[4:] for cell in ask(sign_in("leader"), "duty", zoom=9).json()["cells"]}
    assert set(cells) == {"甲区", "乙区"}
    near = [cell for cell in ask(sign_in("leader"), "duty", zoom=16).json()["cells"]]
    assert sum(cells[name][1] for name in cells) == sum(cell[5] for cell in near)
    assert sum(cells[name][2] for name in cells) == len(near) == 16
    own = ask(sign_in("duty_chief"), "duty", zoom=9).json()["cells"]
    assert [cell[3] for cell in own] == ["甲区"]


def test_a_posting_counts_from_its_first_day(world, sign_in):
    empty, filled = world.areas["620901002002002"], world.areas["620901002002001"]
    today = clock.local_date(clock.now())
    for area, day in ((empty, today + timedelta(days=1)), (filled, today)):
        people.post(worker=world.workers["nobody"], role="grid_worker", area=area, starts_on=day)
    cells = {cell[0]: cell[4:] for cell in ask(sign_in("leader"), "duty", zoom=16).json()["cells"]}
    assert (cells[empty.pk], cells[filled.pk]) == ([0, 0, 1], [1, 1, 1])


# --- zones ----------------------------------------------------------------------------------------------------------


def test_zones_are_outlines_of_what_they_have_in_the_area(world, sign_in):
    zone(world, "1", ["620901001001001", "620901001001002"], name="西固市场所")
    zone(world, "2", ["620902"], kind="police")
    answer = sign_in("leader").get(f"/map/zones/?area={world.root.pk}&detail=2").json()
    assert [(z[1], z[2]) for z in answer["zones"]] == [("西固市场所", "market"), ("所2", "police")]
    first = answer["zones"][0]
    assert len(first[4]) == 1  # two neighbours are one outline
    own = sign_in("duty_chief").get(f"/map/zones/?area={world.areas['620901'].pk}").json()
    assert [z[1] for z in own["zones"]] == ["西固市场所"]
    # a zone above the area is the area itself
    inside = sign_in("leader").get(f"/map/zones/?area={world.areas['620902001'].pk}").json()
    assert [z[1] for z in inside["zones"]] == ["所2"]


def test_zone_whose_areas_have_ended_is_none(world, sign_in):
    zone(world, "1", ["620901001001001"], name="撤销的所")
    zone(world, "2", ["620902"])
    Area.objects.filter(code="620901001001001").update(valid_to=clock.local_date(clock.now()))
    touch(REFERENCE)
    answer = sign_in("leader").get(f"/map/zones/?area={world.root.pk}")
    assert answer.status_code == 200
    assert [z[1] for z in answer.json()["zones"]] == ["所2"]


def test_zones_take_two_statements_then_one_and_say_what_changed(world, sign_in):
    made = zone(world, "1", ["620901001001001"])
    leader = sign_in("leader")
    path = f"/map/zones/?area={world.root.pk}"

    def asked() -> tuple[list[str], str]:
        with CaptureQueriesContext(connection) as found:
            answer = leader.get(path)
        mine = [q["sql"] for q in found if "grids_servicezone" in q["sql"] or '"boundary"' in q["sql"]]
        return mine, answer["ETag"]

    leader.get("/map/areas/")
    first, mark = asked()
    assert len(first) == 2
    again, same = asked()
    assert (len(again), same) == (1, mark)
    assert leader.get(path, headers={"if-none-match": mark}).status_code == 304
    made.name = "新名"
    services.save_zone(zone=made, members=[world.areas["620901001001001"].pk])
    assert "新名" in leader.get(path).text


def test_zones_are_small_however_many(world, sign_in):
    rows = [ServiceZone(root=world.root, code=f"{i:04}", name="名" * 120, kind="police") for i in range(520)]
    ServiceZone.objects.bulk_create(rows)
    through = ServiceZone.areas.through
    grids = [area.pk for area in world.areas.values() if area.level == 5]
    through.objects.bulk_create(
        [through(servicezone_id=row.pk, area_id=grids[n % len(grids)]) for n, row in enumerate(rows)]
    )
    services.touch("areas")
    answer = sign_in("leader").get(f"/map/zones/?area={world.root.pk}&detail=3")
    assert int(answer["X-Plain-Size"]) <= 60_000
    assert len(json.loads(answer.content)["zones"]) == 500
