"""The workbench: the same queue beside map and case."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("desk", "login", "outsider"),
    [
        ("accept", "acceptor", "dispatcher"), ("file", "duty_chief", "acceptor"),
        ("dispatch", "dispatcher", "verifier"), ("verify", "verifier", "dispatcher"),
        ("supervise", "supervisor", "acceptor"),
    ],
)  # fmt: skip
def test_workbench_is_for_the_people_of_its_desk(sign_in, desk, login, outsider):
    answer = sign_in(login).get(f"/work/{desk}/")
    assert answer.status_code == 200
    assert "gg-state" in answer.text  # nothing to do yet, and it says so
    assert sign_in(outsider).get(f"/work/{desk}/").status_code == 403


def test_workbench_of_no_desk_is_not_found(sign_in):
    assert sign_in("acceptor").get("/work/nothing/").status_code == 404


def test_workbench_shows_the_own_district_alone_and_counts_it(world, sign_in):
    here, there = world.report(), world.report(by="acceptor_b", grid="620902001001001")
    answer = sign_in("acceptor").get("/work/accept/")
    assert f'id="row-{here}"' in answer.text
    assert there not in answer.text  # neither in the list nor in the ticker
    assert {tab.key: tab.count for tab in answer.context["tabs"]}["accept"] == 1
    assert [line["number"] for line in answer.context["ticker"]] == [here]


def test_requests_have_no_workbench_but_their_list(sign_in):
    assert sign_in("leader").get("/work/approve/").url == "/queue/approve/"


def test_people_of_a_desk_begin_at_its_workbench(sign_in):
    assert sign_in("dispatcher").get("/").url == "/work/dispatch/"


def test_workbench_takes_as_many_statements_for_many_cases_as_for_one(world, sign_in, statements):
    client = sign_in("acceptor")
    world.report()
    one = statements(client, "/work/accept/")
    for _more in range(3):
        world.report()
    assert statements(client, "/work/accept/") == one <= 9
