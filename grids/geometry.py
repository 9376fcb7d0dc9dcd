"""Measures and canonical forms of boundaries (pure). Input is lon, lat in degrees, CGCS2000 ≈ WGS-84."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

Shapes = np.ndarray[Any, Any]  # of shapely geometries

# CGCS2000 (EPSG:4490): semi-major axis in metres and inverse flattening
_A = 6_378_137.0
_F = 1 / 298.257222101
_E = float(np.sqrt(_F * (2 - _F)))


def _equal_area(at: np.ndarray) -> np.ndarray:
    """Lambert's cylindrical equal-area projection of the ellipsoid, in metres (Snyder 1987, eq. 10-15 and 3-12)."""
    sine = np.sin(np.radians(at[:, 1]))
    q = (1 - _E**2) * (sine / (1 - (_E * sine) ** 2) + np.arctanh(_E * sine) / _E)
    return np.column_stack([np.radians(at[:, 0]) * _A, q * _A / 2])


def areas_m2(shapes: Shapes | Sequence[shapely.Geometry]) -> np.ndarray:
    """Areas in m² on the ellipsoid: exact for the vertices, edges taken as straight in an equal-area projection."""
    return shapely.area(shapely.transform(np.asarray(shapes, dtype=object), _equal_area))


def area_m2(shape: shapely.Geometry) -> float:
    """One area in m², as :func:`areas_m2`."""
    return float(areas_m2([shape])[0])


def widths_m(shapes: Shapes | Sequence[shapely.Geometry]) -> np.ndarray:
    """Mean widths in metres, twice the area over the perimeter: small for slivers however long they are."""
    flat = np.asarray(shapes, dtype=object)
    perimeters = np.zeros(len(flat))
    for i, shape in enumerate(flat):
        if not shapely.is_empty(shape):
            metric = shapely.transform(shape, lambda at: at * _degree_m(float(at[:, 1].mean())))
            perimeters[i] = metric.length
    return np.divide(2 * areas_m2(flat), perimeters, out=np.zeros(len(flat)), where=perimeters > 0)


def _degree_m(lat: float) -> np.ndarray:
    """Metres in a degree of longitude and of latitude at ``lat`` (sphere; good to 0.5 %)."""
    return np.array([np.cos(np.radians(lat)), 1.0]) * np.radians(_A)


def canonical(shapes: Shapes) -> Shapes:
    """The same shapes in two dimensions with rings and parts in one order, so that equal shapes have equal WKB."""
    return shapely.normalize(shapely.force_2d(shapes))


def to_wkb(shapes: Shapes) -> list[bytes]:
    """Little-endian WKB of each shape."""
    return list(shapely.to_wkb(shapes, byte_order=1))


def from_wkb(boundaries: Sequence[bytes]) -> Shapes:
    """Shapes of WKB columns, which PostgreSQL hands over as memoryviews."""
    return shapely.from_wkb(np.array([bytes(boundary) for boundary in boundaries], dtype=object))


def union(shapes: Shapes) -> shapely.Geometry:
    """The union of shapes, by the fast way where they are a valid coverage."""
    if len(shapes) == 0:
        return shapely.MultiPolygon()
    if shapely.coverage_is_valid(shapes):
        return shapely.coverage_union_all(shapes)
    return shapely.union_all(shapes)


def polygons_of(shape: shapely.Geometry) -> shapely.Geometry:
    """What is areal in the result of an overlay (which may bring points and lines along)."""
    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    parts = [part for part in shapely.get_parts(shape) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts) if parts else shapely.MultiPolygon()
