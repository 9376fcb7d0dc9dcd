"""The bar of every page: the search in it, and its place on a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.worlds import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_search_of_the_bar_opens_the_command_line_at_the_workbench(city: World, signed_in):
    number = city.report(reporter_phone="13893122716")
    page = signed_in("acceptor")
    page.goto("/work/accept/")
    page.get_by_role("searchbox", name="查找").fill("2716")
    page.keyboard.press("Enter")
    line = page.locator("[data-palette] input")
    expect(line).to_be_focused()
    expect(line).to_have_value("2716")
    expect(page.locator("[data-palette] [data-kind=case]")).to_contain_text("138****2716")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/work/accept/.*#{number}$"))


@pytest.mark.parametrize("script", [True, False])
def test_search_of_the_bar_is_a_page_elsewhere_and_without_a_script(city: World, signed_in, script: bool):
    city.report(address="福利西路 1 号")
    city.report(address="福利西路 2 号")
    page = signed_in("acceptor", java_script_enabled=script)
    page.goto("/notices/" if script else "/work/accept/")
    page.get_by_role("searchbox", name="查找").fill("福利西路")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/find/"))
    expect(page.locator("main .gg-list li")).to_have_count(2)
    page.locator("main .gg-list a").first.click()
    expect(page).to_have_url(re.compile("/cases/"))


def test_name_of_the_house_leaves_room_for_the_lamp_on_a_phone(city: World, signed_in):
    page = signed_in("acceptor", width=390)
    page.goto("/work/accept/")
    lamp = page.locator(".gg-lamp")
    expect(lamp).to_be_visible()
    name = page.locator(".gg-brand span").bounding_box()
    assert name["width"] > 60
    assert name["x"] + name["width"] + 8 <= lamp.bounding_box()["x"]


def test_tab_of_the_page_is_in_view_on_a_phone(city: World, signed_in):
    page = signed_in("grid_leader", width=390)
    page.goto("/assessments/")
    bar, tab = page.locator(".gg-nav"), page.locator(".gg-nav [aria-current]")
    expect(tab).to_have_text("考核")
    page.wait_for_function(
        """() => {
          const box = (selector) => document.querySelector(selector).getBoundingClientRect();
          const [bar, tab] = [box(".gg-nav"), box(".gg-nav [aria-current]")];
          return bar.left <= tab.left && tab.right <= bar.right;
        }"""
    )
    assert bar.bounding_box()["width"] <= 390


def test_number_of_a_report_stands_on_one_line_on_a_phone(city: World, signed_in):
    number = city.report()
    page = signed_in("acceptor", width=390)
    page.goto(f"/report/done/{number}/")
    shown = page.locator(".gg-number")
    expect(shown).to_have_text(number)
    assert shown.bounding_box()["height"] < 40


def test_browser_knows_every_feature_that_the_policy_names(city: World, open_page):
    page = open_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto("/login/")
    expect(page.get_by_role("heading").first).to_be_visible()
    assert [text for text in said if "Permissions-Policy" in text] == []
