"""Many open event streams on one process: memory a stream, time from a commit to the last of them, processor time.

    python -m benchmarks.streams --streams 1000 --rounds 20

Makes the city of the tests in a database of its own (SQLite, in a folder that is removed at the end), starts
``manage.py live`` on a free port of 127.0.0.1 and opens ``--streams`` streams of ``--people`` people from this process,
``--deaf`` of which never read. Then ``--rounds`` cases are reported, one after the other, each heard by all who may see
it, and for ``--hold`` seconds nothing happens but heartbeats and the looking again at sessions. Prints one JSON line.
"""

import argparse
import http.client
import json
import os
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["GRIDGOV_DATA_DIR"] = tempfile.mkdtemp(prefix="gridgov-streams-")
os.environ["DJANGO_SETTINGS_MODULE"] = "gridgov.settings"
os.environ["DATABASE_URL"] = os.environ["REDIS_URL"] = ""

import django
from django.apps import apps

if not apps.ready:
    django.setup()

from django.conf import settings
from django.core.management import call_command
from django.test import Client

from scripts.services import free_port
from tests.worlds import World, make_world

FOLDER = Path(os.environ["GRIDGOV_DATA_DIR"])
LOGINS = ("acceptor", "acceptor_2", "duty_chief", "dispatcher", "supervisor", "verifier", "acceptor_city", "leader")
AT_ONCE = 200
PATIENCE_SECONDS = 120


def _resident(pid: int) -> int:
    """Bytes of memory of the process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the server has ended")


def _processor(pid: int) -> float:
    """Seconds of processor time of the process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _sessions(world: World, count: int) -> list[str]:
    found = []
    for number in range(count):
        client = Client()
        client.force_login(world.people[LOGINS[number % len(LOGINS)]])
        found.append(client.cookies["sessionid"].value)
    return found


class Crowd:
    """The browsers: sockets that are read, and some that are not."""

    def __init__(self, port: int, sessions: list[str]) -> None:
        self._port = port
        self._sessions = sessions
        self._selector = selectors.DefaultSelector()
        self.readers: list[socket.socket] = []
        self.deaf: list[socket.socket] = []
        self._tails: dict[socket.socket, bytes] = {}

    def open(self, count: int, deaf: int) -> None:
        """So many streams are open, each told hello; the last ``deaf`` are never read afterwards."""
        opened: list[socket.socket] = []
        while len(opened) < count:
            batch = []
            for number in range(len(opened), min(count, len(opened) + AT_ONCE)):
                one = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_SECONDS)
                one.sendall(
                    b"GET /live/stream HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid="
                    + self._sessions[number % len(self._sessions)].encode()
                    + b"\r\n\r\n"
                )
                batch.append(one)
            for one in batch:
                said = b""
                while b"event: hello" not in said:
                    more = one.recv(4096)
                    if not more:
                        raise RuntimeError(f"refused after {len(opened)} streams: {said[:200]!r}")
                    said += more
            opened += batch
        self.readers, self.deaf = opened[: count - deaf], opened[count - deaf :]
        for one in self.readers:
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ)
            self._tails[one] = b""

    def hear(self, word: bytes) -> list[float]:
        """Waits until every reader has heard the word: the instants at which each did, in order."""
        missing = set(self.readers)
        heard: list[float] = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        while missing:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(missing)} streams heard nothing")
            for key, _events in self._selector.select(1):
                one: socket.socket = key.fileobj  # type: ignore[assignment]
                said = self._tails[one] + one.recv(65536)
                self._tails[one] = said[-200:]
                if one in missing and word in said:
                    missing.discard(one)
                    heard.append(time.monotonic())
        return heard

    def close(self) -> None:
        for one in (*self.readers, *self.deaf):
            one.close()


def run(*, streams: int, people: int, rounds: int, deaf: int, hold: float) -> dict[str, object]:
    """The figures of one run."""
    call_command("migrate", verbosity=0)
    world = make_world()
    sessions = _sessions(world, people)
    port = free_port()
    log = (FOLDER / "live.log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "manage.py", "live", "--port", str(port)], cwd=settings.BASE_DIR, stdout=log, stderr=log
    )
    crowd = Crowd(port, sessions)
    try:
        _wait_for(port, server)
        before, begun = _resident(server.pid), time.monotonic()
        crowd.open(streams, deaf)
        opening = time.monotonic() - begun
        opened = _resident(server.pid)
        threads = len(list(Path(f"/proc/{server.pid}/task").iterdir()))
        first, last, whole = [], [], []
        busy = _processor(server.pid)
        for _round in range(rounds):
            number = world.report()
            committed = time.monotonic()
            heard = crowd.hear(number.encode())
            first.append(heard[0] - committed)
            last.append(heard[-1] - committed)
            whole.append(heard[-1] - heard[0])
        busy = _processor(server.pid) - busy
        told = _resident(server.pid)
        idle, held = _processor(server.pid), time.monotonic()
        while time.monotonic() - held < hold:
            crowd.hear(b"event: beat")
        took = time.monotonic() - held
        idle = (_processor(server.pid) - idle) / took if hold else 0.0
        open_now = json.loads(_health(port))["streams"]
        return {
            "benchmark": "streams", "streams": streams, "people": people, "rounds": rounds, "deaf": deaf,
            "opened_per_s": round(streams / opening), "threads": threads,
            "memory_before_mb": round(before / 1e6, 1), "memory_open_mb": round(opened / 1e6, 1),
            "memory_after_mb": round(_resident(server.pid) / 1e6, 1),
            "kb_a_stream": round((told - before) / streams / 1e3, 1),
            "first_ms_median": round(statistics.median(first) * 1e3),
            "all_ms_median": round(statistics.median(last) * 1e3),
            "all_ms_max": round(max(last) * 1e3), "fan_out_ms_median": round(statistics.median(whole) * 1e3),
            "cpu_ms_a_round": round(busy / rounds * 1e3), "cpu_idle_share": round(idle, 3), "held_s": round(took),
            "open_at_end": open_now,
        }  # fmt: skip
    finally:
        crowd.close()
        server.terminate()
        server.wait(30)
        log.close()


def _health(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/live/health")
        return connection.getresponse().read()
    finally:
        connection.close()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            _health(port)
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                print((FOLDER / "live.log").read_text(), file=sys.stderr)
                raise
            time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--people", type=int, default=200, help="different sessions")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--deaf", type=int, default=0)
    parser.add_argument("--hold", type=float, default=30.0, help="seconds of heartbeats alone")
    given = parser.parse_args()
    if not 0 < given.streams <= 15_000 or not 0 < given.rounds <= 1000 or given.hold > 900:
        parser.error("at most 15000 streams, 1000 rounds, 900 seconds")
    try:
        print(json.dumps(run(**vars(given))))
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
