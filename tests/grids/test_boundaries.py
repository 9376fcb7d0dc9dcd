"""Boundaries drawn by hand: the importer's checks in words, what would follow, and one revision for all of it."""

import json

import pytest
import shapely

from gridgov.common.errors import Conflict, FieldError
from gridgov.common.models import AuditEntry
from grids import boundaries, importers
from grids.models import Area, Component, IndexRevision
from grids.spatial import areas
from tests.grids.cities import SIZE, area, make_city, square
from tests.statements import at_most

pytestmark = pytest.mark.django_db

SOUTH, NORTH = "110101001001001", "110101001001002"
WEST, BASE = 104.0, 36.0
#: How far the border between the two grids is moved north, in degrees.
STEP = 0.002


@pytest.fixture(autouse=True)
def city() -> Area:
    return make_city()


def record(code: str):
    return areas.get(area(code).pk)


def shape(code: str) -> shapely.Geometry:
    return shapely.from_wkb(bytes(area(code).boundary))


def moved(found: shapely.Geometry, *, along: float = BASE + SIZE, by: float = STEP, only_west: bool = False) -> dict:
    """The geometry with its corners at that latitude moved north, as GeoJSON."""

    def corners(at):
        at = at.copy()
        here = abs(at[:, 1] - along) < 1e-9
        if only_west:
            here &= abs(at[:, 0] - WEST) < 1e-9
        at[here, 1] += by
        return at

    return json.loads(shapely.to_geojson(shapely.transform(found, corners)))


def both(**how) -> dict:
    """The border between the two grids moved for both."""
    return {area(code).pk: moved(shape(code), **how) for code in (SOUTH, NORTH)}


def draw(shapes: dict, *, code: str = SOUTH, revision: int | None = None) -> boundaries.Drawing:
    now = areas.index().revision if revision is None else revision
    return boundaries.draw(area=record(code), shapes=shapes, revision=now)


def component(code: str, lon: float, lat: float, in_area: str) -> Component:
    return Component.objects.create(
        root=area(SOUTH).root, code=code, type_code="0101", lon=lon, lat=lat, area=area(in_area)
    )


def test_a_border_moved_for_both_is_saved_as_one_revision_and_audited(city):
    before = IndexRevision.objects.get().value
    drawing = draw(both(only_west=True))
    assert (drawing.may_be_saved, drawing.faults) == (True, [])
    assert set(drawing.changed) == {SOUTH, NORTH}
    revision = boundaries.save(drawing=drawing, reason="甘政发2026-1号", address="10.0.0.1")
    assert revision == before + 1 == area(SOUTH).revision == area(NORTH).revision
    assert areas.locate(WEST + SIZE / 10, BASE + SIZE + STEP / 2).area_id == area(SOUTH).pk
    entry = AuditEntry.objects.get(action="area.redraw")
    assert (entry.object_id, entry.address) == (str(area(SOUTH).pk), "10.0.0.1")
    assert entry.detail["reason"] == "甘政发2026-1号"
    sizes = entry.detail["areas"]
    assert sizes[SOUTH][0] < sizes[SOUTH][1]
    assert sum(old for old, _new in sizes.values()) == pytest.approx(sum(new for _old, new in sizes.values()), abs=2)


def test_stored_boundaries_come_back_from_geojson_as_they_were(city):
    same = {area(code).pk: json.loads(shapely.to_geojson(shape(code))) for code in (SOUTH, NORTH)}
    drawing = draw(same)
    assert (drawing.changed, drawing.may_be_saved, drawing.effects()) == ({}, False, [])
    assert boundaries.save(drawing=drawing, reason="无") is None


def test_an_overlap_is_an_error_with_its_names_size_and_place(city):
    drawing = draw({area(SOUTH).pk: moved(shape(SOUTH))})
    errors = [fault for fault in drawing.faults if fault.is_error]
    assert [fault.words.startswith(f"重叠：{SOUTH} / {NORTH}") for fault in errors] == [True]
    assert "公顷" in errors[0].words
    place = shapely.from_geojson(json.dumps(errors[0].shape))
    assert place.area == pytest.approx(SIZE * STEP, rel=1e-6)
    assert not drawing.may_be_saved
    before = bytes(area(SOUTH).boundary)
    with pytest.raises(importers.LoadRefused):
        boundaries.save(drawing=drawing, reason="试")
    assert bytes(area(SOUTH).boundary) == before
    assert not AuditEntry.objects.filter(action="area.redraw").exists()


def test_a_gap_is_a_warning_with_its_place_and_may_be_saved(city):
    drawing = draw({area(SOUTH).pk: moved(shape(SOUTH), by=-STEP)})
    gaps = [fault for fault in drawing.faults if fault.words.startswith("空隙")]
    assert len(gaps) == 1
    assert not gaps[0].is_error
    assert shapely.from_geojson(json.dumps(gaps[0].shape)).area == pytest.approx(SIZE * STEP, rel=1e-6)
    assert drawing.may_be_saved
    boundaries.save(drawing=drawing, reason="河道")
    # what lay in the gap belongs to the community
    assert areas.locate(WEST + SIZE / 2, BASE + SIZE - STEP / 2).area_id == area("110101001001").pk


def test_what_sticks_out_of_its_parent_is_said(city):
    drawing = draw({area(SOUTH).pk: moved(shape(SOUTH), along=BASE, by=-STEP)})
    assert any(fault.words.startswith("超出上级") and not fault.is_error for fault in drawing.faults)


def test_a_crossed_ring_is_an_error_and_nothing_else_is_asked(city):
    bow = {"type": "Polygon", "coordinates": [[[104, 36], [104.01, 36.01], [104.01, 36], [104, 36.01], [104, 36]]]}
    drawing = draw({area(SOUTH).pk: bow})
    assert [fault.words[:4] for fault in drawing.faults] == ["边界无效"]
    assert (drawing.may_be_saved, drawing.effects()) == (False, [])


@pytest.mark.parametrize(
    "wrong",
    [
        None, [], "x", {"type": "Point", "coordinates": [104, 36]}, {"type": "Polygon"},
        {"type": "Polygon", "coordinates": [[[104, 36], [104, 37]]]}, {"type": "Polygon", "coordinates": "x"},
        {"type": "Polygon", "coordinates": [[["a", "b"], [1, 2], [3, 4], [1, 2]]]},
    ],
)  # fmt: skip
def test_what_is_no_polygon_is_refused_by_its_field(city, wrong):
    with pytest.raises(FieldError) as refused:
        draw({area(SOUTH).pk: wrong})
    assert refused.value.field == f"shapes.{SOUTH}"


@pytest.mark.parametrize("shapes", [None, {}, [], {"x": {}}, {"9" * 30: {}}, {0: {}}])
def test_what_names_no_area_of_the_level_is_refused(city, shapes):
    with pytest.raises(FieldError) as refused:
        draw(shapes)
    assert refused.value.field.startswith("shapes")


def test_areas_of_other_levels_and_cities_are_refused(city):
    make_city("220100", "220101", lon=110.0)
    for code, root in (("110101001001", "110100"), ("220101001001001", "220100")):
        other = area(code, root)
        with pytest.raises(FieldError) as refused:
            draw({other.pk: json.loads(shapely.to_geojson(square(104, 36)))})
        assert refused.value.field == f"shapes.{other.pk}"


def test_a_city_is_not_drawn(city):
    with pytest.raises(FieldError, match="由其下级合并"):
        boundaries.draw(area=areas.get(city.pk), shapes={city.pk: {}}, revision=1)


def test_who_drew_on_old_lines_is_told_and_nothing_is_written(city):
    old = areas.index().revision
    boundaries.save(drawing=draw(both()), reason="先")
    with pytest.raises(Conflict, match="已被修改"):
        draw(both(), revision=old)
    with pytest.raises(FieldError) as refused:
        draw(both(), revision="x")  # type: ignore[arg-type]
    assert refused.value.field == "revision"


def test_of_two_who_save_the_second_is_refused(city):
    first, second = draw(both()), draw(both(by=STEP / 2))
    boundaries.save(drawing=first, reason="先")
    with pytest.raises(Conflict):
        boundaries.save(drawing=second, reason="后")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_a_change_needs_its_reason(city, reason):
    drawing = draw(both())
    with pytest.raises(FieldError) as refused:
        boundaries.save(drawing=drawing, reason=reason)
    assert refused.value.field == "reason"


def test_components_that_change_hands_are_counted_and_moved(city):
    stays = component("1", WEST + SIZE / 2, BASE + SIZE / 2, SOUTH)
    goes = component("2", WEST + SIZE / 2, BASE + SIZE + STEP / 2, NORTH)
    drawing = draw(both())
    counted = {effect.label: effect for effect in drawing.effects()}
    assert counted["部件改属"].count == 1
    assert counted["部件改属"].moves[0].endswith("：1")
    assert counted["场所改属"].count == 0
    boundaries.save(drawing=drawing, reason="改")
    stays.refresh_from_db()
    goes.refresh_from_db()
    assert (stays.area.code, goes.area.code) == (SOUTH, SOUTH)


def test_points_in_areas_below_the_drawn_ones_stay(city):
    west, east = "110101001001", "110101001002"
    component("1", WEST + SIZE + STEP / 2, BASE + SIZE / 2, "110101001002001")
    shapes = {}
    for code in (west, east):
        found = shape(code)
        flipped = shapely.transform(found, lambda at: at[:, ::-1])
        drawn = moved(flipped, along=WEST + SIZE)
        back = shapely.transform(shapely.from_geojson(json.dumps(drawn)), lambda at: at[:, ::-1])
        shapes[area(code).pk] = json.loads(shapely.to_geojson(back))
    drawing = draw(shapes, code=west)
    assert drawing.may_be_saved
    assert [effect.count for effect in drawing.effects() if effect.label == "部件改属"] == [0]
    # the grids below were not drawn along: one sticks out of its community now
    assert any(fault.words.startswith("超出上级") for fault in drawing.faults)


def test_a_rehearsal_takes_few_statements_and_writes_nothing(city):
    shapes = both()
    areas.index()
    before = IndexRevision.objects.get().value
    with at_most(12):
        drawing = draw(shapes)
        drawing.effects()
    assert IndexRevision.objects.get().value == before
