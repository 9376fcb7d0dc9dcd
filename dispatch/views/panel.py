"""What the panel of a case has beyond the page's own parts: who holds it, and what takes the last step back."""

from typing import Any

from django.http import HttpRequest

from dispatch import claims, loop, undo
from dispatch.actors import Actor
from dispatch.cases import Case
from dispatch.parties import chain_for
from gridgov.common.errors import NotFound
from grids.capabilities import Capability


def is_panel(request: HttpRequest) -> bool:
    """Whether a script asks for the case beside its queue: the same case and forms, without the page around them."""
    return request.headers.get("X-Panel") == "1"


def lease_of(case: Case, actor: Actor) -> dict[str, Any] | None:
    """Who holds the case, and what the person may do about it; None where it is at no desk of his."""
    hold = case.claim
    if hold is None:
        return {"may_claim": True} if claims.may_claim(case, actor) else None
    is_mine = hold.user_id == actor.user_id
    may_seize = not is_mine and actor.may(Capability.SUPERVISE, chain_for(case, Capability.SUPERVISE))
    return {"hold": hold, "is_mine": is_mine, "may_seize": may_seize}


def undo_of(number: str, actor: Actor) -> dict[str, str] | None:
    """What would take the last step back, if there is such a thing and the person may."""
    try:
        case = loop.read(number, actor)
    except NotFound:  # a checker who has answered, say: no longer his to see
        return None
    last = loop.last_move(case.incident)["action"]
    offered = undo.offered(case, actor, action=last, version=case.incident.version)
    return {"action": offered[0].action, "label": offered[0].label} if offered else None
