"""Load through the API by a few sessions at once, with a journal of their own of what was answered as done.

A request that got no answer, or one of the server's faults, is sent again with the same key to the other server until
it is answered. What was answered is written down at once: the auditor looks for each of it afterwards.
"""

import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.chaos.fleet import now

TIMEOUT = 20
#: A request that is not answered within this is lost.
PATIENCE = 180
#: status → (action, by whom, what else); the last takes a case no further
NEXT: dict[str, tuple[str, str, dict[str, Any]]] = {
    "reported": ("accept", "acceptor", {}),
    "accepted": ("file", "duty_chief", {"standard": "0201-2"}),
    "filed": ("dispatch", "dispatcher", {}),
    "dispatched": ("sign", "department_handler", {}),
    "handling": ("feed_back", "department_handler", {"note": "已清理"}),
    "handled": ("request_verification", "acceptor", {}),
    "verifying": ("note", "supervisor", {"note": "请尽快"}),
}


class Unanswered(Exception):
    """Nobody answered for too long."""


@dataclass
class Answer:
    """The last answer, and how often it was asked. ``doubtful``: an earlier try may have been done unanswered."""

    status: int
    body: dict[str, Any]
    tries: int

    @property
    def doubtful(self) -> bool:
        return self.tries > 1


@dataclass
class Case:
    """What the client knows of a case."""

    number: str
    status: str = "reported"
    version: int = 1


@dataclass
class Load:
    """So many requests by ``sessions`` threads. ``known``: from ``tests.chaos.city``."""

    ports: list[int]
    known: dict[str, Any]
    path: Path
    requests: int
    seed: int
    sessions: int = 6
    #: faults of the server as (when asked, when answered, status, what)
    faults: list[tuple[datetime, datetime, int, str]] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    keys: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    done: int = 0

    def __post_init__(self) -> None:
        self._guard = threading.Lock()
        self._cases: list[Case] = []
        self._taken = 0
        self._threads = [threading.Thread(target=self._session, args=(n,), daemon=True) for n in range(self.sessions)]
        self._file = self.path.open("a", encoding="utf-8")

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """All is answered, or given up."""
        for thread in self._threads:
            thread.join()
        self._file.close()

    @property
    def is_running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    # --- a session ------------------------------------------------------------------------------------------------

    def _session(self, place: int) -> None:
        dice = random.Random(f"{self.seed}-{place}")
        while True:
            with self._guard:
                if self._taken >= self.requests:
                    return
                self._taken += 1
                turn = self._taken
            try:
                self._one(dice, turn)
            except Unanswered as error:
                with self._guard:
                    self.lost.append(str(error))
            with self._guard:
                self.done += 1

    def _one(self, dice: random.Random, turn: int) -> None:
        chance = dice.random()
        with self._guard:
            case = dice.choice(self._cases[-300:]) if self._cases else None
        if case is None or chance < 0.35:
            self._report(dice, turn)
        elif chance < 0.9:
            self._move(case, dice)
        elif chance < 0.95:
            self._count("claim", self._ask("POST", f"incidents/{case.number}/claim/", "acceptor", dice))
        else:
            self._refresh(case, dice)

    def _report(self, dice: random.Random, turn: int) -> None:
        key = f"chaos-{self.seed}-{turn}"
        lon, lat = self.known["point"]
        category = "0101" if dice.random() < 0.2 else "0201"
        body = {"category": category, "description": key, "lon": lon, "lat": lat, "source": "hotline"}
        with self._guard:
            self.keys.append(key)
        answer = self._ask("POST", "incidents/", "acceptor", dice, body, {"Idempotency-Key": key})
        self._count("report", answer)
        if answer.status in (200, 201):
            number = answer.body["number"]
            self._write(kind="report", user="acceptor", key=key, number=number)
            with self._guard:
                self._cases.append(Case(number))

    def _move(self, case: Case, dice: random.Random) -> None:
        action, login, more = NEXT.get(case.status, NEXT["verifying"])
        payload = {"action": action, "version": case.version, **more}
        if action == "dispatch":
            payload["lead"] = {"department": self.known["lead"]}
        answer = self._ask("POST", f"incidents/{case.number}/transitions/", login, dice, payload)
        self._count(action, answer)
        if answer.status == 200:
            self._write(kind="move", number=case.number, action=action, version=answer.body["version"])
            case.status, case.version = answer.body["status"], answer.body["version"]
        else:
            self._refresh(case, dice)

    def _refresh(self, case: Case, dice: random.Random) -> None:
        answer = self._ask("GET", f"incidents/{case.number}/", "acceptor", dice)
        self._count("read", answer)
        if answer.status == 200:
            case.status, case.version = answer.body["status"], answer.body["version"]

    # --- asking ---------------------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        login: str,
        dice: random.Random,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        given = {"Authorization": f"Token {self.known['tokens'][login]}", **(headers or {})}
        content = None
        if body is not None:
            given["Content-Type"], content = "application/json", json.dumps(body)
        deadline, tries = time.monotonic() + PATIENCE, 0
        port = dice.choice(self.ports)
        while time.monotonic() < deadline:
            tries += 1
            asked = now()
            try:
                status, found = once(port, method, f"/api/v1/{path}", content, given)
            except (OSError, http.client.HTTPException):
                status, found = 0, {}
            if status and status < 500:
                return Answer(status, found, tries)
            if status:
                with self._guard:
                    self.faults.append((asked, now(), status, f"{method} {path}"))
            time.sleep(dice.uniform(0.1, 0.4))
            port = next(other for other in self.ports if other != port)
        raise Unanswered(f"{method} {path} {body}")

    def _count(self, what: str, answer: Answer) -> None:
        said = answer.body.get("code", "") if answer.status == 409 else ""
        with self._guard:
            self.answers[f"{what} {answer.status} {said}".strip()] += 1

    def _write(self, **line: Any) -> None:
        with self._guard:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


def once(port: int, method: str, path: str, content: str | None, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and JSON of one request; a connection of its own. OSError or HTTPException where none came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request(method, path, body=content, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    try:
        return answer.status, json.loads(text) if text else {}
    except ValueError:
        return answer.status, {}
