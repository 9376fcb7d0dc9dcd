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
from grids.models import Area, Level, ServiceZone
from grids.spatial import AreaRecord, areas

#: What a map may leave out, in metres, from a whole province to a single block; and the step of its numbers in degrees.
DETAILS: tuple[tuple[float, float], ...] = ((400.0, 1e-4), (90.0, 1e-5), (18.0, 1e-5), (3.0, 1e-6))
KEPT_SECONDS = 86_400
#: Bounds of an answer about zones, and of a name in it.
MOST_ZONES = 500
MOST_BYTES = 60_000
NAME_LENGTH = 24
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
        found = _packed(drawn(index.get(area_id), level, detail))
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


def zone_outlines(scope_id: int, detail: int) -> Outlines:
    """The service zones that meet the area, each with the outline of what it has in it; one statement, two when made.

    At most ``MOST_ZONES`` by code, and ``MOST_BYTES``: a coarser detail is taken where it would be more, and where
    that does not do, names without lines. KeyError for an area that there is not.
    """
    index = areas.index()
    scope = index.get(scope_id)
    zones = list(
        ServiceZone.objects.filter(root=scope.root_id, pk__in=_zones_in(scope))
        .order_by("code", "id")
        .values_list("pk", "name", "kind")[:MOST_ZONES]
    )
    members = {pk: _members(scope, pk) for pk, _name, _kind in zones}
    print_ = hashlib.sha256(json.dumps([zones, sorted(members.items())]).encode()).hexdigest()[:20]
    key = f"zones:{scope_id}:{detail}:{index.revision}:{print_}"
    found: Outlines | None = cache.get(key)
    if found is None:
        found = _packed(_zones_drawn(scope, zones, members, detail))
        cache.set(key, found, KEPT_SECONDS)
    return found


def _zones_in(scope: AreaRecord) -> set[int]:
    """Ids of the zones that have a valid area in the scope or above it."""
    index = areas.index()
    return {
        zone
        for area_id, zone_ids in index.zones.items()
        if (record := index.find(area_id)) is not None
        and record.active
        and (scope.id in record.ancestors or area_id in scope.ancestors)
        for zone in zone_ids
    }


def _members(scope: AreaRecord, zone: int) -> list[int]:
    """What the zone has in the scope: its areas there, or the scope itself where one above it belongs to the zone."""
    index = areas.index()
    found = set()
    for area_id, zone_ids in index.zones.items():
        record = index.find(area_id)
        if zone not in zone_ids or record is None or not record.active:
            continue
        if scope.id in record.ancestors:
            found.add(area_id)
        elif area_id in scope.ancestors:
            found.add(scope.id)
    return sorted(found)


def _zones_drawn(
    scope: AreaRecord, zones: Sequence[tuple[int, str, str]], members: dict[int, list[int]], detail: int
) -> dict[str, Any]:
    """The answer at ``detail``, or at the first coarser one that is small enough."""
    wanted = sorted({area_id for ids in members.values() for area_id in ids})
    stored = dict(Area.objects.filter(pk__in=wanted).values_list("pk", "boundary")) if wanted else {}
    answer: dict[str, Any] = {}
    for coarser in range(detail, -2, -1):
        answer = {"area": scope.id, "unit": DETAILS[max(coarser, 0)][1], "zones": []}
        shapes = _simplified_by_level(stored, DETAILS[coarser][0]) if coarser >= 0 else {}
        for pk, name, kind in zones:
            parts = [shapes[area_id] for area_id in members[pk] if area_id in shapes]
            whole = _union(parts) if parts else None
            middle = areas.get(members[pk][0]).label
            if whole is not None and not shapely.is_empty(whole):
                point = shapely.point_on_surface(whole)
                middle = (point.x, point.y)
            lines = _lines(shapely.boundary(whole), answer["unit"]) if whole is not None else []
            answer["zones"].append([pk, name[:NAME_LENGTH], kind, [round(value, 5) for value in middle], lines])
        if len(_encoded(answer)) <= MOST_BYTES:
            break
    return answer


def _simplified_by_level(stored: dict[int, bytes], tolerance_m: float) -> dict[int, Any]:
    """Shapes by area, those of one level simplified together: neighbours in a zone keep one edge, and none opens."""
    by_level: dict[int, list[int]] = {}
    for area_id in stored:
        by_level.setdefault(areas.get(area_id).level, []).append(area_id)
    found: dict[int, Any] = {}
    for ids in by_level.values():
        found |= dict(zip(ids, simplified([stored[pk] for pk in ids], tolerance_m), strict=True))
    return found


def _encoded(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _packed(answer: dict[str, Any]) -> Outlines:
    body = _encoded(answer)
    tag = hashlib.sha256(body).hexdigest()[:20]
    return Outlines(gzip.compress(body, 6, mtime=0), f'"{tag}"', len(body))


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
