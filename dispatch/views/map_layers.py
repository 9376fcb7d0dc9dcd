"""What a map shows beside cases: components, where grid workers are posted, and the zones of other services.

Each answer is at most ``MOST_POINTS`` points or cells and ``MOST_BYTES``, of what lies in the areas in which the person
sees cases, in two statements at most, and kept for a while by the revision of the areas and the language. Where workers
are posted is told by area and in numbers: whose telephone is where is nobody's business here.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from dispatch.views.maps import MOST_POINTS, box_of, level_for, must_see, packed, snapped, whole
from dispatch.views.shell import page
from dispatch.visibility import areas_held, scope_of
from gridgov.common import clock
from gridgov.common.errors import NotFound
from grids import permissions
from grids.capabilities import Capability
from grids.models import Component, Level
from grids.outlines import DETAILS, NAME_LENGTH, zone_outlines
from grids.spatial import AreaRecord, areas

MOST_BYTES = 60_000
#: From so near on components are shown one by one: there are more of them than of cases.
NEAR = 13
KEPT_SECONDS = 60
Box = tuple[float, float, float, float]


@page
def components(request: HttpRequest) -> HttpResponse:
    """The components in a box: [code, lon, lat, name, state, address] each, or counts by area where they are many."""
    return _answered(request, "components", _components)


@page
def duty(request: HttpRequest) -> HttpResponse:
    """Where grid workers are posted today: [area, lon, lat, name, people, grids with somebody, grids], by area."""
    return _answered(request, "duty", _duty)


@page
def zones(request: HttpRequest) -> HttpResponse:
    """The outlines of the service zones in the area; 304 where the browser has them as they are."""
    must_see(request.actor)
    scope, detail = scope_of(request.actor, whole(request, "area")), whole(request, "detail") or 0
    if scope is None or areas.find(scope) is None or not 0 <= detail < len(DETAILS):
        raise NotFound(_("没有这张地图。"))
    return packed(request, zone_outlines(scope, detail))


Making = Callable[[list[AreaRecord], Box, int], dict[str, Any]]


def _answered(request: HttpRequest, layer: str, make: Making) -> HttpResponse:
    """The layer within the box and the areas that the person sees, kept for those who see the same."""
    must_see(request.actor)
    box, zoom = box_of(request.GET.get("bbox", "")), whole(request, "zoom")
    if box is None or zoom is None or zoom > 22:
        raise NotFound(_("没有这张地图。"))
    asked = whole(request, "area")
    scope = scope_of(request.actor, asked)
    held = [areas.get(scope)] if asked is not None and scope is not None else areas_held(request.actor)
    box = snapped(box, zoom)
    seen = (areas.index().revision, clock.local_date(clock.now()), get_language(), *(record.id for record in held))
    key = f"map_layer:{layer}:{hashlib.sha256(repr((seen, zoom, box)).encode()).hexdigest()}"
    body: str | None = cache.get(key)
    if body is None:
        body = _encoded({"box": box, **make(held, box, zoom)})
        cache.set(key, body, KEPT_SECONDS)
    response = HttpResponse(body, content_type="application/json")
    response["Cache-Control"] = "private, no-store"
    return response


def _encoded(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def _inside(held: Iterable[AreaRecord], lookup: str) -> Q:
    condition = Q(pk__in=[])
    for record in held:
        condition |= Q(**{f"{lookup}__path__startswith": record.path})
    return condition


# --- components ---------------------------------------------------------------------------------------------------


def _components(held: list[AreaRecord], box: Box, zoom: int) -> dict[str, Any]:
    west, south, east, north = box
    found = (
        Component.objects.filter(_inside(held, "area"), lon__gte=west, lon__lte=east, lat__gte=south, lat__lte=north)
        .exclude(state=Component.State.REMOVED)
        .order_by("id")
    )
    if zoom >= NEAR:
        rows = list(found.values_list("code", "lon", "lat", "name", "type_code", "state", "address")[: MOST_POINTS + 1])
        if len(rows) <= MOST_POINTS:
            answer = {"points": [_component(row) for row in rows]}
            # long addresses may make few points much: then they are counted, too
            if len(_encoded(answer).encode()) < MOST_BYTES - 200:
                return answer
    return {"clusters": _counted(found, box, zoom)}


def _component(row: tuple[Any, ...]) -> list[Any]:
    code, lon, lat, name, type_code, state, address = row
    label = str(Component.State(state).label) if state in Component.State.values else ""
    return [code, round(lon, 5), round(lat, 5), (name or type_code)[:NAME_LENGTH], label, address[:NAME_LENGTH]]


def _counted(found: QuerySet[Component], box: Box, zoom: int) -> list[list[Any]]:
    """Area, lon, lat, name, components: of the level that fits the zoom, of the area above where there is none."""
    level = level_for(box, zoom)
    sums: dict[int, int] = {}
    for area_id, count in found.order_by().values_list("area_id").annotate(count=Count("pk")):
        chain = areas.chain(area_id)
        at = next((i for i in reversed(chain[:level]) if i is not None), None)
        if at is not None:
            sums[at] = sums.get(at, 0) + count
    ordered = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_POINTS]
    return [[*_at(areas.get(area_id)), count] for area_id, count in ordered]


def _at(record: AreaRecord) -> list[Any]:
    lon, lat = record.label
    return [record.id, round(lon, 5), round(lat, 5), record.name[:NAME_LENGTH]]


# --- where grid workers are posted ----------------------------------------------------------------------------------


def _duty(held: list[AreaRecord], box: Box, zoom: int) -> dict[str, Any]:
    """A grid has somebody where one is posted to it or to its community."""
    index = areas.index()
    people: dict[int, set[int]] = {}
    for user_id, area_id in permissions.holding(Capability.PATROL, clock.local_date(clock.now())):
        people.setdefault(area_id, set()).add(user_id)
    level = level_for(box, zoom)
    west, south, east, north = box
    cells = []
    for record in sorted(index.all(), key=lambda record: (record.code, record.id)):
        lies = record.box[0] <= east and record.box[2] >= west and record.box[1] <= north and record.box[3] >= south
        if record.level != level or not record.active or not lies:
            continue
        if not any(other.id in record.ancestors for other in held):
            continue
        below = list(index.subtree(record.id))
        grids = [grid for grid in below if grid.level == Level.GRID]
        if not grids:
            continue
        here = set().union(*(people.get(one.id, ()) for one in below))
        covered = 0
        for grid in grids:
            community = grid.chain[Level.COMMUNITY - 1]
            posted = people.get(grid.id, set()) | (people.get(community, set()) if community is not None else set())
            covered += bool(posted)
            here |= posted
        cells.append([*_at(record), len(here), covered, len(grids)])
    return {"cells": cells[:MOST_POINTS]}
