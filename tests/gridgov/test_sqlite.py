"""The SQLite backend with real processes and threads, on files of its own."""

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from gridgov.sqlite.base import DatabaseWrapper
from gridgov.sqlite.writelock import WriteLock, for_database

spawn = multiprocessing.get_context("spawn")


def open_database(path: Path, *, timeout: float = 20) -> DatabaseWrapper:
    return DatabaseWrapper({**connection.settings_dict, "NAME": str(path), "OPTIONS": {"timeout": timeout}}, "default")


def begin(database: DatabaseWrapper) -> None:
    database.ensure_connection()
    database.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def end(database: DatabaseWrapper, *, rollback: bool = False) -> None:
    database.rollback() if rollback else database.commit()
    database.set_autocommit(True)


def count_up(path: Path, times: int, errors: "multiprocessing.Queue[str]") -> None:
    database = open_database(path)
    for turn in range(times):
        try:
            if turn % 4 == 3:
                with database.cursor() as cursor:
                    cursor.execute("UPDATE counter SET value = value + 1")
                continue
            begin(database)
            with database.cursor() as cursor:
                cursor.execute("SELECT value FROM counter")
                value = cursor.fetchone()[0]
                cursor.execute("UPDATE counter SET value = %s", [value + 1])
            end(database)
        except DatabaseError as error:
            errors.put(repr(error))
    database.close()


def hold_for_ever(path: Path, holding: object) -> None:
    database = open_database(path)
    begin(database)
    with database.cursor() as cursor:
        cursor.execute("UPDATE counter SET value = 999")
    holding.set()
    time.sleep(600)


@pytest.fixture(autouse=True)
def _own_files(django_db_blocker):
    """These tests open files of their own and need no test database."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "lock.sqlite3"
    database = open_database(file)
    with database.cursor() as cursor:
        cursor.execute("CREATE TABLE counter (value integer NOT NULL CHECK (value >= 0))")
        cursor.execute("INSERT INTO counter VALUES (0)")
    database.close()
    return file


def value_in(path: Path) -> int:
    with sqlite3.connect(path) as plain:
        return plain.execute("SELECT value FROM counter").fetchone()[0]


def test_writers_in_processes_lose_no_update_and_meet_no_locked_database(path):
    errors = spawn.Queue()
    writers = [spawn.Process(target=count_up, args=(path, 100, errors)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = []
    while not errors.empty():
        found.append(errors.get())
    assert found == []
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    assert value_in(path) == 400


def test_writers_in_threads_lose_no_update(path):
    errors = spawn.Queue()
    threads = [threading.Thread(target=count_up, args=(path, 50, errors)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors.empty()
    assert value_in(path) == 400


def test_lock_is_free_after_its_holder_was_killed(path):
    holding = spawn.Event()
    holder = spawn.Process(target=hold_for_ever, args=(path, holding))
    holder.start()
    assert holding.wait(60)
    assert not WriteLock(str(path)).acquire(timeout=0)
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    errors = spawn.Queue()
    count_up(path, 1, errors)
    assert errors.empty()
    assert value_in(path) == 1


def test_wait_beyond_the_timeout_is_an_operational_error(path):
    first, second = open_database(path), open_database(path, timeout=0.05)
    begin(first)
    with pytest.raises(OperationalError, match="database is locked"):
        begin(second)
    with pytest.raises(OperationalError, match="database is locked"), second.cursor() as cursor:
        cursor.execute("UPDATE counter SET value = 1")
    end(first)
    begin(second)
    end(second)
    first.close()
    second.close()


def test_reads_wait_for_no_writer(path):
    writer, reader = open_database(path), open_database(path, timeout=0.05)
    begin(writer)
    with writer.cursor() as cursor:
        cursor.execute("UPDATE counter SET value = 7")
    with reader.cursor() as cursor:
        cursor.execute("SELECT value FROM counter")
        assert cursor.fetchone() == (0,)
    end(writer)
    with reader.cursor() as cursor:
        cursor.execute("SELECT value FROM counter")
        assert cursor.fetchone() == (7,)
    writer.close()
    reader.close()


@pytest.mark.parametrize("way", ["commit", "rollback", "close", "failed statement"])
def test_lock_is_free_after(path, way):
    database = open_database(path)
    begin(database)
    assert not WriteLock(str(path)).acquire(timeout=0)
    if way == "commit":
        end(database)
    elif way == "rollback":
        end(database, rollback=True)
    elif way == "close":
        database.close()
    else:
        with pytest.raises(IntegrityError), database.cursor() as cursor:
            cursor.execute("UPDATE counter SET value = -1")
        end(database, rollback=True)
    other = WriteLock(str(path))
    assert other.acquire(timeout=0)
    other.release()
    database.close()


def test_nested_atomic_keeps_the_lock_until_the_outermost_ends(path, monkeypatch):
    database = open_database(path)
    monkeypatch.setattr("django.db.transaction.get_connection", lambda using=None: database)
    other = WriteLock(str(path))
    with transaction.atomic():
        with transaction.atomic():
            pass
        assert not other.acquire(timeout=0)
    assert other.acquire(timeout=0)
    other.release()
    database.close()


def test_connection_settings(path):
    database = open_database(path)
    with database.cursor() as cursor:
        found = {}
        for pragma in ("journal_mode", "recursive_triggers", "foreign_keys", "synchronous", "busy_timeout"):
            cursor.execute(f"PRAGMA {pragma}")
            found[pragma] = cursor.fetchone()[0]
    assert found == {
        "journal_mode": "wal",
        "recursive_triggers": 1,
        "foreign_keys": 1,
        "synchronous": 1,
        "busy_timeout": 20000,
    }
    database.close()


def test_delete_trigger_fires_for_insert_or_replace(path):
    database = open_database(path)
    with database.cursor() as cursor:
        cursor.execute("CREATE TABLE ledger (id integer PRIMARY KEY, text varchar)")
        cursor.execute(
            "CREATE TRIGGER ledger_keep BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'append-only'); END"
        )
        cursor.execute("INSERT INTO ledger VALUES (1, 'a')")
        with pytest.raises(IntegrityError, match="append-only"):
            cursor.execute("INSERT OR REPLACE INTO ledger VALUES (1, 'b')")
    database.close()


def test_threads_take_turns_in_the_order_they_came(path):
    lock = WriteLock(str(path))
    lock.acquire(timeout=0)
    order = []

    def wait(name: int) -> None:
        assert lock.acquire(timeout=20)
        order.append(name)
        lock.release()

    threads = []
    for name in range(6):
        thread = threading.Thread(target=wait, args=(name,))
        thread.start()
        while len(lock._queue._waiting) <= name:
            pass
        threads.append(thread)
    lock.release()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4, 5]


def test_thread_that_gives_up_leaves_the_queue(path):
    lock = WriteLock(str(path))
    lock.acquire(timeout=0)
    assert not lock.acquire(timeout=0.01)
    lock.release()
    assert lock.acquire(timeout=0)
    lock.release()


def test_one_lock_a_file_however_it_is_named(path):
    assert for_database(str(path)) is for_database(str(path.parent / "." / path.name))


def test_forked_child_does_not_inherit_the_lock(path):
    lock = for_database(str(path))
    lock.acquire(timeout=1)
    child = os.fork()
    if child == 0:
        os._exit(1 if for_database(str(path)).acquire(timeout=0) else 0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    # The child's end did not free the parent's lock.
    assert not WriteLock(str(path)).acquire(timeout=0)
    lock.release()
