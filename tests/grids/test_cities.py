"""The first city as committed: real names and codes, a valid coverage at each level, loaded again without change."""

import hashlib
from collections import Counter

import numpy as np
import orjson
import pytest
import shapely
from django.db import transaction

from grids import topology
from grids.cities import DATA, load_city
from grids.geometry import from_wkb
from grids.models import Area, CodePattern, IndexRevision, Level
from grids.sources import Columns, read_features
from grids.spatial import areas
from grids.topology import fit, gaps, outside_parents

pytestmark = pytest.mark.django_db

LEVELS = {"district": 8, "street": 114, "community": 1175, "grid": 1748}
#: Streets, communities and grids by district, as the statistics bureau lists them (四镇 of 兰州新区 in their counties).
DISTRICTS = {
    "620102": ("城关区", 26, 179),
    "620103": ("七里河区", 15, 141),
    "620104": ("西固区", 13, 111),
    "620105": ("安宁区", 10, 81),
    "620111": ("红古区", 7, 56),
    "620121": ("永登县", 18, 266),
    "620122": ("皋兰县", 5, 60),
    "620123": ("榆中县", 20, 281),
}
#: Digests of the codes and names, and of the boundaries, that the 311 grids of 西固区 had from the first.
XIGU_NAMES = "8206fed34999e7562ff56bed6f85e1be6c66182b2418a3210aeaa0a7b8129152"
XIGU_SHAPES = "af1f307672df8fbe3bb68b1b9b68c7630b07d84c454964428839163201159302"
NEW_AREA = {"620171101": "620121", "620171102": "620121", "620171103": "620122", "620171104": "620121"}


@pytest.fixture(scope="module")
def levels():
    return {
        level: read_features(DATA / "lanzhou" / f"{level}.geojson.gz", Columns(parent="parent_code", kind="kind"))
        for level in LEVELS
    }


@pytest.fixture(scope="module")
def loaded(django_db_setup, django_db_blocker):
    """The city, loaded once for the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield load_city("lanzhou")
        transaction.set_rollback(True)


def test_extract_has_every_street_and_community_of_eight_districts(levels):
    assert {level: len(found.codes) for level, found in levels.items()} == LEVELS
    names = dict(zip(levels["district"].codes, levels["district"].names, strict=True))
    of_street = dict(zip(levels["street"].codes, levels["street"].parents, strict=True))
    streets = Counter(of_street.values())
    communities = Counter(of_street[street] for street in levels["community"].parents)
    assert {code: (names[code], streets[code], communities[code]) for code in names} == DISTRICTS


def test_grids_of_xigu_are_those_of_the_first_release(levels):
    grids = levels["grid"]
    own = [i for i, code in enumerate(grids.codes) if code.startswith("620104")]
    assert Counter(grids.kinds[i] for i in own) == {"urban": 221, "rural": 90}
    assert grids.names[own[0]] == "西固中路社区第1网格"
    lines = sorted(f"{grids.codes[i]} {grids.names[i]} {grids.parents[i]}" for i in own)
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == XIGU_NAMES
    shapes = shapely.to_wkb(shapely.normalize(grids.shapes[own]))
    assert hashlib.sha256(b"".join(sorted(shapes))).hexdigest() == XIGU_SHAPES


def test_grids_elsewhere_are_one_a_village_and_two_a_residents_community(levels):
    grids = levels["grid"]
    counts = Counter(up for up in grids.parents if not up.startswith("620104"))
    kinds = dict(zip(levels["community"].codes, levels["community"].kinds, strict=True))
    assert {(kinds[code], count) for code, count in counts.items()} == {("urban", 2), ("rural", 1)}


def test_names_are_places_and_not_committees(levels):
    for level in ("street", "community"):
        assert not [n for n in levels[level].names if n.endswith("委会") or "委员会" in n or "虚拟" in n or not n]
    known = dict(zip(levels["community"].codes, levels["community"].names, strict=True))
    assert known["620105004001"] == "桥头社区"
    assert known["620102400400"] == "高新区均家滩社区"
    assert {"雁宁路社区", "中堡村", "西村村", "西固中路社区"} <= set(known.values())


@pytest.mark.parametrize("level", LEVELS)
def test_extract_is_a_valid_coverage_at_each_level(levels, level):
    shapes = levels[level].shapes
    assert shapely.coverage_is_valid(shapes)
    assert topology.invalid_rings(levels[level].codes, shapes) == []
    assert set(shapely.get_type_id(shapes)) == {3}  # each of one part
    whole = shapely.coverage_union_all(levels["district"].shapes)
    assert not list(whole.interiors)
    assert shapely.coverage_union_all(shapes).equals(whole)


@pytest.mark.parametrize(("level", "above"), [("street", "district"), ("community", "street"), ("grid", "community")])
def test_children_fill_their_parent_and_nothing_else(levels, level, above):
    lower, upper = levels[level], levels[above]
    order = {code: i for i, code in enumerate(upper.codes)}
    parents = [order[code] for code in lower.parents]
    found = fit(lower.codes, lower.shapes, parents, upper.codes, upper.shapes)
    assert outside_parents(found) == []
    assert gaps(found) == []
    assert set(parents) == set(range(len(upper.codes)))
    by_parent = [[] for _each in upper.codes]
    for i, parent in enumerate(parents):
        by_parent[parent].append(lower.shapes[i])
    wholes = np.array([shapely.coverage_union_all(parts) for parts in by_parent], dtype=object)
    assert shapely.equals(wholes, upper.shapes).all()


def test_codes_are_of_the_parents_and_numbered_without_gaps(levels):
    for code, up in zip(levels["street"].codes, levels["street"].parents, strict=True):
        assert NEW_AREA.get(code, code[:6]) == up
    assert all(c[:9] == up for c, up in zip(levels["community"].codes, levels["community"].parents, strict=True))
    grids = levels["grid"]
    assert all(len(code) == 15 and code[:12] == up for code, up in zip(grids.codes, grids.parents, strict=True))
    serials: dict[str, list[int]] = {}
    for code in grids.codes:
        serials.setdefault(code[:12], []).append(int(code[12:]))
    assert all(found == list(range(1, len(found) + 1)) for found in serials.values())
    assert serials.keys() == set(levels["community"].codes)
    kinds = dict(zip(levels["community"].codes, levels["community"].kinds, strict=True))
    assert all(kinds[up] == kind for up, kind in zip(grids.parents, grids.kinds, strict=True))


def test_files_are_small_and_the_notice_says_what_is_real():
    assert sum(path.stat().st_size for path in (DATA / "lanzhou").glob("*.gz")) < 700_000
    notice = (DATA / "lanzhou" / "NOTICE.md").read_text(encoding="utf-8")
    for word in ("GS(2024)0650", "114个街道", "1175个社区", "1748个网格", "合成", "620102402", "620102403"):
        assert word in notice


def test_city_loads_with_desks_patterns_and_attribution(levels, loaded):
    city, done = loaded
    assert [(level.level, level.added) for level in done] == [(2, 8), (3, 114), (4, 1175), (5, 1748)]
    assert (city.code, city.name) == ("620100", "兰州市")
    assert "GS(2024)0650" in city.attribution
    assert city.attribution == orjson.loads((DATA / "lanzhou" / "city.json").read_bytes())["root"]["attribution"]
    assert areas.get(city.pk).attribution == city.attribution
    centres = Counter(Area.objects.filter(has_desk=True).values_list("level", flat=True))
    assert centres == {1: 1, 2: 8, 3: 114, 4: 1175}
    assert CodePattern.objects.filter(root=city).count() == 5
    assert from_wkb([city.boundary])[0].equals(shapely.coverage_union_all(levels["district"].shapes))


def test_every_grid_is_found_at_its_label_with_its_five_levels(loaded):
    grids = [record for record in areas.all() if record.level == Level.GRID]
    placed = areas.locate_many([grid.label for grid in grids])
    assert [p.chain for p in placed] == [grid.chain for grid in grids]
    assert all(None not in grid.chain for grid in grids)
    at = areas.locate(103.64547, 36.06713)  # where the README's walk begins
    assert areas.get(at.area_id).code == "620104001001001"


def test_city_loaded_again_is_unchanged(loaded):
    revision = IndexRevision.objects.get().value
    _, again = load_city("lanzhou")
    assert [(level.added, level.changed, level.unchanged) for level in again] == [
        (0, 0, 8), (0, 0, 114), (0, 0, 1175), (0, 0, 1748),
    ]  # fmt: skip
    assert IndexRevision.objects.get().value == revision
