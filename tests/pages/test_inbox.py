"""The inbox of a department and the tasks of people in the field."""

import pytest

from dispatch import requests

pytestmark = pytest.mark.django_db


def test_inbox_is_for_the_people_of_the_department(world, sign_in):
    number = world.carry("dispatched")
    assert number in sign_in("department_handler").get("/inbox/").text
    assert number in sign_in("department_head").get("/inbox/").text  # of the bureau above it
    assert number not in sign_in("department_handler_b").get("/inbox/").text
    assert sign_in("nobody").get("/inbox/").status_code in (200, 403)
    assert number not in sign_in("nobody").get("/inbox/").text


def test_ticket_is_signed_with_one_tap_and_the_inbox_comes_again(world, sign_in):
    number = world.carry("dispatched")
    client = sign_in("department_handler")
    response = client.post(f"/cases/{number}/act/sign/", {"version": world.case(number).version, "onward": "inbox"})
    assert response.url == "/inbox/"
    assert world.case(number).status == "handling"
    page = client.get("/inbox/?tab=signed")
    assert [row["number"] for row in page.context["rows"]] == [number]


def test_inbox_counts_by_tab(world, sign_in):
    world.carry("dispatched")
    world.carry("handling")
    returned = world.carry("dispatched")
    asked = requests.ask(number=returned, kind="return", by=world.actor("department_handler"), reason="不属本科")
    requests.decide(request_id=asked, grant=True, by=world.actor("dispatcher"))
    joint = world.carry("filed")
    world.perform(joint, "dispatch", "dispatcher", lead=world.lead("ZJ"), joint=[world.lead()])
    response = sign_in("department_handler").get("/inbox/")
    counts = {key: count for key, _label, count in response.context["tabs"]}
    assert {key: counts[key] for key in ("open", "signed", "over", "joint", "returned")} == {
        "open": 1, "signed": 1, "over": 0, "joint": 1, "returned": 1,
    }  # fmt: skip
    tab = sign_in("department_handler").get("/inbox/?tab=returned")
    assert [row["number"] for row in tab.context["rows"]] == [returned]
    assert "这里没有工单" in sign_in("department_handler").get("/inbox/?tab=over").text


def test_inbox_takes_the_same_statements_for_one_ticket_and_three(world, sign_in, statements):
    client, path = sign_in("department_handler"), "/inbox/?tab=open"
    world.carry("dispatched")
    one = statements(client, path)
    world.carry("dispatched")
    world.carry("dispatched")
    assert statements(client, path) == one
    assert one <= 6


def test_tasks_show_what_waits_for_the_worker(world, sign_in):
    checked = world.report()
    world.perform(checked, "request_check", "acceptor", checker=world.people["grid_worker"].pk)
    own = world.report(by="grid_worker", source="worker")
    other = world.report()
    response = sign_in("grid_worker").get("/tasks/")
    assert [row.number for row in response.context["to_do"]] == [checked]
    assert [row.number for row in response.context["reported"]] == [own]
    assert other not in response.text
    assert sign_in("dispatcher").get("/tasks/").status_code == 403


def test_checker_who_answered_is_led_on(world, sign_in):
    number = world.report()
    world.perform(number, "request_check", "acceptor", checker=world.people["grid_worker"].pk)
    client = sign_in("grid_worker")
    response = client.post(
        f"/cases/{number}/act/confirm_check/",
        {"version": world.case(number).version, "note": "属实", "kept": str(world.photo("grid_worker"))},
    )
    assert response.status_code == 302
    assert client.get(response.url, follow=True).status_code == 200
    assert world.case(number).status == "accepted"
