"""A case's clocks without a database: what ``incidents.sla`` would have stored, for tests of the pure planning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gridgov.common.business_time import WorkCalendar
from incidents import clocks
from incidents.clocks import ClockState, Move, Plan, Policy
from incidents.workflow import Action, Status, Transition
from tests.common.calendars import CHINA

CALENDAR_ID = 1


def calendars(_version_id: int) -> WorkCalendar:
    return CHINA


def limit(unit: str, *, minutes: int = 0, count: int = 0, key: str = "") -> dict[str, Any]:
    """A limit as the catalogue freezes it, with the usual ladder."""
    steps = [
        {"key": "warn", "anchor": "share_left", "share": 0.25, "minutes": 0},
        {"key": "due", "anchor": "at_due", "share": None, "minutes": 0},
        {"key": "after", "anchor": "after_due", "share": None, "minutes": 240},
    ]
    return {"key": key, "label": key, "unit": unit, "minutes": minutes, "count": count, "steps": steps}


def policy(*limits: dict[str, Any]) -> Policy:
    return Policy(limits, "S-1", 1, CALENDAR_ID if limits else None)


@dataclass
class Ledger:
    """The stored clocks and pauses of one case; :meth:`move` does what an action does to them."""

    policy_for: Callable[[str], Policy]
    clocks: list[ClockState] = field(default_factory=list)
    pauses: dict[int, list[tuple[datetime, datetime | None]]] = field(default_factory=dict)
    held: int = 0
    plan: Plan = field(default_factory=Plan)

    def move(
        self,
        action: str,
        source: Status | None,
        target: Status,
        at: datetime,
        *,
        asked_at: datetime | None = None,
        assignment: int = 0,
    ) -> Plan:
        moved = Move(action, source, target, at, asked_at or at, 7, assignment)
        self.store(clocks.plan(moved, self.clocks, self.policy_for, calendars))
        return self.plan

    def store(self, plan: Plan) -> None:
        self.plan = plan
        by_id = {clock.id: clock for clock in plan.changed}
        assert len(by_id) == len(plan.changed), "a clock is changed once"
        assert set(by_id) <= {clock.id for clock in self.clocks}
        self.clocks = [by_id.get(clock.id, clock) for clock in self.clocks]
        for clock in plan.started:
            self.clocks.append(replace(clock, id=len(self.clocks) + 1))
        for clock_id, ended_at in (plan.closed_pauses_at or {}).items():
            rows = self.pauses[clock_id]
            assert rows[-1][1] is None
            rows[-1] = (rows[-1][0], ended_at)
        for segment in plan.opened:
            [clock] = [c for c in self.clocks if c.kind == segment.clock and c.is_live]
            if segment.kind == "paused":
                self.pauses.setdefault(clock.id or 0, []).append((segment.started_at, segment.ended_at))
            else:
                self.held += 1

    def live(self) -> list[ClockState]:
        return [clock for clock in self.clocks if clock.is_live]

    def last(self, kind: str) -> ClockState | None:
        return next((clock for clock in reversed(self.clocks) if clock.kind == kind), None)


def target_of(line: Transition, status: Status, before: Status) -> Status:
    """Where a line leads out of a status."""
    if line.target is not None:
        return line.target
    return before if line.action is Action.UNMERGE else status


def effects(before: Sequence[ClockState], plan: Plan) -> dict[str, str]:
    """What the plan does, in the words of ``clock_table.txt``."""
    old = {clock.id: clock for clock in before}
    found: dict[str, set[str]] = {}
    for clock in plan.changed:
        was, now = old[clock.id].state, clock.state
        word = {
            ("running", "met"): "stop",
            ("running", "late"): "stop",
            ("paused", "met"): "stop",
            ("paused", "late"): "stop",
            ("running", "cancelled"): "cancel",
            ("paused", "cancelled"): "cancel",
            ("running", "paused"): "pause",
            ("paused", "running"): "resume",
            ("cancelled", "running"): "revive",
        }.get((was, now), "change")
        found.setdefault(clock.kind, set()).add(word)
    for clock in plan.started:
        rework = bool((clock.policy or {}).get("is_rework"))
        found.setdefault(clock.kind, set()).add("rework" if rework else "start")
    return {kind: "+".join(sorted(words)) for kind, words in found.items()}
