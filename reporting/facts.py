"""Reading histories out of the journal, the clocks and the tickets, in sets whatever their number."""

import gc
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from dispatch.models import Ticket
from gridgov.common import work_calendar
from gridgov.common.business_time import OutsideCalendar, Unit, elapsed_over
from grids.models import LEVEL_NAMES
from incidents.clocks import ClockState
from incidents.models import Clock, ClockKind, ClockSegment, Incident, JournalEntry
from incidents.workflow import TRANSITIONS
from reporting.history import TOLD, CaseFact, CaseRow, ClockRow, Facts, Period, Said, case_fact

_CASE_FIELDS = ("id", "number", "source", "reported_by_id", *(f"{name}_id" for name in LEVEL_NAMES.values()))
_CLOCK_FIELDS = (
    "incident_id", "id", "kind", "cycle", "assignment", "started_at", "stopped_at", "due_at", "calendar_version_id",
    "is_exempt",
)  # fmt: skip
_MICROSECOND = timedelta(microseconds=1)
_MOVES_PLACE = ("amend", "placed_again")


class TooMany(Exception):
    """There are more cases than were to be read; nothing of them was."""


def load(
    period: Period,
    *,
    cases: QuerySet[Incident] | None = None,
    exempt_by: datetime | None = None,
    touching: Q | None = None,
    most: int | None = None,
) -> Facts:
    """What the figures of ``period`` are counted from: the cases that lived in it, as they stood at its end.

    ``cases`` limits them (by what a person may see); all without it. ``exempt_by``: exemptions that were granted later
    do not count; without it all do. ``touching``: only those of the cases (see ``reporting.candidates``). TooMany where
    there are more than ``most``. Five statements at most, whatever the number of cases; one where none of them has
    moved since it was last read; with ``most`` one more.
    """
    cases = Incident.objects.all() if cases is None else cases
    if most is not None and touching is None and _moved(_known(cases, period), period)[: most + 1].count() > most:
        # told at once, without the lists of what happened
        raise TooMany
    found = lived_in(cases, period, touching)
    asked = found.order_by("pk").values_list(*_CASE_FIELDS, "head_mac")
    rows = list(asked if most is None else asked[: most + 1])
    if most is not None and len(rows) > most:
        raise TooMany
    facts = {row[0]: fact for row in rows if (fact := _held(row, period)) is not None} if exempt_by is None else {}
    missing = [row for row in rows if row[0] not in facts]
    if missing:
        ids = found.order_by().values("pk") if len(missing) > FEW else [row[0] for row in missing]
        with uncollected():
            for pk, head, last_at, fact in _read(missing, ids, period, exempt_by):
                facts[pk] = fact
                if last_at is not None:
                    if len(_kept) >= KEPT:
                        _kept.clear()
                    _kept[pk] = (head, last_at, fact)
    return Facts(period, tuple(facts[row[0]] for row in rows if row[0] in facts))


def chunks(
    period: Period,
    *,
    cases: QuerySet[Incident],
    touching: Q | None = None,
    after: int = 0,
    size: int | None = None,
) -> Iterator[tuple[int, Facts]]:
    """:func:`load` in pieces of ``size`` cases each, with the id of the last one, from the case after ``after`` on.

    Every figure of the whole is the sum of those of the pieces, because none looks at two cases. Memory is that of one
    piece and of all ids; nothing is kept. Five statements a piece, and one.
    """
    size = size or CHUNK
    ids = array("q", lived_in(cases, period, touching).filter(pk__gt=after).order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(ids), size):
        some = ids[first : first + size].tolist()
        rows = Incident.objects.filter(pk__in=some).order_by("pk").values_list(*_CASE_FIELDS, "head_mac")
        facts = tuple(fact for _pk, _head, _last, fact in _read(rows, some, period, None))
        yield some[-1], Facts(period, facts)


@contextmanager
def uncollected() -> Iterator[None]:
    """The collector looks for no circles meanwhile: there are none, and it would look through all again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def load_areas(
    period: Period, *, level: int, area_ids: Collection[int], exempt_by: datetime | None = None
) -> dict[int, Facts]:
    """:func:`load` for each of the areas of one level, by where the cases lay at the end of the period."""
    column = f"{LEVEL_NAMES[level]}_id"
    moved_since = JournalEntry.objects.filter(action__in=_MOVES_PLACE, at__gte=period.end)
    near = Incident.objects.filter(
        Q(**{f"{column}__in": sorted(area_ids)}) | Q(pk__in=moved_since.order_by().values("incident"))
    )
    split = load(period, cases=near, exempt_by=exempt_by).by_area(level)
    return {area_id: split.get(area_id, Facts(period, ())) for area_id in area_ids}


def lived_in(cases: QuerySet[Incident], period: Period, touching: Q | None = None) -> QuerySet[Incident]:
    """Those open at its end or ended in it, with an entry in it, or with a clock due in it.

    With ``touching`` those of the cases that it names, which all must have lived in the period. Imported cases that
    ended elsewhere are left out: nothing of what is counted ever happened to them here.
    """
    return _known(cases, period).filter(alive(period, cases) if touching is None else touching)


def alive(period: Period, cases: QuerySet[Incident] | None = None) -> Q:
    """That a case lived in the period; ``cases``: asked only of these."""
    # one list of ids, not one condition or another: that would look through the entries anew for every old case
    moved = _moved(Incident.objects.all() if cases is None else cases, period)
    told = JournalEntry.objects.filter(action__in=_QUIET, at__gte=period.start, at__lt=period.end)
    # by the index of what is due when; together these are all kinds
    due = Clock.objects.filter(
        kind__in=ClockKind.values, due_at__gte=period.start, due_at__lt=period.end, started_at__lt=period.start
    )
    ids = [found.order_by().values(column) for found, column in ((moved, "pk"), (told, "incident"), (due, "incident"))]
    return Q(pk__in=ids[0].union(*ids[1:], all=True))


def _known(cases: QuerySet[Incident], period: Period) -> QuerySet[Incident]:
    history = Q(is_adopted=True, ended_at__isnull=False, head_seq=1)
    return cases.filter(received_at__lt=period.end).exclude(history)


def _moved(cases: QuerySet[Incident], period: Period) -> QuerySet[Incident]:
    is_moved = Q(ended_at__isnull=True) | Q(ended_at__gte=period.start) | Q(status_at__gte=period.start)
    return cases.filter(is_moved).order_by()


#: What leaves a case in its status: where nothing else was told of it, ``status_at`` does not say that it lived.
_QUIET = (
    TOLD
    - {"report"}
    - (
        {line.action.value for line in TRANSITIONS}
        - {line.action.value for line in TRANSITIONS if line.target is None or line.target in line.sources}
    )
)
#: Up to so many cases are asked for by their ids, more by the question that found them.
FEW = 20_000
#: So many cases are read at once where many are.
CHUNK = 2_000
#: So many cases are kept as they stand, by the head of their journal: what it seals has not changed while it stands.
KEPT = 20_000
_kept: dict[int, tuple[str, datetime, CaseFact]] = {}


def forget() -> None:
    """The next reading asks for every case."""
    _kept.clear()


def _held(row: Sequence[Any], period: Period) -> CaseFact | None:
    """The case as it was read before, if its journal has not grown and all of it lies before the end."""
    head, last_at, fact = _kept.get(row[0], ("", None, None))
    return fact if head == row[-1] and last_at is not None and last_at < period.end else None


def _read(
    rows: Iterable[Sequence[Any]], ids: Any, period: Period, exempt_by: datetime | None
) -> Iterator[tuple[int, str, datetime | None, CaseFact]]:
    """The cases with the head of their journal, and its last time where nothing of it was left out."""
    journal: dict[int, list[Said]] = {}
    entries = JournalEntry.objects.filter(incident__in=ids, action__in=TOLD).order_by("incident_id", "seq")
    # as text: the column's own reading takes twice the time
    for pk, seq, action, status, at, actor_id, payload in entries.values_list(
        "incident_id", "seq", "action", "status_to", "at", "actor_id", Cast("payload", TextField())
    ):
        journal.setdefault(pk, []).append(Said(seq, action, status, at, actor_id, orjson.loads(payload)))
    clocks = _clocks(ids)
    handlers: dict[int, dict[int, tuple[int | None, int | None]]] = {}
    tickets = Ticket.objects.filter(incident__in=ids, is_lead=True)
    for pk, assignment, department, worker in tickets.order_by().values_list(
        "incident_id", "assignment", "department_id", "worker_id"
    ):
        handlers.setdefault(pk, {})[assignment] = (department, worker)
    for pk, *columns, head in rows:
        whole = journal.pop(pk, [])
        by_then = [said for said in whole if said.at < period.end]
        fact = case_fact(
            CaseRow(pk, *columns[:3], chain=tuple(columns[3:])),
            by_then,
            clocks.get(pk, ()),
            handlers.get(pk, {}),
            exempted_later=_exempted_since(whole, exempt_by),
        )
        if fact is not None:
            is_whole = exempt_by is None and len(by_then) == len(whole)
            yield pk, head, max(said.at for said in whole) if is_whole else None, fact


def _exempted_since(journal: Iterable[Said], since: datetime | None) -> frozenset[str]:
    """The clocks whose exemption was granted then or later."""
    if since is None:
        return frozenset()
    late = (said.payload for said in journal if said.action == "exempted" and said.at >= since)
    return frozenset(f"{payload.get('clock')}:{payload.get('cycle')}" for payload in late)


def _clocks(ids: Any) -> dict[int, list[ClockRow]]:
    pauses: dict[int, list[tuple[datetime, datetime | None]]] = {}
    segments = ClockSegment.objects.filter(clock__incident__in=ids, clock__kind="handle", kind="paused")
    for clock_id, start, end in segments.order_by("started_at").values_list("clock_id", "started_at", "ended_at"):
        pauses.setdefault(clock_id, []).append((start, end))
    found: dict[int, list[ClockRow]] = {}
    rows = Clock.objects.filter(incident__in=ids).order_by("incident_id", "id").values_list(*_CLOCK_FIELDS)
    for incident_id, clock_id, kind, cycle, assignment, started_at, stopped_at, due_at, version, is_exempt in rows:
        worked = None
        if kind == "handle" and stopped_at is not None and version is not None:
            ran = ClockState(
                kind, cycle, started_at, 0, stopped_at=stopped_at, pauses=tuple(pauses.get(clock_id, ()))
            ).segments
            worked = partial(_worked, ran, stopped_at, version)
        found.setdefault(incident_id, []).append(ClockRow(kind, cycle, assignment, due_at, is_exempt, worked))
    return found


def _worked(ran: Sequence[tuple[datetime, datetime | None]], stopped_at: datetime, version: int) -> int | None:
    """Microseconds of working time; None where they lie beyond the known calendar."""
    try:
        return elapsed_over(ran, Unit.WORK_HOURS, work_calendar.load(version), stopped_at) // _MICROSECOND
    except OutsideCalendar:
        return None
