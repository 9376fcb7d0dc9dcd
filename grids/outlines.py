"""The shapes of areas as a map draws them: simplified together, so that neighbours keep one edge and no sliver shows.

Positions are lon, lat on CGCS2000, as whole numbers of ``unit`` degrees; a ring is its first point and then
differences, without the point that closes it. Made outside of any transaction and kept by index revision.
"""

import gzip
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from django.core.cache import cache

from grids.geometry import from_wkb
from grids.models import Area, Level
from grids.spatial import AreaRecord, areas

#: What a map may leave out, in metres, from a whole province to a single block; and the step of its numbers in degrees.
DETAILS: tuple[tuple[float, float], ...] = ((400.0, 1e-4), (90.0, 1e-5), (18.0, 1e-5), (3.0, 1e-6))
KEPT_SECONDS = 86_400
_METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Outlines:
    """An answer: gzipped JSON, its entity tag, and its size before it was packed, in bytes."""

    packed: bytes
    etag: str
    size: int

    @property
    def body(self) -> bytes:
        """The JSON, unpacked."""
        return gzip.decompress(self.packed)


def outlines(area_id: int, level: int, detail: int) -> Outlines:
    """The areas of ``level`` in the area, itself where that is its own level; one statement, none once it is kept.

    ``detail``: a position in DETAILS. Areas that have ended are left out. KeyError for an area that there is not.
    """
    index = areas.index()
    key = f"outlines:{area_id}:{level}:{detail}:{index.revision}"
    found: Outlines | None = cache.get(key)
    if found is None:
        body = json.dumps(drawn(index.get(area_id), level, detail), ensure_ascii=False, separators=(",", ":")).encode()
        tag = hashlib.sha256(body).hexdigest()[:20]
        found = Outlines(gzip.compress(body, 6, mtime=0), f'"{tag}"', len(body))
        cache.set(key, found, KEPT_SECONDS)
    return found


def drawn(parent: AreaRecord, level: int, detail: int) -> dict[str, Any]:
    """What :func:`outlines` packs. ``borders``: the lines between the areas above them, as they run along these."""
    index = areas.index()
    tolerance, unit = DETAILS[detail]
    rows = list(
        Area.objects.filter(path__startswith=parent.path, level=level, valid_to__isnull=True)
        .order_by("code", "id")
        .values_list("pk", "boundary")
    )
    records = [record for pk, _boundary in rows if (record := index.find(pk)) is not None]
    known = {record.id for record in records}
    shapes = simplified([boundary for pk, boundary in rows if pk in known], tolerance)
    root = index.find(parent.root_id)
    return {
        "area": parent.id,
        "level": level,
        "revision": index.revision,
        "unit": unit,
        "box": [round(value, 6) for value in parent.box],
        "attribution": root.attribution if root else "",
        "areas": [_area(r, shape, unit) for r, shape in zip(records, shapes, strict=True)],
        "borders": _borders(parent, records, shapes, unit),
        "edge": _lines(shapely.boundary(_union(shapes)), unit) if len(shapes) else [],
    }


def simplified(boundaries: Sequence[bytes], tolerance_m: float) -> np.ndarray:
    """The shapes of WKB without what is smaller than ``tolerance_m``; a coverage stays one, and none disappears."""
    if not boundaries:
        return np.array([], dtype=object)
    return shapely.coverage_simplify(from_wkb(boundaries), tolerance_m / _METRES_A_DEGREE)


def _area(record: AreaRecord, shape: Any, unit: float) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "level": record.level,
        "label": [round(value, 6) for value in record.label],
        "below": bool(areas.children(record.id)),
        "shape": [
            [ring for line in (part.exterior, *part.interiors) if len(ring := _steps(line, unit)) >= 6]
            for part in shapely.get_parts(shape)
        ],
    }


def _steps(line: Any, unit: float) -> list[int]:
    """x, y and then differences; neighbours that fall on one point are one, a closed ring loses its last."""
    at = np.rint(shapely.get_coordinates(line) / unit).astype(np.int64)
    if line.geom_type == "LinearRing":
        at = at[:-1]
    moves = np.diff(at, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    moves = moves[(moves != 0).any(axis=1)]
    return moves.ravel().tolist()


def _lines(shape: Any, unit: float) -> list[list[int]]:
    merged = shapely.line_merge(shape)
    return [steps for part in shapely.get_parts(merged) if len(steps := _steps(part, unit)) >= 4]


def _borders(parent: AreaRecord, records: Sequence[AreaRecord], shapes: np.ndarray, unit: float) -> list[list[int]]:
    """The lines between streets within a map of grids and the like: of the level above, where that is inside."""
    groups: dict[int, list[int]] = {}
    for position, record in enumerate(records):
        above = next((i for i in reversed(record.ancestors[:-1]) if areas.get(i).level <= Level.STREET), None)
        if above is not None and above != parent.id and parent.id in areas.get(above).ancestors:
            groups.setdefault(above, []).append(position)
    if len(groups) < 2:
        return []
    edges = [shapely.boundary(_union(shapes[positions])) for positions in groups.values()]
    return _lines(shapely.union_all(edges), unit)


def _union(shapes: Iterable[Any]) -> Any:
    flat = np.asarray(list(shapes), dtype=object)
    return shapely.coverage_union_all(flat) if shapely.coverage_is_valid(flat) else shapely.union_all(flat)
