"""The dashboard of those who operate the loop, and what they may put right there, each with a reason."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dispatch import delivery, escalation, notify
from dispatch.actors import Actor
from dispatch.views import ops_reads as reads
from dispatch.views import system
from dispatch.views.shell import page, show
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from grids.capabilities import Capability


def operator(request: HttpRequest) -> Actor:
    """Who looks, if he operates the loop somewhere; else NotPermitted."""
    actor: Actor = request.actor
    if not actor.may_somewhere(Capability.OPERATE_LOOP):
        raise NotPermitted(
            _("此页需要：%(needed)s") % {"needed": Capability.OPERATE_LOOP.label}, missing=Capability.OPERATE_LOOP
        )
    return actor


@page
def ops(request: HttpRequest) -> HttpResponse:
    """How the loop is doing, in the areas where the person operates it."""
    actor = operator(request)
    now = clock.now()
    stages = reads.stages(actor, now)
    parked_count, parked = reads.undelivered(actor, parked=True)
    fired_count, fired = reads.undelivered(actor, parked=False)
    request_count, waiting = reads.requests_waiting(actor, now)
    failed_count, failed = reads.failed_notices(actor)
    return show(
        request,
        "pages/ops.html",
        {
            "now": now,
            "parts": reads.parts(),
            "stages": stages,
            "totals": {key: sum(s[key] for s in stages) for key in ("armed", "soon", "over", "paused")},
            "soon": reads.clocks(actor, now, overdue=False),
            "over": reads.clocks(actor, now, overdue=True),
            "held": reads.held_clocks(actor, now),
            "fired": fired,
            "fired_count": fired_count,
            "waiting": waiting,
            "request_count": request_count,
            "parked": parked,
            "parked_count": parked_count,
            "failed": failed,
            "failed_count": failed_count,
            "may_see_system": system.may_see(actor),
            # who operates the machinery need not be one who may read cases
            "may_open": actor.may_somewhere(Capability.VIEW_INCIDENT),
        },
    )


@page
@require_POST
def ladder(request: HttpRequest, clock_id: int, step: str) -> HttpResponse:
    """The ladder of one clock is held, or released."""
    actor = operator(request)
    services: dict[str, Callable[..., Any]] = {
        "pause": escalation.pause_ladder, "release": escalation.release_ladder
    }  # fmt: skip
    if step not in services:
        raise NotFound(_("没有这个操作。"))
    done = _("升级已暂停。") if step == "pause" else _("升级已恢复。")
    return _try(request, done, lambda reason: services[step](clock_id=clock_id, by=actor, reason=reason))


@page
@require_POST
def release_entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """The parked entry is tried again, and what waits behind it."""
    actor = operator(request)
    return _try(
        request, _("已放行，将重新投递。"), lambda why: delivery.release(entry_id=entry_id, by=actor, reason=why)
    )


@page
@require_POST
def resend(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """The notice that failed waits to be sent again."""
    actor = operator(request)
    return _try(
        request, _("已安排重新发送。"), lambda why: notify.resend(delivery_id=delivery_id, by=actor, reason=why)
    )


def _try(request: HttpRequest, done: str, service: Callable[[str], Any]) -> HttpResponse:
    """The service is called with the reason that was typed; what it refuses is said on the dashboard."""
    try:
        service(request.POST.get("reason", "").strip())
    except (FieldError, Conflict) as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, done)
    return redirect("pages:ops")
