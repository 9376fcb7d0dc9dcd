"""Random walks on the pure table: whatever is done in whatever order, the clocks of a case stay a ledger."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gridgov.common import business_time as bt
from incidents import clocks
from incidents.clock_table import REPORT
from incidents.clocks import ClockState, Move
from incidents.workflow import OPEN, WITH_LIVE_TICKET, Action, Status, available
from tests.common.calendars import CHINA, local
from tests.dispatch.audit import LIVE_CLOCKS
from tests.incidents.ledger import Ledger, calendars, limit, policy, target_of

START = local("2026-02-10 16:30")  # shortly before Spring Festival
#: Limits in every unit there is, several in one clock, and a clock without any.
POLICIES = {
    "accept": policy(limit("work_hours", minutes=30)),
    "check": policy(limit("urgent", minutes=120)),
    "file": policy(limit("work_hours", minutes=30)),
    "dispatch": policy(limit("natural", minutes=30)),
    "sign": policy(),
    "handle": policy(limit("work_hours", minutes=240, key="stop"), limit("work_days", minutes=960, key="clear")),
    "send": policy(limit("work_hours", minutes=60)),
    "verify": policy(limit("civil_work_days", count=1)),
    "close": policy(limit("work_hours", minutes=60)),
    "total": policy(limit("natural", minutes=20_000)),
}
OTHER = POLICIES | {
    "handle": policy(limit("civil_work_days", count=3)),
    "total": policy(limit("civil_days", count=15)),
}
#: Ways out of the loop and things that move nothing: taken half as often, so that walks get far.
ASIDE = {
    Action.VOID, Action.FORCE_CLOSE, Action.MERGE, Action.REJECT, Action.DECLINE, Action.ANSWER, Action.NOTE,
    Action.SUPERVISE,
}  # fmt: skip


def steps_of(seed: int) -> Iterator[tuple[int, int, int]]:
    """What chooses the action, the minutes that pass before it, and how far back (%) a request was asked for."""
    dice = random.Random(seed)
    for _ in range(dice.randint(3, 16)):
        yield dice.getrandbits(16), dice.choice((0, 1, 45, 400, 3_000)), dice.choice((0, 0, 50, 100))


class Walk:
    """A case on its way; ``step`` does something that the table allows and looks at everything that has to hold."""

    def __init__(self) -> None:
        self.ledger = Ledger(POLICIES.__getitem__)
        self.status, self.before, self.at = Status.REPORTED, Status.REPORTED, START
        self.assignment = 0
        self.has_ticket = False
        self.askable_from = START
        self.said: dict[str, str] = {}
        self.ledger.move(REPORT, None, self.status, self.at)
        self._hear()
        self.look([])

    def step(self, choice: int, minutes: int, back: int) -> None:
        lines = [line for line in available(self.status) if line.needs_ticket in (None, self.has_ticket)]
        if choice & 0x8000:
            lines = [line for line in lines if line.action not in ASIDE] or lines
        line = lines[choice % len(lines)] if lines else None
        if line is None:
            return
        self.at += timedelta(minutes=minutes)
        old, source, target = list(self.ledger.clocks), self.status, target_of(line, self.status, self.before)
        if line.action is Action.MERGE:
            self.before = source
        if line.action in (Action.DISPATCH, Action.IMPOSE):
            self.assignment += 1
            self.has_ticket = True
        elif line.action in (Action.RETURN, Action.RECALL, Action.RESOLVE_ON_SITE):
            self.has_ticket = False
        asked_at = self.at
        if line.granted:
            # a request lapses with the ticket it is about: it was asked for since then
            since = self.askable_from if line.action not in (Action.VOID, Action.FORCE_CLOSE) else START
            asked_at = self.at - (self.at - since) * back / 100
        if line.action is Action.AMEND and self.status in WITH_LIVE_TICKET and choice % 2:
            move = Move("amend", source, target, self.at, self.at, 7, self.assignment)
            restart = choice % 4 == 1
            self.ledger.store(
                clocks.amended(self.ledger.clocks, OTHER.__getitem__, calendars, restart=restart, move=move)
            )
        else:
            self.ledger.move(line.action.value, source, target, self.at, asked_at=asked_at, assignment=self.assignment)
        if (source in WITH_LIVE_TICKET) != (target in WITH_LIVE_TICKET):
            self.askable_from = self.at
        self.status = target
        self._hear()
        self.look(old)

    def _hear(self) -> None:
        facts = clocks.facts(self.ledger.plan)
        for key, due in facts.get("started", {}).items():
            assert key not in self.said
            self.said[key] = f"running {due}" if due else "running"
        self.said |= facts.get("clocks", {})

    def look(self, old: list[ClockState]) -> None:
        live = self.ledger.live()
        assert sorted(clock.kind for clock in live) == sorted(LIVE_CLOCKS[self.status])
        assert bool(live) == (self.status in OPEN)
        paused = {clock.kind for clock in live if clock.state == "paused"}
        assert paused == ({"handle", "total"} if self.status is Status.SUSPENDED else set())
        for kind in {clock.kind for clock in self.ledger.clocks}:
            cycles = [clock.cycle for clock in self.ledger.clocks if clock.kind == kind]
            assert cycles == list(range(1, len(cycles) + 1))
        seen = {id(clock) for clock in old}
        for clock in self.ledger.clocks:
            if id(clock) not in seen:  # what was not touched is as sound as it was
                self._sound(clock)
            assert self.said[f"{clock.kind}:{clock.cycle}"].split()[0] == clock.state
        for was, now in zip(old, self.ledger.clocks, strict=False):
            self._moved(was, now)

    def _sound(self, clock: ClockState) -> None:
        assert list(clock.pauses) == self.ledger.pauses.get(clock.id or 0, [])
        assert (clock.stopped_at is None) == clock.is_live
        assert (clock.state == "paused") == bool(clock.pauses and clock.pauses[-1][1] is None)
        spans = clock.segments
        assert spans[0][0] == clock.started_at
        assert all(end is not None and end >= start for start, end in spans[:-1])
        assert all(later[0] >= earlier[1] for earlier, later in pairwise(spans) if earlier[1])
        assert (spans[-1][1] is None) == (clock.state == "running")
        if clock.allowance is None:
            assert clock.due_at is None
            assert clock.steps == ()
            return
        bt.elapsed_over(spans, clock.allowance.unit, CHINA, max(self.at, clock.started_at))
        if clock.state == "running":
            assert clock.due_at == bt.due_over(spans, clock.allowance, CHINA)
            times = [step["at"] for step in clock.steps]
            assert times == sorted(times)
            assert {step["key"] for step in clock.steps} >= {"breach", "due"}
            assert all(step["fence"] in (0, clock.due_revision) for step in clock.steps)
        else:
            assert clock.steps == ()
        if clock.state in ("met", "late") and clock.due_at is not None and clock.stopped_at is not None:
            assert (clock.stopped_at.replace(microsecond=0) > clock.due_at) == (clock.state == "late")

    @staticmethod
    def _moved(was: ClockState, now: ClockState) -> None:
        assert (was.kind, was.cycle, was.started_at, was.id) == (now.kind, now.cycle, now.started_at, now.id)
        assert now.due_revision >= was.due_revision
        if now.due_revision == was.due_revision:
            assert now.due_at == was.due_at
            assert now.allowance == was.allowance
        if not was.is_live:
            # what has ended is history; only a merged case's total goes on as if nothing had been
            assert now == was or (was.kind == "total" and was.state == "cancelled" and now.is_live)
        assert was.breached_at is None or now.breached_at == was.breached_at
        assert now.pauses[: len(was.pauses) - 1] == was.pauses[:-1]


def taken(seed: int) -> None:
    walk = Walk()
    for step in steps_of(seed):
        walk.step(*step)
    event(f"ends {walk.status}")


@settings(max_examples=2_500)
@given(st.integers(0, 2**64))
def test_clocks_of_any_walk_are_what_the_status_demands(seed: int) -> None:
    taken(seed)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(st.integers(0, 2**64))
def test_clocks_of_any_walk_are_what_the_status_demands_at_length(seed: int) -> None:
    taken(seed)


@settings(max_examples=500)
@given(st.integers(0, 2**64))
def test_breach_stated_on_the_way_is_cured_or_stays_and_is_never_lost(seed: int) -> None:
    walk = Walk()
    for step in steps_of(seed):
        # the sweep states each breach that is due before the next thing happens
        walk.ledger.clocks = [_stated(clock, walk.at) for clock in walk.ledger.clocks]
        walk.step(*step)
    for clock in walk.ledger.clocks:
        if clock.breach_cured_at is not None:
            assert clock.breached_at is not None
            assert clock.breach_cured_at >= clock.breached_at
        if clock.state == "late":
            assert clock.breached_at is not None


def _stated(clock: ClockState, at: datetime) -> ClockState:
    due = clock.due_at
    is_due = clock.state == "running" and due is not None and due <= at and clock.breached_at is None
    return replace(clock, breached_at=due) if is_due else clock
