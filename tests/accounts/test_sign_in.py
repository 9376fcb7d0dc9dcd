"""Signing in by password, code and new password; lockouts; what the audit trail has of it."""

import re
from datetime import timedelta

import pytest
import time_machine
from axes.models import AccessAttempt
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from gridgov.accounts import passwords, second_factor
from gridgov.accounts.models import PasswordRecord
from gridgov.common import audit
from gridgov.common.errors import FieldError
from gridgov.common.models import AuditEntry, User
from tests.worlds import PASSWORD, World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()
    yield
    cache.clear()


def enter(login: str, password: str = PASSWORD, *, client: Client | None = None, path: str = "/login/", **extra):
    return (client or Client()).post(path, {"username": login, "password": password}, **extra)


def actions() -> list[str]:
    found = AuditEntry.objects.filter(action__regex=r"^(sign_|lockout|second|password|token|session)")
    return list(found.order_by("id").values_list("action", flat=True))


def code_of(device: TOTPDevice) -> str:
    return f"{totp(device.bin_key, device.step, device.t0, device.digits):06}"


def with_factor(world: World, login: str) -> tuple[User, list[str]]:
    user = world.people[login]
    second_factor.offer(user)
    codes = second_factor.confirm(user=user, code=code_of(TOTPDevice.objects.get(user=user)), by=user)
    # the code that set it up is used; the next half minute has another
    TOTPDevice.objects.filter(user=user).update(last_t=-1)
    return user, codes


# --- lockout ------------------------------------------------------------------------------------------------------


def test_lockout_after_five_wrong_passwords_says_how_long_and_holds_for_that_address_alone(world: World) -> None:
    for _time in range(4):
        assert enter("acceptor", "x").status_code == 400
    locked = enter("acceptor", "x")
    assert locked.status_code == 429
    assert "请15分钟后再试" in locked.text
    assert locked["Retry-After"] == "900"
    right = enter("acceptor")
    assert right.status_code == 429, "the right password is not even tried"
    assert enter("dispatcher").status_code == 302
    assert enter("acceptor", REMOTE_ADDR="10.1.1.1").status_code == 302, "nobody locks somebody else out"
    assert actions() == ["sign_in.failed"] * 4 + ["sign_in.locked", "sign_in", "sign_in"]


def test_lockout_ends_by_itself(world: World) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        for _time in range(5):
            enter("acceptor", "x")
    with time_machine.travel(start + timedelta(minutes=14), tick=False):
        assert "请1分钟后再试" in enter("acceptor").text
    with time_machine.travel(start + timedelta(minutes=16), tick=False):
        assert enter("acceptor").status_code == 302


def test_lockout_of_the_api_is_the_same_one(world: World) -> None:
    for _time in range(5):
        enter("acceptor", "x")
    body = {"login": "acceptor", "password": PASSWORD}
    refused = Client().post("/api/v1/auth/token/", body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (429, "locked_out")
    assert "分钟后再试" in refused.json()["detail"]


def test_wrong_passwords_from_one_address_are_bounded_whosever_they_are(world: World) -> None:
    for number in range(60):
        assert enter(f"guess-{number}", "x").status_code == 400
    assert enter("dispatcher").status_code == 429
    assert enter("dispatcher", REMOTE_ADDR="10.1.1.1").status_code == 302


def test_name_that_no_account_has_is_kept_nowhere(world: World) -> None:
    enter("my-real-password!", "x")
    entry = AuditEntry.objects.get(action="sign_in.failed")
    assert (entry.actor, entry.object_type, entry.address) == (None, "login", "127.0.0.1")
    assert entry.object_id.startswith("?")
    kept = repr(AccessAttempt.objects.values())
    assert "my-real-password!" not in kept
    assert "acceptor" not in kept


# --- second factor ------------------------------------------------------------------------------------------------


def test_role_that_must_have_a_second_factor_sets_it_up_before_it_is_let_in(world: World, settings) -> None:
    settings.TOTP_ROLES = ["security_admin"]
    client = Client()
    assert enter("security_admin", client=client, path="/admin/login/").url == "/login/enrol/"
    assert client.get("/").url == "/login/?next=/", "signed in to nothing yet"
    page = client.get("/login/enrol/")
    assert "data:image/svg+xml" in page.text
    assert client.post("/login/enrol/", {"code": "000000"}).status_code == 400
    device = TOTPDevice.objects.get(user=world.people["security_admin"])
    TOTPDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    shown = client.post("/login/enrol/", {"code": code_of(device)})
    codes = re.findall(r"<code>([a-z0-9]{5}-[a-z0-9]{5})</code>", shown.text)
    assert len(set(codes)) == 10
    assert client.get("/").url == "/login/?next=/"
    assert client.get("/login/go/").url == "/admin/"
    assert client.get("/security/").status_code == 200
    assert actions() == ["second_factor.set", "sign_in"]
    assert enter("acceptor").url == "/", "nobody else is asked"


def test_key_that_was_offered_twice_at_once_can_be_confirmed(world: World) -> None:
    user = world.people["acceptor"]
    older, _younger = (TOTPDevice.objects.create(user=user, confirmed=False) for _page in range(2))
    assert second_factor.offer(user) == second_factor.offer(user)
    assert second_factor.confirm(user=user, code=code_of(older), by=user)
    assert TOTPDevice.objects.get(user=user) == older


def test_key_that_was_never_confirmed_is_removed_without_a_word(world: World) -> None:
    user = world.people["acceptor"]
    second_factor.offer(user)
    assert second_factor.remove(user=user, by=user) is False
    assert not TOTPDevice.objects.exists()
    assert actions() == []


def test_code_lets_in_once_and_a_recovery_code_in_its_place(world: World) -> None:
    user, codes = with_factor(world, "acceptor")
    device = TOTPDevice.objects.get(user=user)
    first, second, third = Client(), Client(), Client()
    assert enter("acceptor", client=first).url == "/login/code/"
    assert first.get("/work/accept/").status_code == 302
    code = code_of(device)
    assert first.post("/login/code/", {"code": code}).url == "/"
    assert first.get("/work/accept/").status_code == 200
    enter("acceptor", client=second)
    assert second.post("/login/code/", {"code": code}).status_code == 400, "used"
    assert second.get("/work/accept/").status_code == 302
    enter("acceptor", client=third)
    assert third.post("/login/code/", {"code": codes[0].upper()}).url == "/"
    assert second.post("/login/code/", {"code": codes[0]}).status_code == 400
    assert actions()[-4:] == ["sign_in.failed", "second_factor.recovery", "sign_in", "sign_in.failed"]


def test_wrong_codes_lock_out_as_wrong_passwords_do(world: World) -> None:
    _user, codes = with_factor(world, "acceptor")
    client = Client()
    enter("acceptor", client=client)
    for _time in range(4):
        assert client.post("/login/code/", {"code": "000000"}).status_code == 400
    assert client.post("/login/code/", {"code": "000000"}).status_code == 429
    assert enter("acceptor").status_code == 429
    # a right one comes too late: the locked account is locked on this page, too
    late = client.post("/login/code/", {"code": codes[0]})
    assert late.status_code == 429
    assert "已锁定" in late.text
    assert client.get("/work/accept/").status_code == 302


def test_code_page_is_for_who_gave_his_password_within_ten_minutes(world: World) -> None:
    with_factor(world, "acceptor")
    assert Client().get("/login/code/").url == "/login/"
    client = Client()
    enter("acceptor", client=client)
    assert client.get("/login/password/").url == "/login/code/"
    assert client.get("/login/go/").url == "/login/code/"
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert client.get("/login/code/").url == "/login/"


def test_recovery_codes_and_passwords_are_kept_as_digests(world: World) -> None:
    _user, codes = with_factor(world, "acceptor")
    kept = set(StaticToken.objects.values_list("token", flat=True))
    assert len(kept) == 10
    assert not kept & {code.replace("-", "") for code in codes}


def test_api_asks_for_the_code_too(world: World, settings) -> None:
    _user, codes = with_factor(world, "acceptor")
    client, body = Client(), {"login": "acceptor", "password": PASSWORD}

    def ask(**more):
        return client.post("/api/v1/auth/token/", body | more, content_type="application/json")

    wanted = ask()
    assert (wanted.status_code, wanted.json()["missing"]) == (403, "code")
    assert ask(code="123456").status_code == 401
    assert ask(code=codes[3]).status_code == 200
    settings.TOTP_ROLES = ["dispatcher"]
    body = {"login": "dispatcher", "password": PASSWORD}
    assert ask().json()["missing"] == "enrol"


def test_demonstration_asks_nobody_for_what_was_not_set_up(world: World, settings) -> None:
    settings.TOTP_ROLES = ["system_admin"]
    settings.PASSWORD_DAYS = 1
    User.objects.update(date_joined=timezone.now() - timedelta(days=400))
    assert enter("system_admin").url == "/login/enrol/"
    assert enter("dispatcher").url == "/login/password/"
    audit.record(action="demo.marked", object_type="demo", detail={"seed": 1})
    assert enter("system_admin").url == "/"
    assert enter("dispatcher").url == "/"


# --- passwords ----------------------------------------------------------------------------------------------------


def test_initial_password_is_replaced_at_the_first_sign_in(world: World) -> None:
    user = world.people["acceptor"]
    PasswordRecord.objects.create(user=user, password=user.password, set_at=timezone.now(), is_initial=True)
    client = Client()
    assert enter("acceptor", client=client).url == "/login/password/"
    assert "别人给你设的" in client.get("/login/password/").text
    for new, again, why in (
        ("Kort-1", "Kort-1", "短"),
        ("onlysmallletters", "onlysmallletters", "至少三种"),
        (PASSWORD, PASSWORD, "用过"),
        ("Lanzhou-2027", "Lanzhou-2028", "不一样"),
    ):
        refused = client.post("/login/password/", {"new": new, "again": again})
        assert refused.status_code == 400
        assert why in refused.text, (new, refused.text)
    assert client.post("/login/password/", {"new": "Lanzhou-2027", "again": "Lanzhou-2027"}).url == "/"
    assert client.get("/work/accept/").status_code == 200
    assert enter("acceptor", "Lanzhou-2027").url == "/"
    assert enter("acceptor").status_code == 400


def test_old_password_is_replaced_and_the_last_five_do_not_come_back(world: World, settings) -> None:
    user = world.people["acceptor"]
    used = [f"Used-{number}-before" for number in range(6)]
    for new in used:
        passwords.set_password(user=user, new=new, by=user)
    for old in used[1:]:
        with pytest.raises(FieldError) as refused:
            passwords.set_password(user=user, new=old, by=user)
        assert refused.value.field == "new"
    passwords.forget_old()
    assert PasswordRecord.objects.filter(user=user).count() == 5
    assert enter("acceptor", used[-1]).url == "/"
    PasswordRecord.objects.update(set_at=timezone.now() - timedelta(days=91))
    assert enter("acceptor", used[-1]).url == "/login/password/"
    settings.PASSWORD_DAYS = 0
    assert enter("acceptor", used[-1]).url == "/"
