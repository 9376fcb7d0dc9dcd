"""Listeners, and the watcher that calls them for commits of other connections."""

import sqlite3
import threading

import pytest
from django.db import connection

from gridgov.common import wake
from gridgov.sqlite.watcher import Watcher


@pytest.fixture
def listen():
    added = []

    def add(listener):
        added.append(wake.on_change(listener))
        return listener

    yield add
    for listener in added:
        wake.forget(listener)


def test_listener_is_called_once_a_change_however_often_it_registers(listen):
    calls = []
    listener = lambda: calls.append(1)  # noqa: E731
    listen(listener)
    listen(listener)
    wake.changed()
    assert calls == [1]


def test_failing_listener_is_logged_and_stops_no_other(listen, caplog):
    calls = []

    def fail():
        raise ValueError("broken")

    listen(fail)
    listen(lambda: calls.append(1))
    wake.changed()
    assert calls == [1]
    assert "broken" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL deployments have Redis")
def test_watcher_notices_a_commit_of_another_connection():
    name = connection.settings_dict["NAME"]
    noticed = threading.Semaphore(0)
    watcher = Watcher(noticed.release, seconds=0.01)
    watcher.start()
    try:
        # The first reading counts as a change: what came before the watcher is looked at too.
        assert noticed.acquire(timeout=20)
        with sqlite3.connect(name, timeout=20) as other:
            other.execute("CREATE TABLE wake_probe (n integer)")
        assert noticed.acquire(timeout=20)
        with sqlite3.connect(name, timeout=20) as other:
            other.execute("SELECT count(*) FROM wake_probe").fetchone()
        assert not noticed.acquire(timeout=0.1)
    finally:
        watcher.stop()
        with sqlite3.connect(name, timeout=20) as other:
            other.execute("DROP TABLE IF EXISTS wake_probe")
