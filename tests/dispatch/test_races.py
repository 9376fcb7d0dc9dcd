"""Several people at one case at one moment: one of them wins, the others are told who was faster. Never an error."""

import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from dispatch import loop, requests, tickets
from dispatch.models import Request, Ticket
from gridgov.common.errors import Conflict, DomainError, NotPermitted
from gridgov.common.models import User
from incidents.models import Incident, JournalEntry
from tests.dispatch import racers
from tests.dispatch.audit import audit
from tests.processes import database_name
from tests.worlds import World, make_world

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60


@pytest.fixture
def city() -> World:
    """The world, committed: other threads and processes see it."""
    return make_world()


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """So many moves wait for each other between reading the case and writing it: each has read the same."""
    carry_out = loop.carry_out

    def arrange(count: int) -> None:
        gate, passed = threading.Barrier(count), threading.local()

        def held(*args: Any, **options: Any) -> Any:
            if not getattr(passed, "once", False):
                passed.once = True
                gate.wait(PATIENCE)
            return carry_out(*args, **options)

        monkeypatch.setattr(loop, "carry_out", held)
        monkeypatch.setattr(requests, "carry_out", held)

    return arrange


def race(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returned or raised, all of them started at once in threads of their own."""
    found: list[Any] = [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            found[place] = call()
        except BaseException as error:
            found[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "they wait for each other"
    for result in found:
        if isinstance(result, BaseException) and not isinstance(result, DomainError):
            raise result
    return found


def refusals(found: list[Any]) -> list[DomainError]:
    return [result for result in found if isinstance(result, DomainError)]


def perform(city: World, number: str, action: str, login: str, **payload: Any) -> Callable[[], Any]:
    by = city.actor(login)
    return lambda: loop.perform(number=number, action=action, by=by, **payload)


def test_same_action_of_several_people_has_one_winner_and_the_others_are_told(
    city: World, together: Callable[[int], None]
) -> None:
    number = city.report()
    people = ["acceptor", "acceptor_2", "acceptor_city"]
    together(len(people))
    found = race(*(perform(city, number, "accept", login, version=1) for login in people))
    assert len(refusals(found)) == len(people) - 1
    winner = city.people[people[next(i for i, f in enumerate(found) if not isinstance(f, DomainError))]]
    entry = JournalEntry.objects.get(incident__number=number, action="accept")
    assert entry.actor_id == winner.pk
    for conflict in refusals(found):
        assert isinstance(conflict, Conflict)
        assert conflict.code == "stale_version"
        said = {key: conflict.extra[key] for key in ("actor", "action", "version", "status", "at")}
        assert said == {
            "actor": winner.name, "action": "accept", "version": 2, "status": "accepted", "at": entry.at,
        }  # fmt: skip
    assert audit(number).version == 2


def test_without_a_version_the_losers_find_the_action_no_longer_open(
    city: World, together: Callable[[int], None]
) -> None:
    number = city.report()
    together(2)
    found = race(
        perform(city, number, "accept", "acceptor"),
        perform(city, number, "reject", "acceptor_2", reason="outside", note="请向邻区反映"),
    )
    [conflict] = refusals(found)
    assert conflict.code == "not_open"
    assert audit(number).status in ("accepted", "rejected")


def test_four_processes_at_one_case(city: World) -> None:
    number = city.report()
    context = multiprocessing.get_context("spawn")
    logins = ["acceptor", "acceptor_2", "acceptor_city", "acceptor"]
    start, results = context.Barrier(len(logins)), context.Queue()
    processes = [
        context.Process(target=racers.accept, args=(database_name(), number, login, 1, start, results))
        for login in logins
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=PATIENCE) for _ in processes]
    for process in processes:
        process.join(PATIENCE)
        assert process.exitcode == 0
    assert sorted(code for _login, code, _extra in found) == ["ok"] + ["stale_version"] * 3
    winner = next(login for login, code, _extra in found if code == "ok")
    name = User.objects.get(username=winner).name
    for _login, code, extra in found:
        if code != "ok":
            assert (extra["actor"], extra["action"], extra["version"]) == (name, "accept", 2)
    assert audit(number).status == "accepted"


def test_dispatch_and_send_back_at_once_leave_a_ticket_or_none(city: World, together: Callable[[int], None]) -> None:
    number = city.carry("filed")
    together(2)
    found = race(
        perform(city, number, "dispatch", "dispatcher", lead=city.lead()),
        perform(city, number, "send_back", "dispatcher_2", reason="立案条件不对"),
    )
    assert len(refusals(found)) == 1
    incident = audit(number)
    assert Ticket.objects.filter(incident=incident).count() == (incident.status == "dispatched")


def test_two_dispatches_at_once_make_one_lead_ticket(city: World, together: Callable[[int], None]) -> None:
    number = city.carry("filed")
    together(2)
    found = race(
        perform(city, number, "dispatch", "dispatcher", lead=city.lead()),
        perform(city, number, "dispatch", "dispatcher_2", lead=city.lead("SW")),
    )
    assert len(refusals(found)) == 1
    assert Ticket.objects.filter(incident__number=number, is_lead=True).count() == 1
    audit(number)


def test_two_decisions_on_one_request_have_one_outcome(city: World, together: Callable[[int], None]) -> None:
    number = city.carry("handling")
    pk = requests.ask(number=number, kind="return", by=city.actor("department_handler"), reason="不归我")
    together(2)
    first, second = city.actor("dispatcher"), city.actor("dispatcher_2")
    found = race(
        lambda: requests.decide(request_id=pk, grant=True, by=first),
        lambda: requests.decide(request_id=pk, grant=True, by=second),
    )
    [conflict] = refusals(found)
    assert conflict.code == "decided_before"
    assert conflict.extra["actor"] in (first.name, second.name)
    assert Request.objects.get(pk=pk).state == "granted"
    assert audit(number).return_count == 1


def test_grant_and_refusal_at_once_have_one_outcome(city: World) -> None:
    number = city.carry("handling")
    pk = requests.ask(number=number, kind="return", by=city.actor("department_handler"), reason="不归我")
    first, second = city.actor("dispatcher"), city.actor("dispatcher_2")
    found = race(
        lambda: requests.decide(request_id=pk, grant=True, by=first),
        lambda: requests.decide(request_id=pk, grant=False, reason="属你单位", by=second),
        lambda: requests.raise_due(at=Request.objects.get(pk=pk).decide_by_at),
    )
    granted, refused, raised = found
    incident = audit(number)
    request = Request.objects.get(pk=pk)
    told = Counter(JournalEntry.objects.filter(incident=incident).values_list("action", flat=True))
    if raised == 1:
        # the time to decide ran out first: it lies with the next level, which neither of the two is
        assert isinstance(granted, NotPermitted)
        assert isinstance(refused, NotPermitted)
        assert (request.state, request.level, incident.status) == ("pending", 1, "handling")
        assert request.decided_by is None
        assert (told["request_raised"], told["request_refused"], told["return"]) == (1, 0, 0)
        return
    assert raised == 0
    assert request.level == 0
    assert told["request_raised"] == 0
    if request.state == "granted":
        assert isinstance(refused, Conflict)
        assert (incident.status, told["return"], told["request_refused"]) == ("filed", 1, 0)
    else:
        assert isinstance(granted, Conflict)
        assert (request.state, incident.status) == ("refused", "handling")
        assert (told["return"], told["request_refused"]) == (0, 1)


def test_grant_of_a_return_and_feed_back_at_once(city: World, together: Callable[[int], None]) -> None:
    number = city.carry("handling")
    handler, dispatcher = city.actor("department_handler"), city.actor("dispatcher")
    pk = requests.ask(number=number, kind="return", by=handler, reason="不归我")
    together(2)
    found = race(
        lambda: requests.decide(request_id=pk, grant=True, by=dispatcher),
        perform(
            city,
            number,
            "feed_back",
            "department_handler",
            note="已清理",
            attachments=[city.photo("department_handler")],
        ),
    )
    assert len(refusals(found)) == 1
    incident = audit(number)
    request = Request.objects.get(pk=pk)
    assert (incident.status, request.state) in (("filed", "granted"), ("handled", "lapsed"))


def test_two_people_asking_the_same_at_once_leave_one_request(city: World) -> None:
    number = city.carry("handling")
    first, second = city.actor("department_handler"), city.actor("department_handler_2")
    found = race(
        *(
            lambda by=by: requests.ask(number=number, kind="extend", by=by, reason="材料未到")  # type: ignore[misc]
            for by in (first, second)
        )
    )
    [conflict] = refusals(found)
    assert conflict.code == "pending_before"
    assert Request.objects.filter(incident__number=number).count() == 1
    audit(number)


def test_merges_into_each_other_at_once_do_not_wait_for_ever(city: World, together: Callable[[int], None]) -> None:
    one, other = city.report(), city.report()
    together(2)
    found = race(
        perform(city, one, "merge", "acceptor", into=other),
        perform(city, other, "merge", "acceptor_2", into=one),
    )
    assert len(refusals(found)) == 1
    assert sorted([audit(one).status, audit(other).status]) == ["merged", "reported"]


def test_merge_into_a_case_that_is_just_rejected(city: World, together: Callable[[int], None]) -> None:
    parent, child = city.report(), city.report()
    together(2)
    merged, rejected = race(
        perform(city, child, "merge", "acceptor", into=parent),
        perform(city, parent, "reject", "acceptor_2", reason="outside", note="请向邻区反映"),
    )
    assert not isinstance(rejected, DomainError)
    assert audit(parent).status == "rejected"
    if isinstance(merged, DomainError):
        assert audit(child).status == "reported"
    else:  # it was first: the rejection that followed sets it free again
        incident = audit(child)
        assert incident.status == "merged"
        into = JournalEntry.objects.get(incident=incident, action="merge")
        reject = JournalEntry.objects.get(incident__number=parent, action="reject")
        assert into.pk < reject.pk


def test_note_in_between_costs_nobody_his_form(city: World, together: Callable[[int], None]) -> None:
    number = city.carry("handling")
    version = Incident.objects.get(number=number).version
    together(2)
    found = race(
        perform(city, number, "note", "supervisor", note="请尽快"),
        perform(city, number, "recall", "dispatcher", reason="派错", version=version),
    )
    assert refusals(found) == []
    assert audit(number).status == "filed"


def test_joint_ticket_finished_twice_at_once(city: World) -> None:
    number = city.carry("filed")
    city.perform(number, "dispatch", "dispatcher", lead=city.lead(), joint=[city.lead("ZJ")])
    joint = Ticket.objects.get(incident__number=number, is_lead=False)
    people = [city.actor(login) for login in ("department_handler_joint", "department_head_joint")]
    found = race(
        *(lambda by=by: tickets.finish_joint(ticket_id=joint.pk, by=by, note="办完了") for by in people)  # type: ignore[misc]
    )
    [conflict] = refusals(found)
    assert conflict.code == "ticket_moved"
    assert audit(number).status == "dispatched"
    assert JournalEntry.objects.filter(incident__number=number, action="joint_done").count() == 1


def test_one_photo_goes_to_one_of_two_cases(city: World, together: Callable[[int], None]) -> None:
    numbers = [city.report(), city.report()]
    photo = city.photo("acceptor")
    together(2)
    found = race(*(perform(city, n, "note", "acceptor", note="现场照片", attachments=[photo]) for n in numbers))
    assert len(refusals(found)) == 1
    for number in numbers:
        audit(number)
