"""Longitude and latitude in the datums in use in China. Pure.

Everything is stored as CGCS2000 (EPSG:4490), which at our accuracy (under a metre) is WGS-84: the conversion between
them is the identity. GCJ-02 (高德, 腾讯) shifts WGS-84 inside China by 100 to 700 m, BD-09 (百度) shifts GCJ-02 once
more. Axis order is always (lon, lat), in degrees. ValueError for what is no position or no known datum.
"""

import math
from collections.abc import Callable, Iterable
from enum import StrEnum

from django.utils.translation import gettext as _

Point = tuple[float, float]
BBox = tuple[float, float, float, float]
"""West, south, east, north, in degrees."""

# The published GCJ-02 algorithm: Krasovsky 1940 ellipsoid, and the box outside of which it leaves a position alone.
_AXIS = 6378245.0
_ECCENTRICITY = 0.00669342162296594323
_SHIFTED: BBox = (72.004, 0.8293, 137.8347, 55.8271)
_BD_TURN = math.pi * 3000 / 180
EARTH_RADIUS_M = 6371008.8
"""Mean radius (IUGG)."""


class Crs(StrEnum):
    """A datum of incoming positions, by the names that the API takes."""

    WGS84 = "wgs84"
    CGCS2000 = "cgcs2000"
    GCJ02 = "gcj02"
    BD09 = "bd09"

    @classmethod
    def parse(cls, name: "str | Crs") -> "Crs":
        """``wgs84``, ``GCJ-02``, ``EPSG:4490`` …"""
        word = str(name).strip().lower().replace("-", "").replace("_", "")
        found = {"epsg:4326": cls.WGS84, "epsg:4490": cls.CGCS2000}.get(word)
        if found is not None:
            return found
        try:
            return cls(word)
        except ValueError as error:
            raise ValueError(_("未知的坐标系：%(name)s") % {"name": name}) from error


def check_position(lon: float, lat: float) -> None:
    """ValueError unless both are finite and in range."""
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise ValueError(_("经纬度不是数"))
    if not -180 <= lon <= 180:
        raise ValueError(_("经度超出范围：%(value)s") % {"value": lon})
    if not -90 <= lat <= 90:
        raise ValueError(_("纬度超出范围：%(value)s") % {"value": lat})


def is_shifted(lon: float, lat: float) -> bool:
    """Whether GCJ-02 differs from WGS-84 there: a box round China."""
    west, south, east, north = _SHIFTED
    return west <= lon <= east and south <= lat <= north


def wgs84_to_gcj02(lon: float, lat: float) -> Point:
    """The GCJ-02 position of a WGS-84 one; itself outside China."""
    if not is_shifted(lon, lat):
        return lon, lat
    x, y = lon - 105, lat - 35
    root = math.sqrt(abs(x))
    wave = 20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += 2 / 3 * (wave + 20 * math.sin(y * math.pi) + 40 * math.sin(y / 3 * math.pi))
    north += 2 / 3 * (160 * math.sin(y / 12 * math.pi) + 320 * math.sin(y / 30 * math.pi))
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += 2 / 3 * (wave + 20 * math.sin(x * math.pi) + 40 * math.sin(x / 3 * math.pi))
    east += 2 / 3 * (150 * math.sin(x / 12 * math.pi) + 300 * math.sin(x / 30 * math.pi))
    phi = math.radians(lat)
    flat = 1 - _ECCENTRICITY * math.sin(phi) ** 2
    meridian = _AXIS * (1 - _ECCENTRICITY) / (flat * math.sqrt(flat))
    parallel = _AXIS / math.sqrt(flat) * math.cos(phi)
    return lon + math.degrees(east / parallel), lat + math.degrees(north / meridian)


def gcj02_to_bd09(lon: float, lat: float) -> Point:
    """The BD-09 position of a GCJ-02 one."""
    radius = math.hypot(lon, lat) + 0.00002 * math.sin(lat * _BD_TURN)
    angle = math.atan2(lat, lon) + 0.000003 * math.cos(lon * _BD_TURN)
    return radius * math.cos(angle) + 0.0065, radius * math.sin(angle) + 0.006


def gcj02_to_wgs84(lon: float, lat: float) -> Point:
    """The WGS-84 position whose GCJ-02 one this is, to under 0.1 m.

    Within a kilometre of the edge of the box round China, where the shift begins at once, it may have none: then the
    nearest that the iteration reaches.
    """
    if not is_shifted(lon, lat):
        return lon, lat
    return _inverse(wgs84_to_gcj02, lon, lat)


def bd09_to_gcj02(lon: float, lat: float) -> Point:
    """The GCJ-02 position whose BD-09 one this is, to under 0.1 m."""
    return _inverse(gcj02_to_bd09, lon, lat)


def _inverse(forward: Callable[[float, float], Point], lon: float, lat: float) -> Point:
    # The shift changes slowly with the place, so that taking it off again and again closes in on the place.
    x, y = lon, lat
    for _round in range(12):
        to_lon, to_lat = forward(x, y)
        off_lon, off_lat = to_lon - lon, to_lat - lat
        x, y = x - off_lon, y - off_lat
        if abs(off_lon) < 1e-10 and abs(off_lat) < 1e-10:
            break
    return x, y


def to_wgs84(lon: float, lat: float, crs: str | Crs) -> Point:
    """The position in WGS-84 (CGCS2000), whichever datum it comes in."""
    check_position(lon, lat)
    datum = Crs.parse(crs)
    if datum is Crs.BD09:
        return gcj02_to_wgs84(*bd09_to_gcj02(lon, lat))
    if datum is Crs.GCJ02:
        return gcj02_to_wgs84(lon, lat)
    return lon, lat


def from_wgs84(lon: float, lat: float, crs: str | Crs) -> Point:
    """A WGS-84 (CGCS2000) position in another datum, for a map that is drawn in it."""
    check_position(lon, lat)
    datum = Crs.parse(crs)
    if datum is Crs.BD09:
        return gcj02_to_bd09(*wgs84_to_gcj02(lon, lat))
    if datum is Crs.GCJ02:
        return wgs84_to_gcj02(lon, lat)
    return lon, lat


def distance_m(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Metres between two positions of one datum, on the sphere (within 0.6 % of the ellipsoid)."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    half_lat, half_lon = (phi2 - phi1) / 2, math.radians(lon2 - lon1) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(phi1) * math.cos(phi2) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, chord)))


def box_around(lon: float, lat: float, radius_m: float) -> BBox:
    """A box that holds every position within ``radius_m``: for an index, before ``distance_m`` decides.

    Where it would cross a pole or the 180th meridian it runs all the way round. ValueError for a negative radius.
    """
    check_position(lon, lat)
    if radius_m < 0:
        raise ValueError(_("半径不能为负"))
    angle = (radius_m + 0.001) / EARTH_RADIUS_M  # a millimetre for the rounding of the sines
    south, north = lat - math.degrees(angle), lat + math.degrees(angle)
    if south <= -90 or north >= 90:
        return -180.0, max(-90.0, south), 180.0, min(90.0, north)
    width = math.degrees(math.asin(min(1.0, math.sin(min(angle, math.pi / 2)) / math.cos(math.radians(lat)))))
    if lon - width < -180 or lon + width > 180:
        return -180.0, south, 180.0, north
    return lon - width, south, lon + width, north


def box_of(points: Iterable[Point]) -> BBox:
    """The least box that holds all the points. ValueError if there are none."""
    held = list(points)
    if not held:
        raise ValueError(_("没有点"))
    lons, lats = zip(*held, strict=True)
    return min(lons), min(lats), max(lons), max(lats)


def box_contains(box: BBox, lon: float, lat: float) -> bool:
    """Whether a position lies in the box, its edge included."""
    west, south, east, north = box
    return west <= lon <= east and south <= lat <= north
