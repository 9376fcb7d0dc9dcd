"""Lists: pages by keyset, conditions, order."""

from datetime import timedelta
from itertools import chain
from typing import Any

import pytest

from dispatch.api import incidents
from gridgov.common import clock
from incidents.models import Incident
from tests.worlds import World

pytestmark = pytest.mark.django_db

URL = "/api/v1/incidents/"


def _numbers(world: World, login: str = "acceptor", **query: Any) -> list[str]:
    answer = world.client(login).get(URL, query)
    assert answer.status_code == 200, answer.content
    return [row["number"] for row in answer.json()["results"]]


def _walk(world: World, **query: Any) -> list[list[str]]:
    pages, client = [], world.client("acceptor")
    answer = client.get(URL, query)
    while True:
        said = answer.json()
        pages.append([row["number"] for row in said["results"]])
        if said["next"] is None:
            return pages
        answer = client.get(said["next"])
        assert answer.status_code == 200, answer.content


def test_pages_have_every_case_once_newest_first(world: World) -> None:
    made = [world.report() for _ in range(7)]
    pages = _walk(world, page_size=3)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert list(chain(*pages)) == made[::-1]
    assert [len(page) for page in _walk(world, page_size=7)] == [7]


def test_pages_by_due_have_those_without_a_due_time_last(world: World) -> None:
    now = clock.now()
    made = [world.report() for _ in range(6)]
    for number, hours in zip(made, (3, 1, None, 1, None, 2), strict=True):
        due_at = now + timedelta(hours=hours) if hours is not None else None
        Incident.objects.filter(number=number).update(due_at=due_at)
    wanted = [made[i] for i in (1, 3, 5, 0, 2, 4)]
    for size in (1, 2, 4, 6):
        assert list(chain(*_walk(world, order="due", page_size=size))) == wanted


def test_case_reported_between_two_pages_moves_nothing(world: World) -> None:
    made = [world.report() for _ in range(4)]
    first = world.client("acceptor").get(URL, {"page_size": 2}).json()
    world.report()
    second = world.client("acceptor").get(first["next"]).json()
    assert [row["number"] for row in second["results"]] == made[1::-1]


def test_condition_holds_on_every_page(world: World) -> None:
    for _ in range(3):
        world.report()
        world.report(category="0102")
    pages = _walk(world, category="0102", page_size=2)
    assert [len(page) for page in pages] == [2, 1]


def test_words_are_looked_for_in_so_many_cases_a_page_and_all_are_found(world: World, monkeypatch) -> None:
    made = [world.report(address="康乐路一号" if n in (0, 4) else "别处") for n in range(7)]
    monkeypatch.setattr(incidents, "LOOKED_THROUGH", 2)
    pages = _walk(world, text="康乐")
    assert len(pages) > 2  # some of them empty
    assert [number for page in pages for number in page] == [made[4], made[0]]


@pytest.mark.parametrize("of_all", [{"order": "due"}, {"received_from": "2020-01-01"}])
def test_words_are_looked_for_in_so_many_cases_a_page_in_every_order(world: World, monkeypatch, of_all) -> None:
    now = clock.now()
    made = [
        world.report(address="康乐路一号" if n in (0, 2, 4, 8) else "别处", at=now - timedelta(hours=9 - n))
        for n in range(9)
    ]
    # half of them wait for nothing that has a time
    Incident.objects.filter(number__in=made[4:]).update(due_at=None)
    monkeypatch.setattr(incidents, "LOOKED_THROUGH", 2)
    pages = _walk(world, text="康乐", **of_all)
    assert len(pages) > 2
    newest_first = [made[8], made[4], made[2], made[0]]
    wanted = [made[0], made[2], made[4], made[8]] if of_all == {"order": "due"} else newest_first
    assert [number for page in pages for number in page] == wanted
    # and each page looks through no more than that: the words of the others are not read
    monkeypatch.setattr(incidents, "LOOKED_THROUGH", 100)
    assert [number for page in _walk(world, text="康乐", **of_all) for number in page] == wanted


def test_cases_of_a_span_come_by_their_reception_each_once(world: World) -> None:
    now = clock.now()
    late, early, other = (world.report(at=now - timedelta(hours=hours)) for hours in (1, 5, 3))
    world.report(at=now - timedelta(days=4))
    pages = _walk(world, received_from=(now - timedelta(days=1)).isoformat(), page_size=1)
    assert [number for page in pages for number in page] == [late, other, early]


def test_each_condition_finds_what_it_says(world: World) -> None:
    now = clock.now()
    plain = world.report(description="角落有垃圾", address="康乐路一号")
    handling = world.carry("handling", grid="620901002001001")
    lamp = world.report(category="0102", at=now - timedelta(days=3))
    Incident.objects.filter(number=lamp).update(due_at=now - timedelta(hours=1))
    everything = {plain, handling, lamp}
    section = world.departments["CG-SZ"].pk
    for query, wanted in (
        ({"status": "handling"}, {handling}),
        ({"status": "handling,reported"}, everything),
        ({"stage": "handle"}, {handling}),
        ({"stage": "accept"}, {plain, lamp}),
        ({"area": "620901002"}, {handling}),
        ({"area": "620900:620901002"}, {handling}),
        ({"area": "620900"}, everything),
        ({"area_id": world.areas["620901001"].pk}, {plain, lamp}),
        ({"category": "0102"}, {lamp}),
        ({"category": "01"}, {lamp}),
        ({"department": "CG"}, {handling}),
        ({"department": section}, {handling}),
        ({"department": "ZJ"}, set()),
        ({"overdue": "true"}, {lamp}),
        ({"overdue": "false"}, {plain, handling}),
        ({"due_before": (now - timedelta(minutes=30)).isoformat()}, {lamp}),
        ({"received_from": (now - timedelta(days=1)).isoformat()}, {plain, handling}),
        ({"received_to": f"{clock.local_date(now - timedelta(days=2)):%Y-%m-%d}"}, {lamp}),
        ({"text": "康乐"}, {plain}),
        ({"text": "角落"}, {plain}),
        ({"text": plain.lower()}, {plain}),
        ({"text": plain[:8]}, everything),
        ({"mine": "true"}, everything),
    ):
        assert set(_numbers(world, **query)) == wanted, query


def test_mine_is_what_one_reports_checks_verifies_or_handles(world: World) -> None:
    handling = world.carry("handling")
    checked = world.report()
    world.perform(checked, "request_check", "acceptor", checker=world.people["grid_worker"].pk)
    assert _numbers(world, "department_handler", mine="true") == [handling]
    assert _numbers(world, "grid_worker", mine="true") == [checked]
    assert set(_numbers(world, "grid_worker")) == {handling, checked}
    assert _numbers(world, "supervisor", mine="true") == []


def test_condition_of_several_values_loses_no_page_and_doubles_none(world: World) -> None:
    """On PostgreSQL the newest of each value are looked up by themselves; it may not show."""
    made = [world.report(category=("0201", "0102")[n % 2]) for n in range(5)]
    handling = [world.carry("handling") for _ in range(3)]
    everything = [*reversed(handling), *reversed(made)]
    lamps = [number for n, number in enumerate(made) if n % 2]
    for query, wanted in (
        ({"status": "reported,handling,closed"}, everything),
        ({"status": "reported,handling", "area": "620901001"}, everything),
        ({"stage": "handle"}, handling[::-1]),
        ({"category": "01"}, lamps[::-1]),
        ({"category": "01", "status": "reported,handling"}, lamps[::-1]),
        ({"category": "01", "area": "620901001001001"}, lamps[::-1]),
        ({"department": "CG"}, handling[::-1]),
        ({"mine": "true"}, everything),
        ({"mine": "true", "stage": "accept"}, made[::-1]),
        ({"text": made[0][:14]}, sorted([*made, *handling], reverse=True)),
    ):
        pages = _walk(world, page_size=2, **query)
        assert [number for page in pages for number in page] == wanted, query


def test_who_has_no_area_has_what_concerns_him_newest_first_and_nothing_secret(world: World) -> None:
    handling = [world.carry("handling") for _ in range(3)]
    world.report()
    Incident.objects.filter(number=handling[1]).update(is_confidential=True)
    for query in ({}, {"mine": "true"}, {"status": "handling,reported"}, {"category": "02"}):
        client, found = world.client("department_handler"), []
        answer = client.get(URL, {**query, "page_size": 1})
        while True:
            found += [row["number"] for row in answer.json()["results"]]
            if answer.json()["next"] is None:
                break
            answer = client.get(answer.json()["next"])
        assert found == [handling[2], handling[0]], query


def test_row_says_what_a_queue_needs(world: World) -> None:
    number = world.carry("handling", address="康乐路一号")
    [row] = world.client("acceptor").get(URL).json()["results"]
    assert row["number"] == number
    assert (row["status"], row["status_label"], row["stage"]) == ("handling", "处置中", "handle")
    assert row["category"] == {"code": "0201", "name": "市容环境／暴露垃圾"}
    assert [area["code"] for area in row["areas"]] == [
        "620900", "620901", "620901001", "620901001001", "620901001001001",
    ]  # fmt: skip
    assert row["holder"]["code"] == "620901"
    assert row["lead"]["name"] == "市政设施科"
    assert row["received_at"].endswith("Z")
    assert row["is_overdue"] is False


def test_inbox_has_own_tickets_by_due(world: World) -> None:
    signed, opened = world.carry("handling"), world.carry("dispatched")
    client = world.client("department_handler")
    rows = client.get("/api/v1/tickets/").json()["results"]
    assert [(row["incident"]["number"], row["state"]) for row in rows] == [(signed, "signed"), (opened, "open")]
    assert [r["incident"]["number"] for r in client.get("/api/v1/tickets/?state=open").json()["results"]] == [opened]
    assert client.get("/api/v1/tickets/?state=done").json()["results"] == []
    assert len(client.get("/api/v1/tickets/?state=all&lead=true&order=newest").json()["results"]) == 2
    page = client.get("/api/v1/tickets/?page_size=1").json()
    assert [r["incident"]["number"] for r in client.get(page["next"]).json()["results"]] == [opened]
    assert world.client("department_head").get("/api/v1/tickets/").json()["results"] != []
    for login in ("department_handler_b", "acceptor", "nobody"):
        assert world.client(login).get("/api/v1/tickets/").json()["results"] == []
    for query in ("state=lost", "lead=x", "order=x", "colour=red"):
        assert client.get(f"/api/v1/tickets/?{query}").status_code == 400


def test_ticket_of_a_confidential_case_is_hidden_from_the_unnamed(world: World) -> None:
    number = world.report(category="0302")
    world.perform(number, "accept", "acceptor")
    world.perform(number, "file", "duty_chief", standard="0302-1")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead())
    assert len(world.client("department_handler").get("/api/v1/tickets/").json()["results"]) == 1
    assert world.client("department_head").get("/api/v1/tickets/").json()["results"] == []
