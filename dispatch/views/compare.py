"""Two cases that may be one, side by side, with what a merge would mean for each reporter, and the form to do it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.vary import vary_on_headers

from dispatch.offers import open_actions
from dispatch.selectors import CaseView, case_view
from dispatch.views import case_parts as parts
from dispatch.views import panel
from dispatch.views.minimap import minimap
from dispatch.views.shell import guarded, page, show
from dispatch.views.words import Chip
from gridgov.common import clock
from gridgov.common.coordinates import distance_m
from gridgov.common.errors import NotFound
from incidents.models import Incident
from incidents.workflow import Action, Status

PHOTOS = 3


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    number: str
    title: str
    status: str
    chip: Chip
    rows: list[tuple[str, Any]]
    photos: list[Any]
    merged: int


@page
@vary_on_headers("X-Panel")
def compare(request: HttpRequest, number: str, other: str) -> HttpResponse:
    """Both cases, each in two statements; 404 where the person does not see both, or they are one and the same."""
    now = clock.now()
    this, that = case_view(number, request.actor, at=now), case_view(other, request.actor, at=now)
    if this.case.incident.pk == that.case.incident.pk:
        raise NotFound(_("不能与自己比对。"))
    a, b = this.case.incident, that.case.incident
    may_merge = any(offer.action == Action.MERGE for offer in open_actions(this.case, request.actor))
    context = {
        "now": now,
        "this": (mine := _side(this, now)),
        "that": (theirs := _side(that, now)),
        "sides": (mine, theirs),
        "version": a.version,
        "between": _between(a, b),
        "map": minimap(a, also=(b.lon, b.lat) if b.lon is not None else None),
        "place": parts.place(this),
        "chip": parts.chip(this, now),
        "may_merge": may_merge and b.ended_at is None and a.city_id == b.city_id and not this.merged,
        "why_not": _why_not(this, that) if may_merge else "",
        "promise": _promise(this, that),
    }
    if panel.is_panel(request):
        return guarded(render(request, "parts/compare.html", context))
    return show(request, "pages/compare.html", context)


def _side(view: CaseView, now: datetime) -> Side:
    incident = view.case.incident
    files = [file for _name, found in parts.photos(view) for file in found if file["is_image"]]
    rows = [
        (_("地点"), parts.where(view)),
        (_("网格"), parts.place(view)),
        (_("部件"), parts.component(view)),
        (_("来源"), incident.get_source_display()),
        (_("收到"), incident.received_at),
        (_("上报人"), " ".join(part for part in (view.reporter_name, view.reporter_phone) if part)),
        (_("描述"), incident.description),
    ]
    return Side(
        number=incident.number, title=parts.title(view), status=str(Status(incident.status).label),
        chip=parts.chip(view, now), rows=rows, photos=files[:PHOTOS], merged=len(view.merged),
    )  # fmt: skip


def _between(a: Incident, b: Incident) -> str:
    """How near they are in place and in time."""
    minutes = round(abs((a.received_at - b.received_at).total_seconds()) / 60)
    gap = _("相隔 %(n)s 分") % {"n": minutes} if minutes < 120 else _("相隔 %(n)s 小时") % {"n": round(minutes / 60)}
    if None in (a.lon, a.lat, b.lon, b.lat):
        return gap
    metres = round(distance_m(a.lon, a.lat, b.lon, b.lat))  # type: ignore[arg-type]
    return _("相距 %(m)s 米，%(gap)s") % {"m": metres, "gap": gap}


def _why_not(this: CaseView, that: CaseView) -> str:
    if that.case.incident.ended_at is not None:
        return _("对方案件已结束，不能并入。")
    if this.merged:
        return _("本案有并入的案件，请先撤销那些并案。")
    return _("两案不在同一城市。") if this.case.incident.city_id != that.case.incident.city_id else ""


def _promise(this: CaseView, that: CaseView) -> list[str]:
    """What becomes of what was promised to those who reported, in words."""
    main, own = that.case.incident.number[-7:], this.case.incident.number[-7:]
    said = [
        _("本案 %(own)s 的上报人仍用原来的链接查看，会看到「合并办理」；主案 %(main)s 结案时，本案随之结案。")
        % {"own": own, "main": main},
        _("主案以其他方式结束时，本案自动恢复，总时限从原来收到的时刻接着算。"),
        _("主案 %(main)s 的时限与上报人不受影响。") % {"main": main},
    ]
    if that.merged:
        many = len(that.merged)
        said.append(ngettext("主案已并入 %(n)s 件。", "主案已并入 %(n)s 件。", many) % {"n": many})
    return said
