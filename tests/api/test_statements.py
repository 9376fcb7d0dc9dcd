"""Statements, authentication included: list 2, case 2; the budgets of the design for report and transition, 8."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from gridgov.common import clock, work_calendar
from grids.spatial import areas
from incidents.catalogue import catalogue
from personnel.selectors import department_tree
from tests.statements import at_most, counted
from tests.worlds import World, make_photo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _warm(world: World, settings: Any) -> None:
    """A process that has worked for a while: reference data in memory, a block of numbers in hand."""
    settings.REFERENCE_CHECK_SECONDS = 3600
    areas.index(), catalogue(), department_tree(), work_calendar.current()
    world.report()


def _list(client: APIClient, **query: Any) -> list[str]:
    with counted() as found:
        answer = client.get("/api/v1/incidents/", query)
        assert answer.status_code == 200, answer.content
    return found


@pytest.mark.parametrize("login", ["acceptor", "department_handler", "leader"])
def test_list_takes_as_many_statements_for_one_case_as_for_fifty(world: World, login: str) -> None:
    world.carry("handling")
    client = world.client(login)
    few = _list(client, page_size=1)
    for _ in range(2):
        world.carry("dispatched")
    three = _list(client, page_size=3)
    for _ in range(47):
        world.report()
    many = _list(client, page_size=50)
    assert len(few) == len(three) == len(many) == 2
    assert len(client.get("/api/v1/incidents/", {"page_size": 50}).json()["results"]) >= 3


def test_list_takes_three_statements_under_every_condition(world: World) -> None:
    world.carry("handling")
    conditions = {
        "status": "handling", "stage": "handle", "area": "620901", "category": "02", "department": "CG",
        "overdue": "false", "due_before": "2099-01-01", "received_from": "2020-01-01", "received_to": "2099-01-01",
        "text": "垃圾", "mine": "false", "order": "due",
    }  # fmt: skip
    found = _list(world.client("acceptor"), **conditions)
    assert len(found) == 3


def test_case_takes_as_many_statements_however_long_its_journal(world: World) -> None:
    client = world.client("acceptor")
    short = world.report()
    with at_most(2):
        assert client.get(f"/api/v1/incidents/{short}/").status_code == 200
    number = world.carry("handled")
    for n in range(30):
        world.perform(number, "note", "acceptor", note=f"第{n}次批注")
    with counted() as few:
        client.get(f"/api/v1/incidents/{short}/")
    with counted() as many:
        answer = client.get(f"/api/v1/incidents/{number}/")
    assert len(answer.json()["journal"]) == 36
    assert len(few) == len(many) == 2


def test_report_takes_eight_statements_with_everything(world: World) -> None:
    client = world.client("acceptor")
    lon, lat = world.point()
    body = {
        "category": "0201", "description": "垃圾", "lon": lon, "lat": lat, "crs": "gcj02", "source": "hotline",
        "address": "某路1号", "reporter": {"name": "张先生", "phone": "13800002716"},
        "attachments": [str(make_photo(world.people["acceptor"]))],
    }  # fmt: skip
    with at_most(8):
        answer = client.post("/api/v1/incidents/", body, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 201, answer.content


def test_every_transition_takes_eight_statements(world: World) -> None:
    number = world.report()
    verifier = world.people["verifier"].pk
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("acceptor", "accept", {}),
        ("duty_chief", "file", {"standard": "0201-1"}),
        ("dispatcher", "dispatch", {"lead": world.lead(), "joint": [world.lead("ZJ")]}),
        ("department_handler", "sign", {}),
        ("department_handler", "feed_back", {"note": "已清理", "attachments": None}),
        ("acceptor", "request_verification", {"verifier": verifier}),
        ("verifier", "pass", {"note": "属实", "attachments": None}),
        ("duty_chief", "close", {}),
        ("acceptor", "evaluate", {"result": "satisfied"}),
    ]
    for version, (login, action, more) in enumerate(steps, start=1):
        client = world.client(login)
        if action == "feed_back":
            joint = world.client("department_handler_joint")
            [ticket] = joint.get("/api/v1/tickets/").json()["results"]
            assert joint.post(f"/api/v1/tickets/{ticket['id']}/done/", {"note": "已配合"}).status_code == 204
        if "attachments" in more:
            more = more | {"attachments": [str(make_photo(world.people[login]))]}
        with at_most(8):
            answer = client.post(
                f"/api/v1/incidents/{number}/transitions/", {"action": action, "version": version, **more}
            )
        assert answer.status_code == 200, (action, answer.content)


def test_granting_a_request_takes_eight_statements(world: World) -> None:
    number = world.carry("filed")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead(), joint=[world.lead("ZJ")])
    handler = world.client("department_handler")
    handler.post(f"/api/v1/incidents/{number}/transitions/", {"action": "sign"})
    in_a_week = (clock.now() + timedelta(days=7)).isoformat()
    for kind, decider, more in (
        ("extend", "dispatcher", {}),
        ("suspend", "duty_chief", {"until": in_a_week}),
        ("return", "dispatcher", {}),
    ):
        with at_most(8):
            asked = handler.post(f"/api/v1/incidents/{number}/requests/", {"kind": kind, "reason": "如附", **more})
        assert asked.status_code == 201, asked.content
        able = world.client(decider)
        with at_most(8):
            granted = able.post(f"/api/v1/incidents/{number}/requests/{asked.json()['id']}/decision/", {"grant": True})
        assert granted.status_code == 200, granted.content
        if kind == "suspend":
            world.perform(number, "resume", "department_handler")
    tickets = world.client("acceptor").get(f"/api/v1/incidents/{number}/").json()["tickets"]
    assert [ticket["state"] for ticket in tickets] == ["returned", "recalled"]


def test_feeding_back_past_a_joint_ticket_takes_eight_statements(world: World) -> None:
    number = world.carry("filed")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead(), joint=[world.lead("ZJ"), world.lead("SW")])
    world.perform(number, "sign", "department_handler")
    body = {
        "action": "feed_back", "note": "已清理", "waive": "无需协办",
        "attachments": [str(make_photo(world.people["department_handler"]))],
    }  # fmt: skip
    handler = world.client("department_handler")
    with at_most(8):
        answer = handler.post(f"/api/v1/incidents/{number}/transitions/", body)
    assert answer.status_code == 200, answer.content
    tickets = world.client("acceptor").get(f"/api/v1/incidents/{number}/").json()["tickets"]
    assert [ticket["state"] for ticket in tickets] == ["done", "waived", "waived"]
    assert tickets[0]["result"].startswith("已清理")
    assert tickets[1]["result"] == ""


def test_inbox_and_waiting_requests_take_four_statements(world: World) -> None:
    number = world.carry("handling")
    handler = world.client("department_handler")
    asked = handler.post(f"/api/v1/incidents/{number}/requests/", {"kind": "return", "reason": "不属本部门"})
    assert asked.status_code == 201, asked.content
    with at_most(4):
        assert len(handler.get("/api/v1/tickets/").json()["results"]) == 1
    dispatcher = world.client("dispatcher")
    with at_most(4):
        assert len(dispatcher.get("/api/v1/requests/").json()["results"]) == 1


def test_reference_data_take_one_statement(world: World) -> None:
    client = world.client("nobody")
    lon, lat = world.point()
    for address in (
        "/api/v1/areas/", f"/api/v1/areas/locate/?lon={lon}&lat={lat}", "/api/v1/categories/", "/api/v1/standards/",
        "/api/v1/me/",
    ):  # fmt: skip
        with at_most(1):
            assert client.get(address).status_code == 200
