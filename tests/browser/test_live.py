"""What others do arrives on an open page by itself, and nothing moves under the hand."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.serving import Site, serving
from tests.worlds import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def address(site: Site) -> str:
    return site.url


def lamp(page: Page):
    return page.locator(".gg-lamp")


def slot(page: Page):
    return page.locator(".gg-slot-new")


def row(page: Page, number: str):
    return page.locator(f'[data-number="{number}"]')


@pytest.fixture
def queue_of(signed_in):
    """Somebody's open queue, live."""

    def opened(login: str, desk: str = "accept", **options) -> Page:
        page = signed_in(login, **options)
        page.goto(f"/queue/{desk}/")
        expect(lamp(page)).to_have_text("实时")
        return page

    return opened


def test_report_of_one_waits_on_the_open_queue_of_another(city: World, signed_in, queue_of):
    shown = city.report()
    operator = queue_of("acceptor")
    worker = signed_in("grid_worker", width=390)
    lon, lat = city.point()
    worker.goto("/report/")
    worker.get_by_label("搜索类别").fill("路灯")
    worker.get_by_role("option", name="路灯 公用设施").click()
    worker.get_by_label("经度").fill(str(lon))
    worker.get_by_label("纬度").fill(str(lat))
    worker.get_by_role("button", name="上报", exact=True).click()
    number = worker.locator(".gg-number").inner_text()

    expect(slot(operator)).to_contain_text("有 1 件新案件")
    expect(row(operator, number)).to_have_count(0)  # nothing moved
    expect(operator.locator("[data-live-counts] b").first).to_have_text("2")
    operator.keyboard.press("u")
    expect(row(operator, number)).to_be_visible()
    expect(row(operator, shown)).to_be_visible()
    expect(slot(operator)).to_be_hidden()
    expect(row(operator, number).get_by_role("link")).to_be_focused()


def test_new_case_of_another_district_does_not_show(city: World, queue_of):
    page = queue_of("acceptor")
    city.report(by="acceptor_b", grid="620902001001001")
    number = city.report()
    slot(page).click()
    expect(page.locator("[data-number]")).to_have_count(1)
    expect(row(page, number)).to_be_visible()


def test_letter_in_a_field_brings_nothing_in(city: World, queue_of):
    page = queue_of("acceptor")
    city.report()
    expect(slot(page)).to_be_visible()
    page.get_by_role("search").get_by_role("searchbox").press("u")
    expect(slot(page)).to_be_visible()
    expect(page.locator("[data-number]")).to_have_count(0)


def test_row_that_somebody_else_took_says_who_and_stays(city: World, queue_of):
    number, other = city.report(), city.report()
    page = queue_of("acceptor")
    city.perform(number, "accept", "acceptor_2")
    expect(row(page, number)).to_contain_text("已由 受理甲二 受理")
    expect(row(page, number)).to_have_class(re.compile("gg-left"))
    expect(row(page, other)).not_to_have_class(re.compile("gg-left"))
    expect(page.locator("[data-live-counts] b").first).to_have_text("1")


def test_changed_row_is_renewed_when_the_hand_has_left_it(city: World, queue_of):
    number = city.report()
    page = queue_of("supervisor", "supervise")
    row(page, number).hover()
    city.perform(number, "accept", "acceptor")
    expect(row(page, number)).to_contain_text("状态已变")
    expect(row(page, number).locator(".gg-qstatus .gg-badge").first).to_have_text("待受理")
    page.mouse.move(5, 5)
    expect(row(page, number).locator(".gg-qstatus .gg-badge").first).to_have_text("待立案")


def test_cut_stream_says_so_and_catches_up(city: World, queue_of):
    page = queue_of("acceptor")
    page.context.set_offline(True)
    expect(lamp(page)).to_contain_text(re.compile(r"已断开（数据截至 \d\d:\d\d:\d\d）"))
    expect(page.locator("[data-live-said]")).to_contain_text("已断开")
    city.report()
    city.report()
    page.context.set_offline(False)
    expect(lamp(page)).to_have_text("实时")
    expect(slot(page)).to_contain_text("有 2 件新案件")


def test_stream_dropped_by_the_server_comes_back(city: World, site: Site, queue_of):
    page = queue_of("acceptor")
    (stream,) = site.live.hub.listeners()
    site.live._call(stream.end)
    number = city.report()
    expect(slot(page)).to_contain_text("有 1 件新案件")
    expect(lamp(page)).to_have_text("实时")
    slot(page).click()
    expect(row(page, number)).to_be_visible()


def test_gap_fetches_everything(city: World, site: Site, queue_of):
    page = queue_of("acceptor")
    (stream,) = site.live.hub.listeners()
    site.live.hub.leave(stream)  # hears nothing from here on
    city.report()
    city.report()
    site.live._call(lambda: stream.offer([b"event: gap\nid: 0-0-0\ndata: {}\n\n"]))
    expect(slot(page)).to_contain_text("有 2 件新案件")


def test_tabs_of_a_browser_share_one_stream_and_hand_it_on(city: World, site: Site, queue_of):
    first = queue_of("acceptor")
    second = first.context.new_page()
    second.goto("/queue/accept/")
    expect(lamp(second)).to_have_text("实时")
    assert len(site.live.hub) == 1
    city.report()
    expect(slot(first)).to_be_visible()
    expect(slot(second)).to_be_visible()
    first.close()
    city.report()
    expect(slot(second)).to_contain_text("有 2 件新案件")
    expect(lamp(second)).to_have_text("实时")


def test_untouched_case_page_renews_itself(city: World, signed_in):
    number = city.report()
    page = signed_in("acceptor")
    page.goto(f"/cases/{number}/")
    expect(lamp(page)).to_have_text("实时")
    city.perform(number, "accept", "acceptor_2")
    expect(page.locator(".gg-journal li")).to_have_count(2)
    expect(page.locator(".gg-journal")).to_contain_text("受理甲二")
    expect(page.locator("[data-live-moved]")).to_be_hidden()


def test_touched_case_page_only_offers_to_load_again(city: World, signed_in):
    number = city.report()
    page = signed_in("acceptor")
    page.goto(f"/cases/{number}/")
    expect(lamp(page)).to_have_text("实时")
    page.locator("#act-reject > summary").click()
    page.locator("#act-reject").get_by_label("说明").fill("地点不清")
    city.perform(number, "accept", "acceptor_2")
    expect(page.locator("[data-live-moved]")).to_contain_text("此案件已有新进展")
    expect(page.locator("#act-reject").get_by_label("说明")).to_have_value("地点不清")
    page.locator("[data-live-moved]").get_by_role("link", name="刷新").click()
    expect(page.locator(".gg-journal li")).to_have_count(2)


def test_ticket_and_notice_arrive_at_the_department(city: World, signed_in):
    page = signed_in("department_handler", width=390)
    page.goto("/inbox/")
    expect(lamp(page)).to_contain_text("实时")
    number = city.carry("dispatched")
    expect(slot(page)).to_contain_text("有 1 件新案件")
    slot(page).click()
    expect(row(page, number)).to_be_visible()


def test_logout_in_another_window_ends_the_stream(city: World, signed_in, queue_of):
    page = queue_of("acceptor")
    other = page.context.new_page()
    other.goto("/queue/accept/")
    other.get_by_role("button", name="退出登录").click()
    expect(other.get_by_label("账号")).to_be_visible()
    expect(lamp(page)).to_contain_text("登录已失效", timeout=40_000)


class TestWithoutStreams:
    """Where streams cannot pass, the page asks."""

    @pytest.fixture
    def site(self, transactional_db):
        with serving(most=0) as running:
            yield running

    def test_page_asks_from_time_to_time(self, city: World, signed_in):
        page = signed_in("acceptor")
        page.goto("/queue/accept/")
        expect(lamp(page)).to_have_text("定时更新")
        city.report()
        expect(slot(page)).to_contain_text("有 1 件新案件", timeout=40_000)


def test_queue_without_javascript_is_as_before(city: World, signed_in):
    number = city.report()
    page = signed_in("acceptor", java_script_enabled=False)
    page.goto("/queue/accept/")
    expect(row(page, number)).to_be_visible()
    expect(lamp(page)).to_be_hidden()
    expect(page.locator("[data-live-slot]")).to_be_hidden()


def test_live_parts_never_scroll_sideways(city: World, queue_of):
    city.report()
    page = queue_of("acceptor")
    city.report()
    expect(slot(page)).to_be_visible()
    for width in (1440, 1024, 720, 390):
        page.set_viewport_size({"width": width, "height": 844})
        extra = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert extra == 0, width
