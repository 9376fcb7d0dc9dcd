"""What a department has left, and what its feedback still needs."""

from datetime import timedelta

import pytest

from dispatch import handling, loop, requests, tickets
from dispatch.cases import Case
from gridgov.common import clock
from tests.flows.journey import Journey
from tests.worlds import World

pytestmark = pytest.mark.django_db


def read(world: World, number: str) -> Case:
    return loop.read(number, world.actor("department_handler"))


def left(world: World, number: str) -> dict[str, tuple[int, str]]:
    return {one.kind: (one.count, one.words) for one in handling.left(read(world, number), at=clock.now())}


def test_left_counts_down_with_each_grant(world: World) -> None:
    number = world.carry("handling")
    assert left(world, number) == {
        "return": (2, "还可退 2 次"), "extend": (2, "还可延期 2 次"), "suspend": (1, "还可挂账 1 次"),
    }  # fmt: skip
    handler = world.actor("department_handler")
    pk = requests.ask(number=number, kind="extend", by=handler, reason="材料未到")
    assert next(o for o in handling.left(read(world, number), at=clock.now()) if o.kind == "extend").is_pending
    requests.decide(request_id=pk, grant=True, by=world.actor("dispatcher"))
    assert left(world, number)["extend"] == (1, "还可延期 1 次")
    for decider in ("dispatcher", "duty_chief"):
        pk = requests.ask(number=number, kind="return", by=handler, reason="不归我")
        requests.decide(request_id=pk, grant=True, by=world.actor(decider))
        if decider == "dispatcher":
            world.perform(number, "dispatch", "dispatcher", lead=world.lead())
            assert left(world, number)["return"] == (1, "还可退 1 次")
    world.perform(number, "impose", "duty_chief", lead=world.lead(), reason="职责所在")
    assert left(world, number) == {"return": (0, "裁定派遣，不得退单")}


def test_nothing_is_extended_past_due(world: World) -> None:
    case = Journey(world).to("handling")
    after = case.at + timedelta(days=3)
    found = {one.kind: one for one in handling.left(read(world, case.number), at=after)}
    assert (found["extend"].count, found["extend"].words) == (0, "已超时，不能再申请延期")


def test_checklist_says_what_is_done_and_what_is_owed(world: World) -> None:
    number = world.carry("filed")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead(), joint=[world.lead("ZJ")])

    def owed() -> dict[str, tuple[int, bool]]:
        return {one.key: (one.count, one.is_done) for one in handling.checklist(read(world, number))}

    assert owed() == {"sign": (1, False), "joint": (1, False), "photos": (1, False), "note": (1, False)}
    world.perform(number, "sign", "department_handler")
    joint = next(t for t in read(world, number).tickets if not t.is_lead)
    tickets.finish_joint(ticket_id=joint.id, by=world.actor("department_handler_joint"), note="已配合")
    assert owed() == {"sign": (1, True), "joint": (1, True), "photos": (1, False), "note": (1, False)}
    world.perform(
        number, "feed_back", "department_handler", note="已清理", attachments=[world.photo("department_handler")]
    )
    assert owed() == {}


def test_checklist_has_the_milestones_of_the_standard(world: World) -> None:
    number = world.report(category="0202")
    world.perform(number, "accept", "acceptor")
    world.perform(number, "file", "duty_chief", standard="0202-1")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead())
    world.perform(number, "sign", "department_handler")
    found = {one.key: one for one in handling.checklist(read(world, number))}
    assert (found["milestone:stop"].label, found["milestone:stop"].is_done) == ("停工", False)
    assert handling.closing_condition(read(world, number)) == "拆除并清理"
