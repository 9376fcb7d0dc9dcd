"""Plates for components, to be printed and put on them: the QR code by which anybody reports what is wrong there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import segno
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET
from segno import utils

from gridgov.common.errors import NotPermitted
from grids import component_types
from grids.admin_scope import ScopedAdmin
from grids.models import Component
from grids.spatial import areas

#: As many as a browser prints in one go, and their ids as an address is long.
MOST = 300
#: On a sheet of A4: three columns of four.
ON_A_SHEET = 12
#: Modules left white around a code, as the standard asks for.
QUIET = 4


@dataclass(frozen=True, slots=True)
class Plate:
    """What stands on one plate. ``drawing``: the dark modules as SVG path data, in a square of ``size`` modules."""

    name: str
    code: str
    short_code: str
    place: str
    address: str
    size: int
    drawing: str


def draw(text: str) -> tuple[int, str]:
    """The QR code of ``text``, a quarter of which may be scratched off: its side with the quiet zone, and its path."""
    made = segno.make_qr(text, error="q")
    lines = utils.matrix_to_lines(made.matrix, QUIET, QUIET + 0.5)
    drawing = "".join(f"M{x1} {y1}h{x2 - x1}" for (x1, y1), (x2, _y2) in lines)
    return made.symbol_size(border=QUIET)[0], drawing


class PlatePages(ScopedAdmin):
    """Adds ``plates/?ids=1,2`` to the admin of components, and the action that leads there."""

    actions = ("print_plates",)

    def get_urls(self) -> list[URLPattern]:
        sheet = self.admin_site.admin_view(require_GET(self.plates))
        return [path("plates/", sheet, name="grids_component_plates"), *super().get_urls()]

    @admin.action(description=gettext_lazy("打印二维码标识"), permissions=["view"])
    def print_plates(self, request: HttpRequest, queryset: QuerySet[Component]) -> HttpResponse | None:
        """On to the sheet of the chosen ones; back to the list where they are too many."""
        ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: MOST + 1])
        if len(ids) > MOST:
            messages.error(request, _too_many())
            return None
        return redirect(f"{reverse('admin:grids_component_plates')}?ids={','.join(map(str, ids))}")

    def plates(self, request: HttpRequest) -> HttpResponse:
        """The sheets, by code. Http404 where one of them is none, or is not administered by who asks. One statement."""
        if not self.has_view_permission(request):
            raise NotPermitted(_("二维码标识由系统管理员打印。"))
        ids = _ids(request.GET.get("ids", ""))
        if len(ids) > MOST:
            messages.error(request, _too_many())
            return redirect("admin:grids_component_changelist")
        found = list(self.get_queryset(request).filter(pk__in=ids).order_by("code", "pk"))
        if not found or len(found) < len(ids):
            raise Http404(_("没有这些部件，或有的不在你负责的区域内。"))
        names = component_types.names()
        plates = [_plate(request, one, names) for one in found]
        count = len(plates)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("二维码标识"),
            "opts": self.opts,
            "sheets": [plates[start : start + ON_A_SHEET] for start in range(0, count, ON_A_SHEET)],
            "said": ngettext("%(count)d 个标识", "%(count)d 个标识", count) % {"count": count},
            "origin": request.build_absolute_uri("/"),
            "only": found[0] if count == 1 else None,
        }
        return TemplateResponse(request, "admin/grids/component/plates.html", context)


def _too_many() -> str:
    return _("一次最多打印 %(most)d 个标识，请先按类别、状态或编码筛选，再分批打印。") % {"most": MOST}


def _ids(text: str) -> Sequence[int]:
    """The ids of the address; Http404 where it is none such."""
    parts = set(text.split(",")) if len(text) < 20 * MOST else set()
    if not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts) or not parts:
        raise Http404(_("没有选中部件。"))
    return sorted(set(map(int, parts)))


def _plate(request: HttpRequest, component: Component, names: dict[str, str]) -> Plate:
    address = request.build_absolute_uri(reverse("pages:scan", args=[component.qr_token]))
    size, drawing = draw(address)
    return Plate(
        name=component.name or names.get(component.type_code, ""), code=component.code,
        short_code=f"{component.short_code[:4]} {component.short_code[4:]}".strip(),
        place=component.address or areas.full_name(component.area_id), address=address, size=size, drawing=drawing,
    )  # fmt: skip
