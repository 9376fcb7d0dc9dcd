"""Reporting: by a worker on the street, by the desk for a caller."""

import json
import re
import uuid
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.html import escape
from django.utils.translation import gettext as _

from dispatch import drafts, initials, loop, whereabouts
from dispatch.actors import Actor
from dispatch.forms import KeepsFiles, ReportForm
from dispatch.views import maps
from dispatch.views.shell import guarded, page, show
from dispatch.visibility import scope_of
from gridgov.common import clock
from gridgov.common.errors import Conflict, DomainError, FieldError, FieldErrors, NotFound, NotPermitted
from grids.capabilities import Capability
from grids.spatial import areas
from incidents.attachments import limit
from incidents.catalogue import catalogue
from incidents.models import Attachment, Incident
from incidents.services.report import Report
from incidents.workflow import Status

DONE = "reported"
#: What the desk's unfinished report is kept under.
DRAFT = "report"
NUMBER = re.compile(r"^[0-9A-Z]{1,24}$")


@page
def report(request: HttpRequest) -> HttpResponse:
    """The form, and the case it makes. The hidden key keeps a form that is sent twice from making two cases."""
    actor: Actor = request.actor
    sources = sources_of(actor)
    if not sources:
        raise NotPermitted(_("你的岗位不能上报案件。"), missing=Capability.REPORT_INCIDENT)
    if request.method != "POST":
        return _fresh(request, sources)
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
        add_as_another(form, conflict)
        return _form(request, form, status=409)
    done = {"number": received.number, "token": received.token}
    if is_desk(actor):
        drafts.discard_one(by=actor, key=DRAFT)
        done["merged"] = _merge(request, received.number)
    if received.token or done.get("merged"):
        request.session[DONE] = done
    return redirect("pages:reported", received.number)


def add_as_another(form: ReportForm, conflict: Conflict) -> None:
    """Sent before with other words: the person is told and goes on from a form that is a new one; else it is raised."""
    if conflict.code != "idempotency_key_reused":
        raise conflict
    form.data = form.data.copy()
    form.data["key"] = uuid.uuid4().hex
    form.add_error(None, _("这份表单已上报过案件 %(number)s。内容有改动：再点一次上报将作为新案件。") % conflict.extra)


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


def is_desk(actor: Actor) -> bool:
    """Whether the person takes reports of others, at a desk; a worker on the street has the short form."""
    return actor.may_somewhere(Capability.ACCEPT)


def _fresh(request: HttpRequest, sources: dict[str, Any]) -> HttpResponse:
    """An empty form; at the desk with what was begun and not sent."""
    actor: Actor = request.actor
    restored: dict[str, Any] = {}
    kept: list[dict[str, Any]] = []
    if is_desk(actor):
        try:
            content = drafts.of(actor, DRAFT).content
        except NotFound:
            content = {}
        known = ReportForm.base_fields.keys() - {"attachments", "kept"}
        restored = {name: value for name, value in content.items() if name in known and isinstance(value, str)}
        if isinstance(content.get("kept"), str) and content["kept"]:
            kept = KeepsFiles({"kept": content["kept"]}, uploader_id=actor.user_id).kept_files
    initial = {"key": uuid.uuid4().hex} | restored
    if component := request.GET.get("component", "")[:32]:
        initial["component"] = component
    form = ReportForm(sources=sources, uploader_id=actor.user_id, initial=initial)
    return _form(request, form, kept=kept, is_restored=bool(restored or kept))


def _merge(request: HttpRequest, number: str) -> str:
    """The case just reported is the same thing as an open one, the desk says: merged into it, its reporter with it.

    In words what came of it; empty where it was not asked for.
    """
    into = request.POST.get("same_as", "").strip()
    if not NUMBER.match(into):
        return ""
    try:
        note = _("登记时认出是同一件")
        loop.perform(number=number, action="merge", by=request.actor, version=None, into=into, note=note)
    except (DomainError, FieldError, FieldErrors) as error:
        return _("已登记，但没有并入 %(into)s：%(why)s") % {"into": into, "why": str(error)}
    return _("已并入案件 %(into)s，两位上报人都会得到答复。") % {"into": into}


def _form(
    request: HttpRequest, form: ReportForm, *, status: int = 200, kept: Any = (), is_restored: bool = False
) -> HttpResponse:
    actor: Actor = request.actor
    if not is_desk(actor):
        return show(request, "pages/report.html", {"form": form, "categories": categories()}, status=status)
    kept = kept or form.kept_files
    root = areas.find(scope_of(actor, None))
    response = show(
        request,
        "pages/report_desk.html",
        {
            "form": form,
            "kept": kept,
            "kept_ids": " ".join(str(row["id"]) for row in kept),
            "is_restored": is_restored,
            "same_as": request.POST.get("same_as", "")[:24],
            "limits": {kind: limit(kind) for kind in Attachment.Kind.values},
            "categories": categories(),
            "map": json.dumps(maps.configuration(actor) | _view_of(root), ensure_ascii=False),
        },
        status=status,
    )
    response["Content-Security-Policy"] = maps.policy()
    return response


def categories() -> str:
    """Code, name, 大类 and initials of each 小类, to be searched while typing, as JSON."""
    book = catalogue()
    found = []
    for one in initials.category_names():
        spec = book.category(one.id)
        parent = book.category(spec.parent_id) if spec else None
        if spec is not None:
            found.append([spec.code, spec.name, parent.name if parent else "", one.initials])
    return json.dumps(found, ensure_ascii=False)


def _view_of(root: Any) -> dict[str, Any]:
    """The area that the map begins with, its streets' or communities' lines in it."""
    if root is None:
        return {"area": None, "level": None}
    below = sorted({record.level for record in areas.index().subtree(root.id) if record.level > root.level})
    return {"area": root.id, "level": (below[:2] or [root.level])[-1]}


@page
def where(request: HttpRequest) -> HttpResponse:
    """The places that the typed words may mean, for the form."""
    if not is_desk(request.actor):
        raise NotPermitted(_("你的岗位不登记案件。"), missing=Capability.ACCEPT)
    found = whereabouts.find(request.actor, request.GET.get("text", ""), now=clock.now())
    return guarded(JsonResponse({"results": [asdict(one) for one in found]}))


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
    link = request.build_absolute_uri(f"/r/{done['token']}/") if done.get("number") == number and done["token"] else ""
    accept = case.live_clock("accept")
    return show(
        request,
        "pages/reported.html",
        {
            "incident": case.incident,
            "link": link,
            "merged": done.get("merged", "") if done.get("number") == number else "",
            "status_label": str(Status(case.incident.status).label),
            "accept_by": accept.due_at if accept is not None else None,
            "may_accept": is_desk(request.actor) and case.incident.status == Status.REPORTED,
            "place": areas.full_name(case.incident.grid_id or case.incident.community_id or case.incident.holder_id),
        },
    )
