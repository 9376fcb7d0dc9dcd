"""What follows by itself: duplicates, routing, the system's steps, merged cases, and who is told."""

from datetime import UTC, datetime

import pytest

from dispatch import receivers, recipients, requests, routing, system_steps, tickets
from dispatch.entries import of_rows
from dispatch.models import Notice, NoticeDelivery, RoutingProposal, Ticket
from gridgov.common import clock
from incidents import journal
from incidents.catalogue_services import save_category, save_standard
from incidents.models import Category, DuplicateCandidate, FilingStandard, Incident, JournalEntry
from personnel.services import post
from tests.worlds import SINCE

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 1, tzinfo=UTC)


def deliver() -> int:
    total = 0
    while found := receivers.deliver_pending().delivered:
        total += found
    assert not JournalEntry.objects.filter(attempt_count__gt=0).exists()
    return total


def told(number: str, topic: str) -> list[str]:
    found = Notice.objects.filter(incident__number=number, topic__startswith=topic)
    return sorted(found.values_list("user__username", flat=True))


def actions(number: str) -> list[str]:
    return list(JournalEntry.objects.filter(incident__number=number).order_by("seq").values_list("action", flat=True))


def rule(world, lead: str = "CG-SZ", joint: tuple[str, ...] = ()) -> None:
    routing.save_rule(area=world.root, lead=world.departments[lead], joint=[world.departments[code] for code in joint])


def to_verifying(world, **values) -> str:
    number = world.carry("handled", **values)
    world.perform(number, "request_verification", "acceptor")
    return number


# --- a report -----------------------------------------------------------------------------------------------------


def test_report_finds_its_likely_duplicates(world):
    first, second = world.report(), world.report()
    deliver()
    pair = DuplicateCandidate.objects.get()
    assert (pair.incident.number, pair.other.number) == (second, first)
    assert world.case(second).version == 1


def test_ordinary_case_waits_for_people(world):
    number = world.report()
    deliver()
    assert actions(number) == ["report"]


def test_urgent_case_is_accepted_filed_and_dispatched_by_the_system(world):
    rule(world, joint=("ZJ",))
    number = world.report(category="0101")
    deliver()
    assert actions(number) == ["report", "accept", "file", "dispatch"]
    case = world.case(number)
    assert (case.status, case.standard.code) == ("dispatched", "0101-1")
    lead = Ticket.objects.get(incident=case, is_lead=True)
    assert (lead.department.code, lead.dispatched_by) == ("CG-SZ", None)
    assert Ticket.objects.get(incident=case, is_lead=False).department.code == "ZJ"
    entry = JournalEntry.objects.get(incident=case, action="dispatch")
    assert (entry.actor, entry.channel, entry.actor_role) == (None, "system", "system")
    assert "主办市政设施科" in entry.text
    assert told(number, "ticket:") == ["department_handler", "department_handler_2", "department_handler_joint"]
    assert journal.verify(number=number).faults == []


def test_urgent_case_without_a_rule_waits_for_a_dispatcher(world):
    number = world.report(category="0101")
    deliver()
    assert actions(number) == ["report", "accept", "file"]
    proposal = RoutingProposal.objects.get(incident__number=number)
    assert (proposal.lead, proposal.rule) == (None, None)
    assert proposal.reason == "没有适用的派遣规则，请派遣员指定主办"


def test_urgent_case_that_was_sent_back_is_not_accepted_again_by_the_system(world):
    number = world.report(category="0101")
    deliver()
    world.perform(number, "send_back", "dispatcher", reason="条件不符")
    world.perform(number, "send_back", "duty_chief", reason="条件不符")
    deliver()
    assert world.case(number).status == "reported"


def test_person_who_was_faster_is_left_alone(world):
    number = world.report(category="0101")
    world.perform(number, "reject", "acceptor", reason="repeated", note="重复")
    deliver()
    assert actions(number) == ["report", "reject"]


def test_must_report_case_is_told_upward(world):
    save_category(code="0102", name="路灯", kind="component", parent="01", is_must_report=True)
    number = world.report(category="0102")
    deliver()
    assert told(number, "must_report") == ["duty_chief", "duty_chief_2", "leader"]


def test_delivering_everything_twice_changes_nothing(world):
    rule(world)
    number = world.report(category="0101")
    world.report(category="0101")
    deliver()
    before = (actions(number), [model.objects.count() for model in (Notice, NoticeDelivery, DuplicateCandidate)])
    JournalEntry.objects.update(delivered_at=None, next_try_at=clock.now())
    deliver()
    after = (actions(number), [model.objects.count() for model in (Notice, NoticeDelivery, DuplicateCandidate)])
    assert after == before


# --- routing ------------------------------------------------------------------------------------------------------


def test_filed_case_has_its_proposal_with_the_reason(world):
    rule(world, joint=("ZJ",))
    number = world.carry("filed")
    deliver()
    proposal = RoutingProposal.objects.get(incident__number=number)
    assert (proposal.lead.code, proposal.joint, proposal.entry_seq) == ("CG-SZ", [world.departments["ZJ"].pk], 3)
    assert proposal.reason.startswith(f"规则{proposal.rule_id}（所有类别，试城市）：主办市政设施科")


def test_returned_case_is_proposed_again_with_a_warning(world):
    rule(world)
    number = world.carry("dispatched")
    deliver()
    request = requests.ask(number=number, kind="return", by=world.actor("department_handler"), reason="不属我科")
    deliver()
    assert told(number, "request") == ["dispatcher", "dispatcher_2", "two_hats"]
    requests.decide(request_id=request, grant=True, reason="同意", by=world.actor("dispatcher"))
    deliver()
    proposal = RoutingProposal.objects.get(incident__number=number)
    assert proposal.reason.startswith("市政设施科已退单，请核对权责。")
    assert told(number, "returned") == ["dispatcher_2", "two_hats"]
    assert told(number, "decided") == ["department_handler"]


def test_reopened_case_is_proposed_to_its_former_handler(world):
    rule(world, lead="SW")
    number = to_verifying(world)
    world.perform(number, "pass", "verifier", note="已清", attachments=[world.photo("verifier")])
    world.perform(number, "close", "duty_chief")
    world.perform(number, "reopen", "acceptor", reason="又有垃圾")
    deliver()
    proposal = RoutingProposal.objects.get(incident__number=number)
    assert proposal.lead.code == "CG-SZ"
    assert proposal.reason.startswith("重新立案：原主办市政设施科。")
    assert "department_handler" in told(number, "reopened")


# --- verification -------------------------------------------------------------------------------------------------


def test_feedback_waits_for_the_desk_unless_the_standard_says_so(world):
    number = world.carry("handled")
    deliver()
    assert world.case(number).status == "handled"
    save_standard(
        code="0201-1", category="0201", condition="暴露垃圾面积1平方米以上", closing_condition="清理干净",
        after_photo_count=1, system_steps=["request_verification"],
    )  # fmt: skip
    number = world.carry("handled")
    deliver()
    case = world.case(number)
    assert (case.status, case.verifier) == ("verifying", world.people["grid_worker"])


def test_verification_goes_to_the_worker_of_the_grid(world):
    number = to_verifying(world)
    deliver()
    assert world.case(number).verifier == world.people["grid_worker"]
    assert actions(number)[-1] == "reassign_verification"
    assert told(number, "verify") == ["grid_worker"]


def test_verification_goes_to_the_leader_of_the_community_where_the_grid_has_no_worker(world):
    # the second grid of the east community has nobody; its community has no leader: the queue
    number = to_verifying(world, grid="620901001002001")
    deliver()
    assert world.case(number).verifier is None
    assert told(number, "verify") == ["verifier", "verifier_2"]
    post(worker=world.workers["grid_leader_b"], role="grid_leader", area=world.areas["620901001002"], starts_on=SINCE)
    number = to_verifying(world, grid="620901001002001")
    deliver()
    assert world.case(number).verifier == world.people["grid_leader_b"]


def test_verification_never_goes_to_who_handled_it(world):
    post(
        worker=world.workers["grid_worker"], role="department_handler", department=world.departments["CG-SZ"],
        starts_on=SINCE,
    )  # fmt: skip
    number = to_verifying(world)
    deliver()
    assert world.case(number).verifier == world.people["grid_leader"]


def test_verification_never_goes_to_who_resolved_it_on_the_spot(world):
    number = world.report(by="grid_worker", source="worker")
    photos = [world.photo("grid_worker"), world.photo("grid_worker")]
    world.perform(number, "resolve_on_site", "grid_worker", note="已清", attachments=photos)
    deliver()
    assert world.case(number).status == "handled"
    world.perform(number, "request_verification", "acceptor")
    deliver()
    assert world.case(number).verifier == world.people["grid_leader"]


def test_verifier_named_by_a_person_stays(world):
    number = world.carry("handled")
    world.perform(number, "request_verification", "acceptor", verifier=world.people["verifier_2"].pk)
    deliver()
    assert world.case(number).verifier == world.people["verifier_2"]
    assert told(number, "verify") == ["verifier_2"]


# --- merged cases -------------------------------------------------------------------------------------------------


def test_merged_cases_are_closed_with_their_main_case(world):
    child = world.report()
    number = to_verifying(world)
    world.perform(child, "merge", "acceptor", into=number)
    world.perform(number, "pass", "verifier", note="已清", attachments=[world.photo("verifier")])
    world.perform(number, "close", "duty_chief")
    deliver()
    assert world.case(child).status == "closed"
    assert actions(child)[-1] == "close_with_parent"


def test_merged_cases_are_free_again_when_their_main_case_ends_otherwise(world):
    number, child = world.report(), world.report()
    world.perform(child, "merge", "acceptor", into=number)
    world.perform(number, "reject", "acceptor", reason="unfounded", note="不属实")
    deliver()
    case = world.case(child)
    assert (case.status, case.parent) == ("reported", None)
    assert JournalEntry.objects.get(incident=case, action="unmerge").text == "主案件不予受理"


# --- who is told --------------------------------------------------------------------------------------------------


def test_handlers_are_told_of_their_ticket_in_words(world):
    number = world.carry("dispatched")
    deliver()
    notice = Notice.objects.filter(incident__number=number, topic__startswith="ticket:").first()
    due = clock.local(Ticket.objects.get(incident__number=number).due_at)
    assert notice.text == f"{number} 市容环境／暴露垃圾：新的主办工单，{due:%m-%d %H:%M}前办结"


def test_refused_joint_ticket_is_told_to_who_dispatched_it(world):
    number = world.carry("filed")
    joint = [world.lead("ZJ")]
    world.perform(number, "dispatch", "dispatcher", lead=world.lead(), joint=joint)
    ticket = Ticket.objects.get(incident__number=number, is_lead=False)
    tickets.refuse_joint(ticket_id=ticket.pk, by=world.actor("department_handler_joint"), reason="非我职责")
    deliver()
    assert told(number, "joint_refused") == ["dispatcher"]


def test_refused_request_is_told_to_who_asked(world):
    number = world.carry("handling")
    request = requests.ask(number=number, kind="extend", by=world.actor("department_handler"), reason="下雨")
    requests.decide(request_id=request, grant=False, reason="抓紧", by=world.actor("dispatcher"))
    deliver()
    notice = Notice.objects.get(incident__number=number, topic="decided")
    assert (notice.user, notice.text.rpartition("：")[2]) == (world.people["department_handler"], "延期申请未同意")
    # it was decided before it was delivered: nobody is asked to decide it any more
    assert told(number, "request") == []


def test_raised_request_is_told_to_the_next_level(world):
    number = world.carry("handling")
    requests.ask(number=number, kind="extend", by=world.actor("department_handler"), reason="下雨")
    deliver()
    assert requests.raise_due(at=datetime(2027, 3, 1, tzinfo=UTC)) == 1
    deliver()
    asked = Notice.objects.filter(incident__number=number, topic="request").order_by("entry_seq", "user__username")
    assert [n.user.username for n in asked] == ["dispatcher", "dispatcher_2", "two_hats", "duty_chief", "duty_chief_2"]


def test_supervision_and_rework_are_told_to_the_handlers(world):
    number = to_verifying(world)
    world.perform(number, "fail", "verifier", note="没清", attachments=[world.photo("verifier")])
    world.perform(number, "supervise", "supervisor", note="请抓紧", level=2)
    deliver()
    assert told(number, "rework") == told(number, "supervised") == ["department_handler", "department_handler_2"]


def test_only_people_named_on_a_confidential_case_are_told_and_not_of_what(world):
    number = world.report(category="0302")
    world.perform(number, "accept", "acceptor")
    world.perform(number, "file", "duty_chief", standard="0302-1")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead())
    request = requests.ask(number=number, kind="void", by=world.actor("dispatcher"), reason="重复")
    assert request
    deliver()
    notices = Notice.objects.filter(incident__number=number)
    assert told(number, "ticket:") == ["department_handler", "department_handler_2"]
    named = set(Incident.objects.get(number=number).named.values_list("user__username", flat=True))
    assert set(notices.values_list("user__username", flat=True)) <= named
    assert not any("矛盾纠纷" in text for text in notices.values_list("text", flat=True))


def test_round_of_twenty_tickets_is_told_in_a_handful_of_statements(world, django_assert_max_num_queries):
    for _ in range(20):
        world.carry("dispatched")
    found = list(of_rows(JournalEntry.objects.filter(action="dispatch")))
    with django_assert_max_num_queries(4):
        assert len(recipients.told_of(found, at=clock.now())) == 40


def test_standard_of_the_case_says_what_the_system_may_do(world):
    number = world.carry("filed")
    deliver()
    assert FilingStandard.objects.get(code="0201-1").system_steps == []
    assert not system_steps.perform(number, "dispatch", lead=world.lead())
    assert world.case(number).status == "filed"
    assert Category.objects.get(code="0201").is_urgent is False
