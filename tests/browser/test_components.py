"""A component from its plate to the report: the sheet that is printed, and the page that its code opens."""

import pytest
from playwright.sync_api import expect

from grids.models import Component

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def lamp(city):
    lon, lat = city.point()
    return Component.objects.create(
        root=city.root, code="6209010102000001", type_code="0102", name="路灯001号", lon=lon, lat=lat,
        area=city.areas["620901001001001"],
    )  # fmt: skip


def test_category_of_the_component_stands_and_another_is_found_behind_it(lamp, open_page):
    page = open_page(width=390)
    page.goto(f"/c/{lamp.qr_token}/")
    chosen, box = page.locator("[data-chosen]"), page.locator("#report-category-search")
    expect(chosen).to_have_text("路灯")
    expect(box).to_be_hidden()
    page.locator("[data-other] summary").click()
    expect(box).to_have_value("路灯")
    expect(page.locator("[name=category]")).to_be_hidden()  # the search alone, not two lists
    box.fill("jg")
    page.get_by_role("option", name="井盖缺失").click()
    expect(chosen).to_have_text("井盖缺失")
    expect(page.locator("[name=category]")).to_have_value("0101")


def test_sheet_prints_twelve_plates_a_page_without_the_page_around_them(lamp, city, entered):
    given = {"root": city.root, "type_code": "0102", "lon": lamp.lon, "lat": lamp.lat, "area": lamp.area}
    Component.objects.bulk_create(Component(code=f"N{number:03}", **given) for number in range(12))
    page = entered("system_admin")
    page.goto("/admin/grids/component/")
    page.locator("#action-toggle").check()
    page.locator("[name=action]").select_option(label="打印二维码标识")
    page.locator("[name=index]").click()
    expect(page.locator(".gg-plate")).to_have_count(13)
    page.emulate_media(media="print")
    expect(page.locator("#header")).to_be_hidden()
    expect(page.locator("[data-print]")).to_be_hidden()
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.count(b"/Type /Page\n") == 2
