"""The grid leader's day: what is open in his grids, what is due, who works there, what waits for him."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch.actors import Actor
from dispatch.models import Ticket
from dispatch.selectors import requests_waiting_for, tickets_of
from dispatch.views.desks import FIELDS, row_of
from dispatch.views.shell import desks_of, page, show
from dispatch.visibility import cases_of
from gridgov.common import clock
from gridgov.common.errors import NotFound, NotPermitted
from grids import permissions
from grids.capabilities import Capability
from grids.spatial import areas
from incidents.models import Incident
from incidents.workflow import Status
from personnel import assessment_selectors
from personnel.assessment_models import Assessment
from personnel.roles import Role
from reporting.views.assessment import led_name, list_url

#: How many rows of each kind the day shows; the counters lead to all, at most PAGE.
FEW = 5
PAGE = 50
SHOWN = {
    "open": gettext_lazy("在办"),
    "over": gettext_lazy("已超"),
    "today": gettext_lazy("今天到期"),
    "reported": gettext_lazy("今日上报"),
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits for the person, and where it is done."""

    label: str
    count: int
    url: str
    icon: str


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker of the grids: name, where, and how many tasks he has."""

    id: int
    name: str
    place: str
    tasks: int


@page
def today(request: HttpRequest) -> HttpResponse:
    """The day of who leads grids; with ``show`` or ``worker`` the cases behind a count."""
    actor = request.actor
    if not actor.may_somewhere(Capability.LEAD_GRID):
        raise NotPermitted(_("「今日」是网格长的页面。"), missing=Capability.LEAD_GRID)
    now = clock.now()
    led = permissions.visible_area_ids(actor.grants, Capability.LEAD_GRID)
    here = cases_of(actor).filter(permissions.area_filter(actor.grants, Capability.LEAD_GRID))
    still_open = here.filter(ended_at__isnull=True)
    conditions = _conditions(now)
    counts = here.filter(Q(ended_at__isnull=True) | conditions["reported"]).aggregate(
        **{key: Count("pk", filter=condition) for key, condition in conditions.items()}
    )
    tasks = _tasks(still_open, holders := _holders(led, clock.local_date(now)))
    context: dict[str, Any] = {
        "now": now,
        "area": led_name(led),
        "counters": [(key, label, counts[key]) for key, label in SHOWN.items()],
        "show": "",
        "workers": _workers(holders, tasks),
        "waiting": _waiting(actor, request.user, now),
    }
    asked, asked_worker = request.GET.get("show", ""), request.GET.get("worker", "")
    if asked_worker:
        context |= _of_worker(asked_worker, context["workers"], here, tasks, now)
    elif asked in SHOWN:
        found = here if asked == "reported" else still_open
        context |= {"show": asked, "heading": SHOWN[asked], "rows": _rows(found.filter(conditions[asked]), now, PAGE)}
    elif asked:
        raise NotFound(_("没有这个列表。"))
    else:
        due = still_open.filter(conditions["over"] | conditions["today"])
        rows = _rows(due, now, 2 * FEW)
        context["over_rows"] = [row for row in rows if row.due_at and row.due_at < now][:FEW]
        context["today_rows"] = [row for row in rows if row.due_at and row.due_at >= now][:FEW]
        if len(context["over_rows"]) == FEW or len(rows) == 2 * FEW:
            context["today_rows"] = _rows(still_open.filter(conditions["today"]), now, FEW)
    return show(request, "reporting/today.html", context)


def _conditions(now: datetime) -> dict[str, Q]:
    midnight = clock.local(now).replace(hour=0, minute=0, second=0, microsecond=0)
    tomorrow = midnight + timedelta(days=1)
    still_open = Q(ended_at__isnull=True)
    return {
        "open": still_open,
        "over": still_open & Q(due_at__lt=now),
        "today": still_open & Q(due_at__gte=now, due_at__lt=tomorrow),
        "reported": Q(received_at__gte=midnight, received_at__lt=tomorrow),
    }


def _rows(cases: QuerySet[Incident], now: datetime, most: int) -> list[Any]:
    """By least time left."""
    found = cases.order_by(F("due_at").asc(nulls_last=True), "id").values(*FIELDS)[:most]
    return [row_of(row, now) for row in found]


# --- workers ------------------------------------------------------------------------------------------------------


def _holders(led: frozenset[int], day: date) -> dict[int, list[int]]:
    """The workers posted in the areas led: user id → area ids, in the order of the areas' codes."""
    index = areas.index()
    below = {record.id: record for area_id in led for record in index.subtree(area_id) if record.active}
    found: dict[int, list[int]] = defaultdict(list)
    held = permissions.holders(on=day, areas_in=sorted(below), role=Role.GRID_WORKER.value)
    for holder in sorted(held, key=lambda h: (below[h.area_id].code, h.user_id)):
        found[holder.user_id].append(holder.area_id)
    return found


def _tasks(still_open: QuerySet[Incident], holders: dict[int, list[int]]) -> dict[int, set[int]]:
    """The open cases of the areas that each worker has to check, to verify or to handle. Two statements."""
    found: dict[int, set[int]] = defaultdict(set)
    people = sorted(holders)
    asked = Q(checker__in=people, status=Status.CHECKING) | Q(verifier__in=people, status=Status.VERIFYING)
    for pk, status, checker, verifier in still_open.filter(asked).values_list("pk", "status", "checker", "verifier"):
        found[checker if status == Status.CHECKING else verifier].add(pk)
    tickets = Ticket.objects.filter(
        worker__user__in=people, state__in=Ticket.LIVE, incident__in=still_open.order_by().values("pk")
    )
    for user_id, pk in tickets.values_list("worker__user", "incident"):
        found[user_id].add(pk)
    return found


def _workers(holders: dict[int, list[int]], tasks: dict[int, set[int]]) -> list[Worker]:
    """In the order of the grids' codes: nobody is ranked."""
    names = {user.pk: user.name or user.username for user in get_user_model().objects.filter(pk__in=sorted(holders))}
    return [
        Worker(user_id, names.get(user_id, ""), "、".join(areas.name(a) for a in places), len(tasks.get(user_id, ())))
        for user_id, places in holders.items()
    ]


def _of_worker(
    asked: str, workers: list[Worker], here: QuerySet[Incident], tasks: dict[int, set[int]], now: datetime
) -> dict[str, Any]:
    worker = next((w for w in workers if str(w.id) == asked), None)
    if worker is None:
        raise NotFound(_("你的网格里没有这位网格员。"))
    heading = _("%(name)s的任务") % {"name": worker.name}
    rows = _rows(here.filter(pk__in=sorted(tasks.get(worker.id, ()))), now, PAGE)
    return {"show": "worker", "worker_id": worker.id, "heading": heading, "rows": rows}


# --- what waits ---------------------------------------------------------------------------------------------------


def _waiting(actor: Actor, user: Any, now: datetime) -> list[Waiting]:
    """What waits for the person's own decision, only what there is."""
    found = [
        Waiting(_("%(month)s 月考核待审核") % {"month": on.month}, count, list_url(on, tab=state), "checklist")
        if state == Assessment.State.COMPUTED
        else Waiting(_("%(month)s 月考核有答复") % {"month": on.month}, count, list_url(on, tab=state), "message")
        for on, state, count in assessment_selectors.waiting_for(user, day=clock.local_date(now))
    ]
    own = Q(checker=actor.user_id, status=Status.CHECKING) | Q(verifier=actor.user_id, status=Status.VERIFYING)
    checks = cases_of(actor, wide=True).filter(own).count()
    found.append(Waiting(_("待我核实、核查"), checks, reverse("pages:tasks"), "eye"))
    tickets = tickets_of(actor).filter(state__in=Ticket.LIVE).count()
    found.append(Waiting(_("派给我的工单"), tickets, reverse("pages:inbox"), "clipboard-list"))
    if "approve" in desks_of(actor):
        asked = requests_waiting_for(actor).count()
        found.append(Waiting(_("待我审批的申请"), asked, reverse("pages:queue", args=["approve"]), "gavel"))
    return [entry for entry in found if entry.count]
