"""The rules of requests, rework, extension, reopening and amending, each as a flow; audited after each step."""

from datetime import datetime, timedelta

import pytest

from dispatch import loop, requests
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from incidents.models import Clock, NamedAccess
from tests.common.calendars import local
from tests.flows.journey import Journey
from tests.worlds import World


def _returned(case: Journey, by: str) -> None:
    pk = case.later(minutes=1).ask("return", "department_handler")
    case.later(minutes=1).decide(pk, by)


def test_two_returns_then_impose_and_no_further_return(world: World) -> None:
    case = Journey(world).to("dispatched")
    with pytest.raises(Conflict):
        case.do("impose", "duty_chief", lead=world.lead(), reason="须办理")
    _returned(case, "dispatcher")
    assert (case.status, case.case.return_count) == ("filed", 1)
    with pytest.raises(Conflict) as early:
        case.do("impose", "duty_chief", lead=world.lead(), reason="须办理")
    assert (early.value.code, early.value.extra["returns"]) == ("not_yet", 1)
    case.to("handling")
    pk = case.later(minutes=1).ask("return", "department_handler")
    with pytest.raises(NotPermitted) as lower:
        case.decide(pk, "dispatcher")  # the second is the duty chief's
    assert lower.value.missing == "decide_second,decide_leader"
    case.decide(pk, "duty_chief")
    assert [t.state for t in case.tickets()] == ["returned", "returned"]
    case.later(minutes=1).do("impose", "duty_chief", lead=world.lead(), reason="经两次退单裁定")
    [ticket] = case.tickets(state="open")
    assert (ticket.is_final, ticket.assignment) == (True, 3)
    assert case.clock("handle").state == "running"
    with pytest.raises(Conflict) as final:
        case.ask("return", "department_handler")
    assert final.value.code == "final_ticket"
    case.do("sign", "department_handler")
    with pytest.raises(Conflict):
        case.ask("return", "department_handler")
    case.do("feed_back", "department_handler", photos=1, note="已清理")
    case.do("request_verification", "acceptor")
    case.do("pass", "verifier", photos=1, note="属实")
    with pytest.raises(NotPermitted) as barred:
        case.do("close", "duty_chief")  # he imposed it, and he decided a return
    assert barred.value.missing == "separation:dispatcher"
    case.to("closed")


def test_return_takes_effect_from_when_it_was_asked_for(world: World) -> None:
    case = Journey(world).to("handling")
    due = case.clock("handle").due_at
    case.at = due - timedelta(minutes=30)
    pk = case.ask("return", "department_handler")
    Clock.objects.filter(pk=case.clock("handle").pk).update(breached_at=due)
    case.later(hours=1).decide(pk, "dispatcher")
    handle = case.clock("handle", cycle=1)
    assert (handle.state, handle.stopped_at) == ("cancelled", due - timedelta(minutes=30))
    assert (handle.breached_at, handle.breach_cured_at) == (due, case.at)
    case.to("dispatched")
    # the next handler gets the full allowance
    assert case.clock("handle").due_at == local("2026-03-11 09:34")
    assert case.clock("dispatch").cycle == 2


def test_refused_request_leaves_everything_as_it_was(world: World) -> None:
    case = Journey(world).to("handling")
    version, due = case.case.version, case.clock("handle").due_at
    pk = case.ask("return", "department_handler")
    with pytest.raises(FieldError) as silent:
        case.decide(pk, "dispatcher", grant=False, reason="")
    assert silent.value.field == "reason"
    assert case.decide(pk, "dispatcher", grant=False, reason="属你单位职责") is None
    assert (case.status, case.case.version, case.clock("handle").due_at) == ("handling", version, due)
    assert case.request(pk).state == "refused"
    with pytest.raises(Conflict) as decided:
        case.decide(pk, "dispatcher")
    assert (decided.value.code, decided.value.extra["actor"]) == ("decided_before", "派遣甲")
    case.ask("return", "department_handler")  # a new one may be asked for


def test_extension_twice_and_refused_the_third_time(world: World) -> None:
    case = Journey(world).to("handling", standard="0201-2")  # two working days
    first = case.clock("handle")
    total = case.clock("total").due_at
    assert first.due_at == local("2026-03-12 09:03")
    pk = case.ask("extend", "department_handler")
    with pytest.raises(Conflict) as pending:
        case.ask("extend", "department_handler")
    assert pending.value.code == "pending_before"
    case.decide(pk, "dispatcher")
    second = case.clock("handle")
    assert (second.pk, second.due_at) == (first.pk, local("2026-03-16 09:03"))
    assert second.due_revision > first.due_revision
    assert case.clock("total").due_at - total == timedelta(days=4)  # over the week-end, in natural hours
    assert {step["key"] for step in second.steps} >= {"warn", "breach", "due", "after_4h"}
    pk = case.ask("extend", "department_handler")
    with pytest.raises(NotPermitted):
        case.decide(pk, "dispatcher")
    case.decide(pk, "duty_chief")
    assert case.clock("handle").due_at == local("2026-03-18 09:03")
    with pytest.raises(Conflict) as third:
        case.ask("extend", "department_handler")
    assert third.value.code == "extended_before"
    assert case.case.extension_count == 2
    case.do("feed_back", "department_handler", note="已清运")
    case.to("closed")


def test_extension_after_due_is_refused_and_asked_before_due_granted_after(world: World) -> None:
    late = Journey(world).to("handling")
    due = late.clock("handle").due_at
    late.at = due
    with pytest.raises(Conflict) as refused:
        late.ask("extend", "department_handler")
    assert refused.value.code == "overdue"
    case = Journey(world).to("handling")
    case.at = due - timedelta(seconds=1)
    pk = case.ask("extend", "department_handler")
    Clock.objects.filter(pk=case.clock("handle").pk).update(breached_at=due)
    case.at = due + timedelta(hours=1)
    case.decide(pk, "dispatcher")
    handle = case.clock("handle")
    assert (handle.state, handle.due_at) == ("running", local("2026-03-11 09:03"))
    assert (handle.breached_at, handle.breach_cured_at) == (due, case.at)


def test_rework_gets_the_larger_of_what_was_left_and_a_quarter(world: World) -> None:
    case = Journey(world).to("handling")  # four working hours from 9:03
    case.at = local("2026-03-10 10:03")
    case.to("verifying")  # fed back a minute later: 2 h 59 min were left
    case.at = local("2026-03-10 14:00")
    case.do("fail", "verifier", photos=1, note="还有一堆")
    handle = case.clock("handle")
    assert (handle.cycle, handle.minutes) == (2, 179)
    assert handle.due_at == local("2026-03-10 16:59")
    [ticket] = case.tickets()
    assert (ticket.state, ticket.round, ticket.due_at) == ("signed", 2, handle.due_at)
    assert case.case.rework_count == 1
    # nearly used up: a quarter of the four hours
    case.at = local("2026-03-10 16:50")
    case.to("verifying")
    case.at = local("2026-03-10 17:00")
    case.do("fail", "verifier", photos=1, note="还有一点")
    assert (case.clock("handle").minutes, case.clock("handle").due_at) == (60, local("2026-03-10 18:00"))
    assert case.tickets()[0].round == 3
    case.at = local("2026-03-11 08:30")
    case.do("feed_back", "department_handler", photos=1, note="已清理")
    states = [case.clock("handle", cycle).state for cycle in (1, 2, 3)]
    assert states == ["met", "met", "late"]
    case.to("closed")


def test_refused_feedback_is_no_cheap_extension(world: World) -> None:
    case = Journey(world).to("handling")
    case.at = local("2026-03-10 14:53")
    case.do("feed_back", "department_handler", photos=1, note="已清理")  # ten minutes were left
    case.later(minutes=5).do("refuse_feedback", "dispatcher", reason="照片不是本处")
    handle = case.clock("handle")
    assert (handle.cycle, handle.minutes, handle.due_at) == (2, 60, local("2026-03-10 15:58"))
    assert [(t.state, t.round) for t in case.tickets()] == [("signed", 1)]
    assert case.clock("send").state == "met"


def test_reopen_twice_at_most_and_within_the_days(world: World) -> None:
    case = Journey(world, reporter_name="王女士", reporter_phone="13900001111").to("closed")
    first_total = case.clock("total")
    with pytest.raises(NotPermitted):
        case.do("reopen", "dispatcher", reason="还在")
    case.later(days=1).do("reopen", "link", reason="还在")
    assert (case.status, case.case.reopen_count, case.case.closed_at) == ("filed", 1, None)
    assert case.entry("reopen").payload["former_lead"] == {"department": world.departments["CG-SZ"].pk}
    assert (first_total.cycle, case.clock("total").cycle) == (1, 2)
    case.to("closed")
    case.do("evaluate", "link", result="unsatisfied")
    assert case.status == "evaluated"
    case.later(days=15).do("reopen", "acceptor", reason="又堆上了")
    assert (case.case.reopen_count, case.case.evaluation) == (2, "")
    case.to("closed")
    with pytest.raises(Conflict) as third:
        case.do("reopen", "link", reason="还在")
    assert third.value.code == "reopened_before"
    other = Journey(world).to("closed")
    with pytest.raises(Conflict) as late:
        other.later(days=15, seconds=1).do("reopen", "acceptor", reason="还在")
    assert late.value.code == "too_late"


def test_system_writes_down_that_nobody_rated(world: World) -> None:
    case = Journey(world).to("closed")
    with pytest.raises(Conflict) as early:
        case.later(days=6).do("evaluate", "system", result="not_rated")
    assert early.value.code == "not_due"
    with pytest.raises(FieldError):
        case.do("evaluate", "acceptor", result="not_rated")
    case.later(days=1)
    with pytest.raises(NotPermitted):
        case.do("evaluate", "system", result="satisfied")
    case.do("evaluate", "system", result="not_rated")
    assert (case.status, case.case.evaluation) == ("evaluated", "not_rated")


def test_milestones_each_have_their_due_time_and_the_last_stops_the_clock(world: World) -> None:
    case = Journey(world, category="0202").to("handling", standard="0202-1")
    handle = case.clock("handle")
    [stop] = handle.milestones
    assert (stop["key"], datetime.fromisoformat(stop["due_at"])) == ("stop", local("2026-03-10 15:03"))
    assert {step["key"] for step in handle.steps} >= {"stop:breach", "stop:warn", "breach", "warn"}
    with pytest.raises(FieldError) as unknown:
        case.do("reach_milestone", "department_handler", milestone="clear", note="已拆")
    assert unknown.value.field == "milestone"
    case.later(hours=1).do("reach_milestone", "department_handler", milestone="stop", note="已停工")
    handle = case.clock("handle")
    assert handle.state == "running"
    assert handle.milestones[0]["met_at"] is not None
    assert not any(step["key"].startswith("stop:") for step in handle.steps)
    with pytest.raises(FieldError):
        case.do("reach_milestone", "department_handler", milestone="stop", note="已停工")
    case.do("feed_back", "department_handler", note="已拆除")
    assert case.clock("handle").state == "met"
    case.to("closed")


def test_answer_closes_an_answerable_report_only(world: World) -> None:
    case = Journey(world, category="0301")
    case.later(minutes=3).do("answer", "acceptor", note="请带身份证到窗口办理")
    assert (case.status, case.case.is_answered) == ("closed", True)
    assert (case.clock("accept").state, case.clock("total").state) == ("met", "met")
    accepted = Journey(world, category="0301").to("accepted")
    accepted.do("answer", "acceptor", note="请带身份证到窗口办理")
    assert accepted.clock("file").state == "cancelled"
    plain = Journey(world)
    with pytest.raises(Conflict) as refused:
        plain.do("answer", "acceptor", note="知道了")
    assert refused.value.code == "not_answerable"


def test_confidential_case_is_seen_by_named_people_only(world: World) -> None:
    case = Journey(world, category="0302", description="邻里纠纷")
    outsiders = ("supervisor", "grid_worker", "grid_leader", "department_handler", "acceptor_b", "duty_chief_b")
    for login in outsiders:
        with pytest.raises(NotFound):
            loop.read(case.number, world.actor(login))
        with pytest.raises(NotFound):
            case.do("note", login, note="看看")
    case.do("request_check", "acceptor", checker=world.people["grid_worker"].pk)
    case.do("confirm_check", "grid_worker", photos=1, note="属实")  # named because he was asked
    case.to("handled", standard="0302-1")
    with pytest.raises(NotFound):
        loop.read(case.number, world.actor("department_handler_joint"))
    case.do("request_verification", "acceptor", verifier=world.people["grid_leader"].pk)
    case.do("pass", "grid_leader", photos=1, note="已和解")
    case.do("close", "duty_chief")
    named = set(NamedAccess.objects.filter(incident=case.case).values_list("user__username", flat=True))
    assert {"acceptor", "dispatcher", "grid_worker", "grid_leader", "department_handler"} <= named
    assert not {"supervisor", "department_handler_joint", "acceptor_b"} & named


def test_case_that_becomes_confidential_keeps_those_who_work_on_it(world: World) -> None:
    case = Journey(world).to("handling")
    case.do("amend", "duty_chief", category="0302", standard="0302-1", clocks="keep", reason="实为纠纷")
    with pytest.raises(NotFound):
        loop.read(case.number, world.actor("supervisor"))
    case.do("feed_back", "department_handler", note="已调解")
    case.to("closed")
    fresh = Journey(world)
    fresh.do("accept", "acceptor", category="0302")
    with pytest.raises(NotFound):
        loop.read(fresh.number, world.actor("supervisor"))
    fresh.to("filed", standard="0302-1")


def test_confidential_case_is_seen_by_the_centre_it_is_transferred_to(world: World) -> None:
    case = Journey(world, category="0302")
    with pytest.raises(NotFound):
        loop.read(case.number, world.actor("acceptor_street"))
    case.do("transfer", "duty_chief", target=world.areas["620901001"].pk, reason="属街道")
    case.do("accept", "acceptor_street")
    assert case.status == "accepted"


def test_transfer_is_given_back_once(world: World) -> None:
    case = Journey(world)
    district, street = world.areas["620901"].pk, world.areas["620901001"].pk
    with pytest.raises(FieldError):
        case.do("transfer", "duty_chief", target=world.areas["620901002"].pk, reason="不在其辖区")
    case.do("transfer", "duty_chief", target=street, reason="属街道事权")
    with pytest.raises(NotFound):
        case.do("transfer", "duty_chief_b", target=district, reason="越区")
    case.do("transfer", "duty_chief_street", target=district, reason="超出权限")
    assert (case.case.holder_id, case.case.is_given_back) == (district, True)
    assert case.entry("transfer").payload["back"] is True
    case.do("transfer", "duty_chief", target=street, reason="经研究仍属街道")
    with pytest.raises(Conflict) as again:
        case.do("transfer", "duty_chief_street", target=district, reason="还是不办")
    assert again.value.code == "given_back_before"
    assert case.case.first_receiver_id == district
    assert case.clock("accept").cycle == 1
    held = [s.holder_id for s in case.clock("total").segments.filter(kind="held").order_by("id")]
    assert held == [street, district, street]


def test_amend_before_dispatch_changes_only_clocks_not_yet_started(world: World) -> None:
    case = Journey(world).to("filed")
    dispatch, total = case.clock("dispatch"), case.clock("total")
    with pytest.raises(FieldError) as alone:
        case.do("amend", "acceptor", category="0102", reason="实为路灯")
    assert alone.value.field == "standard"
    with pytest.raises(FieldError) as unasked:
        case.do("amend", "acceptor", category="0102", standard="0102-1", clocks="keep", reason="实为路灯")
    assert unasked.value.field == "clocks"
    version = case.case.version
    case.do("amend", "acceptor", category="0102", standard="0102-1", reason="实为路灯")
    assert case.case.version == version + 1
    assert (case.clock("dispatch").due_at, case.clock("total").due_at) == (dispatch.due_at, total.due_at)
    case.to("dispatched")
    assert case.clock("handle").minutes == 16 * 60  # by default
    with pytest.raises(NotPermitted):
        case.do("amend", "dispatcher", description="改一改", reason="看错")


@pytest.mark.parametrize("choice", ["keep", "restart"])
def test_amend_after_dispatch_keeps_or_restarts_and_says_both_due_times(world: World, choice: str) -> None:
    case = Journey(world).to("handling")  # four working hours from 9:03
    case.at = local("2026-03-10 11:00")
    change = {"standard": "0201-2", "reason": "实为大件垃圾"}  # two working days
    kept, restarted = local("2026-03-12 09:03"), local("2026-03-12 11:00")
    with pytest.raises(FieldError) as asked:
        case.do("amend", "acceptor", **change)
    assert (asked.value.field, asked.value.extra["choices"]) == ("clocks", ["keep", "restart"])
    said = {key: asked.value.extra[key] for key in ("now", "keep", "restart")}
    case.do("amend", "acceptor", clocks=choice, **change)
    handle = case.clock("handle")
    assert handle.due_at == (kept if choice == "keep" else restarted)
    assert handle.cycle == (1 if choice == "keep" else 2)
    payload = case.entry("amend").payload
    assert (payload["due_kept"], payload["due_restarted"]) == (said["keep"], said["restart"])
    assert payload["clock_choice"] == choice
    assert case.tickets()[0].due_at == handle.due_at
    case.do("feed_back", "department_handler", note="已清运")
    case.to("closed")


def test_force_close_by_the_leader_and_flagged(world: World) -> None:
    case = Journey(world).to("handling", joint=("ZJ",))
    pk = case.ask("force_close", "dispatcher", reason="道路整体改造，不再单独办理")
    for login in ("dispatcher", "duty_chief"):
        with pytest.raises(NotPermitted):
            case.decide(pk, login)
    case.later(minutes=30).decide(pk, "leader")
    assert (case.status, case.case.is_force_closed) == ("closed", True)
    assert [t.state for t in case.tickets()] == ["recalled", "recalled"]
    assert (case.clock("handle").state, case.clock("total").state) == ("cancelled", "met")
    reported = Journey(world)
    with pytest.raises(Conflict):
        reported.ask("force_close", "acceptor")


def test_forced_closing_asked_for_before_a_suspension(world: World) -> None:
    case = Journey(world).to("handling")
    force = case.ask("force_close", "dispatcher")
    pause = case.later(minutes=20).ask("suspend", "department_handler", until=local("2026-03-20 09:00"))
    case.later(minutes=20).decide(pause, "duty_chief")
    case.later(minutes=20).decide(force, "leader")
    total = case.clock("total")
    # it counts from when it was asked for, before the pause: the ledger stays one that can be counted
    assert total.stopped_at == local("2026-03-10 09:04")
    assert [c.kind for c in loop.read(case.number, world.actor("acceptor")).clocks if c.segments[-1][1] is None] == []


def test_suspension_over_thirty_days_is_the_leaders(world: World) -> None:
    case = Journey(world).to("handling")
    for until in (case.at, case.at + timedelta(days=367)):
        with pytest.raises(FieldError) as refused:
            case.ask("suspend", "department_handler", until=until)
        assert refused.value.field == "until"
    pk = case.ask("suspend", "department_handler", until=case.at + timedelta(days=31))
    with pytest.raises(NotPermitted):
        case.decide(pk, "duty_chief")
    case.decide(pk, "leader")
    with pytest.raises(Conflict) as early:
        case.later(days=30).do("resume", "system")
    assert early.value.code == "not_due"
    case.later(days=1).do("resume", "system")
    assert case.status == "handling"
    other = Journey(world).to("handling")
    pk = other.ask("suspend", "department_handler", until=other.at + timedelta(days=30))
    other.decide(pk, "duty_chief")
    other.later(days=1).do("resume", "department_handler")


def test_undecided_request_is_raised_to_the_next_level(world: World) -> None:
    case = Journey(world).to("handling")
    pk = case.ask("extend", "department_handler")
    assert case.request(pk).decide_by_at == local("2026-03-10 11:04")
    assert requests.raise_due(at=local("2026-03-10 11:03")) == 0
    assert requests.raise_due(at=local("2026-03-10 11:04")) == 1
    assert (case.request(pk).level, case.request(pk).decide_by_at) == (1, local("2026-03-10 15:04"))
    case.at = local("2026-03-10 11:05")
    with pytest.raises(NotPermitted):
        case.decide(pk, "dispatcher")
    assert requests.raise_due(at=local("2026-03-10 15:04")) == 1
    with pytest.raises(NotPermitted):
        case.decide(pk, "duty_chief")
    # nobody is above the leader: it waits
    at = case.request(pk).decide_by_at
    assert requests.raise_due(at=at) == 0
    assert (case.request(pk).level, case.request(pk).decide_by_at) == (2, None)
    case.decide(pk, "leader")
    assert case.journal().count("request_raised") == 2


def test_void_from_every_stage_and_reinstated(world: World) -> None:
    for status in ("reported", "accepted", "filed", "dispatched", "handling", "handled", "verifying", "verified"):
        case = Journey(world)
        if status != "reported":
            case.to(status)
        pk = case.ask("void", "acceptor", reason="误报")
        case.decide(pk, "duty_chief")
        assert case.status == "voided"
        assert case.clock("total").state == "cancelled"
        with pytest.raises(NotPermitted):
            case.do("reinstate", "acceptor", reason="确有其事")
        case.later(minutes=1).do("reinstate", "duty_chief", reason="确有其事")
        assert case.status == "reported"
        case.to("closed")


def test_reinstated_report_can_be_settled_on_the_spot(world: World) -> None:
    case = Journey(world, by="grid_worker", source="worker").to("verified")
    pk = case.ask("void", "acceptor", reason="误报")
    case.decide(pk, "duty_chief")
    case.do("reinstate", "duty_chief", reason="确有其事")
    case.do("resolve_on_site", "grid_worker", photos=2, note="当场清走")
    with pytest.raises(Conflict) as refused:
        case.do("refuse_feedback", "dispatcher", reason="旧工单不算数")
    assert refused.value.code == "no_ticket"
    case.do("approve_on_site", "acceptor")
    assert case.status == "closed"


def test_reject_and_decline_say_why_from_the_list_and_reply(world: World) -> None:
    case = Journey(world)
    for payload, field in (({"reason": "别的", "note": "对不起"}, "reason"), ({"reason": "outside"}, "note")):
        with pytest.raises(FieldError) as refused:
            case.do("reject", "acceptor", **payload)
        assert refused.value.field == field
    case.do("reject", "acceptor", reason="outside", note="请向邻区反映")
    assert (case.clock("accept").state, case.clock("total").state) == ("met", "met")
    case.do("reinstate", "duty_chief", reason="确属本区")
    assert (case.clock("accept").cycle, case.clock("total").cycle) == (2, 2)
    case.to("accepted").do("decline", "duty_chief", reason="not_in_conditions", note="面积不足")
    assert case.status == "declined"
    assert case.clock("file").state == "met"


def test_sent_back_twice_and_carried_through(world: World) -> None:
    case = Journey(world).to("filed")
    case.do("send_back", "dispatcher", reason="立案条件不对")
    assert (case.status, case.clock("file").cycle, case.clock("dispatch").state) == ("accepted", 2, "met")
    case.do("send_back", "duty_chief", reason="位置不清")
    assert (case.status, case.clock("accept").cycle) == ("reported", 2)
    case.to("closed")
