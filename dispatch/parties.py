"""What a person is to a case, and what he therefore may and may not do: parties and separation of duties."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch.actors import Actor
from dispatch.cases import Case, Hold
from gridgov.common.errors import Conflict, NotPermitted
from grids.capabilities import Capability
from incidents.models import Incident
from incidents.workflow import Action, Party, Status, Transition, Who
from personnel.selectors import department_tree

#: Judged by the centre in whose queue the case is; everything else also by the place of the case.
OF_THE_HOLDER = frozenset(
    {
        Capability.ACCEPT,
        Capability.FILE,
        Capability.DISPATCH,
        Capability.IMPOSE,
        Capability.CLOSE,
        Capability.TRANSFER,
        Capability.MERGE,
        Capability.VOID_REQUEST,
        Capability.DECIDE_FIRST,
        Capability.DECIDE_SECOND,
        Capability.DECIDE_LEADER,
    }
)
VERIFYING = frozenset({Action.PASS, Action.FAIL})
#: What judges the work that somebody did on the spot: not his to say, nor to rate as the one who reported it.
JUDGING_ON_SITE = frozenset({Action.APPROVE_ON_SITE, Action.REFUSE_ON_SITE, Action.EVALUATE})


def chain_for(case: Case, capability: Capability) -> tuple[int | None, ...]:
    """The areas at which a capability counts for this case."""
    return case.holder_chain if capability in OF_THE_HOLDER else (*case.holder_chain, *case.place_chain)


def parties_of(case: Case, by: Actor) -> frozenset[Party]:
    """What ``by`` is to the case."""
    incident, found = case.incident, set()
    if by.is_system:
        return frozenset({Party.SYSTEM})
    if by.reporter_incident_id == incident.pk:
        found.add(Party.REPORTER)
    if by.user_id is not None:
        if incident.checker_id == by.user_id:
            found.add(Party.CHECKER)
        if incident.verifier_id == by.user_id:
            found.add(Party.VERIFIER)
        if incident.reported_by_id == by.user_id:
            if incident.source == Incident.Source.WORKER:
                found.add(Party.REPORTING_WORKER)
            if incident.reporter_id is None:
                found.add(Party.REPORTER)
        lead = case.lead
        if lead is not None and is_handler(lead.department_id, lead.worker_id, by):
            found.add(Party.LEAD_HANDLER)
    return frozenset(found)


def is_handler(department_id: int | None, worker_id: int | None, by: Actor) -> bool:
    """Whether a ticket to that department or worker is ``by``'s to handle."""
    if worker_id is not None:
        return worker_id == by.worker_id
    return department_id in by.department_ids


def standing(case: Case, who: Iterable[Who], by: Actor) -> Who | None:
    """As what ``by`` may do something open to ``who``: the first that fits, parties before postings; None if none."""
    parties = parties_of(case, by)
    options = tuple(who)
    for option in options:
        if isinstance(option, Party) and option in parties:
            return option
    for option in options:
        if isinstance(option, Capability) and by.may(option, chain_for(case, option)):
            return option
    return None


def missing_for(who: Iterable[Who]) -> str:
    """What somebody lacks who may not: for the answer and its sentence."""
    return ",".join(str(option.value) for option in who if option is not Party.SYSTEM)


def authorise(case: Case, line: Transition, by: Actor) -> Who:
    """As what ``by`` takes the action. Raises NotPermitted naming what is missing."""
    found = standing(case, line.who, by)
    if found is None:
        needed = _("、").join(label(option) for option in line.who if option is not Party.SYSTEM)
        raise NotPermitted(
            _("此操作需要：%(needed)s") % {"needed": needed or _("系统")}, missing=missing_for(line.who) or "system"
        )
    return found


def label(who: Who) -> str:
    """In words."""
    if isinstance(who, Capability):
        return str(who.label)
    return {
        Party.CHECKER: _("本案核实人"),
        Party.VERIFIER: _("本案核查人"),
        Party.LEAD_HANDLER: _("本案主办单位人员"),
        Party.REPORTING_WORKER: _("上报本案的网格员"),
        Party.REPORTER: _("本案上报人"),
        Party.SYSTEM: _("系统"),
    }[who]


def not_held(case: Case, line: Transition, as_what: Who, by: Actor) -> None:
    """Nothing, or Conflict ``claimed``: a colleague at a desk has claimed the case, and says until when.

    It bars who acts by a capability of his posting. It bars neither the system nor who acts because of what he is to
    the case (its handler, checker, verifier, reporter), and no note and no supervision, which move nothing.
    """
    hold = held_from(case, line, as_what, by)
    if hold is None:
        return
    raise Conflict(
        _("%(who)s已认领本案，认领到期或被接管前由其办理") % {"who": hold.name},
        code="claimed",
        actor=hold.name,
        at=hold.claimed_at,
        until=hold.until,
        version=case.incident.version,
    )


def held_from(case: Case, line: Transition, as_what: Who | None, by: Actor) -> Hold | None:
    """The claim of a colleague that bars ``by`` from the action; None where nothing does."""
    hold = case.claim
    if hold is None or hold.user_id == by.user_id or not line.bumps or isinstance(as_what, Party):
        return None
    return hold


# --- separation of duties ---------------------------------------------------------------------------------------


def handled(case: Case, *, user_id: int, department_ids: frozenset[int], worker_id: int | None) -> bool:
    """Whether the person is of those who handled the case: of a ticket of the present dispatch, neither taken back nor
    refused, by his own department, one above it or one below it."""
    for ticket in case.tickets:
        if ticket.assignment != case.incident.assignment or ticket.state not in ("open", "signed", "done", "waived"):
            continue
        if ticket.signed_by_id == user_id or (worker_id is not None and ticket.worker_id == worker_id):
            return True
        if ticket.department_id is not None and (
            ticket.department_id in department_ids or department_ids & department_tree().widened([ticket.department_id])
        ):
            return True
    return False


def dispatched(case: Case, user_id: int) -> bool:
    """Whether the person dispatched the case, now or before."""
    return any(ticket.dispatched_by_id == user_id for ticket in case.tickets)


def barred_from_verifying(case: Case, *, user_id: int, department_ids: frozenset[int], worker_id: int | None) -> str:
    """Why the person may not verify this case; empty if he may."""
    if case.incident.on_site_by_id == user_id:
        return "on_site_resolver"
    if dispatched(case, user_id):
        return "dispatcher"
    if handled(case, user_id=user_id, department_ids=department_ids, worker_id=worker_id):
        return "handler"
    return ""


_BAR_TEXT = {
    "on_site_resolver": gettext_lazy("自行处置人不得核查、审核本案"),
    "dispatcher": gettext_lazy("派遣人不得核查或结束本案"),
    "handler": gettext_lazy("处置单位人员不得核查本案"),
    "decider": gettext_lazy("审批过本案申请的人不得为本案结案"),
    "answerer": gettext_lazy("直接答复本案的人不得评价自己的答复"),
}


def separate(case: Case, line: Transition, by: Actor) -> None:
    """Nothing, or NotPermitted with the rule of separation that the action would break."""
    bar = separation_bar(case, line, by)
    if bar:
        raise NotPermitted(str(_BAR_TEXT[bar]), missing=f"separation:{bar}")


def separation_bar(case: Case, line: Transition, by: Actor) -> str:
    """The rule of separation that the action would break; empty if none."""
    if by.user_id is None:
        return ""
    if line.action in VERIFYING:
        return barred_from_verifying(case, user_id=by.user_id, department_ids=by.department_ids, worker_id=by.worker_id)
    if line.action in JUDGING_ON_SITE and case.incident.on_site_by_id == by.user_id:
        return "on_site_resolver"
    if line.action is Action.EVALUATE and case.answered_by == by.user_id:
        return "answerer"
    if line.target is Status.CLOSED:
        if dispatched(case, by.user_id):
            return "dispatcher"
        if any(request.decided_by_id == by.user_id for request in case.requests):
            return "decider"
    return ""
