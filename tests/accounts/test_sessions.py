"""Sessions: idle time, whose they are, and ending them."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from dispatch.live.door import viewers_of
from gridgov.accounts import sessions
from gridgov.accounts.models import Session
from gridgov.common.models import AuditEntry
from tests.worlds import PASSWORD, World

pytestmark = pytest.mark.django_db

START = timezone.now()
BY_HAND = {"HTTP_SEC_FETCH_MODE": "navigate"}
BY_ITSELF = {"HTTP_SEC_FETCH_MODE": "cors"}


def enter(login: str, **more: str) -> Client:
    client = Client(headers={"user-agent": "Firefox 140"}, **more)
    assert client.post("/login/", {"username": login, "password": PASSWORD}).status_code == 302
    return client


def test_session_ends_when_nobody_does_anything_for_half_an_hour(world: World) -> None:
    with time_machine.travel(START, tick=False) as now:
        client = enter("acceptor")
        now.shift(timedelta(minutes=20))
        assert client.get("/notices/", **BY_HAND).status_code == 200
        now.shift(timedelta(minutes=29))
        assert client.get("/notices/", **BY_HAND).status_code == 200
        now.shift(timedelta(minutes=31))
        assert client.get("/notices/", **BY_HAND).url == "/login/?next=/notices/"


def test_what_a_page_does_by_itself_prolongs_nothing(world: World) -> None:
    with time_machine.travel(START, tick=False) as now:
        client = enter("acceptor")
        for _time in range(3):
            now.shift(timedelta(minutes=9))
            assert client.get("/notices/", **BY_ITSELF).status_code == 200
            assert client.get("/notices/", headers={"HX-Request": "true"}).status_code == 200
            assert client.get("/api/v1/me/", **BY_ITSELF).status_code == 200
            saved = client.put("/api/v1/drafts/report/", {"content": {"a": "b"}}, content_type="application/json")
            assert saved.status_code == 200
        now.shift(timedelta(minutes=4))
        assert client.get("/here/", **BY_ITSELF).status_code == 302


def test_on_plain_http_a_page_that_is_opened_prolongs_and_one_that_is_fetched_does_not(world: World) -> None:
    opened = {"accept": "text/html,*/*;q=0.8", "upgrade-insecure-requests": "1"}
    with time_machine.travel(START, tick=False) as now:
        client = enter("acceptor")
        now.shift(timedelta(minutes=20))
        assert client.get("/notices/", headers=opened).status_code == 200
        for fetched in ({"accept": "text/html"}, {"accept": "*/*"}, {}):
            now.shift(timedelta(minutes=9))
            assert client.get("/notices/", headers=fetched).status_code == 200
        now.shift(timedelta(minutes=4))
        assert client.get("/notices/", headers=opened).url == "/login/?next=/notices/"


def test_being_at_work_is_told_by_the_page(world: World) -> None:
    with time_machine.travel(START, tick=False) as now:
        client = enter("acceptor")
        for _time in range(4):
            now.shift(timedelta(minutes=25))
            assert client.post("/here/", **BY_ITSELF).status_code == 204
        assert client.get("/here/", **BY_ITSELF).status_code == 204


def test_wall_keeps_its_session(world: World) -> None:
    with time_machine.travel(START, tick=False) as now:
        client = enter("leader")
        for _time in range(3):
            now.shift(timedelta(minutes=25))
            assert client.get("/dashboard/?wall=1", **BY_ITSELF).status_code == 200


def test_activity_is_written_once_a_minute_at_most(world: World) -> None:
    with time_machine.travel(START, tick=False) as now:
        client = enter("acceptor")
        seen = Session.objects.values_list("seen_at", flat=True).get()
        now.shift(timedelta(seconds=50))
        client.get("/notices/", **BY_HAND)
        assert Session.objects.values_list("seen_at", flat=True).get() == seen
        now.shift(timedelta(seconds=20))
        client.get("/notices/", **BY_HAND)
        assert Session.objects.values_list("seen_at", flat=True).get() == seen + timedelta(seconds=70)


def test_token_makes_no_session_be_read_or_written(world: World) -> None:
    assert world.client("acceptor").get("/api/v1/me/").status_code == 200
    assert not Session.objects.exists()


def test_owner_sees_his_sessions_and_ends_one(world: World) -> None:
    here, there = enter("acceptor"), enter("acceptor", REMOTE_ADDR="10.0.0.7")
    page = here.get("/account/")
    assert "10.0.0.7" in page.text
    assert "Firefox 140" in page.text
    keys = set(Session.objects.values_list("session_key", flat=True))
    assert not any(key in page.text for key in keys)
    foreign = Session.objects.get(address="10.0.0.7")
    assert set(viewers_of(keys)) == keys
    assert enter("dispatcher").post(f"/account/sessions/{foreign.public_id}/end/").status_code == 404
    assert here.post(f"/account/sessions/{foreign.public_id}/end/").url == "/account/"
    assert there.get("/account/").status_code == 302
    assert here.get("/account/").status_code == 200
    assert foreign.session_key not in viewers_of(keys), "its event stream ends at the next look"
    entry = AuditEntry.objects.get(action="session.end")
    assert (entry.actor, entry.object_id) == (world.people["acceptor"], str(world.people["acceptor"].pk))


def test_security_administrator_sees_and_ends_anybodys_session(world: World) -> None:
    victim, chief = enter("acceptor"), enter("security_admin")
    assert "受理甲" in chief.get("/security/").text
    row = Session.objects.get(user=world.people["acceptor"])
    for login in ("system_admin", "audit_admin", "duty_chief"):
        assert enter(login).post(f"/security/sessions/{row.public_id}/end/").status_code == 403
    assert victim.get("/account/").status_code == 200
    assert chief.post(f"/security/sessions/{row.public_id}/end/", {"reason": "设备遗失"}).url == "/security/"
    assert victim.get("/account/").status_code == 302
    assert chief.post(f"/security/sessions/{row.public_id}/end/", {"reason": "设备遗失"}).status_code == 404


def test_new_password_ends_the_other_sessions_and_the_token(world: World) -> None:
    here, there = enter("acceptor"), enter("acceptor")
    api = world.client("acceptor")
    assert api.get("/api/v1/me/").status_code == 200
    wrong = here.post("/account/password/", {"old": "x", "new": "Lanzhou-2027", "again": "Lanzhou-2027"})
    assert wrong.status_code == 400
    assert there.get("/account/").status_code == 200
    done = here.post("/account/password/", {"old": PASSWORD, "new": "Lanzhou-2027", "again": "Lanzhou-2027"})
    assert done.url == "/account/"
    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302
    assert api.get("/api/v1/me/").status_code == 401


def test_signing_out_ends_the_session_and_is_noted(world: World) -> None:
    client = enter("acceptor")
    client.post("/logout/")
    assert not Session.objects.filter(user=world.people["acceptor"]).exists()
    assert AuditEntry.objects.filter(action="sign_out", actor=world.people["acceptor"]).count() == 1


def test_expired_rows_are_cleared(world: World) -> None:
    with time_machine.travel(START, tick=False) as now:
        enter("acceptor")
        assert sessions.clear_expired() == 0
        now.shift(timedelta(minutes=31))
        assert sessions.clear_expired() == 1
