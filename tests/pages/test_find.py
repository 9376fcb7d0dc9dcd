"""The search of the bar: a page of what the command line finds, without a script."""

import pytest

from grids.models import Component

pytestmark = pytest.mark.django_db


def test_find_leads_to_the_case_by_its_number_or_its_last_figures(world, sign_in):
    number = world.report()
    client = sign_in("acceptor")
    for text in (number, number.lower(), number[-5:], f" {number} "):
        assert client.get("/find/", {"text": text}).url == f"/cases/{number}/", text
    # who does not see the case is not led to it
    assert sign_in("acceptor_b").get("/find/", {"text": number}).status_code == 404


def test_find_shows_all_that_the_text_may_mean(world, sign_in):
    numbers = [world.report(address=f"福利西路 {n} 号", reporter_phone="13893122716") for n in (1, 2)]
    client = sign_in("acceptor")
    by_phone = client.get("/find/", {"text": "2716"})
    assert by_phone.status_code == 200
    assert {row.key for row in by_phone.context["rows"]} == set(numbers)
    assert "13893122716" not in by_phone.text
    by_address = client.get("/find/", {"text": "福利西路"})
    for number in numbers:
        assert f'href="/cases/{number}/"' in by_address.text
    assert 'value="福利西路"' in by_address.text


def test_find_leads_areas_categories_and_components_into_the_own_queue(world, sign_in):
    lon, lat = world.point()
    Component.objects.create(
        root=world.root, code="6209010102000001", type_code="0102", name="路灯", lon=lon, lat=lat,
        area=world.areas["620901001001001"],
    )  # fmt: skip
    client = sign_in("acceptor")
    assert 'href="/work/accept/?category=0201"' in client.get("/find/", {"text": "bllj"}).text
    street = world.areas["620901001"]
    assert f'href="/work/accept/?area={street.pk}"' in client.get("/find/", {"text": street.name}).text
    assert 'href="/work/accept/?component=6209010102000001"' in client.get("/find/", {"text": "6209010102000001"}).text
    # on the street there is no queue: the component may be reported, the category leads nowhere
    street_client = sign_in("grid_worker")
    assert (
        'href="/report/?component=6209010102000001"' in street_client.get("/find/", {"text": "6209010102000001"}).text
    )
    assert street_client.get("/find/", {"text": "bllj"}).status_code == 404


def test_find_says_what_is_not_found_or_no_text(sign_in):
    client = sign_in("acceptor")
    nothing = client.get("/find/", {"text": "' or 1=1"})
    assert nothing.status_code == 404
    assert "没有找到" in nothing.text
    assert client.get("/find/", {"text": "99999"}).status_code == 404
    for text in ("", "x", "长" * 51):
        answer = client.get("/find/", {"text": text})
        assert answer.status_code == 400, text
        assert "查找文字须为2到50字" in answer.text


def test_find_takes_as_many_statements_for_one_case_as_for_many(world, sign_in, statements):
    client = sign_in("acceptor")
    world.report(address="福利西路 1 号")
    world.report(address="福利西路 2 号")
    few = statements(client, "/find/?text=福利西路")
    for n in range(3, 7):
        world.report(address=f"福利西路 {n} 号")
    assert statements(client, "/find/?text=福利西路") == few
