"""Plates with QR codes are printed by who administers the components, each with the address that it leads to."""

import re

import pytest
import segno
from django.urls import reverse

from gridgov.common import clock
from gridgov.common.models import ReferenceRevision, User
from grids import admin_plates
from grids.models import Component
from personnel import services
from tests.statements import counted

pytestmark = pytest.mark.django_db
PLATES = "/admin/grids/component/plates/"


@pytest.fixture
def lamps(world) -> tuple[Component, Component]:
    """One in 甲区 and one in 乙区, the second without a name."""
    found = []
    for grid, name in (("620901001001001", "路灯001号"), ("620902001001001", "")):
        lon, lat = world.point(grid)
        found.append(
            Component.objects.create(
                root=world.root, code=f"{grid[:6]}0102000001", type_code="0102", name=name, lon=lon, lat=lat,
                area=world.areas[grid],
            )
        )  # fmt: skip
    return found[0], found[1]


@pytest.fixture
def keeper(world, client):
    client.force_login(world.people["system_admin"])
    return client


def modules(page: str) -> list[list[int]]:
    """The dark modules of each code on the page, as they are drawn, its quiet zone around it."""
    found = []
    for size, drawing in re.findall(r'viewBox="0 0 (\d+) \1"[^>]*><path d="([^"]+)"/></svg>', page):
        rows = [[0] * int(size) for _row in range(int(size))]
        for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", drawing):
            for at in range(int(x), int(x) + int(length)):
                rows[int(y)][at] = 1
        found.append(rows)
    return found


def test_plate_has_code_name_short_code_and_address(lamps, keeper):
    lamp = lamps[0]
    page = keeper.get(PLATES, {"ids": lamp.pk}).text
    address = f"http://testserver/c/{lamp.qr_token}/"
    for words in ("路灯001号", "扫码上报", address, f"{lamp.short_code[:4]} {lamp.short_code[4:]}", "1 个标识"):
        assert words in page, words
    sheet = page[page.index('class="gg-sheet"') :]
    assert "style=" not in sheet
    asked = segno.make_qr(address, error="q")
    assert modules(page) == [[list(row) for row in asked.matrix_iter(border=admin_plates.QUIET)]]


def test_plate_of_a_nameless_component_says_its_category(lamps, keeper):
    assert "<h2>路灯</h2>" in keeper.get(PLATES, {"ids": lamps[1].pk}).text


def test_action_leads_to_the_sheet_of_the_chosen_ones(lamps, keeper):
    chosen = {"action": "print_plates", "_selected_action": [lamp.pk for lamp in lamps]}
    page = keeper.post(reverse("admin:grids_component_changelist"), chosen, follow=True)
    assert page.redirect_chain[0][0].startswith(PLATES)
    assert page.text.count('class="gg-plate"') == 2
    assert "打印二维码标识" in keeper.get(reverse("admin:grids_component_changelist")).text
    assert f"{PLATES}?ids={lamps[0].pk}" in keeper.get(reverse("admin:grids_component_change", args=[lamps[0].pk])).text


def test_sheets_hold_twelve_and_cost_one_statement_however_many(lamps, keeper, world):
    given = {"root": world.root, "type_code": "0102", "lon": 103.6, "lat": 36.05, "area": lamps[0].area}
    Component.objects.bulk_create(Component(code=f"N{number:03}", **given) for number in range(13))
    ids = list(Component.objects.values_list("pk", flat=True))
    keeper.get(PLATES, {"ids": ids[0]})  # what the process keeps is loaded
    counts = []
    for chosen in (ids[:1], ids):
        with counted() as made:
            page = keeper.get(PLATES, {"ids": ",".join(map(str, chosen))})
        counts.append(sum(ReferenceRevision._meta.db_table not in sql for sql in made))
    assert page.text.count('class="gg-plate"') == len(ids) == 15
    assert page.text.count('class="gg-sheet"') == 2
    assert counts[0] == counts[1]


def test_more_than_a_browser_prints_are_refused_in_words(lamps, keeper, monkeypatch):
    monkeypatch.setattr(admin_plates, "MOST", 1)
    ids = [lamp.pk for lamp in lamps]
    chosen = {"action": "print_plates", "_selected_action": ids}
    for page in (
        keeper.post(reverse("admin:grids_component_changelist"), chosen, follow=True),
        keeper.get(PLATES, {"ids": ",".join(map(str, ids))}, follow=True),
    ):
        assert "一次最多打印 1 个标识" in page.text
        assert 'class="gg-plate"' not in page.text


@pytest.mark.parametrize("ids", ["", "x", "1;2", "-1", "9" * 30, "0", "1," * 4000])
def test_what_names_no_component_is_not_found(lamps, keeper, ids):
    assert keeper.get(PLATES, {"ids": ids}).status_code == 404


def test_plates_of_another_district_are_not_there(lamps, world, client):
    services.post(
        worker=world.workers["nobody"], role="system_admin", area=world.areas["620902"],
        starts_on=clock.local_date(clock.now()),
    )  # fmt: skip
    client.force_login(User.objects.get(username="nobody"))
    theirs, own = lamps
    assert client.get(PLATES, {"ids": own.pk}).status_code == 200
    assert client.get(PLATES, {"ids": theirs.pk}).status_code == 404
    assert client.get(PLATES, {"ids": f"{own.pk},{theirs.pk}"}).status_code == 404


def test_plates_are_not_for_other_administrators(lamps, world, client):
    client.force_login(world.people["audit_admin"])
    assert client.get(PLATES, {"ids": lamps[0].pk}).status_code == 403
