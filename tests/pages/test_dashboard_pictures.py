"""A dashboard of many cases: being counted, shown with its time, and said to be old; nobody waits for it."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock
from gridgov.common.models import ReferenceRevision
from incidents.models import Incident
from reporting import renewal, selectors, shared
from reporting.models import Picture
from reporting.views import dashboard, drill, present

pytestmark = pytest.mark.django_db
PATHS = ("/dashboard/", "/dashboard/?wall=1")


@pytest.fixture
def large(monkeypatch):
    """Every scope with a case is one of many."""
    monkeypatch.setattr(shared, "FEW_CASES", 0)
    monkeypatch.setattr(shared, "QUICK_SECONDS", 0)


def aged(monkeypatch, by: timedelta):
    """What was counted is so much older now."""
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + by)


@pytest.mark.parametrize("path", PATHS)
def test_first_look_is_told_that_it_is_being_counted_and_then_shown(world, sign_in, large, path):
    world.report()
    leader = sign_in("leader")
    first = leader.get(path)
    assert first.status_code == 200
    assert "正在统计" in first.text
    assert "data-pending" in first.text
    # by a script, without scripts, and by hand
    assert 'data-seconds="5"' in first.text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in first.text
    assert re.search(r'href="\?area=\d+&amp;span=today', first.text)
    assert renewal.run_slice()
    shown = leader.get(path)
    assert "data-pending" not in shown.text
    assert shown.context["shown"].figures["open_cases"].count == 1
    assert shown.context["old"] == ""


def test_pending_page_takes_few_statements_however_many_the_cases(world, sign_in, large, statements):
    leader = sign_in("leader")
    world.report()
    few = statements(leader, "/dashboard/")
    for _case in range(6):
        world.report()
    assert statements(leader, "/dashboard/") == few <= 6


@pytest.mark.parametrize("path", PATHS)
def test_picture_is_shown_in_few_statements_and_nothing_is_computed(world, sign_in, large, path):
    for _case in range(4):
        world.report()
    leader = sign_in("leader")
    leader.get(path)
    renewal.run_slice()
    leader.get(path)
    with CaptureQueriesContext(connection) as found:
        leader.get(path)
    sent = [query["sql"] for query in found if ReferenceRevision._meta.db_table not in query["sql"]]
    assert len(sent) <= 9
    assert not any("incidents_clock" in sql for sql in sent)


def test_each_number_of_a_picture_opens_its_cases(world, sign_in, large):
    world.report()
    world.carry("handled")
    leader = sign_in("leader")
    leader.get("/dashboard/?span=month")
    renewal.run_slice()
    page = leader.get("/dashboard/?span=month")
    world.report()  # not of the picture
    tiles = {tile.key: tile for tile in page.context["tiles"]}
    opened = leader.get(tiles["reported"].href)
    assert opened.context["count"] == int(tiles["reported"].value) == 2
    assert leader.get(page.context["due_href"]).context["count"] == page.context["due_count"]


@pytest.mark.parametrize("path", PATHS)
def test_old_picture_says_so_in_words(world, sign_in, large, monkeypatch, path):
    world.report()
    leader = sign_in("leader")
    leader.get(path)
    renewal.run_slice()
    at = clock.local(Picture.objects.get().at)
    aged(monkeypatch, timedelta(minutes=12))
    page = leader.get(path)
    assert page.context["shown"].at == Picture.objects.get().at
    assert "12 分钟前" in page.text
    assert "由后台重新统计" in page.text
    assert f"{at:%H:%M:%S}" in page.text


def test_words_of_age():
    now = clock.local(clock.now()).replace(hour=12, minute=0, second=0, microsecond=0)
    assert present.old(now - timedelta(minutes=4, seconds=59), now) == ""
    assert "5 分钟前（11:55:00）" in present.old(now - timedelta(minutes=5), now)
    assert "3 小时前（09:00:00）" in present.old(now - timedelta(hours=3), now)
    midnight = now.replace(hour=0, minute=1)
    # of yesterday, and be it two minutes: today's figures are other ones
    assert f"{midnight - timedelta(minutes=2):%m-%d} 23:59:00" in present.old(midnight - timedelta(minutes=2), midnight)
    assert present.time(now, now) == "12:00:00"


def test_case_that_became_confidential_is_not_told_by_an_older_picture(world, sign_in, large):
    number = world.report(at=clock.now() - timedelta(days=20), address="保密路 7 号")  # late, whatever the hour
    leader = sign_in("supervisor")
    leader.get("/dashboard/")
    renewal.run_slice()
    assert "保密路 7 号" in leader.get("/dashboard/").text
    Incident.objects.filter(number=number).update(is_confidential=True)
    page = leader.get("/dashboard/").text
    assert "保密路 7 号" not in page
    assert number not in page


def test_picture_of_another_area_is_not_found(world, sign_in, large):
    world.report()
    chief = sign_in("duty_chief")
    own, other = world.areas["620901"].pk, world.areas["620902"].pk
    assert chief.get(f"/dashboard/?area={own}").status_code == 200
    assert chief.get(f"/dashboard/?area={other}").status_code == 404
    assert chief.get("/dashboard/?span=year").status_code == 404
    assert sign_in("department_head").get("/dashboard/").status_code == 403
    assert [row.area_id for row in Picture.objects.all()] == [own]


def test_small_city_is_computed_at_once_and_leaves_no_picture(world, sign_in):
    world.report()
    assert sign_in("leader").get("/dashboard/").context["shown"].figures["open_cases"].count == 1
    assert not Picture.objects.exists()


def test_look_at_a_picture_keeps_it(world, sign_in, large):
    world.report()
    leader = sign_in("leader")
    leader.get("/dashboard/")
    renewal.run_slice()
    Picture.objects.update(looked_at=Now() - timedelta(hours=5), due_at=Now() - timedelta(hours=4))
    assert not renewal.run_slice()
    leader.get("/dashboard/")
    assert renewal.run_slice()


# --- behind a number ------------------------------------------------------------------------------------------------


def test_too_many_cases_behind_a_number_are_said_and_not_read(world, sign_in, monkeypatch):
    for _case in range(3):
        world.report()
    monkeypatch.setattr(drill, "MOST_READ", 2)
    leader = sign_in("leader")
    page = leader.get("/dashboard/figures/reported/?span=month")
    assert page.status_code == 200
    assert "超过 2 件" in page.text
    smaller = dict(page.context["smaller"])
    assert list(smaller) == ["今日", "近 7 天", "甲区", "乙区"]
    assert "第 1 /" not in page.text
    below = leader.get("/dashboard/figures/reported/" + smaller["乙区"])
    assert (below.status_code, below.context["count"]) == (200, 0)
    # how it stands has no span
    assert list(dict(leader.get("/dashboard/figures/open_cases/?span=month").context["smaller"])) == ["甲区", "乙区"]
    asked = {"kind": "figure", "query": page.context["export_query"], "form": "csv"}
    assert leader.post("/exports/start/", asked).status_code == 302


def test_spans_of_the_page_are_those_of_the_selector():
    assert list(dashboard.SPANS) == list(selectors.SPANS)
