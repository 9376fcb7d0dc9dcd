"""The month's assessments: the leader's table and panel, the worker's own, the scheme."""

import re
from datetime import date, timedelta

import pytest
from django.utils import timezone

from dispatch import loop
from gridgov.common import clock
from gridgov.common.models import AuditEntry
from personnel import assessment_services as services
from personnel.assessment_models import Assessment, AssessmentMonth
from personnel.services import post
from tests.reporting.assessed import ABROAD, FIRST, KNOWN_AT, OCTOBER, SECOND, THIRD, assess, lead_street
from tests.worlds import SINCE

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(world):
    """October: the first and second grid of the leader, and one of the other leader."""
    return assess(world)


def revision(response) -> str:
    return re.search(r'name="revision" value="([^"]+)"', response.text)[1]


def audited(row) -> list[str]:
    found = AuditEntry.objects.filter(object_type="personnel.Assessment", object_id=str(row.pk))
    return list(found.order_by("id").values_list("action", flat=True))


def review(client, row, **values):
    seen = revision(client.get(f"/assessments/{row.pk}/"))
    return client.post(f"/assessments/{row.pk}/review/", {"revision": seen, **values})


def long_ago(row) -> None:
    """The days for the reply are over."""
    Assessment.objects.filter(pk=row.pk).update(reviewed_at=timezone.now() - timedelta(days=8))


# --- who may see what ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "login", "status"),
    [
        ("/assessments/", "grid_leader", 200), ("/assessments/", "acceptor", 403), ("/assessments/", "nobody", 403),
        ("/assessments/", "grid_worker", 302),
        ("/assessments/mine/", "grid_worker", 200), ("/assessments/mine/", "acceptor", 403),
        ("/assessments/scheme/", "grid_worker", 200), ("/assessments/scheme/", "grid_leader", 200),
        ("/assessments/scheme/", "system_admin", 200), ("/assessments/scheme/", "acceptor", 403),
        ("/today/", "grid_leader", 200), ("/today/", "grid_worker", 403), ("/today/", "acceptor", 403),
    ],
)  # fmt: skip
def test_page_is_for_those_whom_it_concerns(rows, sign_in, path, login, status):
    assert sign_in(login).get(path).status_code == status


def test_pages_ask_for_signing_in(rows, client):
    for path in ("/assessments/", "/assessments/mine/", f"/assessments/{rows[0].pk}/", "/today/"):
        assert client.get(path).url.startswith("/login/")


def test_row_is_seen_by_its_leader_and_after_review_by_its_worker(world, rows, sign_in):
    path = f"/assessments/{rows[0].pk}/"
    number, seq = rows[0].lines[0]["hits"][0]
    proof = f"{path}evidence/{number}/{seq}/"
    for address in (path, proof):
        assert sign_in("grid_leader").get(address).status_code == 200
        for login in ("grid_leader_b", "grid_worker", "grid_worker_2", "acceptor", "nobody"):
            assert sign_in(login).get(address).status_code == 404, (login, address)
    services.review(assessment_id=rows[0].pk, by=world.people["grid_leader"])
    for address in (path, proof):
        assert sign_in("grid_worker").get(address).status_code == 200
        assert sign_in("grid_worker_2").get(address).status_code == 404
    assert sign_in("grid_leader").get("/assessments/999999/").status_code == 404


@pytest.mark.parametrize("step", ["review", "publish", "reply", "correct"])
def test_step_is_for_its_person_alone(world, rows, sign_in, step):
    row = rows[0]
    services.review(assessment_id=row.pk, by=world.people["grid_leader"])
    path = f"/assessments/{row.pk}/{step}/"
    for login in ("grid_leader_b", "grid_worker_2", "acceptor"):
        assert sign_in(login).post(path, {"reply": "好", "correction": "错"}).status_code == 404
    wrong = "grid_leader" if step == "reply" else "grid_worker"
    assert sign_in(wrong).post(path, {"reply": "好", "correction": "错"}).status_code == 403
    assert sign_in("grid_leader").get(path).status_code == 405
    assert audited(row) == ["assessment.review"]


def test_batch_of_another_leaders_row_is_not_found(rows, sign_in):
    given = {"month": "2026-10", "row": [rows[0].pk, rows[2].pk]}
    for sure in ({}, {"sure": "1"}):
        assert sign_in("grid_leader").post("/assessments/confirm/", given | sure).status_code == 404
    assert sign_in("acceptor").post("/assessments/confirm/", given).status_code == 403
    assert not Assessment.objects.exclude(state="computed").exists()


# --- the table ----------------------------------------------------------------------------------------------------


def test_table_has_the_leaders_grids_by_code_with_counts(rows, sign_in):
    response = sign_in("grid_leader").get("/assessments/")
    assert [row.id for row in response.context["rows"]] == [rows[0].pk, rows[1].pk]
    assert [count for _key, _label, count in response.context["tabs"]] == [2, 0, 0, 0, 2]
    ratio = response.context["rows"][0].ratios[0]
    assert (ratio.text, ratio.counts, ratio.title) == ("50%", "1/2", "有效上报率：2 件中 1 件")
    assert response.context["rows"][0].ratios[1].text == "—"
    assert "不排名" in response.text
    assert response.context["next_deadline"] is None


def test_tabs_show_the_rows_of_one_state_and_say_when_there_is_none(world, rows, sign_in):
    client = sign_in("grid_leader")
    services.review(assessment_id=rows[1].pk, by=world.people["grid_leader"], mark="2", reason="代班")
    shown = {
        tab: [row.id for row in client.get(f"/assessments/?month=2026-10&tab={tab}").context["rows"]]
        for tab in ("computed", "reviewed", "replied", "published", "all", "nonsense")
    }
    assert shown == {
        "computed": [rows[0].pk], "reviewed": [rows[1].pk], "replied": [], "published": [],
        "all": [rows[0].pk, rows[1].pk], "nonsense": [rows[0].pk],
    }  # fmt: skip
    waiting = client.get("/assessments/?tab=reviewed")
    assert waiting.context["rows"][0].mark == "+2.0"
    assert waiting.context["rows"][0].score == "90.4"
    assert waiting.context["next_deadline"] is not None
    assert "网格员的答复会出现在这里" in client.get("/assessments/?tab=replied").text


def test_own_past_stands_beside_the_score(world, rows, sign_in):
    leader = world.people["grid_leader"]
    for month, score in ((7, 9000), (8, 9200)):
        before = assess(world, on=date(2026, month, 1), grids=[FIRST], score=score)[0]
        services.review(assessment_id=before.pk, by=leader, at=KNOWN_AT)
        services.publish(assessment_id=before.pk, by=leader, at=KNOWN_AT + timedelta(days=8))
    first, second = sign_in("grid_leader").get("/assessments/?month=2026-10").context["rows"]
    assert (first.delta.text, first.delta.kind) == ("↓ 2.6", "down")
    assert first.spark.label == "7月 90.0，8月 92.0，10月 88.4；往月均值 91.0"
    assert (second.delta, second.spark) == (None, None)


def test_page_says_why_there_is_no_month(world, sign_in):
    client = sign_in("grid_leader")
    assert "还没有考核" in client.get("/assessments/").text
    running = f"{clock.local_date(clock.now()):%Y-%m}"
    assert "这个月还没有结束" in client.get(f"/assessments/?month={running}").text
    assert "这个月没有考核" in client.get("/assessments/?month=2025-01").text
    for text in ("2026-13", "x", "2026-1", "\uff12026-10"):
        assert client.get(f"/assessments/?month={text}").status_code == 404
    assess(world, grids=[ABROAD])
    assert "你的网格不在这次考核里" in client.get("/assessments/").text


def test_page_says_that_a_month_is_being_computed(world, sign_in):
    assess(world, grids=[FIRST])
    AssessmentMonth.objects.update(
        computed_at=None, grid_ids=[world.areas[FIRST].pk, world.areas[SECOND].pk, world.areas[ABROAD].pk]
    )
    response = sign_in("grid_leader").get("/assessments/")
    assert response.context["computing"] == {"done": 1, "of": 2}
    assert "正在计算" in response.text
    Assessment.objects.all().delete()
    assert "算出一个网格，这里就出现一行" in sign_in("grid_leader").get("/assessments/").text


def test_grid_without_data_has_a_dash_and_the_cause(world, rows, sign_in):
    Assessment.objects.filter(pk=rows[0].pk).update(score=None, lines=[])
    client = sign_in("grid_leader")
    response = client.get("/assessments/")
    assert response.context["rows"][0].score == "—"
    assert "各项都没有可计的案件，不评分" in response.text
    shown = client.get(f"/assessments/{rows[0].pk}/")
    assert 'name="mark"' not in shown.text
    assert review(client, rows[0], then="stay").status_code == 302
    assert Assessment.objects.get(pk=rows[0].pk).state == "reviewed"


def test_table_takes_the_same_statements_for_one_row_and_three(world, sign_in, statements):
    lead_street(world)
    assess(world, on=date(2026, 8, 1), grids=[FIRST])
    assess(world, on=date(2026, 9, 1), grids=[FIRST, SECOND, THIRD])
    client = sign_in("grid_leader")
    one = statements(client, "/assessments/?month=2026-08")
    assert statements(client, "/assessments/?month=2026-09") == one
    assert one <= 15


def test_own_months_take_the_same_statements_for_one_and_three(world, sign_in, statements):
    leader, client = world.people["grid_leader"], sign_in("grid_worker")
    found = [assess(world, on=date(2026, month, 1), grids=[FIRST])[0] for month in (7, 8, 9)]
    services.review(assessment_id=found[0].pk, by=leader)
    one = statements(client, "/assessments/mine/")
    for row in found[1:]:
        services.review(assessment_id=row.pk, by=leader)
    assert statements(client, "/assessments/mine/") == one
    assert len(client.get("/assessments/mine/").context["cards"]) == 3


def test_row_takes_the_same_statements_for_one_case_and_three(world, rows, sign_in, statements):
    client, path = sign_in("grid_leader"), f"/assessments/{rows[0].pk}/"
    one = statements(client, path)
    more = [[world.report(), 1] for _n in range(3)]
    lines = rows[0].lines
    lines[0]["misses"] += more
    Assessment.objects.filter(pk=rows[0].pk).update(lines=lines)
    assert statements(client, path) == one


# --- review -------------------------------------------------------------------------------------------------------


def test_leader_marks_and_goes_on_to_the_next(rows, sign_in):
    client = sign_in("grid_leader")
    response = review(client, rows[0], mark="+3.6", reason="封路属实", then="next")
    assert response.url == f"/assessments/{rows[1].pk}/"
    row = Assessment.objects.get(pk=rows[0].pk)
    assert (row.state, row.mark, row.mark_reason, row.reviewed_by.username) == (
        "reviewed", 360, "封路属实", "grid_leader",
    )  # fmt: skip
    assert audited(row) == ["assessment.review"]
    response = review(client, rows[1], mark="", then="next")
    assert response.url == "/assessments/?month=2026-10"
    assert "都处理完了" in client.get(response.url).text


@pytest.mark.parametrize(
    ("mark", "reason", "field"),
    [("9", "理由", "mark"), ("1.005", "理由", "mark"), ("x", "理由", "mark"), ("1e9", "理由", "mark"),
     ("2", "", "reason"), ("2", "  ", "reason"), ("2", "长" * 501, "reason")],
)  # fmt: skip
def test_wrong_mark_is_said_at_its_field_and_what_was_typed_is_kept(rows, sign_in, mark, reason, field):
    response = review(sign_in("grid_leader"), rows[0], mark=mark, reason=reason)
    assert response.status_code == 400
    assert list(response.context["errors"]) == [field]
    assert f'id="{field}-error"' in response.text
    assert ("有加减分时须写理由" in response.text) == (field == "reason" and not reason.strip())
    assert f'value="{mark}"' in response.text
    assert Assessment.objects.get(pk=rows[0].pk).state == "computed"
    assert audited(rows[0]) == []


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("\uff0d\uff11\uff0e\uff15", -150), ("\u22122", -200), ("\uff0b\uff13", 300), (" 0.5 ", 50)],
)
def test_mark_may_be_typed_as_a_phone_types_it(rows, sign_in, typed, stored):
    assert review(sign_in("grid_leader"), rows[0], mark=typed, reason="理由").status_code == 302
    assert Assessment.objects.get(pk=rows[0].pk).mark == stored


def test_second_leader_sees_both_versions_and_keeps_his_words(world, rows, sign_in):
    lead_street(world, "grid_leader_b")
    first, second = sign_in("grid_leader"), sign_in("grid_leader_b")
    seen = revision(second.get(f"/assessments/{rows[0].pk}/"))
    assert review(first, rows[0], mark="1", reason="先到的理由").status_code == 302
    response = second.post(
        f"/assessments/{rows[0].pk}/review/", {"revision": seen, "mark": "-2", "reason": "后到的理由"}
    )
    assert response.status_code == 409
    for text in ("先到的理由", "网格长甲", "后到的理由", "+1.0", 'value="-2"', "表单仍可提交"):
        assert text in response.text
    row = Assessment.objects.get(pk=rows[0].pk)
    assert (row.mark, row.mark_reason) == (100, "先到的理由")
    # looked at again it may be done
    again = {"revision": revision(response), "mark": "-2", "reason": "后到的理由"}
    assert second.post(f"/assessments/{rows[0].pk}/review/", again).status_code == 302
    assert Assessment.objects.get(pk=rows[0].pk).mark == -200
    assert audited(row) == ["assessment.review", "assessment.review"]


def test_review_that_does_not_say_what_it_saw_is_a_conflict(rows, sign_in):
    assert sign_in("grid_leader").post(f"/assessments/{rows[0].pk}/review/", {"mark": "1"}).status_code == 409


def test_nobody_reviews_his_own(world, rows, sign_in):
    Assessment.objects.filter(pk=rows[0].pk).update(worker=world.people["grid_leader"])
    client = sign_in("grid_leader")
    page = client.get(f"/assessments/{rows[0].pk}/")
    assert "这是你本人的考核" in page.text
    assert 'name="mark"' not in page.text
    seen = services.revision_of(Assessment.objects.get(pk=rows[0].pk))
    assert client.post(f"/assessments/{rows[0].pk}/review/", {"revision": seen}).status_code == 403
    batch = client.post("/assessments/confirm/", {"month": "2026-10", "row": [rows[0].pk, rows[1].pk], "sure": "1"})
    assert batch.status_code == 409
    assert "本人的考核由别人审核" in batch.text
    assert not Assessment.objects.exclude(state="computed").exists()


def test_panel_is_answered_alone_to_the_script_of_the_table(rows, sign_in):
    client, path = sign_in("grid_leader"), f"/assessments/{rows[0].pk}/"
    panel = client.get(path, headers={"X-Panel": "1"})
    assert panel.text.lstrip().startswith("<article")
    assert "default-src 'none'" in panel["Content-Security-Policy"]
    sent = {"revision": revision(panel), "mark": "9", "reason": "理由", "then": "next"}
    refused = client.post(f"{path}review/", sent, headers={"X-Panel": "1"})
    assert refused.status_code == 400
    assert refused.text.lstrip().startswith("<article")
    done = client.post(f"{path}review/", sent | {"mark": "1"}, headers={"X-Panel": "1"})
    assert (done.status_code, done["X-Next"]) == (204, f"/assessments/?month=2026-10&tab=computed&row={rows[1].pk}")


# --- several at once ----------------------------------------------------------------------------------------------


def test_batch_is_shown_before_it_is_done(rows, sign_in):
    client = sign_in("grid_leader")
    Assessment.objects.filter(pk=rows[1].pk).update(score=9120)
    given = {"month": "2026-10", "row": [rows[0].pk, rows[1].pk]}
    trial = client.post("/assessments/confirm/", given)
    assert trial.status_code == 200
    assert "将确认 2 个网格" in trial.text
    assert "得分 88.4–91.2" in trial.text
    assert not Assessment.objects.exclude(state="computed").exists()
    done = client.post("/assessments/confirm/", given | {"sure": "1"})
    assert done.url == "/assessments/?month=2026-10&tab=computed"
    assert list(Assessment.objects.order_by("pk").values_list("state", flat=True)) == [
        "reviewed", "reviewed", "computed",
    ]  # fmt: skip
    assert audited(rows[0]) == audited(rows[1]) == ["assessment.review"]


def test_batch_with_a_marked_row_does_nothing_and_says_which(world, rows, sign_in):
    services.review(assessment_id=rows[1].pk, by=world.people["grid_leader"], mark="1", reason="补")
    given = {"month": "2026-10", "row": [rows[0].pk, rows[1].pk], "sure": "1"}
    response = sign_in("grid_leader").post("/assessments/confirm/", given)
    assert response.status_code == 409
    assert [row.id for row in response.context["able"]] == [rows[0].pk]
    assert [row.id for row in response.context["refused"]] == [rows[1].pk]
    assert Assessment.objects.get(pk=rows[0].pk).state == "computed"


@pytest.mark.parametrize("given", [[], ["x"], ["9" * 30]])
def test_batch_of_nothing_says_so(rows, sign_in, given):
    response = sign_in("grid_leader").post("/assessments/confirm/", {"month": "2026-10", "row": given, "sure": "1"})
    assert response.status_code == 400
    assert "没有选中网格" in response.text
    assert sign_in("grid_leader").post("/assessments/confirm/", {"row": [rows[0].pk]}).status_code == 404


# --- reply, publication, correction -------------------------------------------------------------------------------


def test_worker_replies_once_and_the_leader_publishes(rows, sign_in):
    leader, worker, row = sign_in("grid_leader"), sign_in("grid_worker"), rows[0]
    assert "还没有你的考核" in worker.get("/assessments/mine/").text
    review(leader, row, mark="3.6", reason="封路属实")
    mine = worker.get("/assessments/mine/")
    for text in ("92.0", "封路属实", "看依据并答复", "不计打卡、在线时长和轨迹", "国办函"):
        assert text in mine.text
    too_early = leader.post(
        f"/assessments/{row.pk}/publish/", {"revision": revision(leader.get(f"/assessments/{row.pk}/"))}
    )
    assert too_early.status_code == 409
    assert "网格员尚未答复" in too_early.text
    assert worker.post(f"/assessments/{row.pk}/reply/", {"reply": "没看过"}).status_code == 409
    seen = revision(worker.get(f"/assessments/{row.pk}/"))
    empty = worker.post(f"/assessments/{row.pk}/reply/", {"revision": seen, "reply": " "})
    assert (empty.status_code, list(empty.context["errors"])) == (400, ["reply"])
    long = worker.post(f"/assessments/{row.pk}/reply/", {"revision": seen, "reply": "长" * 1001})
    assert long.status_code == 400
    assert "长" * 1001 in long.text
    assert worker.post(f"/assessments/{row.pk}/reply/", {"revision": seen, "reply": "没有意见"}).status_code == 302
    again = worker.post(f"/assessments/{row.pk}/reply/", {"revision": seen, "reply": "再说一句"})
    assert again.status_code == 409
    assert "再说一句" in again.text
    seen = revision(leader.get(f"/assessments/{row.pk}/"))
    assert leader.post(f"/assessments/{row.pk}/publish/", {"revision": seen}).status_code == 302
    assert audited(row) == ["assessment.review", "assessment.reply", "assessment.publish"]
    published = worker.get(f"/assessments/{row.pk}/")
    assert "已公布" in published.text
    assert "没有意见" in published.text
    assert Assessment.objects.get(pk=row.pk).final_score == 9200


def test_publication_of_what_another_leader_changed_meanwhile_is_a_conflict(world, rows, sign_in):
    row, leader = rows[0], sign_in("grid_leader")
    review(leader, row, then="stay")
    long_ago(row)
    seen = revision(leader.get(f"/assessments/{row.pk}/"))
    services.review(assessment_id=row.pk, by=world.people["grid_leader"], mark="-1", reason="补查")
    assert leader.post(f"/assessments/{row.pk}/publish/", {"revision": seen}).status_code == 409
    assert Assessment.objects.get(pk=row.pk).state == "reviewed"


def test_published_row_is_corrected_by_a_version_beside_the_old_one(rows, sign_in):
    row, leader, worker = rows[0], sign_in("grid_leader"), sign_in("grid_worker")
    review(leader, row, then="stay")
    long_ago(row)
    seen = revision(leader.get(f"/assessments/{row.pk}/"))
    leader.post(f"/assessments/{row.pk}/publish/", {"revision": seen})
    empty = leader.post(f"/assessments/{row.pk}/correct/", {"correction": ""})
    assert (empty.status_code, list(empty.context["errors"])) == (400, ["correction"])
    done = leader.post(f"/assessments/{row.pk}/correct/", {"correction": "免责一件"})
    newer = Assessment.objects.get(month__version=2)
    assert done.url == f"/assessments/{newer.pk}/"
    assert AuditEntry.objects.filter(action="assessment.correct", object_id=str(newer.month_id)).count() == 1
    assert "免责一件" in leader.get(f"/assessments/{newer.pk}/").text
    old = leader.get(f"/assessments/{row.pk}/")
    assert "已有更正第 2 版" in old.text
    assert "88.4" in old.text
    # not reviewed yet, the worker sees the old one alone
    assert worker.get(f"/assessments/{newer.pk}/").status_code == 404
    assert [card["row"].pk for card in worker.get("/assessments/mine/").context["cards"]] == [row.pk]
    second = leader.post(f"/assessments/{row.pk}/correct/", {"correction": "又一次"})
    assert second.status_code == 409
    review(leader, newer, then="stay")
    assert [card["row"].pk for card in worker.get("/assessments/mine/").context["cards"]] == [newer.pk]


# --- evidence -----------------------------------------------------------------------------------------------------


def test_evidence_is_the_case_as_it_was_and_leads_to_today(rows, sign_in):
    client, row = sign_in("grid_leader"), rows[0]
    number, seq = row.lines[0]["hits"][0]
    page = client.get(f"/assessments/{row.pk}/")
    assert f"/assessments/{row.pk}/evidence/{number}/{seq}/" in page.text
    assert f"/cases/{number}/" in page.text
    then = client.get(f"/assessments/{row.pk}/evidence/{number}/{seq}/")
    assert then.context["status_label"] == "待受理"  # it was accepted later
    assert [entry["label"] for entry in then.context["entries"]] == ["上报"]
    assert then.context["counted"] == [("有效上报率", True)]
    for wrong in (f"{number}/2", f"{number}/{10**17}", "620900999999999999/1"):
        assert client.get(f"/assessments/{row.pk}/evidence/{wrong}/").status_code == 404


def test_evidence_that_a_worker_may_not_see_any_more_is_counted_and_not_shown(world, rows, sign_in):
    secret = loop.report(
        body=world.body(category="0302"), by=world.actor("acceptor")
    ).number  # confidential: neither leader nor worker is named
    lines = rows[0].lines
    lines[0]["misses"].append([secret, 1])
    Assessment.objects.filter(pk=rows[0].pk).update(lines=lines)
    page = sign_in("grid_leader").get(f"/assessments/{rows[0].pk}/")
    assert "另有 1 件你现在无权查看：已不在你的辖区，或是保密案件。" in page.text
    assert "请问上级指挥中心" in page.text
    assert secret not in page.text
    assert sign_in("grid_leader").get(f"/assessments/{rows[0].pk}/evidence/{secret}/1/").status_code == 404
    services.review(assessment_id=rows[0].pk, by=world.people["grid_leader"])
    own = sign_in("grid_worker").get(f"/assessments/{rows[0].pk}/")
    assert "请问网格长，或写进答复" in own.text
    assert secret not in own.text


def test_scheme_says_weights_formula_and_source_of_every_version(rows, sign_in):
    items = [
        {"key": "valid_report_ratio", "weight": "70", "zero_at": "0.5", "full_at": "0.9"},
        {"key": "rework_ratio", "weight": "30", "zero_at": "0.2", "full_at": "0"},
    ]
    services.save_scheme(
        code="grid", name="月度考核", items=items, mark_cap="3", from_month=date(2026, 12, 1), at=KNOWN_AT
    )
    page = sign_in("grid_worker").get("/assessments/scheme/")
    assert [found["row"].version for found in page.context["schemes"]] == [2, 1]
    assert "比例 50% 及以下得 0 分，90% 及以上得 70 分" in page.text
    assert "比例 20% 及以上得 0 分，0% 及以下得 30 分" in page.text
    assert "100% 得 60 分，每少 1 个百分点少 0.6 分" in page.text
    assert "试用" in page.text


def test_bar_has_the_assessment_for_leaders_and_workers_alone(rows, sign_in):
    for login, shown in {"grid_leader": True, "grid_worker": True, "acceptor": False}.items():
        assert ('href="/assessments/"' in sign_in(login).get("/notices/").text) is shown


def test_leader_who_is_a_worker_too_finds_his_own_apart(world, sign_in):
    post(worker=world.workers["grid_leader"], role="grid_worker", area=world.areas[THIRD], starts_on=SINCE)
    row = assess(world, grids=[THIRD])[0]
    Assessment.objects.filter(pk=row.pk).update(
        worker=world.people["grid_leader"], state="reviewed", reviewed_at=KNOWN_AT,
        reviewed_by=world.people["grid_leader_b"],
    )  # fmt: skip
    client = sign_in("grid_leader")
    assert client.get(f"/assessments/?month={OCTOBER:%Y-%m}").context["rows"] == []
    assert [card["row"].pk for card in client.get("/assessments/mine/").context["cards"]] == [row.pk]
