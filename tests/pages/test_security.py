"""The pages of the security and the audit administrator."""

import csv
import io

import pytest
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from dispatch import reporters
from gridgov.accounts import demo, second_factor
from gridgov.accounts.models import PasswordRecord, Session
from gridgov.common import audit
from gridgov.common.models import AuditEntry, User
from tests.worlds import PASSWORD

pytestmark = pytest.mark.django_db
PEOPLE = {"close", "reopen", "password", "factor"}


def account(world, step, login="acceptor"):
    return f"/security/accounts/{world.people[login].pk}/{step}/"


def test_locked_account_is_seen_and_unlocked(world, sign_in):
    for _time in range(5):
        Client().post("/login/", {"username": "acceptor", "password": "x"})
    chief = sign_in("security_admin")
    page = chief.get("/security/")
    assert "输错 5 次" in page.text
    key = page.context["lockouts"][0].key
    assert sign_in("system_admin").post(f"/security/lockouts/{key}/unlock/").status_code == 403
    assert Client().post("/login/", {"username": "acceptor", "password": PASSWORD}).status_code == 429
    assert chief.post(f"/security/lockouts/{key}/unlock/").url == "/security/"
    assert Client().post("/login/", {"username": "acceptor", "password": PASSWORD}).status_code == 302
    entry = AuditEntry.objects.get(action="lockout.release")
    assert (entry.actor, entry.object_id) == (world.people["security_admin"], str(world.people["acceptor"].pk))
    assert chief.post(f"/security/lockouts/{key}/unlock/").status_code == 404


def test_closed_account_is_out_at_once_and_comes_back(world, sign_in):
    chief, victim = sign_in("security_admin"), sign_in("acceptor")
    api = world.client("acceptor")
    assert "受理甲" in chief.get("/security/?text=受理").text
    chief.post(account(world, "close"), {"reason": " "})
    assert victim.get("/notices/").status_code == 200, "not without a reason"
    chief.post(account(world, "close"), {"reason": "调查期间"})
    assert victim.get("/notices/").status_code == 302
    assert api.get("/api/v1/me/").status_code == 401
    assert Client().post("/login/", {"username": "acceptor", "password": PASSWORD}).status_code == 400
    chief.post(account(world, "reopen"), {"reason": "已查清"})
    assert Client().post("/login/", {"username": "acceptor", "password": PASSWORD}).status_code == 302
    trail = AuditEntry.objects.filter(action__in=["user.close", "user.reopen"]).order_by("id")
    assert [(entry.action, entry.detail["reason"]) for entry in trail] == [
        ("user.close", "调查期间"), ("user.reopen", "已查清"),
    ]  # fmt: skip


def test_new_password_is_shown_once_and_must_be_replaced(world, sign_in):
    chief, victim = sign_in("security_admin"), sign_in("acceptor")
    shown = chief.post(account(world, "password"), {"reason": "本人遗忘"})
    initial = shown.context["initial"]["password"]
    assert initial in shown.text
    assert "no-store" in shown["Cache-Control"]
    assert initial not in chief.get("/security/").text
    assert initial not in repr(list(AuditEntry.objects.values("detail", "object_id")))
    assert victim.get("/notices/").status_code == 302
    assert PasswordRecord.objects.get(user=world.people["acceptor"]).is_initial
    client = Client()
    assert client.post("/login/", {"username": "acceptor", "password": initial}).url == "/login/password/"
    assert "本人首次登录时须更换" in shown.text
    assert "演示数据" not in shown.text


def test_new_password_in_a_demonstration_is_not_said_to_be_replaced(world, sign_in):
    audit.record(action=demo.MARKED, object_type=demo.TYPE, detail={"seed": 1})
    shown = sign_in("security_admin").post(account(world, "password"), {"reason": "本人遗忘"})
    assert "这是演示数据，登录时不要求更换密码，也不要求绑定动态验证码" in shown.text
    assert "须更换" not in shown.text
    given = {"username": "acceptor", "password": shown.context["initial"]["password"]}
    assert Client().post("/login/", given).url not in ("/login/password/", "/login/enrol/")


def test_nobody_handles_his_own_account_or_one_without_the_role(world, sign_in):
    for step in PEOPLE:
        for login in ("system_admin", "audit_admin", "duty_chief", "nobody"):
            assert sign_in(login).post(account(world, step), {"reason": "x"}).status_code == 403
        own = sign_in("security_admin").post(account(world, step, "security_admin"), {"reason": "x"})
        assert own.status_code == 403
    assert User.objects.get(username="acceptor").is_active
    assert not Session.objects.filter(user=world.people["acceptor"]).exists()


def test_superusers_account_is_nobodys_but_a_superusers(world, sign_in):
    root = User.objects.create_superuser("root", password=PASSWORD)
    chief = sign_in("security_admin")
    assert f"/security/accounts/{root.pk}/" not in chief.get("/security/?text=root").text
    for step in PEOPLE:
        assert chief.post(f"/security/accounts/{root.pk}/{step}/", {"reason": "x"}).status_code == 403
    root.refresh_from_db()
    assert root.is_active
    assert root.check_password(PASSWORD)


def test_second_factor_is_cleared_with_a_reason_and_one_never_set_is_told(world, sign_in):
    chief, user = sign_in("security_admin"), world.people["acceptor"]
    said = chief.post(account(world, "factor"), {"reason": "手机丢失"}, follow=True).text
    assert "没有绑定动态验证码" in said
    TOTPDevice.objects.create(user=user, confirmed=True, name="x")
    assert "请填写原因" in chief.post(account(world, "factor"), {"reason": " "}, follow=True).text
    assert second_factor.is_set_up(user), "not without a reason"
    assert "动态验证码已清除" in chief.post(account(world, "factor"), {"reason": "手机丢失"}, follow=True).text
    assert not second_factor.is_set_up(user)
    assert AuditEntry.objects.get(action="second_factor.remove").detail == {"reason": "手机丢失"}


def test_session_is_ended_with_a_reason(world, sign_in):
    chief, victim = sign_in("security_admin"), sign_in("acceptor")
    session = Session.objects.get(user=world.people["acceptor"])
    url = f"/security/sessions/{session.public_id}/end/"
    assert "请填写原因" in chief.post(url, follow=True).text
    assert chief.post(url, {"reason": "a\0b"}).status_code == 400
    assert victim.get("/notices/").status_code == 200
    chief.post(url, {"reason": "设备遗失"})
    assert victim.get("/notices/").status_code == 302
    assert AuditEntry.objects.get(action="session.end").detail["reason"] == "设备遗失"


def test_search_says_that_it_filters_the_sessions_too(sign_in):
    chief = sign_in("security_admin")
    sign_in("acceptor")
    assert "只列出账号或姓名中有" not in chief.get("/security/").text
    assert "只列出账号或姓名中有“acceptor”的登录" in chief.get("/security/?text=acceptor").text
    assert "没有符合的登录" in chief.get("/security/?text=leader").text


def test_way_to_the_admin_pages_is_in_the_bar_of_who_may_enter_them(sign_in):
    for login in ("system_admin", "security_admin", "audit_admin"):
        page = sign_in(login).get("/account/")
        assert [link.label for link in page.context["nav"]][-1] == "管理后台"
        assert 'href="/admin/"' in page.text
    for login in ("duty_chief", "nobody"):
        assert 'href="/admin/"' not in sign_in(login).get("/account/").text


# --- audit --------------------------------------------------------------------------------------------------------


def test_audit_page_filters_and_pages(world, sign_in):
    auditor = sign_in("audit_admin")
    Client().post("/login/", {"username": "acceptor", "password": "x"}, REMOTE_ADDR="10.2.3.4")
    for _time in range(60):
        audit.record(action="area.change", object_type="grids.Area", object_id=1)
    first = auditor.get("/audit/")
    assert len(first.context["rows"]) == 50
    older = auditor.get(f"/audit/?before={first.context['before']}")
    assert {r["id"] for r in older.context["rows"]}.isdisjoint({r["id"] for r in first.context["rows"]})
    failed = auditor.get("/audit/?group=access&text=10.2.3.4")
    assert [row["action"] for row in failed.context["rows"]] == ["sign_in.failed"]
    assert auditor.get("/audit/?since=2999-01-01").context["rows"] == []
    assert auditor.get("/audit/?since=nonsense&before=x&group=y").status_code == 200
    for day in ("0001-01-01", "9999-12-31"):
        assert auditor.get(f"/audit/?since={day}&until={day}").status_code == 200
        assert b"".join(auditor.get(f"/audit/export/?since={day}&until={day}").streaming_content)
    for login in ("security_admin", "system_admin", "leader"):
        assert sign_in(login).get("/audit/").status_code == 403
        assert sign_in(login).get("/audit/export/").status_code == 403


def test_audit_export_is_whole_and_stands_in_the_trail_itself(world, sign_in):
    audit.record(action="area.change", object_type="grids.Area", object_id="=1+1", detail={"a": "b"})
    response = sign_in("audit_admin").get("/audit/export/?group=access")
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))
    assert {(row["操作"], row["操作代码"]) for row in rows} == {("登录", "sign_in")}
    assert response["Content-Disposition"].startswith("attachment;")
    entry = AuditEntry.objects.get(action="audit.export")
    assert (entry.actor, entry.detail) == (world.people["audit_admin"], {"group": "access"})
    everything = b"".join(sign_in("audit_admin").get("/audit/export/").streaming_content).decode()
    assert "区域 =1+1" in everything
    assert ",'=" not in everything


def test_each_reveal_stands_in_the_trail_for_who_sees_no_case(world, sign_in):
    number = world.report(reporter_name="张先生", reporter_phone="13800002716")
    reporters.reveal_phone(number=number, by=world.actor("acceptor"), reason="回访")
    [row] = sign_in("audit_admin").get("/audit/?group=reveals").context["rows"]
    assert (row["login"], row["words"]) == ("acceptor", "查看完整电话")
    assert number in row["detail"]
    assert "13800002716" not in repr(list(AuditEntry.objects.values()))


def test_administrators_find_their_pages_in_the_bar_and_begin_there(sign_in):
    assert sign_in("security_admin").get("/").url == "/security/"
    assert sign_in("audit_admin").get("/").url == "/audit/"
    assert 'href="/security/"' in sign_in("security_admin").get("/account/").text
    assert 'href="/audit/"' in sign_in("audit_admin").get("/account/").text
    assert 'href="/audit/"' not in sign_in("security_admin").get("/account/").text
