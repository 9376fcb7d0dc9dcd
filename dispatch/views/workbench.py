"""The workbench: queue, map and case side by side, linked by the chosen case. The page works without the map, and its
list without a script."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, Subquery
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from dispatch import bulk, claims, queue_query, saved_views
from dispatch.actors import Actor
from dispatch.selectors import entry_label, rulings_waiting_for
from dispatch.steps import SUPERVISION_LEVELS
from dispatch.views import desks, maps
from dispatch.views.desk_table import DESKS, Desk
from dispatch.views.keys import FINDABLE, SHEET, key_of
from dispatch.views.report import sources_of
from dispatch.views.shell import desk_url, desks_of, guarded, page, show
from dispatch.visibility import cases_of, scope_of
from gridgov.common import clock
from grids import permissions
from grids.capabilities import Capability
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import JournalEntry
from incidents.workflow import Action, lines

TICKER = 12
#: The ticker looks back no longer: what is older is no news.
TICKER_SPAN = timedelta(hours=12)
#: And not further than this among all entries, whoever may see them.
TICKER_ENTRIES = 3_000

#: What each desk does to many cases at once; the first is the usual one.
BULK = {
    "accept": (Action.ACCEPT, Action.REQUEST_VERIFICATION, Action.NOTE),
    "file": (Action.CLOSE, Action.NOTE),
    "dispatch": (Action.SEND_BACK, Action.NOTE),
    "supervise": (Action.SUPERVISE, Action.NOTE),
    "verify": (Action.NOTE,),
}
#: What may be given to all of them, beside the words.
BULK_FIELDS = ("until", "level")


@dataclass(frozen=True, slots=True)
class Tab:
    """A queue of the person with how much waits in it."""

    key: str
    label: str
    url: str
    count: int
    over: int


@dataclass(frozen=True, slots=True)
class BulkStep:
    """A step for many cases. ``text``: the field that its words go into; ``fields``: what else its form asks."""

    action: str
    label: str
    key: str
    text: str
    is_text_required: bool
    fields: str


@page
def workbench(request: HttpRequest, desk: str) -> HttpResponse:
    """The workbench of one desk, for those who work at it."""
    found = desks.desk_for(request.actor, desk)
    if found.key == "approve":
        return redirect(desk_url(found.key))
    # the page's own scripts follow the list, and throw the rest away
    is_whole = request.headers.get("X-Requested-With") != "live"
    is_part = not is_whole and request.GET.get("only") == "touched"
    shown = desks.cases(request, found, only_touched=is_part)
    context = shown | {
        "layout": "base.html" if is_whole else "parts/followed.html",
        "is_whole": is_whole,
        "is_part": is_part,
        "tabs": _tabs(request.actor, found, shown),
        "ticker": ticker(request.actor),
        "views": [] if is_part else _views(request, found),
        "list_url": reverse("pages:queue", args=[found.key]),
        "may_report": bool(sources_of(request.actor)),
    }
    if is_whole:
        response = show(request, "pages/workbench.html", context | _around(request.actor, found))
        response["Content-Security-Policy"] = maps.policy()
    else:
        response = guarded(render(request, "pages/workbench.html", context))
    patch_vary_headers(response, ["X-Requested-With"])
    return response


def _around(actor: Actor, desk: Desk) -> dict[str, Any]:
    """What stands around the list and stays as it is while the list is followed."""
    root = areas.find(scope_of(actor, None))
    steps = _bulk_steps(desk)
    return {
        "key_sheet": SHEET,
        "findable": FINDABLE,
        "bulk_steps": steps,
        "bulk_fields": {name for step in steps for name in step.fields.split()},
        "bulk_levels": range(1, SUPERVISION_LEVELS + 1),
        "map": json.dumps(maps.configuration(actor) | _view_of(root), ensure_ascii=False),
        "share_areas": _share_areas(actor),
    }


@page
def holders(request: HttpRequest) -> HttpResponse:
    """Who holds which of the asked cases (``of``: numbers, at most a hundred), by number: names as JSON.

    The streams say of which cases it has changed, and never a name; an open desk then asks here.
    """
    asked = [n for n in request.GET.get("of", "").split(",")[: desks.MOST_TOUCHED] if n.isascii() and n.isalnum()]
    seen = dict(cases_of(request.actor, wide=True).filter(number__in=asked).values_list("pk", "number"))
    held = {seen[pk]: hold.name for pk, hold in claims.of_cases(seen).items()}
    return guarded(JsonResponse({"held": held}))


def _bulk_steps(desk: Desk) -> list[BulkStep]:
    """The steps of the desk for many cases, from the workflow table."""
    found = []
    for action in (a for a in BULK.get(desk.key, ()) if a in bulk.actions()):
        needed = [set(line.requires) for line in lines(action)]
        taken = [{*line.requires, *line.optional} for line in lines(action)]
        text = "reason" if any("reason" in names for names in needed) else "note"
        fields = " ".join(name for name in BULK_FIELDS if all(name in names for names in taken))
        is_required = any(text in names for names in needed)
        found.append(BulkStep(action.value, str(action.label), key_of(action.value), text, is_required, fields))
    return found


def _view_of(root: Any) -> dict[str, Any]:
    """The area that the map shows, and the level that it shows of it: two below, grids from a street on."""
    if root is None:
        return {"area": None, "level": None}
    below = sorted({record.level for record in areas.index().subtree(root.id) if record.level > root.level})
    return {"area": root.id, "level": (below[:2] or [root.level])[-1]}


def _views(request: HttpRequest, desk: Desk) -> list[dict[str, Any]]:
    """The saved views of the desk with their counts; the one that the address is of is current."""
    kinds = {"own": "", "shared": _("共享"), "role": _("岗位默认")}
    asked = {key: value for key in queue_query.PARAMETERS if (value := request.GET.get(key))}
    return [
        {
            "id": view.id,
            "name": view.name,
            "may_delete": view.may_delete,
            "count": view.count,
            "kind_label": kinds.get(view.kind, ""),
            "url": f"?{urlencode(view.query)}" if view.query else "?",
            "is_current": {key: str(value) for key, value in view.query.items()} == asked,
        }
        for view in saved_views.views_of(request.actor)
        if view.desk == desk.key
    ]


def _share_areas(actor: Actor) -> list[tuple[int, str]]:
    """The areas for which the person may save a view that all see who work there."""
    held = permissions.visible_area_ids(actor.grants, Capability.SUPERVISE)
    return [(pk, areas.full_name(pk)) for pk in sorted(held)]


def _tabs(actor: Actor, current: Desk, shown: dict[str, Any]) -> list[Tab]:
    """The queues of the person, the present one with the count that the page has already."""
    now = clock.now()
    tabs = []
    keys = desks_of(actor)
    counts = desks.counts_of([DESKS[key] for key in keys if key not in ("approve", current.key)], actor, now)
    counts[current.key] = (shown["counts"]["all"], shown["counts"]["over"])
    for key in keys:
        desk = DESKS[key]
        if key == "approve":
            waiting = desks.requests_waiting_for(actor).aggregate(
                all=Count("pk"), over=Count("pk", filter=Q(decide_by_at__lt=now))
            )
            tabs.append(Tab(key, str(desk.label), desk_url(key), waiting["all"], waiting["over"]))
            continue
        tabs.append(Tab(key, str(desk.label), reverse("pages:workbench", args=[key]), *counts[key]))
    if actor.may_somewhere(Capability.IMPOSE):
        waiting = rulings_waiting_for(actor).aggregate(all=Count("pk"), over=Count("pk", filter=Q(due_at__lt=now)))
        tabs.append(Tab("rulings", pgettext("many", "裁定"), reverse("pages:rulings"), waiting["all"], waiting["over"]))
    return tabs


def ticker(actor: Actor) -> list[dict[str, Any]]:
    """What happened last to the cases that the person may see, the newest first. One statement."""
    known = catalogue()
    rows = (
        JournalEntry.objects.filter(
            incident__in=cases_of(actor).order_by().values("pk"),
            at__gte=clock.now() - TICKER_SPAN,
            # where little happens to what the person sees, the whole journal would be walked for it
            id__gt=Subquery(JournalEntry.objects.order_by("-id").values("id")[:1]) - TICKER_ENTRIES,
        )
        .exclude(action__in=("note", "duplicates_found", "placed_again"))
        .order_by("-id")
        .values_list("incident__number", "at", "action", "actor__name", "actor__username", "incident__category_id")
    )
    return [
        {
            "number": number,
            "tail": number[-7:],
            "at": f"{clock.local(at):%H:%M}",
            "who": name or login or _("系统"),
            "what": entry_label(action),
            "title": known.category_name(category_id).rpartition("／")[2],
        }
        for number, at, action, name, login, category_id in rows[:TICKER]
    ]
