"""Time moved past each limit: every step of every clock fires once, whoever sweeps, and goes up the levels."""

import multiprocessing
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from dispatch import escalation, receivers, requests, tasks
from dispatch.models import Notice
from gridgov.common import clock
from incidents import journal
from incidents.models import Clock, FiredStep, JournalEntry
from incidents.workflow import Status
from tests import processes
from tests.worlds import World

pytestmark = pytest.mark.django_db
spawn = multiprocessing.get_context("spawn")

START = datetime(2026, 3, 2, 1, tzinfo=UTC)  # a Monday, 9:00 in Lanzhou
LATER = START + timedelta(days=30)
ONCE = {("warn", 1): 1, ("breach", 1): 1, ("due", 1): 1, ("after_4h", 0): 1}

#: clock kind → how a case comes to where that clock runs: (action, by, payload), photos by number
WAYS = {
    "accept": [],
    "check": [("request_check", "acceptor", {"checker": "grid_worker"})],
    "file": [("accept", "acceptor", {})],
    "dispatch": [("accept", "acceptor", {}), ("file", "duty_chief", {"standard": "0201-1"})],
}
WAYS["sign"] = [*WAYS["dispatch"], ("dispatch", "dispatcher", {"lead": "CG-SZ"})]
WAYS["handle"] = [*WAYS["sign"], ("sign", "department_handler", {})]
WAYS["send"] = [*WAYS["handle"], ("feed_back", "department_handler", {"note": "已清", "attachments": 1})]
WAYS["verify"] = [*WAYS["send"], ("request_verification", "acceptor", {"verifier": "verifier"})]
WAYS["close"] = [*WAYS["verify"], ("pass", "verifier", {"note": "属实", "attachments": 1})]


def go(world: World, kind: str) -> str:
    """A case whose clock ``kind`` runs since START."""
    number = world.report(at=START)
    for action, by, payload in WAYS[kind]:
        given = dict(payload)
        for person in ("checker", "verifier"):
            if person in given:
                given[person] = world.people[given[person]].pk
        if "lead" in given:
            given["lead"] = world.lead(given["lead"])
        if "attachments" in given:
            given["attachments"] = [world.photo(by)]
        world.perform(number, action, by, at=START, **given)
    return number


def fired(number: str, kind: str) -> Counter:
    found = FiredStep.objects.filter(clock__incident__number=number, clock__kind=kind)
    return Counter(found.values_list("key", "fence"))


def sweep(now: datetime) -> int:
    total = 0
    while found := escalation.sweep(now=now):
        total += found
    return total


def deliver() -> None:
    while receivers.deliver_pending().delivered:
        pass
    assert not JournalEntry.objects.filter(attempt_count__gt=0).exists()


@pytest.mark.django_db(transaction=True)
def test_past_every_limit_each_step_fires_once_with_four_sweepers(world):
    numbers = {kind: go(world, kind) for kind in WAYS}
    start, results = spawn.Event(), spawn.Queue()
    args = (processes.database_name(), LATER, 3, start, results)
    sweepers = [spawn.Process(target=processes.sweeper, args=args) for _ in range(4)]
    for process in sweepers:
        process.start()
    start.set()
    total = sum(results.get() for _ in sweepers)
    for process in sweepers:
        process.join()
    assert [process.exitcode for process in sweepers] == [0] * 4
    for kind, number in numbers.items():
        running = Clock.objects.get(incident__number=number, kind=kind, state="running")
        assert running.breached_at == running.due_at, kind
        assert fired(number, kind) == ONCE, kind
        assert fired(number, "total") == ONCE
        assert journal.verify(number=number).faults == []
    assert total == FiredStep.objects.count()
    stamps = FiredStep.objects.values_list("key", "due_at", "clock__due_at")
    assert all(due == limit for key, due, limit in stamps if key in ("breach", "due"))
    assert all(due < limit for key, due, limit in stamps if key == "warn")
    assert all(due > limit for key, due, limit in stamps if key == "after_4h")
    assert escalation.sweep(now=LATER) == 0


def test_breach_goes_up_the_levels_and_comes_to_an_end(world):
    """A case that nobody handles: the handlers, their head, the desk, the supervisor, the leader, each in his turn."""
    escalation.load_file()
    escalation.save_targets(
        step="after_4h", clock_kind="handle",
        targets=[
            escalation.Target("centre", "duty_chief", levels_up=1),
            escalation.Target("centre", "leader", supervision_level=2),
        ],
    )  # fmt: skip
    number = go(world, "handle")
    due = Clock.objects.get(incident__number=number, kind="handle").due_at
    seen: list[set[str]] = []
    for now in (due - timedelta(minutes=30), due, due + timedelta(hours=20)):
        before = set(Notice.objects.filter(topic__startswith="step:handle").values_list("user__username", flat=True))
        sweep(now)
        deliver()
        after = set(Notice.objects.filter(topic__startswith="step:handle").values_list("user__username", flat=True))
        seen.append(after - before)
    assert seen[0] == {"department_handler", "department_handler_2"}
    assert {"department_head", "dispatcher", "supervisor"} <= seen[1]
    assert seen[2] >= {"duty_chief_city", "leader"}
    assert world.case(number).supervision_level == 2
    world.perform(
        number, "feed_back", "department_handler", note="已清", attachments=[world.photo("department_handler")],
        at=due + timedelta(hours=21),
    )  # fmt: skip
    handle = Clock.objects.get(incident__number=number, kind="handle")
    assert (handle.state, handle.breached_at, handle.next_step_at) == ("late", due, None)
    sweep(LATER)
    assert fired(number, "handle") == ONCE


def test_after_a_granted_extension_the_warning_comes_again(world):
    number = go(world, "handle")
    handle = Clock.objects.get(incident__number=number, kind="handle")
    first_due = handle.due_at
    sweep(first_due - timedelta(minutes=30))
    assert fired(number, "handle") == {("warn", 1): 1}
    asked_at = first_due - timedelta(minutes=20)
    request = requests.ask(
        number=number, kind="extend", by=world.actor("department_handler"), reason="下雨", at=asked_at
    )
    sweep(first_due + timedelta(minutes=5))  # nobody has decided: the breach is stated
    requests.decide(request_id=request, grant=True, by=world.actor("dispatcher"), at=first_due + timedelta(minutes=10))
    handle.refresh_from_db()
    assert handle.due_at > first_due
    assert (handle.due_revision, handle.breached_at) == (2, first_due)
    assert handle.breach_cured_at == first_due + timedelta(minutes=10)
    sweep(handle.due_at - timedelta(minutes=1))
    assert fired(number, "handle")[("warn", 2)] == 1
    assert fired(number, "handle")[("breach", 2)] == 0
    sweep(LATER)
    assert fired(number, "handle") == {
        ("warn", 1): 1, ("breach", 1): 1, ("due", 1): 1,
        ("warn", 2): 1, ("breach", 2): 1, ("due", 2): 1, ("after_4h", 0): 1,
    }  # fmt: skip
    assert journal.verify(number=number).faults == []


def test_suspension_keeps_the_steps_back_and_resuming_arms_them_again(world):
    number = go(world, "handle")
    at = START + timedelta(hours=1)
    request = requests.ask(
        number=number, kind="suspend", by=world.actor("department_handler"), reason="待材料",
        until=START + timedelta(days=7), at=at,
    )  # fmt: skip
    requests.decide(request_id=request, grant=True, by=world.actor("duty_chief"), at=at)
    sweep(START + timedelta(days=6))
    assert fired(number, "handle") == {}
    world.perform(number, "resume", "dispatcher", at=START + timedelta(days=7))
    sweep(LATER)
    assert fired(number, "handle") == {("warn", 3): 1, ("breach", 3): 1, ("due", 3): 1, ("after_4h", 0): 1}


def test_rework_is_a_new_cycle_with_steps_of_its_own(world):
    number = go(world, "verify")
    at = START + timedelta(hours=2)
    world.perform(number, "fail", "verifier", note="没清", attachments=[world.photo("verifier")], at=at)
    sweep(LATER)
    cycles = FiredStep.objects.filter(clock__incident__number=number, clock__kind="handle")
    assert Counter(cycles.values_list("clock__cycle", "key")) == {
        (2, "warn"): 1, (2, "breach"): 1, (2, "due"): 1, (2, "after_4h"): 1,
    }  # fmt: skip


# --- what the system does when nobody did anything ----------------------------------------------------------------


def test_check_that_nobody_answers_is_called_off(world):
    number = go(world, "check")
    tasks.limits_due()
    case = world.case(number)
    assert (case.status, case.checker) == ("reported", None)
    entry = JournalEntry.objects.get(incident=case, action="cancel_check")
    assert (entry.actor, entry.text) == (None, "核实超时未反馈")


def test_verification_that_nobody_makes_goes_to_the_queue_once(world):
    number = go(world, "verify")
    tasks.limits_due()
    case = world.case(number)
    assert (case.status, case.verifier) == ("verifying", None)
    world.perform(number, "reassign_verification", "acceptor", verifier=world.people["verifier_2"].pk, reason="催办")
    tasks.limits_due()
    assert world.case(number).verifier == world.people["verifier_2"]


def test_check_and_verification_in_time_are_left_alone(world):
    now = clock.now()
    number = world.report(at=now)
    world.perform(number, "request_check", "acceptor", checker=world.people["grid_worker"].pk, at=now)
    tasks.limits_due()
    assert world.case(number).status == "checking"


def test_suspended_case_goes_on_at_its_date(world):
    number = go(world, "handle")
    until = START + timedelta(days=7)
    request = requests.ask(
        number=number, kind="suspend", by=world.actor("department_handler"), reason="待材料", until=until, at=START
    )
    requests.decide(request_id=request, grant=True, by=world.actor("duty_chief"), at=START)
    assert tasks.resume_due() == 1
    case = world.case(number)
    assert (case.status, case.suspended_until) == ("handling", None)
    # resumed late by the machine, counted from the date that was decided
    assert JournalEntry.objects.get(incident=case, action="resume").at == until
    assert tasks.resume_due() == 0


def test_closed_case_that_nobody_rates_is_evaluated_as_not_rated(world):
    number = go(world, "close")
    world.perform(number, "close", "duty_chief", at=START)
    assert tasks.evaluate_due() == 1
    case = world.case(number)
    assert (case.status, case.evaluation) == (Status.EVALUATED, "not_rated")
    recent = go(world, "close")
    world.perform(recent, "close", "duty_chief", at=clock.now() - timedelta(days=6))
    assert tasks.evaluate_due() == 0


def test_request_that_nobody_decides_goes_a_level_up(world):
    number = go(world, "handle")
    requests.ask(number=number, kind="return", by=world.actor("department_handler"), reason="不属我科", at=START)
    assert tasks.decide_requests_due() == 1
    deliver()
    raised = Notice.objects.filter(incident__number=number, topic="request").order_by("entry_seq").last()
    assert raised.user.username.startswith("duty_chief")


def test_tasks_sweep_deliver_tell_and_seal(world):
    escalation.load_file()
    number = world.report(at=START)
    assert tasks.sweep_clocks() == 8
    tasks.deliver_pending()
    told = Notice.objects.filter(incident__number=number) | Notice.objects.filter(topic__startswith="step_digest:")
    assert told.exists()
    assert set(told.values_list("deliveries__state", flat=True)) == {"sent"}
    tasks.make_checkpoint()
    assert not JournalEntry.objects.filter(checkpoint__isnull=True).exists()
    assert journal.verify().is_whole
