"""A small map without tiles: the grid of a case, its neighbours and the street's edge, as SVG paths.

Coordinates: lon, lat on CGCS2000; drawn in a local equirectangular view. The polygons are kept in the process by grid
and index revision, so a page asks the database for them once.
"""

import math
from dataclasses import dataclass
from typing import Any

import shapely
from django.core.cache import cache
from django.db.models import Q

from grids.models import Area
from grids.spatial import areas

WIDTH, HEIGHT = 304, 200
KEPT_SECONDS = 3600
MARGIN = 0.35


@dataclass(frozen=True, slots=True)
class MiniMap:
    """Paths in a view box of WIDTH × HEIGHT. ``pin``: x, y of the case; None where it has no position. ``also``: of
    another case, None where it lies outside."""

    grids: tuple[str, ...]
    here: str
    street: str
    pin: tuple[float, float] | None
    attribution: str
    also: tuple[float, float] | None = None
    width: int = WIDTH
    height: int = HEIGHT


def minimap(incident: Any, *, also: tuple[float, float] | None = None) -> MiniMap | None:
    """The map of a placed case; None for one without a place. ``also``: lon, lat of a second one to be shown."""
    area_id = incident.grid_id or incident.community_id or incident.street_id
    if not incident.is_placed or area_id is None:
        return None
    index = areas.index()
    record = index.find(area_id)
    if record is None:
        return None
    view = _view(record.box)
    key = f"minimap:{area_id}:{index.revision}"
    drawn = cache.get(key)
    if drawn is None:
        drawn = _draw(record, incident.street_id, view)
        cache.set(key, drawn, KEPT_SECONDS)
    here, grids, street = drawn
    pin = _at(incident.lon, incident.lat, view) if incident.lon is not None else None
    root = index.find(record.root_id)
    second = _at(*also, view) if also is not None else None
    if second is not None and not (0 <= second[0] <= WIDTH and 0 <= second[1] <= HEIGHT):
        second = None
    return MiniMap(grids, here, street, pin, root.attribution if root else "", second)


def _view(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """West, north, and pixels a degree of longitude and latitude: the box with a margin, in proportion."""
    middle_lat = (box[1] + box[3]) / 2
    squeeze = math.cos(math.radians(middle_lat))
    wide = max((box[2] - box[0]) * squeeze, 1e-4) * (1 + 2 * MARGIN)
    high = max(box[3] - box[1], 1e-4) * (1 + 2 * MARGIN)
    scale = min(WIDTH / wide, HEIGHT / high)
    west = (box[0] + box[2]) / 2 - WIDTH / scale / squeeze / 2
    north = middle_lat + HEIGHT / scale / 2
    return west, north, scale * squeeze, scale


def _at(lon: float, lat: float, view: tuple[float, float, float, float]) -> tuple[float, float]:
    west, north, per_lon, per_lat = view
    return round((lon - west) * per_lon, 1), round((north - lat) * per_lat, 1)


def _draw(
    record: Any, street_id: int | None, view: tuple[float, float, float, float]
) -> tuple[str, tuple[str, ...], str]:
    west, north, per_lon, per_lat = view
    east, south = west + WIDTH / per_lon, north - HEIGHT / per_lat
    window = shapely.box(west, south, east, north)
    found = Area.objects.filter(
        Q(pk=street_id) | Q(level=record.level), root=record.root_id, valid_to__isnull=True,
        min_lon__lte=east, max_lon__gte=west, min_lat__lte=north, max_lat__gte=south,
    ).values_list("pk", "boundary")  # fmt: skip
    here, street, grids = "", "", []
    for pk, boundary in found:
        shape = shapely.from_wkb(bytes(boundary))
        if pk == street_id and pk != record.id:
            street = _lines(shapely.intersection(shapely.boundary(shape), window), view)
            continue
        drawn = _polygons(shapely.intersection(shape, window), view)
        if pk == record.id:
            here = drawn
        elif drawn:
            grids.append(drawn)
    return here, tuple(grids), street


def _polygons(shape: Any, view: tuple[float, float, float, float]) -> str:
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and not part.is_empty]
    return "".join(_path(ring, view) + "Z" for part in parts for ring in (part.exterior, *part.interiors))


def _lines(shape: Any, view: tuple[float, float, float, float]) -> str:
    return "".join(_path(part, view) for part in shapely.get_parts(shapely.line_merge(shape)) if len(part.coords) > 1)


def _path(line: Any, view: tuple[float, float, float, float]) -> str:
    return "M" + "L".join("{},{}".format(*_at(x, y, view)) for x, y in line.coords)
