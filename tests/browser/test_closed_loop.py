"""A case goes through all seven stages by hand in Chromium, a different person at each step."""

import re

import pytest
from playwright.sync_api import Page, expect

from incidents import journal
from incidents.models import Attachment, Clock
from tests.worlds import World, sample_image

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def picture(tmp_path) -> str:
    path = tmp_path / "现场.jpg"
    path.write_bytes(sample_image(size=(640, 480)).read())
    return str(path)


def open_from_queue(page: Page, desk: str, number: str) -> None:
    """The case is opened from the desk's queue, where it must stand."""
    page.goto(f"/queue/{desk}/")
    row = page.get_by_role("listitem").filter(has_text=number)
    expect(row).to_be_visible()
    row.get_by_role("link").click()
    expect(page.get_by_text(number).first).to_be_visible()


def do(page: Page, action: str, label: str) -> None:
    """The form of the action is sent, and the page says that it is done."""
    page.locator(f"#act-{action} form").get_by_role("button", name=label, exact=True).click()
    expect(page.get_by_role("status").filter(has_text="已完成")).to_be_visible()


def test_closed_loop_by_hand(city: World, signed_in, picture):
    lon, lat = city.point()

    worker = signed_in("grid_worker", width=390)
    worker.get_by_role("link", name="上报").first.click()
    worker.get_by_label("搜索类别").fill("bllj")
    worker.get_by_role("option", name="暴露垃圾 市容环境").click()
    expect(worker.locator("select[name=category]")).to_have_value("0201")
    worker.get_by_label("照片").set_input_files(picture)
    worker.get_by_label("情况描述").fill("路边堆放垃圾")
    worker.get_by_label("经度").fill(str(lon))
    worker.get_by_label("纬度").fill(str(lat))
    worker.get_by_role("button", name="上报", exact=True).click()
    number = worker.locator(".gg-number").inner_text()
    assert re.fullmatch(r"[0-9]{16,20}", number)

    acceptor = signed_in("acceptor")
    open_from_queue(acceptor, "accept", number)
    do(acceptor, "accept", "受理")

    chief = signed_in("duty_chief")
    open_from_queue(chief, "file", number)
    chief.locator("#act-file").get_by_label(re.compile("暴露垃圾面积1平方米以上")).check()
    do(chief, "file", "立案")

    dispatcher = signed_in("dispatcher")
    open_from_queue(dispatcher, "dispatch", number)
    dispatcher.locator("#act-dispatch").get_by_label("主办").select_option(label="城市管理局／市政设施科")
    do(dispatcher, "dispatch", "派遣")

    handler = signed_in("department_handler", width=390)
    card = handler.get_by_role("article").filter(has_text=number)
    card.get_by_role("button", name="签收").click()
    expect(handler.get_by_role("status").filter(has_text="签收：已完成")).to_be_visible()
    handler.get_by_role("article").filter(has_text=number).get_by_role("link", name="办理").click()
    handler.get_by_label("处置结果说明").fill("已清理完毕")
    handler.get_by_label(re.compile("照片与附件（至少")).set_input_files(picture)
    expect(handler.locator(".gg-dfile")).to_contain_text("已上传")
    handler.get_by_role("button", name="提交反馈").click()
    expect(handler.get_by_role("status").filter(has_text="反馈：已完成")).to_be_visible()

    second = signed_in("acceptor_2")
    open_from_queue(second, "accept", number)
    second.locator("#act-request_verification").get_by_label("核查人").select_option(label="核查甲")
    do(second, "request_verification", "发核查")

    verifier = signed_in("verifier")
    open_from_queue(verifier, "verify", number)
    passing = verifier.locator("#act-pass")
    passing.get_by_label("说明").fill("现场已恢复")
    passing.get_by_label(re.compile("照片与附件")).set_input_files(picture)
    passing.get_by_role("button", name="核查通过", exact=True).click()
    expect(verifier.get_by_role("status").filter(has_text="核查通过：已完成")).to_be_visible()

    closer = signed_in("duty_chief_2")
    open_from_queue(closer, "file", number)
    do(closer, "close", "结案")
    expect(closer.locator(".gg-rail .gg-done")).to_have_count(6)
    expect(closer.locator(".gg-journal li")).to_have_count(9)
    expect(closer.locator(".gg-photo img")).to_have_count(3)

    case = city.case(number)
    assert case.status == "closed"
    assert Attachment.objects.filter(incident=case).count() == 3
    assert not Clock.objects.filter(incident=case, state__in=Clock.LIVE).exists()
    assert journal.verify(number=number).is_whole


def test_second_person_is_told_who_was_first_and_keeps_the_words(city: World, signed_in):
    number = city.report()
    first, second = signed_in("acceptor"), signed_in("acceptor_2")
    for page in (first, second):
        page.goto(f"/cases/{number}/")
    second.locator("#act-reject > summary").click()
    second.locator("#act-reject").get_by_label("说明").fill("地点不清，打不通电话")
    second.locator("#act-reject").get_by_label("原因").select_option(label="信息不全且无法联系上报人")
    do(first, "accept", "受理")
    second.locator("#act-reject form").get_by_role("button").click()
    told = second.get_by_role("alert")
    expect(told).to_contain_text("受理甲先办了「受理」")
    expect(told).to_contain_text("地点不清，打不通电话")
    assert city.case(number).status == "accepted"


def test_forms_work_without_javascript(city: World, signed_in):
    number = city.report()
    page = signed_in("acceptor", java_script_enabled=False)
    open_from_queue(page, "accept", number)
    page.locator("#act-reject > summary").click()
    page.locator("#act-reject form").get_by_role("button").click()
    expect(page.locator("#reject-reason_error")).to_have_text("请填写原因")
    page.locator("#act-accept > summary").click()
    do(page, "accept", "受理")
    assert city.case(number).status == "accepted"


def test_worker_reports_where_the_browser_says_he_is(city: World, signed_in):
    lon, lat = city.point()
    page = signed_in(
        "grid_worker", width=390, geolocation={"longitude": lon, "latitude": lat, "accuracy": 12},
        permissions=["geolocation"],
    )  # fmt: skip
    page.goto("/report/")
    page.get_by_role("button", name="用本机定位").click()
    expect(page.get_by_text("已定位，误差约 12 米")).to_be_visible()
    expect(page.get_by_text("甲区甲一街道甲一西社区甲一西第1网格")).to_be_visible()
    page.get_by_label("搜索类别").fill("路灯")
    page.get_by_role("option", name="路灯 公用设施").click()
    page.get_by_role("button", name="上报", exact=True).click()
    case = city.case(page.locator(".gg-number").inner_text())
    assert (case.grid.code, case.accuracy_m, case.category.code) == ("620901001001001", 12, "0102")
