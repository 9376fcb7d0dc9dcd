"""The workbench: the same queue beside map and case."""

from datetime import timedelta

import pytest

from dispatch import claims
from gridgov.common import bounded, clock
from incidents.models import Incident

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
    assert statements(client, "/work/accept/") == one <= 7


def test_holders_are_told_of_cases_that_one_may_see(world, sign_in):
    here, there = world.report(), world.report(by="acceptor_b", grid="620902001001001")
    claims.claim(number=here, by=world.actor("acceptor"))
    claims.claim(number=there, by=world.actor("acceptor_b"))
    asked = f"/work/holders/?of={here},{there},nothing,%27"
    assert sign_in("acceptor_2").get(asked).json() == {"held": {here: "受理甲"}}
    assert sign_in("acceptor_b").get(asked).json() == {"held": {there: "受理乙"}}


def test_holders_take_as_many_statements_for_many_cases_as_for_one(world, sign_in, statements):
    numbers = [world.report() for _more in range(3)]
    client = sign_in("acceptor")
    one = statements(client, f"/work/holders/?of={numbers[0]}")
    assert statements(client, f"/work/holders/?of={','.join(numbers)}") == one <= 4


@pytest.mark.parametrize("given", ["category=0102", "component=6209010102000001", "component=%27--", "area=1"])
def test_filter_without_cases_says_so_and_how_to_leave_it(world, sign_in, given):
    world.report()
    answer = sign_in("acceptor").get(f"/work/accept/?{given}")
    assert answer.status_code == 200


def test_component_without_cases_offers_a_report_there_to_those_who_may(world, sign_in):
    asked = "?component=6209010102000001"
    assert f"/report/{asked}" in sign_in("acceptor").get(f"/work/accept/{asked}").text
    assert f"/report/{asked}" not in sign_in("dispatcher").get(f"/work/dispatch/{asked}").text
    assert 'value="6209010102000001"' in sign_in("acceptor").get(f"/report/{asked}").text


def test_who_imposes_has_the_rulings_among_his_queues(world, sign_in):
    number = world.carry("filed")
    Incident.objects.filter(number=number).update(return_count=2)
    tabs = {tab.key: tab for tab in sign_in("duty_chief").get("/work/file/").context["tabs"]}
    assert (tabs["rulings"].url, tabs["rulings"].count) == ("/rulings/", 1)
    assert "rulings" not in {tab.key for tab in sign_in("acceptor").get("/work/accept/").context["tabs"]}
    assert 'href="/rulings/"' in sign_in("duty_chief").get("/work/file/").text


def test_scripts_that_follow_the_list_get_the_list_without_the_house(sign_in):
    client = sign_in("acceptor")
    whole = client.get("/work/accept/")
    followed = client.get("/work/accept/", headers={"X-Requested-With": "live"})
    for part in ("data-live-list", "data-live-counts", "data-live-asof", "data-filter", 'data-part="ticker"'):
        assert part in followed.text
    assert "data-map=" in whole.text
    assert "data-map=" not in followed.text
    assert "<dialog" not in followed.text
    assert "X-Requested-With" in followed["Vary"]


def test_followed_page_has_only_the_cases_that_were_heard_of(world, sign_in, statements):
    here, other, gone = (world.report() for _case in range(3))
    world.perform(gone, "accept", "acceptor_2")
    client = sign_in("acceptor")
    follow = {"X-Requested-With": "live"}
    answer = client.get(f"/work/accept/?only=touched&touched={here},{gone}", headers=follow)
    assert f'id="row-{here}"' in answer.text
    assert f'id="row-{other}"' not in answer.text
    assert f'data-gone="{gone}"' in answer.text
    assert "data-only-touched" in answer.text
    assert answer.context["counts"]["all"] == 2  # counters and tabs are of the whole desk
    assert "data-part" not in answer.text.partition("gg-wqueue")[2].partition("</section>")[0]
    # whoever asks for the page itself gets the whole
    whole = client.get(f"/work/accept/?only=touched&touched={here}")
    assert f'id="row-{other}"' in whole.text
    assert "only=" not in whole.context["query"]


def test_row_of_a_case_in_hand_names_the_department(world, sign_in, statements):
    number = world.carry("handling")
    client = sign_in("supervisor")
    text = client.get("/work/supervise/").text
    row = text.partition(f'id="row-{number}"')[2].partition('class="gg-wrow"')[0]
    department = world.case(number).tickets.get(is_lead=True).department.name
    assert f'data-source="{department}"' in row
    one = statements(client, "/work/supervise/")
    world.carry("handling")
    assert statements(client, "/work/supervise/") == one <= 7
    assert department in client.get("/queue/supervise/").text


def test_figures_of_a_long_queue_end_at_the_limit(world, sign_in, monkeypatch):
    monkeypatch.setattr(bounded, "MOST", 1)
    world.report(at=clock.now() - timedelta(days=20))
    for _more in range(2):
        world.report()
    answer = sign_in("acceptor").get("/work/accept/")
    assert (answer.context["counts"]["all"], answer.context["counts"]["over"]) == (2, 1)
    assert "<b>1+</b>" in answer.text
    assert '<b class="gg-over">1</b>' in answer.text
    assert '<b class="gg-over">1+</b>' in answer.text  # the tab, which is red and has them all
