"""Reading histories out of the journal, the clocks and the tickets, in sets: five statements whatever their number."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from dispatch.models import Ticket
from gridgov.common import work_calendar
from gridgov.common.business_time import OutsideCalendar, Unit, elapsed_over
from grids.models import LEVEL_NAMES
from incidents.case import as_json
from incidents.clocks import ClockState
from incidents.models import Clock, ClockSegment, Incident, JournalEntry
from reporting.history import TOLD, CaseFact, CaseRow, ClockRow, Facts, Period, Said, case_fact

_CASE_FIELDS = ("id", "number", "source", "reported_by_id", *(f"{name}_id" for name in LEVEL_NAMES.values()))
_CLOCK_FIELDS = (
    "incident_id", "id", "kind", "cycle", "assignment", "started_at", "stopped_at", "due_at", "calendar_version_id",
    "is_exempt",
)  # fmt: skip
_MICROSECOND = timedelta(microseconds=1)
_MOVES_PLACE = ("amend", "placed_again")


def load(
    period: Period,
    *,
    cases: QuerySet[Incident] | None = None,
    exempt_by: datetime | None = None,
) -> Facts:
    """What the figures of ``period`` are counted from: the cases that lived in it, as they stood at its end.

    ``cases`` limits them (by what a person may see); all without it. ``exempt_by``: exemptions that were granted later
    do not count; without it all do. Statements: 5, whatever the number of cases.
    """
    found = _lived_in(Incident.objects.all() if cases is None else cases, period)
    return Facts(period, tuple(_read(found, period, exempt_by)))


def load_areas(
    period: Period, *, level: int, area_ids: Collection[int], exempt_by: datetime | None = None
) -> dict[int, Facts]:
    """:func:`load` for each of the areas of one level, by where the cases lay at the end of the period."""
    column = f"{LEVEL_NAMES[level]}_id"
    since = JournalEntry.objects.filter(incident=OuterRef("pk"), action__in=_MOVES_PLACE, at__gte=period.end)
    near = Incident.objects.filter(Q(**{f"{column}__in": sorted(area_ids)}) | Exists(since))
    split = load(period, cases=near, exempt_by=exempt_by).by_area(level)
    return {area_id: split.get(area_id, Facts(period, ())) for area_id in area_ids}


def _lived_in(cases: QuerySet[Incident], period: Period) -> QuerySet[Incident]:
    """Those open at its end or ended in it, with an entry in it, or with a clock due in it.

    Imported cases that ended elsewhere are left out: nothing of what is counted ever happened to them here.
    """
    entries = JournalEntry.objects.filter(
        incident=OuterRef("pk"), at__gte=period.start, at__lt=period.end, action__in=TOLD
    )
    due = Clock.objects.filter(incident=OuterRef("pk"), due_at__gte=period.start, due_at__lt=period.end)
    lived = Q(ended_at__isnull=True) | Q(ended_at__gte=period.start) | Exists(due) | Exists(entries)
    history = Q(is_adopted=True, ended_at__isnull=False, head_seq=1)
    return cases.filter(lived, received_at__lt=period.end).exclude(history)


def _read(cases: QuerySet[Incident], period: Period, exempt_by: datetime | None) -> Iterable[CaseFact]:
    ids = cases.order_by().values("pk")
    journal: dict[int, list[Said]] = {}
    exempted_later: dict[int, set[str]] = {}
    entries = JournalEntry.objects.filter(incident__in=ids, action__in=TOLD).filter(
        Q(at__lt=period.end) | Q(action="exempted")
    )
    for pk, seq, action, status, at, actor, payload in entries.order_by("incident", "seq").values_list(
        "incident_id", "seq", "action", "status_to", "at", "actor_id", "payload"
    ):
        said = Said(seq, action, status, at, actor, as_json(payload))
        if at < period.end:
            journal.setdefault(pk, []).append(said)
        if action == "exempted" and exempt_by is not None and at >= exempt_by:
            exempted_later.setdefault(pk, set()).add(f"{said.payload.get('clock')}:{said.payload.get('cycle')}")
    clocks = _clocks(ids)
    handlers: dict[int, dict[int, tuple[int | None, int | None]]] = {}
    tickets = Ticket.objects.filter(incident__in=ids, is_lead=True)
    for pk, assignment, department, worker in tickets.values_list(
        "incident_id", "assignment", "department_id", "worker_id"
    ):
        handlers.setdefault(pk, {})[assignment] = (department, worker)
    for row in cases.order_by("pk").values_list(*_CASE_FIELDS):
        found = case_fact(
            CaseRow(*row[:4], chain=tuple(row[4:])),
            journal.get(row[0], ()),
            clocks.get(row[0], ()),
            handlers.get(row[0], {}),
            exempted_later=exempted_later.get(row[0], ()),
        )
        if found is not None:
            yield found


def _clocks(ids: QuerySet[Any]) -> dict[int, list[ClockRow]]:
    pauses: dict[int, list[tuple[datetime, datetime | None]]] = {}
    segments = ClockSegment.objects.filter(clock__incident__in=ids, clock__kind="handle", kind="paused")
    for clock_id, start, end in segments.order_by("started_at").values_list("clock_id", "started_at", "ended_at"):
        pauses.setdefault(clock_id, []).append((start, end))
    found: dict[int, list[ClockRow]] = {}
    for row in Clock.objects.filter(incident__in=ids).order_by("incident", "id").values(*_CLOCK_FIELDS):
        found.setdefault(row["incident_id"], []).append(
            ClockRow(
                kind=row["kind"],
                cycle=row["cycle"],
                assignment=row["assignment"],
                due_at=row["due_at"],
                is_exempt=row["is_exempt"],
                worked=_worked(row, tuple(pauses.get(row["id"], ()))),
            )
        )
    return found


def _worked(row: dict[str, Any], pauses: tuple[tuple[datetime, datetime | None], ...]) -> Callable[[], int | None]:
    """Asked for only if the clock had ended; None where it ran under no calendar or beyond the known ones."""

    def worked() -> int | None:
        stopped_at, version = row["stopped_at"], row["calendar_version_id"]
        if stopped_at is None or version is None:
            return None
        clock = ClockState(row["kind"], row["cycle"], row["started_at"], 0, stopped_at=stopped_at, pauses=pauses)
        try:
            ran = elapsed_over(clock.segments, Unit.WORK_HOURS, work_calendar.load(version), stopped_at)
        except OutsideCalendar:
            return None
        return ran // _MICROSECOND

    return worked


