"""Reporting: by a worker on the street, by the desk for a caller."""

import uuid
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import escape
from django.utils.translation import gettext as _

from dispatch import loop
from dispatch.actors import Actor
from dispatch.forms import ReportForm
from dispatch.views.shell import page, show
from gridgov.common.errors import Conflict, FieldError, FieldErrors, NotPermitted
from grids.capabilities import Capability
from grids.spatial import areas
from incidents.models import Incident
from incidents.services.report import Report

DONE = "reported"


@page
def report(request: HttpRequest) -> HttpResponse:
    """The form, and the case it makes. The hidden key keeps a form that is sent twice from making two cases."""
    actor: Actor = request.actor
    sources = sources_of(actor)
    if not sources:
        raise NotPermitted(_("你的岗位不能上报案件。"), missing=Capability.REPORT_INCIDENT)
    if request.method != "POST":
        initial = {"key": uuid.uuid4().hex, "component": request.GET.get("component", "")[:32]}
        return _form(request, ReportForm(sources=sources, uploader_id=actor.user_id, initial=initial))
    form = ReportForm(request.POST, request.FILES, sources=sources, uploader_id=actor.user_id)
    if not form.is_valid():
        form.rescue_files("attachments")
        return _form(request, form, status=400)
    try:
        files = form.store_files("attachments")
        received = loop.report(body=body(form, files), by=actor, idempotency_key=form.cleaned_data.get("key", ""))
    except (FieldError, FieldErrors) as error:
        form.add_domain_error(error)
        return _form(request, form, status=400)
    except Conflict as conflict:
        if conflict.code != "idempotency_key_reused":
            raise
        # sent before with other words: the person goes on from a form that is a new one
        form.data = form.data.copy()
        form.data["key"] = uuid.uuid4().hex
        form.add_error(
            None, _("这份表单已上报过案件 %(number)s。内容有改动：再点一次上报将作为新案件。") % conflict.extra
        )
        return _form(request, form, status=409)
    if received.token:
        request.session[DONE] = {"number": received.number, "token": received.token}
    return redirect("pages:reported", received.number)


def sources_of(actor: Actor) -> dict[str, Any]:
    """As what the person may report: on patrol, or from the desk."""
    if not actor.may_somewhere(Capability.REPORT_INCIDENT):
        return {}
    found: dict[str, Any] = {}
    if actor.may_somewhere(Capability.PATROL):
        found["worker"] = Incident.Source.WORKER.label
    if actor.may_somewhere(Capability.ACCEPT):
        found |= ReportForm.SOURCES
    return found


def body(form: ReportForm, files: list[UUID], **fixed: Any) -> Report:
    """The report that the form says."""
    given = form.cleaned_data
    values = {
        "source": given["source"],
        "category": given["category"],
        "description": given["description"],
        "address": given["address"],
        "lon": given.get("lon"),
        "lat": given.get("lat"),
        "accuracy_m": given.get("accuracy_m"),
        "occurred_at": given.get("occurred_at"),
        "component": given.get("component", "").strip(),
        "reporter_name": given.get("reporter_name", "").strip(),
        "reporter_phone": given.get("reporter_phone", "").strip(),
        "attachments": tuple(files),
    }
    return Report(**(values | fixed))


def _form(request: HttpRequest, form: ReportForm, *, status: int = 200) -> HttpResponse:
    return show(
        request,
        "pages/report.html",
        {"form": form, "is_desk": request.actor.may_somewhere(Capability.ACCEPT)},
        status=status,
    )


@page
def place(request: HttpRequest) -> HttpResponse:
    """Where the typed position lies, in words: a fragment for the form."""
    try:
        lon, lat = float(request.GET.get("lon", "")), float(request.GET.get("lat", ""))
    except ValueError:
        return HttpResponse("")
    index = areas.index()
    found = index.locate(lon, lat)
    if found is not None:
        said = index.full_name(found.area_id)
    elif index.looks_swapped(lon, lat):
        said = _("经纬度可能写反了：请先写经度，再写纬度。")
    else:
        said = _("该位置不在任何城市的范围内。")
    return HttpResponse(escape(said))


@page
def reported(request: HttpRequest, number: str) -> HttpResponse:
    """The number of the case just made, and the link for who reported it."""
    case = loop.read(number, request.actor)
    done = request.session.get(DONE) or {}
    link = request.build_absolute_uri(f"/r/{done['token']}/") if done.get("number") == number else ""
    return show(request, "pages/reported.html", {"incident": case.incident, "link": link})
