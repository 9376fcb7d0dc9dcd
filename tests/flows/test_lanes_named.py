"""The side lanes of the loop that have a name, each from the report to an end; the case is audited after each step."""

import pytest

from dispatch import tickets
from gridgov.common.errors import Conflict, FieldError, NotPermitted
from grids.models import Area, Level
from grids.services import set_desks
from incidents.models import Clock
from personnel.services import hire, post
from tests.common.calendars import local
from tests.flows.journey import Journey
from tests.worlds import SINCE, World

AFTER_PHOTO = 1


def test_on_site_case_refused(world: World) -> None:
    case = Journey(world, by="grid_worker", source="worker")
    case.later(minutes=3).do("resolve_on_site", "grid_worker", photos=2, note="当场清走")
    assert case.case.status == "handled"
    assert case.tickets() == []
    assert case.clock("accept").state == "met"
    assert case.clock("send").state == "running"
    with pytest.raises(NotPermitted):
        case.do("approve_on_site", "grid_worker")
    with pytest.raises(Conflict) as refused:
        case.do("refuse_feedback", "acceptor", reason="照片不清")
    assert refused.value.code == "no_ticket"
    case.later(minutes=5).do("refuse_on_site", "acceptor", reason="照片不是本处")
    assert case.case.status == "accepted"
    assert case.clock("send").state == "met"
    assert case.clock("file").state == "running"
    # it is a case like any other now, and he who did it on the spot still verifies nothing
    case.to("handled")
    with pytest.raises(FieldError) as barred:
        case.do("request_verification", "acceptor", verifier=world.people["grid_worker"].pk)
    assert barred.value.code == "separation:on_site_resolver"
    case.to("closed")
    assert not Clock.objects.filter(incident=case.case, state__in=Clock.LIVE).exists()


def test_on_site_case_refused_out_of_the_verifiers_queue(world: World) -> None:
    case = Journey(world, by="grid_worker", source="worker")
    case.do("resolve_on_site", "grid_worker", photos=2, note="当场清走")
    case.later(minutes=1).do("request_verification", "acceptor")
    with pytest.raises(Conflict) as refused:
        case.do("fail", "verifier", photos=1, note="还在")
    assert refused.value.code == "no_ticket"
    case.later(minutes=30).do("refuse_on_site", "verifier", reason="还在")
    assert case.case.status == "accepted"
    assert case.clock("verify").state == "met"
    case.to("closed")


def test_on_site_case_approved_is_not_rated_by_who_did_it(world: World) -> None:
    case = Journey(world, by="grid_worker", source="worker")
    case.do("resolve_on_site", "grid_worker", photos=2, note="当场清走")
    case.later(minutes=1).do("approve_on_site", "acceptor")
    assert case.case.status == "closed"
    assert case.clock("total").state == "met"
    with pytest.raises(NotPermitted) as refused:
        case.do("evaluate", "grid_worker", result="very_satisfied")
    assert refused.value.missing == "separation:on_site_resolver"
    case.do("evaluate", "acceptor", result="satisfied")


def test_checker_never_answers(world: World) -> None:
    case = Journey(world)
    case.later(minutes=5).do("request_check", "acceptor", checker=world.people["grid_worker"].pk)
    check = case.clock("check")
    assert check.due_at == local("2026-03-10 11:05")
    with pytest.raises(Conflict) as early:
        case.later(hours=1).do("cancel_check", "system", reason="核实超时")
    assert early.value.code == "not_due"
    case.later(hours=1, seconds=1).do("cancel_check", "system", reason="核实超时")
    assert case.case.status == "reported"
    assert case.case.checker_id is None
    assert case.clock("check").state == "cancelled"
    accept = case.clock("accept")
    assert (accept.cycle, accept.state) == (2, "running")
    with pytest.raises(Conflict):
        case.do("confirm_check", "grid_worker", photos=1, note="属实")
    case.to("closed")


def test_joint_ticket_open_at_feed_back(world: World) -> None:
    case = Journey(world).to("handling", joint=("ZJ", "SW"))
    lead, housing, water = case.tickets()
    assert (lead.is_lead, housing.is_lead, water.is_lead) == (True, False, False)
    assert {housing.due_at, water.due_at} == {lead.due_at}
    with pytest.raises(FieldError) as refused:
        case.do("feed_back", "department_handler", photos=AFTER_PHOTO, note="已清理")
    assert refused.value.field == "waive"
    joint = world.actor("department_handler_joint")
    tickets.sign_joint(ticket_id=housing.pk, by=joint, at=case.at)
    tickets.finish_joint(ticket_id=housing.pk, by=joint, note="围挡已修", at=case.later(minutes=9).at)
    with pytest.raises(FieldError):
        case.do("feed_back", "department_handler", photos=AFTER_PHOTO, note="已清理")
    case.do("feed_back", "department_handler", photos=AFTER_PHOTO, note="已清理", waive="现场无积水")
    assert [t.state for t in case.tickets()] == ["done", "done", "waived"]
    assert case.entry("feed_back").payload["waived"] == [water.pk]
    with pytest.raises(FieldError) as barred:
        case.do("request_verification", "acceptor", verifier=world.people["department_handler_joint"].pk)
    assert barred.value.field == "verifier"
    case.to("closed")


def test_joint_handler_refuses_and_the_case_does_not_move(world: World) -> None:
    case = Journey(world).to("handling", joint=("ZJ",))
    _lead, housing = case.tickets()
    version = case.case.version
    with pytest.raises(NotPermitted):
        tickets.refuse_joint(ticket_id=housing.pk, by=world.actor("department_handler"), reason="不归我", at=case.at)
    tickets.refuse_joint(ticket_id=housing.pk, by=world.actor("department_handler_joint"), reason="不归我", at=case.at)
    assert (case.status, case.tickets()[1].state) == ("handling", "refused")
    assert case.case.version == version
    case.do("feed_back", "department_handler", photos=AFTER_PHOTO, note="已清理")
    case.to("closed")


def test_return_granted_after_feed_back(world: World) -> None:
    case = Journey(world).to("handling")
    pk = case.later(minutes=10).ask("return", "department_handler")
    case.later(minutes=10).do("feed_back", "department_handler", photos=AFTER_PHOTO, note="还是清了")
    assert case.request(pk).state == "lapsed"
    assert case.entry("feed_back").payload["lapsed"] == [pk]
    with pytest.raises(Conflict) as late:
        case.decide(pk, "dispatcher")
    assert late.value.code == "decided_before"
    assert case.status == "handled"
    case.to("closed")
    assert case.case.return_count == 0


def test_suspension_granted_after_due(world: World) -> None:
    case = Journey(world).to("handling")  # four working hours from 9:03
    handle = case.clock("handle")
    assert handle.due_at == local("2026-03-10 15:03")
    case.at = local("2026-03-10 14:33")
    pk = case.ask("suspend", "department_handler", until=local("2026-03-20 09:00"))
    # nobody decides, and the breach is stated meanwhile
    Clock.objects.filter(pk=handle.pk).update(breached_at=handle.due_at)
    case.at = local("2026-03-10 16:00")
    case.decide(pk, "duty_chief")
    handle = case.clock("handle")
    assert (case.status, handle.state) == ("suspended", "paused")
    assert handle.breached_at == local("2026-03-10 15:03")
    assert handle.breach_cured_at == local("2026-03-10 16:00")
    assert handle.segments.get(kind="paused").started_at == local("2026-03-10 14:33")
    case.at = local("2026-03-20 09:00")
    case.do("resume", "system")
    # half an hour was left when it was asked for
    assert case.clock("handle").due_at == local("2026-03-20 09:30")
    case.later(minutes=30).do("feed_back", "department_handler", photos=AFTER_PHOTO, note="已清理")
    assert case.clock("handle").state == "met"
    case.to("closed")


def test_recall_of_a_suspended_case(world: World) -> None:
    case = Journey(world).to("handling", joint=("ZJ",))
    pk = case.ask("suspend", "department_handler", until=local("2026-03-20 09:00"))
    case.later(minutes=30).decide(pk, "duty_chief")
    case.later(days=1).do("recall", "dispatcher", reason="改由水务办理")
    assert case.status == "filed"
    assert case.case.suspended_until is None
    assert [t.state for t in case.tickets()] == ["recalled", "recalled"]
    assert case.clock("handle").state == "cancelled"
    total = case.clock("total")
    assert total.state == "running"
    assert total.segments.get(kind="paused").ended_at == case.at
    # the next handler gets the full allowance, and the case was suspended once and for all
    case.later(minutes=1).do("dispatch", "dispatcher", lead=world.lead("SW"))
    assert case.clock("handle").due_at == local("2026-03-11 15:35")
    case.do("sign", "department_handler_b")
    with pytest.raises(Conflict) as again:
        case.ask("suspend", "department_handler_b", until=local("2026-03-30 09:00"))
    assert again.value.code == "suspended_before"
    case.do("feed_back", "department_handler_b", photos=AFTER_PHOTO, note="已清理")
    case.to("closed")


def test_merge_into_a_merged_case(world: World) -> None:
    first, second, third = (Journey(world) for _ in range(3))
    second.do("merge", "acceptor", into=first.number)
    with pytest.raises(FieldError) as refused:
        third.do("merge", "acceptor", into=second.number)
    assert refused.value.field == "into"
    assert third.status == "reported"
    with pytest.raises(FieldError):
        first.do("merge", "acceptor", into=third.number)  # it has cases of its own
    with pytest.raises(FieldError):
        third.do("merge", "acceptor", into=third.number)
    third.do("merge", "acceptor", into=first.number)
    first.to("closed")
    for child in (second, third):
        child.at = first.at
        child.do("close_with_parent", "system")
        assert child.status == "closed"
        assert child.clock("total").state == "cancelled"


def test_merge_into_an_ended_case_and_across_cities_is_refused(world: World) -> None:
    parent, child = Journey(world), Journey(world)
    parent.do("reject", "acceptor", reason="repeated", note="已另案办理")
    with pytest.raises(FieldError) as refused:
        child.do("merge", "acceptor", into=parent.number)
    assert refused.value.field == "into"
    with pytest.raises(FieldError):
        child.do("merge", "acceptor", into="no such case")


def test_unmerge_after_the_parent_was_voided(world: World) -> None:
    parent, child = Journey(world), Journey(world)
    child.to("filed")
    total_due = child.clock("total").due_at
    child.later(minutes=1).do("merge", "dispatcher", into=parent.number)
    assert child.clock("total").state == "cancelled"
    assert child.clock("dispatch").state == "cancelled"
    with pytest.raises(Conflict):
        child.do("unmerge", "system", reason="主案作废")
    pk = parent.ask("void", "acceptor")
    parent.decide(pk, "duty_chief")
    assert parent.status == "voided"
    with pytest.raises(Conflict):
        child.do("close_with_parent", "system")
    child.later(hours=2).do("unmerge", "system", reason="主案作废")
    assert (child.status, child.case.parent_id, child.case.status_before) == ("filed", None, "")
    total = child.clock("total")
    # as if never merged: the citizen waited
    assert (total.cycle, total.state, total.due_at) == (1, "running", total_due)
    assert child.clock("dispatch").cycle == 2
    child.to("closed")


def test_reopen_of_a_merged_child(world: World) -> None:
    parent, child = Journey(world), Journey(world, reporter_name="王女士", reporter_phone="13900001111")
    child.do("merge", "acceptor", into=parent.number)
    parent.to("closed")
    child.at = parent.at
    child.do("close_with_parent", "system")
    with pytest.raises(Conflict):
        child.do("unmerge", "acceptor", reason="不是一件事")
    child.later(days=2).do("reopen", "link", reason="我家门口的还在", standard="0201-1")
    assert (child.status, child.case.parent_id) == ("filed", None)
    assert parent.status == "closed"
    total = child.clock("total")
    assert (total.cycle, total.state) == (2, "running")
    assert child.entry("reopen").actor_role == "reporter"
    child.to("closed")


def test_transfer_where_there_is_no_district(world: World) -> None:
    # the city's second half has no districts: its street hangs on the city
    street = world.areas["620902001"]
    Area.objects.filter(code="620902", level=Level.DISTRICT).update(has_desk=False)
    set_desks(root=world.root, levels=[Level.CITY, Level.STREET])
    desk = {}
    for role in ("acceptor", "duty_chief"):
        worker = hire(login=f"{role}_x", name=role, number=f"X-{role}", phone="")
        post(worker=worker, role=role, starts_on=SINCE, area=street)
        desk[role] = worker.user
    world.people |= {"acceptor_x": desk["acceptor"], "duty_chief_x": desk["duty_chief"]}
    case = Journey(world, by="acceptor_city", grid="620902001001001", category="0203")
    assert case.case.holder_id == case.case.first_receiver_id == street.pk
    accept = case.clock("accept")
    with pytest.raises(FieldError):
        case.do("transfer", "duty_chief_x", target=world.areas["620902"].pk, reason="没有中心")
    case.later(minutes=2).do("transfer", "duty_chief_x", target=world.root.pk, reason="超出权限")
    assert (case.case.holder_id, case.case.first_receiver_id) == (world.root.pk, street.pk)
    # a transfer neither stops nor restarts a clock; the segment notes the new holder
    after = case.clock("accept")
    assert (after.pk, after.state, after.due_at) == (accept.pk, "running", accept.due_at)
    assert after.segments.get(kind="held").holder_id == world.root.pk
    with pytest.raises(NotPermitted):
        case.do("accept", "acceptor_x")
    case.do("transfer", "duty_chief_city", target=street.pk, reason="属街道事权")
    assert case.case.holder_id == street.pk
    case.do("accept", "acceptor_x")


def test_urgent_case_dispatched_by_the_system_and_verified_by_a_person(world: World) -> None:
    case = Journey(world, by="system", source="sensor", category="0101", description="井盖移位")
    case.do("accept", "system")
    case.do("file", "system", standard="0101-1")
    case.do("dispatch", "system", lead=world.lead())
    assert [t.dispatched_by_id for t in case.tickets()] == [None]
    assert case.journal() == ["report", "accept", "file", "dispatch"]
    assert {case.entry(action).channel for action in ("accept", "file", "dispatch")} == {"system"}
    # 紧急工作时 run always
    assert (case.clock("handle").due_at - case.at).total_seconds() == 2 * 3600
    case.later(minutes=10).do("sign", "department_handler")
    case.later(minutes=40).do("feed_back", "department_handler", photos=AFTER_PHOTO, note="已补齐")
    with pytest.raises(NotPermitted):
        case.do("request_verification", "system", verifier=world.people["verifier"].pk)
    case.do("request_verification", "acceptor", verifier=world.people["verifier"].pk)
    with pytest.raises(NotPermitted):
        case.do("pass", "system", note="属实", attachments=[world.photo("verifier")])
    case.do("pass", "verifier", photos=1, note="属实")
    with pytest.raises(NotPermitted):
        case.do("close", "system")
    case.do("close", "duty_chief")
    assert case.status == "closed"


def test_system_takes_no_step_of_a_plain_case(world: World) -> None:
    case = Journey(world)
    with pytest.raises(NotPermitted) as refused:
        case.do("accept", "system")
    assert refused.value.missing == "system_step"
