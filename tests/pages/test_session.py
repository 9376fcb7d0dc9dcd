"""Signing in and out, and where each role begins."""

import pytest
from django.test import Client

from tests.worlds import PASSWORD

pytestmark = pytest.mark.django_db

HOMES = {
    "acceptor": "/work/accept/", "duty_chief": "/work/file/", "dispatcher": "/work/dispatch/",
    "verifier": "/work/verify/", "supervisor": "/work/supervise/", "department_handler": "/inbox/",
    "grid_worker": "/tasks/", "leader": "/dashboard/", "system_admin": "/ops/", "nobody": "/notices/",
}  # fmt: skip


@pytest.mark.parametrize("login", HOMES)
def test_home_leads_to_the_queue_of_the_role(sign_in, login):
    response = sign_in(login).get("/", follow=True)
    assert response.redirect_chain == [(HOMES[login], 302)]
    assert response.status_code == 200


def test_sign_in_by_password_and_out_again(world):
    client = Client()
    assert client.get("/queue/accept/").url == "/login/?next=/queue/accept/"
    response = client.post("/login/?next=/queue/accept/", {"username": "acceptor", "password": PASSWORD})
    assert response.url == "/queue/accept/"
    assert client.get("/queue/accept/").status_code == 200
    assert client.post("/logout/").url == "/login/"
    assert client.get("/queue/accept/").status_code == 302


def test_sign_in_with_a_wrong_password_says_so_and_keeps_the_name(world):
    response = Client().post("/login/", {"username": "acceptor", "password": "x"})
    assert response.status_code == 400
    assert "账号或密码不对" in response.text
    assert 'value="acceptor"' in response.text


def test_sign_in_stops_listening_after_many_wrong_passwords(world):
    for _time in range(4):
        assert Client().post("/login/", {"username": "acceptor", "password": "x"}).status_code == 400
    assert Client().post("/login/", {"username": "acceptor", "password": "x"}).status_code == 429
    locked = Client().post("/login/", {"username": "acceptor", "password": PASSWORD})
    assert locked.status_code == 429
    assert "此账号在本地址已锁定" in locked.text
    other = Client().post("/login/", {"username": "dispatcher", "password": PASSWORD})
    assert other.status_code == 302


def test_admin_sign_in_stops_listening_too(world):
    for _time in range(4):
        assert Client().post("/admin/login/", {"username": "system_admin", "password": "x"}).status_code == 400
    assert Client().post("/admin/login/", {"username": "system_admin", "password": "x"}).status_code == 429
    assert Client().post("/admin/login/", {"username": "system_admin", "password": PASSWORD}).status_code == 429
    assert Client().post("/login/", {"username": "system_admin", "password": PASSWORD}).status_code == 429
    admitted = Client().post("/admin/login/", {"username": "security_admin", "password": PASSWORD})
    assert (admitted.status_code, admitted.url) == (302, "/admin/")


def test_admin_tells_who_may_not_be_there_so_and_leads_nowhere_else(sign_in):
    client = sign_in("acceptor")
    assert client.get("/admin/").status_code == 403
    assert client.get("/admin/login/?next=/admin/").status_code == 403
    assert Client().get("/admin/").url == "/admin/login/?next=/admin/"
    elsewhere = Client().post(
        "/admin/login/?next=https://elsewhere.example/", {"username": "system_admin", "password": PASSWORD}
    )
    assert elsewhere.url == "/admin/"


def test_sign_in_without_csrf_token_says_that_the_page_is_stale(world):
    client = Client(enforce_csrf_checks=True)
    response = client.post("/login/", {"username": "acceptor", "password": PASSWORD})
    assert response.status_code == 403
    assert "页面已过期" in response.text


def test_sign_out_needs_a_post(sign_in):
    assert sign_in("acceptor").get("/logout/").status_code == 405


@pytest.mark.parametrize("path", ["/nowhere/", "/queue/nowhere/", "/cases/620901000/", "/cases/X%00Y/"])
def test_unknown_address_answers_404_in_the_design(sign_in, path):
    response = sign_in("acceptor").get(path)
    assert response.status_code == 404
    assert "没有找到" in response.text


@pytest.mark.parametrize("path", ["/login/", "/r/no-such-token/", "/c/no-such-code/"])
def test_public_pages_run_nothing_but_our_own_files(world, path):
    policy = Client().get(path)["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_pages_are_kept_by_no_cache_on_the_way(sign_in):
    response = sign_in("acceptor").get("/queue/accept/")
    assert response["Cache-Control"] == "private, no-cache"
    assert response["X-Frame-Options"] == "DENY"
    assert "script-src 'self';" in response["Content-Security-Policy"]
