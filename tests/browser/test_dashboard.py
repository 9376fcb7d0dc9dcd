"""A leader reads the dashboard in Chromium: by keyboard, on the map, behind the numbers, and when it cannot refresh."""

import re

import pytest
from playwright.sync_api import Page, expect

from reporting import shared
from tests.worlds import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def area(page: Page, name: str):
    return page.locator(f"path.gg-area[aria-label^='{name}：']")


def test_leader_reads_drills_and_goes_down_the_map_and_back(city: World, signed_in):
    numbers = [city.report() for _case in range(3)]
    city.report(by="acceptor_b", grid="620902001001001")
    page = signed_in("leader")
    expect(page).to_have_url(re.compile("/dashboard/"))

    # what a figure means, by keyboard alone
    term = page.get_by_role("button", name="按期结案率").first
    term.focus()
    expect(page.get_by_role("tooltip").first).to_contain_text("应结案（全程时限于本期内到期）")
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_have_count(0)

    # behind a number
    expect(page.locator(".gg-kpi-value").first).to_contain_text("4")
    page.locator(".gg-kpi-value a").first.click()
    expect(page.locator("[data-value]")).to_contain_text("4")
    expect(page.locator(".gg-evidence tbody tr")).to_have_count(4)
    page.get_by_role("link", name="当时", exact=True).first.click()
    expect(page.get_by_text("之后发生的不在本页")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name=numbers[0]).click()
    expect(page).to_have_url(re.compile(f"/cases/{numbers[0]}/"))
    page.goto("/dashboard/")

    # down the map with the mouse, back by the breadcrumb
    expect(area(page, "甲区")).to_have_attribute("aria-label", re.compile("在办 3 件"))
    area(page, "甲区").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("甲区态势")
    expect(page.locator("path.gg-area")).to_have_count(2)
    page.get_by_label("区域", exact=True).get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("甲区态势")

    # and by keyboard: arrows, Enter, Backspace
    expect(page.locator("path.gg-area")).to_have_count(2)
    page.locator("path.gg-area[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    expect(area(page, "乙区")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("乙区态势")
    expect(page.locator("path.gg-area")).to_have_count(2)
    page.locator("path.gg-area[tabindex='0']").focus()
    page.keyboard.press("Backspace")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("乙区态势")

    # cases on the map, by the choice of layers
    expect(page.locator("path.gg-area")).to_have_count(2)
    page.get_by_label("案件", exact=True).check()
    expect(page.locator(".gg-map-point").first).to_be_visible()
    expect(page.locator(".gg-map-point")).to_have_count(4)


def test_figures_come_anew_without_a_reload_and_old_ones_are_marked(city: World, signed_in):
    city.report()
    page = signed_in("leader")
    expect(page.locator(".gg-kpi-value").first).to_contain_text("1")
    page.evaluate("window.same = true")
    city.report()
    shared.forget()
    page.get_by_role("button", name="刷新").click()
    expect(page.locator(".gg-kpi-value").first).to_contain_text("2")
    expect(area(page, "甲区")).to_have_attribute("aria-label", re.compile("在办 2 件"))
    assert page.evaluate("window.same") is True

    page.context.set_offline(True)
    page.get_by_role("button", name="刷新").click()
    expect(page.get_by_role("status").filter(has_text="未能刷新")).to_contain_text("秒后重试")
    expect(page.locator("body")).to_have_class(re.compile("gg-is-stale"))
    expect(page.locator(".gg-kpi-value").first).to_contain_text("2")
    page.context.set_offline(False)
    page.get_by_role("button", name="刷新").click()
    expect(page.locator("body")).not_to_have_class(re.compile("gg-is-stale"))


def test_chart_is_read_by_keyboard_and_as_a_table(city: World, signed_in):
    city.report()
    page = signed_in("leader")
    chart = page.locator("[data-chart]")
    chart.focus()
    page.keyboard.press("End")
    expect(chart.locator(".gg-chart-tip")).to_contain_text("上报")
    page.get_by_text("以表格查看").click()
    expect(page.get_by_role("row", name=re.compile("上报数 1")).first).to_be_visible()


def test_dashboard_fits_a_phone(city: World, signed_in):
    city.report()
    page = signed_in("leader", width=390)
    expect(page.locator("path.gg-area").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".gg-kpi-value a").first.click()
    expect(page.locator(".gg-evidence tbody tr")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (3840, 2160)])
def test_wall_fills_the_screen_and_says_when_it_is_not_fresh(city: World, signed_in, width, height):
    city.report()
    page = signed_in("leader")
    page.clock.install()
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/dashboard/?wall=1")
    expect(page.locator("path.gg-area")).to_have_count(2)
    expect(page.locator(".gg-w-hero > a")).to_have_text("1")
    assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
        width,
        height,
    ]
    for part in ("main", "footer", ".gg-w-col:first-child > :last-child", ".gg-w-col:last-child > :last-child"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= height, part
    page.context.set_offline(True)
    page.clock.fast_forward("00:35")
    expect(page.get_by_role("status").filter(has_text="连接中断")).to_contain_text("秒后重试")
    expect(page.locator("[data-lamp]")).to_have_text("重连中")
    expect(page.locator(".gg-w-hero > a")).to_have_text("1")
    page.clock.fast_forward("31:00")
    expect(page.locator("[data-dead-note]")).to_contain_text("数据已停")


def test_names_crowded_on_a_map_are_led_out_and_none_lies_over_another(city: World, signed_in):
    page = signed_in("leader")
    told = page.evaluate("""async () => {
        const { placeLabels } = await import("/static/js/maplabels.js");
        const host = document.body.appendChild(document.createElement("div"));
        host.className = "gg-areamap";
        Object.assign(host.style, { position: "fixed", left: 0, top: 0, width: "600px", height: "400px" });
        const labels = ["西固区 46", "城关区 4", "安宁区 4", "七里河区 1"].map((text) => {
            const place = host.appendChild(document.createElement("div"));
            place.className = "gg-map-name";
            Object.assign(place.style, { position: "absolute", left: "300px", top: "200px" });
            const label = place.appendChild(document.createElement("span"));
            label.className = "gg-map-label";
            label.textContent = text;
            return label;
        });
        placeLabels(labels, host.getBoundingClientRect(), [], false);
        const boxes = labels.map((label) => label.getBoundingClientRect());
        const over = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
        return {
            shown: labels.filter((label) => label.checkVisibility({ visibilityProperty: true })).length,
            over: boxes.filter((one, at) => boxes.some((other, than) => than > at && over(one, other))).length,
            leaders: host.querySelectorAll(".gg-map-leader").length,
        };
    }""")
    assert told == {"shown": 4, "over": 0, "leaders": 3}
