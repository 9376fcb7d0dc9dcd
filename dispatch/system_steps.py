"""What the system does to a case without a click, each step through the loop and in the journal.

Where a filing standard names them (``system_steps``; urgent cases): accept a report, file it under that standard,
dispatch it as routing proposes, send what was fed back to verification, close what passed. Always: a verification
that was sent out for nobody in particular goes to the worker of the grid, and merged cases follow their main case.
Each step answers the entry that calls for it and looks first whether the case still stands where that entry left it,
so that an entry delivered twice, or a person who was faster, does no harm.
"""

import logging
from typing import Any

from django.utils.translation import gettext as _

from dispatch import loop, routing
from dispatch.actors import SYSTEM
from dispatch.cases import read_by_id
from dispatch.entries import Delivered
from dispatch.placing import verifier_for
from gridgov.common import clock
from gridgov.common.errors import Conflict, DomainError
from incidents.catalogue import StandardSpec, catalogue
from incidents.models import Incident
from incidents.workflow import ENDED, Action, Status

logger = logging.getLogger(__name__)

_FEEDBACK = frozenset({Action.FEED_BACK, Action.RESOLVE_ON_SITE})
#: What ends a main case so that those merged into it are closed with it; any other end sets them free.
_CLOSED = frozenset({Status.CLOSED, Status.EVALUATED})


def perform(number: str, action: str, **payload: Any) -> bool:
    """The system takes the action if it may now. False where somebody was faster or a rule says no, which is logged.

    What is worth another try (the case kept moving, the database failed) is raised.
    """
    try:
        loop.perform(number=number, action=action, by=SYSTEM, **payload)
    except DomainError as error:
        if isinstance(error, Conflict) and error.code == "busy":
            raise
        logger.info("case %s: the system did not %s: %s", number, action, error)
        return False
    return True


def standard_for(entry: Delivered) -> StandardSpec | None:
    """Which standard says what the system may do: the case's own, else the one its urgent category is filed under."""
    book = catalogue()
    return book.standard(entry.standard_id) or book.system_standard(entry.category_id)


def take(entry: Delivered) -> bool:
    """The system's step that this entry calls for has been taken; False if there was none to take."""
    standard = standard_for(entry)
    named = standard.system_steps if standard is not None else ()
    action, status = entry.action, entry.status
    if action == "report" and status == Status.REPORTED and Action.ACCEPT in named and entry.is_placed:
        return perform(entry.number, Action.ACCEPT)
    if action in (Action.ACCEPT, Action.CONFIRM_CHECK) and status == Status.ACCEPTED and Action.FILE in named:
        assert standard is not None
        return perform(entry.number, Action.FILE, standard=standard.code)
    if action == Action.FILE and status == Status.FILED and Action.DISPATCH in named:
        return _dispatch(entry)
    if action in _FEEDBACK and status == Status.HANDLED and Action.REQUEST_VERIFICATION in named:
        verifier = verifier_for(read_by_id(entry.incident_id), at=clock.now())
        return perform(entry.number, Action.REQUEST_VERIFICATION, verifier=verifier)
    if action == Action.REQUEST_VERIFICATION and status == Status.VERIFYING:
        return _assign(entry)
    if action == Action.PASS and status == Status.VERIFIED and Action.CLOSE in named:
        return perform(entry.number, Action.CLOSE)
    return False


def _dispatch(entry: Delivered) -> bool:
    case = read_by_id(entry.incident_id)
    proposal = routing.proposal_for(case.incident, at=clock.now())
    if proposal.lead_department_id is None:
        logger.info("case %s: no rule says who handles it, a dispatcher has to", entry.number)
        return False
    return perform(
        entry.number,
        Action.DISPATCH,
        lead={"department": proposal.lead_department_id},
        joint=[{"department": department_id} for department_id in proposal.joint_ids],
        note=proposal.reason,
    )


def _assign(entry: Delivered) -> bool:
    """A verification for nobody in particular gets its verifier; it stays in the queue where there is none."""
    if entry.verifier_id is not None or entry.by_system:
        return False
    verifier = verifier_for(read_by_id(entry.incident_id), at=clock.now())
    return verifier is not None and perform(
        entry.number, Action.REASSIGN_VERIFICATION, verifier=verifier, reason=_("按网格自动派核查"),
        version=entry.version,
    )  # fmt: skip


def follow_parent(entry: Delivered) -> None:
    """The cases merged into one that has ended have followed it: closed with it, or free again."""
    ended = entry.moved_into
    if not ended or Status(ended) not in ENDED or ended == Status.MERGED:
        return
    merged = Incident.objects.filter(parent=entry.incident_id, status=Status.MERGED)
    for number in merged.order_by("pk").values_list("number", flat=True):
        if ended in _CLOSED:
            perform(number, Action.CLOSE_WITH_PARENT)
        else:
            perform(number, Action.UNMERGE, reason=_("主案件%(status)s") % {"status": Status(ended).label})
