"""The department's desk by hand: signed, photographed over a broken line, fed back; what is refused costs nothing."""

import re
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import Page, Route, expect

from dispatch.models import Appeal, Draft, Request
from gridgov.accounts.models import Session
from incidents.models import Attachment, Clock
from tests.dispatch.test_appeals import late_case
from tests.worlds import PASSWORD, World, sample_image

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def picture(tmp_path) -> str:
    path = tmp_path / "现场.jpg"
    path.write_bytes(sample_image(size=(640, 480)).read())
    return str(path)


def submit(page: Page):
    return page.locator("[data-submit]")


def said(page: Page, words: str):
    return page.get_by_role("status").filter(has_text=words)


def test_ticket_is_signed_photographed_over_a_break_and_fed_back(city: World, signed_in, picture):
    other, number = city.carry("dispatched"), city.carry("dispatched")
    page = signed_in("department_handler", intercepted=True)
    row = page.locator(f'.gg-drow[data-number="{number}"]')
    row.get_by_role("button", name="签收").click()
    expect(row).to_contain_text("签收：已完成")
    # it keeps its place in the list, and is worked beside it
    expect(page.locator(".gg-drow").nth(1)).to_have_attribute("data-number", number)
    expect(page.locator(".gg-drow").nth(0)).to_have_attribute("data-number", other)
    expect(submit(page)).to_have_text("还差 2 项：处置后照片 1 张、处置结果说明")
    tries: list[str] = []

    def breaks_once(route: Route) -> None:
        tries.append(route.request.method)
        if len(tries) == 1:
            route.abort("connectionfailed")
        else:
            route.continue_()

    page.route("**/api/v1/attachments/", breaks_once)
    page.get_by_label(re.compile("照片与附件（至少")).set_input_files(picture)
    file = page.locator(".gg-dfile")
    expect(file).to_contain_text("网络中断")
    file.get_by_role("button", name="重传").click()
    expect(file).to_contain_text("已上传")
    assert tries == ["POST", "POST"]
    expect(submit(page)).to_have_text("还差 1 项：处置结果说明")
    submit(page).press("Enter")
    expect(page.get_by_label("处置结果说明")).to_be_focused()  # the button leads to what is missing
    page.get_by_label("处置结果说明").fill("已清理完毕")
    submit(page).click()
    expect(said(page, "反馈：已完成")).to_be_visible()
    assert city.case(number).status == "handled"
    assert Attachment.objects.filter(incident__number=number).count() == 1
    assert not Draft.objects.exists()


def test_refused_upload_keeps_everything(city: World, signed_in, picture, tmp_path, settings):
    settings.ATTACHMENT_IMAGE_MB = 1
    number = city.carry("handling")
    page = signed_in("department_handler")
    page.goto(f"/inbox/{number}/")
    page.get_by_label("处置结果说明").fill("换了新井盖")
    wrong = {"大图.jpg": b"\xff\xd8\xff" + b"0" * 1_200_000, "说明.txt": b"text", "假图.jpg": b"no picture at all"}
    for name, content in wrong.items():
        (tmp_path / name).write_bytes(content)
    chooser = page.get_by_label(re.compile("照片与附件（至少"))
    chooser.set_input_files([str(tmp_path / name) for name in wrong])
    refused = page.locator('.gg-dfile[data-state="rejected"]')
    expect(refused).to_have_count(3)
    expect(refused.filter(has_text="大图.jpg")).to_contain_text("超过 1.0 MB")
    expect(refused.filter(has_text="说明.txt")).to_contain_text("只收照片、PDF 和 MP4")
    chooser.set_input_files(picture)
    expect(page.locator('.gg-dfile[data-state="done"]')).to_have_count(1)
    expect(page.get_by_label("处置结果说明")).to_have_value("换了新井盖")
    page.get_by_role("button", name="移除 大图.jpg").click()
    expect(refused).to_have_count(2)
    submit(page).click()
    expect(said(page, "反馈：已完成")).to_be_visible()
    assert [a.name for a in Attachment.objects.filter(incident__number=number)] == ["现场.jpg"]


def test_extension_is_asked_from_the_desk(city: World, signed_in):
    number = city.carry("handling")
    page = signed_in("department_handler")
    page.goto(f"/inbox/{number}/")
    page.locator(".gg-dbar").get_by_role("link", name="延期").click()
    form = page.locator("#act-extend")
    form.get_by_role("button", name="申请延期").click()
    expect(form.locator(".gg-field-error")).to_contain_text("请填写")
    form.locator("textarea").fill("井盖须定做")
    form.get_by_role("button", name="申请延期").click()
    expect(said(page, "已提交，等待审批")).to_be_visible()
    expect(page.locator("#act-extend")).to_contain_text("等候审批")
    assert Request.objects.get().reason == "井盖须定做"


def test_feedback_survives_an_expired_login(city: World, signed_in, picture):
    number = city.carry("handling")
    page = signed_in("department_handler")
    page.goto(f"/inbox/{number}/")
    page.get_by_label(re.compile("照片与附件（至少")).set_input_files(picture)
    expect(page.locator(".gg-dfile")).to_contain_text("已上传")
    expect(page.locator("[data-draft-said]")).to_contain_text("草稿已保存")
    Session.objects.all().delete()
    page.get_by_label("处置结果说明").fill("已清理完毕")
    expect(page.locator("[data-draft-said]")).to_contain_text("登录已过期")
    page.reload()
    page.get_by_label("账号").fill("department_handler")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_label("处置结果说明")).to_have_value("已清理完毕")
    expect(page.locator('.gg-dfile[data-state="done"]')).to_have_count(1)
    submit(page).click()
    expect(said(page, "反馈：已完成")).to_be_visible()
    assert city.case(number).status == "handled"


def test_appeal_goes_through_both_who_decide(city: World, signed_in):
    case = late_case(city)
    # the sessions, too, are of the days of the case
    with time_machine.travel(case.at + timedelta(minutes=5)):
        department = signed_in("department_handler")
        department.goto("/appeals/")
        department.get_by_role("region", name="可以申诉的工单").get_by_role("link").click()
        department.get_by_label("申诉理由").fill("道路封闭，无法进场")
        department.get_by_role("button", name="提交申诉").click()
        expect(said(department, "申诉已提交")).to_be_visible()
        for login, button, state in (("dispatcher", "同意，转审定", "forwarded"), ("acceptor", "同意免责", "granted")):
            decider = signed_in(login)
            decider.goto("/appeals/")
            decider.get_by_role("link", name=re.compile("暴露垃圾")).click()
            expect(decider.get_by_text("道路封闭，无法进场").first).to_be_visible()
            expect(decider.get_by_role("region", name="申诉的超时").get_by_text("处置", exact=True)).to_be_visible()
            decider.get_by_role("button", name=button).click()
            expect(said(decider, "已处理")).to_be_visible()
            assert Appeal.objects.get().state == state
        department.reload()
        expect(department.get_by_text("已免责").first).to_be_visible()
        assert Clock.objects.get(incident__number=case.number, kind="handle").is_exempt
