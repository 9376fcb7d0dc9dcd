"""The first city as committed: real codes, a valid coverage at each level, loaded again without change."""

from collections import Counter

import pytest
import shapely

from grids import topology
from grids.cities import DATA, load_city
from grids.geometry import from_wkb
from grids.models import Area, CodePattern, IndexRevision, Level
from grids.sources import Columns, read_features
from grids.spatial import areas

pytestmark = pytest.mark.django_db

LEVELS = {"district": 1, "street": 13, "community": 111, "grid": 311}


@pytest.fixture(scope="module")
def levels():
    return {
        level: read_features(DATA / "xigu" / f"{level}.geojson.gz", Columns(parent="parent_code", kind="kind"))
        for level in LEVELS
    }


def test_extract_has_13_streets_111_communities_and_311_grids(levels):
    assert {level: len(found.codes) for level, found in levels.items()} == LEVELS
    assert Counter(levels["grid"].kinds) == {"urban": 221, "rural": 90}


@pytest.mark.parametrize("level", LEVELS)
def test_extract_is_a_valid_coverage_at_each_level(levels, level):
    shapes = levels[level].shapes
    assert shapely.coverage_is_valid(shapes)
    assert topology.invalid_rings(levels[level].codes, shapes) == []
    assert set(shapely.get_type_id(shapes)) == {3}  # each of one part
    assert shapely.union_all(shapes).equals(levels["district"].shapes[0])


def test_codes_are_of_the_parents_and_numbered_without_gaps(levels):
    grids = levels["grid"]
    assert all(len(code) == 15 and code[:12] == up for code, up in zip(grids.codes, grids.parents, strict=True))
    serials: dict[str, list[int]] = {}
    for code in grids.codes:
        serials.setdefault(code[:12], []).append(int(code[12:]))
    assert all(found == list(range(1, len(found) + 1)) for found in serials.values())
    assert serials.keys() == set(levels["community"].codes)
    kinds = dict(zip(levels["community"].codes, levels["community"].kinds, strict=True))
    assert all(kinds[up] == kind for up, kind in zip(grids.parents, grids.kinds, strict=True))


def test_city_loads_with_desks_patterns_and_attribution_and_again_without_change(levels):
    city, done = load_city("xigu")
    assert [(level.level, level.added) for level in done] == [(2, 1), (3, 13), (4, 111), (5, 311)]
    assert (city.code, city.name) == ("620100", "兰州市")
    assert "GS(2024)0650" in city.attribution
    assert areas.get(city.pk).attribution == city.attribution
    centres = Counter(Area.objects.filter(has_desk=True).values_list("level", flat=True))
    assert centres == {1: 1, 2: 1, 3: 13, 4: 111}
    assert CodePattern.objects.filter(root=city).count() == 5
    assert from_wkb([city.boundary])[0].equals(levels["district"].shapes[0])

    revision = IndexRevision.objects.get().value
    _, again = load_city("xigu")
    assert [(level.added, level.changed, level.unchanged) for level in again] == [
        (0, 0, 1), (0, 0, 13), (0, 0, 111), (0, 0, 311),
    ]  # fmt: skip
    assert IndexRevision.objects.get().value == revision

    # every grid is found at its own label, with its five levels
    grids = [record for record in areas.all() if record.level == Level.GRID]
    placed = areas.locate_many([grid.label for grid in grids])
    assert [p.chain for p in placed] == [grid.chain for grid in grids]
    assert all(None not in grid.chain for grid in grids)
