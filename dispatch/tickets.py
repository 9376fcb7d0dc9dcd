"""What an action does to tickets, and the joint handlers' own steps. The only writer of Ticket."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case as SqlCase
from django.db.models import F, Q, TextField, Value, When
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.cases import Case, TicketState, case_from, with_all
from dispatch.models import Ticket
from dispatch.parties import is_handler
from dispatch.payload import NOTE_LIMIT, REASON_LIMIT, Handler
from dispatch.visibility import cases_of
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.text import is_storable
from incidents.attachments import claim
from incidents.services import entry
from incidents.workflow import TicketEffect

LIVE = Ticket.LIVE
ATTEMPTS = 5


class Moved(Exception):
    """A ticket was not as it was read: the move is rolled back and tried again."""


def apply(
    effect: TicketEffect,
    case: Case,
    *,
    by: Actor,
    at: datetime,
    due_at: datetime | None,
    lead: Handler | None = None,
    joint: Sequence[Handler] = (),
    assignment: int = 0,
    result: str = "",
) -> list[int]:
    """The tickets of the case are as the action's line says; ids of the tickets made. Call inside its transaction.

    ``due_at``: when handle is due after the move; live tickets carry it. Raises Moved if a ticket changed meanwhile.
    """
    incident_id = case.incident.pk
    live_joint = [t.id for t in case.joint if t.is_live]
    if effect in (TicketEffect.ISSUE, TicketEffect.ISSUE_FINAL):
        assert lead is not None
        made = Ticket.objects.bulk_create(
            Ticket(
                incident_id=incident_id,
                assignment=assignment,
                is_lead=handler is lead,
                is_final=handler is lead and effect is TicketEffect.ISSUE_FINAL,
                due_at=due_at,
                dispatched_by_id=by.user_id,
                dispatched_at=at,
                **handler.fields(),
            )
            for handler in (lead, *joint)
        )
        return [ticket.pk for ticket in made]
    if effect is TicketEffect.SIGN_LEAD:
        _set(case.lead, ("open",), state="signed", signed_by_id=by.user_id, signed_at=at)
    elif effect is TicketEffect.RETURN_LEAD:
        _end_with_joint(case.lead, LIVE, "returned", live_joint, "recalled", at)
    elif effect is TicketEffect.FINISH_LEAD:
        _end_with_joint(case.lead, ("signed",), "done", live_joint, "waived", at, result=result)
    elif effect in (TicketEffect.REVIVE_LEAD, TicketEffect.REWORK_LEAD):
        last = case.last_lead
        rounds = {"round": last.round + 1} if last and effect is TicketEffect.REWORK_LEAD else {}
        _set(last, ("done",), state="signed", ended_at=None, due_at=due_at, **rounds)
    elif effect is TicketEffect.RECALL_ALL:
        _end([t.id for t in case.tickets if t.is_live], "recalled", at)
    elif case.lead is not None and case.lead.due_at != due_at:
        Ticket.objects.filter(incident=incident_id, state__in=LIVE).update(due_at=due_at)
    return []


def _set(ticket: TicketState | None, states: Sequence[str], **values: Any) -> None:
    if ticket is None or not Ticket.objects.filter(pk=ticket.id, state__in=states).update(**values):
        raise Moved


def _end_with_joint(
    lead: TicketState | None,
    states: Sequence[str],
    state: str,
    joint_ids: Sequence[int],
    joint_state: str,
    at: datetime,
    result: str = "",
) -> None:
    """The lead ticket ends in ``state`` and the joint ones in theirs, in one statement; Moved if any was another."""
    if not joint_ids:
        return _set(lead, states, state=state, ended_at=at, **({"result": result} if result else {}))
    if lead is None:
        raise Moved
    is_lead = Q(pk=lead.id)
    result = result or lead.result
    found = Ticket.objects.filter((is_lead & Q(state__in=states)) | Q(pk__in=joint_ids, state__in=LIVE))
    ended = found.update(
        state=SqlCase(When(is_lead, then=Value(state)), default=Value(joint_state)),
        result=SqlCase(When(is_lead, then=Value(result)), default=F("result"), output_field=TextField()),
        ended_at=at,
    )
    if ended != 1 + len(joint_ids):
        raise Moved
    return None


def _end(ids: Sequence[int], state: str, at: datetime) -> None:
    if ids:
        Ticket.objects.filter(pk__in=ids, state__in=LIVE).update(state=state, ended_at=at)


# --- joint tickets ------------------------------------------------------------------------------------------------


def sign_joint(*, ticket_id: int, by: Actor, at: datetime | None = None) -> None:
    """The joint ticket is signed. The case does not move."""
    _joint(ticket_id, by, "joint_signed", ("open",), {"state": "signed", "signed_by_id": by.user_id}, at=at, signs=True)


def finish_joint(
    *, ticket_id: int, by: Actor, note: str, attachments: Sequence[UUID] = (), at: datetime | None = None
) -> None:
    """The joint ticket is done, with its result. The case does not move; the lead may then feed back."""
    text = _text("note", note, NOTE_LIMIT)
    _joint(
        ticket_id, by, "joint_done", LIVE, {"state": "done", "result": text}, text=text, attachments=attachments, at=at
    )


def refuse_joint(*, ticket_id: int, by: Actor, reason: str, at: datetime | None = None) -> None:
    """The joint handler refuses: the dispatcher is told, the case does not move."""
    text = _text("reason", reason, REASON_LIMIT)
    _joint(ticket_id, by, "joint_refused", LIVE, {"state": "refused"}, text=text, at=at)


def _text(name: str, value: str, limit: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FieldError(name, _("请填写"), code="required")
    if len(value) > limit:
        raise FieldError(name, _("最长%(limit)s字") % {"limit": limit})
    if not is_storable(value):
        raise FieldError(name, _("文字中有不可用的字符"))
    return value.strip()


def _joint(
    ticket_id: int,
    by: Actor,
    kind: str,
    states: Sequence[str],
    values: dict[str, Any],
    *,
    text: str = "",
    attachments: Sequence[UUID] = (),
    at: datetime | None = None,
    signs: bool = False,
) -> None:
    now = clock.now()
    at = at or now
    for _attempt in range(ATTEMPTS):
        incident_id = Ticket.objects.filter(pk=ticket_id).values_list("incident_id", flat=True).first()
        row = with_all(cases_of(by, wide=True).filter(pk=incident_id)).first() if incident_id else None
        if row is None:
            raise NotFound(_("没有这个工单"))
        case = case_from(row)
        ticket = next(t for t in case.tickets if t.id == ticket_id)
        if ticket.is_lead:
            raise Conflict(_("主办工单请用案件操作办理"), code="lead_ticket")
        if not is_handler(ticket.department_id, ticket.worker_id, by):
            raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": _("协办单位人员")}, missing="joint_handler")
        if ticket.state not in states:
            raise Conflict(_("该工单已%(state)s") % {"state": Ticket.State(ticket.state).label}, code="ticket_moved")
        stamped = {"signed_at": at} if signs else {"ended_at": at}
        with transaction.atomic():
            written = entry.append(
                row, kind=kind, user_id=by.user_id, role="joint_handler", channel=by.channel, at=at, recorded_at=now,
                payload={"ticket": ticket_id, "attachments": [str(a) for a in attachments]}, text=text,
            )  # fmt: skip
            if written is None:
                continue
            if not Ticket.objects.filter(pk=ticket_id, state__in=states).update(**values, **stamped):
                transaction.set_rollback(True)
                continue
            if attachments:
                claim(attachments, incident_id=row.pk, entry_seq=written.seq, user_id=by.user_id)
            return
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")
