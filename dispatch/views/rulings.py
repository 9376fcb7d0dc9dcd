"""Rulings (裁定): cases that two departments gave back, and the page on which the duty chief imposes a handler."""

from typing import Any

from django.contrib import messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from dispatch import loop
from dispatch.actors import Actor
from dispatch.forms import ActionForm
from dispatch.offers import OpenAction, open_actions
from dispatch.selectors import CaseView, case_view, rulings_waiting_for
from dispatch.views import case_parts as parts
from dispatch.views.desks import FIELDS, row_of
from dispatch.views.shell import page, show
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, FieldErrors, NotPermitted
from grids.capabilities import Capability
from incidents.workflow import Action, Status
from personnel.selectors import department_tree

LISTED = 50


def _must_impose(actor: Actor) -> None:
    if not actor.may_somewhere(Capability.IMPOSE):
        raise NotPermitted(_("你的岗位不作裁定。"), missing=Capability.IMPOSE)


@page
def listing(request: HttpRequest) -> HttpResponse:
    """What waits for a ruling, by least time left."""
    _must_impose(request.actor)
    now = clock.now()
    found = rulings_waiting_for(request.actor).order_by(F("due_at").asc(nulls_last=True), "id").values(*FIELDS)[:LISTED]
    return show(request, "pages/rulings.html", {"now": now, "rows": [row_of(row, now) for row in found]})


@page
def ruling(request: HttpRequest, number: str) -> HttpResponse:
    """Both returns side by side, what the rules of responsibility say, and the form that imposes."""
    actor: Actor = request.actor
    _must_impose(actor)
    now = clock.now()
    view = case_view(number, actor, at=now)
    offer = next((o for o in open_actions(view.case, actor) if o.action == Action.IMPOSE and not o.request), None)
    form, problem, status = None, "", 200
    if request.method == "POST":
        if offer is None:
            return _late(request, view, now)
        form = ActionForm(offer, view.case, request.POST, routing=view.routing, uploader_id=actor.user_id)
        status = 400
        if form.is_valid():
            try:
                loop.perform(
                    number=number, action=Action.IMPOSE.value, by=actor, version=form.cleaned_data.get("version"),
                    **form.payload(),
                )  # fmt: skip
            except (FieldError, FieldErrors) as error:
                form.add_domain_error(error)
            except NotPermitted as refusal:
                problem, status = str(refusal.message), 403
            except Conflict as conflict:
                problem, status = str(conflict.message), 409
                view = case_view(number, actor, at=now)
            else:
                messages.success(request, _("已裁定，工单已派出，不得再退。"))
                return redirect("pages:rulings")
    elif offer is not None:
        form = _fresh(offer, view, actor, request.GET.get("lead", ""))
    return show(request, "pages/ruling.html", _context(view, form, now) | {"problem": problem}, status=status)


def _fresh(offer: OpenAction, view: CaseView, actor: Actor, lead: str) -> ActionForm:
    """The empty form; ``lead``: the candidate that was chosen, if it is one."""
    chosen = {"lead": lead} if lead in {row["value"] for row in candidates(view)} else {}
    return ActionForm(offer, view.case, routing=view.routing, uploader_id=actor.user_id, initial=chosen)


def _late(request: HttpRequest, view: CaseView, now: Any) -> HttpResponse:
    words = _("这件案件现在不等裁定：%(status)s。") % {"status": Status(view.case.incident.status).label}
    return show(request, "pages/ruling.html", _context(view, None, now) | {"problem": words}, status=409)


def _context(view: CaseView, form: ActionForm | None, now: Any) -> dict[str, Any]:
    return {
        "now": now,
        "incident": view.case.incident,
        "title": parts.title(view),
        "place": parts.place(view),
        "opening": parts.opening(view),
        "chip": parts.chip(view, now),
        "badges": parts.badges(view),
        "photos": parts.photos(view),
        "returns": returns(view),
        "rule": parts.proposal(view),
        "candidates": candidates(view),
        "form": form,
    }


def returns(view: CaseView) -> list[dict[str, Any]]:
    """The returns that were granted, in order: who gave the case back and why, who granted it and what he said."""
    tickets = {t.id: t for t in view.case.tickets}
    found = []
    for asked in view.case.requests:
        ticket = tickets.get(asked.ticket_id or 0)
        if asked.kind == "return" and asked.state == "granted" and ticket is not None:
            found.append(
                parts.request(view, asked)
                | {
                    "handler": parts.handler(view, ticket.department_id, ticket.worker_id),
                    "dispatched_at": ticket.dispatched_at,
                    "signed_at": ticket.signed_at,
                }
            )
    return found


def candidates(view: CaseView) -> list[dict[str, Any]]:
    """Who comes into question: whom the rule names, and who had it before; each with why."""
    tree = department_tree()
    found: dict[int, dict[str, Any]] = {}
    routing = view.routing or {}
    if routing.get("lead_id"):
        found[routing["lead_id"]] = {"why": [_("派遣规则的主办")]}
    for pk in routing.get("joint") or []:
        if isinstance(pk, int):
            found.setdefault(pk, {"why": []})["why"].append(_("派遣规则的协办"))
    for t in view.case.tickets:
        if t.is_lead and t.state == "returned" and t.department_id is not None:
            found.setdefault(t.department_id, {"why": []})["why"].append(_("曾主办，已退单"))
    return [
        {"value": f"d{pk}", "name": tree.full_name(pk), "why": list(dict.fromkeys(row["why"]))}
        for pk, row in found.items()
    ]
