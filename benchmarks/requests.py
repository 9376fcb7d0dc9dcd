"""The requests of the design's table against two web workers: rate, latency, processor time and statements of each.

    python -m benchmarks.requests                      # 100,000 cases, 8,500 grids; some five minutes
    python -m benchmarks.requests --cases 2000 --areas 60 --seconds 0.5 --runs 2   # does it work
    python -m benchmarks.requests --profile create     # where the time goes, in this process

Each is asked by two and by four clients for ``--runs`` times ``--seconds``; the figures are medians of the runs.
``app_ms`` and ``db_ms`` are processor time a request of the web server and of PostgreSQL with all their processes,
``foreign`` the cores that others used meanwhile: above 0.2 the figures are not to be quoted. The tasks of a case are
queued in Redis and not worked off (as the peer was measured) unless ``--worker``. Then four clients move one case at
once, fifty times: one wins, the others get 409. One JSON line each; exits 1 where a request fails or is under its line.
"""

import argparse
import cProfile
import json
import os
import pstats
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import load, stack

ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: what the peer does a second, how many times that is the aim and the least, statements."""

    peer: float
    aim: float
    least: float
    statements: int


TABLE = {
    "create": Line(16, 10, 6, 8),
    "status": Line(13, 10, 6, 8),
    "list": Line(3.4, 75, 40, 4),
    "case": Line(17, 10, 7, 4),
    "map_city": Line(6, 60, 30, 2),
    "map_pan": Line(6, 60, 30, 2),
    "locate": Line(240, 1, 1, 1),
}
#: Without a peer: what it costs, for the sizing. Asked for by ``--only``; its picture is counted first, a minute.
MORE = {"dashboard": Line(0, 0, 0, 12)}
LINES = TABLE | MORE
POINT_US, POINT_FAIL_US, POINT_BULK = 20.0, 50.0, 200_000


class Subjects:
    """What is asked: the next request of each kind. Needs Django set up on the stack's database."""

    def __init__(self, seed: int = 1) -> None:
        from django.contrib.auth import get_user_model  # noqa: PLC0415 - Django is set up by then
        from django.test import Client  # noqa: PLC0415
        from rest_framework.authtoken.models import Token  # noqa: PLC0415

        from grids.models import Area, Level  # noqa: PLC0415
        from incidents.catalogue import catalogue  # noqa: PLC0415
        from incidents.models import Incident  # noqa: PLC0415

        self.dice = random.Random(seed)
        people = {u.username: u for u in get_user_model().objects.filter(username__endswith="-city")}
        self.tokens = {name: Token.objects.get_or_create(user=user)[0].key for name, user in people.items()}
        client = Client()
        client.force_login(people["acceptor-city"])
        self.cookie = f"sessionid={client.cookies['sessionid'].value}"
        client = Client()
        client.force_login(people["supervisor-city"])
        self.watcher = f"sessionid={client.cookies['sessionid'].value}"
        self.points = list(Area.objects.filter(level=Level.GRID).values_list("label_lon", "label_lat"))
        self.box = Area.objects.values_list("min_lon", "min_lat", "max_lon", "max_lat").get(level=Level.CITY)
        book = catalogue()
        self.categories = [
            c.code for group in book.categories() for c in book.categories(group.id) if not c.is_confidential
        ]
        ended = Incident.objects.filter(status="closed", head_seq__gte=8)
        self.closed = list(ended.order_by("id").values_list("number", flat=True)[:5_000])
        reported = Incident.objects.filter(status="reported")
        #: number → status and version, of the cases that are moved
        self._known = {
            number: ("reported", version)
            for number, version in reported.order_by("-id").values_list("number", "version")[:2_000]
        }
        self.reported = list(self._known)

    def of(self, name: str, clients: int) -> load.Next:
        """Requests of a kind without end, for so many clients."""
        maker: dict[str, Callable[[], bytes]] = {
            "create": self.create, "list": self.listing, "case": self.case, "map_city": self.map_city,
            "map_pan": self.map_pan, "locate": self.locate, "dashboard": self.dashboard,
        }  # fmt: skip
        if name == "status":
            return self._moves(clients)
        if name == "dashboard":
            self._count_dashboard()
        return lambda _client: (maker[name](), None)

    def create(self) -> bytes:
        lon, lat = self.dice.choice(self.points)
        body = {
            "category": self.dice.choice(self.categories), "description": "路边堆放生活垃圾，请派人清理",
            "lon": lon, "lat": lat, "source": "hotline", "address": f"测试路{self.dice.randint(1, 999)}号",
            "reporter": {"name": "来电人", "phone": f"139{self.dice.randint(0, 99_999_999):08}"},
        }  # fmt: skip
        return self._api("POST", "/api/v1/incidents/", body)

    def listing(self) -> bytes:
        return self._api("GET", "/api/v1/incidents/?page_size=50")

    def case(self) -> bytes:
        return self._api("GET", f"/api/v1/incidents/{self.dice.choice(self.closed)}/")

    def locate(self) -> bytes:
        lon, lat = self.dice.choice(self.points)
        return self._api("GET", f"/api/v1/areas/locate/?lon={lon}&lat={lat}")

    def map_city(self) -> bytes:
        """The whole city from afar: everybody who opens the map asks this."""
        return self._page(f"/map/cases/?bbox={','.join(map(str, self.box))}&zoom=10")

    def map_pan(self) -> bytes:
        """A screen of 1,200 × 800 pixels somewhere, at a zoom from street to doorstep."""
        zoom = self.dice.choice((13, 14, 15, 16, 17))
        lon, lat = self.dice.choice(self.points)
        degree = 360 / (256 * 2**zoom)
        west, south = lon - 600 * degree, lat - 400 * degree
        box = (west, south, west + 1_200 * degree, south + 800 * degree)
        return self._page(f"/map/cases/?bbox={','.join(f'{side:.6f}' for side in box)}&zoom={zoom}")

    def dashboard(self) -> bytes:
        return load.request("GET", "/dashboard/", cookie=self.watcher)

    def _count_dashboard(self) -> None:
        """Its picture is there, as a worker would have made it."""
        from django.test import Client  # noqa: PLC0415 - Django is set up by then

        from reporting import renewal  # noqa: PLC0415 - Django is set up by then

        client = Client(headers={"cookie": self.watcher, "host": "localhost"})
        client.get("/dashboard/")
        while renewal.run_slice():
            pass

    def move(self, number: str, action: str, **more: Any) -> bytes:
        who = "acceptor-city" if action == "accept" else "duty_chief-city"
        body = {"action": action, **more}
        return load.request(
            "POST", f"/api/v1/incidents/{number}/transitions/", token=self.tokens[who], body=json.dumps(body).encode()
        )

    def waiting(self) -> list[str]:
        """The cases to be moved that wait to be accepted: some were accepted and not yet sent back."""
        return [number for number in self.reported if self._known[number][0] == "reported"]

    def _moves(self, clients: int) -> load.Next:
        """Each client accepts cases of its own and sends them back, with the version of the form it has."""
        share = len(self.reported) // clients
        mine = [self.reported[n * share : (n + 1) * share] for n in range(clients)]
        turn = [0] * clients
        known = self._known

        def following(client: int) -> tuple[bytes, Callable[[int, bytes], None]]:
            number = mine[client][turn[client] % share]
            turn[client] += 1
            status, version = known[number]
            action = "accept" if status == "reported" else "send_back"
            more: dict[str, Any] = {"version": version}
            if action == "send_back":
                more["reason"] = "材料不全"

            def then(code: int, body: bytes) -> None:
                if code == 200:
                    answer = json.loads(body)
                    known[number] = (answer["status"], answer["version"])

            return self.move(number, action, **more), then

        return following

    def _api(self, method: str, path: str, body: Any = None) -> bytes:
        sent = json.dumps(body).encode() if body is not None else b""
        return load.request(method, path, token=self.tokens["acceptor-city"], body=sent)

    def _page(self, path: str) -> bytes:
        return load.request("GET", path, cookie=self.cookie)


# --- over HTTP ----------------------------------------------------------------------------------------------------


def measured(
    made: stack.Stack, subjects: Subjects, name: str, *, clients: int, runs: int, seconds: float
) -> dict[str, Any]:
    """One line of the figures."""
    load.run(made.web, subjects.of(name, clients), clients=clients, seconds=min(1.0, seconds))
    done: list[dict[str, float]] = []
    statuses: Counter[int] = Counter()
    following = subjects.of(name, clients)
    for _ in range(runs):
        begun, used, own = stack.busy(), made.processor(), time.process_time()
        found = load.run(made.web, following, clients=clients, seconds=seconds)
        spent = {key: value - used[key] for key, value in made.processor().items()}
        count = len(found.seconds)
        statuses += found.statuses
        done.append(
            {
                "per_s": found.rate,
                "p50_ms": 1e3 * stack.percentile(found.seconds, 0.5),
                "p95_ms": 1e3 * stack.percentile(found.seconds, 0.95),
                "app_ms": 1e3 * spent["web"] / count,
                "db_ms": 1e3 * spent["database"] / count,
                "bytes": found.size / count,
                "foreign": stack.foreign(begun, sum(spent.values()) + time.process_time() - own),
            }
        )
    medians = {key: round(statistics.median(run[key] for run in done), 2) for key in done[0]}
    line = LINES[name]
    return {
        "benchmark": "requests", "request": name, "clients": clients, **medians,
        "per_s_runs": [round(run["per_s"], 1) for run in done], "foreign_most": max(run["foreign"] for run in done),
        "statuses": dict(statuses), "times_the_peer": round(medians["per_s"] / line.peer, 1) if line.peer else None,
        "aim_per_s": line.peer * line.aim, "fail_under_per_s": line.peer * line.least,
        "meets": _judged(medians["per_s"], line) if line.peer else None,
    }  # fmt: skip


def _judged(rate: float, line: Line) -> str:
    return "aim" if rate >= line.peer * line.aim else "least" if rate >= line.peer * line.least else "no"


def at_once(made: stack.Stack, subjects: Subjects, clients: int) -> dict[str, Any]:
    """``clients`` accept the same case in one instant, over and over: who wins and what the others are told."""
    parts = urlsplit(made.web)
    assert parts.port is not None
    address = ("127.0.0.1", parts.port)
    outcomes: Counter[str] = Counter()
    for number in subjects.waiting()[-ROUNDS:]:
        start = threading.Barrier(clients)
        found: list[int] = []
        sent = subjects.move(number, "accept")

        def race(start: threading.Barrier = start, sent: bytes = sent, found: list[int] = found) -> None:
            start.wait()
            found.append(load.ask(address, sent)[0])

        threads = [threading.Thread(target=race) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        outcomes[" ".join(map(str, sorted(found)))] += 1
    expected = " ".join(map(str, sorted([200] + [409] * (clients - 1))))
    return {
        "benchmark": "requests", "request": "four_at_once", "clients": clients, "rounds": sum(outcomes.values()),
        "outcomes": dict(outcomes), "meets": "aim" if set(outcomes) == {expected} else "no",
    }  # fmt: skip


# --- in this process ----------------------------------------------------------------------------------------------


class Direct:
    """The same requests given to Django's handler in this process, without a server."""

    def __init__(self) -> None:
        from django.conf import settings  # noqa: PLC0415 - Django is set up by then
        from django.test import Client  # noqa: PLC0415

        # reference data are looked at each second; here they are as they are
        settings.REFERENCE_CHECK_SECONDS = 3600
        self._client = Client(headers={"host": "localhost"}, raise_request_exception=True)

    def __call__(self, sent: bytes) -> tuple[int, bytes]:
        head, _blank, body = sent.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, path, _version = first.split(" ")
        headers = dict(line.split(": ", 1) for line in lines)
        for name in ("Host", "Connection", "Content-Length"):
            headers.pop(name, None)
        kind = headers.pop("Content-Type", "application/json")
        extra = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        answer = self._client.generic(method, path, body, content_type=kind, **extra)
        return answer.status_code, answer.content


def statements(subjects: Subjects, names: Iterable[str]) -> dict[str, int]:
    """How many statements each request takes, authentication included, in a process that has worked for a while.

    But for answers that are kept: each is made anew, as for the first who asks.
    """
    from django.core.cache import cache  # noqa: PLC0415 - Django is set up by then

    from tests.statements import counted  # noqa: PLC0415 - Django is set up by then

    direct, found = Direct(), {}
    for name in names:
        following = subjects.of(name, 1)
        for _ in range(3):
            sent, then = following(0)
            cache.clear()
            with counted() as said:
                status, body = direct(sent)
            if status not in (200, 201):
                raise SystemExit(f"{name}: {status} {body[:300]!r}")
            if then is not None:
                then(status, body)
        found[name] = len(said)
    return found


def points(count: int = 100_000) -> dict[str, Any]:
    """Point to area in this process: one by one, and in bulk."""
    import numpy as np  # noqa: PLC0415 - not needed otherwise

    from grids.spatial import areas  # noqa: PLC0415 - Django is set up by then

    index = areas.index()
    west, south, east, north = next(r.box for r in index.all() if r.level == 1)
    dice = np.random.default_rng(7)
    at = np.column_stack([dice.uniform(west, east, count), dice.uniform(south, north, count)])
    single = []
    for lon, lat in at[:20_000].tolist():
        begun = time.perf_counter_ns()
        index.locate(lon, lat)
        single.append((time.perf_counter_ns() - begun) / 1e3)
    bulk = []
    for _ in range(5):
        begun = time.perf_counter()
        index.locate_many(at)
        bulk.append(count / (time.perf_counter() - begun))
    p50 = stack.percentile(single, 0.5)
    per_s = statistics.median(bulk)
    aim = p50 < POINT_US and per_s > POINT_BULK
    return {
        "benchmark": "requests", "request": "point", "p50_us": round(p50, 1),
        "p95_us": round(stack.percentile(single, 0.95), 1), "bulk_per_s": round(per_s), "statements": 0,
        "aim_us": POINT_US, "aim_bulk_per_s": POINT_BULK,
        "meets": "aim" if aim else "least" if p50 < POINT_FAIL_US else "no",
    }  # fmt: skip


def profile(subjects: Subjects, name: str, count: int = 300) -> None:
    """Where the time of a request goes, by function."""
    direct, following = Direct(), subjects.of(name, 1)

    def some(count: int) -> None:
        for _ in range(count):
            sent, then = following(0)
            status, body = direct(sent)
            if then is not None:
                then(status, body)

    some(20)
    begun, used = time.perf_counter(), time.process_time()
    some(count)
    took, used = time.perf_counter() - begun, time.process_time() - used
    print(f"{name}: {1e3 * took / count:.2f} ms, {1e3 * used / count:.2f} ms of processor without the profiler")
    with cProfile.Profile(time.process_time) as found:
        some(count)
    pstats.Stats(found, stream=sys.stdout).sort_stats("tottime").print_stats(25)
    pstats.Stats(found, stream=sys.stdout).sort_stats("cumulative").print_stats(70)


# --- all ----------------------------------------------------------------------------------------------------------


@contextmanager
def _prepared(given: argparse.Namespace, *, web: bool) -> Iterator[tuple[stack.Stack, Subjects]]:
    with (
        tempfile.TemporaryDirectory(prefix="gridgov-requests-") as folder,
        stack.stack(
            cases=given.cases, grids=given.areas, folder=Path(folder), web=web, worker=given.worker,
            server=given.server,
        ) as made,
    ):  # fmt: skip
        stack.use(made)
        yield made, Subjects()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--areas", type=int, default=8_500)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--only", nargs="+", choices=list(LINES))
    parser.add_argument("--server", default="", help="gunicorn's arguments in place of those of the Dockerfile")
    parser.add_argument("--worker", action="store_true", help="with a worker and beat, which deliver meanwhile")
    parser.add_argument("--profile", choices=list(LINES))
    given = parser.parse_args()
    if max(given.clients) > 32 or given.seconds > 60 or given.runs > 50:
        parser.error("at most 32 clients, 60 seconds, 50 runs")
    with _prepared(given, web=not given.profile) as (made, subjects):
        if given.profile:
            profile(subjects, given.profile)
            return
        lines = list(_lines(given, made, subjects))
    if any(line["meets"] == "no" for line in lines):
        raise SystemExit(1)


def _lines(given: argparse.Namespace, made: stack.Stack, subjects: Subjects) -> Iterator[dict[str, Any]]:
    same = stack.conditions() | {
        "postgres": stack.postgres_version(made.database),
        "server": given.server or " ".join(stack.shipped()),
        "workers": 2, "worker": given.worker, "filled": made.filled,
    }  # fmt: skip
    print(json.dumps({"benchmark": "requests", "conditions": same}, ensure_ascii=False), flush=True)
    names = given.only or list(TABLE)
    counts = statements(subjects, names)
    for name in names:
        for clients in given.clients:
            found = measured(made, subjects, name, clients=clients, runs=given.runs, seconds=given.seconds)
            found |= {"statements": counts[name], "statements_at_most": LINES[name].statements}
            if counts[name] > LINES[name].statements or set(found["statuses"]) - {200, 201}:
                found["meets"] = "no"
            yield _said(found)
    if not given.only:
        yield _said(at_once(made, subjects, 4))
        yield _said(points())


def _said(found: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps(found, ensure_ascii=False), flush=True)
    return found


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
