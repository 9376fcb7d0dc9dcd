"""Random walks through the database: whatever is tried, by whomever, the loop answers by the table or refuses."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

from dispatch import loop, requests, tickets
from dispatch.actors import SYSTEM, Actor, actor_by_link
from dispatch.models import Request, Ticket
from gridgov.common.errors import DomainError
from incidents.models import Attachment, Incident
from incidents.workflow import FIELD_LABELS, Action, RequestKind, Status, available, find
from tests.common.calendars import local
from tests.dispatch.audit import audit
from tests.worlds import World

START = local("2026-03-10 09:00")
DEPARTMENTS = ("CG-SZ", "CG", "ZJ", "SW", "TEAM", "CENTRE")
STANDARDS = ("0101-1", "0102-1", "0201-1", "0201-2", "0202-1", "0203-1", "0301-1", "0302-1")
#: Whom an action is for, most of the time: so that walks get somewhere.
PROBABLE = {
    Action.CONFIRM_CHECK: ("grid_worker",), Action.REFUTE_CHECK: ("grid_worker",),
    Action.RESOLVE_ON_SITE: ("grid_worker",),
    Action.FILE: ("duty_chief",), Action.DECLINE: ("duty_chief",), Action.SEND_BACK: ("duty_chief", "dispatcher"),
    Action.DISPATCH: ("dispatcher",), Action.IMPOSE: ("duty_chief",), Action.RECALL: ("dispatcher", "duty_chief"),
    Action.SIGN: ("department_handler", "department_head"),
    Action.RESUME: ("department_handler", "dispatcher", "system"), Action.FEED_BACK: ("department_handler",),
    Action.REACH_MILESTONE: ("department_handler",),
    Action.PASS: ("verifier", "grid_leader"), Action.FAIL: ("verifier", "grid_leader"),
    Action.CLOSE: ("duty_chief", "duty_chief_2"), Action.EVALUATE: ("acceptor", "link", "system"),
    Action.REOPEN: ("acceptor", "link"), Action.REINSTATE: ("duty_chief",),
    Action.CLOSE_WITH_PARENT: ("system",), Action.UNMERGE: ("acceptor", "system"),
    Action.TRANSFER: ("duty_chief", "duty_chief_city"), Action.SUPERVISE: ("supervisor", "leader"),
}  # fmt: skip
ASKERS = {
    RequestKind.RETURN: "department_handler", RequestKind.EXTEND: "department_handler",
    RequestKind.SUSPEND: "department_handler", RequestKind.VOID: "acceptor", RequestKind.FORCE_CLOSE: "dispatcher",
}  # fmt: skip
RARE = {Action.REJECT, Action.DECLINE, Action.ANSWER, Action.MERGE, Action.NOTE, Action.SUPERVISE, Action.AMEND}
GARBAGE: tuple[Any, ...] = (None, "", " ", 0, -1, True, "x", "\x00", [], {}, [{}], 2**70, "9" * 600, uuid4(), 1.5)


class Walker:
    """A few cases of one city and everything that people may try on them. Deterministic for a seed."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.dice, self.at = world, random.Random(seed), START
        self.actors: dict[str, Actor] = {login: world.actor(login) for login in world.people} | {"system": SYSTEM}
        self.numbers: list[str] = []
        self.tokens: dict[str, str] = {}
        self.answers: Counter[str] = Counter()
        self.reached: set[str] = set()

    # --- one walk -------------------------------------------------------------------------------------------------

    def walk(self, steps: int) -> None:
        """Two new cases, so many tries, and the audit of both; nothing but refusals may come back."""
        self.at = START + timedelta(minutes=self.dice.randint(0, 60 * 24 * 20))
        self.numbers = [self._report(), self._report()]
        for _ in range(steps):
            self.at += timedelta(
                minutes=self.dice.choice((0, 1, 5, 30, 90, 600, 3_000)), seconds=self.dice.randint(0, 3)
            )
            try:
                self._try()
            except DomainError as error:
                self.answers[f"{error.status} {error.code}"] += 1
            else:
                self.answers["ok"] += 1
        for number in self.numbers:
            self.reached.add(audit(number).status)

    def _report(self) -> str:
        category = self.dice.choice(["0201"] * 5 + ["0202", "0202", "0101", "0301", "0302"])
        source, by = self.dice.choice([("hotline", "acceptor"), ("worker", "grid_worker")])
        body = self.world.body(
            category=category, source=source, reporter_phone="13900001111" if self.dice.random() < 0.5 else ""
        )
        received = loop.report(body=body, by=self.actors[by], at=self.at)
        self.tokens[received.number] = received.token
        return received.number

    def _try(self) -> None:
        number = self.numbers[0 if self.dice.random() < 0.8 else 1]
        status, case = Incident.objects.values_list("status", "pk").get(number=number)
        luck = self.dice.random()
        if luck < 0.12:
            self._ask(number, Status(status))
        elif luck < 0.25 and Request.objects.filter(incident=case).exists():
            self._decide(case)
        elif luck < 0.32 and Ticket.objects.filter(incident=case).exists():
            self._joint(case)
        elif luck < 0.34:
            requests.raise_due(at=self.at)
        else:
            self._act(number, Status(status), wild=self.dice.random() < 0.15)

    # --- what is tried --------------------------------------------------------------------------------------------

    def _act(self, number: str, status: Status, *, wild: bool) -> None:
        if wild:
            action = self.dice.choice(list(Action))
            by = self._anybody(number)
        else:
            open_here = [line.action for line in available(status) if not line.granted]
            likely = [action for action in open_here if action not in RARE or self.dice.random() < 0.2]
            action = self.dice.choice(likely or open_here or list(Action))
            by = self._actor(self.dice.choice(PROBABLE.get(action, ("acceptor",))), number)
            by = by if self.dice.random() < 0.93 else self._anybody(number)
        payload = self._payload(action, status, number, by)
        if wild and self.dice.random() < 0.6:
            payload[self.dice.choice(list(FIELD_LABELS))] = self.dice.choice(GARBAGE)
        version = None
        if self.dice.random() < 0.5:
            version = Incident.objects.values_list("version", flat=True).get(number=number)
            version -= self.dice.random() < 0.1
        loop.perform(number=number, action=action, by=by, version=version, at=self.at, **payload)

    def _actor(self, login: str, number: str) -> Actor:
        if login == "link":
            return actor_by_link(self.tokens[number]) or self.actors["nobody"]
        return self.actors[login]

    def _anybody(self, number: str) -> Actor:
        return self._actor(self.dice.choice([*self.actors, "link"]), number)

    def _payload(self, action: Action, status: Status, number: str, by: Actor) -> dict[str, Any]:
        line = find(action, status)
        if line is None:
            return {}
        wanted = set(line.requires) | {name for name in line.optional if self.dice.random() < 0.3}
        if action is Action.FEED_BACK:
            wanted |= {"attachments"}
        if action is Action.AMEND:
            wanted = {"reason"} | set(self.dice.choice((("description",), ("standard", "clocks"), ("standard",))))
        return {name: self._value(name, action, number, by) for name in sorted(wanted)}

    def _value(self, name: str, action: Action, number: str, by: Actor) -> Any:
        dice, world = self.dice, self.world
        if name == "attachments":
            return [self._photo(by) for _ in range(dice.choice((1, 2, 2)))]
        if name in ("lead", "joint"):
            codes = dice.sample(DEPARTMENTS, 2)
            leads = [
                world.lead("CG-SZ" if dice.random() < 0.8 else codes[0]),
                {"worker": dice.choice(self._workers()).pk},
            ]
            return leads[dice.random() < 0.05] if name == "lead" else [world.lead(codes[1])]
        if name == "standard":
            own = Incident.objects.values_list("category__code", flat=True).get(number=number)
            return dice.choice([code for code in STANDARDS if code.startswith(own)] or [*STANDARDS])
        choices: dict[str, Any] = {
            "reason": "outside" if action in (Action.REJECT, Action.DECLINE) else "需要这样办",
            "note": "已到现场看过",
            "category": dice.choice(["0102", "0201", "0302"]),
            "checker": world.people[dice.choice(["grid_worker", "grid_worker", "grid_worker_b", "acceptor"])].pk,
            "verifier": world.people[dice.choice(["verifier", "verifier", "grid_leader", "dispatcher"])].pk,
            "until": self.at + timedelta(days=dice.choice((-1, 3, 29, 31, 400))),
            "into": dice.choice(self.numbers),
            "target": dice.choice([world.root.pk, world.areas["620901"].pk, world.areas["620901001"].pk, 0]),
            "result": dice.choice(["satisfied", "unsatisfied", "not_rated", "bad"]),
            "level": dice.choice([1, 2, 4, 5]),
            "milestone": dice.choice(["stop", "clear"]),
            "waive": "不需要了",
            "clocks": dice.choice(["keep", "restart"]),
            "lon": 103.605, "lat": 36.055, "crs": "wgs84", "address": "某路1号", "description": "补充说明",
        }  # fmt: skip
        return choices[name]

    def _workers(self) -> list[Any]:
        return [self.world.workers[login] for login in ("grid_worker", "grid_worker_2", "verifier")]

    def _photo(self, by: Actor) -> Any:
        """A row for a photo as the store makes it, without the pixels."""
        if by.user_id is None:
            return uuid4()
        return Attachment.objects.create(
            kind="image", file="x.jpg", sha256="0" * 64, size=1, uploaded_by_id=by.user_id, uploaded_at=self.at
        ).pk

    def _ask(self, number: str, status: Status) -> None:
        open_here = [kind for kind in RequestKind if find(kind.action, status)]
        ending = (RequestKind.VOID, RequestKind.FORCE_CLOSE)
        likely = [kind for kind in open_here if kind not in ending or self.dice.random() < 0.1]
        kind = self.dice.choice(likely or list(RequestKind))
        by = self._actor(ASKERS[kind], number) if self.dice.random() < 0.9 else self._anybody(number)
        until = self.at + timedelta(days=self.dice.choice((0, 5, 20, 40, 400))) if kind is RequestKind.SUSPEND else None
        requests.ask(number=number, kind=kind, by=by, reason="情况特殊", until=until, at=self.at)

    def _decide(self, case: int) -> None:
        found = list(Request.objects.filter(incident=case).order_by("-id").values_list("pk", flat=True)[:3])
        pk = self.dice.choice(found)
        login = self.dice.choice(["dispatcher", "duty_chief", "duty_chief", "leader"])
        login = login if self.dice.random() < 0.9 else self.dice.choice(list(self.actors))
        requests.decide(
            request_id=pk, grant=self.dice.random() < 0.7, reason="经研究", by=self.actors[login], at=self.at
        )

    def _joint(self, case: int) -> None:
        found = list(Ticket.objects.filter(incident=case).order_by("-id").values_list("pk", flat=True)[:4])
        pk = self.dice.choice(found)
        login = self.dice.choice(
            ["department_handler_joint", "department_handler_b", "department_handler", "department_head"]
        )
        by = self.actors[login]
        what = self.dice.choice(["sign", "finish", "refuse"])
        if what == "sign":
            tickets.sign_joint(ticket_id=pk, by=by, at=self.at)
        elif what == "finish":
            tickets.finish_joint(ticket_id=pk, by=by, note="协办完成", at=self.at)
        else:
            tickets.refuse_joint(ticket_id=pk, by=by, reason="不归我们", at=self.at)
