"""What an action does to the clocks of a case (pure: no database).

``incidents.clock_table`` says which action starts, stops and cancels each clock; handle and total pause while a case
is suspended. :func:`plan` turns an action into the new states of the clocks it touches. ``incidents.sla`` freezes the
policy of a new clock and writes what was planned. All arithmetic is ``gridgov.common.business_time``'s.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gridgov.common import business_time as bt
from gridgov.common.business_time import Allowance, Unit, WorkCalendar
from incidents.clock_table import CLOCKS, RULES, On
from incidents.workflow import Action as A
from incidents.workflow import Status as S

Calendars = Callable[[int], WorkCalendar]


#: Of a reworked ticket at least this share of the allowance (a setting): false feedback is no cheap extension.
REWORK_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Policy:
    """The rule a clock was started under, frozen into its row. The last limit is the clock's own due time."""

    limits: tuple[Mapping[str, Any], ...] = ()
    standard: str = ""
    standard_version: int = 0
    calendar_version_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "limits": [dict(limit) for limit in self.limits],
            "standard": self.standard,
            "standard_version": self.standard_version,
        }

    @property
    def allowance(self) -> Allowance | None:
        return allowance_of(self.limits[-1]) if self.limits else None


def allowance_of(limit: Mapping[str, Any]) -> Allowance:
    """The allowance of one limit of a frozen policy."""
    return Allowance(Unit(limit["unit"]), minutes=limit.get("minutes") or 0, count=limit.get("count") or 0)


@dataclass(frozen=True, slots=True)
class ClockState:
    """A clock as planned or as stored. ``pauses`` are its paused segments in order, the last may be open."""

    kind: str
    cycle: int
    started_at: datetime
    holder_id: int
    state: str = "running"
    id: int | None = None
    assignment: int = 0
    stopped_at: datetime | None = None
    due_at: datetime | None = None
    due_revision: int = 1
    allowance: Allowance | None = None
    calendar_version_id: int | None = None
    policy: Mapping[str, Any] | None = None
    pauses: tuple[tuple[datetime, datetime | None], ...] = ()
    milestones: tuple[Mapping[str, Any], ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()
    breached_at: datetime | None = None
    breach_cured_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        return self.state in ("running", "paused")

    @property
    def limits(self) -> Sequence[Mapping[str, Any]]:
        return (self.policy or {}).get("limits") or ()

    @property
    def segments(self) -> list[tuple[datetime, datetime | None]]:
        """The running stretches, from the start to the end or to now (None).

        A clock may end before a pause began: what was asked for earlier was granted after it.
        """
        found: list[tuple[datetime, datetime | None]] = []
        start, end = self.started_at, self.stopped_at
        for paused_at, resumed_at in self.pauses:
            if end is not None and paused_at >= end:
                break
            if paused_at > start or not found:
                found.append((start, paused_at))
            if resumed_at is None or (end is not None and resumed_at >= end):
                return found
            start = resumed_at
        found.append((start, end))
        return found


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch to be written: an opened or closed pause, or the holder after a transfer."""

    kind: str
    clock: str
    started_at: datetime
    ended_at: datetime | None = None
    holder_id: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the clocks: the new rows, the changed ones, and the segments opened (or closed at)."""

    started: tuple[ClockState, ...] = ()
    changed: tuple[ClockState, ...] = ()
    opened: tuple[Segment, ...] = ()
    closed_pauses_at: Mapping[int, datetime] | None = None

    def live_after(self, before: Iterable[ClockState]) -> list[ClockState]:
        """The live clocks once the plan is carried out."""
        touched = {clock.id: clock for clock in self.changed}
        after = [touched.get(clock.id, clock) for clock in before]
        return [clock for clock in (*after, *self.started) if clock.is_live]


def due_of(clocks: Iterable[ClockState]) -> datetime | None:
    """The earliest due time of the running stage clocks, else of total: what a queue is ordered by."""
    running = [c for c in clocks if c.state == "running" and c.due_at is not None]
    stage = [c.due_at for c in running if c.kind != "total"]
    return min(stage or [c.due_at for c in running], default=None)


# --- arming -----------------------------------------------------------------------------------------------------


def armed(clock: ClockState, calendars: Calendars, *, now: datetime) -> ClockState:
    """``clock`` with its due time, milestones and coming steps worked out again on its segments.

    A paused clock has no steps, and no due time unless it was reached before the pause. Warnings that lie before
    ``now`` are not given again.
    """
    if clock.allowance is None or clock.calendar_version_id is None:
        return replace(clock, due_at=None, steps=(), milestones=())
    calendar = calendars(clock.calendar_version_id)
    segments = clock.segments
    due = bt.due_over(segments, clock.allowance, calendar)
    met = {m["key"]: m.get("met_at") for m in clock.milestones}
    milestones: list[Mapping[str, Any]] = []
    steps: list[dict[str, Any]] = []
    last = len(clock.limits) - 1
    for position, limit in enumerate(clock.limits):
        allowance = clock.allowance if position == last else allowance_of(limit)
        limit_due = due if position == last else bt.due_over(segments, allowance, calendar)
        prefix = "" if position == last else f"{limit['key']}:"
        if position != last:
            milestones.append(
                {
                    "key": limit["key"],
                    "label": limit.get("label", ""),
                    "due_at": limit_due.isoformat() if limit_due else None,
                    "met_at": met.get(limit["key"]),
                }
            )
            if met.get(limit["key"]):
                continue
        if clock.state == "running":
            steps += _steps(limit, allowance, limit_due, segments, calendar, prefix, clock.due_revision, now)
    steps.sort(key=lambda step: (step["at"], step["fence"] == 0))
    return replace(clock, due_at=due, milestones=tuple(milestones), steps=tuple(steps))


def _steps(
    limit: Mapping[str, Any],
    allowance: Allowance,
    due: datetime | None,
    segments: list[tuple[datetime, datetime | None]],
    calendar: WorkCalendar,
    prefix: str,
    revision: int,
    now: datetime,
) -> list[dict[str, Any]]:
    if due is None:
        return []
    found = [{"key": f"{prefix}breach", "at": due.isoformat(), "fence": revision}]
    for step in limit.get("steps") or ():
        at: datetime | None
        fence = revision
        if step["anchor"] == "share_left":
            at = bt.instant_at_share_left(segments, allowance, calendar, step["share"])
            if at is not None and at <= now and at > segments[0][0] and now > segments[0][0]:
                continue
        elif step["anchor"] == "at_due":
            at = due
        else:
            at, fence = bt.after(due, step["minutes"], allowance.unit, calendar), 0
        if at is not None:
            found.append({"key": f"{prefix}{step['key']}", "at": at.isoformat(), "fence": fence})
    return found


# --- moving -----------------------------------------------------------------------------------------------------


def stopped(clock: ClockState, at: datetime, *, cancel: bool = False) -> ClockState:
    """``clock`` ended at ``at``: on time to the second, late, or cancelled. An open pause ends with it."""
    pauses = tuple((start, end if end is not None else max(start, at)) for start, end in clock.pauses)
    late = clock.due_at is not None and at.replace(microsecond=0) > clock.due_at
    state = "cancelled" if cancel else "late" if late else "met"
    at = max(at, clock.started_at)
    breached_at, cured_at = clock.breached_at, clock.breach_cured_at
    if state == "late" and (breached_at is None or cured_at is not None):
        # late again after a cured breach, and no sweep came between: the first stands in the journal
        breached_at, cured_at = clock.due_at, None
    return replace(
        clock, state=state, stopped_at=at, pauses=pauses, steps=(), breached_at=breached_at, breach_cured_at=cured_at
    )


def rework_allowance(clock: ClockState, calendars: Calendars, share: float = REWORK_SHARE) -> Allowance | None:
    """What a handler gets for a rework: the larger of what was left at feedback and ``share`` of the allowance."""
    if clock.allowance is None or clock.calendar_version_id is None or clock.stopped_at is None:
        return clock.allowance
    calendar = calendars(clock.calendar_version_id)
    left = bt.remaining(clock.segments, clock.allowance, calendar, clock.stopped_at)
    original = allowance_of(clock.limits[-1]) if clock.limits else clock.allowance
    least = bt.share_of(original, share)
    if left.unit is not least.unit:
        return least
    return max(left, least, key=lambda a: (a.minutes, a.count))


def paused(clock: ClockState, at: datetime, calendars: Calendars, *, now: datetime) -> ClockState:
    """``clock`` paused from ``at``; a breach stated after ``at`` is cured."""
    at = max(at, clock.started_at)
    held = replace(clock, state="paused", pauses=(*clock.pauses, (at, None)), due_revision=clock.due_revision + 1)
    return _cured(armed(held, calendars, now=now), now)


def resumed(clock: ClockState, at: datetime, calendars: Calendars) -> ClockState:
    """``clock`` running again from ``at``."""
    start, _open = clock.pauses[-1]
    pauses = (*clock.pauses[:-1], (start, max(start, at)))
    running = replace(clock, state="running", pauses=pauses, due_revision=clock.due_revision + 1)
    return armed(running, calendars, now=at)


def extended(clock: ClockState, more: Allowance, calendars: Calendars, *, now: datetime) -> ClockState:
    """``clock`` with ``more`` on the same segments; a breach stated before is cured if the new due lies after it."""
    assert clock.allowance is not None
    longer = replace(clock, allowance=bt.extend(clock.allowance, more), due_revision=clock.due_revision + 1)
    return _cured(armed(longer, calendars, now=now), now)


def _cured(clock: ClockState, now: datetime) -> ClockState:
    """A stated breach is marked cured, never deleted, when the clock is no longer overdue at that instant."""
    if clock.breached_at is None or clock.breach_cured_at is not None:
        return clock
    if clock.due_at is not None and clock.due_at <= clock.breached_at:
        return clock
    return replace(clock, breach_cured_at=now)


def total_extension(
    total: ClockState, before: datetime | None, after: datetime | None, calendars: Calendars
) -> Allowance | None:
    """What total gets when handle's due moves from ``before`` to ``after``: the same time, in total's own unit.

    Nothing where total counts in months: no part of one can be added.
    """
    if total.allowance is None or total.calendar_version_id is None or before is None or after is None:
        return None
    unit = total.allowance.unit
    if unit is Unit.CIVIL_MONTHS:
        return None
    calendar = calendars(total.calendar_version_id)
    more = Allowance.covering(unit, bt.elapsed(before, after, unit, calendar))
    return None if more.is_zero else more


# --- planning ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Move:
    """An action as the clocks see it. ``effective_at``: when it was asked for, if it was granted later than that."""

    action: str
    source: S | None
    target: S
    at: datetime
    effective_at: datetime
    holder_id: int
    assignment: int = 0
    milestone: str = ""


def plan(move: Move, clocks: Sequence[ClockState], policy_for: Callable[[str], Policy], calendars: Calendars) -> Plan:
    """What ``move`` does to the clocks of a case, all of them given, ended ones too."""
    changed: dict[int | None, ClockState] = {}
    opened: list[Segment] = []
    closed: dict[int, datetime] = {}
    started: list[ClockState] = []

    def matches(rules: tuple[On, ...]) -> bool:
        return any(on.matches(move.action, move.source, move.target) for on in rules)

    for clock in clocks:
        if not clock.is_live:
            continue
        rule = RULES[clock.kind]
        if matches(rule.stops):
            changed[clock.id] = stopped(clock, move.effective_at)
        elif matches(rule.cancels) or move.target in _ENDED:
            # the table names the cancelling actions; a case that has ended has no live clock in any event
            changed[clock.id] = stopped(_maybe_cured(clock, move), move.effective_at, cancel=True)
        elif rule.pauses and move.target is S.SUSPENDED and clock.state == "running":
            changed[clock.id] = paused(clock, move.effective_at, calendars, now=move.at)
            opened.append(Segment("paused", clock.kind, changed[clock.id].pauses[-1][0]))
        elif rule.pauses and move.source is S.SUSPENDED and move.target is not S.SUSPENDED and clock.state == "paused":
            changed[clock.id] = resumed(clock, move.at, calendars)
        if clock.state == "paused" and clock.id in changed and clock.id is not None:
            ended_pause = changed[clock.id].pauses[-1][1]
            if ended_pause is not None:
                closed[clock.id] = ended_pause

    for rule in CLOCKS:
        last = max((c for c in clocks if c.kind == rule.kind), key=lambda c: c.cycle, default=None)
        cycle = last.cycle + 1 if last else 1
        if matches(rule.starts):
            started.append(_started(rule.kind, cycle, move, policy_for(rule.kind), calendars))
        elif matches(rule.reworks) and last is not None:
            started.append(_reworked(last, cycle, move, policy_for(rule.kind), calendars))
        elif matches(rule.revives) and last is not None and last.state == "cancelled":
            revived = replace(last, state="running", stopped_at=None, due_revision=last.due_revision + 1)
            changed[last.id] = armed(revived, calendars, now=move.at)

    if move.action == A.EXTEND:
        _extend(clocks, changed, move, calendars)
    if move.action == A.REACH_MILESTONE:
        for clock in clocks:
            if clock.kind == "handle" and clock.is_live:
                changed[clock.id] = _milestone_met(clock, move, calendars)
    if move.action == A.TRANSFER:
        opened += [
            Segment("held", c.kind, move.at, ended_at=move.at, holder_id=move.holder_id) for c in clocks if c.is_live
        ]
    return Plan(tuple(started), tuple(changed.values()), tuple(opened), closed)


_ENDED = frozenset({S.REJECTED, S.DECLINED, S.VOIDED, S.MERGED, S.CLOSED, S.EVALUATED})


def _maybe_cured(clock: ClockState, move: Move) -> ClockState:
    """A breach stated while a request waited is cured when the grant takes effect from before it."""
    late = clock.breached_at is not None and clock.due_at is not None and clock.due_at >= move.effective_at
    return replace(clock, breach_cured_at=move.at) if late and move.effective_at < move.at else clock


def _started(kind: str, cycle: int, move: Move, policy: Policy, calendars: Calendars) -> ClockState:
    clock = ClockState(
        kind=kind,
        cycle=cycle,
        started_at=move.at,
        holder_id=move.holder_id,
        assignment=move.assignment,
        allowance=policy.allowance,
        calendar_version_id=policy.calendar_version_id,
        policy=policy.as_json(),
    )
    return armed(clock, calendars, now=move.at)


def _reworked(last: ClockState, cycle: int, move: Move, policy: Policy, calendars: Calendars) -> ClockState:
    """A new cycle of the same ticket: the last limit of the old policy, on what the rework rule gives."""
    frozen = dict(last.policy or {})
    frozen["limits"] = list(frozen.get("limits") or ())[-1:]
    frozen["is_rework"] = True
    clock = ClockState(
        kind=last.kind,
        cycle=cycle,
        started_at=move.at,
        holder_id=move.holder_id,
        assignment=move.assignment,
        allowance=rework_allowance(last, calendars),
        calendar_version_id=policy.calendar_version_id or last.calendar_version_id,
        policy=frozen,
    )
    return armed(clock, calendars, now=move.at)


def _extend(
    clocks: Sequence[ClockState], changed: dict[int | None, ClockState], move: Move, calendars: Calendars
) -> None:
    """Handle gets its original limit once more, and total as much time as handle's due moved."""
    handle = next((c for c in clocks if c.kind == "handle" and c.is_live), None)
    if handle is None or handle.allowance is None or not handle.limits:
        return
    longer = extended(handle, allowance_of(handle.limits[-1]), calendars, now=move.at)
    changed[handle.id] = longer
    for total in clocks:
        if total.kind == "total" and total.is_live:
            more = total_extension(total, handle.due_at, longer.due_at, calendars)
            if more is not None:
                changed[total.id] = extended(total, more, calendars, now=move.at)


def _milestone_met(clock: ClockState, move: Move, calendars: Calendars) -> ClockState:
    reached = tuple(
        {**m, "met_at": move.at.isoformat()} if m["key"] == move.milestone and not m.get("met_at") else m
        for m in clock.milestones
    )
    return armed(replace(clock, milestones=reached), calendars, now=move.at)


def amended(
    clocks: Sequence[ClockState],
    policy_for: Callable[[str], Policy],
    calendars: Calendars,
    *,
    restart: bool,
    move: Move,
) -> Plan:
    """The clocks of a dispatched case after its standard was amended: handle and total under the new limits.

    Keep: the same ledger under the new allowance. Restart: handle is cancelled and begins a new cycle now; total
    always keeps what has passed, the citizen waited. Extensions granted before are not carried over.
    """
    changed: list[ClockState] = []
    started: list[ClockState] = []
    for clock in clocks:
        if not clock.is_live or clock.kind not in ("handle", "total"):
            continue
        policy = policy_for(clock.kind)
        if clock.kind == "handle" and restart and clock.state == "running":
            changed.append(stopped(clock, move.at, cancel=True))
            fresh = _started("handle", clock.cycle + 1, move, policy, calendars)
            started.append(replace(fresh, assignment=clock.assignment))
            continue
        same = replace(
            clock,
            allowance=policy.allowance,
            calendar_version_id=policy.calendar_version_id,
            policy=policy.as_json(),
            due_revision=clock.due_revision + 1,
        )
        changed.append(_cured(armed(same, calendars, now=move.at), move.at))
    return Plan(tuple(started), tuple(changed))


def facts(plan: Plan) -> dict[str, Any]:
    """What the journal says of the clocks: which began with which due time, and how the others stand."""
    said: dict[str, Any] = {}
    if plan.started:
        said["started"] = {f"{c.kind}:{c.cycle}": c.due_at.isoformat() if c.due_at else None for c in plan.started}
    if plan.changed:
        said["clocks"] = {f"{c.kind}:{c.cycle}": _fact(c) for c in plan.changed}
    return said


def _fact(clock: ClockState) -> str:
    return f"{clock.state} {clock.due_at.isoformat()}" if clock.is_live and clock.due_at else clock.state
