"""The case page and its forms."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from dispatch import loop, requests
from dispatch.models import Request, RoutingProposal, Ticket
from dispatch.offers import open_actions
from gridgov.common import clock
from incidents.models import Attachment, Clock, DuplicateCandidate, JournalEntry
from tests.worlds import sample_image

pytestmark = pytest.mark.django_db


def act(client, number, action, version, **values):
    return client.post(f"/cases/{number}/act/{action}/", {"version": version, **values})


def photo(name="后.jpg"):
    return SimpleUploadedFile(name, sample_image().read(), "image/jpeg")


def actions_of(number) -> list[str]:
    return list(JournalEntry.objects.filter(incident__number=number).order_by("seq").values_list("action", flat=True))


def test_case_is_seen_by_its_people_and_unknown_to_others(world, sign_in):
    number = world.report()
    assert sign_in("acceptor").get(f"/cases/{number}/").status_code == 200
    for login in ("acceptor_b", "department_handler", "nobody", "audit_admin"):
        assert sign_in(login).get(f"/cases/{number}/").status_code == 404, login
    assert sign_in("acceptor").get("/cases/NOSUCH/").status_code == 404


def test_case_page_has_one_form_for_each_open_action(world, sign_in):
    stops = {
        "reported": "acceptor", "accepted": "duty_chief", "filed": "dispatcher", "dispatched": "department_handler",
        "handling": "department_handler", "handled": "acceptor",
    }  # fmt: skip
    for status, login in stops.items():
        number = world.report() if status == "reported" else world.carry(status)
        actor = world.actor(login)
        offers = open_actions(loop.read(number, actor), actor)
        page = sign_in(login).get(f"/cases/{number}/").text
        found = re.findall(rf'action="/cases/{number}/(act|ask)/([a-z_]+)/"', page)
        assert sorted(found) == sorted(("ask" if o.request else "act", o.action) for o in offers), status
        for offer in offers:
            for field in offer.fields:
                assert f'id="{offer.action}-{field.name}' in page, (offer.action, field.name)


def test_case_page_says_clocks_with_their_reckoning_journal_and_map(world, sign_in):
    number = world.carry("handling")
    page = sign_in("dispatcher").get(f"/cases/{number}/").text
    assert "为什么这时到期？" in page
    assert "起算，限" in page
    for words in ("暴露垃圾面积1平方米以上", "城市管理局／市政设施科", "甲一西第1网格", "流转记录", "签收"):
        assert words in page, words
    last = JournalEntry.objects.filter(incident__number=number).order_by("-seq").first()
    assert last.mac[:6] in page
    assert '<svg class="gg-map"' in page


def test_action_moves_the_case_and_returns_to_it(world, sign_in):
    number = world.report()
    client = sign_in("acceptor")
    response = act(client, number, "accept", 1, note="属实")
    assert response.status_code == 302
    assert response.url == f"/cases/{number}/"
    assert "受理：已完成" in client.get(response.url).text
    assert world.case(number).status == "accepted"
    assert actions_of(number) == ["report", "accept"]


def test_action_in_threes(world, sign_in):
    number = world.carry("accepted")
    version = world.case(number).version
    assert act(sign_in("duty_chief_b"), number, "file", version, standard="0201-1").status_code == 404
    assert act(sign_in("acceptor"), number, "file", version, standard="0201-1").status_code == 403
    assert actions_of(number) == ["report", "accept"]
    assert act(sign_in("duty_chief"), number, "file", version, standard="0201-1").status_code == 302
    assert actions_of(number) == ["report", "accept", "file"]


def test_stale_form_answers_409_with_who_when_what_and_keeps_the_words(world, sign_in):
    number = world.carry("handling")
    stale = world.case(number).version - 1
    words = "已更换井盖并清理现场，等待复核"
    response = act(sign_in("department_handler"), number, "feed_back", stale, note=words)
    page = response.text
    assert response.status_code == 409
    assert "市政经办先办了「签收」" in page
    assert page.count(words) == 3  # what was typed is shown, stands in the form again, and may go in as a note
    assert f'name="version" value="{stale + 1}"' in page
    assert world.case(number).status == "handling"
    again = act(sign_in("department_handler"), number, "feed_back", stale + 1, note=words, attachments=[photo()])
    assert again.status_code == 302


def test_action_that_is_closed_meanwhile_answers_409_and_keeps_the_words(world, sign_in):
    number = world.report()
    world.perform(number, "accept", "acceptor_2")
    response = act(sign_in("acceptor"), number, "reject", 1, reason="unclear", note="电话打不通，地址不清")
    assert response.status_code == 409
    assert "受理甲二先办了「受理」" in response.text
    assert "电话打不通，地址不清" in response.text
    assert "信息不全且无法联系上报人" in response.text
    assert world.case(number).status == "accepted"


def test_missing_field_is_said_beside_it_and_the_rest_is_kept(world, sign_in):
    number = world.report()
    response = act(sign_in("acceptor"), number, "reject", 1, note="本辖区以外的事")
    assert response.status_code == 400
    assert re.search(r'id="reject-reason_error".*请填写原因', response.text, re.S)
    assert "本辖区以外的事" in response.text
    assert re.search(r'<details class="gg-act" id="act-reject" open', response.text)
    assert actions_of(number) == ["report"]


def test_photo_of_a_refused_form_is_kept_and_used_the_next_time(world, sign_in):
    number = world.carry("handling")
    client = sign_in("department_handler")
    version = world.case(number).version
    refused = act(client, number, "feed_back", version, note="", attachments=[photo("一.jpg")])
    assert refused.status_code == 400
    stored = Attachment.objects.get(incident=None)
    assert f'name="kept" value="{stored.pk}"' in refused.text
    assert "已上传，无需重选" in refused.text
    done = act(client, number, "feed_back", version, note="已清理", kept=str(stored.pk))
    assert done.status_code == 302
    assert Attachment.objects.get(pk=stored.pk).incident.number == number


def test_broken_photo_is_said_by_name_and_the_good_one_is_kept(world, sign_in):
    number = world.carry("handling")
    client = sign_in("department_handler")
    broken = SimpleUploadedFile("x.jpg", b"\xff\xd8\xffbroken", "image/jpeg")
    version = world.case(number).version
    response = act(client, number, "feed_back", version, note="已清理", attachments=[photo(), broken])
    assert response.status_code == 400
    assert "x.jpg：" in response.text
    assert f'name="kept" value="{Attachment.objects.get(incident=None).pk}"' in response.text
    assert world.case(number).status == "handling"


def test_names_of_kept_files_are_shown_to_their_uploader_alone(world, sign_in):
    number = world.carry("handling")
    foreign = world.photo("acceptor")
    Attachment.objects.filter(pk=foreign).update(name="别人的.jpg")
    client = sign_in("department_handler")
    response = act(client, number, "feed_back", world.case(number).version, note="", kept=str(foreign))
    assert response.status_code == 400
    assert "别人的.jpg" not in response.text


def test_photo_of_somebody_else_cannot_be_claimed_by_its_id(world, sign_in):
    number = world.carry("handling")
    foreign = world.photo("acceptor")
    version = world.case(number).version
    response = act(sign_in("department_handler"), number, "feed_back", version, note="已清理", kept=str(foreign))
    assert response.status_code == 400
    assert Attachment.objects.get(pk=foreign).incident_id is None


def test_dispatch_by_the_form_makes_lead_and_joint_tickets(world, sign_in):
    number = world.carry("filed")
    lead, joint = world.departments["CG-SZ"].pk, world.departments["ZJ"].pk
    client = sign_in("dispatcher")
    assert act(client, number, "dispatch", world.case(number).version, lead="d999999").status_code == 400
    response = act(client, number, "dispatch", world.case(number).version, lead=f"d{lead}", joint=[f"d{joint}"])
    assert response.status_code == 302
    assert set(Ticket.objects.filter(incident__number=number).values_list("department_id", "is_lead")) == {
        (lead, True), (joint, False)
    }  # fmt: skip


def test_verifier_choice_leaves_out_those_who_may_not(world, sign_in):
    number = world.carry("handled")
    page = sign_in("acceptor").get(f"/cases/{number}/").text
    select = re.search(r'<select name="verifier".*?</select>', page, re.S).group()
    assert "核查甲" in select
    assert "市政经办" not in select
    assert "派遣甲" not in select
    assert "核查乙" not in select


def test_request_is_asked_and_granted_by_the_pages(world, sign_in):
    number = world.carry("handling")
    due = Clock.objects.get(incident__number=number, kind="handle").due_at
    asked = sign_in("department_handler").post(f"/cases/{number}/ask/extend/", {"reason": "材料未到货"})
    assert asked.status_code == 302
    row = Request.objects.get()
    path = f"/cases/{number}/requests/{row.pk}/"
    assert sign_in("dispatcher_b").post(path, {"decision": "grant"}).status_code == 404
    assert sign_in("verifier").post(path, {"decision": "grant"}).status_code == 403
    client = sign_in("dispatcher")
    refused = client.post(path, {"decision": "refuse"})
    assert refused.status_code == 400  # a refusal needs its reason
    assert client.post(path, {"decision": "grant", "reason": "同意"}).status_code == 302
    row.refresh_from_db()
    assert row.state == "granted"
    assert Clock.objects.get(incident__number=number, kind="handle").due_at > due
    late = client.post(path, {"decision": "grant", "reason": "再同意"})
    assert late.status_code == 409
    assert "再同意" in late.text


def test_suspension_by_the_form_says_until_when_in_local_time(world, sign_in):
    number = world.carry("handling")
    until = (clock.local(clock.now()) + timedelta(days=5)).strftime("%Y-%m-%dT09:30")
    response = sign_in("department_handler").post(
        f"/cases/{number}/ask/suspend/", {"reason": "燃气抢修", "until": until}
    )
    assert response.status_code == 302
    row = Request.objects.get()
    assert clock.local(row.until).strftime("%Y-%m-%dT%H:%M") == until
    bad = sign_in("department_handler").post(f"/cases/{number}/ask/void/", {"reason": "x"})
    assert bad.status_code == 403


def test_amendment_that_moves_the_clock_says_both_due_times(world, sign_in):
    number = world.carry("handling")
    client = sign_in("duty_chief")
    version = world.case(number).version
    response = act(client, number, "amend", version, reason="类别不对", standard="0201-2")
    assert response.status_code == 400
    assert "保留已用时间则" in response.text
    assert act(client, number, "amend", version, reason="类别不对", standard="0201-2", clocks="keep").status_code == 302
    assert world.case(number).standard.code == "0201-2"


def test_amendment_to_another_category_offers_its_standards(world, sign_in):
    number = world.carry("filed")
    client = sign_in("duty_chief")
    version = world.case(number).version
    response = act(client, number, "amend", version, reason="是路灯", category="0102")
    assert response.status_code == 400
    assert "请一并选择新类别的立案条件" in response.text
    assert 'value="0102-1"' in response.text
    done = act(client, number, "amend", version, reason="是路灯", category="0102", standard="0102-1")
    assert done.status_code == 302
    assert world.case(number).category.code == "0102"


def test_joint_ticket_is_done_by_its_own_people_only(world, sign_in):
    number = world.carry("filed")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead(), joint=[world.lead("CG-SR")])
    ticket = Ticket.objects.get(is_lead=False)
    path = f"/cases/{number}/joint/{ticket.pk}"
    assert sign_in("department_handler").post(f"{path}/done/", {"words": "办完"}).status_code == 404
    client = sign_in("department_head")  # of the bureau above both sections
    assert client.post(f"{path}/done/", {"words": ""}).status_code == 400
    assert client.post(f"{path}/done/", {"words": "已清扫"}).status_code == 302
    ticket.refresh_from_db()
    assert (ticket.state, ticket.result) == ("done", "已清扫")


def test_phone_is_masked_and_shown_whole_with_a_reason_in_the_journal(world, sign_in):
    number = world.report(reporter_name="王女士", reporter_phone="13893122716")
    client = sign_in("acceptor")
    page = client.get(f"/cases/{number}/").text
    assert "138****2716" in page
    assert "13893122716" not in page
    assert client.post(f"/cases/{number}/phone/", {"reason": ""}).status_code == 400
    shown = client.post(f"/cases/{number}/phone/", {"reason": "回访核对地点"})
    assert "13893122716" in shown.text
    assert actions_of(number) == ["report", "phone_revealed"]
    assert sign_in("dispatcher").post(f"/cases/{number}/phone/", {"reason": "看看"}).status_code == 403


def test_case_page_takes_the_same_statements_whatever_the_journal_is(world, sign_in, statements):
    number = world.carry("handling")
    client = sign_in("dispatcher")
    short = statements(client, f"/cases/{number}/")
    for count in range(5):
        world.perform(number, "note", "dispatcher", note=f"批注{count}")
    requests.ask(number=number, kind="extend", by=world.actor("department_handler"), reason="材料未到")
    assert statements(client, f"/cases/{number}/") == short
    assert short <= 6


def test_alike_cases_are_shown_to_those_who_may_see_them(world, sign_in):
    number, alike = world.report(), world.report()
    hidden = world.report(by="acceptor_b", grid="620902001001001")
    for other in (alike, hidden):
        DuplicateCandidate.objects.create(
            incident=world.case(number), other=world.case(other), score=0.81, distance_m=32, gap_minutes=5,
            found_at=clock.now(),
        )  # fmt: skip
    page = sign_in("acceptor").get(f"/cases/{number}/").text
    assert f'href="/cases/{alike}/"' in page
    assert "相似 81%" in page
    assert hidden not in page


def test_proposed_handler_is_chosen_beforehand_with_the_reason(world, sign_in):
    number = world.carry("filed")
    department = world.departments["CG-SZ"]
    RoutingProposal.objects.update_or_create(
        incident=world.case(number),
        defaults={"lead": department, "reason": "规则7（暴露垃圾，甲区）", "entry_seq": 3, "made_at": clock.now()},
    )
    page = sign_in("dispatcher").get(f"/cases/{number}/").text
    assert "规则7（暴露垃圾，甲区）" in page
    assert re.search(rf'<option value="d{department.pk}" selected>', page)


def test_text_is_never_markup(world, sign_in):
    number = world.report(description="<script>alert(1)</script>", address='"><img src=x>')
    page = sign_in("acceptor").get(f"/cases/{number}/").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def levels_of(page: str) -> list[tuple[str, str]]:
    box = re.search(r'<select[^>]*id="supervise-level"[^>]*>(.*?)</select>', page, re.DOTALL)[1]
    return re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)</option>', box)


def test_supervision_form_says_the_level_that_it_gives_and_offers_none_below(world, sign_in):
    number, client = world.report(), sign_in("supervisor")
    assert levels_of(client.get(f"/cases/{number}/").text) == [
        ("1", "升一级（现 0 级 → 1 级）"), ("2", "2 级"), ("3", "3 级"), ("4", "4 级")
    ]  # fmt: skip
    world.perform(number, "supervise", "supervisor", note="请说明", level=2)
    assert levels_of(client.get(f"/cases/{number}/").text) == [
        ("3", "升一级（现 2 级 → 3 级）"), ("2", "2 级（不变）"), ("4", "4 级")
    ]  # fmt: skip
    lower = act(client, number, "supervise", 1, note="请尽快", level="1")
    assert lower.status_code == 400
    assert "督办级别已变，请从现有的级别里选" in lower.text
    assert world.case(number).supervision_level == 2
    assert act(client, number, "supervise", 1, note="请尽快", level="4").status_code == 302
    assert levels_of(client.get(f"/cases/{number}/").text) == [("4", "4 级（不变，已是最高）")]
