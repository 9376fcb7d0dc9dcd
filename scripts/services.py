"""PostgreSQL, Redis, web, worker, beat and event streams for the tests: private, and gone when the block ends."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import redis

from scripts import programs

_PYTHON = sys.executable
_PATIENCE_SECONDS = 60


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait(ready, what: str, process: subprocess.Popen | None = None) -> None:
    """``ready()`` is true; RuntimeError when that takes too long, or when ``process`` has ended."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            if ready():
                return
        except (OSError, psycopg2.Error, redis.RedisError):
            pass
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what} ended with {process.returncode} instead of starting")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start within {_PATIENCE_SECONDS} s")
        time.sleep(0.1)


@contextlib.contextmanager
def running(
    command: list[str], log: Path, *, end: signal.Signals = signal.SIGTERM, **options
) -> Iterator[subprocess.Popen]:
    """The process runs inside the block and is ended, by its id, after it."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(end)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _server_account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: the account it runs as instead, None for our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("there is no account to run PostgreSQL as")


@contextlib.contextmanager
def postgres(folder: Path, *, lasting: bool = False) -> Iterator[str]:
    """The address of a PostgreSQL server whose data live in ``folder``: fresh, and not made to survive a power cut.

    ``lasting``: on its defaults, as it is installed, with the data that an earlier run left there.
    """
    command, options, port = postgres_server(folder, durable=lasting, lasting=lasting)
    address = postgres_address(port)
    # at SIGTERM it would wait until the last client has gone
    with running(command, folder / "postgres.log", end=signal.SIGINT, **options) as process:
        wait(lambda: execute(address, "SELECT 1"), "PostgreSQL", process)
        yield address


def postgres_address(port: int) -> str:
    return f"postgres://gridgov@127.0.0.1:{port}/postgres"


def postgres_server(folder: Path, *, durable: bool, lasting: bool = False) -> tuple[list[str], dict, int]:
    """A cluster in ``folder``, new and empty unless ``lasting``: the command that serves it, as whom, its port.

    ``durable``: what it has committed survives its being killed, as in a deployment. ``lasting``: nothing but the
    defaults of PostgreSQL, and what an earlier run left there is still there.
    """
    programs_folder = programs.postgres()
    account = _server_account()
    data = folder / "postgres"
    is_new = not (lasting and data.exists())
    who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    if is_new:
        data.mkdir(mode=0o700)
        if account:
            os.chown(data, account.pw_uid, account.pw_gid)
        subprocess.run(
            [programs_folder / "initdb", "-D", data, "-U", "gridgov", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **who,
        )
    port = free_port()
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "max_connections": 200}
    if not lasting:
        options |= {"shared_buffers": "256MB"}
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        # tables are emptied between tests: the statistics of an empty table make the next test's plans quadratic
        options |= {"autovacuum": "off"}
    command = [str(programs_folder / "postgres"), "-D", str(data)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    return command, {"cwd": "/", **who}, port


def execute(address: str, statement: str) -> bool:
    connection = psycopg2.connect(address)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
    return True


def database(address: str, name: str, *, template: str = "") -> str:
    """A new database ``name`` on the server of ``address``, empty or a copy of ``template``; its address."""
    execute(address, f'DROP DATABASE IF EXISTS "{name}"')
    execute(address, f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
    return urlunsplit(urlsplit(address)._replace(path=f"/{name}"))


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The address of a fresh Redis server that keeps nothing."""
    port = free_port()
    with running(redis_command(port, folder), folder / "redis.log") as process:
        address = f"redis://127.0.0.1:{port}/0"
        client = redis.Redis.from_url(address)
        wait(client.ping, "Redis", process)
        client.close()
        yield address


def redis_command(port: int, folder: Path) -> list[str]:
    return [programs.redis(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]


def deployment(database_url: str, redis_url: str, folder: Path) -> dict[str, str]:
    """The environment of one deployment's processes."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "gridgov.settings",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "GRIDGOV_DATA_DIR": str(folder / "live"),
        "SECRET_KEY": "only-for-the-tests-" + "s" * 40,
        "JOURNAL_KEY": "only-for-the-tests-" + "j" * 40,
    }


def web_command(port: int) -> list[str]:
    """One web process of one thread; those of a deployment have more of both."""
    return [
        _PYTHON,
        "-m",
        "gunicorn",
        "gridgov.wsgi",
        "--config",
        "python:gridgov.gunicorn",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        "1",
    ]


def streams_command(port: int) -> list[str]:
    return [_PYTHON, "manage.py", "live", "--port", str(port)]


def worker_command(name: str = "worker", concurrency: int = 2) -> list[str]:
    return [
        _PYTHON, "-m", "celery", "-A", "gridgov", "worker", f"--concurrency={concurrency}", "--loglevel=WARNING",
        "-n", f"{name}@%h",
    ]  # fmt: skip


def beat_command() -> list[str]:
    return [_PYTHON, "-m", "celery", "-A", "gridgov", "beat", "--pidfile=", "--loglevel=WARNING"]


def migrate(environment: dict[str, str]) -> None:
    """The database of the deployment has all its tables."""
    subprocess.run(
        [_PYTHON, "manage.py", "migrate", "--verbosity", "0"], cwd=programs.ROOT, env=environment, check=True
    )


def answers(port: int) -> bool:
    """Somebody listens there. OSError where nobody does."""
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


@contextlib.contextmanager
def live(environment: dict[str, str], folder: Path) -> Iterator[tuple[list[str], str]]:
    """All parts as processes on a migrated database: two web, two workers, beat, streams.

    The addresses of the web servers, and that of the event streams.
    """
    migrate(environment)
    ports, stream_port = [free_port(), free_port()], free_port()
    options = {"cwd": programs.ROOT, "env": environment}
    with contextlib.ExitStack() as stack:

        def start(name: str, command: list[str]) -> subprocess.Popen:
            return stack.enter_context(running(command, folder / f"{name}.log", **options))

        webs = [start(f"web{n}", web_command(port)) for n, port in enumerate(ports, 1)]
        for n in (1, 2):
            start(f"worker{n}", worker_command(f"worker{n}", concurrency=1))
        start("beat", beat_command())
        streams = start("live", streams_command(stream_port))
        for port, web in zip(ports, webs, strict=True):
            wait(lambda port=port: answers(port), "the web server", web)
        wait(lambda: answers(stream_port), "the event streams", streams)
        yield [f"http://127.0.0.1:{port}" for port in ports], f"http://127.0.0.1:{stream_port}"


@contextlib.contextmanager
def everything() -> Iterator[dict[str, str]]:
    """The variables with which pytest runs on PostgreSQL, and against a live deployment in ``GRIDGOV_LIVE_URL``.

    A PostgreSQL in ``DATABASE_URL`` and a Redis in ``REDIS_URL`` are used when given, else started here.
    """
    folder = Path(tempfile.mkdtemp(prefix="gridgov-services-", dir=programs.scratch()))
    folder.chmod(0o755)
    given_database, given_redis = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    try:
        with contextlib.ExitStack() as stack:
            if given_database.startswith("postgres"):
                address = given_database
            else:
                address = stack.enter_context(postgres(folder))
            redis_url = given_redis or stack.enter_context(redis_server(folder))
            environment = deployment(database(address, "gridgov_live"), redis_url, folder)
            urls, stream_url = stack.enter_context(live(environment, folder))
            yield {
                "DATABASE_URL": urlunsplit(urlsplit(address)._replace(path="/gridgov")),
                "GRIDGOV_LIVE_URL": urls[0],
                "GRIDGOV_LIVE_URLS": " ".join(urls),
                "GRIDGOV_STREAM_URL": stream_url,
                "GRIDGOV_LIVE_DATABASE_URL": environment["DATABASE_URL"],
                "GRIDGOV_LIVE_KEYS": f"{environment['SECRET_KEY']} {environment['JOURNAL_KEY']}",
                "GRIDGOV_TEST_REDIS_URL": redis_url,
                "GRIDGOV_LIVE_LOGS": str(folder),
            }
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}", file=sys.stderr)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
