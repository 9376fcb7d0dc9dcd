"""One's own account: the second factor of one's own will, its recovery codes, and the token of the API."""

import re

import pytest
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from gridgov.accounts import second_factor
from gridgov.accounts.models import PasswordRecord
from gridgov.common.models import AuditEntry
from tests.accounts.test_sign_in import code_of, with_factor
from tests.worlds import PASSWORD

pytestmark = pytest.mark.django_db


def rested() -> None:
    """The half minute of the last code is over, and so is the wait after a wrong one."""
    TOTPDevice.objects.update(last_t=-1, throttling_failure_timestamp=None, throttling_failure_count=0)


def codes_in(text: str) -> set[str]:
    return set(re.findall(r"<code>([a-z0-9]{5}-[a-z0-9]{5})</code>", text))


def test_second_factor_is_set_up_by_the_code_that_the_app_shows(world, sign_in):
    client, user = sign_in("acceptor"), world.people["acceptor"]
    offered = client.get("/account/factor/")
    assert "data:image/svg+xml" in offered.text
    assert "no-store" in offered["Cache-Control"]
    assert client.post("/account/factor/", {"code": "000000"}).status_code == 400
    assert not second_factor.is_set_up(user)
    rested()
    shown = client.post("/account/factor/", {"code": code_of(TOTPDevice.objects.get(user=user))})
    assert len(codes_in(shown.text)) == 10
    assert "no-store" in shown["Cache-Control"]
    assert second_factor.is_set_up(user)
    assert client.get("/account/factor/").url == "/account/"
    assert "还有 10 个恢复码未用" in client.get("/account/").text


def test_recovery_codes_are_renewed_for_who_shows_the_app(world, sign_in):
    user, old = with_factor(world, "acceptor")
    client = sign_in("acceptor")
    assert "验证码不对" in client.post("/account/factor/codes/", {"code": "000000"}).text
    rested()
    code = code_of(TOTPDevice.objects.get(user=user))
    fresh = codes_in(client.post("/account/factor/codes/", {"code": code}).text)
    assert len(fresh) == 10
    assert fresh.isdisjoint(old)
    assert second_factor.check(user=user, code=old[0]) == ""


def test_second_factor_is_removed_where_no_role_demands_it(world, sign_in, settings):
    user, codes = with_factor(world, "acceptor")
    client = sign_in("acceptor")
    settings.TOTP_ROLES = ["acceptor"]
    assert client.post("/account/factor/remove/", {"code": codes[0]}).status_code == 403
    settings.TOTP_ROLES = []
    assert client.post("/account/factor/remove/", {"code": "no"}).status_code == 400
    assert second_factor.is_set_up(user)
    rested()
    code = code_of(TOTPDevice.objects.get(user=user))
    assert client.post("/account/factor/remove/", {"code": code}).url == "/account/"
    assert not second_factor.is_set_up(user)


def test_token_that_is_dropped_opens_nothing(world, sign_in):
    api, client = world.client("acceptor"), sign_in("acceptor")
    assert api.get("/api/v1/me/").status_code == 200
    assert client.post("/account/token/drop/").url == "/account/"
    assert api.get("/api/v1/me/").status_code == 401


def test_wrong_present_passwords_count_as_wrong_ones_at_the_sign_in(world, sign_in, settings):
    client, user = sign_in("acceptor"), world.people["acceptor"]
    user.set_password("Right-now-2026")
    user.save()
    client.force_login(user)
    new = {"new": "Another-one-2026", "again": "Another-one-2026"}
    for _try in range(settings.LOCKOUT_FAILURES - 1):
        assert "现在的密码不对" in client.post("/account/password/", {"old": "guessed", **new}).text
    last = client.post("/account/password/", {"old": "guessed", **new})
    assert last.status_code == 400
    assert "已锁定" in last.text
    # locked, the right one is not tried either; nor at the sign-in from the same address
    assert "已锁定" in client.post("/account/password/", {"old": "Right-now-2026", **new}).text
    user.refresh_from_db()
    assert user.check_password("Right-now-2026")
    sent = {"username": user.username, "password": "Right-now-2026"}
    assert Client().post("/login/", sent).status_code == 429
    assert AuditEntry.objects.filter(action="sign_in.failed").count() == settings.LOCKOUT_FAILURES - 1
    assert AuditEntry.objects.filter(action="sign_in.locked").exists()
    # the owner elsewhere is not kept from it
    elsewhere = Client(REMOTE_ADDR="10.9.8.7")
    elsewhere.force_login(user)
    assert elsewhere.post("/account/password/", {"old": "Right-now-2026", **new}).status_code == 302


def test_right_code_soon_after_a_wrong_one_is_asked_to_wait_and_not_called_wrong(world, sign_in):
    client, user = sign_in("acceptor"), world.people["acceptor"]
    client.get("/account/factor/")
    assert "验证码不对。请核对" in client.post("/account/factor/", {"code": "000000"}).text
    early = client.post("/account/factor/", {"code": code_of(TOTPDevice.objects.get(user=user))})
    assert early.status_code == 400
    assert "请等几秒" in early.text
    assert not second_factor.is_set_up(user)


def test_present_password_is_no_new_one_though_nothing_was_recorded(world, sign_in):
    user = world.people["acceptor"]
    PasswordRecord.objects.filter(user=user).delete()
    answer = sign_in("acceptor").post("/account/password/", {"old": PASSWORD, "new": PASSWORD, "again": PASSWORD})
    assert answer.status_code == 400
    assert "用过的相同" in answer.text


@pytest.mark.parametrize("path", ["/account/password/", "/account/factor/remove/", "/exports/start/"])
def test_address_of_a_form_that_is_opened_is_a_page_that_says_so(sign_in, path):
    answer = sign_in("acceptor").get(path)
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    assert "只接收表单" in answer.text
    assert "/logout/" in answer.text  # within the bar


def test_language_of_a_page_that_a_form_came_to_is_changed_on_the_page_of_the_form(sign_in):
    page = "http://testserver/account/"
    answer = sign_in("acceptor").post("/account/password/", {"old": "no"}, headers={"referer": page})
    assert answer.status_code == 400
    assert f'name="next" value="{page}"' in answer.text
