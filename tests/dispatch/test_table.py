"""Every status, action and role against ``loop_table.txt``, which was written by hand from the rules of the loop."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from dispatch import loop, requests
from dispatch.actors import SYSTEM, Actor
from dispatch.cases import Case, RequestState, TicketState
from dispatch.offers import open_actions
from gridgov.common.errors import Conflict, NotPermitted
from grids.capabilities import Capability
from incidents.catalogue import catalogue
from incidents.models import Incident
from incidents.workflow import OPEN, Action, RequestKind, Status, find
from personnel.roles import Role, area_capabilities
from tests.worlds import World

TABLE = Path(__file__).with_name("loop_table.txt")
AT = datetime(2026, 3, 10, 2, tzinfo=UTC)
PARTIES = ("the_checker", "the_verifier", "the_handler", "the_worker", "the_reporter")
SUBJECTS = (*(role.value for role in Role), "system", *PARTIES)
#: Ids of people who are nobody else in these cases.
IDS = {name: 9_000 + number for number, name in enumerate(SUBJECTS)}
SOMEBODY_ELSE = 9_900
WITH_TICKET = {Status.DISPATCHED, Status.HANDLING, Status.SUSPENDED}
MAY_HAVE_TICKET = {Status.HANDLED, Status.VERIFYING, Status.VERIFIED, Status.CLOSED, Status.EVALUATED}


@dataclass
class Table:
    """The file, read: who may act, ask and decide."""

    act: dict[tuple[str, Status, bool], set[str]] = field(default_factory=dict)
    ask: dict[tuple[str, Status], set[str]] = field(default_factory=dict)
    decide: dict[int, set[str]] = field(default_factory=dict)


@cache
def table() -> Table:
    found = Table()
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        verb, statuses, ticket, who = (part.strip() for part in line.split("|"))
        names = set(who.split())
        assert names <= set(SUBJECTS), names - set(SUBJECTS)
        kind, _space, rest = verb.partition(" ")
        if kind == "decide":
            found.decide[int(rest)] = names
            continue
        for status in OPEN if statuses == "OPEN" else [Status(name) for name in statuses.split()]:
            if kind == "ask":
                found.ask.setdefault((rest, status), set()).update(names)
                continue
            for has_ticket in (True, False):
                if ticket == "-" or has_ticket == (ticket == "yes"):
                    found.act.setdefault((Action(verb).value, status, has_ticket), set()).update(names)
    return found


def variants(status: Status) -> tuple[bool, ...]:
    """Whether a case in that status has a lead ticket of the present dispatch: both where both happen."""
    if status in WITH_TICKET:
        return (True,)
    return (True, False) if status in MAY_HAVE_TICKET else (False,)


def people(world: World) -> dict[str, Actor]:
    """One actor for each subject: a role is held where the case is, a party has no posting at all."""
    district = world.areas["620901"].pk
    found = {
        role.value: Actor(
            IDS[role.value],
            grants=frozenset((capability, district) for capability in area_capabilities(role)),
            postings=((role.value, district, None),),
            # a department that has nothing to do with the case
            department_ids=frozenset({world.departments["SW"].pk})
            if role.value.startswith("department")
            else frozenset(),
        )
        for role in Role
    }
    found |= {name: Actor(IDS[name], worker_id=IDS[name]) for name in PARTIES}
    found["the_handler"] = Actor(IDS["the_handler"], department_ids=frozenset({world.departments["CG-SZ"].pk}))
    found["the_reporter"] = Actor(None, channel="link", reporter_incident_id=1)
    found["system"] = SYSTEM
    return found


def case_in(world: World, status: Status, *, has_ticket: bool) -> Case:
    """A case in 甲区 in that status, reported by a worker, with a checker and a verifier named, for an urgent class."""
    # every step that the system may take is named by this case's standard
    standard = catalogue().standard_by_code("0101-1")
    assert standard is not None
    incident = Incident(
        pk=1, number="1", status=status, version=3, source="worker", category_id=standard.category_id,
        standard_id=standard.id, city_id=world.root.pk, district_id=world.areas["620901"].pk, is_placed=True,
        holder_id=world.areas["620901"].pk, reported_by_id=IDS["the_worker"], checker_id=IDS["the_checker"],
        verifier_id=IDS["the_verifier"], status_before="filed", assignment=1, return_count=2,
    )  # fmt: skip
    tickets = []
    if has_ticket:
        state = {Status.DISPATCHED: "open", Status.HANDLING: "signed", Status.SUSPENDED: "signed"}.get(status, "done")
        tickets = [
            TicketState(
                id=1, assignment=1, is_lead=True, is_final=False, department_id=world.departments["CG-SZ"].pk,
                worker_id=None, state=state, round=1, due_at=None, dispatched_by_id=SOMEBODY_ELSE, dispatched_at=AT,
                signed_by_id=None, signed_at=None, ended_at=None if state in ("open", "signed") else AT, result="",
            )
        ]  # fmt: skip
    return Case(incident, [], tickets, [])


def refusal(case: Case, action: Action, by: Actor) -> str:
    """How the loop answers before it looks at the payload: ok, 403 or 409."""
    try:
        loop.judge(case, action, by)
    except NotPermitted:
        return "403"
    except Conflict:
        return "409"
    return "ok"


@pytest.fixture
def table_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of S is named by the standard, and nobody looks up who moved the case last: here the table is asked."""
    monkeypatch.setattr(loop, "NAMED_STEPS", frozenset())
    monkeypatch.setattr(loop, "last_move", lambda incident: {})


def test_every_cell_of_status_action_and_role(world: World, table_alone: None) -> None:
    actors, allowed, wrong, cells = people(world), table().act, [], 0
    for status in Status:
        for has_ticket in variants(status):
            case = case_in(world, status, has_ticket=has_ticket)
            for action in Action:
                may = allowed.get((action.value, status, has_ticket), set())
                for subject in SUBJECTS:
                    cells += 1
                    answer = refusal(case, action, actors[subject])
                    if (answer == "ok") != (subject in may):
                        wrong.append((action.value, status.value, has_ticket, subject, answer))
    assert wrong == []
    assert cells == (16 + 5) * len(Action) * len(SUBJECTS) > 8_000


def test_refused_where_the_action_is_open_is_403_and_409_elsewhere(world: World, table_alone: None) -> None:
    actors, allowed = people(world), table().act
    seen = {"403": 0, "409": 0}
    for status in Status:
        for has_ticket in variants(status):
            case = case_in(world, status, has_ticket=has_ticket)
            for action in Action:
                may = allowed.get((action.value, status, has_ticket), set())
                elsewhere = allowed.get((action.value, status, not has_ticket), set())
                for subject in set(SUBJECTS) - may:
                    answer = refusal(case, action, actors[subject])
                    # somebody whom only the missing (or present) ticket stops is told so: the case is not fit for it
                    expected = "403" if may or (elsewhere and subject not in elsewhere) else "409"
                    assert answer == expected, (action, status, has_ticket, subject)
                    seen[answer] += 1
    assert seen["403"] > 500
    assert seen["409"] > 8_000


def test_buttons_are_the_table(world: World) -> None:
    actors, book = people(world), table()
    only_on_the_way = {Action.ANSWER, Action.REACH_MILESTONE}  # for some categories and standards only
    for status in Status:
        for has_ticket in variants(status):
            case = case_in(world, status, has_ticket=has_ticket)
            for subject in set(SUBJECTS) - {"system"}:
                offers = open_actions(case, actors[subject])
                acts = {offer.action for offer in offers if not offer.request}
                asks = {offer.action for offer in offers if offer.request}
                expected = {
                    action.value
                    for action in Action
                    if action not in only_on_the_way
                    and subject in book.act.get((action.value, status, has_ticket), set())
                }
                assert acts == expected, (status, has_ticket, subject)
                assert asks == {
                    kind.value for kind in RequestKind if subject in book.ask.get((kind.value, status), set())
                }, (status, has_ticket, subject)


def test_asking_is_the_table(world: World, table_alone: None) -> None:
    actors, book, cells = people(world), table(), 0
    for status in Status:
        for has_ticket in variants(status):
            case = case_in(world, status, has_ticket=has_ticket)
            for kind in RequestKind:
                for subject in set(SUBJECTS) - {"system"}:
                    cells += 1
                    answer = "ok"
                    try:
                        requests._line(case, kind)
                        requests._may_ask(case, kind, actors[subject])
                    except NotPermitted:
                        answer = "403"
                    except Conflict:
                        answer = "409"
                    may = book.ask.get((kind.value, status), set())
                    assert (answer == "ok") == (subject in may), (kind, status, subject, answer)
                    assert answer != "409" or find(kind.action, status) is None
    assert cells > 1_500


def _request(level: int, asked_by: int = SOMEBODY_ELSE) -> RequestState:
    return RequestState(1, "return", "pending", 1, asked_by, AT, "", None, level, None, None, None, "")


def test_deciding_is_the_table(world: World) -> None:
    actors, book = people(world), table()
    case = case_in(world, Status.HANDLING, has_ticket=True)
    for level in (0, 1, 2):
        for subject in SUBJECTS:
            try:
                requests._may_decide(case, _request(level), actors[subject])
                answer = True
            except NotPermitted:
                answer = False
            assert answer == (subject in book.decide[level]), (level, subject)


def test_nobody_decides_what_he_asked_for(world: World) -> None:
    case = case_in(world, Status.HANDLING, has_ticket=True)
    chief = people(world)["duty_chief"]
    with pytest.raises(NotPermitted) as refused:
        requests._may_decide(case, _request(1, asked_by=IDS["duty_chief"]), chief)
    assert refused.value.missing == "separation:asker"


def test_granted_actions_are_done_by_nobody_directly(world: World) -> None:
    everything = Actor(IDS["leader"], grants=frozenset((capability, world.root.pk) for capability in Capability))
    for kind in RequestKind:
        for status in Status:
            if find(kind.action, status) is not None:
                case = case_in(world, status, has_ticket=status in WITH_TICKET)
                for by in (everything, SYSTEM):
                    with pytest.raises(Conflict) as refused:
                        loop.judge(case, kind.action, by)
                    assert refused.value.code == "needs_request"


def test_system_takes_only_the_steps_its_standard_names(world: World) -> None:
    named = {Action.ACCEPT: Status.REPORTED, Action.FILE: Status.ACCEPTED, Action.DISPATCH: Status.FILED}
    unnamed = {Action.REQUEST_VERIFICATION: Status.HANDLED, Action.CLOSE: Status.VERIFIED}
    plain = catalogue().standard_by_code("0201-1")
    assert plain is not None
    for action, status in (named | unnamed).items():
        case = case_in(world, status, has_ticket=status in (Status.HANDLED, Status.VERIFIED))
        assert refusal(case, action, SYSTEM) == ("ok" if action in named else "403"), action
        case.incident.standard_id, case.incident.category_id = plain.id, plain.category_id
        assert refusal(case, action, SYSTEM) == "403", action


def test_table_names_every_action_once_at_least() -> None:
    book = table()
    asked_for = {kind.value for kind in RequestKind}
    assert {action for action, _status, _ticket in book.act} | asked_for == {action.value for action in Action}
    assert {kind for kind, _status in book.ask} == asked_for
