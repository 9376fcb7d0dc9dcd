"""The interface in English, for who has chosen it."""

import pytest
from django.conf import settings
from django.test import Client

pytestmark = pytest.mark.django_db


def test_pages_are_in_chinese_whatever_the_browser_asks_for():
    page = Client(HTTP_ACCEPT_LANGUAGE="en").get("/login/")
    assert 'lang="zh-CN"' in page.text
    assert "登录" in page.text
    assert page["Content-Language"] == "zh-hans"


def test_the_button_changes_the_language_and_comes_back_to_the_page():
    client = Client()
    answer = client.post("/language/", {"language": "en", "next": "/login/"})
    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    page = client.get("/login/")
    assert '<html lang="en"' in page.text
    assert "Sign in" in page.text
    client.post("/language/", {"language": "zh-hans", "next": "/login/"})
    assert "登录" in client.get("/login/").text


def test_the_button_leads_nowhere_else():
    answer = Client().post("/language/", {"language": "en", "next": "https://example.org/"})
    assert answer["Location"].startswith("/")


def test_a_language_that_there_is_not_is_the_default():
    client = Client()
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "xx'"
    assert 'lang="zh-CN"' in client.get("/login/").text


def test_scripts_have_their_words_in_the_language_of_the_page():
    client = Client()
    answer = client.get("/language/words.js?zh-hans")
    assert answer["Content-Type"].startswith("text/javascript")
    assert "gettext" in answer.text
