"""Many clocks falling due in one instant: how long until every step has fired, with how many sweepers.

    DATABASE_URL=postgres://…/an_empty_database python -m benchmarks.sweep --armed 1000000 --due 10000 --sweepers 2

Makes the city of the tests in an **empty** database, copies one case as often as needed (each with an accept and a
total clock, of which accept is due), and starts the sweepers as processes. Fired rows are counted: none may be lost or
doubled. With ``--moves`` another process moves cases at the same time, as transitions do.
"""

import argparse
import json
import multiprocessing
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()

from django.core.management import call_command
from django.db import connection, transaction

from dispatch import escalation
from incidents import sweep
from incidents.models import Clock, FiredStep, Incident
from incidents.services import entry
from tests.worlds import make_world

START = datetime(2026, 3, 2, 1, tzinfo=UTC)
NOW = START + timedelta(minutes=23)  # the warning of accept is due, nothing else
FAR = "2090-01-01T00:00:00+00:00"


def _columns(model: Any, *without: str) -> list[str]:
    return [f.column for f in model._meta.concrete_fields if f.column not in ("id", *without)]


def _series(count: int) -> str:
    if connection.vendor == "postgresql":
        return f"SELECT n FROM generate_series(1, {count}) AS s(n)"  # noqa: S608
    return f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s"  # noqa: S608


def fill(armed: int, due: int) -> None:
    """``armed`` clocks of which ``due`` are due at NOW, one of each case's two."""
    world = make_world()
    template = Incident.objects.get(number=world.report(at=START))
    cases = max(due, armed // 2)
    columns = _columns(Incident, "number")
    names = ", ".join(f't."{c}"' for c in columns)
    plain = ", ".join(f'"{c}"' for c in columns)
    clock_columns = _columns(Clock, "incident_id")
    clock_names = ", ".join(f't."{c}"' for c in clock_columns)
    clock_plain = ", ".join(f'"{c}"' for c in clock_columns)
    with transaction.atomic(), connection.cursor() as cursor:
        text = "'B' || CAST(n.n AS text)" if connection.vendor == "postgresql" else "'B' || n.n"
        cursor.execute(
            f"INSERT INTO incidents_incident (number, {plain}) "  # noqa: S608
            f"SELECT {text}, {names} FROM incidents_incident t, ({_series(cases)}) n WHERE t.id = %s",
            [template.pk],
        )
        cursor.execute(
            f"INSERT INTO incidents_clock (incident_id, {clock_plain}) "  # noqa: S608
            f"SELECT i.id, {clock_names} FROM incidents_clock t, incidents_incident i "
            "WHERE t.incident_id = %s AND i.id <> %s ORDER BY i.id",
            [template.pk, template.pk],
        )
        # what is not to fall due lies far ahead
        last_due = Incident.objects.exclude(pk=template.pk).order_by("pk").values_list("pk", flat=True)[due - 1]
        cursor.execute(
            "UPDATE incidents_clock SET next_step_at = %s WHERE incident_id > %s OR incident_id = %s",
            [datetime.fromisoformat(FAR), last_due, template.pk],
        )
        cursor.execute("ANALYZE")


def sweeper(number: int, start: Any, results: Any) -> None:
    """One process: sweeps until nothing is due."""
    start.wait()
    began, used, fired = time.perf_counter(), time.process_time(), 0
    while sweep.oldest_due(NOW) is not None:
        fired += escalation.sweep(now=NOW)
    results.put((number, fired, time.perf_counter() - began, time.process_time() - used))


def mover(start: Any, stop: Any, results: Any) -> None:
    """Appends to one due case after another, as fast as it can: a transition's guarded update and its entry."""
    start.wait()
    moved = lost = 0
    for pk in Incident.objects.order_by("pk").values_list("pk", flat=True)[1:].iterator():
        if stop.is_set():
            break
        with transaction.atomic():
            incident = Incident.objects.get(pk=pk)
            if entry.append(incident, kind="phone_revealed", user_id=None, at=NOW, recorded_at=NOW, payload={}):
                moved += 1
            else:
                lost += 1
    results.put((moved, lost))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--armed", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=10_000)
    parser.add_argument("--sweepers", type=int, default=2)
    parser.add_argument("--moves", action="store_true")
    given = parser.parse_args()
    call_command("migrate", verbosity=0, interactive=False)
    if Incident.objects.exists():
        raise SystemExit("the database is not empty")
    fill(given.armed, given.due)
    connection.close()
    context = multiprocessing.get_context("spawn")
    start, stop = context.Event(), context.Event()
    results, moves = context.Queue(), context.Queue()
    running = [context.Process(target=sweeper, args=(n, start, results)) for n in range(given.sweepers)]
    moving = [context.Process(target=mover, args=(start, stop, moves))] if given.moves else []
    for process in (*running, *moving):
        process.start()
    time.sleep(5)  # until all have imported what they need
    start.set()
    found = sorted(results.get() for _ in running)
    stop.set()
    for process in (*running, *moving):
        process.join()
    total, seconds = sum(row[1] for row in found), max(row[2] for row in found)
    print(f"{connection.vendor}: {Clock.objects.filter(next_step_at__isnull=False).count()} armed clocks left")
    for number, fired, took, used in found:
        print(f"  sweeper {number}: {fired} steps in {took:.2f} s, of which {used:.2f} s of its own processor time")
    said = {
        "benchmark": "sweep", "database": connection.vendor, "armed": given.armed, "due": given.due,
        "sweepers": given.sweepers, "seconds": round(seconds, 2), "steps": total, "per_s": round(total / seconds),
        "rows": FiredStep.objects.count(), "cpu_s": round(sum(row[3] for row in found), 2), "aim_s": 5.0,
        "meets": seconds < 5.0,
    }  # fmt: skip
    if given.moves:
        said |= dict(zip(("moved_meanwhile", "lost_to_the_guard"), moves.get(), strict=True))
    print(json.dumps(said))
    if total != FiredStep.objects.count():
        raise SystemExit("steps were lost or doubled")


if __name__ == "__main__":
    main()
