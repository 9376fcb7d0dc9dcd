"""Claiming a case at a desk, so that two people do not work on it at once (认领). The only writer of Claim.

A claim is a lease by the database's clock. Of any number of people who claim one case at one moment one gets it; the
others are told who, and until when. It bars colleagues at the desks from acting (``dispatch.parties.not_held``),
never from reading, and it ends by itself: with the lease, or when the case moves to another status. See ADR 0019.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, Value
from django.db.models.functions import Now
from django.dispatch import Signal
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.cases import Case, Hold
from dispatch.loop import read
from dispatch.models import Claim
from dispatch.parties import chain_for, label, missing_for
from dispatch.payload import REASON_LIMIT
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotPermitted
from gridgov.common.text import is_storable
from grids.capabilities import Capability as Cap
from incidents.models import Incident
from incidents.services import entry
from incidents.workflow import Status

#: Sent after the commit that changed who holds a case. It says "look", nothing more: the claims are the message.
claim_changed = Signal()

ATTEMPTS = 6
LEASE_MINUTES = 10

#: At whose desk a case in each status is; in any other it is at none, and not claimed.
AT_DESK: Mapping[Status, tuple[Cap, ...]] = {
    Status.REPORTED: (Cap.ACCEPT,),
    Status.CHECKING: (Cap.ACCEPT,),
    Status.ACCEPTED: (Cap.FILE,),
    Status.FILED: (Cap.DISPATCH, Cap.IMPOSE),
    Status.HANDLED: (Cap.ACCEPT,),
    Status.VERIFYING: (Cap.VERIFY,),
    Status.VERIFIED: (Cap.CLOSE,),
}


def claim(*, number: str, by: Actor) -> Hold:
    """``by`` holds the case until the lease ends; held before, it is prolonged.

    Raises NotFound, NotPermitted (not of the desk where the case is), Conflict: ``claimed`` naming who holds it and
    until when, or ``not_at_desk``.
    """
    for _attempt in range(ATTEMPTS):
        case = read(number, by)
        _of_the_desk(case, by)
        if case.claim is not None and case.claim.user_id != by.user_id:
            raise _held_by(case.claim)
        if _take(case, by):
            _announce()
            return _hold_of(case.incident.pk)
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")


def may_claim(case: Case, by: Actor) -> bool:
    """Whether the case is at a desk of ``by``, so that claiming it makes sense; who holds it is another question."""
    try:
        _of_the_desk(case, by)
    except (Conflict, NotPermitted):
        return False
    return True


def is_of_the_desk(case: Case, by: Actor) -> bool:
    """Whether the case is at a desk where ``by`` works himself, not only one that he supervises."""
    able = AT_DESK.get(Status(case.incident.status), ())
    return any(by.may(capability, chain_for(case, capability)) for capability in able)


def renew(*, number: str, by: Actor) -> Hold:
    """The lease of ``by`` runs anew from now. Conflict ``claimed`` or ``not_claimed`` where it had ended."""
    case = read(number, by)
    mine = Claim.objects.filter(
        incident=case.incident.pk, claimed_by=by.user_id, until__gt=Now(), status_at=case.incident.status_at
    )
    if mine.update(until=_until()):
        return _hold_of(case.incident.pk)
    if case.claim is not None and case.claim.user_id != by.user_id:
        raise _held_by(case.claim)
    raise Conflict(_("认领已结束，请重新认领"), code="not_claimed")


def release(*, number: str, by: Actor) -> bool:
    """``by`` does not hold the case any more; False where he did not."""
    case = read(number, by)
    gone, _rows = Claim.objects.filter(incident=case.incident.pk, claimed_by=by.user_id).delete()
    if gone:
        _announce()
    return bool(gone)


def seize(*, number: str, by: Actor, reason: str) -> Hold:
    """``by``, who supervises, holds the case in place of the colleague who did; the journal says so, with the reason.

    Raises NotFound, NotPermitted (``supervise``), FieldError, Conflict (``not_claimed``; or somebody was faster).
    """
    text = _reason(reason)
    for _attempt in range(ATTEMPTS):
        case = read(number, by)
        chain = chain_for(case, Cap.SUPERVISE)
        if not by.may(Cap.SUPERVISE, chain):
            raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": Cap.SUPERVISE.label}, missing="supervise")
        held = case.claim
        if held is None or held.user_id == by.user_id:
            raise Conflict(_("本案没有被他人认领，直接认领即可"), code="not_claimed")
        now = clock.now()
        with transaction.atomic():
            written = entry.append(
                case.incident, kind="claim_seized", user_id=by.user_id, role=by.role_for(Cap.SUPERVISE, chain),
                channel=by.channel, at=now, recorded_at=now, payload={"from": held.user_id}, text=text,
            )  # fmt: skip
            taken = written is not None and Claim.objects.filter(
                incident=case.incident.pk, claimed_by=held.user_id, until__gt=Now(), status_at=case.incident.status_at
            ).update(claimed_by=by.user_id, claimed_at=Now(), until=_until())
            if not taken:
                transaction.set_rollback(True)
        if taken:
            _announce()
            return _hold_of(case.incident.pk)
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")


def _announce() -> None:
    """After the commit who shows claims is told to look. A failure there is made good by its next look."""
    transaction.on_commit(lambda: claim_changed.send(sender="dispatch"), robust=True)


def _reason(text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise FieldError("reason", _("请填写理由"), code="required")
    if len(text) > REASON_LIMIT:
        raise FieldError("reason", _("最长%(limit)s字") % {"limit": REASON_LIMIT})
    if not is_storable(text):
        raise FieldError("reason", _("文字中有不可用的字符"))
    return text.strip()


def _of_the_desk(case: Case, by: Actor) -> None:
    able = AT_DESK.get(Status(case.incident.status))
    if able is None:
        raise Conflict(
            _("案件%(status)s，不在坐席手上，不用认领") % {"status": case.incident.get_status_display()},
            code="not_at_desk",
        )
    # who may seize any case may hold any
    for capability in (*able, Cap.SUPERVISE):
        if by.user_id is not None and by.may(capability, chain_for(case, capability)):
            return
    raise NotPermitted(
        _("此操作需要：%(needed)s") % {"needed": _("、").join(label(c) for c in able)}, missing=missing_for(able)
    )


def _until() -> Any:
    lease = timedelta(minutes=getattr(settings, "CLAIM_MINUTES", LEASE_MINUTES))
    return ExpressionWrapper(Now() + Value(lease), output_field=DateTimeField())


def _take(case: Case, by: Actor) -> bool:
    """Ours, or nothing: then the case moved on, or somebody was faster. Locks: the case, then its claim."""
    incident = case.incident
    values = {"claimed_by_id": by.user_id, "claimed_at": Now(), "until": _until(), "status_at": incident.status_at}
    free = Q(until__lte=Now()) | ~Q(status_at=incident.status_at) | Q(claimed_by=by.user_id)
    try:
        with transaction.atomic():
            # it stays in the status as read until we commit: a claim of an earlier stay must not push out a newer one
            still = Incident.objects.filter(pk=incident.pk, status=incident.status, status_at=incident.status_at)
            if not still.update(head_seq=F("head_seq")):
                return False
            if Claim.objects.filter(free, incident=incident.pk).update(**values):
                return True
            Claim.objects.create(incident=incident, **values)
    except IntegrityError:  # the row is there, and not free
        return False
    return True


def _held_by(hold: Hold) -> Conflict:
    return Conflict(
        _("%(who)s已认领本案") % {"who": hold.name},
        code="claimed", actor=hold.name, at=hold.claimed_at, until=hold.until,
    )  # fmt: skip


_HOLD = ("claimed_by_id", "claimed_by__name", "claimed_at", "until")


def _hold_of(incident_id: int) -> Hold:
    row = Claim.objects.filter(incident=incident_id).values_list(*_HOLD).first()
    if row is None:
        raise Conflict(_("认领已结束，请重新认领"), code="not_claimed")
    return Hold(*row)


def of_cases(incident_ids: Iterable[int]) -> dict[int, Hold]:
    """Who holds which of the cases of a list now. One statement, none for none."""
    ids = list(incident_ids)
    if not ids:
        return {}
    live = Claim.objects.filter(incident__in=ids, until__gt=Now(), status_at=F("incident__status_at"))
    return {row[0]: Hold(*row[1:]) for row in live.values_list("incident_id", *_HOLD)}


def standing() -> dict[int, tuple[int, datetime]]:
    """Every claim that counts now: case → (who holds it, until when). One statement."""
    live = Claim.objects.filter(until__gt=Now(), status_at=F("incident__status_at"))
    return {row[0]: (row[1], row[2]) for row in live.values_list("incident_id", "claimed_by_id", "until")}


def discard_ended(*, before: datetime, limit: int = 500) -> int:
    """Claims that ended before then are gone; how many."""
    ids = list(Claim.objects.filter(until__lt=before).values_list("pk", flat=True)[:limit])
    return Claim.objects.filter(pk__in=ids, until__lt=before).delete()[0] if ids else 0
