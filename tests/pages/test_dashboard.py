"""The leaders' dashboard: who may open it, and that each number is the selector's and opens exactly its cases."""

import json
import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock
from gridgov.common.models import ReferenceRevision
from reporting import boards, selectors, shared
from reporting.history import Ref
from reporting.indicators import Figure, Unit
from reporting.views import present
from tests.reporting.walks import Walk

pytestmark = pytest.mark.django_db

LINK = re.compile(r'<a [^>]*href="(/dashboard/figures/[^"]+)"[^>]*>(.*?)</a>', re.DOTALL)


def links(text: str) -> dict[str, str]:
    """Address → what the link says, of every number of a page."""
    return {unescape(href): re.sub(r"<[^>]+>", " ", words).strip() for href, words in LINK.findall(text)}


def walked(world, seed: int = 51, steps: int = 90, cases: int = 10) -> Walk:
    walk = Walk(world, seed, now=clock.now() - timedelta(days=20)).run(steps, cases=cases, pace_minutes=90)
    assert walk.now < clock.now()
    return walk


# --- who ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "status"),
    [("leader", 200), ("supervisor", 200), ("grid_worker", 200), ("department_head", 403), ("nobody", 403),
     ("system_admin", 403)],
)  # fmt: skip
def test_dashboard_is_for_those_who_may_see_cases(sign_in, login, status):
    assert sign_in(login).get("/dashboard/").status_code == status
    assert sign_in(login).get("/dashboard/?wall=1").status_code == status
    assert sign_in(login).get("/dashboard/figures/reported/").status_code == status


def test_dashboard_of_another_area_is_not_found(world, sign_in):
    own, other, city = (world.areas[code].pk for code in ("620901", "620902", "620900"))
    chief = sign_in("duty_chief")
    assert chief.get(f"/dashboard/?area={own}").status_code == 200
    for path in ("/dashboard/", "/dashboard/figures/reported/"):
        for wrong in (other, city, 10**9, "x", 10**30):
            assert chief.get(f"{path}?area={wrong}").status_code == 404
    assert sign_in("leader").get(f"/dashboard/?area={other}").status_code == 200


def test_bar_leads_leaders_there_and_not_the_operators(sign_in):
    for login, has in (("leader", True), ("supervisor", True), ("acceptor", False), ("department_head", False)):
        assert ('href="/dashboard/"' in sign_in(login).get("/notices/").text) is has


def test_nonsense_in_the_address_is_not_found(world, sign_in):
    leader = sign_in("leader")
    later = (clock.now() + timedelta(hours=1)).isoformat()
    for wrong in (
        "?span=year", "figures/rank/", "figures/reported/?at=x", "figures/reported/?at=2026-01-01",
        f"figures/reported/?{urlencode({'at': later})}", "figures/reported/?stretch=year",
        "figures/reported/?from=a&to=b",
        "figures/standing/?stage=nowhere", "figures/reported/?part=some", "figures/reported/?page=x",
        "figures/reported/?department=x", "cases/0/1/", "figures/reported/?at=0001-01-01T00:00:00%2B00:00",
        "figures/reported/?from=2001-01-01T00:00%2B08:00&to=2001-01-02T00:00%2B08:00",
    ):  # fmt: skip
        assert leader.get(f"/dashboard/{wrong}").status_code == 404, wrong


# --- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("login", "span"), [("leader", "month"), ("duty_chief", "week")])
def test_each_number_is_the_selectors_and_opens_exactly_its_cases(world, sign_in, login, span):
    walked(world)
    client, by = sign_in(login), world.actor(login)
    page = client.get(f"/dashboard/?span={span}")
    shown = page.context["shown"]
    assert shown.at <= clock.now()
    found = links(page.text)
    assert len(found) > 40
    for position, (href, words) in enumerate(found.items()):
        if position % 7:  # each kind of figure comes up, and the test stays short
            continue
        asked = {name: values[0] for name, values in parse_qs(urlsplit(href).query).items()}
        assert asked["at"] == shown.at.isoformat()
        opened = client.get(href)
        assert opened.status_code == 200, href
        said = opened.context["figure"]
        assert said.value in words.split() or said.value in words, (href, words, said.value)
        listed = [(row.number, row.seq) for row, _title, _hit in opened.context["rows"]]
        assert opened.context["unseen"] == 0
        assert len(listed) == min(50, len(set(listed)) if opened.context["last"] > 1 else opened.context["count"])
    drilled = selectors.drill(by, "reported", at=shown.at, span=span)
    listed = client.get(f"/dashboard/figures/reported/?{urlencode({'at': shown.at.isoformat(), 'span': span})}")
    assert [(row.number, row.seq) for row, *_rest in listed.context["rows"]] == list(drilled.refs)


def test_figures_on_the_page_are_those_of_the_selector(world, sign_in):
    walked(world, seed=52)
    page = sign_in("leader").get("/dashboard/?span=month")
    shown = selectors.dashboard(world.actor("leader"), at=page.context["shown"].at, span="month")
    assert page.context["shown"] == shown
    tiles = {tile.key: tile for tile in page.context["tiles"]}
    assert tiles["reported"].value == str(len(shown.counters["reported"]["month"].now.hits))
    assert tiles["open_cases"].value == str(len(shown.figures["open_cases"].hits))
    for stage, row in zip(page.context["stages"], shown.funnel, strict=True):
        assert [stage.standing.value, stage.overdue.value, stage.due_soon.value] == [
            str(len(figure.hits)) for figure in (row.standing, row.overdue, row.due_soon)
        ]
    values = json.loads(unescape(re.search(r'data-values="([^"]*)"', page.text)[1]))
    assert values == {str(v.area_id): [len(v.standing.hits), len(v.overdue.hits)] for v in shown.map}
    assert {row.name for row in page.context["area_rows"]} == {"甲区", "乙区"}
    assert [key for key, words in boards.DEFINITIONS.items() if str(words) not in page.text] == []


def test_span_changes_what_is_counted_and_not_what_stands(world, sign_in):
    walked(world, seed=53)
    leader = sign_in("leader")
    by_span = {span: leader.get(f"/dashboard/?span={span}").context["shown"] for span in selectors.SPANS}
    reported = [len(by_span[span].counters["reported"][span].now.hits) for span in selectors.SPANS]
    assert reported == sorted(reported)
    assert reported[0] < reported[2]
    assert len({len(shown.figures["open_cases"].hits) for shown in by_span.values()}) == 1
    assert [len(by_span[span].flow) for span in selectors.SPANS] == [24, 7, 30]
    assert sum(len(row.reported.hits) for row in by_span["today"].flow) == reported[0]


def test_ratio_lists_what_counts_for_it_and_what_against(world, sign_in):
    walked(world, seed=54)
    leader = sign_in("leader")
    whole = leader.get("/dashboard/figures/on_time_accept/?span=month")
    parts = {
        part: leader.get(f"/dashboard/figures/on_time_accept/?span=month&part={part}") for part in ("hits", "misses")
    }
    counts = [parts[part].context["count"] for part in ("hits", "misses")]
    assert whole.context["count"] == sum(counts) > 0
    assert whole.context["figure"].count == f"{counts[0]}/{sum(counts)}"
    assert all(is_hit for _row, _title, is_hit in parts["hits"].context["rows"])


def test_pages_of_cases_hold_fifty_and_together_all(world, sign_in):
    for _case in range(53):
        world.report()
    leader = sign_in("leader")
    pages = [leader.get(f"/dashboard/figures/reported/?page={n}").context for n in (1, 2, 9)]
    assert [len(page["rows"]) for page in pages] == [50, 3, 3]
    assert len({row.number for page in pages[:2] for row, *_rest in page["rows"]}) == 53


def test_city_without_cases_says_why_there_is_no_value(world, sign_in):
    page = sign_in("leader").get("/dashboard/")
    tiles = {tile.key: tile for tile in page.context["tiles"]}
    assert (tiles["reported"].value, tiles["closed"].value) == ("0", "0")
    assert (tiles["closing_on_time_ratio"].value, tiles["closing_on_time_ratio"].href) == ("—", "")
    assert tiles["satisfaction_ratio"].cause == "本期没有评价"
    assert "没有将到期的案件" in page.text
    assert "NaN" not in page.text
    assert sign_in("leader").get("/dashboard/?wall=1").status_code == 200
    assert "没有案件" in sign_in("leader").get("/dashboard/figures/reported/").text


def test_area_without_cases_is_on_the_board_with_zeros(world, sign_in):
    world.report()
    page = sign_in("leader").get("/dashboard/")
    rows = {row.name: [cell.value for cell in row.cells] for row in page.context["area_rows"]}
    assert rows["甲区"][0] == "1"
    assert rows["乙区"][:3] == ["0", "0", "0"]
    grid = world.areas["620902002002002"].pk
    alone = sign_in("leader").get(f"/dashboard/?area={grid}")
    assert [row.id for row in alone.context["area_rows"]] == [grid]
    assert len(alone.context["trail"]) == 5


def test_board_is_ordered_by_code_or_by_a_column_that_was_chosen(world, sign_in):
    for _case in range(2):
        world.report(by="acceptor_b", grid="620902001001001")
    world.report()
    leader = sign_in("leader")

    def names(query: str) -> list[str]:
        return [row.name for row in leader.get(f"/dashboard/?{query}").context["area_rows"]]

    assert names("") == names("areas=rank") == names("areas=open_cases") == ["甲区", "乙区"]
    assert names("areas=-open_cases") == ["乙区", "甲区"]
    assert 'aria-sort="descending"' in leader.get("/dashboard/?areas=-open_cases").text


def test_statements_do_not_grow_with_the_cases(world, sign_in, statements):
    leader = sign_in("leader")
    world.report()
    few = [statements(leader, path) for path in ("/dashboard/", "/dashboard/?wall=1", "/dashboard/figures/reported/")]
    for _case in range(6):
        world.report()
    shared.forget()
    many = [statements(leader, path) for path in ("/dashboard/", "/dashboard/?wall=1", "/dashboard/figures/reported/")]
    assert few == many
    assert max(many) <= 8


def test_one_computation_serves_all_who_see_the_same(world, sign_in, settings):
    settings.REFERENCE_CHECK_SECONDS = 600
    world.report()
    city = [sign_in(login) for login in ("leader", "duty_chief_city")]
    first = city[0].get("/dashboard/").context["shown"]
    assert city[1].get("/dashboard/").context["shown"] is first
    assert sign_in("duty_chief").get("/dashboard/").context["shown"] is not first
    with CaptureQueriesContext(connection) as found:
        city[1].get("/dashboard/")
    assert sum(ReferenceRevision._meta.db_table not in query["sql"] for query in found) <= 7


def test_who_is_named_on_a_secret_case_sees_more_than_a_colleague(world, sign_in):
    world.report(category="0302")
    seen = [
        sign_in(login).get(f"/dashboard/?area={world.areas['620901'].pk}").context["tiles"][2].value
        for login in ("supervisor", "acceptor", "acceptor_2")
    ]
    assert seen[0] == "0"
    assert seen[1] == "1"


def test_kept_dashboard_is_left_once_the_journal_has_grown_and_it_is_old(world, monkeypatch):
    world.report()
    by = world.actor("leader")
    before = shared.dashboard(by)
    world.report()
    assert shared.dashboard(by) is before  # some seconds for everybody
    monkeypatch.setattr(shared, "FRESH", timedelta(0))
    after = shared.dashboard(by)
    assert len(after.figures["open_cases"].hits) == 2
    assert shared.dashboard(by) is after  # nothing has happened since


# --- as it was ----------------------------------------------------------------------------------------------------


def test_case_is_shown_as_it_was_and_to_those_alone_who_may_see_it(world, sign_in):
    number = world.carry("filed")
    then = sign_in("leader").get(f"/dashboard/cases/{number}/2/")
    assert then.status_code == 200
    assert "已受理" in then.text or "待立案" in then.text
    assert [line["seq"] for line in then.context["lines"]] == [2, 1]
    assert sign_in("duty_chief_b").get(f"/dashboard/cases/{number}/2/").status_code == 404
    assert sign_in("leader").get(f"/dashboard/cases/{number}/99/").status_code == 404


def test_number_of_a_moment_that_has_passed_stays_what_it_was(world, sign_in):
    number = world.report(at=clock.now() - timedelta(minutes=30))
    at = clock.now() - timedelta(minutes=20)
    query = urlencode({"at": at.isoformat(), "stage": "accept"})
    leader = sign_in("leader")
    before = leader.get(f"/dashboard/figures/standing/?{query}").context
    world.perform(number, "accept", "acceptor")
    after = leader.get(f"/dashboard/figures/standing/?{query}").context
    for context in (before, after):
        assert [(row.number, row.status) for row, *_rest in context["rows"]] == [(number, "reported")]
    assert leader.get("/dashboard/figures/standing/?stage=accept").context["count"] == 0


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (42, 2, "↑ 40 较昨日同时"),
        (1, 9, "↓ 8 较昨日同时"),
        (40, 10, "↑ 30（300%） 较昨日同时"),
        (12, 15, "↓ 3（20%） 较昨日同时"),
        (3, 0, "↑ 3 较昨日同时"),
        (3, 3, "与昨日同时持平"),
    ],
)
def test_growth_is_a_share_only_of_ten_or_more(now, before, said):
    def counted(many: int) -> Figure:
        return Figure(Unit.CASES, tuple(Ref(str(number), 1) for number in range(many)))

    assert present.step(boards.Trend(counted(now), counted(before)), "昨日同时") == said
