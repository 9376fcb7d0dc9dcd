"""What a department has left and what it still owes for a case: the data behind its desk. Pure, on the case as read."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from dispatch import appeals
from dispatch.actors import Actor
from dispatch.cases import Case
from dispatch.parties import is_handler
from dispatch.steps import EXTENSION_LIMIT, IMPOSE_AFTER_RETURNS
from incidents.catalogue import catalogue
from incidents.workflow import RequestKind, Status


@dataclass(frozen=True, slots=True)
class Left:
    """How often something may still be asked for; ``words`` say it, and why if never."""

    kind: str
    count: int
    words: str
    is_pending: bool


@dataclass(frozen=True, slots=True)
class Owed:
    """One thing that the feedback needs. ``count``: how many of it, at least."""

    key: str
    label: str
    count: int
    is_done: bool


def left(case: Case, *, at: datetime) -> list[Left]:
    """Returns, extensions and suspension that the lead ticket may still ask for: 还可退 1 次."""
    incident, lead = case.incident, case.lead
    status = Status(incident.status)
    found = []
    returns = max(0, IMPOSE_AFTER_RETURNS - incident.return_count)
    if lead is not None and lead.is_final:
        returns, words = 0, _("裁定派遣，不得退单")
    elif returns:
        words = _("还可退 %(n)s 次") % {"n": returns}
    else:
        words = _("已退 %(n)s 次，再退将由值班长裁定") % {"n": incident.return_count}
    if status in (Status.DISPATCHED, Status.HANDLING):
        found.append(_left(case, RequestKind.RETURN, returns, words))
    if status is Status.HANDLING:
        handle = case.live_clock("handle")
        more = max(0, EXTENSION_LIMIT - incident.extension_count)
        if handle is None or handle.due_at is None:
            more, words = 0, _("处置没有时限，不必延期")
        elif handle.due_at <= at:
            more, words = 0, _("已超时，不能再申请延期")
        else:
            words = _("还可延期 %(n)s 次") % {"n": more} if more else _("延期次数已用完")
        found.append(_left(case, RequestKind.EXTEND, more, words))
        once = 0 if incident.was_suspended else 1
        words = _("还可挂账 1 次") if once else _("本案已挂账过，不能再挂账")
        found.append(_left(case, RequestKind.SUSPEND, once, words))
    return found


def _left(case: Case, kind: RequestKind, count: int, words: str) -> Left:
    return Left(kind.value, count, words, case.pending(kind.value) is not None)


def checklist(case: Case) -> list[Owed]:
    """What a feedback of the case needs now, in the order in which one does it; nothing where none can be given."""
    status = Status(case.incident.status)
    if status not in (Status.DISPATCHED, Status.HANDLING, Status.SUSPENDED):
        return []
    owed = [Owed("sign", _("签收"), 1, status is not Status.DISPATCHED)]
    handle = case.live_clock("handle")
    for mark in handle.milestones if handle else ():
        owed.append(Owed(f"milestone:{mark['key']}", mark.get("label") or mark["key"], 1, bool(mark.get("met_at"))))
    undone = [t for t in case.joint if t.is_live]
    if case.joint:
        label = _("协办办结（还有 %(n)s 个）") % {"n": len(undone)} if undone else _("协办办结")
        owed.append(Owed("joint", label, len(case.joint), not undone))
    standard = catalogue().standard(case.incident.standard_id)
    if standard is not None and standard.after_photo_count:
        words = _("处置后照片 %(n)s 张") % {"n": standard.after_photo_count}
        owed.append(Owed("photos", words, standard.after_photo_count, False))
    owed.append(Owed("note", _("处置结果说明"), 1, False))
    return owed


def closing_condition(case: Case) -> str:
    """What has to be so for the case to be closed, in the standard's words; empty where none says it."""
    standard = catalogue().standard(case.incident.standard_id)
    return standard.closing_condition if standard else ""


def is_of(case: Case, by: Actor) -> bool:
    """Whether the case is, or was, a lead ticket of ``by``'s department or his own."""
    return any(t.is_lead and is_handler(t.department_id, t.worker_id, by) for t in case.tickets)


def may_appeal(case: Case, by: Actor, *, at: datetime, appealed: set[int]) -> datetime | None:
    """Until when ``by`` may appeal against the breach; None if he may not. ``appealed``: tickets that were."""
    ticket = appeals.appealable(case, by, at=at)
    if ticket is None or ticket.id in appealed or case.incident.closed_at is None:
        return None
    return appeals.until(case.incident.closed_at)
