"""Any value in any field of any action gets a refusal, never another exception, and never writes half a thing."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction

from dispatch import loop, requests
from dispatch.actors import SYSTEM, Actor
from gridgov.common.errors import DomainError
from incidents.models import Incident
from incidents.workflow import TRANSITIONS, Action, RequestKind, Status, Transition
from tests.dispatch.audit import audit
from tests.dispatch.cases import LOGINS, cases_in_every_status, payload_for
from tests.flows.journey import START, Quick
from tests.worlds import World

LATER = START + timedelta(days=1)
GARBAGE: tuple[Any, ...] = (
    0, -1, True, 1.5, float("nan"), float("inf"), 10**400, 2**63, "x", "\x00", "\ud800", " ", "9" * 3_000, {},
    {1, 2}, {"department": None}, {"x": 1}, [{}], [None], ["x"], [[1]], object(), b"x", uuid4(), START,
    LATER.replace(tzinfo=None),
)  # fmt: skip


def doer(world: World, line: Transition, number: str) -> tuple[Actor, str] | None:
    """Somebody who may take the action on the case as it stands, with his login."""
    case = loop.read(number, SYSTEM)
    for login in dict.fromkeys([*LOGINS.values(), "duty_chief_city"]):
        by = world.actor(login)
        try:
            loop.judge(case, line.action, by)
        except DomainError:
            continue
        return by, login
    return None


def test_any_value_in_any_field_is_taken_or_refused(world: World) -> None:
    cases, into = cases_in_every_status(world), Quick(world).number
    answers: Counter[str] = Counter()
    tried: set[Action] = set()
    for line in TRANSITIONS:
        number, status = next((n, s) for (s, ticket), n in cases.items() if fits(line, s, ticket))
        found = None if line.granted else doer(world, line, number)
        if found is None:
            continue
        by, login = found
        tried.add(line.action)
        payload = payload_for(world, line.action, status, login, into)
        for name in (*line.requires, *line.optional):
            for value in GARBAGE:
                answers[_answer(number, line.action, by, payload | {name: value})] += 1
    assert answers["ok"] > 10
    assert answers["400"] > 800
    assert len(tried) > 30
    for number in cases.values():
        audit(number)


def fits(line: Transition, status: Status, ticket: bool) -> bool:
    return status in line.sources and line.needs_ticket in (None, ticket)


def _answer(number: str, action: Action, by: Actor, payload: dict[str, Any]) -> str:
    return _status(lambda: loop.perform(number=number, action=action, by=by, at=LATER, **payload))


def _status(call: Callable[[], Any]) -> str:
    """ok, or the status of the refusal; whatever it wrote is undone, any other exception goes through."""
    with transaction.atomic():
        try:
            call()
        except DomainError as error:
            str(error).encode()  # and its sentence can be sent
            return str(error.status)
        finally:
            transaction.set_rollback(True)
    return "ok"


def test_any_value_in_any_argument_of_a_request_is_taken_or_refused(world: World) -> None:
    number = Quick(world).to("handling").number
    by, decider = world.actor("department_handler"), world.actor("leader")
    plain: dict[str, Any] = {"kind": "suspend", "reason": "需要", "until": LATER + timedelta(days=3), "attachments": ()}
    for name in plain:
        for value in GARBAGE:
            given = plain | {name: value}
            answer = _status(lambda given=given: requests.ask(number=number, by=by, at=LATER, **given))  # type: ignore[misc]
            assert answer in ("400", "ok"), (name, value)
    pk = requests.ask(number=number, by=by, at=LATER, **plain)
    for name in ("grant", "reason"):
        for value in GARBAGE:
            given = {"grant": True, "reason": "x"} | {name: value}
            answer = _status(lambda given=given: requests.decide(request_id=pk, by=decider, at=LATER, **given))  # type: ignore[misc]
            assert answer in ("400", "ok"), (name, value)
    audit(number)


def test_numbers_and_actions_that_nobody_gave_out(world: World) -> None:
    by, number = world.actor("acceptor"), Quick(world).number
    for value in GARBAGE:
        for given in ({"number": value, "action": "accept"}, {"number": number, "action": value}):
            answer = _status(lambda given=given: loop.perform(by=by, at=LATER, **given))  # type: ignore[misc]
            assert answer in ("400", "404"), given
    assert not Incident.objects.exclude(status=Status.REPORTED).exists()
    assert {kind.action for kind in RequestKind} <= set(Action)
