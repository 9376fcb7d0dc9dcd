"""One case: its clocks in words, its journal in pages, what is open to whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from dispatch.models import RoutingProposal
from gridgov.common import clock
from gridgov.common.models import User
from incidents.models import DuplicateCandidate
from tests.worlds import World

pytestmark = pytest.mark.django_db

# a Monday, 9:00 in Shanghai
MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def _case(world: World, number: str, login: str = "acceptor", **query: Any) -> dict[str, Any]:
    answer = world.client(login).get(f"/api/v1/incidents/{number}/", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_clocks_say_their_limit_and_how_it_is_reckoned(world: World) -> None:
    with time_machine.travel(MONDAY, tick=False):
        case = _case(world, world.report())
    assert [(c["kind"], c["state"]) for c in case["clocks"]] == [("accept", "running"), ("total", "running")]
    accept = case["clocks"][0]
    assert accept["label"] == "受理"
    assert accept["allowance"] == "30工作分钟"
    assert accept["due_at"] == "2026-11-23T01:30:00Z"
    assert accept["explain"].startswith("11月23日9:00起算，限")
    assert "应于11月23日9:30前完成" in accept["explain"]


def test_clock_stopped_in_time_says_when_it_was_due(world: World) -> None:
    with time_machine.travel(MONDAY, tick=False):
        number = world.report()
    with time_machine.travel(MONDAY + timedelta(minutes=10), tick=False):
        world.perform(number, "accept", "acceptor")
        accept = next(c for c in _case(world, number)["clocks"] if c["kind"] == "accept")
    assert accept["state"] == "met"
    assert "应于11月23日9:30前完成" in accept["explain"]
    assert "暂停" not in accept["explain"]


def test_overdue_clock_says_by_how_much(world: World) -> None:
    with time_machine.travel(MONDAY, tick=False):
        number = world.report()
    with time_machine.travel(MONDAY + timedelta(hours=1), tick=False):
        case = _case(world, number)
    assert case["is_overdue"] is True
    assert "已超时" in case["clocks"][0]["explain"]


def test_milestones_stand_in_their_clock(world: World) -> None:
    number = world.report(category="0202")
    world.perform(number, "accept", "acceptor")
    world.perform(number, "file", "duty_chief", standard="0202-1")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead())
    handle = next(c for c in _case(world, number)["clocks"] if c["kind"] == "handle")
    assert [(m["key"], m["label"], m["met_at"]) for m in handle["milestones"]] == [("stop", "停工", None)]


def test_extension_is_told_apart_from_the_first_limit(world: World) -> None:
    with time_machine.travel(MONDAY, tick=False):
        number = world.carry("handling")
        client = world.client("department_handler")
        asked = client.post(f"/api/v1/incidents/{number}/requests/", {"kind": "extend", "reason": "材料未到"})
        granted = world.client("dispatcher").post(
            f"/api/v1/requests/{asked.json()['id']}/decision/", {"grant": True, "reason": "同意"}
        )
        assert granted.status_code == 200, granted.content
        case = _case(world, number)
    handle = next(c for c in case["clocks"] if c["kind"] == "handle")
    assert "原限" in handle["explain"]
    assert "延期" in handle["explain"]
    [request] = case["requests"]
    assert (request["state"], request["asked_by"], request["decided_by"]) == ("granted", "市政经办", "派遣甲")


def test_journal_comes_in_pages_of_a_hundred(world: World) -> None:
    number = world.report()
    for n in range(120):
        world.perform(number, "note", "acceptor", note=f"第{n}次批注")
    first = _case(world, number)
    assert [entry["seq"] for entry in first["journal"]] == list(range(1, 101))
    second = world.client("acceptor").get(first["journal_next"]).json()
    assert [entry["seq"] for entry in second["journal"]] == list(range(101, 122))
    assert second["journal_next"] is None
    assert world.client("acceptor").get(f"/api/v1/incidents/{number}/?journal_after=x").status_code == 400


def test_entry_says_who_did_what_as_what(world: World) -> None:
    number = world.report()
    world.perform(number, "accept", "acceptor")
    entry = _case(world, number)["journal"][1]
    assert (entry["seq"], entry["action"], entry["label"]) == (2, "accept", "受理")
    assert (entry["from"], entry["to"], entry["version"]) == ("reported", "accepted", 2)
    assert (entry["actor"], entry["role"], entry["role_label"]) == ("受理甲", "acceptor", "受理员")
    assert len(entry["mac"]) == 12


def test_actions_are_those_open_to_this_person(world: World) -> None:
    number = world.carry("filed")

    def open_to(login: str) -> list[str]:
        return [action["action"] for action in _case(world, number, login)["actions"] if not action["request"]]

    assert "dispatch" in open_to("dispatcher")
    assert "dispatch" not in open_to("acceptor")
    dispatch = next(a for a in _case(world, number, "dispatcher")["actions"] if a["action"] == "dispatch")
    assert [(f["name"], f["required"]) for f in dispatch["fields"]] == [
        ("lead", True), ("joint", False), ("note", False),
    ]  # fmt: skip
    asks = [a["action"] for a in _case(world, number, "dispatcher")["actions"] if a["request"]]
    assert set(asks) <= {"void", "force_close"}


def test_case_names_its_duplicates_and_proposal(world: World) -> None:
    number, other, far = world.report(), world.report(), world.report(by="acceptor_b", grid="620902001001001")
    secret = world.report(category="0302")
    for like in (other, far, secret):
        DuplicateCandidate.objects.create(
            incident=world.case(number), other=world.case(like), score=0.9, distance_m=3, gap_minutes=5,
            found_at=clock.now(),
        )  # fmt: skip
    RoutingProposal.objects.create(
        incident=world.case(number), lead=world.departments["CG-SZ"], joint=[world.departments["ZJ"].pk],
        reason="暴露垃圾归市政设施科", entry_seq=1, made_at=clock.now(),
    )  # fmt: skip
    case = _case(world, number)
    assert [d["number"] for d in case["duplicates"]] == [other]
    assert {d["number"] for d in _case(world, number, "leader")["duplicates"]} == {other, far}
    assert case["routing"]["lead"]["name"] == "城市管理局／市政设施科"
    assert [j["name"] for j in case["routing"]["joint"]] == ["住房和建设局"]
    assert case["routing"]["reason"] == "暴露垃圾归市政设施科"


def test_tickets_name_their_handlers(world: World) -> None:
    number = world.carry("filed")
    worker = world.workers["grid_worker"].pk
    world.perform(number, "dispatch", "dispatcher", lead={"worker": worker}, joint=[world.lead("ZJ")])
    tickets = _case(world, number)["tickets"]
    assert [(t["is_lead"], t["handler"]) for t in tickets] == [
        (True, {"worker": worker, "name": "网格员甲"}),
        (False, {"department": world.departments["ZJ"].pk, "name": "住房和建设局"}),
    ]
    [row] = world.client("acceptor").get("/api/v1/incidents/").json()["results"]
    assert row["lead"]["name"] == "网格员甲"


def test_everybody_in_a_case_has_his_name_or_else_his_login(world: World) -> None:
    number = world.carry("handled")
    world.perform(number, "request_verification", "acceptor", verifier=world.people["verifier"].pk)
    User.objects.filter(username__in=["dispatcher", "verifier"]).update(name="")
    case = _case(world, number)
    assert case["reported_by"] == {"id": world.people["acceptor"].pk, "name": "受理甲"}
    assert case["verifier"] == {"id": world.people["verifier"].pk, "name": "verifier"}
    [ticket] = case["tickets"]
    assert (ticket["dispatched_by"], ticket["signed_by"]) == ("dispatcher", "市政经办")
    assert [a["uploaded_by"] for a in case["attachments"]] == ["市政经办"]
    assert [entry["actor"] for entry in case["journal"][:6]] == [
        "受理甲", "受理甲", "值班甲", "dispatcher", "市政经办", "市政经办",
    ]  # fmt: skip
    assert case["checker"] is None
