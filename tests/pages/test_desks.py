"""The queues."""

import re
from datetime import timedelta

import pytest

from dispatch import requests
from dispatch.views import desks
from gridgov.common import clock
from incidents.models import Incident

pytestmark = pytest.mark.django_db


def numbers(response) -> list[str]:
    return [row.number for _name, rows in response.context["groups"] for row in rows]


@pytest.mark.parametrize(
    ("desk", "login", "outsider"),
    [
        ("accept", "acceptor", "dispatcher"), ("file", "duty_chief", "acceptor"),
        ("dispatch", "dispatcher", "verifier"), ("verify", "verifier", "dispatcher"),
        ("supervise", "supervisor", "acceptor"), ("approve", "leader", "verifier"),
    ],
)  # fmt: skip
def test_queue_is_for_the_people_of_its_desk(sign_in, desk, login, outsider):
    response = sign_in(login).get(f"/queue/{desk}/")
    assert response.status_code == 200
    assert "gg-state" in response.text  # nothing to do yet, and it says so
    refused = sign_in(outsider).get(f"/queue/{desk}/")
    assert refused.status_code == 403
    assert "不在你的权限内" in refused.text


def test_queue_shows_the_cases_of_the_own_district_alone(world, sign_in):
    here, there = world.report(), world.report(by="acceptor_b", grid="620902001001001")
    assert numbers(sign_in("acceptor").get("/queue/accept/")) == [here]
    assert numbers(sign_in("acceptor_b").get("/queue/accept/")) == [there]


def test_queue_follows_the_case_from_desk_to_desk(world, sign_in):
    number = world.report()
    stops = [("accept", "acceptor"), ("file", "duty_chief"), ("dispatch", "dispatcher")]
    moves = [("accept", "acceptor", {}), ("file", "duty_chief", {"standard": "0201-1"})]
    for position, (desk, _login) in enumerate(stops):
        for other, someone in stops:
            assert numbers(sign_in(someone).get(f"/queue/{other}/")) == ([number] if other == desk else [])
        if position < len(moves):
            action, by, payload = moves[position]
            world.perform(number, action, by, **payload)


def test_queue_is_ordered_by_least_time_left_and_grouped(world, sign_in):
    now = clock.now()
    late = world.report(at=now - timedelta(days=10))
    fresh = world.report()
    older = world.report(at=now - timedelta(days=20))
    response = sign_in("acceptor").get("/queue/accept/")
    assert numbers(response) == [older, late, fresh]
    assert response.context["groups"][0][0] == "已超"
    assert response.context["counts"]["over"] == 2
    assert "gg-sla-over" in response.text
    assert numbers(sign_in("acceptor").get("/queue/accept/?overdue=1")) == [older, late]


def test_queue_filters_by_area_and_category(world, sign_in):
    south = world.report()
    north = world.report(grid="620901002001001", category="0102")
    client = sign_in("acceptor")
    street = world.areas["620901002"].pk
    assert numbers(client.get(f"/queue/accept/?area={street}")) == [north]
    assert numbers(client.get("/queue/accept/?category=0201")) == [south]
    assert numbers(client.get("/queue/accept/?category=02")) == [south]
    empty = client.get(f"/queue/accept/?area={street}&category=0201")
    assert "没有符合条件的案件" in empty.text
    assert client.get("/queue/accept/?area=99999999999999&category=%27&after=x_y").status_code == 200


def test_queue_shows_the_cases_of_lower_centres_when_asked(world, sign_in):
    number = world.report(category="0203")  # first held by the street
    client = sign_in("acceptor")
    assert numbers(client.get("/queue/accept/")) == []
    assert numbers(client.get("/queue/accept/?scope=below")) == [number]
    assert numbers(sign_in("acceptor_street").get("/queue/accept/")) == [number]


def test_queue_of_a_confidential_case_is_for_named_people(world, sign_in):
    number = world.report(category="0302")
    assert number in numbers(sign_in("acceptor").get("/queue/accept/"))
    assert number not in numbers(sign_in("supervisor").get("/queue/supervise/"))


def test_queue_pages_by_keyset_without_gap_or_repeat(world, sign_in, monkeypatch):
    monkeypatch.setattr(desks, "PAGE", 2)
    now = clock.now()
    made = [world.report(at=now - timedelta(hours=5 - n)) for n in range(5)]
    client = sign_in("acceptor")
    seen, after = [], ""
    for _page in range(3):
        response = client.get("/queue/accept/", {"after": after})
        seen += numbers(response)
        after = response.context["after"]
    assert after == ""
    assert sorted(seen) == sorted(made)
    assert len(set(seen)) == 5


def test_foot_says_how_many_follow_where_that_is_known(world, sign_in, monkeypatch):
    monkeypatch.setattr(desks, "PAGE", 2)
    now = clock.now()
    for n in range(5):
        world.report(at=now - timedelta(hours=5 - n))
    client = sign_in("acceptor")
    for path in ("/queue/accept/", "/work/accept/"):
        first = client.get(path)
        assert "下一页（还有 3 件）" in first.text
        later = client.get(path, {"after": first.context["after"]})
        assert re.search("下一页[^（]", later.text)
        assert re.search("下一页[^（]", client.get(f"{path}?category=0201").text)
        last = client.get(path, {"after": later.context["after"]})
        assert 'rel="next"' not in last.text


def test_figures_are_filters_and_say_when_they_count_more_than_the_list(world, sign_in):
    soon, late = world.report(), world.report(at=clock.now() - timedelta(days=10))
    later = world.report()
    Incident.objects.filter(number=soon).update(due_at=clock.now() + timedelta(minutes=5))
    Incident.objects.filter(number=later).update(due_at=clock.now() + timedelta(hours=5))
    client = sign_in("acceptor")
    for path in ("/queue/accept/", "/work/accept/"):
        page = client.get(f"{path}?soon=1")
        assert numbers(page) == [soon]
        assert page.context["counts"]["soon"] == 1
        assert re.search(r'href="\?soon=1" aria-current="true"', page.text)
        assert numbers(client.get(f"{path}?overdue=1")) == [late]
        assert "挂账</a>" not in page.text  # none of this desk's cases can be
        assert "全部已超" not in page.text
        narrowed = client.get(f"{path}?category=0102").text
        for words in ("全部待办</a>", "全部已超</a>", "全部 15 分内到期</a>"):
            assert words in narrowed
        assert 'href="?soon=1&amp;scope=below"' in client.get(f"{path}?scope=below").text
    assert 'href="?status=suspended"' in sign_in("supervisor").get("/work/supervise/").text


def test_queue_takes_the_same_statements_for_one_case_and_three(world, sign_in, statements):
    client = sign_in("acceptor")
    world.report()
    one = statements(client, "/queue/accept/")
    world.report()
    world.report(grid="620901002001001", category="0102")
    assert statements(client, "/queue/accept/") == one
    assert one <= 7  # one of them for who holds the cases


def test_approvals_show_what_waits_for_this_person(world, sign_in, statements):
    client = sign_in("dispatcher")
    for expected in (1, 2):
        number = world.carry("handling")
        requests.ask(number=number, kind="return", by=world.actor("department_handler"), reason="不属本科")
        response = client.get("/queue/approve/")
        assert [row["kind"] for row in response.context["rows"]] == ["return"] * expected
        assert number in response.text
    assert "不属本科" in response.text
    assert sign_in("dispatcher_b").get("/queue/approve/").context["rows"] == []
    one = statements(client, "/queue/approve/")
    number = world.carry("handling")
    requests.ask(number=number, kind="return", by=world.actor("department_handler"), reason="不属本科")
    assert statements(client, "/queue/approve/") == one


def touched(client, path: str, *asked: str):
    return client.get(path, {"touched": ",".join(asked)}).context


def test_cases_that_left_the_list_say_by_whom(world, sign_in):
    taken, here = world.report(), world.report()
    world.perform(taken, "accept", "acceptor_2")
    context = touched(sign_in("acceptor"), "/queue/accept/", taken, here)
    assert context["gone"] == [(taken, "已由 受理甲二 受理")]
    assert context["beyond"] == ""
    assert "touched" not in context["query"]


def test_cases_that_one_may_not_see_are_not_told_of(world, sign_in):
    there = world.report(by="acceptor_b", grid="620902001001001")
    secret = world.report(category="0302", by="acceptor_b", grid="620902001001001")
    world.perform(there, "accept", "acceptor_b")
    context = touched(sign_in("acceptor"), "/queue/accept/", there, secret, "made-up", "", "%00", "x" * 300)
    assert context["gone"] == []
    assert context["beyond"] == ""
    assert touched(sign_in("acceptor_b"), "/queue/accept/", there)["gone"] != []


def test_cases_on_a_later_page_are_told_apart(world, sign_in, monkeypatch):
    monkeypatch.setattr(desks, "PAGE", 1)
    now = clock.now()
    world.report(at=now - timedelta(hours=5))
    later = world.report(at=now - timedelta(hours=1))
    context = touched(sign_in("acceptor"), "/queue/accept/", later)
    assert (context["beyond"], context["gone"]) == (later, [])


def test_touched_cases_take_the_same_statements_for_one_and_three(world, sign_in, statements):
    numbers = [world.report() for _count in range(3)]
    for number in numbers:
        world.perform(number, "accept", "acceptor_2")
    client = sign_in("acceptor")
    one = statements(client, f"/queue/accept/?touched={numbers[0]}")
    assert statements(client, "/queue/accept/?touched=" + ",".join(numbers)) == one
    assert one <= 8


def test_rows_carry_what_the_page_needs_to_follow(world, sign_in):
    number = world.report()
    text = sign_in("acceptor").get("/queue/accept/").text
    assert f'data-number="{number}" data-seq="1"' in text
    assert 'data-statuses="reported checking handled"' in text
    due = int(world.case(number).due_at.timestamp() * 1000)
    assert f'data-due="{due}"' in text
