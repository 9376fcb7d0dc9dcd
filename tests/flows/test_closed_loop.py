"""One case through all seven stages over HTTP, each step by the account of its role.

On the way a return, an extension, a suspension and a rework; at the end the journal verifies and no clock runs.
"""

from datetime import timedelta
from typing import Any

import pytest

from dispatch.models import Request, Ticket
from gridgov.common import clock
from incidents import journal
from incidents.models import Clock, Incident, JournalEntry
from tests.worlds import World, make_world, sample_image

pytestmark = pytest.mark.django_db


class Desk:
    """One account at the API."""

    def __init__(self, world: World, login: str) -> None:
        self.client = world.client(login)

    def post(self, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
        answer = self.client.post(f"/api/v1/{path}", body, format="json")
        assert answer.status_code == status, answer.content.decode()
        return answer.json()

    def act(self, number: str, action: str, status: int = 200, **payload: Any) -> dict[str, Any]:
        case = self.client.get(f"/api/v1/incidents/{number}/").json()
        body = {"action": action, "version": case["version"], **payload}
        return self.post(f"incidents/{number}/transitions/", body, status)

    def ask(self, number: str, kind: str, **payload: Any) -> int:
        return self.post(f"incidents/{number}/requests/", {"kind": kind, **payload}, 201)["id"]

    def decide(self, number: str, request_id: int, grant: bool, **payload: Any) -> dict[str, Any]:
        return self.post(f"incidents/{number}/requests/{request_id}/decision/", {"grant": grant, **payload})

    def photo(self) -> str:
        answer = self.client.post("/api/v1/attachments/", {"file": sample_image()}, format="multipart")
        assert answer.status_code == 201, answer.content.decode()
        return answer.json()["id"]

    def sees(self, number: str) -> dict[str, Any]:
        answer = self.client.get(f"/api/v1/incidents/{number}/")
        assert answer.status_code == 200, answer.content.decode()
        return answer.json()


def _offered(case: dict[str, Any]) -> set[str]:
    return {action["action"] for action in case["actions"]}


def test_closed_loop_over_http_with_an_account_for_each_role() -> None:
    world = make_world()
    desks = {
        name: Desk(world, name)
        for name in (
            "grid_worker", "acceptor", "duty_chief", "duty_chief_2", "dispatcher", "department_handler",
            "department_handler_b", "verifier", "supervisor",
        )
    }  # fmt: skip
    lon, lat = world.point()

    # 受理: a worker reports with a photo, the desk accepts
    worker = desks["grid_worker"]
    report = {
        "category": "0201", "description": "路边积存垃圾", "lon": lon, "lat": lat, "crs": "wgs84", "source": "worker",
        "attachments": [worker.photo()],
    }  # fmt: skip
    number = worker.post("incidents/", report, 201)["number"]
    assert "accept" in _offered(desks["acceptor"].sees(number))
    assert desks["department_handler"].client.get(f"/api/v1/incidents/{number}/").status_code == 404
    assert desks["acceptor"].act(number, "accept")["status"] == "accepted"

    # 立案, 派遣: to a department that says it is not theirs
    assert desks["duty_chief"].act(number, "file", standard="0201-1")["status"] == "filed"
    desks["dispatcher"].act(number, "dispatch", lead=world.lead("SW"))
    returned = desks["department_handler_b"].ask(number, "return", reason="非本部门职责")
    desks["dispatcher"].decide(number, returned, True, reason="改派城管")
    assert desks["dispatcher"].sees(number)["status"] == "filed"
    assert desks["dispatcher"].act(number, "dispatch", lead=world.lead("CG-SZ"))["status"] == "dispatched"

    # 处理: signed, extended once, suspended and resumed
    handler = desks["department_handler"]
    handler.act(number, "sign")
    due = {c["kind"]: c["due_at"] for c in handler.sees(number)["clocks"] if c["state"] == "running"}
    extension = handler.ask(number, "extend", reason="连日降雨")
    desks["dispatcher"].decide(number, extension, True)
    extended = {c["kind"]: c["due_at"] for c in handler.sees(number)["clocks"] if c["state"] == "running"}
    assert extended["handle"] > due["handle"]
    assert extended["total"] > due["total"]
    desks["supervisor"].act(number, "supervise", note="请抓紧")
    until = (clock.now() + timedelta(days=3)).isoformat()
    suspension = handler.ask(number, "suspend", reason="道路封闭施工", until=until)
    desks["duty_chief"].decide(number, suspension, True)
    case = handler.sees(number)
    assert case["status"] == "suspended"
    assert {c["kind"] for c in case["clocks"] if c["state"] == "paused"} == {"handle", "total"}
    handler.act(number, "resume")

    # 反馈, 核查: the first time not fixed, the second time it is
    verifier = desks["verifier"]
    for fixed in (False, True):
        handler.act(number, "feed_back", note="已清运", attachments=[handler.photo()])
        desks["acceptor"].act(number, "request_verification", verifier=world.people["verifier"].pk)
        outcome = verifier.act(
            number,
            "pass" if fixed else "fail",
            note="现场干净" if fixed else "仍有残留",
            attachments=[verifier.photo()],
        )
        assert outcome["status"] == ("verified" if fixed else "handling")

    # 结案 by a chief who decided nothing on this case, then 评价
    refused = desks["duty_chief"].act(number, "close", 403)
    assert refused["missing"] == "separation:decider"
    assert desks["duty_chief_2"].act(number, "close")["status"] == "closed"
    assert desks["acceptor"].act(number, "evaluate", result="satisfied")["status"] == "evaluated"

    incident = Incident.objects.get(number=number)
    assert journal.verify(number=number).faults == []
    assert not Clock.objects.filter(incident=incident, state__in=Clock.LIVE).exists()
    assert sorted(Ticket.objects.filter(incident=incident).values_list("state", "round")) == [
        ("done", 2),
        ("returned", 1),
    ]
    assert set(Request.objects.filter(incident=incident).values_list("state", flat=True)) == {"granted"}
    assert list(JournalEntry.objects.filter(incident=incident).values_list("action", flat=True)) == [
        "report", "accept", "file", "dispatch", "request_asked", "return", "dispatch", "sign", "request_asked",
        "extend", "supervise", "request_asked", "suspend", "resume", "feed_back", "request_verification", "fail",
        "feed_back", "request_verification", "pass", "close", "evaluate",
    ]  # fmt: skip
    actors = set(JournalEntry.objects.filter(incident=incident).values_list("actor__username", flat=True))
    assert actors == set(desks)
