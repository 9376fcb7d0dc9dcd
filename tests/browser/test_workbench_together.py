"""Several people at their workbenches at once, and one person's ways to many cases."""

import re

import pytest
from playwright.sync_api import expect

from dispatch import saved_views
from grids.models import Component
from incidents.models import DuplicateCandidate
from tests.browser.workbench import Desk
from tests.dispatch.test_claims import run_out
from tests.serving import Site
from tests.worlds import World, sample_image

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def address(site: Site) -> str:
    return site.url


def test_three_people_close_a_case_and_see_each_other_live(city: World, desk_of, signed_in, tmp_path):
    """One browser for the desks (a person of the city holds them all in turn), one of the department, one in the field;
    no page is loaded again while the others work."""
    picture = tmp_path / "现场.jpg"
    picture.write_bytes(sample_image(size=(640, 480)).read())
    acceptor, chief, dispatcher = desk_of("acceptor"), desk_of("duty_chief", "file"), desk_of("dispatcher", "dispatch")
    handler, worker = signed_in("department_handler", width=390), desk_of("verifier", "verify")
    handler.goto("/inbox/")
    expect(handler.locator(".gg-lamp")).to_contain_text("实时")
    for desk in (acceptor, chief, dispatcher, worker):
        desk.page.evaluate("window.isTheSamePage = true")
    handler.evaluate("window.isTheSamePage = true")

    number = city.report()
    acceptor.take(number)
    acceptor.press("a")
    expect(acceptor.toast).to_contain_text("受理：已完成")

    chief.take(number)
    chief.form("file").get_by_role("radio").first.check()
    chief.press("Control+Enter")
    expect(chief.toast).to_contain_text("立案：已完成")
    # the ticker of the acceptor has it without asking
    expect(acceptor.page.locator("[data-part=ticker]")).to_contain_text("值班甲 立案")

    dispatcher.take(number)
    dispatcher.form("dispatch").get_by_label("主办").select_option(label="城市管理局／市政设施科")
    dispatcher.form("dispatch").get_by_role("button", name="派遣", exact=True).click()
    expect(dispatcher.toast).to_contain_text("派遣：已完成")

    slot = handler.locator(".gg-slot-new")
    expect(slot).to_contain_text("有 1 件新案件")
    assert handler.evaluate("window.isTheSamePage")
    slot.click()
    handler.get_by_role("article").filter(has_text=number).get_by_role("button", name="签收").click()
    expect(handler.get_by_role("status").filter(has_text="签收：已完成")).to_be_visible()
    # the dispatcher still has the case open, and sees the other's step
    expect(dispatcher.panel.locator(".gg-journal")).to_contain_text("市政经办 签收")
    handler.get_by_role("article").filter(has_text=number).get_by_role("link", name="办理").click()
    handler.get_by_label("处置结果说明").fill("已清理完毕")
    handler.get_by_label(re.compile("照片与附件（至少")).set_input_files(str(picture))
    expect(handler.locator(".gg-dfile")).to_contain_text("已上传")
    handler.get_by_role("button", name="提交反馈").click()
    expect(handler.get_by_role("status").filter(has_text="反馈：已完成")).to_be_visible()
    expect(dispatcher.panel.locator(".gg-journal")).to_contain_text("已清理完毕")

    # the row had been crossed out, and comes back to life where it stands
    expect(acceptor.row(number)).not_to_have_class(re.compile("gg-left"))
    acceptor.open(number)
    acceptor.form("request_verification").get_by_label("核查人").select_option(label="核查甲")
    acceptor.form("request_verification").get_by_role("button", name="发核查", exact=True).click()
    expect(acceptor.toast).to_contain_text("发核查：已完成")

    worker.take(number)
    passing = worker.form("pass")
    passing.get_by_label("说明").fill("现场已恢复")
    passing.get_by_label(re.compile("照片与附件")).set_input_files(str(picture))
    passing.get_by_role("button", name="核查通过", exact=True).click()
    expect(worker.toast).to_contain_text("核查通过：已完成")

    closing = desk_of("duty_chief_2", "file")
    closing.open(number)
    closing.press("e")
    expect(closing.toast).to_contain_text("结案：已完成")
    expect(acceptor.page.locator("[data-part=ticker]")).to_contain_text("值班甲二 结案")
    for desk in (acceptor, chief, dispatcher, worker):
        assert desk.page.evaluate("window.isTheSamePage"), desk.key
    assert city.case(number).status == "closed"


def test_nothing_moves_under_the_cursor_until_u(city: World, desk_of):
    shown = [city.report(), city.report(), city.report()]
    desk = desk_of("acceptor")
    desk.open(shown[1])
    before = [desk.row(number).bounding_box() for number in shown]
    fresh = city.report()
    expect(desk.slot).to_contain_text("有 1 件新案件")
    assert [desk.row(number).bounding_box() for number in shown] == before
    expect(desk.row(fresh)).to_have_count(0)
    desk.press("u")
    expect(desk.row(fresh)).to_be_visible()
    desk.shows(shown[1])
    expect(desk.slot).to_be_hidden()


def test_stream_cut_for_a_minute_says_so_and_catches_up(city: World, desk_of):
    number = city.report()
    desk = desk_of("acceptor")
    desk.shows(number)
    desk.page.clock.install()
    desk.page.context.set_offline(True)
    expect(desk.lamp).to_contain_text(re.compile(r"已断开（数据截至 \d\d:\d\d:\d\d）"))
    city.perform(number, "accept", "acceptor_2")
    fresh = [city.report(), city.report()]
    desk.page.clock.fast_forward(60_000)
    expect(desk.lamp).to_contain_text("已断开")
    expect(desk.row(number)).not_to_have_class(re.compile("gg-left"))
    desk.page.clock.resume()
    desk.page.context.set_offline(False)
    expect(desk.lamp).to_have_text("实时")
    expect(desk.slot).to_contain_text("有 2 件新案件")
    expect(desk.row(number)).to_contain_text("已由 受理甲二 受理")
    expect(desk.panel.locator(".gg-journal")).to_contain_text("受理甲二")
    desk.press("u")
    expect(desk.row(fresh[1])).to_be_visible()


def test_recall_is_offered_after_dispatch_and_takes_it_back(city: World, desk_of):
    number, other = city.carry("filed"), city.carry("filed")
    desk = desk_of("dispatcher", "dispatch")
    desk.open(number)
    desk.form("dispatch").get_by_label("主办").select_option(label="城市管理局／市政设施科")
    desk.form("dispatch").get_by_role("button", name="派遣", exact=True).click()
    desk.shows(other)  # the next case is chosen
    expect(desk.toast.get_by_role("button")).to_contain_text("撤回派遣")
    desk.press("z")
    desk.shows(number)
    reason = desk.form("recall").get_by_label("原因")
    expect(reason).to_be_focused()
    desk.page.keyboard.type("派错部门")
    desk.press("Control+Enter")
    expect(desk.toast).to_contain_text("撤回派遣：已完成")
    assert city.case(number).status == "filed"


class TestMany:
    def start(self, desk: Desk) -> None:
        desk.press("b")
        desk.page.get_by_role("button", name="全选本页").click()

    def test_dry_run_then_a_result_a_row_and_who_was_faster(self, city: World, desk_of):
        first, second, third = city.report(), city.report(), city.report()
        desk = desk_of("acceptor")
        desk.shows(first)
        self.start(desk)
        expect(desk.page.locator("[data-bulk-count]")).to_have_text("已选 3 件")
        desk.page.locator("[data-bulk=accept]").click()
        dialog = desk.page.locator("[data-bulk-dialog]")
        expect(dialog).to_contain_text("试算：3 件可办，0 件不能办，尚未写入。")
        assert {city.case(n).status for n in (first, second, third)} == {"reported"}
        city.perform(second, "accept", "acceptor_2")  # between the try and the deed
        dialog.get_by_role("button", name="办理 3 件").click()
        expect(dialog).to_contain_text("已办 2 件，1 件未办。")
        refused = dialog.locator("tr[data-result=refused]")
        expect(refused).to_have_count(1)
        expect(refused).to_contain_text(second[-7:])
        expect(refused).to_contain_text("受理甲二")
        desk.press("Escape")
        expect(dialog).to_be_hidden()
        for number in (first, third):
            expect(desk.row(number)).to_have_class(re.compile("gg-left"))
        assert {city.case(n).status for n in (first, second, third)} == {"accepted"}

    def test_failed_try_is_tried_again_and_never_done(self, city: World, desk_of):
        number = city.report()
        desk = desk_of("acceptor", intercepted=True)
        desk.shows(number)
        self.start(desk)
        desk.page.route("**/api/v1/bulk/", lambda route: route.abort())
        desk.page.locator("[data-bulk=accept]").click()
        dialog = desk.page.locator("[data-bulk-dialog]")
        expect(dialog).to_contain_text("网络不通")
        desk.page.unroute("**/api/v1/bulk/")
        dialog.get_by_role("button", name="重新试算").click()
        expect(dialog).to_contain_text("试算：1 件可办")
        assert city.case(number).status == "reported"


class TestFinding:
    def ask(self, desk: Desk, text: str):
        desk.press("/")
        box = desk.page.get_by_role("combobox", name=re.compile("案件编号"))
        expect(box).to_be_focused()
        desk.page.keyboard.type(text)
        return desk.page.locator("[data-palette] [role=option]")

    def test_case_by_its_tail(self, city: World, desk_of):
        number = city.report()
        city.report()
        desk = desk_of("acceptor")
        desk.shows(number)
        hits = self.ask(desk, city.report()[-5:])
        expect(hits.first).to_have_attribute("data-kind", "case")
        key = hits.first.get_attribute("data-key")
        desk.press("Enter")
        expect(desk.page.locator("[data-palette]")).to_be_hidden()
        desk.shows(key)  # though it is not in the list yet

    def test_area_and_category_by_initials(self, city: World, desk_of):
        here, there = city.report(), city.report(category="0102", grid="620901002001001")
        desk = desk_of("acceptor")
        desk.shows(here)
        desk.page.evaluate("window.isTheSamePage = true")
        hits = self.ask(desk, "ld")
        expect(hits.filter(has_text="路灯").first).to_be_visible()
        hits.filter(has_text="路灯").first.click()
        expect(desk.row(here)).to_have_count(0)
        desk.shows(there)
        expect(desk.queue).to_contain_text("只看 路灯")
        assert "category=0102" in desk.page.url
        desk.queue.get_by_role("link", name="清除筛选").click()
        expect(desk.row(here)).to_be_visible()
        hits = self.ask(desk, "jejd")
        expect(hits.first).to_contain_text("甲二街道")
        desk.press("Enter")
        expect(desk.row(here)).to_have_count(0)
        desk.shows(there)
        desk.page.go_back()
        expect(desk.row(here)).to_be_visible()
        assert desk.page.evaluate("window.isTheSamePage")

    def test_component_leads_to_its_cases_or_to_a_report_there(self, city: World, desk_of):
        number = city.report()
        lon, lat = city.point()
        Component.objects.create(
            root=city.root, code="6209010102000001", type_code="0102", name="路灯", lon=lon, lat=lat,
            area=city.areas["620901001001001"], address="西固中路 302 号",
        )  # fmt: skip
        desk = desk_of("acceptor")
        desk.shows(number)
        hits = self.ask(desk, "6209010102000001")
        hits.filter(has_text="部件").click()
        expect(desk.queue).to_contain_text("没有符合条件的案件")
        desk.queue.get_by_role("link", name="在此部件上报一件").click()
        expect(desk.page.get_by_label("部件码")).to_have_value("6209010102000001")

    def test_view_is_saved_chosen_counted_and_dropped(self, city: World, desk_of):
        here = city.report()
        there = city.report(grid="620901002001001")
        desk = desk_of("acceptor")
        desk.shows(here)
        desk.page.locator("#w-area").select_option(label="甲二街道")
        expect(desk.row(here)).to_have_count(0)
        expect(desk.row(there)).to_be_visible()
        menu = desk.page.locator("[data-views]")
        menu.get_by_text("视图", exact=True).click()
        menu.get_by_label("视图名称").fill("二街")
        menu.get_by_role("button", name="保存").click()
        expect(desk.toast).to_contain_text("已保存视图「二街」")
        link = menu.get_by_role("link", name=re.compile("二街"))
        expect(link).to_have_attribute("aria-current", "true")
        expect(link).to_contain_text("1")
        desk.press("Escape")
        expect(link).to_be_hidden()
        desk.page.locator("#w-area").select_option(value="")
        expect(desk.row(here)).to_be_visible()
        menu.get_by_text("视图", exact=True).click()
        link.click()
        expect(desk.row(here)).to_have_count(0)
        menu.get_by_text("视图", exact=True).click()
        menu.get_by_role("button", name="删除视图「二街」").click()
        expect(link).to_have_count(0)
        assert not [view for view in saved_views.views_of(city.actor("acceptor")) if view.name == "二街"]


class TestTwins:
    @pytest.fixture
    def twins(self, city: World) -> tuple[str, str]:
        """Two cases of which the second may be the first; the delivery that finds this does not run here."""
        first, second = city.report(), city.report(reporter_name="王女士", reporter_phone="13893122716")
        a, b = city.case(first), city.case(second)
        DuplicateCandidate.objects.create(
            incident=b, other=a, score=0.92, distance_m=0, gap_minutes=0, found_at=b.received_at
        )
        return first, second

    def test_merge_beside_each_other_and_undone(self, city: World, desk_of, twins):
        first, second = twins
        desk = desk_of("acceptor")
        desk.open(second)
        desk.press("m")
        dialog = desk.page.locator("[data-compare-dialog]")
        expect(dialog).to_be_visible()
        expect(dialog).to_contain_text("相距 0 米")
        expect(dialog).to_contain_text(first)
        expect(dialog).to_contain_text(second)
        expect(dialog).to_contain_text("上报人仍用原来的链接查看")
        dialog.get_by_role("button", name=f"并入 {first[-7:]}").click()
        expect(dialog).to_be_hidden()
        expect(desk.toast).to_contain_text("并案：已完成")
        assert city.case(second).parent.number == first
        desk.press("z")
        desk.shows(second)
        desk.form("unmerge").get_by_label("原因").fill("并错了")
        desk.press("Control+Enter")
        expect(desk.toast).to_contain_text("撤销并案：已完成")
        assert city.case(second).status == "reported"

    def test_dialog_closes_on_escape_and_gives_the_focus_back(self, city: World, desk_of, twins):
        desk = desk_of("acceptor")
        desk.open(twins[1])
        link = desk.panel.get_by_role("link", name=re.compile("比对"))
        link.focus()
        link.press("Enter")
        expect(desk.page.locator("[data-compare-dialog]")).to_be_visible()
        desk.press("Escape")
        expect(desk.page.locator("[data-compare-dialog]")).to_be_hidden()
        expect(link).to_be_focused()


class TestNarrow:
    def test_phone_goes_from_list_to_case_and_back(self, city: World, desk_of):
        first, second = city.report(), city.report()
        desk = desk_of("acceptor", width=390)
        expect(desk.row(first)).to_be_visible()
        expect(desk.panel).to_have_count(0)
        desk.row(second).click()
        expect(desk.panel).to_have_attribute("data-number", second)
        assert desk.page.locator(".gg-wqueue").evaluate("e => e.inert")
        desk.page.go_back()
        expect(desk.panel).to_have_count(0)
        expect(desk.row(first)).to_be_visible()
        desk.row(first).click()
        expect(desk.panel).to_have_attribute("data-number", first)
        desk.page.get_by_role("button", name="返回队列").click()
        expect(desk.panel).to_have_count(0)
        assert "/work/accept/" in desk.page.url

    def test_map_is_behind_its_button_at_1024(self, city: World, desk_of):
        number = city.report()
        desk = desk_of("acceptor", width=1024)
        desk.shows(number)
        toggle = desk.page.get_by_role("button", name="地图")
        expect(desk.page.locator(".gg-wmap")).to_be_hidden()
        toggle.click()
        expect(toggle).to_have_attribute("aria-pressed", "true")
        expect(desk.page.locator(".gg-wmap .gg-area").first).to_be_visible()
        toggle.click()
        expect(desk.page.locator(".gg-wmap")).to_be_hidden()
        expect(desk.panel).to_be_visible()

    def test_map_and_list_choose_the_same_case(self, city: World, desk_of):
        first, second = city.report(), city.report(grid="620901001002001")
        desk = desk_of("acceptor")
        desk.shows(first)
        desk.page.get_by_role("link", name=re.compile(second)).click()
        desk.shows(second)
        expect(desk.row(second)).to_have_attribute("aria-selected", "true")
        expect(desk.page.locator(".gg-map-pin")).to_have_count(1)


def test_workbench_speaks_english(city: World, desk_of):
    number = city.report()
    desk = desk_of("acceptor")
    desk.page.context.add_cookies([{"name": "django_language", "value": "en", "url": desk.page.url}])
    desk.page.reload()
    desk.shows(number)
    expect(desk.page.locator("html")).to_have_attribute("lang", "en")
    desk.press("?")
    expect(desk.page.locator("[data-keys]")).to_be_visible()


def test_list_speaks_to_screen_readers(city: World, desk_of):
    first, second = city.report(), city.report()
    desk = desk_of("acceptor")
    desk.shows(first)
    options = desk.page.get_by_role("listbox").first.get_by_role("option")
    expect(options).to_have_count(2)
    desk.list.focus()
    desk.press("ArrowDown")
    expect(desk.list).to_have_attribute("aria-activedescendant", f"row-{second}")
    expect(desk.list.get_by_role("option", selected=True)).to_have_attribute("data-number", second)


def test_colleagues_see_who_holds_a_case_by_the_stream_alone(city: World, desk_of):
    """Claim, release, seizure and the end of a lease; the desk asks for the case that it heard of, not for all."""
    number, other = city.report(), city.report()
    watcher, holder = desk_of("acceptor_2"), desk_of("acceptor")
    boss = desk_of("supervisor", "supervise")
    asked: list[str] = []
    watcher.page.on("request", lambda sent: asked.append(sent.url) if "/work/holders/" in sent.url else None)
    watcher.open(other)
    holder.open(number)
    holder.press("c")
    expect(watcher.row(number)).to_contain_text("受理甲")
    expect(holder.panel.locator("[data-mine]")).to_be_visible()
    holder.press("c")
    expect(watcher.row(number)).to_contain_text("热线")
    expect(holder.panel.locator(".gg-lease-free")).to_be_visible()
    holder.press("c")
    expect(watcher.row(number)).to_contain_text("受理甲")
    # in the panel, too
    watcher.open(number)
    expect(watcher.panel.locator(".gg-lease-other")).to_contain_text("受理甲已认领")
    boss.open(number)
    boss.panel.get_by_text("接管", exact=True).first.click()
    boss.panel.get_by_label(re.compile("接管理由")).fill("值班员离岗")
    boss.panel.get_by_role("button", name="接管").click()
    expect(watcher.row(number)).to_contain_text("督办甲")
    expect(watcher.panel.locator(".gg-lease-other")).to_contain_text("督办甲已认领")
    run_out(number)
    expect(watcher.row(number)).to_contain_text("热线")
    expect(watcher.panel.locator(".gg-lease-free")).to_be_visible()
    assert asked
    assert all(url.endswith(f"?of={number}") for url in asked)


def test_the_plain_list_follows_who_holds_a_case(city: World, desk_of, signed_in):
    number = city.report()
    page, holder = signed_in("acceptor_2"), desk_of("acceptor")
    page.goto("/queue/accept/")
    expect(page.locator(".gg-lamp")).to_contain_text("实时")
    row = page.locator(f"[data-number='{number}']")
    holder.press("c")
    expect(row).to_contain_text("受理甲")
    expect(holder.panel.locator("[data-mine]")).to_be_visible()
    holder.press("c")
    expect(row).to_contain_text("热线")
