"""One assessment as leader and worker see it: the panel beside the table, and the page of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from dispatch.views.shell import guarded, show
from dispatch.views.words import stamp
from gridgov.common import clock
from grids.capabilities import Capability
from grids.spatial import areas
from incidents.catalogue import catalogue
from personnel import assessment_selectors as selectors
from personnel import assessment_services as services
from personnel.assessment_models import Assessment
from reporting.selectors import Evidence, evidence
from reporting.views import assessment_words as words

State = Assessment.State


@dataclass(slots=True)
class Typed:
    """What a person sent that could not be done: his words, the faults by field, and what happened meanwhile."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    clash: str = ""
    mine: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A case that was counted: as it was when it was."""

    evidence: Evidence
    title: str
    at: str


def panel(request: HttpRequest, row: Assessment, now: datetime, typed: Typed | None = None) -> dict[str, Any]:
    """Everything that the panel shows of the row. Five statements."""
    user, actor = request.user, request.actor
    day = clock.local_date(now)
    past = selectors.past_of(row)
    history = [(before.month.on, before.final_score) for before in past]
    refs = [ref for line in row.lines for ref in (*line["hits"], *line["misses"])]
    cases, _hidden = evidence(actor, refs)
    shown = {(case.number, case.seq): _case(case, now) for case in cases}
    versions = selectors.versions_of(row, user, day=day)
    is_newest = not any(other.month.version > row.month.version for other in versions)
    waits_for_correction = is_newest and row.state == State.PUBLISHED and selectors.correction_waits(row)
    is_leader = actor.may(Capability.LEAD_GRID, areas.chain(row.grid_id))
    is_own = row.worker_id == user.pk
    until = services.reply_until(row)
    is_open = row.state != State.PUBLISHED
    typed = typed or Typed()
    current = words.now_of(row)
    return {
        "row": row,
        "month_name": words.month_name(row.month.on),
        "worker": words.person(row.worker),
        "grid": areas.get(row.grid_id),
        "community": areas.name(areas.get(row.grid_id).parent_id),
        "state_badge": words.STATE_BADGES[row.state],
        "base": words.points(row.score),
        "score": words.points(current),
        "has_score": row.score is not None,
        "hundredths": row.score,
        "mark": words.signed(row.mark),
        "cap": words.plain(row.month.scheme.mark_cap),
        "spark": words.spark(history, row.month.on, current),
        "delta": words.delta(history, current),
        "mean": words.points(selectors.mean(history)),
        "months": len(history),
        "lines": words.lines_of(row, past, shown),
        "reviewer": words.person(row.reviewed_by),
        "publisher": words.person(row.published_by),
        "versions": versions if len(versions) > 1 else [],
        "is_leader": is_leader,
        "is_own": is_own,
        "may_review": is_leader and is_open and not is_own,
        "may_publish": is_leader and row.state in (State.REVIEWED, State.REPLIED) and not is_own,
        "reply_waits": services.reply_waits(row, now),
        "reply_until": until,
        "may_reply": is_own and row.state == State.REVIEWED,
        "may_correct": is_leader and row.state == State.PUBLISHED and is_newest and not waits_for_correction,
        "waits_for_correction": waits_for_correction,
        "newer": None if is_newest else versions[-1],
        "revision": services.revision_of(row),
        "values": typed.values,
        "errors": typed.errors,
        "clash": typed.clash,
        "mine": typed.mine,
        "reply_limit": services.REPLY_LIMIT,
        "reason_limit": services.REASON_LIMIT,
    }


def answer(request: HttpRequest, row: Assessment, typed: Typed | None = None, *, status: int = 200) -> HttpResponse:
    """The row's page; the panel alone for a script that puts it beside the table."""
    now = clock.now()
    context = {"now": now, "in_list": is_beside(request), "tab": _tab(request), **panel(request, row, now, typed)}
    if is_beside(request):
        return guarded(render(request, "reporting/assessment_panel.html", context, status=status))
    return show(request, "reporting/assessment_row.html", context, status=status)


def drawn(request: HttpRequest, row: Assessment, now: datetime, *, tab: str) -> str:
    """The panel for the page of the table."""
    context = {"now": now, "in_list": True, "tab": tab, **panel(request, row, now)}
    return render_to_string("reporting/assessment_panel.html", context, request)


def is_beside(request: HttpRequest) -> bool:
    """Whether the script of the table asks."""
    return request.headers.get("X-Panel") == "1"


def onward(request: HttpRequest, url: str) -> HttpResponse:
    """On to ``url``: for the script of the table as a header, because a redirect would be followed unseen."""
    if is_beside(request):
        return guarded(HttpResponse(status=204, headers={"X-Next": url}))
    return guarded(redirect(url))


def _tab(request: HttpRequest) -> str:
    return (request.POST if request.method == "POST" else request.GET).get("tab", "")[:12]


def _case(case: Evidence, now: datetime) -> Shown:
    category = catalogue().category(case.category_id)
    return Shown(case, category.name if category else _("案件"), stamp(case.at, now))
