"""Two cases side by side, before one is merged into the other."""

import pytest

pytestmark = pytest.mark.django_db


def test_both_cases_stand_beside_each_other_with_the_merge_prefilled(world, sign_in):
    first, second = world.report(), world.report()
    answer = sign_in("acceptor").get(f"/cases/{second}/compare/{first}/")
    assert answer.status_code == 200
    assert "相距 0 米" in answer.text
    assert f'name="into" value="{first}"' in answer.text
    assert "总时限从原来收到的时刻接着算" in answer.text


def test_merge_from_there_merges(world, sign_in):
    first, second = world.report(), world.report()
    given = {"version": world.case(second).version, "into": first, "note": "同一处"}
    assert sign_in("acceptor").post(f"/cases/{second}/act/merge/", given).status_code == 302
    assert world.case(second).parent.number == first


def test_who_may_not_merge_sees_both_and_no_form(world, sign_in):
    first, second = world.report(), world.report()
    answer = sign_in("supervisor").get(f"/cases/{second}/compare/{first}/")
    assert answer.status_code == 200
    assert 'name="into"' not in answer.text


def test_case_of_another_district_is_not_shown_beside_an_own_one(world, sign_in):
    here, there = world.report(), world.report(by="acceptor_b", grid="620902001001001")
    assert sign_in("acceptor").get(f"/cases/{here}/compare/{there}/").status_code == 404
    assert sign_in("acceptor").get(f"/cases/{there}/compare/{here}/").status_code == 404
    assert sign_in("acceptor").get(f"/cases/{here}/compare/{here}/").status_code == 404


def test_ended_case_takes_none_in_and_says_so(world, sign_in):
    first, second = world.report(), world.report()
    world.perform(first, "reject", "acceptor", reason="repeated", note="重复")
    answer = sign_in("acceptor").get(f"/cases/{second}/compare/{first}/")
    assert 'name="into"' not in answer.text
    assert "不能并入" in answer.text


def test_comparing_takes_the_statements_of_two_cases(world, sign_in, statements):
    first, second = world.report(), world.report()
    one = statements(sign_in("acceptor"), f"/cases/{second}/")
    assert statements(sign_in("acceptor"), f"/cases/{second}/compare/{first}/") <= one + 2
