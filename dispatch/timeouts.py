"""What the system does when nobody did anything: resume, call off, hand over, evaluate. All of it through the loop."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from dispatch.system_steps import perform
from incidents.models import Clock, FilingStandard, Incident, JournalEntry
from incidents.workflow import Action, Status

LIMIT = 200
#: So long after a check was due it may still be answered before it is called off.
CHECK_GRACE = timedelta(minutes=30)
DEFAULT_EVALUATE_DAYS = 7
_ASSIGNING = (Action.REQUEST_VERIFICATION.value, Action.REASSIGN_VERIFICATION.value)


def resume_due(*, at: datetime, limit: int = LIMIT) -> int:
    """Suspended cases whose date has come are handled again, from that date on; how many."""
    due = Incident.objects.filter(status=Status.SUSPENDED, suspended_until__lte=at).order_by("suspended_until", "id")
    found = list(due.values_list("number", "suspended_until")[:limit])
    return sum(perform(number, Action.RESUME, at=until) for number, until in found)


def cancel_checks(*, at: datetime, limit: int = LIMIT) -> int:
    """Checks that were not answered by their due time and a grace are called off, the case is to be accepted again."""
    found = Incident.objects.filter(_overdue("check", at - CHECK_GRACE), status=Status.CHECKING)
    return _each(_numbers(found, limit), Action.CANCEL_CHECK, reason=_("核实超时未反馈"))


def free_verifications(*, at: datetime, limit: int = LIMIT) -> int:
    """Verifications that their verifier did not make in time are with the queue.

    Once: who is named after the due time keeps it.
    """
    named_since = JournalEntry.objects.filter(
        incident=OuterRef("incident"), action__in=_ASSIGNING, at__gt=OuterRef("due_at")
    )
    found = Incident.objects.filter(
        _overdue("verify", at, ~Exists(named_since)), status=Status.VERIFYING, verifier__isnull=False
    )
    return _each(_numbers(found, limit), Action.REASSIGN_VERIFICATION, reason=_("核查超时未完成，转核查队列"))


def evaluate_due(*, at: datetime, limit: int = LIMIT) -> int:
    """Closed cases whose standard's days to evaluate have passed are evaluated as not rated; how many."""
    days = dict(FilingStandard.objects.values_list("id", "evaluate_days"))
    by_days: dict[int, list[int]] = {}
    for standard_id, count in days.items():
        by_days.setdefault(count, []).append(standard_id)
    # what another system closed, and nobody touched since, is history: there is nobody to ask
    closed = Incident.objects.filter(status=Status.CLOSED).exclude(is_adopted=True, version=1).order_by("closed_at")
    numbers: list[str] = []
    for count, standard_ids in by_days.items():
        due = closed.filter(standard__in=standard_ids, closed_at__lte=at - timedelta(days=count))
        numbers += due.values_list("number", flat=True)[:limit]
    unfiled = closed.filter(standard__isnull=True, closed_at__lte=at - timedelta(days=DEFAULT_EVALUATE_DAYS))
    numbers += unfiled.values_list("number", flat=True)[:limit]
    return _each(numbers[:limit], Action.EVALUATE, result="not_rated")


def _overdue(kind: str, at: datetime, *more: Any) -> Exists:
    """Whether a case has a running clock that was due by then. From the few cases of a status, not from all clocks."""
    return Exists(
        Clock.objects.filter(*more, incident=OuterRef("pk"), kind=kind, state=Clock.State.RUNNING, due_at__lte=at)
    )


def _numbers(cases: QuerySet[Incident], limit: int) -> list[str]:
    return list(cases.order_by("pk").values_list("number", flat=True)[:limit])


def _each(numbers: Iterable[str], action: Action, **payload: str) -> int:
    return sum(perform(number, action, **payload) for number in list(numbers))
