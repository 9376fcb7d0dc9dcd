"""A month in Chromium: reviewed on a phone and at a desk, replied to on a phone, published, and seen."""

import re

import pytest
from playwright.sync_api import Page, expect

from gridgov.common.models import AuditEntry
from personnel.assessment_models import Assessment
from tests.reporting.assessed import FIRST, SECOND, THIRD, assess, lead_street
from tests.worlds import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def rows(city: World) -> list[Assessment]:
    """October of a leader's street: three grids with cases."""
    lead_street(city)
    return assess(city, grids=[FIRST, SECOND, THIRD])


def follow_evidence(page: Page, row: Assessment) -> None:
    """One tap opens the cases, the next the case as it was, the next as it is; and back."""
    number = row.lines[0]["hits"][0][0]
    page.locator("details[data-key=valid_report_ratio] summary").click()
    page.get_by_role("link", name=number).and_(page.locator(".gg-acase")).click()
    expect(page.get_by_text("这是计入考核时的案件")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("待受理")
    page.get_by_role("link", name="看它现在的情况").click()
    expect(page).to_have_url(page.url.split("/cases/")[0] + f"/cases/{number}/")
    expect(page.get_by_text("待立案").first).to_be_visible()
    page.go_back()
    page.go_back()


def test_month_is_reviewed_replied_to_published_and_seen(city: World, rows, signed_in):
    first, second, third = rows

    # on a phone: today leads to what waits; one is marked, the evidence opened on the way
    phone = signed_in("grid_leader", width=390)
    expect(phone).to_have_url(f"{phone.url.split('/today/')[0]}/today/")
    phone.get_by_role("link", name="10 月考核待审核").click()
    phone.get_by_role("link", name="网格员甲", exact=True).click()
    follow_evidence(phone, first)
    confirm = phone.get_by_role("button", name="确认并下一位")
    expect(confirm).to_be_in_viewport()  # the bar is at the thumb wherever the page stands
    assert confirm.bounding_box()["height"] >= 44
    mark = phone.get_by_label("加减分", exact=False).and_(phone.locator("[data-mark]"))
    mark.fill("9")
    expect(phone.locator("[data-sum]")).to_have_text("加减分须在 ±5 以内")
    confirm.click()
    expect(phone.locator("#mark-error")).to_have_text("加减分须在±5分以内")
    expect(mark).to_have_value("9")
    mark.fill("+3.6")
    expect(phone.locator("[data-sum]")).to_have_text("88.4 + 3.6 = 92.0")
    phone.get_by_role("textbox", name=re.compile("^理由")).fill("封路属实，三件由社区代办")
    confirm.click()
    expect(phone.get_by_role("status").filter(has_text="网格员甲：已确认，得分 92.0")).to_be_visible()
    expect(phone.get_by_role("heading", level=1)).to_have_text("网格员甲二")

    # at a desk: the others in a batch, with what it would do said before
    desk = signed_in("grid_leader")
    desk.goto("/assessments/?month=2026-10")
    sentence = desk.locator("[data-sentence]")
    expect(desk.get_by_role("button", name="批量确认")).to_be_disabled()
    desk.get_by_label("全选可批量确认的").check()
    expect(sentence).to_have_text("将确认 2 个网格，得分 88.4–88.4；都没有答复和加减分。")
    desk.get_by_role("button", name="批量确认 2").click()
    expect(desk.get_by_role("status").filter(has_text="已确认 2 个网格")).to_be_visible()
    states = list(Assessment.objects.order_by("pk").values_list("state", "mark"))
    assert states == [("reviewed", 360), ("reviewed", 0), ("reviewed", 0)]

    # the worker replies on a phone
    worker = signed_in("grid_worker", width=390)
    worker.get_by_role("link", name="考核", exact=True).click()
    expect(worker.get_by_text("封路属实，三件由社区代办")).to_be_visible()
    expect(worker.get_by_text("不计打卡、在线时长和轨迹")).to_be_visible()
    worker.get_by_role("link", name="看依据并答复").click()
    follow_evidence(worker, first)
    worker.get_by_label("你的答复").fill("没有意见")
    worker.get_by_role("button", name="提交答复").click()
    expect(worker.get_by_role("status").filter(has_text="答复已交给网格长")).to_be_visible()

    # the leader publishes it from the panel beside the table; what has no reply yet cannot be
    desk.goto("/assessments/?month=2026-10&tab=reviewed")
    expect(desk.get_by_role("button", name="公布")).to_be_disabled()
    desk.get_by_role("link", name="有答复 1").click()
    panel = desk.get_by_role("complementary", name="选中的考核")
    expect(panel.get_by_text("没有意见")).to_be_visible()
    panel.get_by_role("button", name="公布 92.0").click()
    expect(desk.get_by_role("status").filter(has_text="已公布，得分 92.0")).to_be_visible()

    # and the worker sees it
    worker.goto("/assessments/mine/")
    card = worker.get_by_role("article")
    expect(card).to_contain_text("已公布")
    expect(card).to_contain_text("92.0")
    assert Assessment.objects.get(pk=first.pk).final_score == 9200
    audited = AuditEntry.objects.filter(object_type="personnel.Assessment").order_by("id")
    assert list(audited.values_list("action", "object_id", "actor__username")) == [
        ("assessment.review", str(first.pk), "grid_leader"),
        ("assessment.review", str(second.pk), "grid_leader"),
        ("assessment.review", str(third.pk), "grid_leader"),
        ("assessment.reply", str(first.pk), "grid_worker"),
        ("assessment.publish", str(first.pk), "grid_leader"),
    ]


def test_table_is_worked_by_keys_and_keeps_what_was_typed(city: World, rows, signed_in):
    page = signed_in("grid_leader")
    page.goto("/assessments/?month=2026-10")
    panel = page.get_by_role("complementary", name="选中的考核")
    expect(panel.get_by_role("link", name="网格员甲", exact=True)).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-sentence]")).to_contain_text("将确认 1 个网格")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("link", name="网格员甲二", exact=True)).to_be_visible()
    expect(page).to_have_url(f"{page.url.split('?')[0]}?month=2026-10&row={rows[1].pk}")
    panel.locator("[data-mark]").fill("2")
    panel.get_by_role("textbox", name=re.compile("^理由")).fill("jk")  # letters in a field are letters
    panel.get_by_role("textbox", name=re.compile("^理由")).fill("")
    panel.get_by_role("button", name="确认并下一位").click()
    expect(panel.locator("#reason-error")).to_have_text("有加减分时须写理由")
    # clear of the bar at the foot
    said, bar = panel.locator("#reason-error").bounding_box(), panel.locator(".gg-abar").bounding_box()
    assert 0 < said["y"] < said["y"] + said["height"] <= bar["y"]
    expect(panel.locator("[data-mark]")).to_have_value("2")
    expect(panel.get_by_role("textbox", name=re.compile("^理由"))).to_be_focused()
    panel.get_by_role("textbox", name=re.compile("^理由")).fill("代班")
    panel.get_by_role("button", name="确认并下一位").click()
    expect(page.get_by_role("status").filter(has_text="已确认，得分 90.4")).to_be_visible()
    expect(page).to_have_url(f"{page.url.split('?')[0]}?month=2026-10&tab=computed&row={rows[2].pk}")


def test_month_is_worked_without_javascript(city: World, rows, signed_in):
    page = signed_in("grid_leader", java_script_enabled=False)
    page.goto("/assessments/?month=2026-10")
    page.get_by_label("选中 网格员甲 甲一西").check()
    page.get_by_role("button", name="批量确认").click()
    expect(page.get_by_text("将确认 1 个网格")).to_be_visible()
    assert Assessment.objects.get(pk=rows[0].pk).state == "computed"
    page.get_by_role("button", name="确认 1 个网格").click()
    expect(page.get_by_role("status").filter(has_text="已确认 1 个网格")).to_be_visible()
    panel = page.get_by_role("complementary", name="选中的考核")
    panel.get_by_label("加减分", exact=False).and_(page.locator("[data-mark]")).fill("-1")
    panel.get_by_role("button", name="只确认").click()
    expect(page.locator("#reason-error")).to_be_visible()
    page.get_by_role("textbox", name=re.compile("^理由")).fill("漏查一处")
    page.get_by_role("button", name="只确认").click()
    expect(page.get_by_role("status").filter(has_text="得分 87.4")).to_be_visible()
