"""Signing in and out by hand."""

import re

import pytest
from playwright.sync_api import expect

from tests.worlds import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", [1440, 390])
def test_person_signs_in_where_he_was_going_and_out_again(city: World, open_page, width: int):
    page = open_page(width=width)
    page.goto("/queue/accept/")
    expect(page).to_have_url(re.compile(r"/login/\?next=/queue/accept/"))
    page.get_by_label("账号").fill("acceptor")
    page.get_by_label("密码").fill("not this")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_text("账号或密码不对。")).to_be_visible()
    expect(page.get_by_label("账号")).to_have_value("acceptor")
    page.get_by_label("密码").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/queue/accept/$"))
    page.get_by_role("button", name="退出登录").click()
    expect(page.get_by_label("账号")).to_be_visible()
    page.goto("/queue/accept/")
    expect(page).to_have_url(re.compile("/login/"))


def test_work_begins_where_the_role_has_it(city: World, open_page):
    page = open_page()
    page.goto("/")
    page.get_by_label("账号").fill("grid_leader")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page).to_have_url(re.compile("/today/$"))
