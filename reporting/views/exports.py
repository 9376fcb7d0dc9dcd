"""Asking for lists as files, watching them grow, fetching and cancelling them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dispatch.actors import Actor
from dispatch.queue_query import PARAMETERS, checked, desk_of
from dispatch.views.desks import desk_for
from dispatch.views.shell import guarded, page, show
from dispatch.visibility import scope_of
from gridgov.common import address, clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from grids.capabilities import Capability
from reporting import exports, selectors
from reporting.models import Export
from reporting.views.dashboard import parsed_instant, whole
from reporting.views.drill import PARTS, asked_period, label_of

_BADGES = {Export.State.DONE: "ok", Export.State.FAILED: "over", Export.State.WAITING: "", Export.State.PACKING: "soon"}
_TYPES = {
    Export.Form.CSV: "text/csv; charset=utf-8",
    Export.Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _reader(request: HttpRequest) -> Actor:
    actor: Actor = request.actor
    if not actor.may_somewhere(Capability.VIEW_INCIDENT):
        needed = Capability.VIEW_INCIDENT
        raise NotPermitted(_("此页需要：%(needed)s") % {"needed": needed.label}, missing=needed.value)
    return actor


@page
def listing(request: HttpRequest) -> HttpResponse:
    """The person's exports with how far they are, and a form for another one."""
    actor = _reader(request)
    found = exports.exports_of(actor.user_id)
    today = clock.local_date(clock.now())
    return show(
        request,
        "reporting/exports.html",
        {
            "exports": [_shown(one) for one in found],
            "is_moving": any(one.state in Export.UNFINISHED for one in found),
            "kept_hours": settings.EXPORT_KEPT_HOURS,
            "first": f"{today - timedelta(days=30):%Y-%m-%d}",
            "last": f"{today:%Y-%m-%d}",
            "forms": Export.Form.choices,
        },
    )


@page
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """The export waits for a worker; the page of the exports shows it."""
    actor, asked = _reader(request), request.POST
    try:
        kind, title, query = _asked(asked, actor)
        exports.start(
            by=actor, user=request.user, kind=kind, form=asked.get("form", "csv"), title=title, query=query,
            address=address.of(request),
        )  # fmt: skip
    except (FieldError, Conflict) as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("已开始导出。可以离开此页，完成后在这里下载。"))
    return redirect("reporting:exports")


@page
@require_POST
def cancel(request: HttpRequest, export_id: Any) -> HttpResponse:
    """The export is cancelled."""
    actor = _reader(request)
    try:
        exports.cancel(export_id=export_id, by=actor, user=request.user, address=address.of(request))
    except Conflict as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("已取消导出。"))
    return redirect("reporting:exports")


@page
def file(request: HttpRequest, export_id: Any) -> HttpResponse:
    """The file, for who asked for it."""
    actor = _reader(request)
    export, content = exports.fetched(export_id=export_id, by=actor, user=request.user, address=address.of(request))
    name = f"{export.title} {clock.local(export.at):%Y%m%d-%H%M}.{export.form}"
    response = FileResponse(content, as_attachment=True, filename=name, content_type=_TYPES[Export.Form(export.form)])
    return guarded(response)


# --- what is asked for --------------------------------------------------------------------------------------------


def _asked(asked: Mapping[str, str], actor: Actor) -> tuple[str, str, dict[str, Any]]:
    """Kind, title and query out of a form. FieldError, NotFound, NotPermitted."""
    kind = asked.get("kind", "")
    given = dict(parse_qsl(asked.get("query", "")[:2000]))
    if kind == Export.Kind.QUEUE:
        return _queue(asked.get("desk", ""), given, actor)
    if kind == Export.Kind.FIGURE:
        return _figure(given, actor)
    if kind == Export.Kind.CASES:
        return _span(asked)
    raise FieldError("kind", _("没有这种导出"))


def _queue(key: str, given: dict[str, str], actor: Actor) -> tuple[str, str, dict[str, Any]]:
    desk = desk_of(key)
    desk_for(actor, key)
    query = checked(desk, {name: value for name, value in given.items() if name in PARAMETERS})
    component = given.get("component", "")
    if component.isascii() and component.isalnum() and len(component) <= 32:
        query["component"] = component
    return Export.Kind.QUEUE, _("%(desk)s队列") % {"desk": desk.label}, {"desk": key, **query}


def _figure(given: dict[str, str], actor: Actor) -> tuple[str, str, dict[str, Any]]:
    now = clock.now()
    key, stage = given.get("key", ""), given.get("stage", "")
    at = parsed_instant(given.get("at", ""), now)
    between = asked_period(given, at)
    part = given.get("part", "all")
    if part not in PARTS:
        raise NotFound(_("没有这个指标"))
    query: dict[str, Any] = {
        "area_id": scope_of(actor, whole(given.get("area", ""))),
        "department_id": whole(given.get("department", "")),
        "stage": stage,
        "stretch": given.get("stretch", ""),
        "span": given.get("span") or "today",
    }
    # whatever means nothing is refused now
    selectors.drill(actor, key, at=at, between=between, **query)
    query |= {"key": key, "at": at.isoformat(), "part": part}
    if between:
        query["between"] = [between.start.isoformat(), between.end.isoformat()]
    return Export.Kind.FIGURE, label_of(key, stage, ""), query


def _span(asked: Mapping[str, str]) -> tuple[str, str, dict[str, Any]]:
    """All cases received from one day to another, both included."""
    days = []
    for name in ("from", "until"):
        try:
            day = parse_date(asked.get(name, ""))
        except ValueError:
            day = None
        if day is None:
            raise FieldError(name, _("请填写起止日期"))
        if not 2000 <= day.year <= 2200:
            raise FieldError(name, _("日期须在2000年至2200年之间"))
        days.append(day)
    first, last = days
    if last < first:
        raise FieldError("until", _("结束日期早于开始日期"))
    start_at, end_at = clock.local_midnight(first), clock.local_midnight(last, days=1)
    title = _("案件 %(first)s 至 %(last)s") % {"first": first, "last": last}
    return Export.Kind.CASES, title, {"from": start_at.isoformat(), "until": end_at.isoformat()}


# --- what is shown ------------------------------------------------------------------------------------------------


def _shown(one: Export) -> dict[str, Any]:
    is_open = one.state in Export.UNFINISHED
    done = one.packed_count if one.state == Export.State.PACKING else one.row_count
    share = min(100, done * 100 // one.total_count) if one.total_count else (0 if is_open else 100)
    return {
        "id": one.pk,
        "title": one.title,
        "form": Export.Form(one.form).label,
        "at": one.at,
        "state": one.state,
        "label": Export.State(one.state).label,
        "badge": _BADGES.get(Export.State(one.state), ""),
        "rows": one.row_count,
        "done": done,
        "total": one.total_count,
        "share": share,
        "is_open": is_open,
        "is_done": one.state == Export.State.DONE,
        "size": one.size,
        "expires_at": one.expires_at,
        "is_failed": one.state == Export.State.FAILED,
    }
