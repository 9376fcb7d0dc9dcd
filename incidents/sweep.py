"""Firing the steps of ladders that fell due, in sets: never a statement a step.

A due time is a column; nothing of the future waits in a broker. One batch reads the due clocks, works out what is
due on each and hashes the journal's entries with nothing locked, then in one short transaction locks the cases in
the order of their ids (PostgreSQL: SKIP LOCKED; SQLite: its writers queue) and writes for those whose journal still
ends where it was read. Whatever moves a clock also appends to its case's journal, so that this head is the fence: a
transition that came between is never overwritten, and its case is read again by the next batch. Every step fires
once, whoever sweeps and wherever a sweeper is killed; FiredStep's unique constraint says so to the database too.

The order of locks is incident, then clock, as everywhere. Who is told is ``dispatch.escalation``'s.
"""

import logging
import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import DataError, IntegrityError, transaction

from gridgov.common import deadlocks
from gridgov.common.plain_update import insert_rows, update_rows
from gridgov.common.prepared import Prepared
from incidents import journal
from incidents.case import as_json
from incidents.models import Clock, FiredStep, Incident
from incidents.signals import announce

logger = logging.getLogger(__name__)

BREACH = "breach"
LIMIT = 500
#: How many cases are looked at for each that is taken: two sweepers seldom choose the same ones.
SPREAD = 4
#: A clock that cannot be worked out is looked at again after this, so that it does not hold up the others.
PUSHED_ON = timedelta(hours=1)
#: Batches tried in one call while others hold the cases, or nothing fires on those that were chosen.
ATTEMPTS = 5

#: Faults of the data, as opposed to a database that cannot be reached: trying again would not help.
_FAULTS = (IntegrityError, DataError)

Held = Callable[[Collection[int]], Collection[int]]

_CLOCK_FIELDS = (
    "id", "incident_id", "kind", "cycle", "steps", "next_step_at", "breached_at", "breach_cured_at",
    "incident__number", "incident__status", "incident__version", "incident__head_seq", "incident__head_mac",
)  # fmt: skip


_WAITING_LONGEST = Prepared(
    lambda: Clock.objects.filter(next_step_at__isnull=False).order_by("next_step_at").only("next_step_at")[:1]
)


@dataclass(frozen=True, slots=True)
class Due:
    """A step that is due: ``fence`` is the due revision it belongs to, 0 for steps after due."""

    key: str
    fence: int
    at: datetime

    @property
    def is_breach(self) -> bool:
        """Whether it states that the clock's own limit has passed (a milestone's has its key in front)."""
        return self.key == BREACH


@dataclass(slots=True)
class _Swept:
    """What becomes of one clock."""

    clock_id: int
    fired: list[Due]
    steps: list[Mapping[str, Any]]
    breached_at: datetime | None
    breach_cured_at: datetime | None
    kind: str = ""
    cycle: int = 0

    @property
    def next_step_at(self) -> datetime | None:
        return datetime.fromisoformat(self.steps[0]["at"]) if self.steps else None


@dataclass(slots=True)
class _Case:
    """One case of a batch: its head as read, its swept clocks, and the entry that states them."""

    incident_id: int
    head_seq: int
    clocks: list[_Swept] = field(default_factory=list)
    entry: journal.Draft | None = None


def due_steps(
    steps: Sequence[Mapping[str, Any]], already: Collection[tuple[int, str]], now: datetime
) -> tuple[list[Due], list[Mapping[str, Any]]]:
    """The steps due at ``now`` and not in ``already`` (fence, key), and those that are still to come (pure)."""
    due: list[Due] = []
    rest: list[Mapping[str, Any]] = []
    for step in steps:
        at = datetime.fromisoformat(step["at"])
        if at > now:
            rest.append(step)
        elif (step["fence"], step["key"]) not in already:
            due.append(Due(step["key"], step["fence"], at))
    return due, rest


def oldest_due(now: datetime) -> datetime | None:
    """Since when the step waits that has waited longest at ``now``; None if none is due. One statement."""
    found = _WAITING_LONGEST.first()
    return found.next_step_at if found is not None and found.next_step_at <= now else None


def sweep_due(*, now: datetime, limit: int = LIMIT, held: Held | None = None) -> int:
    """Steps due at ``now`` of at most ``limit`` cases have fired, each stamped with the time it was due; how many.

    ``held``: which of the clocks given by id are kept by a person from firing. 0 means that nothing is left to do
    here, or that other sweepers are doing it.
    """
    for _attempt in range(ATTEMPTS):
        chosen = _choose(now, limit)
        if not chosen:
            return 0
        fired = deadlocks.begun_again(partial(_sweep, chosen, now, held))
        if fired:
            return fired
    return 0


def _choose(now: datetime, limit: int) -> list[int]:
    found = Clock.objects.filter(next_step_at__lte=now).order_by("next_step_at", "id")
    ids = list(dict.fromkeys(found.values_list("incident_id", flat=True)[: limit * SPREAD]))
    if len(ids) > limit:
        start = random.randrange(0, len(ids) - limit + 1)
        ids = ids[start : start + limit]
    return ids


def _sweep(chosen: list[int], now: datetime, held: Held | None) -> int:
    cases = _read(chosen, now, held)
    if not cases:
        return 0
    try:
        return _write(cases, now)
    except _FAULTS:
        # one case's fault must not keep the steps of the others: each alone, the bad one is pushed on
        logger.exception("a batch of %d cases could not be swept, trying them one by one", len(cases))
    fired = 0
    for case in cases:
        try:
            fired += _write([case], now)
        except _FAULTS:
            logger.exception("the clocks of case %d are looked at again in an hour", case.incident_id)
            _push_on([clock.clock_id for clock in case.clocks], now)
    return fired


# --- working out --------------------------------------------------------------------------------------------------


def _read(chosen: list[int], now: datetime, held: Held | None) -> list[_Case]:
    rows = list(
        Clock.objects.filter(incident__in=chosen, next_step_at__lte=now)
        .order_by("incident_id", "id")
        .values(*_CLOCK_FIELDS)
    )
    ids = [row["id"] for row in rows]
    already: dict[int, set[tuple[int, str]]] = {}
    for clock_id, fence, key in FiredStep.objects.filter(clock__in=ids).values_list("clock_id", "fence", "key"):
        already.setdefault(clock_id, set()).add((fence, key))
    stopped = set(held(ids)) if held is not None and ids else set()
    if stopped:
        # armed again by an extension or the like; looked at again later and not switched off for good, because the
        # release may come between the two statements
        _push_on(sorted(stopped), now)
    cases: dict[int, _Case] = {}
    heads: dict[int, Mapping[str, Any]] = {}
    for row in rows:
        if row["id"] in stopped:
            continue
        try:
            swept = _swept(row, already.get(row["id"], ()), now)
        except Exception:
            logger.exception("clock %d cannot be worked out and is looked at again in an hour", row["id"])
            _push_on([row["id"]], now)
            continue
        heads[row["incident_id"]] = row
        case = cases.setdefault(row["incident_id"], _Case(row["incident_id"], row["incident__head_seq"]))
        case.clocks.append(swept)
    for case in cases.values():
        case.entry = _entry(heads[case.incident_id], case.clocks, now)
    return list(cases.values())


def _swept(row: Mapping[str, Any], already: Collection[tuple[int, str]], now: datetime) -> _Swept:
    due, rest = due_steps(as_json(row["steps"]), already, now)
    breached_at, cured_at = row["breached_at"], row["breach_cured_at"]
    for step in due:
        if step.is_breach and (breached_at is None or cured_at is not None):
            # a breach after a cured one: the first stands in the journal, the row says how it is now
            breached_at, cured_at = step.at, None
    return _Swept(row["id"], due, rest, breached_at, cured_at, row["kind"], row["cycle"])


def _entry(head: Mapping[str, Any], clocks: Iterable[_Swept], now: datetime) -> journal.Draft | None:
    stated = [
        {"clock": clock.kind, "cycle": clock.cycle, "key": step.key, "fence": step.fence, "due": step.at}
        for clock in clocks
        for step in clock.fired
    ]
    if not stated:
        return None
    stated.sort(key=lambda step: step["due"])
    return journal.draft(
        number=head["incident__number"],
        head_seq=head["incident__head_seq"],
        head_mac=head["incident__head_mac"],
        action="step",
        status_from=head["incident__status"],
        status_to=head["incident__status"],
        actor_id=None,
        actor_role="",
        channel="system",
        version=head["incident__version"],
        at=stated[-1]["due"],
        recorded_at=now,
        payload={"steps": [step | {"due": step["due"].isoformat()} for step in stated]},
    )


# --- writing ------------------------------------------------------------------------------------------------------


def _write(cases: list[_Case], now: datetime) -> int:
    """How many steps fired: those of the cases that still are as they were read and that nobody else holds."""
    with transaction.atomic():
        locked = dict(
            Incident.objects.filter(pk__in=[case.incident_id for case in cases])
            .order_by("pk")
            .select_for_update(skip_locked=True, no_key=True)
            .values_list("pk", "head_seq")
        )
        cases = [case for case in cases if locked.get(case.incident_id) == case.head_seq]
        if not cases:
            return 0
        fired = [
            (clock.clock_id, step.fence, step.key, step.at, now, case.entry.seq)
            for case in cases
            if case.entry is not None
            for clock in case.clocks
            for step in clock.fired
        ]
        insert_rows(FiredStep, ("clock_id", "fence", "key", "due_at", "fired_at", "entry_seq"), fired)
        _write_clocks([clock for case in cases for clock in case.clocks])
        stated = [(case.incident_id, case.entry) for case in cases if case.entry is not None]
        journal.insert(stated)
        _write_heads(stated)
        for incident_id, entry in stated:
            announce(incident_id, entry.seq)
    return len(fired)


def _write_clocks(clocks: Sequence[_Swept]) -> None:
    """One statement for all."""
    update_rows(
        Clock,
        ("steps", "next_step_at", "breached_at", "breach_cured_at"),
        [(c.clock_id, c.steps, c.next_step_at, c.breached_at, c.breach_cured_at) for c in clocks],
    )


def _write_heads(stated: Sequence[tuple[int, journal.Draft]]) -> None:
    update_rows(Incident, ("head_seq", "head_mac"), [(pk, entry.seq, entry.mac) for pk, entry in stated])


def _push_on(clock_ids: Sequence[int], now: datetime) -> None:
    Clock.objects.filter(pk__in=clock_ids, next_step_at__lte=now).update(next_step_at=now + PUSHED_ON)


# --- ladders held by a person -------------------------------------------------------------------------------------


def disarm(clock_id: int) -> None:
    """No step of the clock fires until :func:`arm`; the steps stay. Call where its case's journal says so."""
    Clock.objects.filter(pk=clock_id).update(next_step_at=None)


def arm(clock_id: int) -> None:
    """The clock fires its steps again, those missed meanwhile at once. Call where its case's journal says so."""
    row = Clock.objects.filter(pk=clock_id, state=Clock.State.RUNNING).values_list("steps", flat=True).first()
    if row:
        Clock.objects.filter(pk=clock_id, state=Clock.State.RUNNING).update(
            next_step_at=datetime.fromisoformat(row[0]["at"])
        )


def raise_supervision(levels: Mapping[int, int]) -> None:
    """The cases (by id) are supervised at those levels at least, because of steps that their journals state.

    Versions stay. One statement a level (on PostgreSQL one transaction).
    """
    by_level: dict[int, list[int]] = {}
    for incident_id, level in levels.items():
        by_level.setdefault(level, []).append(incident_id)
    for level, ids in by_level.items():
        below = Incident.objects.filter(pk__in=ids, supervision_level__lt=level)
        deadlocks.update(below, supervision_level=level)
