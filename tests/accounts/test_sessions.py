"""Sessions: idle time, whose they are, and ending them."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as conf
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.utils import timezone

from dispatch.actors import actor_of, actor_signed_in
from dispatch.live.door import viewers_of
from gridgov.accounts import sessions
from gridgov.accounts.models import Session
from gridgov.common import clock
from gridgov.common.models import AuditEntry, User
from personnel.services import end_posting
from tests.statements import counted
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


def test_session_its_owner_and_who_he_is_at_work_are_read_in_one_statement(world: World) -> None:
    client = enter("acceptor")
    client.get("/here/", **BY_ITSELF)
    with counted() as found:
        assert client.get("/here/", **BY_ITSELF).status_code == 204
    assert len(found) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"is_active": False},
        {"password": make_password("Lanzhou-2028", hasher="md5")},
    ],
)
def test_account_that_changed_between_two_requests_is_out(world: World, change: dict[str, object]) -> None:
    """By nobody's service: the session's row is still there, but its owner is read with it each time."""
    client = enter("acceptor")
    assert client.get("/here/", **BY_ITSELF).status_code == 204
    User.objects.filter(pk=world.people["acceptor"].pk).update(**change)
    assert Session.objects.filter(user=world.people["acceptor"]).exists()
    assert client.get("/here/", **BY_ITSELF).status_code == 302
    assert client.get("/api/v1/me/").status_code == 401


def test_session_whose_row_is_gone_or_over_is_out_at_the_next_request(world: World) -> None:
    client = enter("acceptor")
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert client.get("/here/", **BY_ITSELF).status_code == 302
    client = enter("acceptor")
    Session.objects.all().delete()
    assert client.get("/here/", **BY_ITSELF).status_code == 302


def test_session_that_names_another_user_than_its_row_is_not_answered_by_the_row(world: World) -> None:
    enter("acceptor")
    row = Session.objects.get()
    Session.objects.update(user=world.people["dispatcher"])
    store = sessions.SessionStore(row.session_key)
    assert store["_auth_user_id"] == str(world.people["acceptor"].pk)
    assert store.owner == world.people["dispatcher"]
    assert sessions.owner_of(store) is None


@pytest.mark.parametrize("backends", [[], ["gridgov.admin_access.AdminAccess"]])
def test_session_of_a_backend_that_is_none_any_more_is_out(world: World, settings, backends: list[str]) -> None:
    client = enter("acceptor")
    settings.AUTHENTICATION_BACKENDS = backends
    assert client.get("/here/", **BY_ITSELF).status_code == 302


def test_session_outlives_a_replaced_secret_that_is_still_named(world: World, settings) -> None:
    client = enter("acceptor")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another-" + "k" * 42, [conf.SECRET_KEY]
    before = Session.objects.get().session_key
    assert client.get("/here/", **BY_ITSELF).status_code == 204
    row = Session.objects.get()
    assert row.session_key != before
    store = sessions.SessionStore(row.session_key)
    assert store[HASH_SESSION_KEY] == world.people["acceptor"].get_session_auth_hash()
    settings.SECRET_KEY_FALLBACKS = []
    assert client.get("/here/", **BY_ITSELF).status_code == 204


def test_secret_that_is_named_no_more_ends_sessions(world: World, settings) -> None:
    client = enter("acceptor")
    settings.SECRET_KEY = "another-" + "k" * 42
    assert client.get("/here/", **BY_ITSELF).status_code == 302


def test_session_of_nobody_keeps_what_it_holds(world: World) -> None:
    store = sessions.SessionStore()
    store["a"] = "b"
    store.save()
    again = sessions.SessionStore(store.session_key)
    assert (again["a"], again.owner, sessions.owner_of(again)) == ("b", None, None)
    client = Client()
    client.cookies[conf.SESSION_COOKIE_NAME] = store.session_key
    assert client.get("/here/", **BY_ITSELF).status_code == 302
    assert sessions.SessionStore(store.session_key)["a"] == "b"
    assert dict(sessions.SessionStore("0" * 32).items()) == {}


def test_emptied_session_has_no_owner(world: World) -> None:
    enter("acceptor")
    store = sessions.SessionStore(Session.objects.get().session_key)
    assert sessions.owner_of(store) == world.people["acceptor"]
    store.flush()
    assert sessions.owner_of(store) is None


def test_grants_and_postings_are_those_of_each_request(world: World) -> None:
    client = enter("acceptor")
    queue = "/work/accept/"
    assert client.get(queue).status_code == 200
    posting = world.people["acceptor"].worker.postings.get()
    yesterday = clock.local_date(clock.now()) - timedelta(days=1)
    end_posting(posting=posting, ends_on=yesterday, reason="轮岗")
    assert client.get(queue).status_code == 403
    assert client.get("/here/", **BY_ITSELF).status_code == 204


def test_what_was_told_of_another_day_is_asked_again(world: World) -> None:
    enter("duty_chief")
    store = sessions.SessionStore(Session.objects.get().session_key)
    user = sessions.owner_of(store)
    with counted() as found:
        actor = actor_signed_in(user)
    assert (found, actor) == ([], actor_of(world.people["duty_chief"]))
    user.told_on -= timedelta(days=1)
    with counted() as found:
        assert actor_signed_in(user) == actor
    assert len(found) == 1
