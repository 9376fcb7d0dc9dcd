"""The cases behind a number can be put in order by what the table says of them."""

import re
from html import unescape

import pytest

from gridgov.common import clock
from reporting.history import Ref
from reporting.views import drill

pytestmark = pytest.mark.django_db
PATH = "/dashboard/figures/reported/"


@pytest.fixture
def cases(world):
    """Reported in this order; their addresses stand in another."""
    return [world.report(address=address) for address in ("丙路3号", "甲路1号", "乙路2号")]


def shown(response) -> list[str]:
    return [row.number for row, _title, _hit in response.context["rows"]]


def heads(text: str) -> dict[str, str]:
    """Label → address of the heads that put in order."""
    found = re.findall(r'<th scope="col"[^>]*><a href="([^"]*)">([^<]*)', text)
    return {label: unescape(href) for href, label in found}


def test_each_head_orders_the_cases_and_a_second_time_the_other_way(sign_in, cases):
    client = sign_in("leader")
    first = heads(client.get(PATH).text)
    assert list(first) == ["案件", "计入的一步", "当时状态", "时间", "地址"]
    up = client.get(PATH + first["地址"])
    by_address = sorted(cases, key=lambda number: ["丙路3号", "甲路1号", "乙路2号"][cases.index(number)])
    assert shown(up) == by_address
    assert 'aria-sort="ascending"' in up.text
    down = client.get(PATH + heads(up.text)["地址"])
    assert shown(down) == by_address[::-1]
    assert 'aria-sort="descending"' in down.text
    assert shown(client.get(PATH + first["时间"])) == cases
    assert shown(client.get(PATH + "?sort=-number")) == sorted(cases, reverse=True)


def test_order_goes_over_the_pages(sign_in, cases, monkeypatch):
    monkeypatch.setattr(drill, "PAGE", 2)
    client = sign_in("leader")
    at = {"at": clock.now().isoformat()}
    page = client.get(PATH, at | {"sort": "-at"})
    assert "sort=-at" in page.context["after"]
    assert shown(page) + shown(client.get(PATH, at | {"sort": "-at", "page": 2})) == cases[::-1]


def test_many_cases_are_ordered_by_number_alone(sign_in, cases, monkeypatch):
    monkeypatch.setattr(drill, "MOST_SORTED", 2)
    client = sign_in("leader")
    assert list(heads(client.get(PATH).text)) == ["案件"]
    assert shown(client.get(PATH + "?sort=-at")) == shown(client.get(PATH))
    assert shown(client.get(PATH + "?sort=-number")) == sorted(cases, reverse=True)


def test_case_that_is_not_to_be_seen_comes_last_and_is_counted(world, cases):
    """A case may have gone to another district since it was counted."""
    away = world.report(by="acceptor_b", grid="620902001001001", address="A路0号")
    refs = [Ref(number, 1) for number in (away, *cases)]
    by = world.actor("supervisor")
    for sort in ("where", "-where", "at"):
        first, unseen = drill._rows(by, refs, sort, slice(0, 3))
        assert (sorted(row.number for row in first), unseen) == (sorted(cases), 0)
        assert drill._rows(by, refs, sort, slice(3, 6)) == ([], 1)


def test_unknown_order_is_no_order(sign_in, cases):
    for sort in ("nothing", "--at", "-", "%00"):
        assert shown(sign_in("leader").get(PATH, {"sort": sort})) == shown(sign_in("leader").get(PATH))


def test_order_takes_no_more_statements(sign_in, cases, statements):
    client = sign_in("leader")
    assert statements(client, f"{PATH}?sort=-where") == statements(client, PATH)
