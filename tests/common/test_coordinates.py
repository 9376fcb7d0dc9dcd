"""Datums, their inverses, distances and boxes."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gridgov.common.coordinates import (
    Crs,
    box_around,
    box_contains,
    box_of,
    check_position,
    distance_m,
    from_wgs84,
    is_shifted,
    to_wgs84,
    wgs84_to_gcj02,
)

# well inside the box round China: the shift begins at its edge at once
CHINA_LON, CHINA_LAT = st.floats(73, 136), st.floats(2, 55)
LON, LAT = st.floats(-180, 180), st.floats(-90, 90)


@pytest.mark.parametrize(
    ("crs", "lon", "lat"),
    [
        # Tian'anmen, by the published algorithms (PyPI prcoords 1.0.2 gives the same)
        ("gcj02", 116.41024449916938, 39.91640428150164),
        ("bd09", 116.41662724378732, 39.92269955221621),
        ("wgs84", 116.404, 39.915),
        ("cgcs2000", 116.404, 39.915),
    ],
)
def test_known_position_in_each_datum(crs, lon, lat) -> None:
    assert from_wgs84(116.404, 39.915, crs) == pytest.approx((lon, lat), abs=1e-9)
    assert to_wgs84(lon, lat, crs) == pytest.approx((116.404, 39.915), abs=1e-9)


@settings(max_examples=2000, deadline=None, database=None)
@given(CHINA_LON, CHINA_LAT, st.sampled_from(list(Crs)))
def test_datums_round_trip_within_a_decimetre(lon, lat, crs) -> None:
    there = from_wgs84(lon, lat, crs)
    assert distance_m(lon, lat, *to_wgs84(*there, crs)) < 0.1


@settings(max_examples=500, deadline=None, database=None)
@given(st.floats(73.6, 134.8), st.floats(18, 53.6))
@example(97.0, 37.0)  # 44 m, the least that was met
def test_shift_of_gcj02_in_china_is_up_to_a_kilometre(lon, lat) -> None:
    assert 1 < distance_m(lon, lat, *wgs84_to_gcj02(lon, lat)) < 1000


@pytest.mark.parametrize(("lon", "lat"), [(-73.98, 40.75), (2.35, 48.85), (139.69, 35.69), (116.4, -39.9)])
def test_gcj02_leaves_positions_outside_china_alone(lon, lat) -> None:
    assert not is_shifted(lon, lat)
    assert from_wgs84(lon, lat, "gcj02") == (lon, lat) == to_wgs84(lon, lat, "gcj02")


@pytest.mark.parametrize(
    ("name", "crs"),
    [
        ("GCJ-02", Crs.GCJ02),
        ("bd_09", Crs.BD09),
        ("EPSG:4490", Crs.CGCS2000),
        ("WGS84", Crs.WGS84),
        (Crs.BD09, Crs.BD09),
    ],
)
def test_datum_is_known_by_its_names(name, crs) -> None:
    assert Crs.parse(name) is crs


def test_unknown_datum_is_refused() -> None:
    with pytest.raises(ValueError, match="未知的坐标系：mars"):
        to_wgs84(103.6, 36.1, "mars")


@pytest.mark.parametrize(
    ("lon", "lat", "words"),
    [(181, 0, "经度"), (0, 90.1, "纬度"), (36.1, 103.6, "纬度"), (math.nan, 0, "不是数"), (0, math.inf, "不是数")],
)
def test_position_out_of_range_is_refused(lon, lat, words) -> None:
    with pytest.raises(ValueError, match=words):
        check_position(lon, lat)
    with pytest.raises(ValueError, match=words):
        to_wgs84(lon, lat, "wgs84")


def test_distance_of_a_degree() -> None:
    assert distance_m(103, 36, 103, 37) == pytest.approx(111195, abs=1)
    assert distance_m(103, 60, 104, 60) == pytest.approx(55597, abs=5)
    assert distance_m(179.5, 0, -179.5, 0) == pytest.approx(111195, abs=1)
    assert distance_m(103, 36, 103, 36) == 0


@settings(max_examples=2000, deadline=None, database=None)
@given(LON, LAT, LON, LAT, st.floats(0, 1_000_000))
def test_box_holds_all_within_the_radius(lon, lat, other_lon, other_lat, radius) -> None:
    box = box_around(lon, lat, radius)
    assert box_contains(box, lon, lat)
    if distance_m(lon, lat, other_lon, other_lat) <= radius:
        assert box_contains(box, other_lon, other_lat)


@settings(max_examples=500, deadline=None, database=None)
@given(st.floats(73, 135), st.floats(18, 54), st.floats(0, 2 * math.pi), st.floats(1, 5000))
def test_box_holds_the_circle_it_is_drawn_round(lon, lat, angle, radius) -> None:
    box = box_around(lon, lat, radius)
    north = math.degrees(radius * math.sin(angle) / 6371008.8)
    east = math.degrees(radius * math.cos(angle) / 6371008.8 / math.cos(math.radians(lat)))
    point = (lon + east * 0.999, lat + north * 0.999)
    assert distance_m(lon, lat, *point) <= radius * 1.001
    if distance_m(lon, lat, *point) <= radius:
        assert box_contains(box, *point)
    # and is no larger than it need be
    assert distance_m(lon, lat, lon, box[3]) == pytest.approx(radius + 0.001, rel=1e-3)


def test_box_round_a_pole_or_over_the_date_line_runs_all_the_way() -> None:
    assert box_around(10, 89.99, 5000) == (-180, pytest.approx(89.945, abs=1e-3), 180, 90)
    assert box_around(179.99, 0, 5000)[::2] == (-180, 180)


def test_box_of_points_holds_them_and_refuses_none() -> None:
    assert box_of([(103.6, 36.1), (103.2, 36.3), (103.4, 35.9)]) == (103.2, 35.9, 103.6, 36.3)
    with pytest.raises(ValueError, match="没有点"):
        box_of([])


def test_negative_radius_is_refused() -> None:
    with pytest.raises(ValueError, match="半径"):
        box_around(103.6, 36.1, -1)
