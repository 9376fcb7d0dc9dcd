"""Due steps fire once, in sets, each stamped with the time it was due."""

import multiprocessing
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from incidents import clocks, journal, sla, sweep
from incidents.case import clocks_of, with_clocks
from incidents.models import Clock, FiredStep, Incident, JournalEntry
from incidents.services import entry
from tests import processes
from tests.worlds import World

pytestmark = pytest.mark.django_db

spawn = multiprocessing.get_context("spawn")
START = datetime(2026, 3, 2, 1, tzinfo=UTC)  # a Monday, 9:00 in Lanzhou
LATER = START + timedelta(days=30)


def keys(number: str, kind: str | None = None) -> list[tuple[str, int]]:
    found = FiredStep.objects.filter(clock__incident__number=number)
    if kind is not None:
        found = found.filter(clock__kind=kind)
    return list(found.order_by("due_at", "id").values_list("key", "fence"))


def sweep_all(now: datetime, **options: object) -> int:
    total = 0
    while fired := sweep.sweep_due(now=now, **options):
        total += fired
    return total


# --- what is due (pure) -------------------------------------------------------------------------------------------


def step(key: str, minutes: int, fence: int = 1) -> dict[str, object]:
    return {"key": key, "at": (START + timedelta(minutes=minutes)).isoformat(), "fence": fence}


def test_due_steps_are_those_not_after_now():
    steps = [step("warn", 10), step("breach", 20), step("after", 30, 0)]
    due, rest = sweep.due_steps(steps, (), START + timedelta(minutes=20))
    assert [(d.key, d.at) for d in due] == [
        ("warn", START + timedelta(minutes=10)),
        ("breach", START + timedelta(minutes=20)),
    ]
    assert rest == [steps[2]]


def test_due_steps_leave_out_what_fired_before():
    steps = [step("warn", 10, 2), step("after", 30, 0)]
    due, rest = sweep.due_steps(steps, {(0, "after"), (1, "warn")}, START + timedelta(hours=1))
    assert [(d.key, d.fence) for d in due] == [("warn", 2)]
    assert rest == []


# --- one sweeper --------------------------------------------------------------------------------------------------


def test_nothing_fires_before_it_is_due(world):
    number = world.report(at=START)
    assert sweep.sweep_due(now=START) == 0
    assert keys(number) == []


def test_nothing_due_takes_one_statement(world, django_assert_num_queries):
    world.report(at=START)
    with django_assert_num_queries(1):
        assert sweep.sweep_due(now=START) == 0


def test_step_fires_when_due_and_is_stamped_with_that_time(world):
    number = world.report(at=START)
    accept = Clock.objects.get(incident__number=number, kind="accept")
    warned_at = datetime.fromisoformat(accept.steps[0]["at"])
    now = warned_at + timedelta(seconds=40)
    assert sweep.sweep_due(now=now) == 1
    fired = FiredStep.objects.get(clock=accept)
    assert (fired.key, fired.due_at, fired.fired_at, fired.entry_seq) == ("warn", warned_at, now, 2)
    entry = JournalEntry.objects.get(incident__number=number, seq=2)
    assert (entry.action, entry.at, entry.recorded_at, entry.actor_id) == ("step", warned_at, now, None)
    assert entry.payload["steps"] == [
        {"clock": "accept", "cycle": 1, "key": "warn", "fence": 1, "due": warned_at.isoformat()}
    ]
    accept.refresh_from_db()
    assert accept.breached_at is None
    assert accept.next_step_at == accept.due_at


def test_breach_is_stated_at_due_and_the_version_stays(world):
    number = world.report(at=START)
    sweep.sweep_due(now=START + timedelta(minutes=31))
    accept = Clock.objects.get(incident__number=number, kind="accept")
    assert accept.breached_at == accept.due_at == START + timedelta(minutes=30)
    assert keys(number, "accept") == [("warn", 1), ("breach", 1), ("due", 1)]
    assert Incident.objects.get(number=number).version == 1


def test_missed_steps_are_stated_in_one_entry_and_the_chain_holds(world):
    number = world.report(at=START)
    fired = sweep_all(LATER)
    assert fired == 8
    assert keys(number, "accept") == [("warn", 1), ("breach", 1), ("due", 1), ("after_4h", 0)]
    assert keys(number, "total") == [("warn", 1), ("breach", 1), ("due", 1), ("after_4h", 0)]
    entries = JournalEntry.objects.filter(incident__number=number, action="step")
    assert entries.count() == 1
    due = [s["due"] for s in entries.get().payload["steps"]]
    assert due == sorted(due)
    assert journal.verify(number=number).faults == []
    assert not Clock.objects.filter(incident__number=number, next_step_at__isnull=False).exists()
    assert sweep.sweep_due(now=LATER) == 0


def test_batch_takes_the_same_number_of_statements_for_one_case_and_for_ten(world, django_assert_num_queries):
    world.report(at=START)
    # choose, read, fired before; SAVEPOINT, lock, fired, clocks, journal, heads, RELEASE
    with django_assert_num_queries(10):
        sweep.sweep_due(now=LATER)
    for _ in range(10):
        world.report(at=START)
    with django_assert_num_queries(10):
        assert sweep.sweep_due(now=LATER) == 80


def test_milestone_has_its_own_breach_and_leaves_the_clock_alone(world):
    number = world.report(category="0202", at=START)
    world.perform(number, "accept", "acceptor", at=START)
    world.perform(number, "file", "duty_chief", standard="0202-1", at=START)
    world.perform(number, "dispatch", "dispatcher", lead=world.lead(), at=START)
    world.perform(number, "sign", "department_handler", at=START)
    sweep_all(START + timedelta(hours=8))
    assert keys(number, "handle") == [("stop:warn", 1), ("stop:breach", 1), ("stop:due", 1)]
    assert Clock.objects.get(incident__number=number, kind="handle").breached_at is None


def test_warning_comes_again_after_an_extension_and_steps_after_due_do_not(world):
    number = handling(world)
    sweep_all(START + timedelta(hours=9))
    handle = Clock.objects.get(incident__number=number, kind="handle")
    assert keys(number, "handle") == [("warn", 1), ("breach", 1), ("due", 1)]
    sweep_all(START + timedelta(days=2))
    assert keys(number, "handle")[-1] == ("after_4h", 0)
    lengthen(handle)
    handle.refresh_from_db()
    assert handle.due_revision == 2
    sweep_all(LATER)
    assert keys(number, "handle")[4:] == [("warn", 2), ("breach", 2), ("due", 2)]
    handle.refresh_from_db()
    # breached again after the first breach was cured
    assert (handle.breached_at, handle.breach_cured_at) == (handle.due_at, None)
    assert journal.verify(number=number).faults == []


def handling(world: World) -> str:
    number = world.report(at=START)
    world.perform(number, "accept", "acceptor", at=START)
    world.perform(number, "file", "duty_chief", standard="0201-1", at=START)
    world.perform(number, "dispatch", "dispatcher", lead=world.lead(), at=START)
    world.perform(number, "sign", "department_handler", at=START)
    return number


def lengthen(handle: Clock) -> None:
    """What a granted extension does to the clock, with its entry, without the request."""
    incident = with_clocks(Incident.objects.filter(pk=handle.incident_id)).get()
    state = next(c for c in clocks_of(incident) if c.id == handle.pk)
    at = START + timedelta(days=3)
    more = clocks.allowance_of({"unit": "work_hours", "minutes": 40 * 60})
    longer = clocks.extended(state, more, sla.calendars, now=at)
    with transaction.atomic():
        entry.append(incident, kind="exempted", user_id=None, at=at, recorded_at=at, payload={})
        sla.write(clocks.Plan(changed=(longer,)), incident_id=incident.pk, entry_seq=0, actor_id=None)


def test_held_ladder_waits(world):
    number = world.report(at=START)
    accept = Clock.objects.get(incident__number=number, kind="accept")
    now = START + timedelta(hours=1)
    assert sweep_all(now, held=lambda ids: {accept.pk} & set(ids)) == 0
    assert keys(number, "accept") == []
    sweep.disarm(accept.pk)
    assert sweep_all(LATER) == 4
    assert keys(number, "accept") == []
    sweep.arm(accept.pk)
    assert sweep_all(LATER) == 4
    assert keys(number, "accept") == [("warn", 1), ("breach", 1), ("due", 1), ("after_4h", 0)]


def test_clock_that_cannot_be_worked_out_is_pushed_on_and_the_others_fire(world, caplog):
    bad, good = world.report(at=START), world.report(at=START)
    broken = Clock.objects.get(incident__number=bad, kind="accept")
    Clock.objects.filter(pk=broken.pk).update(steps=[{"key": "warn"}])
    assert sweep_all(LATER) == 12
    assert len(keys(good)) == 8
    assert keys(bad, "accept") == []
    broken.refresh_from_db()
    assert broken.next_step_at == LATER + sweep.PUSHED_ON
    assert f"clock {broken.pk} cannot be worked out" in caplog.text
    assert journal.verify().faults == []


def test_case_that_the_database_refuses_is_pushed_on_and_the_others_fire(world, caplog):
    bad, good = world.report(at=START), world.report(at=START)
    broken = Clock.objects.get(incident__number=bad, kind="accept")
    Clock.objects.filter(pk=broken.pk).update(steps=[step("k" * 3, 1, -5)])
    with transaction.atomic():
        assert sweep_all(LATER) >= 8
    assert len(keys(good)) == 8
    assert keys(bad) == []
    broken.refresh_from_db()
    assert broken.next_step_at == LATER + sweep.PUSHED_ON
    assert journal.verify().faults == []


def test_case_that_moved_meanwhile_is_left_to_the_next_batch(world, monkeypatch):
    """A transition between reading and writing is never overwritten."""
    number = world.report(at=START)
    read = sweep._read

    def read_then_accepted(*args):
        cases = read(*args)
        monkeypatch.setattr(sweep, "_read", read)
        world.perform(number, "accept", "acceptor", at=START + timedelta(minutes=40))
        return cases

    monkeypatch.setattr(sweep, "_read", read_then_accepted)
    sweep_all(LATER)
    accept = Clock.objects.get(incident__number=number, kind="accept")
    assert (accept.state, keys(number, "accept")) == ("late", [])
    assert keys(number, "file") == [("warn", 1), ("breach", 1), ("due", 1), ("after_4h", 0)]
    assert journal.verify(number=number).faults == []


# --- several sweepers, and one killed -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_four_sweepers_at_once_fire_each_step_once(world):
    numbers = [world.report(at=START) for _ in range(40)]
    start, results = spawn.Event(), spawn.Queue()
    args = (processes.database_name(), LATER, 7, start, results)
    sweepers = [spawn.Process(target=processes.sweeper, args=args) for _ in range(4)]
    for process in sweepers:
        process.start()
    start.set()
    for process in sweepers:
        process.join()
    assert [process.exitcode for process in sweepers] == [0, 0, 0, 0]
    assert sum(results.get() for _ in sweepers) == 40 * 8 == FiredStep.objects.count()
    for number in numbers:
        assert sorted(keys(number, "accept")) == [("after_4h", 0), ("breach", 1), ("due", 1), ("warn", 1)]
        stated = JournalEntry.objects.filter(incident__number=number, action="step").values_list("payload", flat=True)
        assert sum(len(payload["steps"]) for payload in stated) == 8
    assert journal.verify().faults == []


@pytest.mark.django_db(transaction=True)
def test_sweeper_killed_between_claim_and_commit_loses_and_doubles_nothing(world):
    numbers = [world.report(at=START) for _ in range(5)]
    reached = spawn.Event()
    process = spawn.Process(target=processes.killed_sweeper, args=(processes.database_name(), LATER, reached))
    process.start()
    assert reached.wait(60)
    if connection.vendor == "postgresql":
        # its cases are locked: another sweeper passes over them and waits for nobody
        assert sweep.sweep_due(now=LATER) == 0
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert FiredStep.objects.count() == 0
    while sweep.oldest_due(LATER) is not None:
        sweep.sweep_due(now=LATER)
    assert FiredStep.objects.count() == 40
    for number in numbers:
        assert JournalEntry.objects.filter(incident__number=number).count() == 2
    assert journal.verify().faults == []


@pytest.mark.django_db(transaction=True)
def test_sweepers_and_moving_cases_lose_nothing(world):
    numbers = [world.report(at=START) for _ in range(20)]
    start, results = spawn.Event(), spawn.Queue()
    name = processes.database_name()
    running = [spawn.Process(target=processes.sweeper, args=(name, LATER, 5, start, results)) for _ in range(2)]
    running.append(spawn.Process(target=processes.mover, args=(name, numbers, 5, start)))
    for process in running:
        process.start()
    start.set()
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0, 0, 0]
    while sweep.oldest_due(LATER) is not None:
        sweep.sweep_due(now=LATER)
    assert FiredStep.objects.count() == 160
    assert JournalEntry.objects.filter(action="phone_revealed").count() == 100
    heads = Incident.objects.filter(number__in=numbers).values_list("head_seq", flat=True)
    assert sum(heads) == JournalEntry.objects.count()
    assert journal.verify().faults == []
