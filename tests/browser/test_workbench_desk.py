"""The workbench keeps its word: steps for the picked rows, what can be taken back, what a filter leaves."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from dispatch import claims
from gridgov.common import clock
from incidents.models import Incident
from tests.serving import Site
from tests.worlds import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def address(site: Site) -> str:
    return site.url


class TestPicked:
    def pick(self, desk) -> None:
        desk.press("b")
        desk.page.get_by_role("button", name="全选本页").click()

    def test_letter_starts_the_step_for_all_and_each_row_says_its_level(self, city: World, desk_of):
        first, second = city.report(), city.report()
        city.perform(second, "supervise", "supervisor", note="请说明", level=2)
        desk = desk_of("supervisor", "supervise")
        desk.shows(first)
        self.pick(desk)
        desk.press("s")
        dialog = desk.page.locator("[data-bulk-dialog]")
        expect(dialog).to_be_visible()
        expect(desk.form("supervise")).to_be_hidden()
        expect(dialog).to_contain_text("写好说明或理由后逐件试算。")
        expect(dialog).not_to_contain_text("请填写")
        rows = dialog.locator("tbody tr")
        expect(rows.first).to_contain_text(desk.row(first).locator(".gg-qtitle").inner_text())
        expect(dialog.get_by_label("期限")).to_be_visible()
        dialog.get_by_label("说明或理由").fill("请尽快")
        expect(rows.first).to_contain_text("督办 0 级 → 1 级")
        expect(rows.last).to_contain_text("督办 2 级 → 3 级")
        dialog.get_by_label("督办级别").select_option("1")
        expect(rows.last).to_contain_text("本案现为督办2级，级别不能降低")
        dialog.get_by_role("button", name="办理 1 件").click()
        expect(dialog).to_contain_text("已办 1 件，1 件未办。")
        desk.press("Escape")
        expect(desk.page.locator("[data-bulk-count]")).to_have_text("已选 1 件")  # what was refused
        desk.press("s")
        dialog.get_by_label("说明或理由").fill("请尽快办")
        dialog.get_by_role("button", name="办理 1 件").click()
        expect(dialog).to_contain_text("已办 1 件，0 件未办。")
        desk.press("Escape")
        expect(desk.page.locator("[data-bulk-bar]")).to_be_hidden()  # nothing is left to pick for
        assert [city.case(number).supervision_level for number in (first, second)] == [1, 3]

    def test_letter_of_no_step_for_many_says_so_and_opens_nothing(self, city: World, desk_of):
        number = city.report()
        desk = desk_of("acceptor")
        desk.shows(number)
        self.pick(desk)
        desk.press("x")
        expect(desk.toast).to_contain_text("选中的案件没有“X”键的批量步骤。")
        expect(desk.form("reject")).to_be_hidden()


def test_z_says_that_a_step_cannot_be_taken_back(city: World, desk_of):
    number, other = city.report(), city.report()
    desk = desk_of("acceptor")
    desk.shows(number)
    desk.press("a")
    expect(desk.toast).to_contain_text("受理：已完成")
    expect(desk.toast.get_by_role("button")).to_have_count(0)
    desk.shows(other)
    desk.press("z")
    expect(desk.toast).to_have_text("这一步不能撤回。")


def test_own_supervision_renews_the_row_and_says_nothing_of_its_status(city: World, desk_of):
    number = city.report()
    desk = desk_of("supervisor", "supervise")
    desk.shows(number)
    desk.press("s")
    desk.page.keyboard.type("请尽快")
    desk.press("Control+Enter")
    expect(desk.row(number).locator(".gg-badge").first).to_have_text("督办 1 级")
    expect(desk.row(number)).not_to_contain_text("状态已变")
    city.perform(number, "accept", "acceptor")
    expect(desk.row(number)).to_contain_text("状态已变")
    source = desk.row(number).locator("[data-holder]")
    expect(source).to_have_text(re.compile("热线"))
    expect(source).to_be_visible()


def test_filter_that_finds_nothing_leaves_no_case_with_live_keys(city: World, desk_of):
    number = city.report()
    Incident.objects.filter(number=number).update(due_at=clock.now() + timedelta(hours=5))
    desk = desk_of("acceptor")
    desk.shows(number)
    desk.page.locator("a.gg-counter", has_text="15 分内到期").click()
    expect(desk.queue).to_contain_text("没有符合条件的案件")
    expect(desk.panel).to_have_count(0)
    desk.press("a")
    desk.page.locator("a.gg-counter", has_text="待办").click()
    desk.shows(number)
    assert city.case(number).status == "reported"


def test_key_of_a_step_that_a_colleagues_claim_bars_says_so(city: World, desk_of):
    number = city.report()
    claims.claim(number=number, by=city.actor("acceptor_2"))
    desk = desk_of("acceptor")
    desk.shows(number)
    expect(desk.panel.locator("[data-act=accept]")).to_be_disabled()
    desk.press("a")
    expect(desk.toast).to_contain_text("受理甲二已认领，放开或认领到期后才能办。")
    claims.release(number=number, by=city.actor("acceptor_2"))
    expect(desk.panel.locator("[data-act=accept]")).to_be_enabled()


def test_pause_into_another_year_stays_clear_of_the_title(city: World, desk_of):
    number = city.carry("handling")
    until = clock.now() + timedelta(days=400)
    Incident.objects.filter(number=number).update(status="suspended", suspended_until=until, due_at=None)
    desk = desk_of("supervisor", "supervise")
    row = desk.row(number)
    expect(row.locator(".gg-sla")).to_contain_text("暂停至")
    chip, title = row.locator(".gg-sla").bounding_box(), row.locator(".gg-qtitle").bounding_box()
    assert chip["x"] + chip["width"] + 8 <= title["x"]
    inner, outer = row.locator(".gg-sla b").bounding_box(), row.bounding_box()
    assert inner["x"] + inner["width"] <= chip["x"] + chip["width"]
    assert outer["y"] <= chip["y"] < chip["y"] + chip["height"] <= outer["y"] + outer["height"]


class TestRenewal:
    """A colleague's note comes to the case that is being read."""

    def told(self, city: World, desk_of, route):
        number = city.report()
        desk = desk_of("acceptor", intercepted=True)
        desk.shows(number)
        desk.panel.locator("#panel-title").focus()
        desk.panel.evaluate("(panel) => { panel.dataset.before = ''; }")
        desk.page.route(f"**/cases/{number}/", route)
        city.perform(number, "note", "acceptor_2", note="门牌有误")
        return desk

    def test_case_that_comes_slowly_is_read_on_where_one_was(self, city: World, desk_of):
        held = []
        desk = self.told(city, desk_of, lambda route: held.append(route))
        expect(desk.page.locator("[data-case]")).to_have_attribute("aria-busy", "true")
        before = desk.page.locator("[data-panel][data-before]")
        expect(before).to_be_visible()
        expect(before.locator("#panel-title")).to_be_focused()
        for route in held:
            route.continue_()
        expect(desk.panel).to_contain_text("门牌有误")
        expect(before).to_have_count(0)
        expect(desk.panel.locator("#panel-title")).to_be_focused()

    def test_case_that_does_not_come_stays_and_says_that_it_has_changed(self, city: World, desk_of):
        desk = self.told(city, desk_of, lambda route: route.abort())
        expect(desk.panel.locator("[data-stale]")).to_be_visible()
        expect(desk.page.locator("[data-panel][data-before]")).to_be_visible()
        desk.page.unroute_all()
        desk.panel.locator("[data-renew]").click()
        expect(desk.panel).to_contain_text("门牌有误")
