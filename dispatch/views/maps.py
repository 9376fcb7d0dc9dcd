"""What a map asks for: the shapes of areas, and open cases as points or counts. All within what the person may see."""

import hashlib
import math
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from dispatch.actors import Actor
from dispatch.case_list import Part, in_area, scope_of_lists, tuples_of
from dispatch.views.shell import CONTENT_POLICY, page
from dispatch.views.words import SOON, case_kind
from dispatch.visibility import scope_of
from gridgov.common import clock, kept
from gridgov.common.errors import NotFound, NotPermitted
from grids.capabilities import Capability
from grids.models import LEVEL_NAMES, Level
from grids.outlines import DETAILS, Outlines, outlines
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import Incident
from incidents.workflow import Status

MOST_POINTS = 500
#: From so near on cases are shown one by one, if they are not too many; farther away as counts of areas.
NEAR = 11
#: From so near on they hardly ever are too many.
NEARER = 14
KEPT_SECONDS = 3
#: A case's shape by its chip: overdue triangle, due soon diamond, suspended hollow square, else a disc.
SHAPES = {"over": "over", "over2": "over", "soon": "soon", "paused": "paused"}
_FIELDS = ("number", "lon", "lat", "status", "category_id", "due_at", "status_at")


def configuration(by: Actor) -> dict[str, Any]:
    """What ``static/js/map.js`` needs to know: where to ask, which tiles there are, and its words."""
    return {
        "areas": reverse("pages:map_areas"),
        "cases": reverse("pages:map_cases"),
        "components": reverse("pages:map_components"),
        "duty": reverse("pages:map_duty"),
        "zones": reverse("pages:map_zones"),
        "report": reverse("pages:report") if by.may_somewhere(Capability.REPORT_INCIDENT) else "",
        "case": reverse("pages:case", args=["0"]),
        "details": len(DETAILS),
        "tiles": [asdict(source) for source in settings.MAP_TILES],
        "words": {
            "open": _("在办"), "overdue": _("已超"), "unit": _("件"), "legend": _("在办，件"),
            "among": _("其中已超"), "areas": pgettext("many", "区域"),
            "cases": pgettext("many", "案件"), "layers": _("图层"),
            "soon": _("将到期"), "paused": _("挂账"), "normal": _("时限内"), "tiles": _("底图"), "fit": _("全图"),
            "datum": "CGCS2000", "empty": _("没有可显示的区域。"), "signed_out": _("登录已过期，请重新登录。"),
            "failed": _("地图没有载入。"), "retry": _("重试"), "zoom_in": _("放大"), "zoom_out": _("缩小"),
            "components": pgettext("many", "部件"), "duty": pgettext("many", "网格员"),
            "zones": pgettext("many", "专属网格"), "inner": _("下级边界"),
            "more": _("更多图层"), "posted": _("有人"), "vacant": _("空岗"), "people": _("人"),
            "covered": _("有网格员的网格"), "no_zones": _("没有专属网格。"), "report_it": _("上报此部件"),
            "code": _("编码"), "close": _("关闭"),
        },
    }  # fmt: skip


def policy() -> str:
    """The page's policy with the hosts of the tile sources, so that their pictures may be shown."""
    hosts = sorted({_origins(source.url) for source in settings.MAP_TILES} - {""})
    return CONTENT_POLICY.replace("img-src 'self' data:", " ".join(["img-src 'self' data:", *hosts]))


def _origins(url: str) -> str:
    """The source of a tile address; ``{s}`` stands for any host of that name."""
    parts = urlsplit(url)
    return (
        f"{parts.scheme}://{parts.netloc if '{' not in parts.netloc else '*.' + parts.netloc.partition('.')[2]}"
        if parts.netloc
        else ""
    )


# --- areas --------------------------------------------------------------------------------------------------------


@page
def map_areas(request: HttpRequest) -> HttpResponse:
    """The areas of one level within an area, simplified; 304 where the browser has them as they are."""
    must_see(request.actor)
    area_id = scope_of(request.actor, whole(request, "area"))
    level, detail = whole(request, "level"), whole(request, "detail") or 0
    record = areas.find(area_id)
    if record is None or level is None or not record.level <= level <= Level.GRID or not 0 <= detail < len(DETAILS):
        raise NotFound(_("没有这张地图。"))
    return packed(request, outlines(record.id, level, detail))


def packed(request: HttpRequest, found: Outlines) -> HttpResponse:
    """The outlines as the browser takes them; 304 where it has them."""
    if request.headers.get("If-None-Match") == found.etag:
        return marked(HttpResponseNotModified(), found.etag)
    response = HttpResponse(content_type="application/json")
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.content = found.packed
        response["Content-Encoding"] = "gzip"
    else:
        response.content = found.body
    response["X-Plain-Size"] = str(found.size)
    return marked(response, found.etag)


def marked(response: HttpResponse, etag: str) -> HttpResponse:
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    response["Vary"] = "Accept-Encoding, Cookie"
    return response


# --- cases --------------------------------------------------------------------------------------------------------


@page
def map_cases(request: HttpRequest) -> HttpResponse:
    """The open cases in a box: at most MOST_POINTS points, else counts by area. Two statements at most.

    What is asked from afar, the same by everybody who looks, is as of up to KEPT_SECONDS ago. From near it is as of
    now: hardly anybody asks for the same box twice.
    """
    must_see(request.actor)
    box, zoom = box_of(request.GET.get("bbox", "")), whole(request, "zoom")
    if box is None or zoom is None or zoom > 22:
        raise NotFound(_("没有这张地图。"))
    box = snapped(box, zoom)
    area_id = scope_of(request.actor, whole(request, "area"))
    parts = _parts(request.actor, area_id, box)
    key = _key(parts, zoom) if zoom < NEAR else None

    def told() -> bytes:
        return orjson.dumps(_cases(parts, box, zoom))

    body = told() if key is None else kept.answer(key, told, seconds=KEPT_SECONDS)
    response = HttpResponse(body, content_type="application/json")
    response["Cache-Control"] = "private, no-store"
    return response


def _parts(by: Actor, area_id: int | None, box: tuple[float, float, float, float]) -> list[Part]:
    """Which cases are asked for: what the person may see, first."""
    parts = [scope_of_lists(by), Part("open_in_box", box, _open_in_box)]
    record = areas.find(area_id)
    if record is not None:
        parts.append(in_area(record))
    return parts


def _key(parts: list[Part], zoom: int) -> str | None:
    """What the question is, whole: who asks, the areas that he sees, the box. None where it cannot be told so."""
    asked = [(part.shape, part.values) for part in parts]
    if any(shape is None for shape, _values in asked):
        return None
    print_ = hashlib.sha256(repr((asked, zoom, areas.index().revision)).encode()).hexdigest()
    return f"map_cases:{print_}"


def _cases(parts: list[Part], box: tuple[float, float, float, float], zoom: int) -> dict[str, Any]:
    now = clock.now()
    answer: dict[str, Any] = {"at": clock.local(now).isoformat(timespec="seconds"), "box": box}
    # the cheaper of the two first, where it is likely to be the answer
    clusters = _clusters(parts, box, zoom, now) if zoom < NEARER else None
    few = clusters is None or sum(cluster[4] for cluster in clusters) <= MOST_POINTS
    if zoom >= NEAR and few:
        rows = list(tuples_of(parts, ("points", MOST_POINTS), _first_points))
        if len(rows) <= MOST_POINTS:
            return answer | {"points": _points(sorted(rows), now)}
    return answer | {"clusters": clusters if clusters is not None else _clusters(parts, box, zoom, now)}


def _open_in_box(cases: QuerySet[Incident], west: float, south: float, east: float, north: float) -> QuerySet[Incident]:
    return cases.filter(ended_at__isnull=True, lon__gte=west, lon__lte=east, lat__gte=south, lat__lte=north)


def _first_points(cases: QuerySet[Incident]) -> QuerySet[Any]:
    # in no order: with one the database walks through all cases of the city, from the oldest, until it has enough
    return cases.order_by().values_list(*_FIELDS)[: MOST_POINTS + 1]


def _points(rows: list[tuple[Any, ...]], now: Any) -> list[list[Any]]:
    book = catalogue()
    names: dict[int, str] = {}
    found = []
    for number, lon, lat, status, category_id, due_at, status_at in rows:
        if category_id not in names:
            category = book.category(category_id)
            names[category_id] = category.name if category else ""
        kind = case_kind(status=status, due_at=due_at, started_at=status_at, now=now)
        found.append([number, round(lon, 5), round(lat, 5), SHAPES.get(kind, "normal"), names[category_id]])
    return found


def _clusters(parts: list[Part], box: tuple[float, float, float, float], zoom: int, now: Any) -> list[list[Any]]:
    """Area, lon, lat, name, open, overdue and due soon, of the level that fits the zoom and is few enough."""
    column = f"{LEVEL_NAMES[level_for(box, zoom)]}_id"

    def counted(cases: QuerySet[Incident], at: Any, soon: Any) -> QuerySet[Any]:
        return (
            cases.filter(**{f"{column}__isnull": False})
            .order_by()
            .values_list(column)
            .annotate(
                count=Count("pk"),
                over=Count("pk", filter=~Q(status=Status.SUSPENDED) & Q(due_at__lt=at)),
                soon=Count("pk", filter=~Q(status=Status.SUSPENDED) & Q(due_at__gte=at, due_at__lt=soon)),
            )
            .order_by(F("count").desc(), column)[:MOST_POINTS]
        )

    asked = [*parts, Part(("counted", column, MOST_POINTS), (now, now + SOON), counted)]
    found = []
    for area_id, count, over, soon in tuples_of(asked, "counted", lambda cases: cases):
        record = areas.find(area_id)
        if record is not None:
            lon, lat = record.label
            found.append([record.id, round(lon, 5), round(lat, 5), record.name, count, over, soon])
    return found


def level_for(box: tuple[float, float, float, float], zoom: int) -> int:
    """Districts from afar, grids from near; one level up while they are too many."""
    wanted = (
        Level.DISTRICT if zoom < 10 else Level.STREET if zoom < 13 else Level.COMMUNITY if zoom < 15 else Level.GRID
    )
    counts = areas.index().counts_in(box)
    fitting = [level for level in range(1, wanted + 1) if 0 < counts.get(level, 0) <= MOST_POINTS]
    return fitting[-1] if fitting else Level.CITY


def must_see(by: Actor) -> None:
    if not by.may_somewhere(Capability.VIEW_INCIDENT):
        raise NotPermitted(_("你的岗位不能查看案件地图。"), missing=Capability.VIEW_INCIDENT)


def whole(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None


def box_of(text: str) -> tuple[float, float, float, float] | None:
    """west, south, east, north in degrees."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        return None
    inside = -180 <= west <= east <= 180 and -90 <= south <= north <= 90  # false for NaN too
    return (west, south, east, north) if inside else None


def snapped(box: tuple[float, float, float, float], zoom: int) -> tuple[float, float, float, float]:
    """The box widened to a quarter of a tile of the zoom, so that small moves ask for the same."""
    step = 90 / 2**zoom
    low = [math.floor(value / step) * step for value in box[:2]]
    high = [math.ceil(value / step) * step for value in box[2:]]
    return round(low[0], 6), round(low[1], 6), round(high[0], 6), round(high[1], 6)
