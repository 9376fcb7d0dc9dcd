"""What tests run in processes of their own, on the database of the test. Importing it makes Django ready."""

import os
import threading
from datetime import datetime
from typing import Any

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import connection, connections, transaction

from dispatch import delivery, escalation
from gridgov.common import clock, turns
from incidents import sweep
from incidents.models import Incident, JournalEntry
from incidents.services import entry


def database_name() -> str:
    """The test database, to be passed to the child."""
    return str(connection.settings_dict["NAME"])


def use(database: str) -> None:
    """This process works on that database."""
    connections.databases["default"]["NAME"] = database


def sweeper(database: str, now: datetime, limit: int, start: Any, results: Any) -> None:
    """Sweeps until nothing is due; how many steps it fired goes to ``results``."""
    use(database)
    start.wait(60)
    found = 0
    while sweep.oldest_due(now) is not None:
        found += escalation.sweep(now=now, limit=limit)
    results.put(found)
    connection.close()


def killed_sweeper(database: str, now: datetime, reached: Any) -> None:
    """Sweeps up to the moment before the commit, and stays there with everything written and locked."""
    use(database)
    write_heads = sweep._write_heads

    def stop(stated: Any) -> None:
        write_heads(stated)
        reached.set()
        threading.Event().wait(600)

    sweep._write_heads = stop
    sweep.sweep_due(now=now)


def mover(database: str, numbers: list[str], turns: int, start: Any) -> None:
    """Appends to the journal of each case again and again, as every move does."""
    use(database)
    start.wait(60)
    for turn in range(turns):
        for number in numbers:
            _append(number, turn)
    connection.close()


def _append(number: str, turn: int) -> None:
    at = clock.now()
    while True:
        incident = Incident.objects.get(number=number)
        with transaction.atomic():
            facts = {"turn": turn}
            if entry.append(incident, kind="phone_revealed", user_id=None, at=at, recorded_at=at, payload=facts):
                return


def deliverer(database: str, limit: int, start: Any, results: Any) -> None:
    """Delivers until nothing waits; what it saw goes to ``results``."""
    use(database)
    seen: list[tuple[str, int]] = []

    def receive(entries: Any) -> list[Any]:
        seen.extend((one.number, one.seq) for one in entries)
        return []

    start.wait(60)
    while JournalEntry.objects.filter(delivered_at__isnull=True).exists():
        delivery.deliver_pending(receive=receive, limit=limit)
    results.put(seen)
    connection.close()


def killed_deliverer(database: str, reached: Any) -> None:
    """Takes what waits, and stays with it."""
    use(database)

    def receive(entries: Any) -> list[Any]:
        reached.set()
        threading.Event().wait(600)
        return []

    delivery.deliver_pending(receive=receive)


def died_alone(database: str, name: str) -> None:
    """Ends in the middle of its turn, as a killed process does: with 3 if it had one."""
    use(database)
    with turns.alone(name) as mine:
        os._exit(3 if mine else 4)
