"""Cases as they stood at an instant (pure): what every figure is counted from.

A history is read up to, and without, the end of a period: what the journal said by then, nothing later. A case that
was closed, moved or extended afterwards counts as it stood at the end; so a figure of a month that has passed never
changes, whenever it is counted. In particular a due time is the one that held at the end: an extension that was granted
later does not reach back, even if it was asked for before (the grant moves the clock into the period of its new due
time). What alone may reach back is an exemption (免责), because it says nothing about time: see ``is_exempt``.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

from incidents.workflow import ENDED, WITH_LIVE_TICKET, Action, Status


class Ref(NamedTuple):
    """The evidence of one count: a case, and the entry of its journal that says it."""

    number: str
    seq: int


@dataclass(frozen=True, slots=True)
class Period:
    """``start`` ≤ instant < ``end``, both aware."""

    start: datetime
    end: datetime

    def __contains__(self, instant: datetime | None) -> bool:
        return instant is not None and self.start <= instant < self.end


class Entry(NamedTuple):
    """One thing that happened. ``assignment``: the dispatch under which it happened, 0 outside of any."""

    seq: int
    action: str
    at: datetime
    actor_id: int | None
    assignment: int
    result: str = ""


class ClockFact(NamedTuple):
    """A clock as it stood. ``due_at`` None: no limit, or paused. ``seq``: the entry that last spoke of it.

    ``ended_by``: the action that ended it, empty while it is live. ``person_id``: the user who was asked to check, or
    who verified or was asked to. ``worked_us``: microseconds of working time it ran, of an ended handle clock.
    """

    number: str
    kind: str
    cycle: int
    assignment: int
    state: str
    due_at: datetime | None
    seq: int
    ended_by: str = ""
    person_id: int | None = None
    is_exempt: bool = False
    worked_us: int | None = None

    @property
    def ref(self) -> Ref:
        return Ref(self.number, self.seq)

    def is_past_due(self, at: datetime) -> bool:
        """Running, and the second in which it could still have been met is over."""
        return self.state == "running" and self.due_at is not None and at.replace(microsecond=0) > self.due_at


class TicketFact(NamedTuple):
    """A lead ticket: who it was given to, and the entry that gave it."""

    assignment: int
    department_id: int | None
    worker_id: int | None
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseFact:
    """A case as it stood. ``chain``: the ids of its five levels. ``seq``: the entry that gave it its status."""

    id: int
    number: str
    chain: tuple[int | None, ...]
    source: str
    reported_by_id: int | None
    status: str
    seq: int
    is_open: bool
    live_assignment: int
    entries: tuple[Entry, ...]
    clocks: tuple[ClockFact, ...]
    tickets: tuple[TicketFact, ...]

    @property
    def ref(self) -> Ref:
        return Ref(self.number, self.seq)

    def is_overdue(self, at: datetime) -> bool:
        """Open, with a clock running past its due time."""
        return self.is_open and any(clock.is_past_due(at) for clock in self.clocks)


@dataclass(frozen=True, slots=True)
class _Index:
    """The clocks by kind, in the order of the cases; the entries by action, each with its case, in the order of time.

    ``dues``: the clocks that have a due time, in its order. ``times`` and ``due_times`` are those of the rows; each row
    has its place in the order of the cases.
    """

    clocks: Mapping[str, Sequence[ClockFact]]
    entries: Mapping[str, Sequence[tuple[datetime, int, CaseFact, Entry]]]
    times: Mapping[str, Sequence[datetime]]
    dues: Mapping[str, Sequence[tuple[datetime, int, ClockFact]]]
    due_times: Mapping[str, Sequence[datetime]]

    @classmethod
    def of(cls, cases: Iterable[CaseFact]) -> "_Index":
        clocks: dict[str, list[ClockFact]] = {}
        entries: dict[str, list[tuple[datetime, int, CaseFact, Entry]]] = {}
        dues: dict[str, list[tuple[datetime, int, ClockFact]]] = {}
        place = 0
        for case in cases:
            for clock in case.clocks:
                place += 1
                clocks.setdefault(clock.kind, []).append(clock)
                if clock.due_at is not None:
                    dues.setdefault(clock.kind, []).append((clock.due_at, place, clock))
            for entry in case.entries:
                place += 1
                entries.setdefault(entry.action, []).append((entry.at, place, case, entry))
        for found in (*entries.values(), *dues.values()):
            found.sort(key=itemgetter(0, 1))  # type: ignore[arg-type]
        return cls(clocks, entries, _first(entries), dues, _first(dues))


def _first(rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> dict[str, list[datetime]]:
    return {key: [row[0] for row in found] for key, found in rows.items()}


@dataclass(frozen=True)
class Facts:
    """The cases that a period's figures are counted from, as they stood at its end."""

    period: Period
    cases: tuple[CaseFact, ...]

    @cached_property
    def _index(self) -> _Index:
        return _Index.of(self.cases)

    @cached_property
    def _areas(self) -> dict[int, dict[int, "Facts"]]:
        return {}

    @cached_property
    def _departments(self) -> dict[frozenset[int], "Facts"]:
        return {}

    def clocks(self, kind: str) -> Sequence[ClockFact]:
        """All clocks of the kind."""
        return self._index.clocks.get(kind, ())

    def due(self, kind: str) -> Iterator[ClockFact]:
        """The clocks of the kind that are due in the period, in the order of the cases."""
        times = self._index.due_times.get(kind, ())
        first, after = bisect_left(times, self.period.start), bisect_left(times, self.period.end)
        rows = self._index.dues.get(kind, ())[first:after]
        for _due, _place, clock in sorted(rows, key=itemgetter(1)):
            yield clock

    def happened(self, *actions: str) -> Iterator[tuple[CaseFact, Entry]]:
        """The entries of the period with one of the actions; of each action in the order of the cases."""
        for action in actions:
            times = self._index.times.get(action, ())
            first, after = bisect_left(times, self.period.start), bisect_left(times, self.period.end)
            rows = self._index.entries.get(action, ())[first:after]
            for _at, _place, case, entry in sorted(rows, key=itemgetter(1)):
                yield case, entry

    def ever(self, action: str) -> Iterator[tuple[CaseFact, Entry]]:
        """The entries with the action, whenever, by time."""
        for _at, _place, case, entry in self._index.entries.get(action, ()):
            yield case, entry

    def within(self, area_id: int) -> "Facts":
        """The cases that lie in the area, of whatever level."""
        return replace(self, cases=tuple(case for case in self.cases if area_id in case.chain))

    def by_area(self, level: int) -> "dict[int, Facts]":
        """The facts of each area of the level (1 city … 5 grid) in which a case lies."""
        if level not in self._areas:
            found: dict[int, list[CaseFact]] = {}
            for case in self.cases:
                area_id = case.chain[level - 1]
                if area_id is not None:
                    found.setdefault(area_id, []).append(case)
            self._areas[level] = {area_id: replace(self, cases=tuple(cases)) for area_id, cases in found.items()}
        return {area_id: facts.during(self.period) for area_id, facts in self._areas[level].items()}

    def of_departments(self, department_ids: Collection[int]) -> "Facts":
        """What the departments had to do with: their lead tickets, the clocks and entries under those."""
        ids = frozenset(department_ids)
        if ids not in self._departments:
            theirs = (case for case in self.cases if any(t.department_id in ids for t in case.tickets))
            mine = replace(self, cases=tuple(theirs))
            self._departments[ids] = mine._narrowed(lambda case, ticket: ticket.department_id in ids)
        return self._departments[ids].during(self.period)

    def of_person(self, user_id: int, worker_id: int | None = None) -> "Facts":
        """What one field worker did: what became of his reports, checks and verifications, his own tickets."""
        return self._narrowed(
            lambda case, ticket: worker_id is not None and ticket.worker_id == worker_id,
            clock_too=lambda clock: clock.person_id == user_id,
            entry_too=lambda case, entry: case.reported_by_id == user_id and entry.action in _ABOUT_REPORT,
        )

    def during(self, period: Period) -> "Facts":
        """The same histories for a period inside this one. If it ends earlier, only what counts entries is true."""
        other = Facts(period, self.cases)
        # what is worked out for one of them holds for all
        other.__dict__.update(_index=self._index, _areas=self._areas, _departments=self._departments)
        return other

    def _narrowed(
        self,
        mine: Callable[[CaseFact, TicketFact], bool],
        clock_too: Callable[[ClockFact], bool] = lambda clock: False,
        entry_too: Callable[[CaseFact, Entry], bool] = lambda case, entry: False,
    ) -> "Facts":
        kept = []
        for case in self.cases:
            tickets = tuple(ticket for ticket in case.tickets if mine(case, ticket))
            under = {ticket.assignment for ticket in tickets}
            clocks = tuple(
                clock
                for clock in case.clocks
                if clock_too(clock) or (clock.kind in ("sign", "handle") and clock.assignment in under)
            )
            entries = tuple(e for e in case.entries if e.assignment in under or entry_too(case, e))
            if tickets or clocks or entries:
                is_open = case.is_open and case.live_assignment in under
                kept.append(replace(case, tickets=tickets, clocks=clocks, entries=entries, is_open=is_open))
        return replace(self, cases=tuple(kept))


# --- reading a journal --------------------------------------------------------------------------------------------

#: The entries that a history is made of: every action but words, and what else says something of place or time.
TOLD = frozenset(Action.values) - {Action.NOTE.value, Action.SUPERVISE.value} | {
    "report", "adopted", "placed_again", "recomputed", "exempted",
}  # fmt: skip
#: What says how a report was received.
_ABOUT_REPORT = frozenset({"report", "file", "approve_on_site", "reject", "decline", "void"})
#: After these the case is with no handler: what follows is nobody's ticket.
_LEAVES_TICKET = frozenset(
    {"return", "recall", "reopen", "reinstate", "resolve_on_site", "refuse_on_site", "void", "force_close"}
)
_OPEN = frozenset(status.value for status in Status) - frozenset(status.value for status in ENDED)
_LIVE = ("running", "paused")
_VERIFIED = frozenset({"pass", "fail", "refuse_on_site"})


class Said(NamedTuple):
    """An entry as it stands in the journal."""

    seq: int
    action: str
    status_to: str
    at: datetime
    actor_id: int | None
    payload: Mapping[str, Any]


class ClockRow(NamedTuple):
    """A clock as it stands now. ``worked``: asked for the microseconds of working time of an ended handle clock."""

    kind: str
    cycle: int
    assignment: int
    due_at: datetime | None
    is_exempt: bool
    worked: Callable[[], int | None] | None = None


@dataclass(slots=True)
class _Known:
    """What was said of a clock so far."""

    state: str
    due_at: datetime | None
    seq: int
    ended_by: str = ""
    person_id: int | None = None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """The columns of a case that never change, and its areas of now."""

    id: int
    number: str
    source: str
    reported_by_id: int | None
    chain: tuple[int | None, ...]


def case_fact(
    row: CaseRow,
    journal: Sequence[Said],
    clocks: Iterable[ClockRow],
    handlers: Mapping[int, tuple[int | None, int | None]],
    *,
    exempted_later: Collection[str] = (),
) -> CaseFact | None:
    """The case as it stood after the entries ``journal`` (in order, those after the end left out); None before any.

    ``handlers``: (department id, worker id) of the lead ticket by assignment. ``exempted_later``: the clocks
    (``kind:cycle``) whose exemption is not to count yet.
    """
    if not journal:
        return None
    known: dict[str, _Known] = {}
    entries: list[Entry] = []
    tickets: list[TicketFact] = []
    chain, status, status_seq, assignment, asked = row.chain, "", 0, 0, None
    for said in journal:
        payload = said.payload
        if "areas" in payload:
            chain = tuple(payload["areas"])
        if said.action in ("dispatch", "impose"):
            assignment = payload["assignment"]
            department_id, worker_id = handlers.get(assignment, (None, None))
            tickets.append(TicketFact(assignment, department_id, worker_id, said.seq, said.at))
        if said.action == "request_check":
            asked = payload.get("checker")
        elif said.action in ("request_verification", "reassign_verification"):
            asked = payload.get("verifier")
        _listen(known, said, asked)
        entries.append(Entry(said.seq, said.action, said.at, said.actor_id, assignment, payload.get("result", "")))
        if said.action in _LEAVES_TICKET:
            assignment = 0
        if said.status_to != status:
            status, status_seq = said.status_to, said.seq
    facts = [
        _clock_fact(row.number, clock, known[key], is_exempt=clock.is_exempt and key not in exempted_later)
        for clock in clocks
        if (key := f"{clock.kind}:{clock.cycle}") in known
    ]
    return CaseFact(
        id=row.id,
        number=row.number,
        chain=chain,
        source=row.source,
        reported_by_id=row.reported_by_id,
        status=status,
        seq=status_seq,
        is_open=status in _OPEN,
        live_assignment=assignment if status in WITH_LIVE_TICKET else 0,
        entries=tuple(entries),
        clocks=tuple(facts),
        tickets=tuple(tickets),
    )


def _listen(known: dict[str, _Known], said: Said, asked: int | None) -> None:
    """What the entry says of clocks: those that began with their due time, and how others stand after it."""
    seq, started, moved = said.seq, said.payload.get("started"), said.payload.get("clocks")
    if started:
        for key, due in started.items():
            person = asked if asked is not None and key.startswith(("check:", "verify:")) else None
            known[key] = _Known("running", _instant(due), seq, "", person)
    if moved:
        for key, words in moved.items():
            state, _space, due = words.partition(" ")
            clock = known.get(key)
            if clock is None:
                clock = known[key] = _Known(state, None, seq)
            clock.state, clock.seq, clock.due_at = state, seq, _instant(due)
            clock.ended_by = "" if state in _LIVE else said.action
            if said.action in _VERIFIED and key.startswith("verify:"):
                clock.person_id = said.actor_id
    if said.action == "reassign_verification":
        for key, clock in known.items():
            if key.startswith("verify:") and clock.state in _LIVE:
                clock.person_id = asked


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _clock_fact(number: str, row: ClockRow, known: _Known, *, is_exempt: bool) -> ClockFact:
    live = known.state in _LIVE
    return ClockFact(
        number,
        row.kind,
        row.cycle,
        row.assignment,
        known.state,
        # an ended clock moves no more, so that its row still says when it was due
        known.due_at if live else row.due_at,
        known.seq,
        known.ended_by,
        known.person_id,
        is_exempt,
        row.worked() if row.worked is not None and known.state in ("met", "late") else None,
    )
