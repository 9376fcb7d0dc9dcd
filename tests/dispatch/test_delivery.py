"""The outbox: at least once, in order for each case, parked where it fails, released by a person."""

import multiprocessing
import os
import signal
import threading
from datetime import timedelta

import pytest
from django.db import connection

from dispatch import delivery
from dispatch.models import Notice
from dispatch.notify import Told
from dispatch.tasks import poker
from gridgov.common import clock, wake
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from incidents import journal
from incidents.models import Incident, JournalEntry
from incidents.signals import incident_changed
from tests import processes

pytestmark = pytest.mark.django_db
spawn = multiprocessing.get_context("spawn")


class Receiver:
    """Takes down what it is given, and fails where it is told to."""

    def __init__(self, *fails: tuple[str, int]) -> None:
        self.seen: list[tuple[str, int]] = []
        self.rounds: list[int] = []
        self.fails = set(fails)

    def __call__(self, entries):
        self.rounds.append(len(entries))
        for entry in entries:
            if (entry.number, entry.seq) in self.fails:
                raise ValueError(f"no {entry.seq}")
        self.seen += [(entry.number, entry.seq) for entry in entries]
        return []


def deliver(receive, **options) -> delivery.Delivery:
    return delivery.deliver_pending(receive=receive, **options)


def due_again() -> None:
    """What waits for its next try is due."""
    waiting = JournalEntry.objects.filter(delivered_at__isnull=True, parked_at__isnull=True)
    waiting.update(next_try_at=clock.now() - timedelta(seconds=1))


def seqs(receiver: Receiver, number: str) -> list[int]:
    return [seq for n, seq in receiver.seen if n == number]


def test_entries_arrive_in_order_and_once(world):
    first, second = world.carry("filed"), world.carry("accepted")
    receiver = Receiver()
    done = deliver(receiver)
    assert (done.delivered, done.failed) == (5, 0)
    assert seqs(receiver, first) == [1, 2, 3]
    assert seqs(receiver, second) == [1, 2]
    assert receiver.rounds == [2, 2, 1]
    assert deliver(receiver).delivered == 0
    assert not JournalEntry.objects.filter(delivered_at__isnull=True).exists()


def test_nothing_to_deliver_takes_one_statement_and_writes_nothing(world, django_assert_num_queries):
    world.report()
    deliver(Receiver())
    with django_assert_num_queries(1):
        deliver(Receiver())


def test_delivering_takes_as_many_statements_for_twenty_cases_as_for_one(world, django_assert_max_num_queries):
    for _ in range(20):
        world.report()
    # on PostgreSQL the rows are locked before they are written, in the order of their ids
    most = 15 if connection.vendor == "postgresql" else 14
    with django_assert_max_num_queries(most):
        assert deliver(Receiver()).delivered == 20


def test_entry_at_fault_holds_up_its_case_alone(world):
    bad, good = world.carry("filed"), world.carry("filed")
    receiver = Receiver((bad, 2))
    done = deliver(receiver)
    assert (done.delivered, done.failed) == (4, 1)
    assert seqs(receiver, good) == [1, 2, 3]
    assert seqs(receiver, bad) == [1]
    entry = JournalEntry.objects.get(incident__number=bad, seq=2)
    assert (entry.attempt_count, entry.last_error, entry.parked_at) == (1, "ValueError: no 2", None)
    assert timedelta(seconds=3) < entry.next_try_at - clock.now() <= timedelta(seconds=5)
    assert deliver(receiver).delivered == 0
    receiver.fails.clear()
    due_again()
    assert deliver(receiver).delivered == 2
    assert seqs(receiver, bad) == [1, 2, 3]


def test_pauses_grow_and_the_eighth_failure_parks(world):
    number = world.report()
    receiver = Receiver((number, 1))
    pauses = []
    for _ in range(delivery.TRIES):
        due_again()
        deliver(receiver)
        entry = JournalEntry.objects.get(incident__number=number)
        pauses.append(entry.next_try_at and round((entry.next_try_at - clock.now()).total_seconds()))
    assert pauses == [5, 10, 20, 40, 80, 160, 320, None]
    assert entry.parked_at is not None
    assert delivery.parked_count() == 1


def park(number: str, seq: int) -> JournalEntry:
    JournalEntry.objects.filter(incident__number=number, seq__lt=seq).update(delivered_at=clock.now())
    entry = JournalEntry.objects.get(incident__number=number, seq=seq)
    JournalEntry.objects.filter(pk=entry.pk).update(
        parked_at=clock.now(), attempt_count=8, next_try_at=None, last_error="x"
    )
    return entry


def test_parked_entry_keeps_its_place_until_it_is_released(world):
    number, other = world.carry("filed"), world.carry("filed")
    entry = park(number, 2)
    receiver = Receiver()
    deliver(receiver)
    assert seqs(receiver, number) == []
    assert seqs(receiver, other) == [1, 2, 3]
    delivery.release(entry_id=entry.pk, by=world.actor("duty_chief"), reason="已修复")
    deliver(receiver)
    assert seqs(receiver, number) == [2, 3, 4]
    last = JournalEntry.objects.get(incident__number=number, seq=4)
    assert (last.action, last.payload, last.text) == ("entry_released", {"entry": 2}, "已修复")
    assert (last.actor, last.actor_role) == (world.people["duty_chief"], "duty_chief")
    assert world.case(number).version == 3
    assert journal.verify(number=number).faults == []


def test_release_is_for_who_operates_the_loop_there_and_wants_a_reason(world):
    number = world.report()
    entry = park(number, 1)
    with pytest.raises(NotPermitted) as refused:
        delivery.release(entry_id=entry.pk, by=world.actor("duty_chief_b"), reason="x")
    assert refused.value.missing == "operate_loop"
    with pytest.raises(FieldError) as empty:
        delivery.release(entry_id=entry.pk, by=world.actor("duty_chief"), reason=" ")
    assert empty.value.field == "reason"
    with pytest.raises(NotFound):
        delivery.release(entry_id=0, by=world.actor("duty_chief"), reason="x")
    delivery.release(entry_id=entry.pk, by=world.actor("duty_chief"), reason="x")
    with pytest.raises(Conflict):
        delivery.release(entry_id=entry.pk, by=world.actor("duty_chief"), reason="x")
    assert JournalEntry.objects.filter(action="entry_released").count() == 1


def test_case_that_another_deliverer_holds_is_passed_over(world):
    number = world.report()
    incident_id = world.case(number).pk
    assert delivery._take([incident_id], "other") == [incident_id]
    receiver = Receiver()
    assert deliver(receiver).delivered == 0
    assert world.case(number).deliver_lease == "other"
    # by the database's clock the lease ran out
    Incident.objects.filter(pk=incident_id).update(deliver_until=clock.now() - timedelta(seconds=1))
    assert deliver(receiver).delivered == 1
    case = world.case(number)
    assert (case.deliver_lease, case.deliver_until) == ("", None)


def test_what_another_deliverer_stamped_first_is_not_told_twice(world):
    number = world.report()
    user = world.people["acceptor_2"]

    def receive(entries):
        JournalEntry.objects.filter(pk__in=[e.id for e in entries]).update(delivered_at=clock.now())
        return [Told(user.pk, e.incident_id, e.seq, "test", "x") for e in entries]

    assert deliver(receive).delivered == 0
    assert Notice.objects.count() == 0
    assert world.case(number).deliver_lease == ""


def test_notices_are_stored_with_the_stamp(world):
    world.report()
    user = world.people["acceptor_2"]
    done = deliver(lambda entries: [Told(user.pk, e.incident_id, e.seq, "test", "说明") for e in entries])
    assert (done.delivered, done.told) == (1, 1)
    notice = Notice.objects.get()
    assert (notice.user, notice.text, notice.deliveries.get().state) == (user, "说明", "pending")


def test_entry_made_by_a_receiver_is_delivered_in_the_same_call(world):
    number = world.report()
    receiver = Receiver()

    def receive(entries):
        if entries[0].action == "report":
            world.perform(number, "accept", "acceptor")
        return receiver(entries)

    assert deliver(receive).delivered == 2
    assert seqs(receiver, number) == [1, 2]


# --- several deliverers, and one killed ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_three_deliverers_at_once_bring_every_entry_in_order(world):
    numbers = [world.carry("filed") for _ in range(12)]
    start, results = spawn.Event(), spawn.Queue()
    args = (processes.database_name(), 5, start, results)
    running = [spawn.Process(target=processes.deliverer, args=args) for _ in range(3)]
    for process in running:
        process.start()
    start.set()
    seen = [pair for _ in running for pair in results.get()]
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0, 0, 0]
    assert sorted(seen) == sorted((number, seq) for number in numbers for seq in (1, 2, 3))
    stamps = JournalEntry.objects.order_by("incident", "seq").values_list("incident", "delivered_at")
    assert list(stamps) == sorted(stamps)


@pytest.mark.django_db(transaction=True)
def test_deliverer_killed_at_work_loses_nothing(world):
    number = world.report()
    reached = spawn.Event()
    process = spawn.Process(target=processes.killed_deliverer, args=(processes.database_name(), reached))
    process.start()
    assert reached.wait(60)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    receiver = Receiver()
    assert deliver(receiver).delivered == 0  # its lease has not run out
    Incident.objects.update(deliver_until=clock.now() - timedelta(seconds=1))
    assert deliver(receiver).delivered == 1
    assert receiver.seen == [(number, 1)]


# --- the poke -----------------------------------------------------------------------------------------------------


def test_pokes_are_gathered_and_none_is_lost():
    sent, go = [], threading.Event()

    def send():
        go.wait(30)
        sent.append(1)
        done.set()

    done = threading.Event()
    own = delivery.Poker(send, pause=0)
    for _ in range(50):
        own.poke(incident_id=1, seq=1)
    go.set()
    assert done.wait(30)
    assert len(sent) <= 2
    done.clear()
    own.poke()
    assert done.wait(30)


def test_poke_that_cannot_be_sent_is_logged_and_the_next_is_tried(caplog):
    tried = threading.Semaphore(0)

    def send():
        tried.release()
        raise OSError("no broker")

    own = delivery.Poker(send, pause=0)
    for _ in range(2):
        own.poke()
        assert tried.acquire(timeout=30)


def test_app_pokes_on_commit_and_on_change_by_others():

    assert poker.poke in wake._listeners
    assert any(ref == poker.poke for _key, ref, *_ in incident_changed.receivers)
