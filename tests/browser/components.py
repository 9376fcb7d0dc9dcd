"""A component on the maps, as the tests of pages make and find it."""

from playwright.sync_api import Page, expect

from grids.models import Component
from tests.worlds import World


def make_lamp(city: World) -> tuple[float, float]:
    """A street lamp stands in 甲一西第1网格; its longitude and latitude."""
    lon, lat = city.point()
    Component.objects.create(
        root=city.root, code="6209010102000001", type_code="0102", name="路灯", lon=lon, lat=lat,
        area=city.areas["620901001001001"], address="西固中路 302 号",
    )  # fmt: skip
    return lon, lat


def click_a_component(page: Page) -> None:
    """Clusters of the map's components are opened until one stands alone, and that is clicked."""
    for _ in range(4):
        expect(page.locator(".gg-map-component, .gg-map-components").first).to_be_visible()
        if page.locator(".gg-map-component").count():
            break
        cluster = page.locator(".gg-map-components").first.element_handle()
        cluster.click()
        # what is seen from nearer takes its place: a second click on it would lead past the component
        cluster.wait_for_element_state("hidden")
    page.locator(".gg-map-component").first.click()
