"""The pages of the overdue appeal: the department asks, 派遣员 then 受理员 decide, the department sees how it went."""

from datetime import timedelta

import pytest
import time_machine

from dispatch import appeals
from dispatch.models import Appeal
from incidents.models import Clock
from tests.dispatch.test_appeals import late_case

pytestmark = pytest.mark.django_db


@pytest.fixture
def late(world):
    """A case that was fed back two days late, closed just now."""
    case = late_case(world)
    with time_machine.travel(case.at + timedelta(minutes=5), tick=False):
        yield case


def asked(case) -> int:
    return appeals.ask(number=case.number, by=case.world.actor("department_handler"), reason="道路封闭，无法进场")


def test_appeal_form_in_threes(late, sign_in):
    path = f"/appeals/case/{late.number}/"
    page = sign_in("department_handler").get(path)
    assert page.context["until"] is not None
    assert sign_in("dispatcher").get(path).status_code == 404  # sees the case, has no ticket of it
    assert sign_in("department_handler_b").get(path).status_code == 404
    assert sign_in("department_handler_b").post(path, {"reason": "不服"}).status_code == 404
    assert Appeal.objects.count() == 0


def test_department_finds_the_ticket_asks_once_and_sees_the_state(late, sign_in):
    client = sign_in("department_handler")
    assert [row["incident__number"] for row in client.get("/appeals/").context["appealable"]] == [late.number]
    path = f"/appeals/case/{late.number}/"
    empty = client.post(path, {"reason": " "})
    assert empty.status_code == 400
    assert "请填写理由" in empty.text
    assert client.post(path, {"reason": "道路封闭，无法进场"}).url == path
    page = client.get("/appeals/")
    assert page.context["appealable"] == []
    assert [row["state"] for row in page.context["own"]] == ["asked"]
    again = client.post(path, {"reason": "再说一次"})
    assert again.status_code == 409
    assert "再说一次" in again.text
    assert Appeal.objects.count() == 1


def test_two_decide_one_after_the_other(late, sign_in):
    pk = asked(late)
    path = f"/appeals/{pk}/"
    dispatcher, acceptor = sign_in("dispatcher"), sign_in("acceptor")
    assert [row["id"] for row in dispatcher.get("/appeals/").context["waiting"]] == [pk]
    assert acceptor.get("/appeals/").context["waiting"] == []
    assert acceptor.post(path, {"decision": "grant", "reason": ""}).status_code == 403
    refused = dispatcher.post(path, {"decision": "refuse", "reason": ""})
    assert refused.status_code == 400
    assert "请填写理由" in refused.text
    assert dispatcher.post(path, {"decision": "grant", "reason": "属实"}).url == "/appeals/"
    assert [row["id"] for row in acceptor.get("/appeals/").context["waiting"]] == [pk]
    assert acceptor.get(path).context["may_decide"]
    assert [c["state"] for c in acceptor.get(path).context["late"]] == ["late"]
    assert acceptor.post(path, {"decision": "grant", "reason": ""}).url == "/appeals/"
    assert Clock.objects.get(incident__number=late.number, kind="handle").is_exempt
    shown = sign_in("department_handler").get(f"/appeals/case/{late.number}/")
    assert "已免责" in shown.text
    assert acceptor.post(path, {"decision": "grant", "reason": ""}).status_code == 409


def test_deciding_in_threes(late, sign_in):
    path = f"/appeals/{asked(late)}/"
    assert sign_in("department_handler").get(path).status_code == 403
    assert sign_in("dispatcher").get(path).status_code == 200
    assert sign_in("dispatcher_b").get(path).status_code == 404
    assert sign_in("dispatcher_b").post(path, {"decision": "grant"}).status_code == 404
    assert sign_in("verifier").get("/appeals/").status_code == 403
    assert Appeal.objects.get().state == "asked"


def test_appeals_take_the_same_statements_for_one_and_more(late, sign_in, statements):
    department, decider = sign_in("department_handler"), sign_in("dispatcher")
    one = statements(department, "/appeals/")
    asked(late)
    assert statements(department, "/appeals/") == one <= 4
    assert statements(decider, "/appeals/") <= 3
