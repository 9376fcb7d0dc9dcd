"""A new case at the hotline desk: by words of an address, by a click on the map, by keyboard; nothing typed is lost."""

import re

import pytest
from playwright.sync_api import Page, expect

from dispatch.models import Draft
from gridgov.accounts.models import Session
from incidents.models import Incident
from tests.browser.components import click_a_component, make_lamp
from tests.worlds import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(city: World, signed_in):
    """The acceptor's empty form."""

    def opened(**options) -> Page:
        page = signed_in("acceptor", **options)
        page.goto("/report/")
        return page

    return opened


def save(page: Page) -> str:
    page.get_by_role("button", name=re.compile("^上报")).click()
    return page.locator(".gg-number").inner_text()


def test_case_is_taken_by_keyboard_with_initials_and_an_address(city: World, desk):
    make_lamp(city)
    page = desk()
    expect(page.get_by_label("电话")).to_be_focused()
    page.keyboard.type("13893122716")
    page.get_by_label("类别").focus()
    page.keyboard.type("ld")
    expect(page.get_by_role("option", name=re.compile("路灯"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("select[name=category]")).to_have_value("0102")
    expect(page.locator("[data-deadlines]")).to_contain_text("自收到上报")
    page.get_by_label("地点").focus()
    page.keyboard.type("中路 302")
    expect(page.get_by_role("option", name=re.compile("西固中路 302 号"))).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("[data-place-words]")).to_contain_text("甲一西第1网格")
    page.keyboard.press("Control+Enter")
    case = city.case(page.locator(".gg-number").inner_text())
    assert (case.component.code, case.grid.code, case.address) == (
        "6209010102000001", "620901001001001", "西固中路 302 号",
    )  # fmt: skip
    assert case.reporter.phone == "13893122716"
    expect(page.get_by_text("下一步：受理")).to_be_visible()
    assert not Draft.objects.exists()


def test_click_on_the_map_shows_the_same_case_and_the_report_joins_it(city: World, desk):
    first = city.report(address="福利西路 128 号", reporter_name="李先生", reporter_phone="13893122700")
    place = city.case(first)
    page = desk()
    page.get_by_label("类别").fill("暴露")
    page.get_by_role("option", name=re.compile("暴露垃圾")).click()
    shape = page.locator(".gg-area").first
    expect(shape).to_be_visible()
    box = page.locator("[data-map]").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2 - 20, box["y"] + box["height"] / 2)
    expect(page.locator("[name=lon]")).not_to_have_value("")
    assert float(page.locator("[name=lon]").input_value()) == pytest.approx(103.61, abs=0.02)
    # then exactly where the first one lies, as one reads it out
    page.get_by_text("部件码、坐标、发生时间").click()
    page.get_by_label("经度").fill(str(place.lon))
    page.get_by_label("纬度").fill(str(place.lat))
    found = page.locator("[data-alike] li")
    expect(found).to_contain_text(first)
    found.get_by_role("button", name=re.compile("是同一件")).click()
    expect(page.locator("[data-same]")).to_contain_text(first)
    page.get_by_label("电话").fill("13893122716")
    number = save(page)
    expect(page.get_by_role("status").filter(has_text=f"已并入案件 {first}")).to_be_visible()
    merged = city.case(number)
    assert (merged.status, merged.parent) == ("merged", place)
    assert merged.reporter.phone == "13893122716"


def test_component_clicked_on_the_map_is_the_one_reported(city: World, desk):
    lon, lat = make_lamp(city)
    page = desk()
    page.get_by_label("类别").fill("路灯")
    page.get_by_role("option", name=re.compile("路灯")).first.click()
    expect(page.locator(".gg-area").first).to_be_visible()
    page.locator(".gg-map-more summary").click()
    page.get_by_label("部件", exact=True).check()
    page.keyboard.press("Escape")
    click_a_component(page)
    said = page.locator("[data-component-words]")
    expect(said).to_have_text("已选部件：路灯 6209010102000001")
    expect(page.locator(".gg-map-card")).to_have_count(0)
    assert page.locator("[name=component]").input_value() == "6209010102000001"
    expect(page.get_by_label("地点")).to_have_value("西固中路 302 号")
    expect(page.locator("[data-place-words]")).to_contain_text("甲一西第1网格")
    expect(page.locator("[data-deadlines]")).to_contain_text("自收到上报")
    # another point is no longer that component, its code typed is it again
    box = page.locator("[data-map]").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2 - 60, box["y"] + box["height"] / 2 + 40)
    expect(said).to_have_text("")
    expect(page.locator("[name=component]")).to_have_value("")
    page.get_by_text("部件码、坐标、发生时间").click()
    page.get_by_label("部件码").fill("6209010102000001")
    page.get_by_label("部件码").press("Tab")
    expect(said).to_have_text("已选部件：路灯 6209010102000001")
    page.get_by_label("电话").fill("13893122716")
    case = city.case(save(page))
    assert (case.component.code, case.grid.code) == ("6209010102000001", "620901001001001")
    assert (case.lon, case.lat) == pytest.approx((lon, lat), abs=1e-5)


def test_draft_survives_a_deleted_session(city: World, desk):
    lon, lat = city.point()
    page = desk()
    page.get_by_label("情况描述").fill("路边堆放垃圾")
    page.get_by_label("类别").fill("暴露")
    page.get_by_role("option", name=re.compile("暴露垃圾")).click()
    expect(page.locator("[data-draft-said]")).to_contain_text("草稿已保存")
    page.reload()
    expect(page.get_by_label("情况描述")).to_have_value("路边堆放垃圾")
    expect(page.get_by_label("类别")).to_have_value("暴露垃圾")
    page.get_by_text("部件码、坐标、发生时间").click()
    page.get_by_label("经度").fill(str(lon))
    page.get_by_label("纬度").fill(str(lat))
    Session.objects.all().delete()
    page.get_by_label("称呼").fill("王女士")
    page.get_by_role("button", name=re.compile("^上报")).click()
    expect(page.get_by_role("status").filter(has_text="登录已过期，填写的内容已保留")).to_be_visible()
    assert not Incident.objects.exists()
    page.locator(".gg-toast").get_by_role("button", name="登录").click()
    page.get_by_label("账号").fill("acceptor")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_label("称呼")).to_have_value("王女士")
    case = city.case(save(page))
    assert (case.description, case.category.code, case.grid.code) == ("路边堆放垃圾", "0201", "620901001001001")


def test_what_is_wrong_is_said_and_everything_stays(city: World, desk):
    page = desk()
    page.get_by_label("情况描述").fill("没有选类别")
    page.get_by_role("button", name=re.compile("^上报")).click()
    expect(page.get_by_role("alert")).to_contain_text("填写的内容都还在")
    expect(page.locator(".gg-field-error")).to_contain_text("请选择类别")
    expect(page.get_by_label("情况描述")).to_have_value("没有选类别")
    assert not Incident.objects.exists()


def test_form_works_without_javascript(city: World, desk):
    lon, lat = city.point()
    page = desk(java_script_enabled=False)
    page.get_by_label("类别").select_option("0201")
    page.get_by_text("部件码、坐标、发生时间").click()
    page.get_by_label("经度").fill(str(lon))
    page.get_by_label("纬度").fill(str(lat))
    assert city.case(save(page)).status == "reported"
