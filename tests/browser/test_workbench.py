"""The operator's workbench: worked by keyboard, true while others work, and nothing that was typed is lost."""

import re

import pytest
from playwright.sync_api import Route, expect

from dispatch import canned_texts
from dispatch.models import Claim
from gridgov.accounts.models import Session
from tests.serving import Site
from tests.worlds import PASSWORD, World, sample_image

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def address(site: Site) -> str:
    return site.url


class TestKeyboard:
    def test_j_and_k_walk_the_queue_and_enter_goes_into_the_case(self, city: World, desk_of):
        first, second, third = city.report(), city.report(), city.report()
        desk = desk_of("acceptor")
        desk.shows(first)
        desk.press("k")  # already at the top
        desk.shows(first)
        desk.press("j", "j", "j")  # the end holds too
        desk.shows(third)
        desk.press("k")
        desk.shows(second)
        expect(desk.list).to_have_attribute("aria-activedescendant", f"row-{second}")
        desk.press("Enter")
        expect(desk.page.locator("#panel-title")).to_be_focused()
        desk.press("Escape")
        expect(desk.list).to_be_focused()

    def test_operator_accepts_the_queue_by_letters_alone(self, city: World, desk_of):
        first, second = city.report(), city.report()
        desk = desk_of("acceptor")
        desk.shows(first)
        desk.press("c")
        expect(desk.panel.locator("[data-mine]")).to_be_visible()
        expect(desk.row(first)).to_contain_text("受理甲")
        desk.press("a")
        desk.shows(second)  # the next case by itself
        expect(desk.list).to_be_focused()
        expect(desk.row(first)).to_have_class(re.compile("gg-left"))
        expect(desk.toast).to_contain_text("受理：已完成")
        desk.press("a")
        expect(desk.row(second)).to_have_class(re.compile("gg-left"))
        assert {city.case(n).status for n in (first, second)} == {"accepted"}

    def test_letters_file_and_dispatch(self, city: World, desk_of):
        number = city.carry("accepted")
        chief = desk_of("duty_chief", "file")
        chief.shows(number)
        chief.press("f")
        # the condition wants choosing, so the key opens the form there and sends nothing
        expect(chief.form("file").get_by_role("radio").first).to_be_focused()
        chief.press("Space", "Control+Enter")
        expect(chief.toast).to_contain_text("立案：已完成")
        assert city.case(number).status == "filed"
        dispatcher = desk_of("dispatcher", "dispatch")
        dispatcher.shows(number)
        dispatcher.press("d")
        lead = dispatcher.form("dispatch").get_by_label("主办")
        expect(lead).to_be_focused()
        dispatcher.press("ArrowDown", "Control+Enter")
        expect(dispatcher.toast).to_contain_text("派遣：已完成")
        assert city.case(number).status == "dispatched"

    def test_letters_return_verify_close_and_note(self, city: World, desk_of):
        handled = city.carry("handled")
        desk = desk_of("acceptor")
        desk.shows(handled)
        desk.press("n")
        desk.page.keyboard.type("已电话核实")
        desk.press("Control+Enter")
        expect(desk.toast).to_contain_text("批注：已完成")
        expect(desk.panel.locator(".gg-journal")).to_contain_text("已电话核实")
        desk.press("Escape", "v")
        # sent at once; or, where a renewed panel came between, which keeps its forms as they were, the form is opened
        done = desk.toast.get_by_text("发核查：已完成")
        waits = desk.panel.locator("#act-request_verification :focus")
        expect(done.or_(waits).first).to_be_visible()
        if waits.is_visible():
            desk.press("Control+Enter")
        expect(desk.toast).to_contain_text("发核查：已完成")
        assert city.case(handled).status == "verifying"

    def test_letters_r_returns_with_a_reason(self, city: World, desk_of):
        number = city.carry("filed")
        desk = desk_of("dispatcher", "dispatch")
        desk.press("r")  # at once: the key waits for the case
        expect(desk.form("send_back").get_by_label("原因")).to_be_focused()
        desk.page.keyboard.type("立案条件不符")
        desk.press("Control+Enter")
        expect(desk.toast).to_contain_text("已完成")
        assert city.case(number).status == "accepted"

    def test_e_closes_a_verified_case(self, city: World, desk_of):
        number = city.carry("handled")
        city.perform(number, "request_verification", "acceptor", verifier=city.people["verifier"].pk)
        city.perform(number, "pass", "verifier", note="已恢复", attachments=[city.photo("verifier")])
        desk = desk_of("duty_chief_2", "file")
        desk.shows(number)
        desk.press("e")
        expect(desk.toast).to_contain_text("结案：已完成")
        assert city.case(number).status == "closed"

    def test_t_offers_the_texts_of_the_step(self, city: World, desk_of):
        number = city.report()
        given = {"stage": "accept", "action": "", "title": "已回拨", "text": "已回拨，编号{编号}"}
        canned_texts.save_own(by=city.actor("acceptor"), given=given)
        desk = desk_of("acceptor")
        desk.shows(number)
        desk.press("x", "Escape", "t")
        offered = desk.page.get_by_role("menuitem", name="已回拨")
        expect(offered).to_be_visible()
        offered.press("Enter")
        expect(desk.form("reject").get_by_label("说明")).to_have_value(f"已回拨，编号{number}")

    def test_question_mark_opens_the_sheet_and_escape_closes_it(self, city: World, desk_of):
        city.report()
        desk = desk_of("acceptor")
        desk.press("?")
        sheet = desk.page.locator("[data-keys]")
        expect(sheet).to_be_visible()
        desk.press("j")  # the page behind stands still
        desk.press("Escape")
        expect(sheet).to_be_hidden()

    def test_g_sequences_go_to_queue_map_and_case(self, city: World, desk_of):
        city.report()
        desk = desk_of("acceptor")
        expect(desk.panel).to_be_visible()
        expect(desk.page.locator(".gg-area[tabindex='0']").first).to_be_attached()
        desk.press("g", "r")
        expect(desk.page.locator("#panel-title")).to_be_focused()
        desk.press("g", "m")
        expect(desk.page.locator(".gg-area[tabindex='0']").first).to_be_focused()
        desk.press("g", "q")
        expect(desk.list).to_be_focused()

    def test_keys_do_nothing_while_somebody_types(self, city: World, desk_of):
        first, _second = city.report(), city.report()
        desk = desk_of("acceptor")
        desk.press("n")
        note = desk.form("note").get_by_label("说明")
        expect(note).to_be_focused()
        desk.page.keyboard.type("jack/?acfu")
        expect(note).to_have_value("jack/?acfu")
        desk.shows(first)
        assert city.case(first).status == "reported"
        assert not Claim.objects.exists()

    def test_keys_do_nothing_while_an_input_method_composes(self, city: World, desk_of):
        first, second = city.report(), city.report()
        desk = desk_of("acceptor")
        desk.shows(first)
        # as Chromium sends them: during a composition, and the key 229 that belongs to it
        desk.page.evaluate("""() => {
            const target = document.querySelector("[data-live-list]");
            target.focus();
            target.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
            for (const key of ["a", "j", "u", "c", "/", "?", "Enter"])
                target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, isComposing: true }));
            target.dispatchEvent(new KeyboardEvent("keydown", { key: "a", keyCode: 229, bubbles: true, cancelable: true }));
            target.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true, data: "啊" }));
        }""")  # noqa: E501
        desk.shows(first)
        expect(desk.page.locator("dialog[open]")).to_have_count(0)
        desk.press("j")  # and afterwards they do
        desk.shows(second)
        assert city.case(first).status == "reported"
        assert not Claim.objects.exists()

    def test_c_meant_for_a_case_that_was_left_claims_no_other(self, city: World, desk_of):
        first, second, third = city.report(), city.report(), city.report()
        desk = desk_of("acceptor", intercepted=True)
        desk.shows(first)
        held: list[Route] = []
        desk.page.route(f"**/cases/{third}/", lambda route: held.append(route))
        desk.page.evaluate("""() => {
            window.asked = [];
            const send = window.fetch;
            window.fetch = (...given) => { window.asked.push(String(given[0])); return send(...given); };
        }""")
        desk.press("j", "j", "c", "k")  # the third is on its way when C is pressed
        desk.shows(second)
        with desk.page.expect_response(f"**/cases/{third}/") as answered:
            held[0].continue_()
        answered.value.finished()
        desk.page.evaluate("new Promise((done) => setTimeout(done, 200))")
        assert [one for one in desk.page.evaluate("window.asked") if "/claim/" in one] == []

    def test_case_stays_in_the_panel_though_an_older_one_is_still_on_its_way(self, city: World, desk_of):
        first, second = city.report(), city.report()
        desk = desk_of("acceptor", intercepted=True)
        desk.shows(first)
        held: list[Route] = []
        desk.page.route(f"**/cases/{first}/", lambda route: held.append(route))
        with desk.page.expect_request(f"**/cases/{first}/"):
            city.perform(first, "note", "supervisor", note="请尽快")
        desk.press("j")
        desk.shows(second)
        # longer than a panel waits before it says that it is being read
        desk.page.evaluate("new Promise((done) => setTimeout(done, 200))")
        assert desk.panel.get_attribute("data-number", timeout=1_000) == second


class TestRaces:
    def test_of_two_who_claim_one_wins_and_the_other_is_told(self, city: World, desk_of):
        number = city.report()
        first, second = desk_of("acceptor"), desk_of("acceptor_2")
        for desk in (first, second):
            desk.shows(number)
        first.press("c")
        expect(first.panel.locator("[data-mine]")).to_contain_text("你已认领")
        second.press("c")
        expect(second.toast).to_contain_text("受理甲")
        strip = second.panel.locator(".gg-lease-other")
        expect(strip).to_contain_text("受理甲已认领")
        expect(strip.locator("[data-left]")).to_have_text(re.compile(r"^(9|10):\d\d$"))
        expect(second.row(number)).to_contain_text("受理甲")
        assert Claim.objects.get().claimed_by_id == city.people["acceptor"].pk
        first.press("c")
        expect(first.panel.locator(".gg-lease-free")).to_be_visible()
        expect(first.row(number)).not_to_contain_text("受理甲")

    def test_supervisor_takes_over_with_a_reason(self, city: World, desk_of):
        number = city.report()
        holder, boss = desk_of("acceptor"), desk_of("supervisor", "supervise")
        holder.press("c")
        expect(holder.panel.locator("[data-mine]")).to_be_visible()
        boss.open(number)
        boss.panel.get_by_text("接管", exact=True).first.click()
        boss.panel.get_by_label(re.compile("接管理由")).fill("值班员离岗")
        boss.panel.get_by_role("button", name="接管").click()
        expect(boss.panel.locator("[data-mine]")).to_be_visible()
        expect(holder.panel.locator(".gg-lease-other")).to_contain_text("督办甲")
        assert Claim.objects.get().claimed_by_id == city.people["supervisor"].pk

    def test_loser_of_an_action_sees_who_when_and_what_and_sends_the_words_as_a_note(self, city: World, desk_of):
        number = city.report()
        desk = desk_of("acceptor")
        desk.press("x")
        form = desk.form("reject")
        form.get_by_label("原因").select_option(label="信息不全且无法联系上报人")
        form.get_by_label("说明").fill("地点不清，打不通电话")
        city.perform(number, "accept", "acceptor_2")
        expect(desk.panel.locator("[data-stale]")).to_be_visible()  # told at once, and nothing is taken away
        expect(form.get_by_label("说明")).to_have_value("地点不清，打不通电话")
        form.get_by_role("button", name="不予受理").click()
        told = desk.panel.get_by_role("alert")
        expect(told).to_contain_text("受理甲二先办了「受理」")
        expect(told).to_contain_text(re.compile(r"\d\d:\d\d 受理甲二 受理"))
        expect(told).to_contain_text("待立案")
        expect(told).to_contain_text("地点不清，打不通电话")
        told.get_by_role("button", name="存为批注").click()
        expect(desk.toast).to_contain_text("批注：已完成")
        expect(desk.panel.locator(".gg-journal")).to_contain_text("地点不清，打不通电话")

    def test_loser_of_an_action_that_is_still_open_sends_it_again(self, city: World, desk_of):
        number = city.report()
        desk = desk_of("supervisor", "supervise")
        desk.press("s")
        form = desk.form("supervise")
        expect(form).to_be_visible()
        # no live word reaches this page, so that the sent version is the old one
        desk.page.context.set_offline(True)
        city.perform(number, "accept", "acceptor_2")
        form.locator("textarea").first.fill("请尽快到场")
        for select in form.locator("select").all():
            select.select_option(index=1)
        desk.page.context.set_offline(False)
        form.get_by_role("button", name="督办", exact=True).click()
        done = desk.toast.get_by_text("督办：已完成")
        told = desk.panel.get_by_role("alert")
        expect(done.or_(told).first).to_be_visible()
        if told.is_visible():
            expect(told).to_contain_text("受理甲二")
            expect(desk.form("supervise").locator("textarea").first).to_have_value("请尽快到场")
            desk.form("supervise").get_by_role("button", name="督办", exact=True).click()
        expect(done).to_be_visible()
        assert city.case(number).supervision_level


class TestLosses:
    def test_rejected_upload_says_why_and_keeps_text_and_the_good_file(self, city: World, desk_of, tmp_path):
        number = city.carry("handled")
        city.perform(number, "request_verification", "acceptor", verifier=city.people["verifier"].pk)
        good, bad = tmp_path / "现场.jpg", tmp_path / "假.jpg"
        good.write_bytes(sample_image(size=(640, 480)).read())
        bad.write_bytes(b"this is no picture")
        desk = desk_of("verifier", "verify")
        form = desk.form("pass")
        form.get_by_label("说明").fill("现场已恢复")
        form.get_by_label(re.compile("照片与附件")).set_input_files([str(good), str(bad)])
        form.get_by_role("button", name="核查通过", exact=True).click()
        expect(form.locator(".gg-field-error")).to_contain_text("假.jpg")
        expect(form.get_by_label("说明")).to_have_value("现场已恢复")
        expect(form).to_contain_text("已上传，无需重选")
        expect(form.get_by_role("link", name="现场.jpg")).to_be_visible()
        form.get_by_role("button", name="核查通过", exact=True).click()
        expect(desk.toast).to_contain_text("核查通过：已完成")
        assert city.case(number).status == "verified"

    def test_expired_login_keeps_the_draft_until_after_signing_in_again(self, city: World, desk_of):
        number, _other = city.report(), city.report()
        desk = desk_of("acceptor")
        desk.open(number)
        desk.press("n")
        desk.form("note").get_by_label("说明").fill("已联系社区，下午到场")
        Session.objects.all().delete()
        desk.press("Control+Enter")
        expect(desk.toast).to_contain_text("登录已过期")
        expect(desk.form("note").get_by_label("说明")).to_have_value("已联系社区，下午到场")
        desk.toast.get_by_role("button", name="登录").click()
        desk.page.get_by_label("账号").fill("acceptor")
        desk.page.get_by_label("密码").fill(PASSWORD)
        desk.page.get_by_role("button", name="登录").click()
        desk.shows(number)
        desk.panel.locator("#act-note > summary").click()
        expect(desk.form("note").get_by_label("说明")).to_have_value("已联系社区，下午到场")
        desk.form("note").get_by_role("button", name="批注", exact=True).click()
        expect(desk.toast).to_contain_text("批注：已完成")
        expect(desk.panel.locator(".gg-journal")).to_contain_text("已联系社区，下午到场")

    def test_signing_in_again_elsewhere_lets_the_open_form_be_sent(self, city: World, desk_of):
        city.report()
        desk = desk_of("acceptor")
        desk.press("n")
        desk.form("note").get_by_label("说明").fill("稍后再办")
        Session.objects.all().delete()
        other = desk.page.context.new_page()
        other.goto("/login/")
        other.get_by_label("账号").fill("acceptor")
        other.get_by_label("密码").fill(PASSWORD)
        other.get_by_role("button", name="登录").click()
        expect(other.get_by_role("button", name="退出登录")).to_be_visible()
        desk.page.bring_to_front()
        desk.form("note").get_by_role("button", name="批注", exact=True).click()
        expect(desk.toast).to_contain_text("批注：已完成")

    def test_words_of_one_person_are_not_shown_to_the_next(self, city: World, desk_of):
        city.report()
        desk = desk_of("acceptor")
        desk.press("n")
        desk.form("note").get_by_label("说明").fill("只给自己看")
        page = desk.page
        page.get_by_role("button", name="退出登录").click()
        page.get_by_label("账号").fill("acceptor_2")
        page.get_by_label("密码").fill(PASSWORD)
        page.get_by_role("button", name="登录").click()
        expect(desk.panel).to_be_visible()
        expect(desk.form("note").get_by_label("说明")).to_have_value("")

    def test_failing_server_and_network_keep_what_was_typed(self, city: World, desk_of):
        city.report()
        desk = desk_of("acceptor", intercepted=True)
        desk.press("n")
        note = desk.form("note").get_by_label("说明")
        note.fill("请核对门牌")
        desk.page.route("**/act/note/", lambda route: route.fulfill(status=500, body="broken"))
        desk.press("Control+Enter")
        expect(desk.toast).to_contain_text("没有送到")
        desk.page.unroute("**/act/note/")
        desk.page.route("**/act/note/", lambda route: route.abort())
        desk.press("Control+Enter")
        expect(desk.toast).to_contain_text("网络不通")
        desk.page.unroute("**/act/note/")
        expect(note).to_have_value("请核对门牌")
        desk.press("Control+Enter")
        expect(desk.toast).to_contain_text("批注：已完成")

    @pytest.mark.parametrize(
        ("status", "words"), [(403, "不在你的权限内"), (404, "已不在你的范围内"), (500, "读取失败")]
    )
    def test_panel_that_cannot_be_had_says_so(self, city: World, desk_of, status, words):
        first, second = city.report(), city.report()
        desk = desk_of("acceptor", intercepted=True)
        desk.shows(first)
        desk.page.route(f"**/cases/{second}/", lambda route: route.fulfill(status=status, body="no"))
        desk.page.evaluate("sessionStorage.clear()")
        desk.page.reload()
        desk.shows(first)
        desk.press("j")
        shown = desk.page.locator(".gg-wcase .gg-state:visible")
        expect(shown).to_contain_text(words)
        if status == 500:
            desk.page.unroute(f"**/cases/{second}/")
            shown.get_by_role("button", name="再试一次").click()
            desk.shows(second)

    def test_case_that_leaves_while_it_is_open_says_so(self, city: World, desk_of):
        number = city.carry("handled")
        city.perform(number, "request_verification", "acceptor", verifier=city.people["verifier"].pk)
        desk = desk_of("verifier", "verify")
        desk.shows(number)
        city.perform(number, "pass", "verifier", note="已恢复", attachments=[city.photo("verifier")])
        expect(desk.row(number)).to_have_class(re.compile("gg-left"))
        expect(desk.panel.or_(desk.page.locator(".gg-state-gone:visible")).first).to_be_visible()

    def test_no_rows_say_so_and_the_keys_are_harmless(self, city: World, desk_of):
        desk = desk_of("acceptor")
        expect(desk.queue).to_contain_text("暂无受理案件")
        desk.press("j", "k", "Enter", "a", "c", "n", "m", "z", "t", "u")
        expect(desk.page.locator(".gg-state-empty:visible")).to_contain_text("选一件案件")
        number = city.report()
        desk.take(number)
