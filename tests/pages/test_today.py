"""The grid leader's day."""

from datetime import timedelta

import pytest

from gridgov.common import clock
from personnel import assessment_services as services
from tests.reporting.assessed import FIRST, SECOND, assess, lead_street

pytestmark = pytest.mark.django_db
AWAY = "620901001002001"


def counts(response) -> dict[str, int]:
    return {key: count for key, _label, count in response.context["counters"]}


def test_leader_begins_with_his_day(sign_in):
    response = sign_in("grid_leader").get("/", follow=True)
    assert response.redirect_chain == [("/today/", 302)]
    assert sign_in("grid_worker").get("/", follow=True).redirect_chain == [("/tasks/", 302)]


def test_day_counts_the_cases_of_the_own_grids_alone(world, sign_in):
    now = clock.now()
    late = world.report(grid=FIRST, at=now - timedelta(days=10))
    fresh = world.report(grid=SECOND)
    world.report(grid=AWAY)
    client = sign_in("grid_leader")
    found = counts(client.get("/today/"))
    assert (found["open"], found["over"], found["reported"]) == (2, 1, 1)
    listed = {
        show: [row.number for row in client.get(f"/today/?show={show}").context["rows"]]
        for show in ("open", "over", "reported")
    }
    assert listed == {"open": [late, fresh], "over": [late], "reported": [fresh]}
    assert counts(sign_in("grid_leader_b").get("/today/"))["open"] == 0


def test_each_count_leads_to_as_many_rows(world, sign_in):
    now = clock.now()
    for hours in (0, 1, 30, 300):
        world.report(at=now - timedelta(hours=hours))
    client = sign_in("grid_leader")
    for key, count in counts(client.get("/today/")).items():
        assert len(client.get(f"/today/?show={key}").context["rows"]) == count, key


def test_day_shows_the_latest_first_and_few_of_each(world, sign_in):
    now = clock.now()
    made = [world.report(at=now - timedelta(days=30 - n)) for n in range(7)]
    shown = sign_in("grid_leader").get("/today/")
    assert [row.number for row in shown.context["over_rows"]] == made[:5]


def test_day_names_the_workers_by_their_grids_with_their_tasks(world, sign_in):
    number = world.report(grid=SECOND)
    world.perform(number, "request_check", "acceptor", checker=world.people["grid_worker_2"].pk)
    client = sign_in("grid_leader")
    page = client.get("/today/")
    assert [(w.name, w.tasks) for w in page.context["workers"]] == [("网格员甲", 0), ("网格员甲二", 1)]
    assert "不显示在线时长和位置" in page.text
    second = page.context["workers"][1]
    assert [row.number for row in client.get(f"/today/?worker={second.id}").context["rows"]] == [number]
    for other in (world.people["grid_worker_b"].pk, "x", "9" * 40):
        assert client.get(f"/today/?worker={other}").status_code == 404
    assert client.get("/today/?show=nothing").status_code == 404


def test_day_says_what_waits_and_where_it_is_done(world, sign_in):
    client = sign_in("grid_leader")
    assert "没有等你决定的事" in client.get("/today/").text
    rows = assess(world)
    services.review(assessment_id=rows[0].pk, by=world.people["grid_leader"])
    services.reply(assessment_id=rows[0].pk, by=world.people["grid_worker"], text="好")
    number = world.report()
    world.perform(number, "request_check", "acceptor", checker=world.people["grid_leader"].pk)
    waiting = client.get("/today/").context["waiting"]
    assert [(one.label, one.count, one.url) for one in waiting] == [
        ("10 月考核待审核", 1, "/assessments/?month=2026-10&tab=computed"),
        ("10 月考核有答复", 1, "/assessments/?month=2026-10&tab=replied"),
        ("待我核实、核查", 1, "/tasks/"),
    ]
    for one in waiting:
        assert client.get(one.url).status_code == 200


def test_day_takes_the_same_statements_for_one_case_and_three(world, sign_in, statements):
    client = sign_in("grid_leader")
    now = clock.now()
    world.report(at=now - timedelta(days=9))
    one = statements(client, "/today/")
    world.report(grid=SECOND, at=now - timedelta(days=8))
    world.report(at=now - timedelta(days=7))
    assert statements(client, "/today/") == one
    lead_street(world)
    assert statements(client, "/today/") == one
