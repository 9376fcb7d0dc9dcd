"""Many sessions at the same cases over HTTP, on PostgreSQL and two web processes: one winner, and no 5xx."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest

from scripts import programs, services
from tests.chaos.city import SESSIONS
from tests.chaos.client import once
from tests.chaos.fleet import in_city

pytestmark = pytest.mark.services

CASES, CLAIMS = 100, 1_000
#: Pairs of an action and who takes it, at cases that everybody is at.
MOVES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("accept", "acceptor", {}), ("accept", "acceptor_2", {}), ("file", "duty_chief", {"standard": "0201-2"}),
    ("file", "duty_chief_2", {"standard": "0201-2"}), ("send_back", "duty_chief", {"reason": "再看"}),
    ("send_back", "dispatcher", {"reason": "再看"}), ("dispatch", "dispatcher", {}), ("dispatch", "dispatcher_2", {}),
    ("recall", "dispatcher_2", {"reason": "派错"}), ("sign", "department_handler", {}),
    ("sign", "department_handler_2", {}), ("feed_back", "department_handler", {"note": "已清理"}),
    ("note", "supervisor", {"note": "请尽快"}), ("merge", "acceptor", {}), ("merge", "acceptor_city", {}),
    ("unmerge", "acceptor", {"reason": "不是一事"}),
    ("reject", "acceptor_2", {"reason": "outside", "note": "不属本区"}),
    ("reinstate", "duty_chief", {"reason": "属本区"}),
)  # fmt: skip


@pytest.fixture(scope="session")
def ports() -> list[int]:
    urls = os.environ.get("GRIDGOV_LIVE_URLS", "")
    if not urls:
        pytest.skip("needs `make test-services`")
    return [int(url.rpartition(":")[2]) for url in urls.split()]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """That of the deployment's processes."""
    folder = tmp_path_factory.mktemp("deployment")
    database, broker = os.environ["GRIDGOV_LIVE_DATABASE_URL"], os.environ["GRIDGOV_TEST_REDIS_URL"]
    return services.deployment(database, broker, folder)


@pytest.fixture(scope="session")
def known(ports: list[int], environment: dict[str, str]) -> dict[str, Any]:
    return in_city(environment)


class Api:
    """Requests to the two web processes in turn, what they answered counted by status."""

    def __init__(self, ports: list[int], known: dict[str, Any]) -> None:
        self.ports, self.known = ports, known
        self.statuses: Counter[int] = Counter()
        self._guard, self._turn = threading.Lock(), 0

    def __call__(self, login: str, method: str, path: str, body: str | None = None) -> tuple[int, dict[str, Any]]:
        with self._guard:
            self._turn += 1
            port = self.ports[self._turn % len(self.ports)]
        headers = {"Authorization": f"Token {self.known['tokens'][login]}", "Content-Type": "application/json"}
        status, found = once(port, method, f"/api/v1/{path}", body, headers)
        with self._guard:
            self.statuses[status] += 1
        return status, found

    def report(self, what: str) -> str:
        lon, lat = self.known["point"]
        body = {"category": "0201", "description": what, "lon": lon, "lat": lat}
        status, found = self("acceptor", "POST", "incidents/", json.dumps(body))
        assert status == 201, found
        return found["number"]


def at_once(calls: list[Callable[[], None]]) -> None:
    """Each in a thread of its own, all started at one moment; what one raises is raised."""
    start, errors = threading.Barrier(len(calls)), list[BaseException]()

    def run(call: Callable[[], None]) -> None:
        start.wait(120)
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert errors == []


def test_thousand_claims_of_a_hundred_cases_have_a_hundred_winners(ports, known):
    api = Api(ports, known)
    numbers = [api.report("认领") for _case in range(CASES)]
    claims: dict[int, list[str]] = {session: [] for session in range(SESSIONS)}
    for turn in range(CLAIMS):
        claims[turn % SESSIONS].append(numbers[turn // (CLAIMS // CASES)])
    api.statuses.clear()
    winners: dict[str, list[str]] = {number: [] for number in numbers}
    losers: list[tuple[str, dict[str, Any]]] = []

    def session(place: int) -> None:
        login = f"session-{place:03}"
        for number in claims[place]:
            status, found = api(login, "POST", f"incidents/{number}/claim/")
            if status == 200:
                winners[number].append(login)
            else:
                assert status == 409, found
                losers.append((number, found))

    at_once([lambda place=place: session(place) for place in range(SESSIONS)])
    assert api.statuses == {200: CASES, 409: CLAIMS - CASES}
    assert {len(found) for found in winners.values()} == {1}
    for number, found in losers:
        place = winners[number][0].removeprefix("session-")
        assert (found["code"], found["actor"]) == ("claimed", f"坐席{place}")
        assert found["until"]


@pytest.fixture
def changing(environment: dict[str, str]) -> Iterator[list[int]]:
    """Rules and areas change all the time; how often, in the list, after the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.changer"], cwd=programs.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=environment | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
    )  # fmt: skip
    try:
        yield []
    finally:
        said, _nothing = process.communicate(timeout=60)
        assert process.returncode == 0
        assert int(said) > 0


def test_claims_moves_merges_rules_and_areas_at_once_have_losers_and_no_faults(
    ports, known, changing, environment, live_database
):
    api = Api(ports, known)
    numbers = [api.report("争抢") for _case in range(10)]
    api.statuses.clear()
    conflicts: Counter[str] = Counter()

    def session(place: int) -> None:
        dice = random.Random(place)
        for _turn in range(25):
            number = dice.choice(numbers)
            if dice.random() < 0.15:
                status, found = api(f"session-{place:03}", "POST", f"incidents/{number}/claim/")
            else:
                status, found = move(number, dice)
            assert status < 500, found
            if status == 409:
                conflicts[found["code"]] += 1
                if found["code"] in ("stale_version", "not_open"):
                    assert found["action"]
                    assert found["at"]
                    assert "actor" in found
                if found["code"] == "claimed":
                    assert found["actor"]
                    assert found["until"]

    def move(number: str, dice: random.Random) -> tuple[int, dict[str, Any]]:
        action, login, more = dice.choice(MOVES)
        _status, seen = api(login, "GET", f"incidents/{number}/")
        fields = {"action": action, "version": seen.get("version", 1)} | more
        if action == "dispatch":
            fields["lead"] = {"department": known["lead"]}
        if action == "merge":
            fields["into"] = dice.choice(numbers)
        return api(login, "POST", f"incidents/{number}/transitions/", json.dumps(fields))

    at_once([lambda place=place: session(place) for place in range(12)])
    assert api.statuses[200] > 100
    assert conflicts["stale_version"] + conflicts["not_open"] > 10
    audited(environment, live_database)


@pytest.fixture
def live_database() -> str:
    return os.environ["GRIDGOV_LIVE_DATABASE_URL"]


def audited(environment: dict[str, str], database: str) -> None:
    """Once all is delivered the auditor finds nothing."""
    deadline = time.monotonic() + 90
    connection = psycopg2.connect(database)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            while time.monotonic() < deadline:
                cursor.execute("SELECT count(*) FROM incidents_journalentry WHERE delivered_at IS NULL")
                if cursor.fetchone() == (0,):
                    break
                time.sleep(0.2)
    finally:
        connection.close()
    audit = subprocess.run(
        [sys.executable, "manage.py", "audit_loop"], cwd=programs.ROOT, env=environment, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert audit.returncode == 0, audit.stdout.decode()
