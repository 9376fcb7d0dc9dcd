"""Which cases can count for one figure: what is read for the evidence behind a number, in place of everything.

Always a superset, and of it only what the dashboard's own reading would find: a figure counted from these cases is the
figure of all. Where what is said now may not be what was said at the end, every case of which the journal told
something afterwards is among them.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from dispatch.models import Ticket
from incidents.models import Clock, JournalEntry
from incidents.workflow import STAGE_OF, Stage, Status
from reporting.history import TOLD, Period
from reporting.indicators import CLOSING

#: Figures that count what happened in the period: the actions of which there must be an entry.
HAPPENED: Mapping[str, tuple[str, ...]] = {
    "reported": ("report",),
    "accepted": ("accept", "confirm_check"),
    "filed": ("file",),
    "dispatched": ("dispatch", "impose"),
    "handled": ("feed_back",),
    "resolved_on_site": ("resolve_on_site",),
    "verified": ("pass", "fail"),
    "closed": CLOSING,
    "answered": ("answer",),
    "force_closed": ("force_close",),
    "rework_ratio": ("pass", "fail"),
    "return_ratio": ("dispatch", "impose"),
    "average_handling_hours": ("feed_back",),
    "valid_report_ratio": ("file", "approve_on_site", "reject", "decline", "void"),
    "patrol_found_ratio": ("file",),
    "satisfaction_ratio": ("evaluate",),
}
#: Figures that count clocks which were due in the period: the kind.
DUE: Mapping[str, str] = {
    **{
        f"on_time_{kind}": kind
        for kind in ("accept", "check", "file", "dispatch", "sign", "handle", "send", "verify", "close", "total")
    },
    "on_time_answer": "total",
    "closing_ratio": "total",
    "closing_on_time_ratio": "total",
    "overdue_unhandled": "handle",
    "extension_ratio": "handle",
}
#: Figures of how it stood at the end.
STOOD = ("open_cases", "overdue_cases", "suspended_cases", "due_soon")


def of_figure(key: str, period: Period, *, soon: timedelta) -> Q:
    """The cases that can count for the figure ``key`` of the period. KeyError for a figure that there is not."""
    if key in HAPPENED:
        return _told(HAPPENED[key], period)
    if key in DUE:
        due = Clock.objects.filter(kind=DUE[key], due_at__gte=period.start, due_at__lt=period.end)
        moved = _since(period).order_by().values("incident")
        return Q(pk__in=due.order_by().values("incident").union(moved, all=True))
    if key == "open_cases":
        return _open_at_end(period)
    if key == "suspended_cases":
        return _open_at_end(period) & (Q(status=Status.SUSPENDED) | _moved(period))
    if key in ("overdue_cases", "due_soon"):
        return _open_at_end(period) & _pressed(period, timedelta() if key == "overdue_cases" else soon)
    raise KeyError(key)


def of_stage(stage: str, part: str, period: Period, *, soon: timedelta) -> Q:
    """Those that can stand in the stage at the end; ``part``: standing, overdue or due_soon.

    Of the last stage also such as did not live in the period: closed cases, of which there is no end.
    """
    statuses = [status.value for status, of in STAGE_OF.items() if of == stage]
    there = Q(status__in=statuses) | _moved(period)
    if stage != Stage.EVALUATE:
        there &= _open_at_end(period)
    if part != "standing":
        there &= _pressed(period, timedelta() if part == "overdue" else soon)
    return there


def of_departments(department_ids: Collection[int]) -> Q:
    """The cases of which one of the departments has, or had, the lead."""
    led = Ticket.objects.filter(incident=OuterRef("pk"), is_lead=True, department__in=sorted(department_ids))
    return Q(Exists(led))


def _told(actions: Iterable[str], period: Period) -> Q:
    entries = JournalEntry.objects.filter(action__in=sorted(actions), at__gte=period.start, at__lt=period.end)
    return Q(pk__in=entries.order_by().values("incident"))


def _since(period: Period) -> QuerySet[JournalEntry]:
    return JournalEntry.objects.filter(action__in=sorted(TOLD), at__gte=period.end)


def _moved(period: Period) -> Q:
    """By its own entries: a list of all that moved since is looked through for every case where it is long."""
    return Q(Exists(_since(period).filter(incident=OuterRef("pk"))))


def _open_at_end(period: Period) -> Q:
    return Q(ended_at__isnull=True) | Q(ended_at__gte=period.end)


def _pressed(period: Period, within: timedelta) -> Q:
    running = Clock.objects.filter(incident=OuterRef("pk"), state="running", due_at__lte=period.end + within)
    return Q(Exists(running)) | _moved(period)
