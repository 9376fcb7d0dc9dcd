"""Tickets follow the column of the table; joint handlers do their own part and move nothing."""

from datetime import date

import pytest

from dispatch import tickets
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from personnel.services import end_posting
from tests.flows.journey import Journey
from tests.worlds import World


def _states(case: Journey) -> list[tuple[str, int, bool]]:
    return [(t.state, t.assignment, t.is_lead) for t in case.tickets()]


def test_tickets_on_the_plain_way(world: World) -> None:
    case = Journey(world).to("dispatched", joint=("ZJ",))
    assert _states(case) == [("open", 1, True), ("open", 1, False)]
    lead = case.tickets()[0]
    assert (lead.dispatched_by_id, lead.dispatched_at) == (world.people["dispatcher"].pk, case.at)
    case.later(minutes=2).do("sign", "department_handler")
    lead = case.tickets()[0]
    assert (lead.state, lead.signed_by_id, lead.signed_at) == (
        "signed", world.people["department_handler"].pk, case.at,
    )  # fmt: skip
    tickets.finish_joint(
        ticket_id=case.tickets()[1].pk, by=world.actor("department_handler_joint"), note="围挡已修", at=case.at
    )
    case.later(minutes=2).do("feed_back", "department_handler", 1, note="已清理")
    lead, joint = case.tickets()
    assert (lead.state, lead.ended_at, lead.result) == ("done", case.at, "已清理")
    assert (joint.state, joint.result) == ("done", "围挡已修")
    case.to("closed")
    assert _states(case) == [("done", 1, True), ("done", 1, False)]


def test_each_dispatch_has_its_own_lead(world: World) -> None:
    case = Journey(world).to("handling")
    case.do("recall", "dispatcher", reason="派错")
    case.to("handling")
    assert _states(case) == [("recalled", 1, True), ("signed", 2, True)]
    assert case.case.lead_assignment == 2
    assert [case.clock("handle", n).assignment for n in (1, 2)] == [1, 2]


def test_lead_of_a_bureau_and_of_a_worker(world: World) -> None:
    case = Journey(world).to("filed")
    case.do("dispatch", "dispatcher", lead=world.lead("CG"))
    with pytest.raises(NotPermitted):
        case.do("sign", "dispatcher")
    with pytest.raises(NotFound):
        case.do("sign", "department_handler")  # a section of the bureau is not the bureau
    case.do("sign", "department_head")
    other = Journey(world).to("filed")
    with pytest.raises(FieldError):
        other.do("dispatch", "dispatcher", lead={"worker": 0})


def test_joint_handler_works_on_his_ticket_alone(world: World) -> None:
    case = Journey(world).to("handling", joint=("ZJ", "SW"))
    lead, housing, _water = case.tickets()
    joint = world.actor("department_handler_joint")
    version, seq = case.case.version, case.case.head_seq
    for call in (tickets.finish_joint, tickets.refuse_joint):
        words = {"note": "x"} if call is tickets.finish_joint else {"reason": "x"}
        with pytest.raises(NotPermitted):
            call(ticket_id=housing.pk, by=world.actor("department_handler_b"), **words)
        with pytest.raises(NotFound):
            call(ticket_id=housing.pk, by=world.actor("nobody"), **words)
        with pytest.raises(NotFound):
            call(ticket_id=9_999, by=joint, **words)
        with pytest.raises(Conflict) as by_action:
            call(ticket_id=lead.pk, by=world.actor("department_handler"), **words)
        assert by_action.value.code == "lead_ticket"
    with pytest.raises(FieldError) as empty:
        tickets.finish_joint(ticket_id=housing.pk, by=joint, note=" ")
    assert empty.value.field == "note"
    tickets.sign_joint(ticket_id=housing.pk, by=joint, at=case.at)
    with pytest.raises(Conflict):
        tickets.sign_joint(ticket_id=housing.pk, by=joint, at=case.at)
    photo = world.photo("department_handler_joint")
    tickets.finish_joint(ticket_id=housing.pk, by=joint, note="办完了", attachments=[photo], at=case.at)
    case.case = case.look()
    assert (case.case.version, case.case.head_seq) == (version, seq + 2)
    done = case.entry("joint_done")
    assert (done.actor_role, done.text, done.payload["ticket"]) == ("joint_handler", "办完了", housing.pk)
    assert "办完了" not in done.canonical
    for call, words in ((tickets.finish_joint, {"note": "再办"}), (tickets.refuse_joint, {"reason": "不办"})):
        with pytest.raises(Conflict) as over:
            call(ticket_id=housing.pk, by=joint, **words)
        assert over.value.code == "ticket_moved"


def test_joint_tickets_end_with_the_dispatch(world: World) -> None:
    case = Journey(world).to("handling", joint=("ZJ",))
    case.decide(case.ask("return", "department_handler"), "dispatcher")
    assert _states(case) == [("returned", 1, True), ("recalled", 1, False)]
    with pytest.raises(Conflict):
        tickets.finish_joint(ticket_id=case.tickets()[1].pk, by=world.actor("department_handler_joint"), note="办完了")


def test_rework_revives_the_lead_and_leaves_the_joint_ones_done(world: World) -> None:
    case = Journey(world).to("handling", joint=("ZJ",))
    case.do("feed_back", "department_handler", 1, note="已清理", waive="另行处理")
    case.to("verifying")
    case.later(minutes=1).do("fail", "verifier", 1, note="还在")
    lead, joint = case.tickets()
    assert (lead.state, lead.round, lead.ended_at) == ("signed", 2, None)
    assert joint.state == "waived"
    case.do("feed_back", "department_handler", 1, note="又清了一遍")  # nothing to waive any more
    assert case.tickets()[0].result == "又清了一遍"


@pytest.mark.parametrize("twice", ["lead", "joint"])
def test_handler_is_named_once(world: World, twice: str) -> None:
    case = Journey(world).to("filed")
    joint = [world.lead()] if twice == "lead" else [world.lead("ZJ"), world.lead("ZJ")]
    if twice == "lead":
        with pytest.raises(FieldError) as refused:
            case.do("dispatch", "dispatcher", lead=world.lead(), joint=joint)
        assert refused.value.field == "joint"
    else:
        case.do("dispatch", "dispatcher", lead=world.lead(), joint=joint)
        assert len(case.tickets()) == 2


def test_worker_of_nowhere_handles_nothing(world: World) -> None:
    end_posting(posting=world.workers["grid_worker"].postings.get(), ends_on=date(2026, 1, 1), reason="离岗")
    case = Journey(world).to("filed")
    for login in ("grid_worker", "nobody"):
        with pytest.raises(FieldError) as refused:
            case.do("dispatch", "dispatcher", lead={"worker": world.workers[login].pk})
        assert refused.value.field == "lead"
