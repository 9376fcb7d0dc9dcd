"""The one way in: every page, API call and task that moves a case calls :func:`perform`.

In this order: may the person see the case; is the action open in its status and the form not stale; may he take it;
does it break the separation of duties; is the payload right. Then, in one short transaction: status, clocks and
journal (``incidents.services.transition``), tickets, lapsed requests, photos. Everything is worked out on the case as
read; if it moved meanwhile nothing is written and it is read again: a caller who named a version then gets a
Conflict that says who did what when, any other call is tried again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from dispatch import amend, confidential, steps, tickets
from dispatch import payload as read_payload
from dispatch.actors import Actor
from dispatch.cases import Case, RequestState, case_from, with_all
from dispatch.models import Request
from dispatch.offers import OpenAction, open_actions
from dispatch.parties import authorise, not_held, separate
from dispatch.visibility import may_see
from gridgov.common import clock, deadlocks
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.prepared import Prepared
from gridgov.common.text import is_storable
from grids.capabilities import Capability
from incidents.attachments import claim
from incidents.catalogue import catalogue
from incidents.clocks import Plan
from incidents.models import Incident, JournalEntry
from incidents.services import report as reporting_in
from incidents.services import transition
from incidents.workflow import ENDED, OPEN, WITH_LIVE_TICKET, Action, Party, Status, Transition, Who, find

ATTEMPTS = 6
#: Only where the filing standard names the step may the system take it; everything else of the system has a date.
NAMED_STEPS = frozenset({Action.ACCEPT, Action.FILE, Action.DISPATCH, Action.REQUEST_VERIFICATION, Action.CLOSE})
WORKER_SOURCES = frozenset({"worker"})
DESK_SOURCES = frozenset({"hotline", "leader", "upper", "sensor", "other"})
PUBLIC_SOURCES = frozenset({"qr", "web"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a move came to."""

    number: str
    incident_id: int
    status: str
    version: int
    seq: int
    ticket_ids: tuple[int, ...] = ()


_BY_NUMBER = Prepared(lambda number: with_all(Incident.objects.filter(number=number)), number=str)


def read(number: str, by: Actor) -> Case:
    """The case with all that an action is judged by, in one statement. NotFound if ``by`` may not see it."""
    known = isinstance(number, str) and is_storable(number)
    row = _BY_NUMBER.first(number=number) if known else None
    case = case_from(row) if row is not None else None
    if case is None or not may_see(case, by):
        raise NotFound(_("没有这个案件"))
    return case


def report(
    *, body: reporting_in.Report, by: Actor, idempotency_key: str = "", at: datetime | None = None
) -> reporting_in.Received:
    """A new case. The public reports by QR code and web, workers on patrol, the desk for everybody else."""
    _may_report(body, by)
    received = reporting_in.report(
        body=body,
        user_id=by.user_id,
        role=next(iter(by.roles), ""),
        channel=by.channel,
        desk_area_id=by.desk_area_id,
        idempotency_key=idempotency_key,
        named_for=confidential.of_the_desk,
        at=at,
    )
    # a field worker may settle on the spot what he reports: the reporter's link, and so the rating, is not his
    return replace(received, token="") if body.source in WORKER_SOURCES else received


def _may_report(body: reporting_in.Report, by: Actor) -> None:
    if by.is_system:
        return
    if by.user_id is None:
        if body.source not in PUBLIC_SOURCES:
            raise FieldError("source", _("公众上报的来源须是扫码或网络"))
        return
    if not by.may_somewhere(Capability.REPORT_INCIDENT):
        raise NotPermitted(
            _("此操作需要：%(needed)s") % {"needed": Capability.REPORT_INCIDENT.label}, missing="report_incident"
        )
    needed = Capability.PATROL if body.source in WORKER_SOURCES else Capability.ACCEPT
    if body.source in WORKER_SOURCES | DESK_SOURCES and not by.may_somewhere(needed):
        raise NotPermitted(
            _("来源“%(source)s”需要：%(needed)s")
            % {"source": Incident.Source(body.source).label, "needed": needed.label},
            missing=needed.value,
        )


# --- moving a case ------------------------------------------------------------------------------------------------


def perform(
    *,
    number: str,
    action: str,
    by: Actor,
    version: int | None = None,
    at: datetime | None = None,
    **payload: Any,
) -> Outcome:
    """The action is done, whole, or nothing is.

    ``version``: that of the form the person filled in; None for callers without one. ``at``: the instant it counts
    from (now, unless the past is played). Raises NotFound, Conflict, NotPermitted, FieldError(s).
    """
    wanted = _action(action)
    now = clock.now()
    at = at or now
    for _attempt in range(ATTEMPTS):
        case = read(number, by)
        line, standing = judge(case, wanted, by, version=version)
        asked = steps.Asked(case, line, by, read_payload.checked(line, payload), at)
        step, amended = _step(asked)
        outcome = carry_out(asked, step, role=_role(by, standing, case), recorded_at=now, amended=amended)
        if outcome is not None:
            return outcome
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")


def judge(case: Case, action: Action, by: Actor, *, version: int | None = None) -> tuple[Transition, Who]:
    """The table's line, and as what ``by`` may take the action on the case as read, whatever the payload says.

    Raises Conflict (stale, not open here, only on request, claimed by a colleague, tickets do not fit) or NotPermitted.
    """
    line = _line(case, action, version)
    if line.granted:
        raise Conflict(_("此操作须先申请，审批同意后生效"), code="needs_request")
    standing = authorise(case, line, by)
    not_held(case, line, standing, by)
    _system_may(case, line, by)
    _tickets_fit(case, line)
    separate(case, line, by)
    return line, standing


def rehearse(*, number: str, action: str, by: Actor, version: int | None = None, **payload: Any) -> Case:
    """The case as read, for which :func:`perform` would now do the action; nothing is written. Raises what it would."""
    case, wanted = read(number, by), _action(action)
    line, _standing = judge(case, wanted, by, version=version)
    _step(steps.Asked(case, line, by, read_payload.checked(line, payload), clock.now()))
    return case


def _action(name: str) -> Action:
    try:
        return Action(name)
    except ValueError:
        raise FieldError("action", _("没有这个操作：%(name)s") % {"name": str(name)[:40]}) from None


def _line(case: Case, action: Action, version: int | None) -> Transition:
    """The table's line for the action; Conflict where the form is stale or the action not open here."""
    incident = case.incident
    if version is not None and version != incident.version:
        raise Conflict(_("案件已变动，请看过最新情况再办"), code="stale_version", **last_move(incident))
    line = find(action, Status(incident.status))
    if line is None:
        raise Conflict(
            _("案件%(status)s，不能%(action)s") % {"status": incident.get_status_display(), "action": action.label},
            code="not_open",
            **last_move(incident),
        )
    return line


def last_move(incident: Incident) -> dict[str, Any]:
    """Who moved the case last, when and how, for the answer to somebody who came too late."""
    entry = (
        JournalEntry.objects.filter(incident=incident, version=incident.version)
        .order_by("seq")
        .values("actor_id", "actor__name", "action", "at")
        .first()
    ) or {}
    return {
        "version": incident.version,
        "status": incident.status,
        "actor": entry.get("actor__name") or (_("系统") if entry.get("actor_id") is None else ""),
        "at": entry.get("at"),
        "action": entry.get("action", ""),
    }


def _system_may(case: Case, line: Transition, by: Actor) -> None:
    if not by.is_system or line.action not in NAMED_STEPS:
        return
    book = catalogue()
    standard = book.standard(case.incident.standard_id) or book.system_standard(case.incident.category_id)
    if standard is None or line.action.value not in standard.system_steps:
        raise NotPermitted(_("立案条件没有规定由系统办理这一步"), missing="system_step")


def _tickets_fit(case: Case, line: Transition) -> None:
    if line.needs_ticket is None:
        return
    has = case.last_lead is not None
    if has and not line.needs_ticket:
        raise Conflict(_("本案已派遣，不能按自行处置办理"), code="has_ticket")
    if not has and line.needs_ticket:
        raise Conflict(_("本案没有工单，不能这样办"), code="no_ticket")


def _step(asked: steps.Asked) -> tuple[steps.Step, Plan | None]:
    amended = None
    if asked.line.action is Action.AMEND:
        step, amended = amend.step(asked)
    else:
        rule = steps.RULES.get(asked.line.action)
        step = rule(asked) if rule else steps.Step()
    if "attachments" in asked.given and not step.attachments:
        step.attachments = steps.photos(asked, 0)
    step.text = step.text or steps.words(asked)
    return step, amended


def _role(by: Actor, standing: Any, case: Case) -> str:
    if isinstance(standing, Party):
        return standing.value
    return by.role_for(standing, (*case.holder_chain, *case.place_chain))


class _Lost(Exception):
    """The case or what hangs on it was not as read."""


def carry_out(
    asked: steps.Asked,
    step: steps.Step,
    *,
    role: str,
    recorded_at: datetime,
    effective_at: datetime | None = None,
    amended: Plan | None = None,
    also: Callable[[JournalEntry], bool] | None = None,
) -> Outcome | None:
    """The move stands, with its tickets, photos and lapsed requests; None, with nothing written, if the case moved.

    ``also`` belongs to the same transaction (the request that was granted); False from it undoes everything.
    """
    case, line, by, at = asked.case, asked.line, asked.by, asked.at
    facts = dict(step.facts)
    if step.attachments:
        facts["attachments"] = [str(pk) for pk in step.attachments]
    lapsing = _lapsing(case, _target(case, line), asked.request)
    if lapsing:
        facts["lapsed"] = lapsing
    prepared = transition.prepare(
        case.incident,
        line,
        who=transition.Who(by.user_id, role, by.channel),
        at=at,
        recorded_at=recorded_at,
        effective_at=effective_at,
        payload=facts,
        text=step.text,
        changes=step.changes,
        milestone=step.milestone,
        amended=amended,
    )
    target = Status(prepared.entry.status_to)
    named = confidential.needed_for(case, step.changes, by=by, lead=step.lead, joint=step.joint)
    # two cases are locked in the order of their ids, or two merges each into the other wait for ever
    parent_first = step.into_id is not None and step.into_id < case.incident.pk
    try:
        with transaction.atomic():
            if parent_first and not _hold_parent(step.into_id):
                raise _Lost
            entry = transition.write(prepared)
            if entry is None:
                raise _Lost
            if step.into_id is not None and not parent_first and not _hold_parent(step.into_id):
                raise _Lost
            made = tickets.apply(
                line.tickets,
                case,
                by=by,
                at=at,
                due_at=prepared.handle_due_at,
                lead=step.lead,
                joint=step.joint,
                assignment=step.changes.get("assignment", case.incident.assignment),
                result=step.text,
            )
            if also is not None and not also(entry):
                raise _Lost
            if lapsing:
                Request.objects.filter(pk__in=lapsing, state=Request.State.PENDING).update(
                    state=Request.State.LAPSED, decided_at=at
                )
            if step.attachments:
                claim(step.attachments, incident_id=case.incident.pk, entry_seq=entry.seq, user_id=by.user_id)
            if named:
                confidential.name(case.incident.pk, named)
    except (_Lost, tickets.Moved):
        return None
    except OperationalError as error:
        # somebody else's move was let through in place of ours: to the caller the same as a case that moved
        if not deadlocks.may_begin_again(error):
            raise
        return None
    return Outcome(case.incident.number, case.incident.pk, target.value, prepared.entry.version, entry.seq, tuple(made))


def _hold_parent(parent_id: int) -> bool:
    """The main case is open and stays so until we commit; it cannot end between our look at it and the merge."""
    return bool(
        Incident.objects.filter(pk=parent_id, status__in=[s.value for s in OPEN]).update(head_seq=F("head_seq"))
    )


def _target(case: Case, line: Transition) -> Status:
    """Where the case stands afterwards."""
    if line.target is not None:
        return line.target
    incident = case.incident
    return Status(incident.status_before if line.action is Action.UNMERGE else incident.status)


def _lapsing(case: Case, target: Status, granted: RequestState | None) -> list[int]:
    """The requests that lapse: with the ticket they are about, and all of them when the case has ended."""
    ticket_ended = case.lead is not None and target not in WITH_LIVE_TICKET
    return [
        request.id
        for request in case.requests
        if request.is_pending
        and (granted is None or request.id != granted.id)
        and (target in ENDED or (ticket_ended and request.ticket_id is not None))
    ]


__all__ = ["OpenAction", "Outcome", "carry_out", "open_actions", "perform", "read", "rehearse", "report"]
