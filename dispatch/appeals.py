"""The department's appeal against a breach (超时申诉): asked after closing, once a ticket. The only writer of Appeal.

A 派遣员 of the centre looks at it first, then a 受理员 decides; they are two people, and neither asked or handled. When
both agree the late clocks of the ticket (sign, handle) are exempt: the indicators leave them out, the clocks still say
that they were late. Every step is journalled: ``appeal_asked``, ``appeal_forwarded``, ``appeal_refused``, ``exempted``.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.cases import Case, TicketState, read_by_id
from dispatch.loop import read
from dispatch.models import Appeal
from dispatch.parties import chain_for, handled, is_handler
from dispatch.payload import REASON_LIMIT
from dispatch.visibility import may_see
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.text import is_storable
from grids import permissions
from grids.capabilities import Capability as Cap
from grids.spatial import areas
from incidents import sla
from incidents.clocks import ClockState
from incidents.models import Incident, NamedAccess
from incidents.services import entry
from incidents.workflow import Status

ATTEMPTS = 6
#: Days after closing in which the department may appeal.
DAYS = 15
#: The department's own clocks.
OF_THE_DEPARTMENT = ("sign", "handle")
AFTER_CLOSING = (Status.CLOSED, Status.EVALUATED)
#: Who takes the next step.
NEEDED = {Appeal.State.ASKED: Cap.DISPATCH, Appeal.State.FORWARDED: Cap.ACCEPT}


def until(closed_at: datetime) -> datetime:
    """The last instant at which an appeal is taken."""
    return closed_at + timedelta(days=getattr(settings, "APPEAL_DAYS", DAYS))


def late_clocks(case: Case, ticket: TicketState) -> list[ClockState]:
    """The clocks of the ticket that were stopped late."""
    return [
        c for c in case.clocks
        if c.kind in OF_THE_DEPARTMENT and c.assignment == ticket.assignment and c.state == "late"
    ]  # fmt: skip


def appealable(case: Case, by: Actor, *, at: datetime) -> TicketState | None:
    """The lead ticket, last first, for which ``by`` may appeal by the rules; one that was appealed before included."""
    incident = case.incident
    if incident.status not in AFTER_CLOSING or incident.closed_at is None or at > until(incident.closed_at):
        return None
    done = (ticket for ticket in reversed(_own(case, by)) if ticket.state == "done")
    return next((ticket for ticket in done if late_clocks(case, ticket)), None)


def _own(case: Case, by: Actor) -> list[TicketState]:
    lead = (t for t in case.tickets if t.is_lead)
    return [t for t in lead if by.user_id is not None and is_handler(t.department_id, t.worker_id, by)]


def ask(*, number: str, by: Actor, reason: str, at: datetime | None = None) -> int:
    """The appeal waits for the dispatcher; its id. Raises NotFound, NotPermitted, FieldError, Conflict.

    Conflict: ``not_open`` (not closed, or closed too long ago), ``not_late``, ``appealed_before``.
    """
    text = _words("reason", reason)
    now = clock.now()
    at = at or now
    for _attempt in range(ATTEMPTS):
        case = read(number, by)
        ticket = _ticket(case, by, at)
        late = late_clocks(case, ticket)
        facts = {"ticket": ticket.id, "late": [f"{c.kind}:{c.cycle}" for c in late]}
        try:
            with transaction.atomic():
                written = entry.append(
                    case.incident, kind="appeal_asked", user_id=by.user_id, role="lead_handler", channel=by.channel,
                    at=at, recorded_at=now, payload=facts, text=text,
                )  # fmt: skip
                if written is None:
                    continue
                made = Appeal.objects.create(
                    incident=case.incident, ticket_id=ticket.id, reason=text, asked_by_id=by.user_id, asked_at=at
                )
        except IntegrityError:
            raise Conflict(_("这张工单已申诉过，只能申诉一次"), code="appealed_before") from None
        return made.pk
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")


def _ticket(case: Case, by: Actor, at: datetime) -> TicketState:
    incident = case.incident
    if not _own(case, by):
        raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": _("本案主办单位人员")}, missing="lead_handler")
    if incident.status not in AFTER_CLOSING:
        raise Conflict(_("结案后才能申诉超时"), code="not_open", status=incident.status)
    if incident.closed_at is None or at > until(incident.closed_at):
        raise Conflict(_("结案已超过%(days)s天，不能再申诉") % {"days": DAYS}, code="not_open", status=incident.status)
    ticket = appealable(case, by, at=at)
    if ticket is None:
        raise Conflict(_("本单位的工单没有超时"), code="not_late")
    return ticket


def decide(
    *, appeal_id: int, grant: bool, reason: str = "", by: Actor, number: str = "", at: datetime | None = None
) -> Appeal.State:
    """The next step of the appeal is taken; the state it is in then. A refusal needs a reason.

    ``number``: of the case that the appeal is taken to be about, if the caller says so. Raises NotFound, NotPermitted
    (``dispatch``, then ``accept``; separation), FieldError, Conflict ``decided_before``.
    """
    if not isinstance(grant, bool):
        raise FieldError("grant", _("请选择同意或不同意"))
    text = _words("reason", reason) if reason or not grant else ""
    now = clock.now()
    at = at or now
    for _attempt in range(ATTEMPTS):
        case, row = _read(appeal_id, by, number)
        needed = _may_decide(case, row, by)
        state = _next(row, grant)
        if _write(case, row, state, needed, text, by, at, now):
            return state
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")


def _read(appeal_id: int, by: Actor, number: str) -> tuple[Case, Appeal]:
    row = Appeal.objects.select_related("first_by", "second_by").filter(pk=appeal_id).first()
    case = read_by_id(row.incident_id) if row is not None else None
    if row is None or case is None or not may_see(case, by) or number not in ("", case.incident.number):
        raise NotFound(_("没有这份申诉"))
    if row.state not in Appeal.PENDING:
        last = row.second_by or row.first_by
        raise Conflict(
            _("该申诉%(state)s") % {"state": row.get_state_display()}, code="decided_before",
            actor=last.name if last else "", at=row.second_at or row.first_at, action=row.state,
        )  # fmt: skip
    return case, row


def _may_decide(case: Case, row: Appeal, by: Actor) -> Cap:
    needed = NEEDED[Appeal.State(row.state)]
    if by.user_id is None or not by.may(needed, chain_for(case, needed)):
        raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": needed.label}, missing=needed.value)
    if by.user_id == row.asked_by_id or handled(
        case, user_id=by.user_id, department_ids=by.department_ids, worker_id=by.worker_id
    ):
        raise NotPermitted(_("不能审批本单位的申诉"), missing="separation:asker")
    if by.user_id == row.first_by_id:
        raise NotPermitted(_("审核与审定须由两人分别办理"), missing="separation:decider")
    return needed


def _next(row: Appeal, grant: bool) -> Appeal.State:
    if not grant:
        return Appeal.State.REFUSED
    return Appeal.State.FORWARDED if row.state == Appeal.State.ASKED else Appeal.State.GRANTED


def _write(
    case: Case, row: Appeal, state: Appeal.State, needed: Cap, text: str, by: Actor, at: datetime, now: datetime
) -> bool:
    ticket = next(t for t in case.tickets if t.id == row.ticket_id)
    late = [(c.kind, c.cycle) for c in late_clocks(case, ticket)]
    facts: list[dict[str, Any]] = [{"appeal": row.pk, "asked_by": row.asked_by_id}]
    kind = {"forwarded": "appeal_forwarded", "refused": "appeal_refused"}.get(state.value, "exempted")
    if state is Appeal.State.GRANTED:
        # one entry a clock: the indicators of a month tell from it which exemptions came later
        facts = [{"appeal": row.pk, "clock": name, "cycle": cycle} for name, cycle in late]
        facts[0]["asked_by"] = row.asked_by_id  # who is told, once
    step = "first" if row.state == Appeal.State.ASKED else "second"
    said = {f"{step}_by_id": by.user_id, f"{step}_at": at, f"{step}_reason": text}
    with transaction.atomic():
        for one in facts:
            written = entry.append(
                case.incident, kind=kind, user_id=by.user_id, role=by.role_for(needed, chain_for(case, needed)),
                channel=by.channel, at=at, recorded_at=now, payload=one, text=text,
            )  # fmt: skip
            if written is None:
                transaction.set_rollback(True)
                return False
            case.incident.head_seq, case.incident.head_mac = written.seq, written.mac
        if not Appeal.objects.filter(pk=row.pk, state=row.state).update(state=state, **said):
            transaction.set_rollback(True)
            return False
        if state is Appeal.State.GRANTED:
            sla.exempt(incident_id=case.incident.pk, clocks=late)
    return True


FIELDS = (
    "id", "incident__number", "incident__status", "incident__category_id", "incident__address", "state", "reason",
    "asked_by__name", "asked_at", "first_by__name", "first_at", "first_reason", "ticket__department_id",
)  # fmt: skip


def waiting_for(by: Actor) -> QuerySet[Appeal]:
    """The appeals of others whose next step ``by`` may take, the oldest first."""
    able = Q()
    for state, capability in NEEDED.items():
        held = permissions.visible_area_ids(by.grants, capability)
        centres = {r.id for area_id in held for r in areas.index().subtree(area_id) if r.has_desk}
        if centres:
            able |= Q(state=state, incident__holder__in=sorted(centres))
    if not able or by.user_id is None:
        return Appeal.objects.none()
    named = NamedAccess.objects.filter(incident=OuterRef("incident"), user=by.user_id)
    found = Appeal.objects.filter(able).filter(Q(incident__is_confidential=False) | Exists(named))
    return found.exclude(asked_by=by.user_id).exclude(first_by=by.user_id, first_by__isnull=False).order_by("id")


def of_case(incident: Incident) -> list[Appeal]:
    """The appeals of a case that the caller may see, oldest first, with their people. One statement."""
    return list(
        Appeal.objects.filter(incident=incident).select_related("asked_by", "first_by", "second_by").order_by("id")
    )


def _words(name: str, text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise FieldError(name, _("请填写理由"), code="required")
    if len(text) > REASON_LIMIT:
        raise FieldError(name, _("最长%(limit)s字") % {"limit": REASON_LIMIT})
    if not is_storable(text):
        raise FieldError(name, _("文字中有不可用的字符"))
    return text.strip()
