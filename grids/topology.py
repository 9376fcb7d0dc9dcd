"""Whether the areas of a level fit together (pure).

Errors refuse a load: an invalid ring, an overlap of more than 1 m², a repeated code, an orphan, a code against the
city's pattern. Warnings do not: a gap, a child partly outside its parent, edges that meet without sharing their
points. Coverage checks by shapely (GEOS); areas in m² on the ellipsoid.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np
import shapely

from grids.geometry import Shapes, area_m2, areas_m2, polygons_of, union, widths_m

# Overlaps, gaps and overhangs up to this size are rounding of coordinates, not a fact about the city.
TOLERANCE_M2 = 1.0
# Gaps and overhangs between levels narrower than this in the mean are rounding too: an edge of kilometres simplified
# apart at two levels leaves several m² that are millimetres wide (real data: up to 10 m² at 4 cm).
SLIVER_M = 0.1


_T = TypeVar("_T")


class Kind(StrEnum):
    INVALID_RING = "invalid_ring"
    OVERLAP = "overlap"
    REPEATED_CODE = "repeated_code"
    ORPHAN = "orphan"
    BAD_CODE = "bad_code"
    GAP = "gap"
    OUTSIDE_PARENT = "outside_parent"
    UNMATCHED_EDGE = "unmatched_edge"


ERRORS = frozenset({Kind.INVALID_RING, Kind.OVERLAP, Kind.REPEATED_CODE, Kind.ORPHAN, Kind.BAD_CODE})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: which areas, how large, in words where there is more to say."""

    kind: Kind
    codes: tuple[str, ...]
    area_m2: float = 0.0
    detail: str = ""

    @property
    def is_error(self) -> bool:
        return self.kind in ERRORS


def invalid_rings(codes: Sequence[str], shapes: Shapes) -> list[Finding]:
    """Boundaries that are missing, empty, not areal, off the earth, self-crossing or not closed."""
    found = []
    valid = shapely.is_valid(shapes)
    bounds = shapely.bounds(shapes)
    areal = np.isin(shapely.get_type_id(shapes), (3, 6)) & ~shapely.is_empty(shapes)
    on_earth = np.all(np.abs(bounds) <= (180, 90, 180, 90), axis=1)
    for i in np.flatnonzero(~(valid & areal & on_earth)):
        shape = shapes[i]
        if shape is None:
            reason, size = "unreadable or missing boundary", 0.0
        elif not areal[i]:
            reason, size = f"not a polygon but {shape.geom_type}", 0.0
        elif not on_earth[i]:
            reason, size = "coordinates outside lon -180..180, lat -90..90 (lon and lat exchanged?)", 0.0
        else:
            reason, size = shapely.is_valid_reason(shape), area_m2(shapely.make_valid(shape))
        found.append(Finding(Kind.INVALID_RING, (codes[i],), size, reason))
    return found


def repeated_codes(codes: Iterable[str]) -> list[Finding]:
    """Codes that stand more than once."""
    return [
        Finding(Kind.REPEATED_CODE, (code,), detail=f"{count} times")
        for code, count in Counter(codes).items()
        if count > 1
    ]


def coverage(codes: Sequence[str], shapes: Shapes) -> list[Finding]:
    """Overlaps over 1 m² between the valid ``shapes`` of one level, and edges that do not match."""
    if len(shapes) < 2 or shapely.coverage_is_valid(shapes):
        return []
    edges = shapely.coverage_invalid_edges(shapes)
    suspects = np.flatnonzero(~shapely.is_empty(edges))
    tree = shapely.STRtree(shapes)
    left, right = tree.query(shapes[suspects], predicate="intersects")
    # each pair once: a suspect may be on either side
    pairs = np.unique(np.sort(np.column_stack([suspects[left], right]), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    common = shapely.intersection(shapes[pairs[:, 0]], shapes[pairs[:, 1]])
    sizes = areas_m2(common)
    found, explained = [], set()
    for (a, b), size in zip(pairs.tolist(), sizes.tolist(), strict=True):
        if size > TOLERANCE_M2:
            found.append(Finding(Kind.OVERLAP, (codes[a], codes[b]), size))
            explained.update((a, b))
    rest = [codes[i] for i in suspects.tolist() if i not in explained]
    found.extend(Finding(Kind.UNMATCHED_EDGE, (code,)) for code in rest)
    return found


@dataclass(frozen=True, slots=True)
class Fit:
    """How the areas of a level lie in their parents. Index i of ``parents`` is shape i's parent."""

    codes: Sequence[str]
    shapes: Shapes
    parents: np.ndarray
    parent_codes: Sequence[str]
    parent_shapes: Shapes
    suspects: np.ndarray  # shapes that their parent does not cover
    pieces: Shapes  # what of each suspect lies outside


def fit(
    codes: Sequence[str],
    shapes: Shapes,
    parents: Sequence[int],
    parent_codes: Sequence[str],
    parent_shapes: Shapes,
) -> Fit:
    """Finds what of each shape lies outside its parent (``parents``: each one's index in the parents)."""
    of = np.asarray(parents, dtype=int)
    shapely.prepare(parent_shapes)
    suspects = np.flatnonzero(~shapely.covers(parent_shapes[of], shapes))
    pieces = [polygons_of(p) for p in shapely.difference(shapes[suspects], parent_shapes[of[suspects]])]
    return Fit(codes, shapes, of, parent_codes, parent_shapes, suspects, np.array(pieces, dtype=object))


def outside_parents(found: Fit) -> list[Finding]:
    """Children of which over 1 m² lies outside their parent, slivers apart."""
    return [
        Finding(Kind.OUTSIDE_PARENT, (found.codes[i], found.parent_codes[found.parents[i]]), size)
        for i, size in _real(found.suspects.tolist(), found.pieces)
    ]


def gaps(found: Fit) -> list[Finding]:
    """What a parent has and no area of the level covers, over 1 m², slivers apart.

    The level is free of overlaps. A parent without any child has no gap: it is not divided.
    """
    inside = areas_m2(found.shapes)
    inside[found.suspects] -= areas_m2(found.pieces)
    missing_m2 = areas_m2(found.parent_shapes) - np.bincount(
        found.parents, weights=inside, minlength=len(found.parent_shapes)
    )
    tree = shapely.STRtree(found.shapes)
    places, pieces = [], []
    # only where the sum says that something is missing is it worth finding out where
    for parent in np.unique(found.parents[missing_m2[found.parents] > TOLERANCE_M2]):
        here = np.flatnonzero(found.parents == parent)
        missing = polygons_of(shapely.difference(found.parent_shapes[parent], union(found.shapes[here])))
        # another parent's children may cover it: that is their overhang, not a gap
        strangers = np.setdiff1d(tree.query(missing, predicate="intersects"), here)
        missing = polygons_of(shapely.difference(missing, shapely.union_all(found.shapes[strangers])))
        places.append(found.parent_codes[parent])
        pieces.append(missing)
    return [Finding(Kind.GAP, (code,), size) for code, size in _real(places, pieces)]


def holes(code: str, shapes: Shapes) -> list[Finding]:
    """Holes enclosed by the top level of a city, each a possible gap (a lake may well be one)."""
    whole = union(shapes)
    rings = [ring for part in shapely.get_parts(whole) for ring in part.interiors]
    if not rings:
        return []
    pieces = [shapely.Polygon(ring) for ring in rings]
    return [Finding(Kind.GAP, (code,), size, "enclosed hole") for _, size in _real([code] * len(pieces), pieces)]


def _real(labels: Sequence[_T], pieces: Sequence[shapely.Geometry]) -> list[tuple[_T, float]]:
    """The labels and areas in m² of the pieces that are more than rounding."""
    if len(pieces) == 0:
        return []
    # A piece may be of several parts, some of them slivers: the others count.
    parts, of = shapely.get_parts(np.asarray(pieces, dtype=object), return_index=True)
    sizes, widths = areas_m2(parts), widths_m(parts)
    totals = np.bincount(of, weights=np.where(widths > SLIVER_M, sizes, 0.0), minlength=len(pieces))
    return [(labels[i], float(totals[i])) for i in np.flatnonzero(totals > TOLERANCE_M2)]
