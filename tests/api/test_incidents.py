"""Cases over HTTP: reporting, reading, moving."""

import pytest

from tests.worlds import World, sample_image

pytestmark = pytest.mark.django_db


def test_case_goes_from_report_to_closed_over_http(world: World) -> None:
    acceptor, chief, dispatcher = (world.client(p) for p in ("acceptor", "duty_chief", "dispatcher"))
    handler, verifier = world.client("department_handler"), world.client("verifier")
    lon, lat = world.point()
    answer = acceptor.post(
        "/api/v1/incidents/", {"category": "0201", "description": "垃圾", "lon": lon, "lat": lat, "source": "hotline"}
    )
    assert answer.status_code == 201, answer.content
    number = answer.json()["number"]
    assert answer["Location"].endswith(f"/api/v1/incidents/{number}/")
    url = f"/api/v1/incidents/{number}/transitions/"

    def act(client, action, **more):
        version = acceptor.get(f"/api/v1/incidents/{number}/").json()["version"]
        answer = client.post(url, {"action": action, "version": version, **more})
        assert answer.status_code == 200, answer.content
        return answer.json()

    def photo(client):
        answer = client.post("/api/v1/attachments/", {"file": sample_image()}, format="multipart")
        assert answer.status_code == 201, answer.content
        return answer.json()["id"]

    assert act(acceptor, "accept")["status"] == "accepted"
    assert act(chief, "file", standard="0201-1")["status"] == "filed"
    moved = act(dispatcher, "dispatch", lead=world.lead(), joint=[world.lead("ZJ")])
    assert moved["status"] == "dispatched"
    assert len(moved["tickets"]) == 2
    act(handler, "sign")
    joint = world.client("department_handler_joint")
    [ticket] = joint.get("/api/v1/tickets/").json()["results"]
    assert joint.post(f"/api/v1/tickets/{ticket['id']}/done/", {"note": "已配合"}).status_code == 204
    act(handler, "feed_back", note="已清理", attachments=[photo(handler)])
    act(acceptor, "request_verification", verifier=world.people["verifier"].pk)
    act(verifier, "pass", note="属实", attachments=[photo(verifier)])
    assert act(chief, "close")["status"] == "closed"
    case = acceptor.get(f"/api/v1/incidents/{number}/").json()
    assert [e["action"] for e in case["journal"]] == [
        "report", "accept", "file", "dispatch", "sign", "joint_done", "feed_back", "request_verification", "pass",
        "close",
    ]  # fmt: skip
