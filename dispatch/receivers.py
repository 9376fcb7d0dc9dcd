"""What follows from a journal entry by itself. Each receiver may run twice on the same entry and does no harm.

In this order for a round of entries: likely duplicates of a new report, the routing proposal of a case that is to be
dispatched, the system's own steps, merged cases that follow their main case; then who is told. What is written here is
written in short transactions after the reading; notices are stored by ``dispatch.delivery`` with its stamp.
"""

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from dispatch import delivery, recipients, routing, system_steps
from dispatch.cases import read_by_id
from dispatch.entries import Delivered, of_rows
from dispatch.models import RoutingProposal
from dispatch.notify import Told
from gridgov.common import clock
from incidents import duplicates, sweep
from incidents.models import JournalEntry
from incidents.workflow import Action, Status
from personnel.selectors import department_tree


def receive(entries: Sequence[Delivered]) -> list[Told]:
    """Everything that follows from the entries, at most one a case, is done but for telling; who is to be told."""
    moved = False
    for entry in entries:
        if entry.action in ("report", Action.AMEND):
            duplicates.store(duplicates.find(entry.incident_id), at=clock.now())
        if entry.moved_into == Status.FILED:
            propose_route(entry)
        moved |= system_steps.take(entry)
        system_steps.follow_parent(entry)
    if moved:
        entries = list(of_rows(JournalEntry.objects.filter(pk__in=[entry.id for entry in entries])))
    sweep.raise_supervision(recipients.supervision_of(entries))
    return recipients.told_of(entries, at=clock.now())


def propose_route(entry: Delivered) -> None:
    """The case has a routing proposal with its reason, made on what it is now; an older entry never undoes a newer."""
    if entry.status != Status.FILED:
        return
    case = read_by_id(entry.incident_id)
    at = clock.now()
    found = routing.proposal_for(case.incident, at=at)
    lead_id, joint, reason = found.lead_department_id, list(found.joint_ids), found.reason
    leads = [ticket for ticket in case.tickets if ticket.is_lead]
    if leads and leads[-1].department_id is not None:
        last = leads[-1]
        name = department_tree().name(last.department_id)
        if entry.action == Action.REOPEN:
            lead_id, reason = last.department_id, _("重新立案：原主办%(name)s。%(reason)s") % {
                "name": name, "reason": reason,
            }  # fmt: skip
        elif entry.action == Action.RETURN and last.department_id == lead_id:
            reason = _("%(name)s已退单，请核对权责。%(reason)s") % {"name": name, "reason": reason}
    values = {
        "rule_id": found.rule_id,
        "lead_id": lead_id,
        "joint": joint,
        "reason": reason[:300],
        "entry_seq": entry.seq,
        "made_at": at,
    }
    with transaction.atomic():
        proposals = RoutingProposal.objects.filter(incident=entry.incident_id)
        if not proposals.filter(entry_seq__lte=entry.seq).update(**values) and not proposals.exists():
            RoutingProposal.objects.create(incident_id=entry.incident_id, **values)


def deliver_pending(*, limit: int = delivery.LIMIT) -> delivery.Delivery:
    """:func:`dispatch.delivery.deliver_pending` with these receivers."""
    return delivery.deliver_pending(receive=receive, limit=limit)
