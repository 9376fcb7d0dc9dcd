"""Overdue appeals (超时申诉): what a department may appeal against, and what 派遣员 and then 受理员 decide."""

from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from dispatch import appeals, handling
from dispatch.actors import Actor
from dispatch.forms import AppealForm, DecisionForm
from dispatch.models import Appeal, Ticket
from dispatch.parties import is_handler
from dispatch.selectors import CaseView, case_view, tickets_of
from dispatch.views import case_parts as parts
from dispatch.views.shell import is_field_worker, page, show
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from grids.capabilities import Capability
from incidents.catalogue import catalogue
from incidents.models import Clock
from personnel.selectors import department_tree

LISTED = 50
#: What the state of an appeal looks like.
KINDS = {"granted": "ok", "refused": "over"}


def is_decider(actor: Actor) -> bool:
    """Whether appeals may come to the person."""
    return any(actor.may_somewhere(capability) for capability in appeals.NEEDED.values())


@page
def listing(request: HttpRequest) -> HttpResponse:
    """What waits for the person's decision; what his department may appeal against, and how its appeals went."""
    actor: Actor = request.actor
    decides, asks = is_decider(actor), bool(actor.department_ids) or is_field_worker(actor)
    if not decides and not asks:
        raise NotPermitted(_("你的岗位没有超时申诉。"), missing=Capability.DISPATCH)
    now = clock.now()
    waiting = [_row(row) for row in appeals.waiting_for(actor).values(*appeals.FIELDS)[:LISTED]] if decides else []
    return show(
        request,
        "pages/appeals.html",
        {
            "now": now, "decides": decides, "asks": asks, "waiting": waiting,
            "appealable": _appealable(actor, now) if asks else [], "own": _own(actor) if asks else [],
        },
    )  # fmt: skip


def _row(row: dict[str, Any]) -> dict[str, Any]:
    category = catalogue().category(row["incident__category_id"])
    return row | {
        "title": category.name if category else "",
        "state_label": str(Appeal.State(row["state"]).label),
        "kind": KINDS.get(row["state"], "soon"),
        "department": department_tree().full_name(row["ticket__department_id"]) if row["ticket__department_id"] else "",
    }


def _appealable(actor: Actor, now: Any) -> list[dict[str, Any]]:
    """The done lead tickets of closed cases that were late and were not appealed. One statement."""
    late = Clock.objects.filter(
        incident=OuterRef("incident"), assignment=OuterRef("assignment"), kind__in=appeals.OF_THE_DEPARTMENT,
        state="late",
    )  # fmt: skip
    rows = (
        tickets_of(actor)
        .filter(
            Exists(late), is_lead=True, state=Ticket.State.DONE, appeal__isnull=True,
            incident__status__in=appeals.AFTER_CLOSING, incident__closed_at__gt=now - (appeals.until(now) - now),
        )
        .order_by("incident__closed_at", "id")
        .values("incident__number", "incident__category_id", "incident__address", "incident__closed_at", "ended_at")
    )  # fmt: skip
    found = []
    for row in rows[:LISTED]:
        category = catalogue().category(row["incident__category_id"])
        until = appeals.until(row["incident__closed_at"])
        found.append(row | {"title": category.name if category else "", "until": until})
    return found


def _own(actor: Actor) -> list[dict[str, Any]]:
    """The appeals of the person's departments, the newest first. One statement."""
    mine = Appeal.objects.filter(ticket__in=tickets_of(actor).order_by().values("pk")).order_by("-id")
    rows = mine.values(*appeals.FIELDS, "second_by__name", "second_at", "second_reason")[:LISTED]
    return [_row(row) for row in rows]


@page
def appeal(request: HttpRequest, number: str) -> HttpResponse:
    """The department's form against the breach of one case, and where its appeal stands."""
    actor: Actor = request.actor
    now = clock.now()
    view = case_view(number, actor, at=now)
    if not any(is_handler(t.department_id, t.worker_id, actor) for t in view.case.tickets if t.is_lead):
        raise NotFound(_("没有你们的工单。"))
    made = appeals.of_case(view.case.incident)
    until = handling.may_appeal(view.case, actor, at=now, appealed={row.ticket_id for row in made})
    form, status = AppealForm(), 200
    if request.method == "POST":
        form = AppealForm(request.POST)
        if form.is_valid():
            try:
                appeals.ask(number=number, by=actor, reason=form.cleaned_data["reason"])
            except FieldError as error:
                form.add_error("reason", str(error.message))
            except Conflict as conflict:
                form.add_error(None, str(conflict.message))
                status = 409
            else:
                messages.success(request, _("申诉已提交，等派遣员审核。"))
                return redirect("pages:appeal", number)
        status = 409 if status == 409 else 400
    own = {t.id for t in view.case.tickets if is_handler(t.department_id, t.worker_id, actor)}
    context = _case(view, now) | {
        "form": form, "until": until, "made": [_step(row) for row in made if row.ticket_id in own],
    }  # fmt: skip
    return show(request, "pages/appeal.html", context, status=status)


@page
def decide(request: HttpRequest, appeal_id: int) -> HttpResponse:
    """The next step of the appeal, with the case's clocks and evidence beside it; 404 for who may not see the case."""
    actor: Actor = request.actor
    now = clock.now()
    row = Appeal.objects.select_related("incident", "asked_by", "first_by", "second_by").filter(pk=appeal_id).first()
    if row is None:
        raise NotFound(_("没有这份申诉。"))
    view = case_view(row.incident.number, actor, at=now)
    if not is_decider(actor):
        raise NotPermitted(_("你的岗位不审批超时申诉。"), missing=Capability.DISPATCH)
    form, status = DecisionForm(), 200
    if request.method == "POST":
        form = DecisionForm(request.POST)
        grant = {"grant": True, "refuse": False}.get(request.POST.get("decision", ""))
        status = 400
        if form.is_valid():
            try:
                state = appeals.decide(
                    appeal_id=appeal_id,
                    grant=grant,  # type: ignore[arg-type]
                    reason=form.cleaned_data["reason"],
                    by=actor,
                    number=row.incident.number,
                )
            except FieldError as error:
                form.add_error("reason" if error.field == "reason" else None, str(error.message))
            except NotPermitted as refusal:
                form.add_error(None, str(refusal.message))
                status = 403
            except Conflict as conflict:
                form.add_error(None, str(conflict.message))
                status = 409
            else:
                messages.success(request, _("已处理：%(state)s") % {"state": state.label})
                return redirect("pages:appeals")
    ticket = next(t for t in view.case.tickets if t.id == row.ticket_id)
    late = {(c.due_at, c.stopped_at) for c in appeals.late_clocks(view.case, ticket)}
    context = _case(view, now) | {
        "form": form,
        "step": _step(row),
        "may_decide": row.state in Appeal.PENDING and appeals.waiting_for(actor).filter(pk=row.pk).exists(),
        "handler": parts.handler(view, ticket.department_id, ticket.worker_id),
        "late": [c for c in parts.clocks(view, now) if (c["due_at"], c["stopped_at"]) in late],
        "is_second": row.state == Appeal.State.FORWARDED,
    }
    return show(request, "pages/appeal_decide.html", context, status=status)


def _case(view: CaseView, now: Any) -> dict[str, Any]:
    """The case as the three who have to do with an appeal see it: clocks, pictures, history."""
    return {
        "now": now,
        "incident": view.case.incident,
        "title": parts.title(view),
        "place": parts.place(view),
        "opening": parts.opening(view),
        "clocks": [c for c in parts.clocks(view, now) if not c["is_total"]],
        "photos": parts.photos(view),
        "journal": parts.journal(view),
    }


def _step(row: Appeal) -> dict[str, Any]:
    """Where the appeal stands: who asked, who looked at it, who decided, each with when and what he said."""
    people = [(pgettext("noun", "申诉"), row.asked_by, row.asked_at, row.reason)]
    if row.first_by is not None:
        people.append((_("派遣员审核"), row.first_by, row.first_at, row.first_reason))
    if row.second_by is not None:
        people.append((_("受理员审定"), row.second_by, row.second_at, row.second_reason))
    return {
        "id": row.pk,
        "state": row.state,
        "label": row.get_state_display(),
        "kind": KINDS.get(row.state, "soon"),
        "people": [{"what": what, "who": str(who), "at": at, "said": said} for what, who, at, said in people],
    }
