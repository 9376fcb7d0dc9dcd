"""Areas over HTTP, and where a point lies. No statement: areas are in the process."""

import math
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from gridgov.common.api import BIG, PAGE_LIMIT, Body, Number, answer, check, only, paged, whole
from gridgov.common.coordinates import Crs, to_wgs84
from gridgov.common.errors import FieldError
from grids.models import Level
from grids.spatial import AreaIndex, AreaRecord, Placement, areas

POINT_LIMIT = 10_000
CRS = tuple(crs.value for crs in Crs)
_FILTERS = ("level", "parent", "root", "text", "cursor", "page_size")


class AreaAnswer(serializers.Serializer):
    """An area without its boundary."""

    id = serializers.IntegerField()
    root = serializers.CharField()
    level = serializers.IntegerField()
    code = serializers.CharField()
    name = serializers.CharField()
    full_name = serializers.CharField()
    parent = serializers.IntegerField(allow_null=True)
    has_desk = serializers.BooleanField()
    box = serializers.ListField(child=serializers.FloatField(), help_text=_("西、南、东、北，度"))
    centre = serializers.ListField(child=serializers.FloatField(), help_text=_("lon、lat，在区域之内的一点"))
    area_m2 = serializers.FloatField()


class AreaPage(serializers.Serializer):
    results = AreaAnswer(many=True)
    next = serializers.URLField(allow_null=True)


class PlaceAnswer(serializers.Serializer):
    """Where a point lies: its areas from the city down, skipped levels left out."""

    lon = serializers.FloatField(help_text="WGS-84")
    lat = serializers.FloatField(help_text="WGS-84")
    areas = AreaAnswer(many=True)
    revision = serializers.IntegerField(help_text=_("所用区划的修订号"))


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "type": ["object", "null"],
            "properties": {
                "chain": {"type": "array", "items": {"type": ["integer", "null"]}},
                "code": {"type": "string"},
                "level": {"type": "integer"},
            },
            "required": ["chain", "code", "level"],
        },
    }
)
class PlacedPoints(serializers.ListField):
    """For each point the ids of its city, district, street, community and grid, and the code and level of the last."""


class PointsAnswer(serializers.Serializer):
    results = PlacedPoints(help_text=_("与points一一对应，不在任何城市的为null"))
    revision = serializers.IntegerField()


class PointsBody(Body):
    """Points to be placed."""

    points = serializers.ListField(
        child=serializers.ListField(child=Number(), min_length=2, max_length=2, help_text="[lon, lat]"),
        max_length=POINT_LIMIT,
    )
    crs = serializers.ChoiceField(choices=CRS, required=False, default="wgs84")


class Areas(APIView):
    """Areas by level and code."""

    @extend_schema(
        operation_id="areas_list",
        summary=_("区域"),
        parameters=[
            OpenApiParameter("level", int, description=_("1市 2区县 3街道 4社区 5网格")),
            OpenApiParameter("parent", int, description=_("上级区域的编号")),
            OpenApiParameter("root", str, description=_("城市编码")),
            OpenApiParameter("text", str, description=_("名称或编码中的文字")),
            OpenApiParameter("cursor", str, description=_("上一页的next所带")),
            OpenApiParameter("page_size", int, description=_("每页条数，1到200，默认100")),
        ],
        responses={200: AreaPage},
    )
    def get(self, request: Request) -> HttpResponse:
        given = only(request, _FILTERS)
        index = areas.index()
        found = sorted(_matching(index, given), key=_order)
        size = whole("page_size", given["page_size"], 1, PAGE_LIMIT) if "page_size" in given else 100
        if "cursor" in given:
            # the area a page ended with; areas are never deleted, so that it is always found
            last = index.find(_cursor(given["cursor"]))
            if last is None:
                raise FieldError("cursor", _("分页标记无效，请从第一页重新开始"), code="cursor")
            found = [record for record in found if _order(record) > _order(last)]
        page = found[:size]
        cursor = str(page[-1].id) if len(found) > size else None
        return paged(request, [_area(record, index) for record in page], cursor)


def _cursor(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


def _order(record: AreaRecord) -> tuple[int, int, str, int]:
    return record.root_id, record.level, record.code, record.id


def _matching(index: AreaIndex, given: dict[str, str]) -> list[AreaRecord]:
    if "parent" in given:
        parent = index.find(whole("parent", given["parent"], 1, BIG))
        if parent is None:
            raise FieldError("parent", _("没有这个区域：%(text)s") % {"text": given["parent"]})
        found = index.children(parent.id)
    else:
        found = [record for record in index.all() if record.active]
    if "root" in given:
        root_id = index.root_id(given["root"])
        if root_id is None:
            raise FieldError("root", _("没有这个城市：%(text)s") % {"text": given["root"][:40]})
        found = [record for record in found if record.root_id == root_id]
    if "level" in given:
        level = whole("level", given["level"], Level.CITY, Level.GRID)
        found = [record for record in found if record.level == level]
    if "text" in given:
        words = given["text"].strip()
        found = [record for record in found if words in record.name or words in record.code]
    return found


def _area(record: AreaRecord, index: AreaIndex) -> dict[str, Any]:
    return {
        "id": record.id,
        "root": index.get(record.root_id).code,
        "level": record.level,
        "code": record.code,
        "name": record.name,
        "full_name": index.full_name(record.id),
        "parent": record.parent_id,
        "has_desk": record.has_desk,
        "box": record.box,
        "centre": record.label,
        "area_m2": record.area_m2,
    }


class Locate(APIView):
    """Where points lie."""

    @extend_schema(
        operation_id="areas_locate",
        summary=_("一点所在的区域"),
        parameters=[
            OpenApiParameter("lon", float, required=True, description=_("经度，度")),
            OpenApiParameter("lat", float, required=True, description=_("纬度，度")),
            OpenApiParameter("crs", str, enum=list(CRS), description=_("坐标系，默认wgs84")),
        ],
        responses={200: PlaceAnswer, 400: OpenApiResponse(description=_("经纬度缺失、写反，或不在任何城市"))},
    )
    def get(self, request: Request) -> HttpResponse:
        given = only(request, ("lon", "lat", "crs"))
        crs = given.get("crs", "wgs84")
        if crs not in CRS:
            raise FieldError("crs", _("没有这个坐标系：%(crs)s") % {"crs": crs[:20]})
        index = areas.index()
        lon, lat = (_degrees(name, given.get(name)) for name in ("lon", "lat"))
        if index.looks_swapped(lon, lat):
            raise FieldError("lon", _("经纬度写反了：请先写经度，再写纬度"), code="swapped")
        for name, value, most in (("lon", lon, 180), ("lat", lat, 90)):
            if abs(value) > most:
                raise FieldError(name, _("须是-%(most)d到%(most)d之间的度数") % {"most": most})
        lon, lat = to_wgs84(lon, lat, crs)
        placement = index.locate(lon, lat)
        if placement is None:
            raise FieldError("lon", _("该位置不在任何城市的范围内"), code="outside")
        found = [_area(index.get(pk), index) for pk in placement.chain if pk is not None]
        return answer({"lon": lon, "lat": lat, "areas": found, "revision": placement.revision})

    @extend_schema(
        operation_id="areas_locate_many",
        summary=_("许多点（至多一万）所在的区域"),
        request=PointsBody,
        responses={200: PointsAnswer, 400: OpenApiResponse(description=_("不是点的列表"))},
    )
    def post(self, request: Request) -> HttpResponse:
        points, crs = _points(request.data)
        index = areas.index()
        placed = index.locate_many(points if crs in ("wgs84", "cgcs2000") else [to_wgs84(*p, crs) for p in points])
        return answer({"results": [_placed(p, index) for p in placed], "revision": index.revision})


def _degrees(name: str, text: str | None) -> float:
    if text is None:
        raise FieldError(name, _("请给出经度和纬度"), code="required")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FieldError(name, _("须是以度为单位的数字"))
    return value


def _points(data: Any) -> tuple[list[list[float]], str]:
    """The points of a body. The shape by hand: a serializer takes a second for ten thousand points."""
    body = data if isinstance(data, dict) else {}
    plain = body.get("points")
    if not isinstance(plain, list) or len(plain) > POINT_LIMIT or set(body) - {"points", "crs"}:
        checked = check(PointsBody, data)
        return checked["points"], checked["crs"]
    crs = body.get("crs", "wgs84")
    if not isinstance(crs, str) or crs not in CRS:
        raise FieldError("crs", _("没有这个坐标系：%(crs)s") % {"crs": str(crs)[:20]})
    for position, point in enumerate(plain):
        good = isinstance(point, list) and len(point) == 2 and all(type(v) in (int, float) for v in point)
        if not good or not (-180 <= point[0] <= 180 and -90 <= point[1] <= 90):
            raise FieldError(f"points.{position}", _("须是[经度, 纬度]，单位为度"))
    return plain, crs


def _placed(placement: Placement | None, index: AreaIndex) -> dict[str, Any] | None:
    if placement is None:
        return None
    return {
        "chain": placement.chain,
        "code": index.get(placement.area_id).code,
        "level": placement.level,
    }
