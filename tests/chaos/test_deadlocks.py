"""What a deadlock ended begins again; on PostgreSQL, for on SQLite there is none."""

import threading

import pytest
from django.db import connection, connections, transaction

from gridgov.common import deadlocks
from incidents.models import Incident, JournalEntry
from tests.dispatch.audit import audit

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="only PostgreSQL has deadlocks"),
]


def touched(pk: int) -> None:
    Incident.objects.filter(pk=pk).update(supervision_level=1)


def in_a_thread(work) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_two_that_wait_for_each_other_both_get_done(world):
    first, second = (world.case(world.report()).pk for _case in range(2))
    met, begun = threading.Barrier(2), []

    def work(one: int, other: int) -> None:
        begun.append(one)
        with transaction.atomic():
            touched(one)
            if len(begun) <= 2:
                met.wait(20)
            touched(other)

    other = in_a_thread(lambda: deadlocks.begun_again(lambda: work(second, first)))
    deadlocks.begun_again(lambda: work(first, second))
    other.join(30)
    assert not other.is_alive()
    assert len(begun) == 3  # one of them twice
    assert set(Incident.objects.values_list("supervision_level", flat=True)) == {1}


def test_deadlock_within_a_transaction_of_others_is_not_ours_to_begin_again(world):
    with transaction.atomic():
        error = deadlocks.OperationalError()
        error.__cause__ = type("Deadlock", (Exception,), {"pgcode": "40P01"})()
        assert deadlocks.is_deadlock(error)
        assert not deadlocks.may_begin_again(error)
    assert deadlocks.may_begin_again(error)


def test_merge_that_a_deadlock_ended_is_done_all_the_same(world):
    """Somebody locks the child, then the main case; a merge locks them in the order of their ids."""
    parent, child = world.report(), world.report()
    parent_pk, child_pk = world.case(parent).pk, world.case(child).pk
    assert parent_pk < child_pk
    has_child, merging = threading.Event(), threading.Event()

    def other_way() -> None:
        with transaction.atomic():
            touched(child_pk)
            has_child.set()
            assert merging.wait(20)
            touched(parent_pk)

    thread = in_a_thread(lambda: deadlocks.begun_again(other_way))
    assert has_child.wait(20)
    backend = _backend()

    def tell_when_it_waits() -> None:
        with connection.cursor() as cursor:
            while True:
                cursor.execute("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [backend])
                if cursor.fetchone()[0]:
                    merging.set()
                    return

    watcher = in_a_thread(tell_when_it_waits)
    world.perform(child, "merge", "acceptor", into=parent)
    for each in (thread, watcher):
        each.join(30)
        assert not each.is_alive()
    assert audit(child).status == "merged"
    assert JournalEntry.objects.filter(incident=child_pk, action="merge").count() == 1
    assert set(Incident.objects.values_list("supervision_level", flat=True)) == {1}


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_rows_are_locked_in_the_order_of_their_ids(world):
    pks = [world.case(world.report()).pk for _case in range(3)]
    with transaction.atomic():
        touched(pks[0])
        locked: list[int] = []

        def lock_all() -> None:
            with transaction.atomic():
                deadlocks.lock(Incident.objects.filter(pk__in=reversed(pks)))
                locked.extend(pks)

        thread = in_a_thread(lock_all)
        # of this database: other tests wait in others
        waits = """
            SELECT count(*) FROM pg_locks w WHERE NOT w.granted AND EXISTS (SELECT FROM pg_locks o
            WHERE o.pid = w.pid AND o.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
        """
        with connection.cursor() as cursor:
            while cursor.execute(waits) or cursor.fetchone() == (0,):
                pass
        # it waits for the first and holds none of the others
        free = Incident.objects.filter(pk__in=pks[1:]).order_by("pk").select_for_update(nowait=True)
        assert list(free.values_list("pk", flat=True)) == pks[1:]
        assert locked == []
    thread.join(30)
    assert locked == pks
