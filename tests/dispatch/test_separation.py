"""Separation of duties, through the real loop: who did one thing to a case may not do the other."""

import pytest

from dispatch import loop, requests, tickets
from dispatch.offers import open_actions
from gridgov.common.errors import DomainError, FieldError, NotFound, NotPermitted
from grids.capabilities import Capability
from incidents.models import JournalEntry
from personnel.services import hire, post
from tests.dispatch.audit import audit
from tests.flows.journey import Journey
from tests.worlds import SINCE, World

B = "620902001001001"  # a grid of 乙区


def _hire(world: World, login: str, *postings: tuple[str, str]) -> None:
    """Somebody with more than one hat."""
    worker = hire(login=login, name=login, number=f"X-{login}", phone="")
    for role, place in postings:
        where = {"department": world.departments[place]} if place in world.departments else {"area": world.areas[place]}
        post(worker=worker, role=role, starts_on=SINCE, **where)
    world.people[login] = worker.user


def _in_b(world: World) -> Journey:
    return Journey(world, by="acceptor_b", grid=B)


def test_dispatcher_of_a_who_verifies_in_b_can_do_neither_the_other_way_round(world: World) -> None:
    b = _in_b(world)
    b.do("accept", "acceptor_b")
    b.do("file", "duty_chief_b", standard="0201-1")
    before = JournalEntry.objects.count()
    with pytest.raises(NotPermitted) as refused:
        b.do("dispatch", "two_hats", lead=world.lead())
    assert refused.value.missing == "dispatch"
    b.do("dispatch", "dispatcher_b", lead=world.lead())
    b.do("sign", "department_handler")
    b.do("feed_back", "department_handler", photos=1, note="已清理")
    b.do("request_verification", "acceptor_b")
    b.do("pass", "two_hats", photos=1, note="属实")  # there he is the verifier

    a = Journey(world).to("filed")
    a.do("dispatch", "two_hats", lead=world.lead())  # and here the dispatcher
    a.do("sign", "department_handler")
    a.do("feed_back", "department_handler", photos=1, note="已清理")
    with pytest.raises(FieldError) as named:
        a.do("request_verification", "acceptor", verifier=world.people["two_hats"].pk)
    assert named.value.field == "verifier"
    a.do("request_verification", "acceptor")
    for action in ("pass", "fail"):
        with pytest.raises(NotPermitted) as refused:
            a.do(action, "two_hats", photos=1, note="属实")
        assert refused.value.missing == "asked_verifier,verify"
    assert JournalEntry.objects.count() > before


def test_two_hats_holds_each_capability_in_its_own_area_only(world: World) -> None:
    actor = world.actor("two_hats")
    a = (world.root.pk, world.areas["620901"].pk)
    b = (world.root.pk, world.areas["620902"].pk)
    assert actor.may(Capability.DISPATCH, a)
    assert not actor.may(Capability.DISPATCH, b)
    assert actor.may(Capability.VERIFY, b)
    assert not actor.may(Capability.VERIFY, a)


@pytest.mark.parametrize(("by", "grid"), [("acceptor_b", None), ("acceptor", B)])
def test_scoped_sibling_does_not_even_see_the_case(world: World, by: str, grid: str | None) -> None:
    case = Journey(world, by="acceptor_b" if grid else "acceptor", **({"grid": grid} if grid else {}))
    for version in (None, 1, 99):
        with pytest.raises(NotFound):
            loop.perform(number=case.number, action="accept", by=world.actor(by), version=version)
    assert case.journal() == ["report"]


def test_who_dispatched_neither_verifies_nor_closes(world: World) -> None:
    _hire(world, "all_hats", ("dispatcher", "620901"), ("verifier", "620901"), ("duty_chief", "620901"))
    case = Journey(world).to("filed")
    case.do("dispatch", "all_hats", lead=world.lead())
    case.to("handled")
    with pytest.raises(FieldError) as named:
        case.do("request_verification", "acceptor", verifier=world.people["all_hats"].pk)
    assert named.value.code == "separation:dispatcher"
    case.to("verifying")
    for action in ("pass", "fail"):
        with pytest.raises(NotPermitted) as refused:
            case.do(action, "all_hats", photos=1, note="属实")
        assert refused.value.missing == "separation:dispatcher"
    case.to("verified")
    with pytest.raises(NotPermitted) as refused:
        case.do("close", "all_hats")
    assert refused.value.missing == "separation:dispatcher"
    case.to("closed")


def test_who_dispatched_before_a_recall_does_not_close_by_another_action_either(world: World) -> None:
    _hire(world, "all_hats", ("dispatcher", "620901"), ("acceptor", "620901"))
    case = Journey(world, category="0301").to("filed", standard="0301-1")
    case.do("dispatch", "all_hats", lead=world.lead())
    case.do("recall", "all_hats", reason="派错了")
    case.do("send_back", "dispatcher", reason="可直接答复")
    with pytest.raises(NotPermitted) as refused:
        case.do("answer", "all_hats", note="请到窗口")
    assert refused.value.missing == "separation:dispatcher"
    case.do("answer", "acceptor", note="请到窗口")


def test_who_answered_directly_does_not_rate_the_answer(world: World) -> None:
    _hire(world, "colleague", ("acceptor", "620901"))
    case = Journey(world, category="0301")
    case.do("answer", "acceptor", note="请带身份证到窗口办理")
    with pytest.raises(NotPermitted) as refused:
        case.do("evaluate", "acceptor", result="satisfied")
    assert refused.value.missing == "separation:answerer"
    offered = {
        by: {offer.action for offer in open_actions(loop.read(case.number, world.actor(by)), world.actor(by))}
        for by in ("acceptor", "colleague")
    }
    assert "evaluate" not in offered["acceptor"]
    assert "evaluate" in offered["colleague"]
    case.do("evaluate", "colleague", result="satisfied")


def test_who_answered_what_was_then_handled_by_others_may_rate_it(world: World) -> None:
    case = Journey(world, category="0301")
    case.do("answer", "acceptor", note="请带身份证到窗口办理")
    case.do("reopen", "acceptor", reason="窗口不受理")
    case.to("closed", standard="0301-1")
    case.do("evaluate", "acceptor", result="satisfied")


@pytest.mark.parametrize(
    ("posting", "lead"),
    [("CG-SZ", "CG-SZ"), ("CG", "CG-SZ"), ("CG-SZ", "CG")],
    ids=["the department", "the bureau above it", "a section below it"],
)
def test_people_of_the_handling_department_never_verify(world: World, posting: str, lead: str) -> None:
    _hire(world, "both", ("department_handler", posting), ("verifier", "620901"))
    case = Journey(world).to("filed")
    case.do("dispatch", "dispatcher", lead=world.lead(lead))
    case.do("sign", "department_head")
    case.do("feed_back", "department_head", photos=1, note="已清理")
    with pytest.raises(FieldError) as named:
        case.do("request_verification", "acceptor", verifier=world.people["both"].pk)
    assert named.value.code == "separation:handler"
    case.do("request_verification", "acceptor")
    with pytest.raises(NotPermitted) as refused:
        case.do("pass", "both", photos=1, note="属实")
    assert refused.value.missing == "separation:handler"
    case.to("closed")


def test_worker_who_handled_never_verifies(world: World) -> None:
    case = Journey(world).to("filed")
    case.do("dispatch", "dispatcher", lead={"worker": world.workers["grid_worker"].pk})
    with pytest.raises(NotPermitted):
        case.do("sign", "grid_leader")
    case.do("sign", "grid_worker")
    case.do("feed_back", "grid_worker", photos=1, note="已清理")
    with pytest.raises(FieldError) as named:
        case.do("request_verification", "acceptor", verifier=world.people["grid_worker"].pk)
    assert named.value.code == "separation:handler"
    case.do("request_verification", "acceptor", verifier=world.people["grid_leader"].pk)
    case.do("pass", "grid_leader", photos=1, note="属实")


def test_joint_handlers_never_verify_even_when_waived(world: World) -> None:
    _hire(world, "both", ("department_handler", "ZJ"), ("verifier", "620901"))
    case = Journey(world).to("handling", joint=("ZJ",))
    tickets.sign_joint(ticket_id=case.tickets()[1].pk, by=world.actor("both"), at=case.at)
    case.do("feed_back", "department_handler", photos=1, note="已清理", waive="另行办理")
    case.do("request_verification", "acceptor")
    with pytest.raises(NotPermitted) as refused:
        case.do("pass", "both", photos=1, note="属实")
    assert refused.value.missing == "separation:handler"


def test_who_returned_the_ticket_may_verify_what_another_did(world: World) -> None:
    _hire(world, "both", ("department_handler", "ZJ"), ("verifier", "620901"))
    case = Journey(world).to("filed")
    case.do("dispatch", "dispatcher", lead=world.lead("ZJ"))
    case.decide(case.ask("return", "department_handler_joint"), "dispatcher")
    case.to("verifying")
    case.do("pass", "both", photos=1, note="属实")


def test_who_decided_a_request_never_closes_the_case(world: World) -> None:
    case = Journey(world).to("handling")
    case.decide(case.ask("return", "department_handler"), "duty_chief", grant=False, reason="属你单位")
    case.to("verified")
    with pytest.raises(NotPermitted) as refused:
        case.do("close", "duty_chief")
    assert refused.value.missing == "separation:decider"
    case.do("close", "duty_chief_2")


def test_nobody_decides_his_own_request(world: World) -> None:
    _hire(world, "both", ("dispatcher", "620901"), ("duty_chief", "620901"))
    case = Journey(world)
    pk = case.ask("void", "both")
    with pytest.raises(NotPermitted) as refused:
        case.decide(pk, "both")
    assert refused.value.missing == "separation:asker"
    assert case.request(pk).state == "pending"
    case.decide(pk, "duty_chief")


def test_role_stands_in_the_journal_as_it_was_used(world: World) -> None:
    _hire(world, "both", ("acceptor", "620901"), ("duty_chief", "620901"))
    case = Journey(world)
    case.do("accept", "both")
    case.do("file", "both", standard="0201-1")
    assert [case.entry(action).actor_role for action in ("accept", "file")] == ["acceptor", "duty_chief"]
    case.to("handling")
    assert case.entry("sign").actor_role == "lead_handler"


def test_refusals_of_any_kind_leave_nothing_behind(world: World) -> None:
    case = Journey(world).to("verified")
    rows = JournalEntry.objects.count()
    photo = world.photo("verifier")
    tries = [
        ("close", "dispatcher", {}),
        ("close", "nobody", {}),
        ("pass", "verifier", {"note": "属实", "attachments": [photo]}),
        ("close", "duty_chief", {"lead": world.lead()}),
        ("no such action", "duty_chief", {}),
    ]
    for action, by, payload in tries:
        with pytest.raises(DomainError):
            case.do(action, by, **payload)
    with pytest.raises(DomainError):
        requests.ask(number=case.number, kind="extend", by=world.actor("department_handler"), reason="要")
    assert JournalEntry.objects.count() == rows
    assert audit(case.number).version == case.case.version


def test_leader_who_dispatched_does_not_close_by_granting(world: World) -> None:
    case = Journey(world).to("filed")
    world_leader = world.people["leader"]
    post(worker=world.workers["leader"], role="dispatcher", area=world.areas["620901"], starts_on=SINCE)
    case.do("dispatch", "leader", lead=world.lead())
    pk = case.ask("force_close", "dispatcher", reason="道路整体改造")
    with pytest.raises(NotPermitted) as refused:
        case.decide(pk, "leader")
    assert refused.value.missing == "separation:dispatcher"
    assert world_leader.pk == case.case.tickets.get().dispatched_by_id


def test_worker_gets_no_reporters_link_to_rate_his_own_work(world: World) -> None:
    by = world.actor("grid_worker")
    received = loop.report(body=world.body(source="worker", reporter_name="路人"), by=by)
    assert received.token == ""
    assert loop.report(body=world.body(reporter_name="来电人"), by=world.actor("acceptor")).token
