"""What the benchmarks run against: PostgreSQL on its defaults, Redis, a filled database, and the servers as shipped.

The filled databases are kept in a folder (``var/bench``) and copied for each run, so that a run neither waits for the
fill nor changes what the next one finds. The web server is started by the command of the Dockerfile, with the static
files collected as the image has them.
"""

import json
import math
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from benchmarks.fill import KEYS
from scripts import programs, services

KEPT = programs.ROOT / "var" / "bench"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Stack:
    """A filled database of one's own with its servers; ``web`` and ``streams`` are addresses once started."""

    database: str
    redis: str
    folder: Path
    environment: dict[str, str]
    filled: dict[str, Any]
    web: str = ""
    streams: str = ""
    pids: dict[str, int] = field(default_factory=dict)

    def processor(self) -> dict[str, float]:
        """Seconds of processor time so far, user and system, of each server with its children."""
        return {name: _processor(pid) for name, pid in self.pids.items()}


@contextmanager
def stack(
    *,
    cases: int,
    grids: int,
    folder: Path,
    web: bool = True,
    streams: bool = False,
    worker: bool = False,
    workers: int = 2,
    live_clocks: int = 0,
    server: str = "",
    copy: bool = True,
) -> Iterator[Stack]:
    """Everything runs inside the block. ``server``: gunicorn's own arguments in place of the Dockerfile's.

    Without ``copy`` the kept database itself is used: for what only reads.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    KEPT.chmod(0o755)
    folder.chmod(0o755)
    with ExitStack() as held:
        address = held.enter_context(services.postgres(KEPT, lasting=True))
        redis = held.enter_context(services.redis_server(folder))
        name = f"filled_{cases}_{grids}" + (f"_{live_clocks}" if live_clocks else "")
        filled = _filled(address, name, cases, grids, live_clocks)
        database = _copied(address, name) if copy else _named(address, name)
        environment = {
            **services.deployment(database, redis, folder), **KEYS, "STATIC_ROOT": str(folder / "static"),
            "MEDIA_ROOT": str(KEPT / name / "media"),
            "LOG_LEVEL": "WARNING", "WEB_CONCURRENCY": str(workers),
        }  # fmt: skip
        made = Stack(database, redis, folder, environment, filled)
        made.pids["database"] = _postmaster(KEPT)
        if copy:
            # it was filled by the code of that day
            _run(environment, "migrate", "--verbosity", "0")
        if web:
            _run(environment, "collectstatic", "--noinput", "--verbosity", "0")
            _serve(held, made, "web", lambda port: _gunicorn(port, server))
        if streams:
            _serve(held, made, "streams", lambda port: _manage("live", "--port", str(port)))
        if worker:
            _start(held, made, "worker", services.worker_command())
            _start(held, made, "beat", services.beat_command())
        try:
            yield made
        except BaseException:
            for log in sorted(folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
            raise


# --- database -----------------------------------------------------------------------------------------------------


def _filled(address: str, name: str, cases: int, grids: int, live_clocks: int) -> dict[str, Any]:
    """What the filled database has; it is filled if it is not yet there whole."""
    known = KEPT / f"{name}.json"
    if known.exists():
        return json.loads(known.read_text())
    url = services.database(address, name)
    print(f"filling {cases} cases, {grids} grids (kept in {KEPT})", file=sys.stderr, flush=True)
    command = [
        sys.executable, "-m", "benchmarks.fill", "--database", url, "--cases", str(cases), "--areas", str(grids),
        "--live-clocks", str(live_clocks),
    ]  # fmt: skip
    environment = {**os.environ, **KEYS, "GRIDGOV_DATA_DIR": str(KEPT / name)}
    done = subprocess.run(command, cwd=programs.ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    known.write_text(done.stdout.strip().splitlines()[-1])
    return json.loads(known.read_text())


def _copied(address: str, name: str) -> str:
    url = _named(address, "run")
    services.execute(address, 'DROP DATABASE IF EXISTS "run"')
    services.execute(address, f'CREATE DATABASE "run" TEMPLATE "{name}"')
    services.execute(url, "VACUUM ANALYZE")
    services.execute(address, "CHECKPOINT")
    return url


def _named(address: str, name: str) -> str:
    return urlunsplit(urlsplit(address)._replace(path=f"/{name}"))


def _postmaster(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


# --- servers ------------------------------------------------------------------------------------------------------


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def _run(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run(_manage(*arguments), cwd=programs.ROOT, env=environment, check=True)


def shipped() -> list[str]:
    """The arguments of gunicorn in the Dockerfile, without the address."""
    [command] = re.findall(r"^CMD (\[.*\])$", (programs.ROOT / "Dockerfile").read_text(), re.MULTILINE)
    arguments = json.loads(command)[1:]
    at = arguments.index("--bind")
    return [*arguments[:at], *arguments[at + 2 :]]


def _gunicorn(port: int, server: str) -> list[str]:
    arguments = ["gridgov.wsgi", *shlex.split(server)] if server else shipped()
    return [sys.executable, "-m", "gunicorn", *arguments, "--bind", f"127.0.0.1:{port}"]


def _start(held: ExitStack, made: Stack, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
    log = made.folder / f"{name}.log"
    process = held.enter_context(
        services.running(list(command), log, cwd=programs.ROOT, env=made.environment)  # type: ignore[arg-type]
    )
    made.pids[name] = process.pid
    return process


def _serve(held: ExitStack, made: Stack, name: str, command: Callable[[int], list[str]]) -> None:
    port = services.free_port()
    process = _start(held, made, name, command(port))
    services.wait(lambda: services.answers(port), name, process)
    setattr(made, name, f"http://127.0.0.1:{port}")


_DUE = """
SELECT (SELECT count(*) FROM incidents_clock WHERE next_step_at <= now())
     + (SELECT count(*) FROM incidents_journalentry WHERE delivered_at IS NULL AND parked_at IS NULL)
     + (SELECT count(*) FROM dispatch_noticedelivery WHERE state = 'pending')
     + CASE WHEN EXISTS (SELECT FROM dispatch_loopaudit) THEN 0 ELSE 1 END
"""


def settled(made: Stack, *, seconds: float = 600) -> float:
    """The worker has done what fell due since the fill, and its first audit of all journals. Seconds that it took.

    After ``seconds`` it is waited for no longer.
    """
    began = time.monotonic()
    with psycopg2.connect(made.database) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        while time.monotonic() - began < seconds:
            cursor.execute(_DUE)
            if cursor.fetchone()[0] == 0:
                break
            time.sleep(1)
    return time.monotonic() - began


# --- measuring ----------------------------------------------------------------------------------------------------


def _processor(pid: int) -> float:
    """Of a process and all below it, those that have ended and were waited for among them."""
    total = 0.0
    for one in _tree(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        # utime, stime, and those of children that are gone
        total += sum(int(field) for field in fields[11:15]) / _TICK
    return total


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        try:
            for children in Path(f"/proc/{one}/task").glob("*/children"):
                found += [int(child) for child in children.read_text().split()]
        except OSError:
            continue
    return found


def conditions() -> dict[str, Any]:
    """On what it was measured, and how busy the machine was otherwise when it began."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": f"{os.cpu_count()} × {cpu[1] if cpu else platform.processor()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def postgres_version(url: str) -> str:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone()
    connection.close()
    return str(version)


def foreign(before: tuple[float, float], own: float) -> float:
    """Cores that others used since ``before`` (:func:`busy`), of which ``own`` seconds were ours."""
    at, used = busy()
    return round(max(0.0, (used - before[1] - own) / (at - before[0])), 2)


def busy() -> tuple[float, float]:
    """Now, and the seconds that all processors have worked since the start of the machine."""
    fields = [int(f) for f in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    idle = fields[3] + fields[4]
    return time.monotonic(), (sum(fields[:8]) - idle) / _TICK


def use(made: Stack) -> None:
    """Django of this process is that of the stack. Call once, before any import of its apps."""
    os.environ.update(
        {k: v for k, v in made.environment.items() if k.startswith("GRIDGOV_")}
        | {"DATABASE_URL": made.database, "REDIS_URL": made.redis, "DJANGO_SETTINGS_MODULE": "gridgov.settings"}
        | KEYS
    )
    import django  # noqa: PLC0415 - the settings are known only now

    django.setup()


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
