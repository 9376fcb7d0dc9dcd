"""What the auditor of the loop found: each statement with whether it holds, and the runs before."""

import logging
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dispatch import loop_audit, tasks
from dispatch.actors import Actor
from dispatch.models import LoopAudit
from dispatch.views.ops import operator
from dispatch.views.shell import page, show
from grids import permissions
from grids.capabilities import Capability
from incidents.models import Incident

logger = logging.getLogger(__name__)

RUNS = 30


@page
def audit(request: HttpRequest) -> HttpResponse:
    """The last run, statement by statement. Cases are named to who operates the loop where they lie."""
    actor = operator(request)
    runs = list(LoopAudit.objects.order_by("-pk")[:RUNS])
    last = runs[0] if runs else None
    return show(
        request,
        "pages/loop_audit.html",
        {
            "last": last,
            "runs": runs,
            "statements": _statements(last, actor) if last else [],
            "may_open": actor.may_somewhere(Capability.VIEW_INCIDENT),
        },
    )


@page
@require_POST
def audit_now(request: HttpRequest) -> HttpResponse:
    """The worker looks at the whole loop as soon as it can."""
    operator(request)
    try:
        tasks.audit_loop.apply_async(kwargs={"full": True}, expires=600)
    except Exception:
        logger.warning("the worker could not be told to audit the loop", exc_info=True)
        messages.error(request, _("后台任务暂时连不上，请稍后再试。"))
    else:
        messages.success(request, _("已安排全面核对，完成后刷新本页即可看到。"))
    return redirect("pages:loop_audit")


def _statements(last: LoopAudit, actor: Actor) -> list[dict[str, Any]]:
    found = {row["key"]: row for row in last.findings}
    named = {number for row in last.findings for number in row["numbers"]}
    here = permissions.area_filter(actor.grants, Capability.OPERATE_LOOP)
    shown = set(Incident.objects.filter(here, number__in=named).values_list("number", flat=True)) if named else set()
    rows = [
        {
            "statement": str(statement),
            "count": found[key]["count"] if key in found else 0,
            "waits": key in loop_audit.WAITS,
            "numbers": [number for number in found.get(key, {}).get("numbers", ()) if number in shown],
        }
        for key, statement in loop_audit.STATEMENTS.items()
        if key != loop_audit.OF_CLIENT
    ]
    # what does not hold comes first, what waits for a person after it
    return sorted(rows, key=lambda row: (not row["count"], row["waits"]))
