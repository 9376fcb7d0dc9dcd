"""What an action does to clocks, on the pure table, against ``clock_table.txt`` written by hand."""

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from incidents import clocks
from incidents.clock_table import CLOCKS, REPORT
from incidents.clocks import Move
from incidents.models import ClockKind
from incidents.workflow import OPEN, TRANSITIONS, Action, Status
from tests.common.calendars import local
from tests.dispatch.audit import LIVE_CLOCKS
from tests.incidents.ledger import Ledger, calendars, effects, limit, policy, target_of

TABLE = Path(__file__).with_name("clock_table.txt")
START = local("2026-03-10 09:00")
PLAIN = {kind.value: policy(limit("work_hours", minutes=240)) for kind in ClockKind}
#: The way by which a case comes to each status: (action, target) from its report.
WAYS: dict[str, list[tuple[str, str]]] = {"reported": []}
WAYS["checking"] = [("request_check", "checking")]
WAYS["accepted"] = [("accept", "accepted")]
WAYS["filed"] = [*WAYS["accepted"], ("file", "filed")]
WAYS["dispatched"] = [*WAYS["filed"], ("dispatch", "dispatched")]
WAYS["handling"] = [*WAYS["dispatched"], ("sign", "handling")]
WAYS["suspended"] = [*WAYS["handling"], ("suspend", "suspended")]
WAYS["handled"] = [*WAYS["handling"], ("feed_back", "handled")]
WAYS["verifying"] = [*WAYS["handled"], ("request_verification", "verifying")]
WAYS["verified"] = [*WAYS["verifying"], ("pass", "verified")]
WAYS["closed"] = [*WAYS["verified"], ("close", "closed")]
WAYS["evaluated"] = [*WAYS["closed"], ("evaluate", "evaluated")]
WAYS["rejected"] = [("reject", "rejected")]
WAYS["declined"] = [*WAYS["accepted"], ("decline", "declined")]
WAYS["voided"] = [*WAYS["filed"], ("void", "voided")]


@cache
def table() -> dict[tuple[str, str], dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        action, statuses, what = (part.strip() for part in line.split("|"))
        for status in statuses.split():
            assert (action, status) not in found
            found[action, status] = dict(part.split(":") for part in what.split())  # type: ignore[misc]
    return found


def carried(way: list[tuple[str, str]]) -> tuple[Ledger, datetime]:
    ledger, at, status = Ledger(PLAIN.__getitem__), START, Status.REPORTED
    ledger.move(REPORT, None, status, at)
    for action, target in way:
        at += timedelta(minutes=1)
        ledger.move(action, status, Status(target), at, assignment=1)
        status = Status(target)
    return ledger, at


def ways_to(status: str) -> list[tuple[str, list[tuple[str, str]]]]:
    if status != "merged":
        return [(status, WAYS[status])]
    return [(f"merged>{before}", [*WAYS[before], ("merge", "merged")]) for before in ("reported", "accepted", "filed")]


def test_report_starts_accept_and_total() -> None:
    ledger, _at = carried([])
    assert effects([], ledger.plan) == table()[REPORT, "-"]


@pytest.mark.parametrize("status", list(Status))
def test_every_action_does_to_the_clocks_what_the_table_says(status: Status) -> None:
    for name, way in ways_to(status.value):
        for line in TRANSITIONS:
            if status not in line.sources or line.action in (Action.EXTEND, Action.REACH_MILESTONE):
                continue
            ledger, at = carried(way)
            before = list(ledger.clocks)
            assert {clock.kind for clock in ledger.live()} == LIVE_CLOCKS[status]
            target = target_of(line, status, Status(name.partition(">")[2] or "filed"))
            plan = ledger.move(line.action.value, status, target, at + timedelta(minutes=1), assignment=1)
            key = (line.action.value, name)
            expected = table().get(key, table().get((line.action.value, status.value), {}))
            assert effects(before, plan) == expected, key
            assert {clock.kind for clock in ledger.live()} == LIVE_CLOCKS[target], key


def test_table_names_no_action_where_it_is_not_open() -> None:
    for action, status in table():
        if action != REPORT:
            source = Status(status.partition(">")[0])
            assert any(t.action == action and source in t.sources for t in TRANSITIONS), (action, status)


def test_ten_clocks_and_no_more() -> None:
    assert [rule.kind for rule in CLOCKS] == [kind.value for kind in ClockKind]
    assert {status.value for status in OPEN} == {status for status, live in LIVE_CLOCKS.items() if live}


def test_handle_runs_beside_sign_from_dispatch() -> None:
    ledger, at = carried(WAYS["dispatched"])
    handle, sign = ledger.last("handle"), ledger.last("sign")
    assert handle.started_at == sign.started_at == at
    ledger.move("sign", Status.DISPATCHED, Status.HANDLING, at + timedelta(hours=1), assignment=1)
    assert ledger.last("handle").due_at == handle.due_at  # not signing buys no time


def test_stopped_at_due_is_met_to_the_second() -> None:
    for late, state in ((0, "met"), (0.9, "met"), (1, "late")):
        ledger, _at = carried(WAYS["handling"])
        due = ledger.last("handle").due_at
        ledger.move("feed_back", Status.HANDLING, Status.HANDLED, due + timedelta(seconds=late), assignment=1)
        handle = ledger.last("handle")
        assert handle.state == state
        assert handle.breached_at == (due if state == "late" else None)


def test_pause_and_resume_at_one_instant_is_identity() -> None:
    ledger, at = carried(WAYS["handling"])
    before = {clock.kind: clock.due_at for clock in ledger.live()}
    ledger.move("suspend", Status.HANDLING, Status.SUSPENDED, at, assignment=1)
    assert all(clock.due_at is None and clock.steps == () for clock in ledger.live())
    ledger.move("resume", Status.SUSPENDED, Status.HANDLING, at, assignment=1)
    assert {clock.kind: clock.due_at for clock in ledger.live()} == before


def test_pause_outside_working_time_changes_nothing() -> None:
    ledger, _at = carried(WAYS["handling"])
    due = ledger.last("handle").due_at
    ledger.move("suspend", Status.HANDLING, Status.SUSPENDED, local("2026-03-10 12:10"), assignment=1)
    ledger.move("resume", Status.SUSPENDED, Status.HANDLING, local("2026-03-10 13:50"), assignment=1)
    assert ledger.last("handle").due_at == due


def test_extension_is_the_same_segments_with_both_allowances() -> None:
    ledger, _at = carried(WAYS["handling"])  # four working hours from 9:03
    ledger.move("suspend", Status.HANDLING, Status.SUSPENDED, local("2026-03-10 10:00"), assignment=1)
    ledger.move("resume", Status.SUSPENDED, Status.HANDLING, local("2026-03-10 11:00"), assignment=1)
    assert ledger.last("handle").due_at == local("2026-03-10 16:03")
    warned = ledger.last("handle").due_revision
    ledger.move("extend", Status.HANDLING, Status.HANDLING, local("2026-03-10 15:30"), assignment=1)
    handle = ledger.last("handle")
    assert (handle.due_at, handle.due_revision) == (local("2026-03-11 10:03"), warned + 1)
    # the warning comes again, in the new revision; a step after due fires once a cycle
    fences = {step["key"]: step["fence"] for step in handle.steps}
    assert fences == {"warn": warned + 1, "breach": warned + 1, "due": warned + 1, "after": 0}


def test_return_gives_the_next_handler_the_full_allowance_and_total_runs_on() -> None:
    ledger, at = carried(WAYS["handling"])
    total = ledger.last("total").due_at
    ledger.move("return", Status.HANDLING, Status.FILED, at + timedelta(hours=1), assignment=1)
    ledger.move("dispatch", Status.FILED, Status.DISPATCHED, at + timedelta(hours=1), assignment=2)
    handle = ledger.last("handle")
    assert (handle.cycle, handle.assignment, handle.allowance.minutes) == (2, 2, 240)
    assert ledger.last("total").due_at == total


@pytest.mark.parametrize(("used", "expected"), [(60, 180), (170, 70), (200, 60), (600, 60)])
def test_rework_is_the_larger_of_what_was_left_and_a_quarter(used: int, expected: int) -> None:
    ledger = Ledger(lambda kind: policy(limit("natural", minutes=240)))
    at = START
    ledger.move(REPORT, None, Status.REPORTED, at)
    status = Status.REPORTED
    for action, target in WAYS["handling"]:
        ledger.move(action, status, Status(target), at, assignment=1)
        status = Status(target)
    ledger.move("feed_back", status, Status.HANDLED, at + timedelta(minutes=used), assignment=1)
    ledger.move("request_verification", Status.HANDLED, Status.VERIFYING, at + timedelta(days=1), assignment=1)
    ledger.move("fail", Status.VERIFYING, Status.HANDLING, at + timedelta(days=2), assignment=1)
    handle = ledger.last("handle")
    assert (handle.cycle, handle.assignment, handle.allowance.minutes) == (2, 1, expected)
    assert handle.due_at == at + timedelta(days=2, minutes=expected)


def test_reopening_begins_cycle_two_of_total() -> None:
    ledger, at = carried(WAYS["closed"])
    ledger.move("reopen", Status.CLOSED, Status.FILED, at + timedelta(days=3), assignment=1)
    assert [(c.cycle, c.state) for c in ledger.clocks if c.kind == "total"] == [(1, "met"), (2, "running")]


def test_unmerge_continues_total_as_if_never_merged() -> None:
    ledger, at = carried([*WAYS["filed"], ("merge", "merged")])
    due = carried(WAYS["filed"])[0].last("total").due_at
    ledger.move("unmerge", Status.MERGED, Status.FILED, at + timedelta(days=3))
    total = ledger.last("total")
    assert (total.cycle, total.state, total.due_at, total.stopped_at) == (1, "running", due, None)


def test_granted_late_counts_from_when_it_was_asked_for() -> None:
    ledger, at = carried(WAYS["handling"])
    asked = at + timedelta(minutes=10)
    ledger.move("suspend", Status.HANDLING, Status.SUSPENDED, at + timedelta(days=1), asked_at=asked, assignment=1)
    assert [clock.pauses for clock in ledger.live()] == [((asked, None),)] * 2
    other, at = carried(WAYS["handling"])
    other.move("return", Status.HANDLING, Status.FILED, at + timedelta(days=1), asked_at=asked, assignment=1)
    assert other.last("handle").stopped_at == asked
    assert other.last("dispatch").started_at == at + timedelta(days=1)  # the desk has its time from the decision


def test_ended_before_a_pause_that_came_later_can_still_be_counted() -> None:
    ledger, at = carried(WAYS["handling"])
    ledger.move("suspend", Status.HANDLING, Status.SUSPENDED, at + timedelta(hours=2), assignment=1)
    ledger.move("resume", Status.SUSPENDED, Status.HANDLING, at + timedelta(hours=3), assignment=1)
    asked, now = at + timedelta(hours=1), at + timedelta(hours=4)
    ledger.move("force_close", Status.HANDLING, Status.CLOSED, now, asked_at=asked, assignment=1)
    total = ledger.last("total")
    assert total.segments == [(START, asked)]


def test_clock_without_a_limit_runs_without_due_time_and_steps() -> None:
    ledger = Ledger(lambda kind: policy())
    ledger.move(REPORT, None, Status.REPORTED, START)
    assert [(c.kind, c.due_at, c.steps, c.state) for c in ledger.live()] == [
        ("accept", None, (), "running"),
        ("total", None, (), "running"),
    ]
    ledger.move("accept", Status.REPORTED, Status.ACCEPTED, START + timedelta(days=400))
    assert ledger.last("accept").state == "met"


def test_amendment_keeps_or_restarts_handle_and_never_total() -> None:
    longer = {kind.value: policy(limit("work_hours", minutes=480)) for kind in ClockKind}
    at = START + timedelta(hours=1)
    for restart in (False, True):
        ledger, _at = carried(WAYS["handling"])
        started = ledger.last("handle").started_at
        move = Move("amend", Status.HANDLING, Status.HANDLING, at, at, 7, 1)
        ledger.store(clocks.amended(ledger.clocks, longer.__getitem__, calendars, restart=restart, move=move))
        handle, total = ledger.last("handle"), ledger.last("total")
        assert (handle.cycle, handle.started_at) == ((2, at) if restart else (1, started))
        assert (handle.allowance.minutes, handle.assignment) == (480, 1)
        assert (total.cycle, total.started_at, total.allowance.minutes) == (1, START, 480)
        assert {clock.kind for clock in ledger.live()} == LIVE_CLOCKS["handling"]


@pytest.mark.parametrize(("hours", "state", "breached", "cured"), [(4, "met", 1, 2), (5, "late", 4, None)])
def test_stop_after_a_cured_breach_is_judged_by_the_new_due_time(hours, state, breached, cured):
    hour = timedelta(hours=1)
    clock = clocks.ClockState(
        kind="handle", cycle=1, started_at=START, holder_id=1, due_at=START + 4 * hour, breached_at=START + hour,
        breach_cured_at=START + 2 * hour,
    )  # fmt: skip
    ended = clocks.stopped(clock, START + hours * hour)
    assert (ended.state, ended.breached_at) == (state, START + breached * hour)
    assert ended.breach_cured_at == (START + cured * hour if cured else None)
