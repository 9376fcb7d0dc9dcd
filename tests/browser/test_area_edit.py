"""An area drawn anew in Chromium: by hand and by keyboard, rehearsed while it is drawn, saved and audited."""

import pytest
import shapely
from playwright.sync_api import Page, expect

from gridgov.common.models import AuditEntry
from gridgov.common.reference import expire, touch
from grids import boundaries
from grids.models import Area
from grids.spatial import areas
from tests.worlds import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GRID, ABOVE, BESIDE = "620901001001001", "620901001001002", "620901001002001"


@pytest.fixture
def admin(city: World, open_page) -> Page:
    """The system administrator's browser, signed in by the session."""
    page = open_page()
    page.goto("/login/?next=/admin/")
    page.get_by_label("账号").fill("system_admin")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    return page


def stored(code: str) -> shapely.Geometry:
    return shapely.from_wkb(bytes(Area.objects.get(code=code).boundary))


def opened(page: Page, code: str = GRID) -> Page:
    page.goto(f"/admin/grids/area/{Area.objects.get(code=code).pk}/map/")
    expect(page.locator("[data-areaedit][data-ready]")).to_be_visible()
    return page


def handle(page: Page, lon: float, lat: float):
    """Where the corner is on the screen."""
    return page.evaluate(
        """async ([lon, lat]) => {
            const { map } = await import(document.querySelector('script[src$="areaedit.js"]').src);
            const { x, y } = map.latLngToContainerPoint([lat, lon]);
            const box = map.getContainer().getBoundingClientRect();
            return [x + box.left, y + box.top];
        }""",
        [lon, lat],
    )


def drag(page: Page, start: list[float], dx: float, dy: float) -> None:
    x, y = start
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx / 2, y + dy / 2, steps=6)
    page.mouse.move(x + dx, y + dy, steps=6)
    page.mouse.up()


def test_a_corner_dragged_takes_its_neighbours_along_and_is_saved(admin: Page):
    before = {code: stored(code) for code in (GRID, ABOVE)}
    west, _south, _east, north = before[GRID].bounds
    opened(admin)
    drag(admin, handle(admin, west, north), 0, -60)
    expect(admin.locator("[data-state]")).to_contain_text("可以保存")
    expect(admin.locator("[data-changed] tbody tr")).to_have_count(2)
    expect(admin.locator("[data-effects]")).to_contain_text("在办案件改属")
    admin.get_by_role("button", name="保存新边界").click()
    expect(admin.locator("#reason-error")).to_have_text("请填写调整依据")
    expect(admin.get_by_label("调整依据")).to_be_focused()
    admin.get_by_label("调整依据").fill("甘政发2026-1号")
    admin.get_by_role("button", name="保存新边界").click()
    expect(admin.get_by_text("已保存 2 个区域的新边界")).to_be_visible()
    after = {code: stored(code) for code in (GRID, ABOVE)}
    assert after[GRID].area > before[GRID].area
    assert after[GRID].area + after[ABOVE].area == pytest.approx(sum(shape.area for shape in before.values()))
    assert shapely.coverage_is_valid(list(after.values()))
    entry = AuditEntry.objects.get(action="area.redraw")
    assert (entry.actor.username, set(entry.detail["areas"])) == ("system_admin", {GRID, ABOVE})


def test_an_overlap_is_named_before_saving_and_can_be_taken_back(admin: Page):
    before = stored(GRID)
    west, _south, _east, north = before.bounds
    revision = areas.index().revision
    opened(admin)
    admin.get_by_label("相邻区域的边线一起移动").uncheck()
    drag(admin, handle(admin, west, north), 0, -60)
    expect(admin.locator(".gg-ae-error")).to_contain_text("重叠")
    expect(admin.locator("path.gg-ae-overlap")).to_have_count(1)
    expect(admin.get_by_role("button", name="保存新边界")).to_be_disabled()
    admin.get_by_role("button", name="撤销").click()
    expect(admin.locator(".gg-ae-error")).to_have_count(0)
    expect(admin.locator("[data-state]")).to_contain_text("拖动顶点")
    assert stored(GRID) == before
    assert areas.index().revision == revision


def test_a_corner_dragged_near_a_neighbours_snaps_to_it(admin: Page):
    """Dragged away and dropped six pixels beside where it was, it lies on the neighbour's corner again: no gap."""
    west, _south, _east, north = stored(GRID).bounds
    opened(admin)
    admin.get_by_label("相邻区域的边线一起移动").uncheck()
    x, y = handle(admin, west, north)
    drag(admin, [x, y], 0, -60)
    expect(admin.locator("[data-changed] tbody tr")).to_have_count(1)
    drag(admin, [x, y - 60], 6, 65)
    expect(admin.locator("[data-changed]")).to_be_hidden()
    expect(admin.locator("[data-state]")).to_contain_text("拖动顶点")


def test_a_new_corner_on_a_shared_border_is_the_neighbours_too(admin: Page):
    west, _south, east, north = stored(GRID).bounds
    opened(admin)
    drag(admin, handle(admin, (west + east) / 2, north), 0, -50)
    expect(admin.locator("[data-changed] tbody tr")).to_have_count(2)
    expect(admin.locator("[data-state]")).to_contain_text("可以保存")
    expect(admin.locator("[data-faults] .gg-ae-error")).to_have_count(0)


def test_a_corner_is_moved_by_keyboard_alone(admin: Page):
    opened(admin)
    host = admin.locator("[data-host]")
    host.focus()
    host.press(".")
    expect(admin.locator("[data-corner]")).to_contain_text("顶点 1/")
    for _ in range(3):
        host.press("Shift+ArrowUp")
    expect(admin.locator("[data-changed] tbody tr").first).to_be_visible()
    expect(admin.locator("[data-state]")).not_to_contain_text("正在检查")
    host.press("Control+z")
    host.press("Control+z")
    host.press("Control+z")
    expect(admin.locator("[data-state]")).to_contain_text("拖动顶点")


def test_a_corner_that_is_gone_is_chosen_no_more(admin: Page):
    """The last corner is chosen, and then one is taken away by undoing: the keys go on from one that there is."""
    west, _south, east, north = stored(GRID).bounds
    opened(admin)
    drag(admin, handle(admin, (west + east) / 2, north), 0, -50)
    expect(admin.locator("[data-changed] tbody tr")).to_have_count(2)
    host = admin.locator("[data-host]")
    host.focus()
    host.press(".")
    host.press(",")
    expect(admin.locator("[data-corner]")).to_contain_text("顶点 5/5")
    while admin.get_by_role("button", name="撤销").is_enabled():
        host.press("Control+z")
    expect(admin.locator("[data-corner]")).to_contain_text("顶点 4/4")
    host.press("ArrowUp")
    expect(admin.get_by_role("button", name="撤销")).to_be_enabled()


def test_an_area_of_too_many_corners_is_looked_at_and_not_drawn(admin: Page, monkeypatch):
    monkeypatch.setattr(boundaries, "MOST_CORNERS", 3)
    admin.goto(f"/admin/grids/area/{Area.objects.get(code=GRID).pk}/map/")
    expect(admin.locator("[data-state]")).to_contain_text("请用导入")
    host = admin.locator("[data-host]")
    host.focus()
    for key in (".", "ArrowUp", "Delete"):
        host.press(key)
    assert admin.locator("[data-corner]").inner_text() == ""
    expect(admin.get_by_role("button", name="撤销")).to_be_disabled()


def test_who_was_faster_is_told(admin: Page):
    west, _south, _east, north = stored(GRID).bounds
    opened(admin)
    Area.objects.filter(code=ABOVE).update(revision=areas.index().revision + 5)
    touch("areas")
    expire()
    drag(admin, handle(admin, west, north), 0, -60)
    expect(admin.get_by_role("alert")).to_contain_text("已被修改")
    expect(admin.get_by_role("button", name="保存新边界")).to_be_disabled()
