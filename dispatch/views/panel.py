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
    # who took it over without being of the desk can only hand it on
    is_handed_on = is_mine and not claims.is_of_the_desk(case, actor)
    return {"hold": hold, "is_mine": is_mine, "may_seize": may_seize, "is_handed_on": is_handed_on}


def undo_of(number: str, actor: Actor, action: str) -> dict[str, str] | None:
    """What would take back the step ``action`` that was just done, if there is such a thing and the person may.

    None after what moves nothing: the step before it is not what was just done.
    """
    try:
        case = loop.read(number, actor)
    except NotFound:  # a checker who has answered, say: no longer his to see
        return None
    last = loop.last_move(case.incident)["action"]
    if last != action:
        return None
    offered = undo.offered(case, actor, action=last, version=case.incident.version)
    return {"action": offered[0].action, "label": offered[0].label} if offered else None
