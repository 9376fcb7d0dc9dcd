"""The ruling after two granted returns."""

import pytest

from dispatch import requests

pytestmark = pytest.mark.django_db


def returned_twice(world) -> str:
    number = world.carry("filed")
    for code, login in (("CG-SZ", "department_handler"), ("ZJ", "department_handler_joint")):
        world.perform(number, "dispatch", "dispatcher", lead=world.lead(code))
        asked = requests.ask(number=number, kind="return", by=world.actor(login), reason=f"{code}不管这处")
        decider = "dispatcher" if code == "CG-SZ" else "duty_chief"
        requests.decide(request_id=asked, grant=True, reason="属实", by=world.actor(decider))
    return number


def test_ruling_in_threes(world, sign_in):
    number = returned_twice(world)
    assert number in sign_in("duty_chief").get("/rulings/").text
    assert sign_in("duty_chief").get(f"/rulings/{number}/").status_code == 200
    for path in ("/rulings/", f"/rulings/{number}/"):
        assert sign_in("acceptor").get(path).status_code == 403
    assert number not in sign_in("duty_chief_b").get("/rulings/").text
    assert sign_in("duty_chief_b").get(f"/rulings/{number}/").status_code == 404


def test_ruling_shows_both_returns_with_reasons_and_who_comes_into_question(world, sign_in):
    number = returned_twice(world)
    response = sign_in("duty_chief").get(f"/rulings/{number}/")
    assert [r["reason"] for r in response.context["returns"]] == ["CG-SZ不管这处", "ZJ不管这处"]
    assert [r["handler"] for r in response.context["returns"]] == ["城市管理局／市政设施科", "住房和建设局"]
    why = {c["name"]: c["why"] for c in response.context["candidates"]}
    assert all("曾主办，已退单" in why[name] for name in ("城市管理局／市政设施科", "住房和建设局"))


def test_candidate_is_chosen_with_one_click(world, sign_in):
    number = returned_twice(world)
    client = sign_in("duty_chief")
    value = f"d{world.departments['ZJ'].pk}"
    page = client.get(f"/rulings/{number}/", {"lead": value})
    assert page.context["form"]["lead"].value() == value
    strange = client.get(f"/rulings/{number}/", {"lead": "d999999"})
    assert strange.context["form"]["lead"].value() != "d999999"


def test_ruling_is_imposed_and_final(world, sign_in):
    number = returned_twice(world)
    client = sign_in("duty_chief")
    lead = f"d{world.departments['ZJ'].pk}"
    version = world.case(number).version
    wrong = client.post(f"/rulings/{number}/", {"lead": lead, "reason": "", "version": version})
    assert wrong.status_code == 400
    assert world.case(number).status == "filed"
    given = {"lead": lead, "reason": "按权责清单由住建局主办", "version": version}
    assert client.post(f"/rulings/{number}/", given).url == "/rulings/"
    ticket = world.case(number).tickets.get(is_lead=True, state="open")
    assert (ticket.is_final, ticket.department) == (True, world.departments["ZJ"])
    assert number not in client.get("/rulings/").text
    late = client.post(f"/rulings/{number}/", given)
    assert late.status_code == 409
    assert "不等裁定" in late.text


def test_case_returned_once_waits_for_no_ruling(world, sign_in):
    number = world.carry("dispatched")
    asked = requests.ask(number=number, kind="return", by=world.actor("department_handler"), reason="不属本科")
    requests.decide(request_id=asked, grant=True, by=world.actor("dispatcher"))
    assert number not in sign_in("duty_chief").get("/rulings/").text
    page = sign_in("duty_chief").get(f"/rulings/{number}/")
    assert page.context["form"] is None


def test_rulings_take_the_same_statements_for_one_and_three(world, sign_in, statements):
    client = sign_in("duty_chief")
    returned_twice(world)
    one = statements(client, "/rulings/")
    returned_twice(world)
    returned_twice(world)
    assert statements(client, "/rulings/") == one <= 3
