"""Random histories: people of the test city move cases about through the loop for some weeks, well and badly.

A walk is decided by its seed alone. What the loop refuses is skipped and counted; whoever acts has the right role more
often than not, so that refusals stay a minority.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from dispatch import escalation, loop, requests
from dispatch.actors import SYSTEM, Actor
from gridgov.common import clock
from gridgov.common.errors import DomainError
from incidents.models import Clock, Incident
from incidents.services import entry
from tests.worlds import World

START = datetime(2026, 3, 2, 1, tzinfo=UTC)  # a Monday, 9:00 in Lanzhou
GRIDS = {
    "a": ["620901001001001", "620901001001002", "620901001002001", "620901002001001"],
    "b": ["620902001001001", "620902001001002"],
}
PEOPLE = {
    "a": {
        "acceptor": ["acceptor", "acceptor_2"], "chief": ["duty_chief", "duty_chief_2", "duty_chief_city"],
        "dispatcher": ["dispatcher", "dispatcher_2"], "verifier": ["verifier", "verifier_2"],
        "worker": ["grid_worker", "grid_worker_2"],
    },
    "b": {
        "acceptor": ["acceptor_b", "acceptor_city"], "chief": ["duty_chief_b", "duty_chief_city"],
        "dispatcher": ["dispatcher_b"], "verifier": ["verifier_b"], "worker": ["grid_worker_b"],
    },
}  # fmt: skip
#: department or worker → who signs and feeds back for it
HANDLERS = {
    "CG-SZ": "department_handler", "CG": "department_head", "ZJ": "department_handler_joint",
    "SW": "department_handler_b", "worker": "grid_leader",
}  # fmt: skip
STANDARDS = {"0201": ["0201-1", "0201-2"], "0102": ["0102-1"], "0202": ["0202-1"], "0301": ["0301-1"]}
CATEGORIES = ["0201"] * 5 + ["0102", "0202", "0301"]


@dataclass
class Walk:
    """``world`` after some weeks; ``done`` and ``refused`` count the actions by name."""

    world: World
    seed: int
    now: datetime = START
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._actors: dict[str, Actor] = {}
        self._side: dict[str, str] = {}
        self._lead: dict[str, str] = {}
        self._pending: list[tuple[int, str, str]] = []

    def run(self, steps: int, *, cases: int, pace_minutes: float = 70) -> "Walk":
        """``steps`` actions on at most ``cases`` cases, ``pace_minutes`` apart on average, in quick runs and pauses."""
        last = ""
        for _step in range(steps):
            quick = self.random.random() < 0.6
            self.now += timedelta(seconds=round(self.random.expovariate(1 / (8 if quick else pace_minutes * 2.2)) * 60))
            self._sleep()
            if len(self._side) < cases and (not self._side or self.random.random() < 0.2):
                last = self._report()
                continue
            if self._pending and self.random.random() < 0.4:
                self._decide()
                continue
            if self.random.random() < 0.03:
                escalation.sweep(now=self.now)
            case = Incident.objects.get(number=last if quick and last else self.random.choice(list(self._side)))
            if case.ended_at is not None and self.random.random() < 0.6:
                case = Incident.objects.get(number=self.random.choice(list(self._side)))
            self._act(case)
            last = case.number
        return self

    def exempt(self, share: float) -> int:
        """Of the late clocks a share is exempted, each with its entry; how many."""
        found = 0
        for late in Clock.objects.filter(state="late").order_by("id"):
            if self.random.random() > share:
                continue
            incident = Incident.objects.get(pk=late.incident_id)
            with transaction.atomic():
                facts = {"clock": late.kind, "cycle": late.cycle}
                entry.append(incident, kind="exempted", user_id=None, at=self.now, recorded_at=self.now, payload=facts)
                Clock.objects.filter(pk=late.pk).update(is_exempt=True)
            found += 1
        return found

    # --- moving ---------------------------------------------------------------------------------------------------

    def _sleep(self) -> None:
        local = clock.local(self.now)
        if (local.hour < 8 or local.hour >= 19) and self.random.random() < 0.85:
            morning = local.replace(hour=8, minute=self.random.randrange(0, 50), second=self.random.randrange(60))
            self.now = (morning + timedelta(days=1 if local.hour >= 19 else 0)).astimezone(UTC)

    def _actor(self, login: str) -> Actor:
        if login not in self._actors:
            self._actors[login] = self.world.actor(login)
        return self._actors[login]

    def _who(self, case: Incident, role: str) -> str:
        return self.random.choice(PEOPLE[self._side[case.number]][role])

    def _perform(self, case: Incident, action: str, by: str | Actor, **payload: Any) -> None:
        actor = self._actor(by) if isinstance(by, str) else by
        loop.perform(number=case.number, action=action, by=actor, at=self.now, **payload)

    def _report(self) -> str:
        side = self.random.choice("aaab")
        by_worker = self.random.random() < 0.45
        login = self.random.choice(PEOPLE[side]["worker" if by_worker else "acceptor"])
        body = self.world.body(
            grid=self.random.choice(GRIDS[side]), category=self.random.choice(CATEGORIES),
            source="worker" if by_worker else "hotline",
        )  # fmt: skip
        number = loop.report(body=body, by=self._actor(login), at=self.now).number
        self._side[number] = side
        self.done["report"] += 1
        return number

    def _act(self, case: Incident) -> None:
        tries = [*getattr(self, f"_in_{case.status}")(case), *self._anywhere(case)]
        weights = [weight for weight, _name, _try in tries]
        _weight, name, act = self.random.choices(tries, weights)[0]
        self._counted(name, act)

    def _counted(self, name: str, act: Callable[[], Any]) -> None:
        try:
            act()
        except DomainError as refusal:
            self.refused[f"{name}: {refusal}"] += 1
        else:
            self.done[name] += 1

    def _decide(self) -> None:
        request_id, kind, side = self._pending.pop(self.random.randrange(len(self._pending)))
        grant = self.random.random() < 0.75
        by = "leader" if self.random.random() < 0.5 or kind == "force_close" else PEOPLE[side]["chief"][0]
        reason = "" if grant else "理由不足"
        self._counted(
            f"{kind} {'granted' if grant else 'refused'}",
            lambda: requests.decide(request_id=request_id, grant=grant, reason=reason, by=self._actor(by), at=self.now),
        )

    def _ask(self, case: Incident, kind: str, by: str, **more: Any) -> None:
        request_id = requests.ask(
            number=case.number, kind=kind, by=self._actor(by), reason="情况属实", at=self.now, **more
        )
        self._pending.append((request_id, kind, self._side[case.number]))

    def _photos(self, by: str, count: int = 1) -> list[Any]:
        return [self.world.photo(by) for _ in range(count)]

    # --- what may be tried in each status -------------------------------------------------------------------------

    def _anywhere(self, case: Incident) -> list[Any]:
        if case.ended_at is not None:
            return []
        chief = self._who(case, "chief")
        later = self.now + timedelta(days=1)
        found = [
            (0.2, "supervise", lambda: self._perform(case, "supervise", chief, note="请抓紧", until=later)),
            (0.2, "move", lambda: self._move(case)),
            (0.2, "ask void", lambda: self._ask(case, "void", self._who(case, "dispatcher"))),
        ]
        if case.status not in ("reported", "checking", "accepted"):
            by = self._who(case, "dispatcher")
            found.append((0.25, "ask force_close", lambda: self._ask(case, "force_close", by)))
        return found

    def _move(self, case: Incident) -> None:
        lon, lat = self.world.point(self.random.choice(GRIDS[self._side[case.number]]))
        self._perform(case, "amend", self._who(case, "acceptor"), lon=lon, lat=lat, reason="位置不准")

    def _merge(self, case: Incident) -> None:
        others = [n for n in self._side if n != case.number and self._side[n] == self._side[case.number]]
        self._perform(case, "merge", self._who(case, "dispatcher"), into=self.random.choice(others or ["0"]))

    def _in_reported(self, case: Incident) -> list[Any]:
        by = self._who(case, "acceptor")
        worker = self._who(case, "worker")
        reporter = next((u.username for u in self.world.people.values() if u.pk == case.reported_by_id), "")
        checker = self.world.people[worker].pk
        return [
            (5, "accept", lambda: self._perform(case, "accept", by)),
            (3, "request_check", lambda: self._perform(case, "request_check", by, checker=checker)),
            (1, "reject", lambda: self._perform(case, "reject", by, reason="not_ours", note="不属本部门")),
            (2 if case.category_id == self._question() else 0, "answer", lambda: self._perform(
                case, "answer", by, note="已答复")),
            (3 if case.source == "worker" else 0, "resolve_on_site", lambda: self._perform(
                case, "resolve_on_site", reporter, note="已清理", attachments=self._photos(reporter, 2))),
            (0.5, "merge", lambda: self._merge(case)),
        ]  # fmt: skip

    def _question(self) -> int:
        if not hasattr(self, "_question_id"):
            category = Incident._meta.get_field("category").related_model
            self._question_id = category.objects.get(code="0301").pk
        return self._question_id

    def _in_checking(self, case: Incident) -> list[Any]:
        login = next(u.username for u in self.world.people.values() if u.pk == case.checker_id)

        def answer(action: str) -> None:
            self._perform(case, action, login, note="现场看过", attachments=self._photos(login))

        return [
            (4, "confirm_check", lambda: answer("confirm_check")),
            (1, "refute_check", lambda: answer("refute_check")),
            (
                0.5,
                "cancel_check",
                lambda: self._perform(case, "cancel_check", self._who(case, "acceptor"), reason="不必"),
            ),
        ]

    def _standard(self, case: Incident) -> str:
        return self.random.choice(STANDARDS[case.category.code])

    def _in_accepted(self, case: Incident) -> list[Any]:
        chief = self._who(case, "chief")
        by = self._who(case, "acceptor")
        return [
            (7, "file", lambda: self._perform(case, "file", chief, standard=self._standard(case))),
            (1, "decline", lambda: self._perform(case, "decline", chief, reason="not_in_conditions", note="不够条件")),
            (1, "send_back", lambda: self._perform(case, "send_back", chief, reason="再看看")),
            (1 if case.category_id == self._question() else 0, "answer", lambda: self._perform(
                case, "answer", by, note="已答复")),
            (0.3, "merge", lambda: self._merge(case)),
        ]  # fmt: skip

    def _in_filed(self, case: Incident) -> list[Any]:
        name = self.random.choice(list(HANDLERS))
        lead = {"worker": self.world.workers["grid_leader"].pk} if name == "worker" else self.world.lead(name)

        def given(action: str, by: str, **more: Any) -> None:
            self._perform(case, action, by, lead=lead, **more)
            self._lead[case.number] = HANDLERS[name]

        return [
            (7, "dispatch", lambda: given("dispatch", self._who(case, "dispatcher"))),
            (0.6, "send_back", lambda: self._perform(case, "send_back", self._who(case, "dispatcher"), reason="重看")),
            (0.3, "merge", lambda: self._merge(case)),
            (3 if case.return_count >= 2 else 0, "impose", lambda: given(
                "impose", self._who(case, "chief"), reason="应由你单位办理")),
        ]  # fmt: skip

    def _in_dispatched(self, case: Incident) -> list[Any]:
        lead = self._lead[case.number]
        return [
            (6, "sign", lambda: self._perform(case, "sign", lead)),
            (1, "recall", lambda: self._perform(case, "recall", self._who(case, "dispatcher"), reason="派错了")),
            (2, "ask return", lambda: self._ask(case, "return", lead)),
        ]

    def _in_handling(self, case: Incident) -> list[Any]:
        lead = self._lead[case.number]
        until = self.now + timedelta(days=self.random.choice([2, 5, 12]))
        restart = self.random.choice(["keep", "restart"])
        return [
            (6, "feed_back", lambda: self._perform(
                case, "feed_back", lead, note="已处置", attachments=self._photos(lead))),
            (2, "ask extend", lambda: self._ask(case, "extend", lead)),
            (2, "ask suspend", lambda: self._ask(case, "suspend", lead, until=until)),
            (1, "ask return", lambda: self._ask(case, "return", lead)),
            (0.5, "recall", lambda: self._perform(case, "recall", self._who(case, "dispatcher"), reason="派错了")),
            (1 if case.category.code == "0201" else 0, "amend", lambda: self._perform(
                case, "amend", self._who(case, "acceptor"), standard=self._standard(case), clocks=restart,
                reason="改")),
        ]  # fmt: skip

    def _in_suspended(self, case: Incident) -> list[Any]:
        lead = self._lead[case.number]
        return [
            (3, "resume", lambda: self._perform(case, "resume", lead)),
            (1, "resume by itself", lambda: self._perform(case, "resume", SYSTEM)),
            (0.3, "recall", lambda: self._perform(case, "recall", self._who(case, "dispatcher"), reason="派错了")),
        ]

    def _in_handled(self, case: Incident) -> list[Any]:
        by = self._who(case, "acceptor")
        verifier = self.world.people[self._who(case, "verifier")].pk
        if case.on_site_by_id is not None and case.number not in self._lead:
            return [
                (3, "approve_on_site", lambda: self._perform(case, "approve_on_site", by)),
                (1, "refuse_on_site", lambda: self._perform(case, "refuse_on_site", by, reason="照片不清")),
                (1, "request_verification", lambda: self._perform(case, "request_verification", by)),
            ]
        named = {"verifier": verifier} if self.random.random() < 0.5 else {}
        return [
            (6, "request_verification", lambda: self._perform(case, "request_verification", by, **named)),
            (1, "refuse_feedback", lambda: self._perform(case, "refuse_feedback", by, reason="照片不清")),
        ]

    def _in_verifying(self, case: Incident) -> list[Any]:
        login = self._who(case, "verifier")
        other = self.world.people[self._who(case, "verifier")].pk

        def judge(action: str) -> None:
            self._perform(case, action, login, note="现场看过", attachments=self._photos(login))

        return [
            (5, "pass", lambda: judge("pass")),
            (3, "fail", lambda: judge("fail")),
            (1, "reassign_verification", lambda: self._perform(
                case, "reassign_verification", self._who(case, "acceptor"), verifier=other, reason="换人")),
            (1, "refuse_on_site", lambda: self._perform(case, "refuse_on_site", login, reason="没有处理")),
        ]  # fmt: skip

    def _in_verified(self, case: Incident) -> list[Any]:
        return [(6, "close", lambda: self._perform(case, "close", self._who(case, "chief")))]

    def _in_closed(self, case: Incident) -> list[Any]:
        result = self.random.choice(["very_satisfied", "satisfied", "satisfied", "unsatisfied"])
        return [
            (3, "evaluate", lambda: self._perform(case, "evaluate", self._who(case, "acceptor"), result=result)),
            (0.5, "not rated", lambda: self._perform(case, "evaluate", SYSTEM, result="not_rated")),
            (1, "reopen", lambda: self._perform(case, "reopen", self._who(case, "acceptor"), reason="又出现了")),
        ]

    def _in_evaluated(self, case: Incident) -> list[Any]:
        return [(1, "reopen", lambda: self._perform(case, "reopen", self._who(case, "acceptor"), reason="又出现了"))]

    def _reinstate(self, case: Incident) -> list[Any]:
        return [(1, "reinstate", lambda: self._perform(case, "reinstate", self._who(case, "chief"), reason="确有其事"))]

    _in_rejected = _in_declined = _in_voided = _reinstate

    def _in_merged(self, case: Incident) -> list[Any]:
        return [
            (1, "unmerge", lambda: self._perform(case, "unmerge", self._who(case, "dispatcher"), reason="不是一回事")),
            (1, "close_with_parent", lambda: self._perform(case, "close_with_parent", SYSTEM)),
        ]
