"""``manage.py serve`` as a real process: starts, answers, works, stops, leaves nothing."""

import contextlib
import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(folder: Path, **variables: str) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "gridgov.settings",
        "GRIDGOV_DATA_DIR": str(folder),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",
        **variables,
    }


def manage(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        check=False,
    )


def start(folder: Path, port: int, command: str = "serve") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", command, "--port", str(port)],
        cwd=settings.BASE_DIR,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A group of its own: what is left of it after the end is what the server left behind.
        start_new_session=True,
    )


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def beats(database: Path) -> dict[str, str]:
    with sqlite3.connect(database, timeout=20) as plain:
        return dict(plain.execute("SELECT name, beat_at FROM common_heartbeat"))


def status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve")
    result = manage(folder, "migrate", "--verbosity", "0")
    assert result.returncode == 0, result.stderr
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_works_and_leaves_no_process(migrated, number):
    database = migrated / "gridgov.sqlite3"
    before = beats(database)
    port = free_port()
    server = start(migrated, port)
    try:
        first_line = server.stdout.readline()
        while first_line and f":{port}/" not in first_line:
            first_line = server.stdout.readline()
        assert status(port, "/admin/login/") == 200
        assert status(port, "/static/admin/css/base.css") == 200
        deadline = time.monotonic() + 60
        while not {"worker", "beat"} <= {name for name, at in beats(database).items() if before.get(name) != at}:
            assert time.monotonic() < deadline, "worker and beat gave no sign of life"
            time.sleep(0.05)
        server.send_signal(number)
        output, _ = server.communicate(timeout=60)
        assert server.returncode == 0, output
        assert "Traceback" not in output
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
    assert group_is_gone(server.pid)


def test_serve_ends_while_a_client_holds_its_connection_open(migrated):
    port = free_port()
    server = start(migrated, port)
    try:
        while f":{port}/" not in server.stdout.readline():
            assert server.poll() is None
        with socket.create_connection(("127.0.0.1", port)) as idle:
            idle.sendall(b"GET /admin/login/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert idle.recv(12) == b"HTTP/1.1 200"
            idle.sendall(b"GET /admin/login/ HTTP/1.1\r\nHost: local")
            server.send_signal(signal.SIGTERM)
            output, _ = server.communicate(timeout=60)
        assert server.returncode == 0, output
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


def test_serve_on_a_taken_port_says_so_and_ends(migrated):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = manage(migrated, "serve", "--port", str(taken.getsockname()[1]))
    assert result.returncode != 0
    assert "端口" in result.stderr


def test_serve_wants_a_migrated_database(tmp_path):
    result = manage(tmp_path, "serve", "--port", str(free_port()))
    assert result.returncode == 1
    assert "migrate" in result.stderr


def test_serve_is_refused_on_postgresql(tmp_path):
    result = manage(
        tmp_path,
        "serve",
        DATABASE_URL="postgres://nobody@127.0.0.1:1/none",
        REDIS_URL="redis://127.0.0.1:1/0",
        SECRET_KEY="s" * 50,
        JOURNAL_KEY="j" * 50,
    )
    assert result.returncode == 1
    assert "worker" in result.stderr


def test_serve_and_live_end_at_once_with_a_stream_open(migrated):
    for command in ("serve", "live"):
        port = free_port()
        server = start(migrated, port, command)
        try:
            while f":{port}/" not in server.stdout.readline():
                assert server.poll() is None
            assert status(port, "/live/health") == 200
            assert status(port, "/live/stream") == 401
            assert status(port, "/admin/login/") == (200 if command == "serve" else 404)
            with stream_of_somebody(migrated, port) as stream:
                assert b"event: hello" in stream.readline() + stream.readline()
                server.send_signal(signal.SIGINT)
                output, _ = server.communicate(timeout=60)
                stream.read()
            assert server.returncode == 0, output
            assert "Traceback" not in output
            assert "Cancel" not in output  # uvicorn waited for nothing
        finally:
            if server.poll() is None:
                server.kill()
                server.wait()
        assert group_is_gone(server.pid)


@contextlib.contextmanager
def stream_of_somebody(folder, port):
    """An open stream of a fresh account."""
    made = manage(
        folder,
        "shell",
        "-c",
        "from gridgov.common.models import User; from django.test import Client;"
        "c = Client(); c.force_login(User.objects.get_or_create(username='somebody')[0]);"
        "print('session', c.cookies['sessionid'].value)",
    )
    session = made.stdout.split("session ")[1].strip()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/live/stream", headers={"Cookie": f"sessionid={session}"})
        yield connection.getresponse()
    finally:
        connection.close()


def test_serve_started_again_keeps_what_was_there(migrated):
    database = migrated / "gridgov.sqlite3"

    def counts():
        with sqlite3.connect(database, timeout=20) as plain:
            return plain.execute("SELECT (SELECT COUNT(*) FROM common_user), MAX(id) FROM common_user").fetchone()

    made = manage(
        migrated, "shell", "--no-imports", "-c",
        "from gridgov.common.models import User; User.objects.create(username='kept')",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    before = counts()
    for _start in range(2):
        port = free_port()
        server = start(migrated, port)
        try:
            while f":{port}/" not in server.stdout.readline():
                assert server.poll() is None
            assert status(port, "/admin/login/") == 200
            server.send_signal(signal.SIGINT)
            output, _ = server.communicate(timeout=60)
            assert server.returncode == 0, output
        finally:
            if server.poll() is None:
                server.kill()
                server.wait()
        assert group_is_gone(server.pid)
        assert counts() == before
