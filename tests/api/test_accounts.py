"""Signing in, knowing oneself, and the reference data of forms."""

import pytest
from django.core.cache import cache
from rest_framework.authtoken.models import Token

from gridgov.common.models import AuditEntry
from tests.worlds import PASSWORD, World

pytestmark = pytest.mark.django_db

URL = "/api/v1/auth/token/"


@pytest.fixture(autouse=True)
def _no_throttle_left() -> None:
    cache.clear()


def test_token_is_given_for_login_and_password(world: World) -> None:
    answer = world.client().post(URL, {"login": "acceptor", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    client = world.client()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['token']}")
    assert client.get("/api/v1/me/").json()["login"] == "acceptor"
    again = world.client().post(URL, {"login": "acceptor", "password": PASSWORD})
    assert again.json()["token"] == answer.json()["token"]
    assert AuditEntry.objects.filter(action="token.issue").count() == 1


def test_wrong_password_unknown_login_and_closed_account_answer_alike(world: World) -> None:
    closed = world.people["verifier"]
    closed.is_active = False
    closed.save()
    answers = [
        world.client().post(URL, {"login": login, "password": password})
        for login, password in (("acceptor", "wrong"), ("nobody-here", PASSWORD), ("verifier", PASSWORD))
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert len({answer.content for answer in answers}) == 1
    assert not Token.objects.exists()


def test_sign_in_is_refused_by_field(world: World) -> None:
    answer = world.client().post(URL, {"login": "acceptor"})
    assert [e["field"] for e in answer.json()["errors"]] == ["password"]
    answer = world.client().post(URL, {"login": 1, "password": "x"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "login")


@pytest.mark.parametrize("content", ["{", "[]", "1", ""])
def test_body_that_is_no_object_is_no_sign_in(world: World, content: str) -> None:
    answer = world.client().generic("POST", URL, content, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_guessing_is_slowed_down_for_that_account_alone(world: World) -> None:
    client = world.client()
    for _ in range(4):
        assert client.post(URL, {"login": "acceptor", "password": "wrong"}).status_code == 401
    assert client.post(URL, {"login": "acceptor", "password": "wrong"}).status_code == 429
    slowed = client.post(URL, {"login": "acceptor", "password": PASSWORD})
    assert slowed.status_code == 429
    assert int(slowed["Retry-After"]) > 0
    assert client.post(URL, {"login": "dispatcher", "password": PASSWORD}).status_code == 200


def test_guessing_is_slowed_down_whatever_address_the_sender_claims(world: World) -> None:
    client = world.client()
    for n in range(4):
        guess = client.post(URL, {"login": "acceptor", "password": "wrong"}, HTTP_X_FORWARDED_FOR=f"10.0.0.{n}")
        assert guess.status_code == 401
    client.post(URL, {"login": "acceptor", "password": "wrong"}, HTTP_X_FORWARDED_FOR="10.0.0.5")
    slowed = client.post(URL, {"login": "acceptor", "password": PASSWORD}, HTTP_X_FORWARDED_FOR="10.0.0.99")
    assert slowed.status_code == 429


def test_token_of_a_closed_account_is_worth_nothing(world: World) -> None:
    client = world.client("acceptor")
    assert client.get("/api/v1/me/").status_code == 200
    world.people["acceptor"].is_active = False
    world.people["acceptor"].save()
    assert client.get("/api/v1/me/").status_code == 401


def test_me_says_postings_desk_and_capabilities(world: World) -> None:
    said = world.client("acceptor").get("/api/v1/me/").json()
    assert (said["name"], said["desk"]["code"]) == ("受理甲", "620901")
    [posting] = said["postings"]
    assert (posting["role"], posting["label"], posting["area"]["code"]) == ("acceptor", "受理员", "620901")
    assert said["capabilities"]["accept"] == [world.areas["620901"].pk]
    handler = world.client("department_handler").get("/api/v1/me/").json()
    assert handler["postings"][0]["department"]["name"] == "城市管理局／市政设施科"
    assert handler["capabilities"] == {}
    nobody = world.client("nobody").get("/api/v1/me/").json()
    assert (nobody["desk"], nobody["postings"]) == (None, [])


def test_categories_and_standards_fill_a_form(world: World) -> None:
    client = world.client("nobody")
    categories = {c["code"]: c for c in client.get("/api/v1/categories/").json()["results"]}
    assert (categories["0201"]["parent"], categories["0201"]["is_reportable"]) == ("02", True)
    assert categories["02"]["is_reportable"] is False
    standards = client.get("/api/v1/standards/?category=0201").json()["results"]
    assert [s["code"] for s in standards] == ["0201-1", "0201-2"]
    assert standards[0]["limits"][0]["clock"] == "handle"
    assert len(client.get("/api/v1/standards/").json()["results"]) == 8
    assert client.get("/api/v1/standards/?category=9").status_code == 400
