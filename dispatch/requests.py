"""Asking and deciding: return, extend, suspend, void, force_close. The only writer of Request.

No clock stops while a request waits. Timeliness is judged at ``asked_at``; granted late it takes effect from then, and
a breach stated in between is marked cured, never deleted. A request that is not decided in two working hours goes to
the next level of ``workflow.DECIDERS``.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from dispatch import steps
from dispatch.actors import SYSTEM, Actor
from dispatch.cases import Case, RequestState, case_from, with_all
from dispatch.loop import Outcome, carry_out, last_move, read
from dispatch.models import Request
from dispatch.parties import chain_for, dispatched, label, missing_for, standing
from dispatch.payload import NOTE_LIMIT, REASON_LIMIT, uuids
from dispatch.visibility import may_see
from gridgov.common import clock, work_calendar
from gridgov.common.business_time import Allowance, Unit, due_at
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.prepared import Prepared
from gridgov.common.text import is_storable
from incidents.attachments import claim
from incidents.models import Incident, JournalEntry
from incidents.services import entry
from incidents.workflow import ASKED_BY, DECIDERS, RequestKind, Status, Transition, find

ATTEMPTS = 6
LONG_SUSPENSION_DAYS = 30


def ask(
    *,
    number: str,
    kind: str,
    by: Actor,
    reason: str,
    until: datetime | None = None,
    attachments: Sequence[UUID] = (),
    at: datetime | None = None,
) -> int:
    """A request waits for its decision; its id. Raises NotFound, Conflict, NotPermitted, FieldError."""
    wanted = _kind(kind)
    now = clock.now()
    at = at or now
    text = _reason("reason", reason)
    files = uuids("attachments", attachments)
    for _attempt in range(ATTEMPTS):
        case = read(number, by)
        line = _line(case, wanted)
        _may_ask(case, wanted, by)
        level = _askable(case, wanted, line, by, text, until, at)
        try:
            request_id = _write_request(case, wanted, level, text, until, files, by, at, now)
        except IntegrityError:
            raise Conflict(_("已有一份同类申请待审批"), code="pending_before") from None
        if request_id is not None:
            return request_id
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")


def _kind(kind: str) -> RequestKind:
    try:
        return RequestKind(kind)
    except ValueError:
        raise FieldError("kind", _("没有这种申请：%(kind)s") % {"kind": str(kind)[:40]}) from None


def _reason(name: str, text: Any, limit: int = REASON_LIMIT) -> str:
    if not isinstance(text, str) or not text.strip():
        raise FieldError(name, _("请填写理由"), code="required")
    if len(text) > limit:
        raise FieldError(name, _("最长%(limit)s字") % {"limit": limit})
    if not is_storable(text):
        raise FieldError(name, _("文字中有不可用的字符"))
    return text.strip()


def _line(case: Case, kind: RequestKind) -> Transition:
    line = find(kind.action, Status(case.incident.status))
    if line is None:
        raise Conflict(
            _("案件%(status)s，不能%(action)s")
            % {"status": case.incident.get_status_display(), "action": kind.action.label},
            code="not_open",
            **last_move(case.incident),
        )
    return line


def _may_ask(case: Case, kind: RequestKind, by: Actor) -> None:
    who = ASKED_BY[kind]
    if standing(case, who, by) is None:
        raise NotPermitted(
            _("此操作需要：%(needed)s") % {"needed": _("、").join(label(option) for option in who)},
            missing=missing_for(who),
        )


def _askable(
    case: Case, kind: RequestKind, line: Transition, by: Actor, text: str, until: datetime | None, at: datetime
) -> int:
    """The level that decides first. Raises what makes the request impossible."""
    incident = case.incident
    if case.pending(kind.value) is not None:
        raise Conflict(_("已有一份同类申请待审批"), code="pending_before")
    if until is not None and kind is not RequestKind.SUSPEND:
        raise FieldError("until", _("此操作没有这一项"), code="unexpected")
    given: dict[str, Any] = {"reason": text}
    if kind is RequestKind.SUSPEND:
        if until is None:
            raise FieldError("until", _("请填写%(label)s") % {"label": _("期限")}, code="required")
        given["until"] = until
    rule = steps.RULES.get(line.action)
    if rule is not None:
        rule(steps.Asked(case, line, by, given, at))
    if kind is RequestKind.RETURN:
        return 0 if incident.return_count == 0 else 1
    if kind is RequestKind.EXTEND:
        if incident.extension_count >= steps.EXTENSION_LIMIT:
            raise Conflict(_("最多延期%(count)s次") % {"count": steps.EXTENSION_LIMIT}, code="extended_before")
        handle = case.live_clock("handle")
        if handle is None or handle.due_at is None:
            raise Conflict(_("处置没有时限，不必延期"), code="no_limit")
        if handle.due_at <= at:
            raise Conflict(_("已超时，不能再申请延期"), code="overdue", due_at=handle.due_at)
        return incident.extension_count
    if kind is RequestKind.SUSPEND:
        assert until is not None
        return 2 if until - at > timedelta(days=LONG_SUSPENSION_DAYS) else 1
    return 1 if kind is RequestKind.VOID else 2


def decide_by(at: datetime) -> datetime:
    """By when a request asked or raised at ``at`` has to be decided: two working hours, a setting."""
    allowance = Allowance(Unit.WORK_HOURS, minutes=getattr(settings, "REQUEST_DECISION_MINUTES", 120))
    return due_at(at, allowance, work_calendar.current())


def _write_request(
    case: Case,
    kind: RequestKind,
    level: int,
    text: str,
    until: datetime | None,
    files: tuple[UUID, ...],
    by: Actor,
    at: datetime,
    now: datetime,
) -> int | None:
    lead = case.lead
    ticket_id = lead.id if lead is not None and kind.value in ("return", "extend", "suspend") else None
    due = decide_by(at)
    facts = {
        "kind": kind.value, "level": level, "until": until.isoformat() if until else None, "ticket": ticket_id,
        "attachments": [str(pk) for pk in files],
    }  # fmt: skip
    with transaction.atomic():
        written = entry.append(
            case.incident, kind="request_asked", user_id=by.user_id, channel=by.channel, at=at, recorded_at=now,
            payload=facts, text=text,
        )  # fmt: skip
        if written is None:
            return None
        request = Request.objects.create(
            incident=case.incident,
            ticket_id=ticket_id,
            kind=kind,
            asked_by_id=by.user_id,
            asked_at=at,
            reason=text,
            until=until,
            level=level,
            decide_by_at=due,
            asked_seq=written.seq,
        )
        if files:
            claim(files, incident_id=case.incident.pk, entry_seq=written.seq, user_id=by.user_id)
    return request.pk


# --- deciding -----------------------------------------------------------------------------------------------------


def decide(
    *, request_id: int, grant: bool, reason: str = "", by: Actor, at: datetime | None = None, number: str = ""
) -> Outcome | None:
    """The request is granted, and its action carried out as of ``asked_at``; or refused, with a reason (then None).

    ``number``: of the case that the request is taken to be about, if the caller says so. Raises NotFound, Conflict
    (decided before, or no longer open), NotPermitted, FieldError.
    """
    now = clock.now()
    at = at or now
    if not isinstance(grant, bool):
        raise FieldError("grant", _("请选择同意或不同意"))
    text = _reason("reason", reason, NOTE_LIMIT) if reason or not grant else ""
    for _attempt in range(ATTEMPTS):
        case, request = _waiting(request_id, by, number)
        _may_decide(case, request, by)
        if grant:
            outcome = _grant(case, request, text, by, at, now)
            if outcome is not None:
                return outcome
        elif _refuse(case, request, text, by, at, now):
            return None
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")


_BY_REQUEST = Prepared(lambda pk: with_all(Incident.objects.filter(requests__pk=pk)), pk=int)


def _waiting(request_id: int, by: Actor, number: str) -> tuple[Case, RequestState]:
    row = _BY_REQUEST.first(pk=request_id)
    case = case_from(row) if row is not None else None
    if case is None or not may_see(case, by) or number not in ("", case.incident.number):
        raise NotFound(_("没有这份申请"))
    request = next(r for r in case.requests if r.id == request_id)
    if not request.is_pending:
        row = Request.objects.select_related("decided_by").get(pk=request_id)
        raise Conflict(
            _("该申请%(state)s") % {"state": row.get_state_display()},
            code="decided_before",
            actor=row.decided_by.name if row.decided_by else _("系统"),
            at=row.decided_at,
            action=row.state,
            version=case.incident.version,
        )
    return case, request


def deciders_of(request: RequestState) -> tuple[Any, ...]:
    """The capabilities that may decide the request now: its level and those above it."""
    return DECIDERS[request.level :]


def _may_decide(case: Case, request: RequestState, by: Actor) -> None:
    able = deciders_of(request)
    if not any(by.may(capability, chain_for(case, capability)) for capability in able):
        raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": label(able[0])}, missing=missing_for(able))
    if by.user_id == request.asked_by_id:
        raise NotPermitted(_("不能审批自己的申请"), missing="separation:asker")


def _role(case: Case, request: RequestState, by: Actor) -> str:
    found = (by.role_for(capability, chain_for(case, capability)) for capability in deciders_of(request))
    return next((role for role in found if role), "")


def _grant(case: Case, request: RequestState, text: str, by: Actor, at: datetime, now: datetime) -> Outcome | None:
    line = _line(case, RequestKind(request.kind))
    if line.target is Status.CLOSED and by.user_id is not None and dispatched(case, by.user_id):
        raise NotPermitted(_("派遣人不得核查或结束本案"), missing="separation:dispatcher")
    given: dict[str, Any] = {"reason": request.reason}
    if request.until is not None:
        given["until"] = request.until
    asked = steps.Asked(case, line, by, given, at, request)
    rule = steps.RULES.get(line.action)
    step = rule(asked) if rule else steps.Step()
    step.facts |= {"request": request.id, "asked_by": request.asked_by_id, "asked_at": request.asked_at.isoformat()}
    step.text = text

    def settle(_entry: JournalEntry) -> bool:
        return _decided(request, "granted", text, by, at)

    return carry_out(
        asked, step, role=_role(case, request, by), recorded_at=now, effective_at=request.asked_at, also=settle
    )


def _refuse(case: Case, request: RequestState, text: str, by: Actor, at: datetime, now: datetime) -> bool:
    with transaction.atomic():
        written = entry.append(
            case.incident, kind="request_refused", user_id=by.user_id, role=_role(case, request, by),
            channel=by.channel, at=at, recorded_at=now,
            payload={"request": request.id, "kind": request.kind}, text=text,
        )  # fmt: skip
        if written is None:
            return False
        if not _decided(request, "refused", text, by, at):
            transaction.set_rollback(True)
            return False
    return True


def _decided(request: RequestState, state: str, text: str, by: Actor, at: datetime) -> bool:
    return bool(
        Request.objects.filter(pk=request.id, state=Request.State.PENDING).update(
            state=state, decided_by=by.user_id, decided_at=at, decision_reason=text
        )
    )


def raise_due(*, at: datetime, limit: int = 200) -> int:
    """The requests that were not decided in time are with the next level, journalled; how many.

    At the last level a request waits on, without a time of its own.
    """
    raised = 0
    due = Request.objects.filter(state=Request.State.PENDING, decide_by_at__lte=at).order_by("decide_by_at")
    for request_id, incident_id, level in due.values_list("pk", "incident_id", "level")[:limit]:
        next_level = min(level + 1, len(DECIDERS) - 1)
        row = with_all(Incident.objects.filter(pk=incident_id)).get()
        waiting = Request.objects.filter(pk=request_id, state=Request.State.PENDING, level=level)
        if next_level == level:
            waiting.update(decide_by_at=None)
            continue
        with transaction.atomic():
            # the case first, then the request: in the order of everybody who decides
            written = entry.append(
                row, kind="request_raised", user_id=SYSTEM.user_id, channel=SYSTEM.channel, at=at,
                recorded_at=clock.now(), payload={"request": request_id, "level": next_level},
            )  # fmt: skip
            if written is None:
                continue
            if not waiting.update(level=next_level, decide_by_at=decide_by(at)):
                transaction.set_rollback(True)
                continue
        raised += 1
    return raised
