"""Layers of the maps in Chromium: switched by hand and by keyboard, remembered, and tiles under them."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from gridgov.env import TileSource
from grids import services
from grids.models import ServiceZone
from tests.browser.components import click_a_component, make_lamp
from tests.worlds import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def layered(city: World) -> World:
    make_lamp(city)
    zone = ServiceZone(root=city.root, code="Z1", name="西固市场所", kind="market")
    services.save_zone(zone=zone, members=[city.areas["620901001001"].pk, city.areas["620901001002"].pk])
    return city


def more(page: Page) -> None:
    page.locator(".gg-map-more summary").click()


def test_components_workers_and_zones_are_switched_and_remembered(layered: World, signed_in):
    page = signed_in("acceptor")
    page.goto("/work/accept/")
    expect(page.locator(".gg-area").first).to_be_visible()
    more(page)
    page.get_by_label("部件", exact=True).check()
    expect(page.locator(".gg-map-component, .gg-map-components").first).to_be_visible()
    page.get_by_label("网格员", exact=True).check()
    expect(page.locator(".gg-map-duty").first).to_be_visible()
    page.get_by_label("专属网格", exact=True).check()
    expect(page.locator("path.gg-zone-market")).to_have_count(1)
    expect(page.locator(".gg-zone-name")).to_have_text("西固市场所")
    page.reload()
    expect(page.locator("path.gg-zone-market")).to_have_count(1)
    expect(page.locator(".gg-map-duty").first).to_be_visible()
    more(page)
    page.get_by_label("专属网格", exact=True).uncheck()
    expect(page.locator("path.gg-zone-market")).to_have_count(0)
    # another kind of page has its own choice
    page.goto("/report/")
    expect(page.locator(".gg-area").first).to_be_visible()
    assert page.get_by_label("网格员", exact=True).is_checked() is False


def test_a_link_brings_the_layers_and_leaves_the_own_choice(layered: World, signed_in):
    page = signed_in("acceptor")
    page.goto("/work/accept/?scope=below")
    expect(page.locator(".gg-area").first).to_be_visible()
    assert "layers" not in page.url  # nothing was chosen
    more(page)
    page.get_by_label("专属网格", exact=True).check()
    page.get_by_role("checkbox", name="案件", exact=True).uncheck()
    expect(page).to_have_url(re.compile(r"\?scope=below&layers=areas,zones$"))
    # a filter within the page carries them on, going back too
    page.get_by_label("状态").select_option("reported")
    expect(page).to_have_url(re.compile(r"status=reported.*layers=areas,zones"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"\?scope=below&layers=areas,zones"))
    link = page.url
    other = signed_in("supervisor")
    other.goto(link.replace("/accept/", "/supervise/"))
    expect(other.locator("path.gg-zone-market")).to_have_count(1)
    expect(other.get_by_role("checkbox", name="案件", exact=True)).not_to_be_checked()
    # what a link showed is no choice of one's own
    other.goto("/work/supervise/")
    expect(other.locator(".gg-area").first).to_be_visible()
    expect(other.get_by_role("checkbox", name="案件", exact=True)).to_be_checked()
    expect(other.locator("path.gg-zone-market")).to_have_count(0)


def test_layers_are_switched_by_keyboard_within_the_map(layered: World, signed_in):
    page = signed_in("leader")
    page.goto("/dashboard/")
    area = page.locator(".gg-area[tabindex='0']")
    area.focus()
    page.keyboard.press("l")
    expect(page.get_by_label("部件", exact=True)).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_label("部件", exact=True)).to_be_checked()
    expect(page.locator(".gg-map-component, .gg-map-components").first).to_be_visible()
    page.keyboard.press("5")
    expect(page.locator("path.gg-zone-market")).to_have_count(1)
    page.keyboard.press("5")
    expect(page.locator("path.gg-zone-market")).to_have_count(0)


def test_a_component_says_what_it_is_and_leads_to_its_report(layered: World, signed_in):
    page = signed_in("acceptor")
    page.goto("/work/accept/")
    expect(page.locator(".gg-area").first).to_be_visible()
    more(page)
    page.get_by_label("部件", exact=True).check()
    page.keyboard.press("Escape")
    expect(page.get_by_label("部件", exact=True)).to_be_hidden()
    click_a_component(page)
    card = page.locator(".gg-map-card")
    expect(card).to_contain_text("路灯")
    expect(card).to_contain_text("完好")
    card.get_by_role("link", name="上报此部件").click()
    expect(page).to_have_url(re.compile("component=6209010102000001"))


# --- tiles ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tile_server() -> Iterator[tuple[str, list[str]]]:
    """A tile server of one colour on this machine: its address and the paths that were asked of it."""
    asked: list[str] = []
    picture = BytesIO()
    Image.new("RGB", (256, 256), (210, 225, 200)).save(picture, "PNG")

    class Tiles(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.end_headers()
            self.wfile.write(picture.getvalue())

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Tiles)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()


def test_tiles_of_a_cgcs2000_source_lie_under_the_areas(layered: World, signed_in, settings, tile_server):
    """In the manner of 天地图: a layer of pictures and one of names over it, the key in the address."""
    where, asked = tile_server
    settings.MAP_TILES = [
        TileSource("矢量", where + "/vec_w/wmts?TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk=k", "天地图 GS(2026)1号"),
        TileSource("注记", where + "/cva_w/wmts?TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk=k", "天地图", overlay=True),
    ]
    page = signed_in("leader")
    page.goto("/dashboard/")
    expect(page.locator(".gg-area").first).to_be_visible()
    expect(page.locator("img.leaflet-tile-loaded").first).to_be_visible()
    assert page.locator("img.leaflet-tile-loaded").first.evaluate("tile => tile.naturalWidth") == 256
    assert {path.split("/")[1] for path in asked} == {"vec_w", "cva_w"}
    # the tile under the city's middle is the one that Web Mercator has there
    zoom = int(asked[0].split("TILEMATRIX=")[1].split("&")[0])
    column = int((103.62 + 180) / 360 * 2**zoom)
    assert any(f"TILEMATRIX={zoom}&" in path and f"TILECOL={column}&" in path for path in asked)
    expect(page.locator(".gg-map-source")).to_contain_text("天地图 GS(2026)1号")
    # finer shapes may just take the place of the first ones
    expect(page.locator(".gg-area").first).to_have_css("fill-opacity", re.compile(r"0\.[0-5]"))
    more(page)
    page.get_by_label("底图", exact=True).uncheck()
    expect(page.locator("img.leaflet-tile")).to_have_count(0)
    expect(page.locator(".gg-map-source")).not_to_contain_text("GS(2026)1号")
    assert float(page.locator(".gg-area").first.evaluate("area => getComputedStyle(area).fillOpacity")) == 1
