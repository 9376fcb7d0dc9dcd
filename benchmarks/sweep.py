"""Many clocks falling due in one instant: how long until every step has fired, with how many sweepers.

    DATABASE_URL=postgres://…/an_empty_one python -m benchmarks.sweep --armed 1000000 --due 10000 --sweepers 2 \
        --moves 20

Makes the city of the tests in an **empty** database, copies one case as often as needed (each with an accept and a
total clock, of which accept is due), and starts the sweepers as processes. With ``--moves`` another process accepts so
many cases a second meanwhile through the loop, every other one with a step that is due. Each due step must have fired
once, or its clock have been stopped by such a move before; nothing may have ended in a deadlock. ``seconds``: from the
moment at which all begin to the end of the last sweeper. Prints a line of JSON last; exits 1 where any of it is not so
or the aim is missed.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()

from django.core.management import call_command
from django.db import connection, connections, transaction

from dispatch import escalation, loop
from dispatch.actors import actor_of
from gridgov.common.models import User
from incidents import sweep
from incidents.models import Clock, FiredStep, Incident, JournalEntry
from tests.worlds import make_world

START = datetime(2026, 3, 2, 1, tzinfo=UTC)
NOW = START + timedelta(minutes=23)  # the warning of accept is due, nothing else
MOST_MOVED = 2_000
FAR = "2090-01-01T00:00:00+00:00"


def _columns(model: Any, *without: str) -> list[str]:
    return [f.column for f in model._meta.concrete_fields if f.column not in ("id", *without)]


def _series(count: int) -> str:
    if connection.vendor == "postgresql":
        return f"SELECT n FROM generate_series(1, {count}) AS s(n)"  # noqa: S608 - numbers and names of columns
    return f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s"  # noqa: S608 - numbers and names of columns


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
    with transaction.atomic(), connection.cursor() as cursor, without_indexes(cursor):
        text = "'B' || CAST(n.n AS text)" if connection.vendor == "postgresql" else "'B' || n.n"
        cursor.execute(
            f"INSERT INTO incidents_incident (number, {plain}) "  # noqa: S608 - numbers and names of columns
            f"SELECT {text}, {names} FROM incidents_incident t, ({_series(cases)}) n WHERE t.id = %s",
            [template.pk],
        )
        cursor.execute("SELECT min(id) FROM incidents_incident WHERE id <> %s", [template.pk])
        # what is not to fall due lies far ahead
        last_due = cursor.fetchone()[0] + due - 1
        clock_names = clock_names.replace(
            't."next_step_at"', f"CASE WHEN i.id <= {last_due} THEN t.next_step_at ELSE %s END"
        )
        cursor.execute(
            f"INSERT INTO incidents_clock (incident_id, {clock_plain}) "  # noqa: S608 - numbers and names of columns
            f"SELECT i.id, {clock_names} FROM incidents_clock t, incidents_incident i "
            "WHERE t.incident_id = %s AND i.id <> %s ORDER BY i.id",
            [datetime.fromisoformat(FAR), template.pk, template.pk],
        )
        cursor.execute(
            "UPDATE incidents_clock SET next_step_at = %s WHERE incident_id = %s",
            [datetime.fromisoformat(FAR), template.pk],
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


@contextlib.contextmanager
def without_indexes(cursor: Any) -> Iterator[None]:
    """On PostgreSQL the rows go in past indexes and foreign keys; the indexes are made afterwards, all at once."""
    if connection.vendor != "postgresql":
        yield
        return
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('incidents_incident', 'incidents_clock') "
        "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = (quote_ident(indexname))::regclass)"
    )
    found = cursor.fetchall()
    cursor.execute("SET LOCAL session_replication_role = replica")
    cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
    for name, _definition in found:
        cursor.execute(f'DROP INDEX "{name}"')
    yield
    for _name, definition in found:
        cursor.execute(definition)


def use(database: str) -> None:
    """This process, which was begun by another, works on the other's database: on SQLite each would have its own."""
    connections.databases["default"]["NAME"] = database


def sweeper(database: str, number: int, start: Any, results: Any) -> None:
    """One process: sweeps until nothing is due."""
    use(database)
    start.wait()
    began, used, fired = time.perf_counter(), time.process_time(), 0
    while sweep.oldest_due(NOW) is not None:
        fired += escalation.sweep(now=NOW)
    results.put((number, fired, time.perf_counter() - began, time.process_time() - used))


def mover(database: str, rate: float, due: int, start: Any, stop: Any, results: Any) -> None:
    """Accepts ``rate`` cases a second through the loop, by turns one with a due step and one without.

    Where one kind has run out the other goes on; where both have, it is done.
    """
    use(database)
    by = actor_of(User.objects.get(username="acceptor"))
    ordered = Incident.objects.order_by("pk").values_list("number", flat=True)
    waiting = list(ordered[1 : due + 1])
    numbers = list(ordered[max(due + 1, ordered.count() - MOST_MOVED) :])
    random.Random(1).shuffle(waiting)
    loop.read((numbers or waiting)[-1], by)
    start.wait()
    began, moved, took = time.perf_counter(), 0, list[float]()
    while not stop.is_set() and (numbers or waiting):
        pair = (waiting or numbers) if moved % 2 else (numbers or waiting)
        asked = time.perf_counter()
        loop.perform(number=pair.pop(), action="accept", by=by, at=NOW)
        took.append(time.perf_counter() - asked)
        moved += 1
        time.sleep(max(0.0, began + moved / rate - time.perf_counter()))
    results.put((moved, sorted(took)[len(took) // 2] if took else 0.0, max(took, default=0.0)))


def deadlocks() -> int:
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--armed", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=10_000)
    parser.add_argument("--sweepers", type=int, default=2)
    parser.add_argument("--moves", type=float, default=0, help="cases accepted a second meanwhile")
    given = parser.parse_args()
    call_command("migrate", verbosity=0, interactive=False)
    if Incident.objects.exists():
        raise SystemExit("the database is not empty")
    filling = time.perf_counter()
    fill(given.armed, given.due)
    print(f"filled in {time.perf_counter() - filling:.0f} s")
    connection.close()
    database = str(connection.settings_dict["NAME"])
    context = multiprocessing.get_context("spawn")
    # nobody begins before all have imported what they need
    start, stop = context.Barrier(given.sweepers + bool(given.moves) + 1), context.Event()
    results, moves = context.Queue(), context.Queue()
    running = [context.Process(target=sweeper, args=(database, n, start, results)) for n in range(given.sweepers)]
    of_mover = (database, given.moves, given.due, start, stop, moves)
    moving = [context.Process(target=mover, args=of_mover)] if given.moves else []
    for process in (*running, *moving):
        process.start()
    start.wait(120)
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
        said |= dict(zip(("accepted_meanwhile", "median_s", "longest_s"), moves.get(), strict=True))
    left = Clock.objects.filter(next_step_at__lte=NOW).count()
    stopped = JournalEntry.objects.filter(action="accept", incident__in=_due_cases(given.due))
    unfired = stopped.exclude(incident__in=FiredStep.objects.values("clock__incident")).count()
    print(json.dumps(said | {"left": left, "stopped_by_a_move": unfired, "deadlocks": deadlocks()}))
    if left or total != FiredStep.objects.count() or total + unfired != given.due or deadlocks():
        raise SystemExit("steps were lost or doubled, or something ended in a deadlock")
    if not said["meets"]:
        raise SystemExit(1)


def _due_cases(due: int) -> Any:
    return Incident.objects.order_by("pk").values("pk")[1 : due + 1]


if __name__ == "__main__":
    main()
