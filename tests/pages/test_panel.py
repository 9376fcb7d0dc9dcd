"""A case beside its queue: the page's forms as a fragment, and what a script is told after a step."""

import re

import pytest

from dispatch import claims

pytestmark = pytest.mark.django_db

PANEL = {"X-Panel": "1"}


def test_panel_is_the_case_without_the_page_around_it(world, sign_in):
    number = world.report()
    answer = sign_in("acceptor").get(f"/cases/{number}/", headers=PANEL)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith("<article")
    assert f'data-number="{number}"' in answer.text
    assert 'data-act="accept" data-key="A"' in answer.text
    assert "X-Panel" in answer["Vary"]


def test_panel_of_another_district_is_not_found(world, sign_in):
    number = world.report()
    assert sign_in("acceptor_b").get(f"/cases/{number}/", headers=PANEL).status_code == 404


def test_step_from_the_panel_answers_what_was_done(world, sign_in):
    number = world.report()
    client = sign_in("acceptor")
    answer = client.post(f"/cases/{number}/act/accept/", {"version": world.case(number).version}, headers=PANEL)
    assert answer.status_code == 200
    assert answer.json()["number"] == number
    assert world.case(number).status == "accepted"


def test_step_that_came_too_late_shows_who_was_quicker_and_keeps_the_words(world, sign_in):
    number = world.report()
    version = world.case(number).version
    world.perform(number, "accept", "acceptor_2")
    given = {"version": version, "note": "我正要受理"}
    answer = sign_in("acceptor").post(f"/cases/{number}/act/accept/", given, headers=PANEL)
    assert answer.status_code == 409
    assert answer.text.lstrip().startswith("<article")
    assert "受理甲二" in answer.text
    assert "我正要受理" in answer.text


def test_step_without_what_it_needs_names_the_field(world, sign_in):
    number = world.carry("accepted")
    answer = sign_in("duty_chief").post(f"/cases/{number}/act/file/", {"standard": ""}, headers=PANEL)
    assert answer.status_code == 400
    assert "gg-field-error" in answer.text
    assert world.case(number).status == "accepted"


def test_panel_takes_no_more_statements_than_the_page(world, sign_in, statements):
    number = world.carry("handling")
    assert statements(sign_in("supervisor"), f"/cases/{number}/") <= 5


def test_undo_is_offered_for_the_step_that_was_done_and_not_for_a_note_after_it(world, sign_in):
    number = world.carry("filed")
    client = sign_in("dispatcher")
    given = {"version": world.case(number).version, "lead": f"d{world.departments['CG-SZ'].pk}"}
    done = client.post(f"/cases/{number}/act/dispatch/", given, headers=PANEL).json()
    assert done["undo"]["action"] == "recall"
    noted = client.post(f"/cases/{number}/act/note/", {"note": "已电话告知"}, headers=PANEL).json()
    assert noted["undo"] is None


def test_steps_of_a_case_that_a_colleague_holds_are_not_to_be_pressed(world, sign_in):
    number = world.report()
    claims.claim(number=number, by=world.actor("acceptor"))
    held = sign_in("acceptor_2").get(f"/cases/{number}/", headers=PANEL).text
    assert re.search(r'<button[^>]*data-act="accept"[^>]* disabled data-held="受理甲已认领', held)
    assert re.search(r'<button[^>]* disabled aria-describedby="held-accept"', held)
    assert not re.search(r'<button[^>]*data-act="note"[^>]* disabled', held)  # a note bars nobody
    mine = sign_in("acceptor").get(f"/cases/{number}/", headers=PANEL).text
    assert "data-held" not in mine
    refused = sign_in("acceptor_2").post(f"/cases/{number}/act/accept/", {"version": 1}, headers=PANEL)
    assert refused.status_code == 409
    assert "表单仍可提交" not in refused.text
    assert "受理甲放开或认领到期后才能提交，内容在下方。" in refused.text


def test_supervisor_who_took_a_case_over_is_told_how_it_goes_on(world, sign_in):
    number = world.report()
    claims.claim(number=number, by=world.actor("acceptor"))
    assert "放开后其他人可办" not in sign_in("acceptor").get(f"/cases/{number}/", headers=PANEL).text
    claims.seize(number=number, by=world.actor("supervisor"), reason="值班员离岗")
    taken = sign_in("supervisor").get(f"/cases/{number}/", headers=PANEL).text
    assert "放开后其他人可办" in taken
    assert 'data-claim="release"' in taken
