"""The page on which an area's boundary is drawn anew: its neighbours beside it, each change rehearsed, then saved."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import shapely
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from gridgov.common import address
from gridgov.common.errors import Conflict, DomainError, FieldError, NotPermitted
from grids import boundaries, importers
from grids.admin_scope import ScopedAdmin, held_areas
from grids.models import Area, Level
from grids.spatial import AreaRecord, areas


class MapPages(ScopedAdmin):
    """Adds ``<id>/map/`` (the page), ``…/map/shapes/``, ``…/map/check/`` and ``…/map/save/`` to the admin of areas."""

    def get_urls(self) -> list[URLPattern]:
        def wrapped(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
            return self.admin_site.admin_view(view)

        own = [
            path("<int:area_id>/map/", wrapped(require_GET(self.map_page)), name="grids_area_map"),
            path("<int:area_id>/map/shapes/", wrapped(require_GET(self.map_shapes)), name="grids_area_map_shapes"),
            path("<int:area_id>/map/check/", wrapped(require_POST(self.map_check)), name="grids_area_map_check"),
            path("<int:area_id>/map/save/", wrapped(require_POST(self.map_save)), name="grids_area_map_save"),
        ]
        return own + super().get_urls()

    def _found(self, request: HttpRequest, area_id: int) -> AreaRecord:
        """The area, of those that the person administers. Http404 for others, PermissionDenied without the right."""
        if not self.has_change_permission(request):
            raise NotPermitted(_("只有系统管理员可以调整区域边界。"))
        shown = area_id < 2**63 and self.get_queryset(request).filter(pk=area_id).exists()
        record = areas.find(area_id) if shown else None
        if record is None:
            raise Http404(_("没有这个区域，或不在你负责的区域内。"))
        return record

    def map_page(self, request: HttpRequest, area_id: int) -> HttpResponse:
        record = self._found(request, area_id)
        index = areas.index()
        configuration = {
            "shapes": reverse("admin:grids_area_map_shapes", args=[record.id]),
            "check": reverse("admin:grids_area_map_check", args=[record.id]),
            "save": reverse("admin:grids_area_map_save", args=[record.id]),
            "back": reverse("admin:grids_area_change", args=[record.id]),
            "tiles": [asdict(source) for source in settings.MAP_TILES],
            "most": boundaries.MOST_CORNERS,
        }
        context = {
            **self.admin_site.each_context(request),
            "title": _("调整边界：%(name)s") % {"name": record.name},
            "opts": self.opts,
            "area": record,
            "level": Level(record.level).label,
            "above": index.name(record.parent_id),
            "attribution": index.get(record.root_id).attribution,
            "configuration": json.dumps(configuration, ensure_ascii=False),
            "is_city": record.level == Level.CITY,
            "children": index.children(record.id)[:200] if record.level == Level.CITY else [],
            "reason_length": boundaries.REASON_LENGTH,
        }
        return TemplateResponse(request, "admin/grids/area/map.html", context)

    def map_shapes(self, request: HttpRequest, area_id: int) -> HttpResponse:
        """The area and its neighbours with every corner, and what is above and below it for the eye. Two statements."""
        record = self._found(request, area_id)
        index = areas.index()
        beside = boundaries.neighbours(record)[: boundaries.MOST_AREAS - 1]
        below = index.children(record.id)
        wanted = [record.id, *(other.id for other in beside), *(child.id for child in below)]
        if record.parent_id is not None:
            wanted.append(record.parent_id)
        stored = dict(Area.objects.filter(pk__in=wanted).values_list("pk", "boundary"))
        shapes = {pk: shapely.from_wkb(bytes(boundary)) for pk, boundary in stored.items()}

        def told(one: AreaRecord) -> dict[str, Any]:
            return {
                "id": one.id, "code": one.code, "name": one.name, "label": one.label,
                "corners": int(shapely.get_num_coordinates(shapes[one.id])),
                "editable": self._is_held(request, one), "shape": json.loads(shapely.to_geojson(shapes[one.id])),
            }  # fmt: skip

        answer = {
            "revision": index.revision,
            "area": told(record),
            "neighbours": [told(other) for other in beside if other.id in shapes],
            "above": json.loads(shapely.to_geojson(shapes[record.parent_id])) if record.parent_id in shapes else None,
            "below": [json.loads(shapely.to_geojson(shapes[child.id])) for child in below if child.id in shapes],
        }
        response = JsonResponse(answer, json_dumps_params={"ensure_ascii": False, "separators": (",", ":")})
        response["Cache-Control"] = "private, no-store"
        return response

    def _is_held(self, request: HttpRequest, record: AreaRecord) -> bool:
        held = held_areas(request.user, self.capabilities)
        return held is None or any(other.id in record.ancestors for other in held)

    def map_check(self, request: HttpRequest, area_id: int) -> HttpResponse:
        """What saving would do, in words; nothing is written."""
        return self._answered(lambda: _rehearsal(self._drawn(request, self._found(request, area_id))[0]))

    def map_save(self, request: HttpRequest, area_id: int) -> HttpResponse:
        """The boundaries are as drawn, or it is said why not."""

        def save() -> dict[str, Any]:
            record = self._found(request, area_id)
            drawing, given = self._drawn(request, record)
            reason = given.get("reason")
            revision = boundaries.save(
                drawing=drawing, reason=reason if isinstance(reason, str) else "", by=request.user,
                address=address.of(request),
            )  # fmt: skip
            if revision is None:
                raise FieldError("shapes", _("边界没有变化"))
            words = _("已保存 %(count)d 个区域的新边界（修订号 %(revision)d）。在办案件随后自动改属，已办结的不变。")
            messages.success(request, words % {"count": len(drawing.changed), "revision": revision})
            return {"revision": revision, "url": reverse("admin:grids_area_change", args=[record.id])}

        return self._answered(save)

    def _drawn(self, request: HttpRequest, record: AreaRecord) -> tuple[boundaries.Drawing, dict[str, Any]]:
        try:
            body = request.body
        except RawPostDataException as error:  # a form: the check of its token has read it
            raise FieldError("shapes", _("没有收到边界")) from error
        except RequestDataTooBig as error:
            raise FieldError("shapes", _("提交的边界过大，请用导入")) from error
        try:
            given = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise FieldError("shapes", _("没有收到边界")) from error
        if not isinstance(given, dict):
            raise FieldError("shapes", _("没有收到边界"))
        shapes = given.get("shapes")
        drawing = boundaries.draw(area=record, shapes=shapes, revision=given.get("revision"))
        for area_id in drawing.redrawn.ids:
            if not self._is_held(request, areas.get(area_id)):
                message = _("“%(name)s”不在你负责的区域内，不能一并调整")
                raise FieldError(f"shapes.{areas.get(area_id).code}", message % {"name": areas.name(area_id)})
        return drawing, given

    def _answered(self, act: Callable[[], dict[str, Any]]) -> HttpResponse:
        """The answer of ``act``, or its refusal: the field, what is wrong with it, and the places."""
        try:
            return JsonResponse(act(), json_dumps_params={"ensure_ascii": False})
        except importers.LoadRefused as refused:
            body = {"errors": [{"field": "shapes", "message": str(refused.message)}]}
            return JsonResponse(body, status=refused.status)
        except Conflict as refused:
            return JsonResponse({"errors": [{"field": "revision", "message": refused.message}]}, status=refused.status)
        except DomainError as refused:
            field = getattr(refused, "field", "")
            return JsonResponse({"errors": [{"field": field, "message": refused.message}]}, status=refused.status)


def _rehearsal(drawing: boundaries.Drawing) -> dict[str, Any]:
    return {
        "ok": drawing.may_be_saved,
        "changed": [
            {"code": code, "name": name, "before": boundaries.size_words(old), "after": boundaries.size_words(new)}
            for code, (name, old, new) in sorted(drawing.changed.items())
        ],
        "faults": [asdict(fault) for fault in drawing.faults],
        "effects": [asdict(effect) for effect in drawing.effects()] if drawing.may_be_saved else [],
    }
