"""What a played city has come to, in a line or two."""

from django.db.models import Count
from django.utils.translation import gettext as _

from incidents.models import Clock, Incident, JournalEntry
from incidents.workflow import Action, Status

_ENDED_WELL = (Status.CLOSED, Status.EVALUATED)


def figures() -> dict[str, int]:
    """Counts of cases and of what went wrong with them, by the journal."""
    actions = dict(JournalEntry.objects.values_list("action").annotate(n=Count("id")).order_by())
    return {
        "cases": Incident.objects.count(),
        "open": Incident.objects.filter(ended_at__isnull=True).count(),
        "closed": Incident.objects.filter(status__in=_ENDED_WELL).count(),
        "returns": actions.get(Action.RETURN, 0),
        "reworks": actions.get(Action.FAIL, 0),
        "extensions": actions.get(Action.EXTEND, 0),
        "suspensions": actions.get(Action.SUSPEND, 0),
        "merges": actions.get(Action.MERGE, 0),
        "breaches": Clock.objects.filter(breached_at__isnull=False).count(),
        "entries": sum(actions.values()),
    }


def summary() -> str:
    """In words."""
    text = _(
        "案件 %(cases)d 件（在办 %(open)d，结案 %(closed)d），退单 %(returns)d，返工 %(reworks)d，延期 %(extensions)d，"
        "挂账 %(suspensions)d，并案 %(merges)d，超时 %(breaches)d；流转记录 %(entries)d 条"
    )
    return text % figures()
