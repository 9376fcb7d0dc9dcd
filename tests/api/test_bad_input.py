"""Bad input: a clear answer that names the field, and nothing written."""

from io import BytesIO
from typing import Any

import pytest

from dispatch.models import Request
from incidents.models import Attachment, Clock, IdempotencyKey, Incident, JournalEntry, Reporter
from tests.worlds import World, sample_image

pytestmark = pytest.mark.django_db

TABLES = (Incident, JournalEntry, Clock, IdempotencyKey, Reporter, Attachment, Request)


def _counts() -> list[int]:
    return [model.objects.count() for model in TABLES]


def _body(world: World, **more: Any) -> dict[str, Any]:
    lon, lat = world.point()
    return {"category": "0201", "description": "垃圾", "lon": lon, "lat": lat, "source": "hotline"} | more


def _refused(world: World, body: Any, **options: Any) -> dict[str, Any]:
    before = _counts()
    answer = world.client("acceptor").post("/api/v1/incidents/", body, **options)
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert _counts() == before
    problem = answer.json()
    assert {"type", "title", "status", "detail", "errors"} <= set(problem)
    assert problem["status"] == 400
    return problem


@pytest.mark.parametrize(
    ("more", "field", "code"),
    [
        ({"lon": 36.055, "lat": 103.605}, "lat", "invalid"),
        ({"lon": 0.0, "lat": 0.0}, "lon", "outside"),
        ({"lon": 120.0, "lat": 30.0}, "lon", "outside"),
        ({"category": "9999"}, "category", "invalid"),
        ({"category": "02"}, "category", "invalid"),
        ({"category": 201}, "category", "invalid"),
        ({"lon": "103.6"}, "lon", "invalid"),
        ({"lon": True}, "lon", "invalid"),
        ({"lon": None}, "lon", "invalid"),
        ({"lat": 1e308}, "lat", "invalid"),
        ({"crs": "mars"}, "crs", "invalid_choice"),
        ({"source": "rumour"}, "source", "invalid_choice"),
        ({"occurred_at": "yesterday"}, "occurred_at", "invalid"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, "occurred_at", "invalid"),
        ({"accuracy_m": -1}, "accuracy_m", "invalid"),
        ({"description": "字" * 2001}, "description", "max_length"),
        ({"description": "a\x00b"}, "description", "null_characters_not_allowed"),
        ({"description": ["a"]}, "description", "invalid"),
        ({"reporter": {"phone": "call me"}}, "reporter.phone", "invalid"),
        ({"reporter": "张先生"}, "reporter", "invalid"),
        ({"reporter": {"age": 40}}, "reporter.age", "unknown"),
        ({"component": "no-such"}, "component", "invalid"),
        ({"attachments": ["1"]}, "attachments.0", "invalid"),
        ({"attachments": "1"}, "attachments", "not_a_list"),
        ({"attachments": ["6d8225f7-ba6a-4292-8e39-ab71951b9c99"]}, "attachments", "not_yours"),
        ({"status": "closed"}, "status", "unknown"),
    ],
)
def test_report_is_refused_by_field(world: World, more: dict[str, Any], field: str, code: str) -> None:
    [error] = _refused(world, _body(world, **more))["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert any("一" <= letter <= "鿿" for letter in error["message"]), error


def test_swapped_position_is_named_as_swapped(world: World) -> None:
    lon, lat = world.point()
    answer = world.client("acceptor").get("/api/v1/areas/locate/", {"lon": lat, "lat": lon})
    assert answer.status_code == 400
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [("lon", "swapped")]
    [error] = _refused(world, _body(world, lon=lat, lat=lon))["errors"]
    assert "写反" in error["message"]


def test_missing_field_is_named(world: World) -> None:
    lon, lat = world.point()
    [error] = _refused(world, {"lon": lon, "lat": lat})["errors"]
    assert (error["field"], error["code"]) == ("category", "required")
    [error] = _refused(world, {"category": "0201", "lon": lon})["errors"]
    assert error["field"] == "lat"


def test_every_wrong_field_is_named_at_once(world: World) -> None:
    errors = _refused(world, _body(world, category=1, lon="x", colour="red"))["errors"]
    assert {error["field"] for error in errors} >= {"colour"}
    errors = _refused(world, _body(world, category="9999", reporter={"phone": "?"}))["errors"]
    assert {error["field"] for error in errors} == {"category", "reporter.phone"}


@pytest.mark.parametrize("content", [b"{", b"", b"[1]", b'"text"', b"\xff\xfe", b"null", b"[" * 3000])
def test_body_that_is_no_object_is_refused(world: World, content: bytes) -> None:
    before = _counts()
    answer = world.client("acceptor").generic("POST", "/api/v1/incidents/", content, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"]
    assert _counts() == before


def test_body_of_another_type_is_refused(world: World) -> None:
    answer = world.client("acceptor").generic("POST", "/api/v1/incidents/", "<a/>", content_type="text/xml")
    assert (answer.status_code, answer.json()["status"]) == (415, 415)


def test_ten_megabytes_of_text_are_refused(world: World) -> None:
    before = _counts()
    answer = world.client("acceptor").post("/api/v1/incidents/", _body(world, description="字" * 3_500_000))
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")
    assert _counts() == before


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"not a picture at all", "unknown_type"),
        (sample_image().getvalue()[:200], "broken"),
        (b"\xff\xd8\xff\xe0 broken", "broken"),
        (b"GIF89a" + b"\0" * 100, "unknown_type"),
        (b"<html><script>", "unknown_type"),
        (b"%PDF-1.7 cut", "broken"),
    ],
)
def test_bad_file_is_refused(world: World, content: bytes, code: str) -> None:
    before = _counts()
    file = BytesIO(content)
    file.name = "photo.jpg"
    answer = world.client("acceptor").post("/api/v1/attachments/", {"file": file}, format="multipart")
    assert answer.status_code == 400, answer.content
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("file", code)
    assert _counts() == before


def test_upload_without_a_file_is_refused(world: World) -> None:
    client = world.client("acceptor")
    assert client.post("/api/v1/attachments/", {}, format="multipart").json()["errors"][0]["field"] == "file"
    named = client.post("/api/v1/attachments/", {"photo": sample_image()}, format="multipart")
    assert named.json()["errors"][0]["field"] == "photo"
    assert client.post("/api/v1/attachments/", {"file": "x"}).status_code == 415


def test_stale_version_says_who_did_what_when(world: World) -> None:
    number = world.report()
    world.perform(number, "accept", "acceptor_2")
    before = _counts()
    answer = world.client("acceptor").post(
        f"/api/v1/incidents/{number}/transitions/", {"action": "accept", "version": 1}
    )
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["actor"], problem["action"], problem["version"]) == ("受理甲二", "accept", 2)
    assert problem["at"].startswith("20")
    assert _counts() == before


def test_action_not_open_here_says_who_did_what_when(world: World) -> None:
    number = world.carry("filed")
    before = _counts()
    answer = world.client("acceptor").post(f"/api/v1/incidents/{number}/transitions/", {"action": "accept"})
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["code"], problem["actor"], problem["action"]) == ("not_open", "值班甲", "file")
    assert _counts() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"action": "explode"}, "action"),
        ({"action": 3}, "action"),
        ({"action": "accept", "version": "1"}, "version"),
        ({"action": "accept", "version": 10**30}, "version"),
        ({"action": "accept", "colour": 1}, "colour"),
        ({"action": "accept", "lead": {"department": 1, "worker": 2}}, "lead"),
        ({"action": "accept", "lead": {"department": "1"}}, "lead.department"),
        ({"action": "accept", "joint": [{"worker": 1}, {}]}, "joint.1"),
        ({"action": "accept", "until": "soon"}, "until"),
        ({"action": "accept", "checker": 10**30}, "checker"),
        ({"action": "accept", "standard": "0201-1"}, "standard"),
        ({"action": "reject"}, "reason"),
    ],
)
def test_transition_is_refused_by_field(world: World, body: dict[str, Any], field: str) -> None:
    number = world.report()
    before = _counts()
    answer = world.client("acceptor").post(f"/api/v1/incidents/{number}/transitions/", body)
    assert answer.status_code == 400, answer.content
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert _counts() == before


def test_idempotency_key_carries_a_report_out_once(world: World) -> None:
    client, body = world.client("acceptor"), _body(world)
    first = client.post("/api/v1/incidents/", body, headers={"Idempotency-Key": "a-1"})
    again = client.post("/api/v1/incidents/", body, headers={"Idempotency-Key": "a-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["number"] == again.json()["number"]
    assert again.json()["repeated"] is True
    assert Incident.objects.count() == 1
    before = _counts()
    other = client.post("/api/v1/incidents/", body | {"description": "别的"}, headers={"Idempotency-Key": "a-1"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert _counts() == before
    someone = world.client("acceptor_2").post("/api/v1/incidents/", body, headers={"Idempotency-Key": "a-1"})
    assert someone.status_code == 201


def test_long_idempotency_key_is_refused(world: World) -> None:
    [error] = _refused(world, _body(world), headers={"Idempotency-Key": "k" * 101})["errors"]
    assert error["field"] == "Idempotency-Key"


def test_decided_request_is_not_decided_again(world: World) -> None:
    number = world.carry("handling")
    asked = world.client("department_handler").post(
        f"/api/v1/incidents/{number}/requests/", {"kind": "extend", "reason": "材料未到"}
    )
    pk = asked.json()["id"]
    address = f"/api/v1/requests/{pk}/decision/"
    before = _counts()
    assert world.client("dispatcher").post(address, {"grant": "yes"}).json()["errors"][0]["field"] == "grant"
    assert world.client("dispatcher").post(address, {"grant": False}).json()["errors"][0]["field"] == "reason"
    assert _counts() == before
    refused = world.client("dispatcher").post(address, {"grant": False, "reason": "不必"})
    assert (refused.status_code, refused.json()["state"]) == (200, "refused")
    before = _counts()
    again = world.client("dispatcher_2").post(address, {"grant": True})
    assert again.status_code == 409
    problem = again.json()
    assert (problem["code"], problem["actor"], problem["action"]) == ("decided_before", "派遣甲", "refused")
    assert _counts() == before


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"status": "lost"}, "status"),
        ({"stage": "lost"}, "stage"),
        ({"area": "999999"}, "area"),
        ({"area_id": "x"}, "area_id"),
        ({"area_id": "9" * 30}, "area_id"),
        ({"category": "9999"}, "category"),
        ({"department": "NONE"}, "department"),
        ({"overdue": "maybe"}, "overdue"),
        ({"due_before": "soon"}, "due_before"),
        ({"received_from": "2026-13-01"}, "received_from"),
        ({"received_to": "0001-01-01"}, "received_to"),
        ({"text": "字"}, "text"),
        ({"text": "a\x00bc"}, "text"),
        ({"text": "字" * 51}, "text"),
        ({"order": "random"}, "order"),
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "201"}, "page_size"),
        ({"page_size": "²"}, "page_size"),
        ({"cursor": "garbage"}, "cursor"),
        ({"cursor": "W10"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"cursor": "WyJpZCIsbnVsbCwxXQ", "order": "due"}, "cursor"),
    ],
)
def test_list_condition_is_refused_by_name(world: World, query: dict[str, str], field: str) -> None:
    answer = world.client("acceptor").get("/api/v1/incidents/", query)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/incidents/nothing-here/", "/api/v1/incidents/62090120990101000000000001/", "/api/v1/none/",
        "/api/v1/tickets/99999999999999999999/done/", "/api/v1/incidents", "/api/v2/",
    ],
)  # fmt: skip
def test_no_such_address_is_a_problem(world: World, address: str) -> None:
    answer = world.client("acceptor").get(address)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_wrong_method_and_wrong_token_are_problems(world: World) -> None:
    answer = world.client("acceptor").delete("/api/v1/incidents/")
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
    for value in ("Token wrong", "Token", "Token a b", "Token \u00e9", "Bearer " + "x" * 5000, "Basic eDp5"):
        client = world.client()
        client.credentials(HTTP_AUTHORIZATION=value)
        answer = client.get("/api/v1/me/")
        assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json"), value
