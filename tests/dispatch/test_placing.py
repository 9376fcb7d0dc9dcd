"""Open cases are placed again when the map changes."""

import numpy as np
import pytest
import shapely

from dispatch import placing, tasks
from gridgov.common import clock
from grids import importers
from grids.geometry import canonical
from grids.models import Area, Component, Level, PlacingDue
from grids.services import place_due, place_later, raise_revision
from grids.sources import Features
from grids.spatial import areas
from incidents import journal
from incidents.models import JournalEntry
from tests.worlds import CELL, ROOT, SOUTH, WEST

pytestmark = pytest.mark.django_db


def box(x: float, y: float, width: float, height: float) -> shapely.Geometry:
    west, south = WEST + x * CELL, SOUTH + y * CELL
    return shapely.box(*(round(v, 6) for v in (west, south, west + width * CELL, south + height * CELL)))


def swap_grids(*pairs: tuple[str, shapely.Geometry]) -> None:
    """The grids of the city are as they were, but for those given."""
    index = areas.index()
    rows = list(Area.objects.filter(root__code=ROOT, level=Level.GRID, valid_to=None).order_by("code"))
    given = dict(pairs)
    shapes = [given.get(row.code) or shapely.from_wkb(bytes(row.boundary)) for row in rows]
    features = Features(
        rows=list(range(1, len(rows) + 1)),
        codes=[row.code for row in rows],
        names=[row.name for row in rows],
        parents=[index.get(row.parent_id).code for row in rows],
        kinds=["urban"] * len(rows),
        shapes=canonical(np.array(shapes, dtype=object)),
    )
    importers.commit(
        importers.plan_load(root=ROOT, level=Level.GRID, features=features, parents_given=True, root_name="试城市")
    )


def test_case_in_a_grid_that_was_redrawn_is_placed_again(world):
    """The border between two grids of a community moves north over the case."""
    lon, lat = world.point("620901001001002")
    number = world.report(lon=lon, lat=lat - 0.003)
    other = world.report(grid="620902002002002")
    before = world.case(number)
    assert before.grid.code == "620901001001002"
    swap_grids(("620901001001001", box(0, 0, 1, 1.5)), ("620901001001002", box(0, 1.5, 1, 0.5)))
    assert placing.place_again(at=clock.now()) == 1
    case = world.case(number)
    assert (case.grid.code, case.community_id, case.holder_id) == (
        "620901001001001", before.community_id, before.holder_id,
    )  # fmt: skip
    assert (case.version, case.placed_revision) == (1, areas.index().revision)
    entry = JournalEntry.objects.get(incident=case, action="placed_again")
    assert (entry.payload["from"][4], entry.payload["areas"][4]) == (before.grid_id, case.grid_id)
    assert world.case(other).placed_revision == areas.index().revision
    assert JournalEntry.objects.filter(action="placed_again").count() == 1
    assert journal.verify().is_whole
    assert placing.place_again(at=clock.now()) == 0


def test_case_whose_centre_lost_its_desk_goes_to_the_next(world):
    number = world.report(category="0203")  # held by the street
    assert world.case(number).holder.code == "620901001"
    Area.objects.filter(code="620901001").update(has_desk=False, revision=raise_revision())
    lon, lat = world.point("620901001001001")
    swap_grids(("620901001001001", box(0, 0, 1, 0.25)), ("620901001001002", box(0, 0.25, 1, 1.75)))
    assert areas.locate(lon, lat).area_id == world.areas["620901001001002"].pk
    assert placing.place_again(at=clock.now()) == 1
    assert world.case(number).holder.code == "620901"


def test_components_whose_redrawing_process_died_are_placed_by_the_task(world):
    """The areas are committed, and nobody came to place anything."""
    other = Area.objects.get(code="620901001001002")
    lon, lat = world.point("620901001001001")
    component = Component.objects.create(
        root=world.root, code="6209010102000001", type_code="0102", lon=lon, lat=lat,
        area=world.areas["620901001001001"],
    )  # fmt: skip
    swap_grids(("620901001001001", box(0, 0, 1, 0.25)), ("620901001001002", box(0, 0.25, 1, 1.75)))
    assert areas.locate(lon, lat).area_id == other.pk
    assert Component.objects.get(pk=component.pk).area_id != other.pk
    tasks.place_again()
    assert Component.objects.get(pk=component.pk).area_id == other.pk
    assert not PlacingDue.objects.exists()
    assert place_due() == 0


def test_placing_under_older_areas_than_those_due_stays_due(world):
    root = world.root
    place_due()
    place_later(root_id=root.pk, revision=areas.index().revision + 1)
    place_due()
    assert PlacingDue.objects.filter(root=root).exists()


def test_ended_case_stays_where_it_was(world):
    number = world.report()
    world.perform(number, "reject", "acceptor", reason="unfounded", note="不属实")
    swap_grids(("620901001001001", box(0, 0, 1, 0.25)), ("620901001001002", box(0, 0.25, 1, 1.75)))
    assert placing.place_again(at=clock.now()) == 0
    assert world.case(number).grid.code == "620901001001001"


def test_task_looks_only_after_the_map_changed(world, monkeypatch):
    number = world.report()
    monkeypatch.setattr(tasks, "_placed_until", (areas.index().revision, clock.now()))
    assert tasks.place_again() == 0
    swap_grids(("620901001001001", box(0, 0, 1, 0.25)), ("620901001001002", box(0, 0.25, 1, 1.75)))
    assert tasks.place_again() == 1
    assert world.case(number).grid.code == "620901001001002"
    assert tasks.place_again() == 0
