"""The department's desk: a ticket beside the list, what is owed and what may still be asked for."""

import re

import pytest

from dispatch import drafts, requests

pytestmark = pytest.mark.django_db


def fragment(client, number):
    return client.get(f"/inbox/{number}/", headers={"X-Ticket": "1"})


def test_ticket_in_threes(world, sign_in):
    number = world.carry("handling")
    assert number in sign_in("department_handler").get(f"/inbox/{number}/").text
    assert sign_in("department_handler_b").get(f"/inbox/{number}/").status_code == 404
    assert sign_in("nobody").get(f"/inbox/{number}/").status_code == 404
    # who may see the case and has no ticket of it is led to the case
    assert sign_in("dispatcher").get(f"/inbox/{number}/").url == f"/cases/{number}/"


def test_ticket_alone_for_the_script_has_no_list_around_it(world, sign_in):
    number = world.carry("handling")
    text = fragment(sign_in("department_handler"), number).text
    assert "data-ticket" in text
    assert "data-live-list" not in text
    assert "<html" not in text


def test_ticket_says_what_is_owed_and_what_is_left(world, sign_in):
    number = world.carry("handling")
    response = fragment(sign_in("department_handler"), number)
    assert [(one.key, one.is_done) for one in response.context["owed"]] == [
        ("sign", True), ("photos", False), ("note", False),
    ]  # fmt: skip
    assert {ask.kind: ask.count for ask in response.context["asks"]} == {"return": 2, "extend": 2, "suspend": 1}
    for words in ("还可退 2 次", "还可延期 2 次", "还可挂账 1 次"):
        assert words in response.text


def test_ticket_that_asked_offers_no_second_asking(world, sign_in):
    number = world.carry("handling")
    requests.ask(number=number, kind="extend", by=world.actor("department_handler"), reason="配件未到")
    response = fragment(sign_in("department_handler"), number)
    asks = {ask.kind: ask for ask in response.context["asks"]}
    assert asks["extend"].is_pending
    assert asks["extend"].form is None
    assert asks["return"].form is not None
    assert "等候审批" in response.text


def test_unsigned_ticket_has_one_button(world, sign_in):
    number = world.carry("dispatched")
    response = fragment(sign_in("department_handler"), number)
    assert response.context["may_sign"]
    assert response.context["feedback"] is None
    assert f'action="/cases/{number}/act/sign/"' in response.text


def test_ticket_restores_the_draft_with_its_files(world, sign_in):
    number = world.carry("handling")
    by = world.actor("department_handler")
    mine, others = world.photo("department_handler"), world.photo("department_handler_2")
    content = {"note": "换了新井盖", "kept": f"{mine} {others} nonsense"}
    drafts.save(by=by, key=f"case/{number}/feed_back", content=content)
    response = fragment(sign_in("department_handler"), number)
    assert "换了新井盖" in response.text
    assert response.context["feedback"]["kept_ids"] == str(mine)  # never another's upload
    assert "换了新井盖" not in fragment(sign_in("department_handler_2"), number).text


def test_feedback_without_a_script_names_the_kept_file(world, sign_in):
    number = world.carry("handling")
    client = sign_in("department_handler")
    form = {"note": "已清理", "kept": str(world.photo("department_handler")), "onward": "inbox",
            "version": world.case(number).version}  # fmt: skip
    assert client.post(f"/cases/{number}/act/feed_back/", form).url == "/inbox/"
    assert world.case(number).status == "handled"


def test_joint_handler_gets_the_joint_form(world, sign_in):
    number = world.carry("filed")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead("ZJ"), joint=[world.lead()])
    response = fragment(sign_in("department_handler"), number)
    assert response.context["feedback"] is None
    assert response.context["asks"] == []
    assert re.search(rf'action="/cases/{number}/joint/\d+/sign/"', response.text)
    lead = fragment(sign_in("department_handler_joint"), number)
    assert "joint" not in {one["offer"].action for one in lead.context["others"]}


def test_ticket_takes_the_same_statements_whatever_hangs_on_it(world, sign_in, statements):
    client = sign_in("department_handler")
    number = world.carry("handling")
    few = statements(client, f"/inbox/{number}/")
    world.perform(number, "note", "dispatcher", note="一")
    world.perform(number, "note", "dispatcher", note="二")
    requests.ask(number=number, kind="extend", by=world.actor("department_handler"), reason="配件未到")
    world.carry("handling")
    assert statements(client, f"/inbox/{number}/") == few
    assert few <= 9
