"""What a picture is of, and what is done on a page before it is taken."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw
from playwright.sync_api import Page, Route, expect


@dataclass(frozen=True, slots=True)
class Scene:
    """A page that is about to be photographed. ``facts``: what paths and logins name in braces; ``other``: opens a
    colleague's page, by login and path.
    """

    page: Page
    facts: Mapping[str, Any]
    other: Callable[[str, str], Page]


Step = Callable[[Scene], None]
Size = tuple[int, int]
DESK: Size = (1440, 900)
SMALL: Size = (1024, 768)
PHONE: Size = (390, 844)
WALL: Size = (1920, 1080)
PAPER: Size = (794, 1123)


@dataclass(frozen=True, slots=True)
class Shot:
    """A screen in one state. ``path`` and logins may name facts of the city: ``/cases/{handling}/``."""

    name: str
    state: str
    who: str
    path: str
    size: Size = DESK
    do: Step | None = None
    language: str = "zh-hans"
    status: int = 200
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    """What belongs together in the index."""

    title: str
    shots: Sequence[Shot]


def photo(words: str) -> dict[str, Any]:
    """A drawn picture, as a file for a form. Nobody's street."""
    image = Image.new("RGB", (960, 720), "#7a8087")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 430, 960, 720), fill="#555b61")
    draw.rectangle((470, 90, 486, 470), fill="#c9cdd1")
    draw.ellipse((400, 60, 556, 130), fill="#fff3b0" if words == "after" else "#3c4146")
    draw.text((20, 20), f"sample / {words}", fill="white", font_size=28)
    content = io.BytesIO()
    image.save(content, "JPEG")
    return {"name": f"{words}.jpg", "mimeType": "image/jpeg", "buffer": content.getvalue()}


def steps(*all_of_them: Step) -> Step:
    """One after the other."""

    def run(scene: Scene) -> None:
        for step in all_of_them:
            step(scene)

    return run


def seen(selector: str, text: str = "") -> Step:
    """Waits until it is there, with that text."""

    def run(scene: Scene) -> None:
        found = scene.page.locator(selector).filter(has_text=text) if text else scene.page.locator(selector)
        expect(found.first).to_be_visible()

    return run


def pressed(*keys: str) -> Step:
    """Keys, once a case stands in the panel."""

    def run(scene: Scene) -> None:
        expect(scene.page.locator("[data-panel]")).to_be_visible()
        for key in keys:
            scene.page.keyboard.press(key)

    return run


def typed(text: str) -> Step:
    return lambda scene: scene.page.keyboard.type(text)


def clicked(selector: str) -> Step:
    return lambda scene: scene.page.locator(selector).first.click()


def filled(selector: str, text: str) -> Step:
    return lambda scene: scene.page.locator(selector).first.fill(text)


def hovered(selector: str) -> Step:
    return lambda scene: scene.page.locator(selector).first.hover()


def opened(selector: str) -> Step:
    """Every fold of that kind is open."""
    return lambda scene: scene.page.locator(selector).evaluate_all("all => all.forEach(one => { one.open = true })")


def scrolled(selector: str) -> Step:
    """That comes to the top of what scrolls."""
    return lambda scene: scene.page.locator(selector).first.evaluate("it => it.scrollIntoView({ block: 'start' })")


def sent(selector: str = "main form") -> Step:
    """The form goes off as it is, and its answer is there."""

    def run(scene: Scene) -> None:
        with scene.page.expect_navigation():
            form = scene.page.locator(selector).first
            form.evaluate("form => { form.noValidate = true; form.requestSubmit() }")

    return run


def offline(scene: Scene) -> None:
    """The line is cut, and the page has noticed."""
    scene.page.context.set_offline(True)


def aborted(pattern: str) -> Step:
    """Requests of that address fail from now on."""
    return lambda scene: scene.page.route(re.compile(pattern), lambda route: route.abort())


def answered(pattern: str, status: int) -> Step:
    """Requests of that address are answered with that status from now on."""
    return lambda scene: scene.page.route(re.compile(pattern), lambda r: r.fulfill(status=status, body="-"))


def held_up(pattern: str) -> Step:
    """Requests of that address get no answer any more."""

    def never(route: Route) -> None:
        del route

    return lambda scene: scene.page.route(re.compile(pattern), never)


def again(scene: Scene) -> None:
    """The page is loaded once more, with whatever now fails; what the session keeps of cases is forgotten."""
    scene.page.evaluate("sessionStorage.clear()")
    scene.page.reload(wait_until="domcontentloaded")


def signed_out(scene: Scene) -> None:
    """The session ended elsewhere."""
    scene.page.context.clear_cookies(name="sessionid")


def row(number: str) -> Step:
    """That case is chosen in the list."""

    def run(scene: Scene) -> None:
        wanted = number.format_map(scene.facts)
        scene.page.locator(f"#row-{wanted}").click()
        expect(scene.page.locator(f"[data-panel][data-number='{wanted}']")).to_be_visible()

    return run


def by_colleague(login: str, path: str, *more: Step) -> Step:
    """Somebody else does something meanwhile. ``login`` and ``path`` may name facts."""

    def run(scene: Scene) -> None:
        who = login.format_map(scene.facts)
        page = scene.other(who, path.format_map(scene.facts))
        for step in more:
            step(Scene(page, scene.facts, scene.other))

    return run


def fast_forward(span: str) -> Step:
    return lambda scene: scene.page.clock.fast_forward(span)
