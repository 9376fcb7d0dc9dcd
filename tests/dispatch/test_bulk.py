"""One action on many cases: each on its own, dry or real, and harmless when repeated."""

from typing import Any

import pytest

from dispatch import bulk, claims
from dispatch.bulk import Item
from gridgov.common.errors import FieldError
from incidents.models import Incident, JournalEntry
from incidents.workflow import Action
from tests.dispatch.audit import audit
from tests.worlds import World

pytestmark = pytest.mark.django_db


def items(*numbers: str) -> list[Item]:
    versions = dict(Incident.objects.filter(number__in=numbers).values_list("number", "version"))
    return [Item(number, versions.get(number, 1)) for number in numbers]


def run(world: World, login: str, action: str, cases: list[Item], *, dry: bool = False, **payload: Any) -> list[Any]:
    return bulk.apply(action=action, items=cases, by=world.actor(login), payload=payload, dry_run=dry)


def results(rows: list[bulk.Row]) -> list[tuple[str, str]]:
    return [(row.result, row.code) for row in rows]


def test_each_case_is_done_or_refused_on_its_own(world: World) -> None:
    good, unplaced, elsewhere = (
        world.report(),
        world.report(lon=None, lat=None),
        world.report(by="acceptor_b", grid="620902001001001"),
    )
    moved = world.report()
    cases = items(good, unplaced, elsewhere, moved, "620901999999")
    world.perform(moved, "accept", "acceptor_2")
    before = JournalEntry.objects.count()
    dry = run(world, "acceptor", "accept", cases, dry=True)
    assert results(dry) == [
        ("would_pass", ""), ("refused", "required"), ("refused", "not_found"), ("refused", "stale_version"),
        ("refused", "not_found"),
    ]  # fmt: skip
    assert (dry[3].extra or {})["actor"] == "受理甲二"
    assert JournalEntry.objects.count() == before
    real = run(world, "acceptor", "accept", cases)
    assert results(real)[1:] == results(dry)[1:]
    assert (real[0].result, real[0].status, real[0].version) == ("done", "accepted", 2)
    assert [row.number for row in real] == [item.number for item in cases]
    assert JournalEntry.objects.count() == before + 1
    for number in (good, unplaced, moved):
        audit(number)


def test_dry_run_says_who_may_not_and_who_holds_it(world: World) -> None:
    number = world.report()
    cases = items(number)
    assert results(run(world, "dispatcher", "accept", cases, dry=True)) == [("refused", "not_permitted")]
    claims.claim(number=number, by=world.actor("acceptor_2"))
    [row] = run(world, "acceptor", "accept", cases, dry=True)
    assert (row.result, row.code, (row.extra or {})["actor"]) == ("refused", "claimed", "受理甲二")


def test_repeated_run_does_nothing_twice_and_says_so(world: World) -> None:
    cases = items(*(world.report() for _ in range(3)))
    run(world, "acceptor", "accept", cases[:2])
    again = run(world, "acceptor", "accept", cases)
    assert [row.result for row in again] == ["already", "already", "done"]
    assert JournalEntry.objects.filter(action="accept").count() == 3
    assert [row.result for row in run(world, "acceptor", "accept", cases, dry=True)] == ["already"] * 3
    # a colleague has not done it
    assert [row.code for row in run(world, "acceptor_2", "accept", cases)] == ["stale_version"] * 3


def test_supervision_is_repeated_only_with_other_words(world: World) -> None:
    cases = items(world.report(), world.carry("handling"))
    assert [r.result for r in run(world, "supervisor", "supervise", cases, note="请尽快")] == ["done", "done"]
    assert [r.result for r in run(world, "supervisor", "supervise", cases, note="请尽快")] == ["already"] * 2
    assert [r.result for r in run(world, "supervisor", "supervise", cases, note="请说明原因")] == ["done", "done"]
    assert JournalEntry.objects.filter(action="supervise").count() == 4


def test_dry_run_says_the_level_that_each_case_will_get(world: World) -> None:
    first, second = world.report(), world.report()
    world.perform(second, "supervise", "supervisor", note="请说明", level=2)
    cases = items(first, second)
    dry = run(world, "supervisor", "supervise", cases, dry=True, note="请尽快")
    assert [row.message for row in dry] == ["督办 0 级 → 1 级", "督办 2 级 → 3 级"]
    lower = run(world, "supervisor", "supervise", cases, dry=True, note="请尽快", level=1, until="")
    assert [(row.result, row.message) for row in lower] == [
        ("would_pass", "督办 0 级 → 1 级"), ("refused", "本案现为督办2级，级别不能降低")
    ]  # fmt: skip
    run(world, "supervisor", "supervise", cases, note="请尽快", level=2)
    assert [world.case(number).supervision_level for number in (first, second)] == [2, 2]
    # the same words with another level are no repetition
    again = run(world, "supervisor", "supervise", cases, note="请尽快", level=4)
    assert [row.result for row in again] == ["done", "done"]
    assert [row.result for row in run(world, "supervisor", "supervise", cases, note="请尽快", level=4)] == [
        "already", "already"
    ]  # fmt: skip


def test_dispatching_many_gives_each_its_ticket(world: World) -> None:
    cases = items(world.carry("filed"), world.carry("filed"))
    assert [r.result for r in run(world, "dispatcher", "dispatch", cases, lead=world.lead())] == ["done", "done"]
    for case in cases:
        assert audit(case.number).status == "dispatched"


@pytest.mark.parametrize(
    ("field", "action", "payload"),
    [
        ("action", "nothing", {}), ("action", None, {}), ("action", "pass", {}), ("action", "void", {}),
        ("action", "sign", {}), ("attachments", "accept", {"attachments": ["x"]}),
    ],
)  # fmt: skip
def test_what_is_not_for_many_is_refused_whole(world: World, field: str, action: Any, payload: dict[str, Any]) -> None:
    cases = items(world.report())
    with pytest.raises(FieldError) as refused:
        bulk.apply(action=action, items=cases, by=world.actor("acceptor"), payload=payload, dry_run=False)
    assert refused.value.field == field


def test_number_of_cases_is_bounded_and_each_is_named_once(world: World) -> None:
    for cases in ([], [Item(f"N{n}", 1) for n in range(201)], [Item("N1", 1), Item("N1", 1)]):
        with pytest.raises(FieldError) as refused:
            run(world, "acceptor", "accept", cases)
        assert refused.value.field == "cases"


def test_actions_for_many_are_those_of_a_desk() -> None:
    assert set(bulk.actions()) == {
        Action.ACCEPT, Action.REQUEST_CHECK, Action.CANCEL_CHECK, Action.REJECT, Action.ANSWER, Action.APPROVE_ON_SITE,
        Action.REFUSE_ON_SITE, Action.FILE, Action.DECLINE, Action.SEND_BACK, Action.DISPATCH, Action.IMPOSE,
        Action.RECALL, Action.RESUME, Action.REFUSE_FEEDBACK, Action.REQUEST_VERIFICATION,
        Action.REASSIGN_VERIFICATION, Action.CLOSE, Action.EVALUATE, Action.REOPEN, Action.REINSTATE, Action.MERGE,
        Action.UNMERGE, Action.TRANSFER, Action.SUPERVISE, Action.AMEND, Action.NOTE,
    }  # fmt: skip
