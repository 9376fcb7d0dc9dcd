"""A case reported at a component names it, by name and code and with its place, wherever the case is shown."""

import pytest
from django.test import Client

from dispatch.component_words import reported, titled
from grids.models import Component
from incidents.models import Incident

pytestmark = pytest.mark.django_db
CODE = "6209010102000001"
PLACE = "甲区甲一街道甲一西社区甲一西第1网格"
SAID = f"中山桥头灯（{CODE}）"


@pytest.fixture
def lamp(world):
    lon, lat = world.point()
    return Component.objects.create(
        root=world.root, code=CODE, type_code="0102", name="中山桥头灯", lon=lon, lat=lat,
        area=world.areas["620901001001001"],
    )  # fmt: skip


@pytest.fixture
def case(world, lamp):
    """By its QR code, given to the department."""
    Client().post(f"/c/{lamp.qr_token}/", {"source": "qr", "category": "0102", "description": "三天不亮"})
    case = Incident.objects.select_related("reporter").get()
    world.perform(case.number, "accept", "acceptor")
    world.perform(case.number, "file", "duty_chief", standard="0102-1")
    world.perform(case.number, "dispatch", "dispatcher", lead=world.lead())
    return case


def test_case_page_names_the_component_and_its_place(case, sign_in):
    page = sign_in("dispatcher").get(f"/cases/{case.number}/")
    assert page.context["title"] == f"路灯 · 中山桥头灯 · {PLACE}"
    facts = dict(page.context["facts"])
    assert (facts["地点"], facts["部件"]) == (PLACE, SAID)
    assert SAID in page.text


def test_panel_names_the_component_and_its_place(case, sign_in):
    panel = sign_in("dispatcher").get(f"/cases/{case.number}/", headers={"X-Panel": "1"}).text
    assert f"<dd>{PLACE}</dd>" in panel
    assert f"<dd>{SAID}</dd>" in panel
    assert "路灯 · 中山桥头灯</h2>" in panel


def test_inbox_and_ticket_name_the_component_and_its_place(case, sign_in):
    client = sign_in("department_handler")
    row = client.get("/inbox/").context["rows"][0]
    assert (row["title"], row["address"]) == ("路灯 · 中山桥头灯", PLACE)
    ticket = client.get(f"/inbox/{case.number}/")
    assert ticket.context["title"] == f"路灯 · 中山桥头灯 · {PLACE}"
    assert SAID in ticket.text


def test_place_that_was_given_stands_and_that_of_the_component_beside_it(case, world, sign_in):
    world.perform(case.number, "amend", "acceptor", address="桥头北侧", reason="电话核实")
    page = sign_in("dispatcher").get(f"/cases/{case.number}/")
    assert page.context["title"] == "路灯 · 中山桥头灯 · 桥头北侧"
    facts = dict(page.context["facts"])
    assert (facts["地点"], facts["部件"]) == ("桥头北侧", f"{SAID} · {PLACE}")
    assert sign_in("department_handler").get("/inbox/").context["rows"][0]["address"] == "桥头北侧"


def test_case_without_a_component_is_as_before(world, sign_in):
    number = world.carry("dispatched", address="福利西路 128 号")
    page = sign_in("dispatcher").get(f"/cases/{number}/")
    assert page.context["title"] == "暴露垃圾 · 福利西路 128 号"
    assert "部件" not in dict(page.context["facts"])
    row = sign_in("department_handler").get("/inbox/").context["rows"][0]
    assert (row["title"], row["address"]) == ("暴露垃圾", "福利西路 128 号")


def test_title_does_not_say_the_category_twice(world):
    assert titled("路灯", reported("1", "路灯001号", "桥头", None)) == "路灯001号"
    assert titled("路灯", reported("1", "桥头灯", "桥头", None)) == "路灯 · 桥头灯"
    assert titled("路灯", reported("1", "", "桥头", None)) == "路灯 · 1"
    assert titled("路灯", reported(None, None, None, None)) == "路灯"
    assert titled("", None) == ""
