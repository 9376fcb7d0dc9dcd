"""Load, kills at random points, recovery, and the auditor: ``python -m tests.chaos.run --runs 1 --requests 300``.

Each run has a deployment of its own on a fresh copy of the city. Kills come after so many answered requests, chosen
from the seed: web, workers, beat and streams (with all their children or one child alone), Redis killed or emptied,
PostgreSQL killed with everything it had in memory. Afterwards all parts are up again, and within PATIENCE everything
has followed that follows by itself. One line of JSON a run; ends with 1 if anything was lost, doubled, left standing,
late (p99 of the steps LATE_SECONDS after recovery), answered with a 5xx while PostgreSQL was up, or with another one
than 503 while it was not.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2

from scripts import programs, services
from tests.chaos.client import Load, once
from tests.chaos.fleet import Cluster, Fleet, in_city, now, seeded

PATIENCE = 180
LATE_SECONDS = 60.0
BACKLOG = 120
#: A kill each so many requests, on average.
KILL_EACH = 60
VICTIMS = ("web1", "web2", "worker1", "worker2", "beat", "live", "redis", "flush", "postgres")
#: A sweep comes each 2 s: what fell due so shortly before an outage is hit by it.
BEFORE = timedelta(seconds=5)
#: A web process finds its database gone for a moment after it is back.
AFTER = timedelta(seconds=3)
_UNSETTLED = """
SELECT (SELECT count(*) FROM incidents_journalentry WHERE delivered_at IS NULL AND parked_at IS NULL),
       (SELECT count(*) FROM incidents_clock WHERE next_step_at <= now()),
       (SELECT count(*) FROM dispatch_noticedelivery WHERE state = 'pending'),
       (SELECT count(*) FROM incidents_journalentry WHERE checkpoint_id IS NULL
        AND recorded_at < now() - interval '90 s')
"""
_DOUBLED = """
SELECT description, count(*) FROM incidents_incident WHERE description LIKE 'chaos-%' GROUP BY description
HAVING count(*) > 1
"""


@dataclass(frozen=True, slots=True)
class Outage:
    """A part was not there, from then until it answered again."""

    part: str
    began: datetime
    ended: datetime


@dataclass
class Result:
    """What one run came to."""

    seed: int
    requests: int
    kills: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    load_seconds: float = 0.0
    recovery_seconds: float = 0.0
    cases: int = 0
    entries: int = 0
    steps: int = 0
    notices: int = 0
    lateness_p99: float = 0.0
    lateness_max: float = 0.0
    faults_in_outages: int = 0
    deadlocks: int = 0
    violations: list[str] = field(default_factory=list)


def one_run(cluster: Cluster, template: str, known: dict[str, Any], seed: int, requests: int, folder: Path) -> Result:
    """The run of that seed; ``folder`` keeps its logs and the client's journal."""
    began, result, dice = time.monotonic(), Result(seed, requests), random.Random(seed)
    for part in (cluster.postgres, cluster.redis):
        if not part.is_up:
            cluster.put_up(part)
    cluster.broker.flushall()
    database = services.database(cluster.address, f"chaos_{seed}", template=template)
    fleet = Fleet(cluster, database, folder)
    path = folder / "accepted.jsonl"
    with fleet.running():
        in_city(fleet.environment, str(BACKLOG))
        load = Load(fleet.web_ports, known, path, requests, seed)
        started = time.monotonic()
        load.start()
        outages = _kill(fleet, load, dice, result)
        load.join()
        result.load_seconds = round(time.monotonic() - started, 1)
        for part in fleet.own:
            fleet.put_up(part)
        result.recovery_seconds = _settled(fleet, database, result)
        _look(fleet, database, load, outages, path, result)
    result.answers = dict(sorted(load.answers.items()))
    result.seconds = round(time.monotonic() - began, 1)
    return result


def _kill(fleet: Fleet, load: Load, dice: random.Random, result: Result) -> list[Outage]:
    """The kills, each after so many answers; it returns when the last part is up again."""
    count = max(4, load.requests // KILL_EACH)
    points = sorted(dice.randrange(load.sessions, max(load.sessions + 1, load.requests - 10)) for _kill in range(count))
    outages: list[Outage] = []
    for point in points:
        victim, alone, pause = dice.choice(VICTIMS), dice.random() < 0.3, dice.uniform(0, 2)
        while load.done < point and load.is_running:
            time.sleep(0.01)
        began = now()
        result.kills[victim] = result.kills.get(victim, 0) + 1
        if victim == "flush":
            fleet.cluster.broker.flushall()
        elif not (alone and victim not in ("postgres", "redis") and fleet.parts[victim].kill_child()):
            fleet.parts[victim].kill()
            time.sleep(pause)
            fleet.put_up(fleet.parts[victim])
        outages.append(Outage(victim, began, now()))
    return outages


def _settled(fleet: Fleet, database: str, result: Result) -> float:
    """Seconds until all parts are well and nothing waits; a violation where that takes too long."""
    began = time.monotonic()
    waits: Any = None
    ill: list[str] = []
    while time.monotonic() - began < PATIENCE:
        ill = [name for name in ("web1", "web2") if _health(fleet.parts[name].port) != 200]
        waits = _rows(database, _UNSETTLED)[0]
        if not ill and not any(waits):
            return round(time.monotonic() - began, 1)
        time.sleep(0.5)
    result.violations.append(f"not settled after {PATIENCE} s: ill {ill}, waits {waits}")
    return float(PATIENCE)


def _health(port: int) -> int:
    try:
        return once(port, "GET", "/healthz", None, {})[0]
    except OSError:
        return 0


def _look(fleet: Fleet, database: str, load: Load, outages: list[Outage], path: Path, result: Result) -> None:
    said = result.violations
    said += [f"never answered: {what}" for what in load.lost]
    result.cases, result.entries, result.steps, result.notices = _rows(
        database,
        "SELECT (SELECT count(*) FROM incidents_incident), (SELECT count(*) FROM incidents_journalentry), "
        "(SELECT count(*) FROM incidents_firedstep), (SELECT count(*) FROM dispatch_notice)",
    )[0]
    result.deadlocks = _rows(database, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][
        0
    ]
    said += [f"reported {count} times: {key}" for key, count in _rows(database, _DOUBLED)]
    audit = subprocess.run(
        [sys.executable, "manage.py", "audit_loop", "--json", "--grace", "30", "--accepted", str(path)],
        cwd=programs.ROOT, env=fleet.environment, capture_output=True, check=False,
    )  # fmt: skip
    if audit.returncode:
        said.append(f"the auditor: {audit.stdout.decode().strip()} {audit.stderr.decode()[-500:]}")
    gone = [o for o in outages if o.part == "postgres"]
    for asked, answered, status, what in load.faults:
        if any(o.began - BEFORE <= answered and asked <= o.ended + AFTER for o in gone):
            result.faults_in_outages += 1
            if status != 503:
                said.append(f"{status}, not 503, to {what} at {asked.isoformat()} without a database")
        else:
            said.append(f"{status} to {what} at {asked.isoformat()} while the database was up")
    late = sorted(lateness(due, fired, outages) for due, fired in _rows(
        database, "SELECT due_at, fired_at FROM incidents_firedstep"
    ))  # fmt: skip
    if late:
        result.lateness_p99, result.lateness_max = round(late[int(len(late) * 0.99) - 1], 1), round(late[-1], 1)
        if result.lateness_p99 > LATE_SECONDS:
            said.append(f"steps came {result.lateness_p99} s late (p99)")


def lateness(due: datetime, fired: datetime, outages: list[Outage]) -> float:
    """Seconds from when the step was due, or from the end of the outages that it fell into."""
    base = due
    for outage in outages:  # in order: one may run on into the next
        if outage.began - BEFORE <= base <= outage.ended:
            base = outage.ended
    return max(0.0, (fired - base).total_seconds())


def _rows(database: str, statement: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(database)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def runs(count: int, seed: int, requests: int, *, keep: bool = False) -> list[Result]:
    """So many runs, of the seeds from ``seed`` on, each printed when it is done. The logs of a bad one are kept."""
    folder = Path(tempfile.mkdtemp(prefix="gridgov-chaos-"))
    folder.chmod(0o755)
    cluster, found = Cluster(folder), []
    try:
        cluster.start()
        known = seeded(cluster, "chaos_city", folder)
        for number in range(seed, seed + count):
            own = folder / f"run-{number}"
            own.mkdir()
            result = one_run(cluster, "chaos_city", known, number, requests, own)
            found.append(result)
            print(json.dumps(result.__dict__, ensure_ascii=False), flush=True)
            if result.violations:
                keep = True
            else:
                shutil.rmtree(own)
                services.execute(cluster.address, f'DROP DATABASE "chaos_{number}"')
    finally:
        cluster.stop()
        if keep:
            print(f"logs: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the others follow")
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    given = parser.parse_args()
    found = runs(given.runs, given.seed, given.requests, keep=given.keep)
    bad = [result.seed for result in found if result.violations]
    total = sum(sum(result.kills.values()) for result in found)
    print(f"{len(found)} runs, {total} kills, seeds at fault: {bad or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
