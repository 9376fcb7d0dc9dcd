"""Each finding with its codes and its size."""

import numpy as np
import pytest
import shapely

from grids import topology
from grids.geometry import area_m2, areas_m2, widths_m
from grids.topology import Finding, Kind
from tests.grids.cities import SIZE, square

# Squares of 0.01° at 36°N: about 901 m by 1110 m.
A, B, C = (square(104 + i * SIZE, 36) for i in range(3))


def array(*shapes):
    return np.array(shapes, dtype=object)


def test_area_is_that_of_the_ellipsoid():
    # the degree cell at the equator by Karney's geodesics: 12 308 778 361.469 m² (its edges bulge a little)
    assert area_m2(shapely.box(104, 0, 105, 1)) == pytest.approx(12308778361.469, rel=1e-4)
    assert areas_m2([A, shapely.MultiPolygon()])[1] == 0


def test_earth_has_its_surface():
    assert area_m2(shapely.box(-180, -90, 180, 90)) / 1e12 == pytest.approx(510.0656, abs=0.001)


def test_width_tells_a_sliver():
    sliver = shapely.box(104, 36, 104.1, 36.0000001)  # 9 km by 1 cm
    wide, thin = widths_m([A, sliver])
    assert thin == pytest.approx(0.011, abs=0.002)
    assert wide == pytest.approx(497, rel=0.02)


def test_valid_coverage_has_no_finding():
    assert topology.coverage(["a", "b", "c"], array(A, B, C)) == []


def test_overlap_is_an_error_with_both_codes_and_its_area():
    wide = shapely.box(104.009, 36, 104.02, 36.01)  # 0.001° into a: 90 m by 1110 m
    (found,) = topology.coverage(["a", "b"], array(A, wide))
    assert (found.kind, found.codes, found.is_error) == (Kind.OVERLAP, ("a", "b"), True)
    assert found.area_m2 == pytest.approx(area_m2(A) / 10, rel=1e-6)


def test_contained_area_is_an_overlap():
    inner = shapely.box(104.002, 36.002, 104.003, 36.003)
    (found,) = topology.coverage(["a", "b"], array(A, inner))
    assert found.kind == Kind.OVERLAP
    assert found.area_m2 == pytest.approx(area_m2(inner), rel=1e-6)


def test_same_area_twice_is_an_overlap():
    (found,) = topology.coverage(["a", "b"], array(A, A))
    assert found.kind == Kind.OVERLAP


def test_overlap_up_to_one_square_metre_is_rounding():
    barely = shapely.box(104.01 - 5e-9, 36, 104.02, 36.01)  # 0.5 mm by 1110 m
    kinds = {found.kind for found in topology.coverage(["a", "b"], array(A, barely))}
    assert kinds == {Kind.UNMATCHED_EDGE}
    assert not any(found.is_error for found in topology.coverage(["a", "b"], array(A, barely)))


def test_edge_without_common_points_is_a_warning():
    above = square(104.0, 36.01, 2, 1)  # its lower edge passes a corner of a and b
    straight = shapely.box(104.0, 36.01, 104.02, 36.02)
    assert topology.coverage(["a", "b", "c"], array(A, B, above)) == []
    found = topology.coverage(["a", "b", "c"], array(A, B, straight))
    assert {f.kind for f in found} == {Kind.UNMATCHED_EDGE}


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (shapely.Polygon([(104, 36), (104.01, 36.01), (104.01, 36), (104, 36.01)]), "Self-intersection"),
        (None, "unreadable"),
        (shapely.MultiPolygon(), "not a polygon"),
        (shapely.LineString([(0, 0), (1, 1)]), "LineString"),
        (shapely.box(36, 104, 36.01, 104.01), "exchanged"),
    ],
)
def test_invalid_ring_says_why(shape, reason):
    (found,) = topology.invalid_rings(["ok", "bad"], array(A, shape))
    assert (found.kind, found.codes, found.is_error) == (Kind.INVALID_RING, ("bad",), True)
    assert reason in found.detail


def test_self_crossing_ring_has_the_area_of_its_parts():
    bow = shapely.Polygon([(104, 36), (104.01, 36.01), (104.01, 36), (104, 36.01)])
    (found,) = topology.invalid_rings(["bad"], array(bow))
    assert found.area_m2 == pytest.approx(area_m2(A) / 2, rel=1e-3)


def test_repeated_code_is_counted():
    assert topology.repeated_codes(["a", "b", "a", "a"]) == [Finding(Kind.REPEATED_CODE, ("a",), detail="3 times")]


def test_gap_is_what_nobody_covers():
    parent = shapely.box(104, 36, 104.03, 36.01)
    (found,) = topology.gaps(topology.fit(["a", "c"], array(A, C), [0, 0], ["p"], array(parent)))
    assert (found.kind, found.codes, found.is_error) == (Kind.GAP, ("p",), False)
    assert found.area_m2 == pytest.approx(area_m2(B), rel=1e-6)


def test_gap_covered_by_a_neighbours_child_is_none():
    left, right = shapely.box(104, 36, 104.02, 36.01), shapely.box(104.02, 36, 104.03, 36.01)
    # b lies in the left parent but belongs to the right one
    assert topology.gaps(topology.fit(["a", "b", "c"], array(A, B, C), [0, 1, 1], ["l", "r"], array(left, right))) == []


def test_sliver_between_levels_is_no_gap_and_no_overhang():
    parent = shapely.box(104, 36, 104.01 + 1e-7, 36.01)  # 9 mm by 1110 m: 10 m²
    assert topology.gaps(topology.fit(["a"], array(A), [0], ["p"], array(parent))) == []
    smaller = shapely.box(104, 36, 104.01 - 1e-7, 36.01)
    assert topology.outside_parents(topology.fit(["a"], array(A), [0], ["p"], array(smaller))) == []


def test_child_outside_its_parent_has_the_size_of_what_is_outside():
    parent = shapely.box(104, 36, 104.015, 36.01)
    (found,) = topology.outside_parents(topology.fit(["a", "b"], array(A, B), [0, 0], ["p"], array(parent)))
    assert (found.kind, found.codes, found.is_error) == (Kind.OUTSIDE_PARENT, ("b", "p"), False)
    assert found.area_m2 == pytest.approx(area_m2(B) / 2, rel=1e-6)


def test_hole_in_a_city_is_a_gap():
    ring = [square(104 + i * SIZE, 36 + j * SIZE) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    (found,) = topology.holes("city", array(*ring))
    assert (found.kind, found.codes) == (Kind.GAP, ("city",))
    assert found.area_m2 == pytest.approx(area_m2(square(104.01, 36.01)), rel=1e-6)
    assert topology.holes("city", array(A, B)) == []
