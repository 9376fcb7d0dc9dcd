"""In threes: who lacks the posting is told what is missing, who has it may, his sibling elsewhere sees nothing.

Each refusal leaves the journal as it was.
"""

from typing import Any

import pytest
from rest_framework.test import APIClient

from incidents import journal
from incidents.models import Incident, JournalEntry
from tests.worlds import World, make_photo

pytestmark = pytest.mark.django_db

MEDIA = "application/problem+json"


def _journal(number: str) -> list[tuple[str, str | None]]:
    entries = JournalEntry.objects.filter(incident__number=number).order_by("seq")
    return list(entries.values_list("action", "actor__username"))


def _act(world: World, login: str | None, number: str, action: str, **more: Any) -> Any:
    return world.client(login).post(f"/api/v1/incidents/{number}/transitions/", {"action": action, **more})


# action, status it begins in, payload, who may, who sees the case and may not, who may elsewhere, what is missing
CASES = [
    ("accept", "reported", {}, "acceptor", "dispatcher", "acceptor_b", "accept"),
    ("file", "accepted", {"standard": "0201-1"}, "duty_chief", "acceptor", "duty_chief_b", "file"),
    ("dispatch", "filed", {"lead": "CG-SZ"}, "dispatcher", "duty_chief", "dispatcher_b", "dispatch"),
    ("sign", "dispatched", {}, "department_handler", "dispatcher", "department_handler_b", "lead_handler"),
    (
        "feed_back", "handling", {"note": "已办", "attachments": 1}, "department_handler", "acceptor",
        "department_handler_b", "lead_handler",
    ),
    ("recall", "dispatched", {"reason": "派错"}, "dispatcher", "acceptor", "dispatcher_b", "dispatch,impose"),
    ("supervise", "handling", {"note": "请抓紧"}, "supervisor", "acceptor", "supervisor_b", "supervise"),
    ("request_verification", "handled", {}, "acceptor", "supervisor", "acceptor_b", "accept"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "status", "payload", "able", "unable", "sibling", "missing"), CASES)
def test_action_in_threes(
    world: World, action: str, status: str, payload: dict[str, Any], able: str, unable: str, sibling: str, missing: str
) -> None:
    number = world.report() if status == "reported" else world.carry(status)
    before = _journal(number)

    def body(login: str) -> dict[str, Any]:
        made = dict(payload)
        if "lead" in made:
            made["lead"] = world.lead(made["lead"])
        if "attachments" in made:
            made["attachments"] = [str(make_photo(world.people[login]))]
        return made

    nobody = _act(world, None, number, action, **body(able))
    assert (nobody.status_code, nobody["WWW-Authenticate"]) == (401, 'Token realm="gridgov"')
    refused = _act(world, unable, number, action, **body(unable))
    assert refused.status_code == 403, refused.content
    assert refused["Content-Type"] == MEDIA
    assert refused.json()["missing"] == missing
    hidden = _act(world, sibling, number, action, **body(sibling))
    assert hidden.status_code == 404, hidden.content
    unknown = _act(world, sibling, "62090120990101" + "00001", action, **body(sibling))
    assert hidden.json() == unknown.json()
    assert _journal(number) == before
    allowed = _act(world, able, number, action, **body(able))
    assert allowed.status_code == 200, allowed.content
    assert _journal(number) == [*before, (action, able)]
    assert journal.verify(number=number).is_whole


def test_two_postings_never_add_up(world: World) -> None:
    """派遣员 of 甲区 who is 核查员 of 乙区 dispatches in 甲区 only and verifies in 乙区 only."""
    here = world.carry("filed")
    assert _act(world, "two_hats", here, "dispatch", lead=world.lead()).status_code == 200
    there = world.report(by="acceptor_b", grid="620902001001001")
    world.perform(there, "accept", "acceptor_b")
    world.perform(there, "file", "duty_chief_b", standard="0201-1")
    refused = _act(world, "two_hats", there, "dispatch", lead=world.lead())
    assert (refused.status_code, refused.json()["missing"]) == (403, "dispatch")
    handled = world.carry("handled")
    world.perform(handled, "request_verification", "acceptor", verifier=world.people["verifier"].pk)
    photo = [str(make_photo(world.people["two_hats"]))]
    refused = _act(world, "two_hats", handled, "pass", note="属实", attachments=photo)
    assert (refused.status_code, refused.json()["missing"]) == (403, "asked_verifier,verify")


def test_case_is_read_by_those_it_concerns_and_nobody_else(world: World) -> None:
    number = world.carry("dispatched")
    address = f"/api/v1/incidents/{number}/"
    assert world.client().get(address).status_code == 401
    for login in ("acceptor", "leader", "grid_worker", "department_handler", "department_head", "acceptor_city"):
        assert world.client(login).get(address).status_code == 200, login
    for login in ("nobody", "acceptor_b", "department_handler_joint", "grid_worker_b", "system_admin"):
        answer = world.client(login).get(address)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), login


def test_list_shows_each_only_what_he_may_see(world: World) -> None:
    here, there = world.report(), world.report(by="acceptor_b", grid="620902001001001")

    def seen(login: str) -> set[str]:
        answer = world.client(login).get("/api/v1/incidents/")
        assert answer.status_code == 200
        return {row["number"] for row in answer.json()["results"]}

    assert world.client().get("/api/v1/incidents/").status_code == 401
    assert seen("acceptor") == {here}
    assert seen("acceptor_b") == {there}
    assert seen("leader") == {here, there}
    assert seen("nobody") == seen("department_handler") == set()


def test_confidential_case_is_seen_by_named_people_only(world: World) -> None:
    number = world.report(category="0302")
    address = f"/api/v1/incidents/{number}/"
    assert world.client("acceptor").get(address).status_code == 200
    for login in ("supervisor", "grid_worker", "acceptor_b"):
        assert world.client(login).get(address).status_code == 404, login
        rows = world.client(login).get("/api/v1/incidents/").json()["results"]
        assert number not in {row["number"] for row in rows}


def test_reporting_in_threes(world: World) -> None:
    lon, lat = world.point()
    body = {"category": "0201", "lon": lon, "lat": lat, "description": "垃圾"}
    assert world.client().post("/api/v1/incidents/", body).status_code == 401
    refused = world.client("supervisor").post("/api/v1/incidents/", body)
    assert (refused.status_code, refused.json()["missing"]) == (403, "report_incident")
    assert not Incident.objects.exists()
    made = world.client("grid_worker").post("/api/v1/incidents/", body)
    assert made.status_code == 201, made.content
    case = Incident.objects.get(number=made.json()["number"])
    assert (case.source, case.reported_by.username) == ("worker", "grid_worker")
    assert _journal(case.number) == [("report", "grid_worker")]


def test_deciding_in_threes(world: World) -> None:
    number = world.carry("handling")
    asked = world.client("department_handler").post(
        f"/api/v1/incidents/{number}/requests/", {"kind": "return", "reason": "不属本部门"}
    )
    assert asked.status_code == 201
    pk = asked.json()["id"]
    before = _journal(number)
    body = {"grant": True, "reason": "同意"}
    for address in (f"/api/v1/requests/{pk}/decision/", f"/api/v1/incidents/{number}/requests/{pk}/decision/"):
        assert world.client().post(address, body).status_code == 401
        refused = world.client("acceptor").post(address, body)
        assert (refused.status_code, refused.json()["missing"]) == (
            403, "decide_first,decide_second,decide_leader",
        )  # fmt: skip
        assert world.client("dispatcher_b").post(address, body).status_code == 404
    other = world.report()
    wrong = world.client("dispatcher").post(f"/api/v1/incidents/{other}/requests/{pk}/decision/", body)
    assert wrong.status_code == 404
    assert _journal(number) == before
    granted = world.client("dispatcher").post(f"/api/v1/incidents/{number}/requests/{pk}/decision/", body)
    assert granted.status_code == 200, granted.content
    assert granted.json()["outcome"]["status"] == "filed"
    assert _journal(number) == [*before, ("return", "dispatcher")]


def test_waiting_requests_are_shown_to_who_may_decide_them(world: World) -> None:
    number = world.carry("handling")
    world.client("department_handler").post(
        f"/api/v1/incidents/{number}/requests/", {"kind": "return", "reason": "不属本部门"}
    )

    def waiting(login: str) -> list[str]:
        rows = world.client(login).get("/api/v1/requests/").json()["results"]
        return [row["incident"]["number"] for row in rows]

    assert waiting("dispatcher") == waiting("duty_chief") == waiting("leader") == [number]
    assert waiting("dispatcher_b") == waiting("department_handler") == waiting("acceptor") == []


def test_joint_ticket_in_threes(world: World) -> None:
    number = world.carry("filed")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead(), joint=[world.lead("ZJ")])
    [ticket] = world.client("department_handler_joint").get("/api/v1/tickets/").json()["results"]
    assert (ticket["incident"]["number"], ticket["is_lead"]) == (number, False)
    address, body = f"/api/v1/tickets/{ticket['id']}/done/", {"note": "已配合"}
    before = _journal(number)
    assert world.client().post(address, body).status_code == 401
    refused = world.client("department_handler").post(address, body)
    assert (refused.status_code, refused.json()["missing"]) == (403, "joint_handler")
    assert world.client("department_handler_b").post(address, body).status_code == 404
    assert _journal(number) == before
    assert world.client("department_handler_joint").post(address, body).status_code == 204
    assert _journal(number) == [*before, ("joint_done", "department_handler_joint")]
    again = world.client("department_handler_joint").post(address, body)
    assert again.status_code == 409


def test_lead_ticket_is_not_done_by_the_joint_way(world: World) -> None:
    world.carry("handling")
    client = world.client("department_handler")
    [ticket] = client.get("/api/v1/tickets/").json()["results"]
    answer = client.post(f"/api/v1/tickets/{ticket['id']}/done/", {"note": "已办"})
    assert (answer.status_code, answer.json()["code"]) == (409, "lead_ticket")


def test_phone_is_masked_and_each_reveal_is_journalled(world: World) -> None:
    number = world.report(reporter_name="张先生", reporter_phone="13800002716")
    address = f"/api/v1/incidents/{number}/"
    shown = world.client("supervisor").get(address).json()["reporter"]
    assert shown == {"name": "张先生", "phone": "138****2716", "may_reveal": False}
    refused = world.client("supervisor").post(f"{address}reveal-phone/", {"reason": "回访"})
    assert (refused.status_code, refused.json()["missing"]) == (403, "reveal_phone")
    assert world.client("acceptor_b").post(f"{address}reveal-phone/", {"reason": "回访"}).status_code == 404
    assert world.client("acceptor").post(f"{address}reveal-phone/", {"reason": "  "}).status_code == 400
    assert _journal(number) == [("report", "acceptor")]
    told = world.client("acceptor").post(f"{address}reveal-phone/", {"reason": "回访"})
    assert (told.status_code, told.json()["phone"]) == (200, "13800002716")
    assert _journal(number) == [("report", "acceptor"), ("phone_revealed", "acceptor")]
    entry = JournalEntry.objects.get(incident__number=number, seq=2)
    assert "2716" not in entry.canonical
    assert journal.verify(number=number).is_whole


def test_browser_session_needs_the_csrf_token(world: World) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(world.people["acceptor"])
    number = world.report()
    assert client.get(f"/api/v1/incidents/{number}/").status_code == 200
    refused = client.post(f"/api/v1/incidents/{number}/transitions/", {"action": "accept"})
    assert (refused.status_code, refused.json()["missing"]) == (403, "csrf")
    assert _journal(number) == [("report", "acceptor")]
