"""The inbox of a department or worker: their tickets, and the tasks of people in the field."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.vary import vary_on_headers

from dispatch.actors import Actor
from dispatch.component_words import reported, titled
from dispatch.loop import read
from dispatch.models import Ticket
from dispatch.selectors import tickets_of
from dispatch.views.desks import FIELDS, row_of
from dispatch.views.shell import guarded, is_field_worker, page, show
from dispatch.views.ticket import is_fragment, ticket_of
from dispatch.views.words import due_chip, paused_chip
from dispatch.visibility import cases_of
from gridgov.common import clock
from gridgov.common.errors import NotFound, NotPermitted
from grids.capabilities import Capability
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.workflow import Status
from personnel.selectors import department_tree

PAGE = 50
#: How far ahead a ticket counts as due soon, and how far back returned ones are listed.
AHEAD = timedelta(hours=4)
BACK = timedelta(days=30)
TABS = (
    ("open", gettext_lazy("待签收")), ("signed", gettext_lazy("处置中")), ("soon", gettext_lazy("将到期")),
    ("over", gettext_lazy("已超")), ("joint", gettext_lazy("协办")), ("returned", gettext_lazy("已退回")),
)  # fmt: skip
EMPTY = {
    "open": gettext_lazy("派给你们的工单会出现在这里。"),
    "signed": gettext_lazy("签收后的工单会出现在这里。"),
    "soon": gettext_lazy("4 小时内没有到期的工单。"),
    "over": gettext_lazy("没有超时的工单。"),
    "joint": gettext_lazy("没有要你们协办的工单。"),
    "returned": gettext_lazy("近 30 天没有退回或撤回的工单。"),
}


@page
def inbox(request: HttpRequest) -> HttpResponse:
    """The tickets of the person's departments and his own, by least time left."""
    return show(request, "pages/inbox.html", _listed(request))


@page
@vary_on_headers("X-Ticket")
def ticket(request: HttpRequest, number: str) -> HttpResponse:
    """A ticket beside the list, or alone for the script that has the list; the case's own page where none is his."""
    try:
        shown = ticket_of(number, request.actor)
    except NotFound:
        read(number, request.actor)
        return redirect("pages:case", number)
    if is_fragment(request):
        return guarded(render(request, "parts/ticket.html", shown | {"now": clock.now(), "actor": request.actor}))
    return show(request, "pages/inbox.html", _listed(request) | shown)


def _listed(request: HttpRequest) -> dict[str, Any]:
    """The list that the address asks for, with its counts. Two statements. NotPermitted for who has no tickets."""
    actor: Actor = request.actor
    if not actor.department_ids and actor.worker_id is None:
        raise NotPermitted(_("你不属于任何处置部门，没有工单。"), missing="department")
    now = clock.now()
    mine = tickets_of(actor)
    conditions = _conditions(now)
    counts = mine.filter(Q(state__in=Ticket.LIVE) | conditions["returned"]).aggregate(
        **{key: Count("pk", filter=condition) for key, condition in conditions.items()}
    )
    tab = request.GET.get("tab", "")
    if tab not in conditions:
        tab = next((key for key in ("open", "over", "signed", "joint") if counts[key]), "open")
    rows, following = _page(mine.filter(conditions[tab]), request.GET.get("after", ""), newest=tab == "returned")
    return {
        "now": now,
        "tabs": [(key, label, counts[key]) for key, label in TABS],
        "tab": tab,
        "rows": [_shown(row, now) for row in rows],
        "after": following,
        "rest": counts[tab] - int(following) if following else None,
        "empty": EMPTY[tab],
        "counts": counts,
        "has_department": bool(actor.department_ids),
    }


def _conditions(now: Any) -> dict[str, Q]:
    lead = Q(is_lead=True)
    return {
        "open": lead & Q(state="open"),
        "signed": lead & Q(state="signed"),
        "soon": lead & Q(state__in=Ticket.LIVE, due_at__gte=now, due_at__lt=now + AHEAD),
        "over": lead & Q(state__in=Ticket.LIVE, due_at__lt=now) & ~Q(incident__status=Status.SUSPENDED),
        "joint": Q(is_lead=False, state__in=Ticket.LIVE),
        "returned": Q(state__in=["returned", "recalled"], ended_at__gte=now - BACK),
    }


def _page(found: QuerySet[Ticket], after: str, *, newest: bool) -> tuple[list[dict[str, Any]], str]:
    """A page by an offset that is bounded: a department has tens of live tickets, not thousands."""
    start = min(int(after), 2000) if after.isdecimal() and len(after) < 6 else 0
    order = ("-ended_at", "-id") if newest else (F("due_at").asc(nulls_last=True), "id")
    rows = list(
        found.order_by(*order).values(
            "id", "state", "is_lead", "is_final", "round", "due_at", "dispatched_at", "signed_at", "ended_at",
            "department_id", "incident__number", "incident__version", "incident__head_seq",
            "incident__status", "incident__category_id",
            "incident__address", "incident__description", "incident__street_id", "incident__community_id",
            "incident__supervision_level", "incident__is_urgent", "incident__suspended_until",
            "incident__component__code", "incident__component__name", "incident__component__address",
            "incident__component__area_id",
        )[start : start + PAGE + 1]
    )  # fmt: skip
    return rows[:PAGE], str(start + PAGE) if len(rows) > PAGE else ""


def _shown(row: dict[str, Any], now: Any) -> dict[str, Any]:
    category = catalogue().category(row["incident__category_id"])
    component = reported(*(row[f"incident__component__{name}"] for name in ("code", "name", "address", "area_id")))
    suspended = row["incident__status"] == Status.SUSPENDED
    live = row["state"] in Ticket.LIVE
    chip = None
    if suspended and live:
        chip = paused_chip(row["incident__suspended_until"], now=now)
    elif live:
        chip = due_chip(
            row["due_at"], now=now, started_at=row["dispatched_at"], level=row["incident__supervision_level"]
        )
    places = [areas.name(row["incident__street_id"]), areas.name(row["incident__community_id"])]
    return row | {
        "number": row["incident__number"],
        "version": row["incident__version"],
        "title": titled(category.name if category else "", component),
        "address": row["incident__address"]
        or (component.place if component is not None else row["incident__description"][:60]),
        "place": " / ".join(p for p in places if p),
        "chip": chip,
        "state_label": str(Ticket.State(row["state"]).label),
        "department": department_tree().name(row["department_id"]),
        "can_sign": row["is_lead"] and row["state"] == "open",
        "level": row["incident__supervision_level"],
    }


@page
def tasks(request: HttpRequest) -> HttpResponse:
    """What waits for a person in the field: to check, to verify; and what he reported lately."""
    actor = request.actor
    if not is_field_worker(actor):
        raise NotPermitted(_("你的岗位没有外勤任务。"), missing=Capability.PATROL)
    now = clock.now()
    visible = cases_of(actor, wide=True)
    waiting = Q(checker=actor.user_id, status=Status.CHECKING) | Q(verifier=actor.user_id, status=Status.VERIFYING)
    to_do = visible.filter(waiting).order_by(F("due_at").asc(nulls_last=True), "id").values(*FIELDS)[:PAGE]
    reported = visible.filter(reported_by=actor.user_id).order_by("-id").values(*FIELDS)[:20]
    return show(
        request,
        "pages/tasks.html",
        {
            "now": now,
            "to_do": [row_of(r, now) for r in to_do],
            "reported": [row_of(r, now) for r in reported],
            "may_report": actor.may_somewhere(Capability.REPORT_INCIDENT),
        },
    )
