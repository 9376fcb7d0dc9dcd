"""Takes one case through the loop in a browser, as the README says to by hand, and photographs the pages.

    python -m scripts.screens http://127.0.0.1:8000 [--password WORD] [--out docs/screens]

For a demonstration on this machine with nobody in it but us (``make demo STILL=1``). Stops with an error where a page
does not do what the README says.
"""

import argparse
import io
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

from scripts import programs

DESKTOP = {"width": 1440, "height": 900}
WALL = {"width": 1920, "height": 1080}
PHONE = {"width": 390, "height": 844}
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
#: Maps and charts are drawn, animations over.
SETTLE_MS = 1500
PASSWORD = "wangge-2026"  # noqa: S105 - of every account of the demonstration
#: 西固中路社区第1网格, where the account grid_worker is posted.
LON, LAT = 103.64547, 36.06713


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


class People:
    """Each account in a browser context of its own, as at its own desk."""

    def __init__(self, browser: Browser, base: str, password: str) -> None:
        self._browser, self._base, self._password = browser, base, password
        self._pages: dict[tuple[str, str], Page] = {}

    def page(self, login: str, size: dict[str, int] = DESKTOP) -> Page:
        """The account's page at that size, signed in."""
        key = (login, str(size))
        if key not in self._pages:
            context = self._browser.new_context(
                base_url=self._base, viewport=size, locale="zh-CN", timezone_id="Asia/Shanghai"
            )
            page = self._pages[key] = context.new_page()
            page.set_default_timeout(15_000)
            page.goto("/login/")
            page.get_by_label("账号").fill(login)
            page.get_by_label("密码").fill(self._password)
            page.get_by_role("button", name="登录").click()
            page.wait_for_url(lambda url: "/login/" not in url)
        return self._pages[key]

    def act(self, login: str, number: str, action: str, **fields: Any) -> Page:
        """The action's form on the case page is filled in and sent; the page after it."""
        page = self.page(login)
        page.goto(f"/cases/{number}/")
        form = page.locator(f"#act-{action}")
        if form.get_attribute("open") is None:
            form.locator("summary").click()
        for name, value in fields.items():
            field = form.locator(f"[name={name}]").first
            if name == "attachments":
                field.set_input_files(value)
            elif field.get_attribute("type") == "radio":
                form.locator(f"[name={name}][value='{value}']").check()
            elif field.evaluate("e => e.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)
        with page.expect_navigation() as arrived:
            form.get_by_role("button").last.click()
        if arrived.value.status != 200:
            sys.exit(f"{login} could not {action} {number}: {page.locator('main').inner_text()[:600]}")
        return page


def walk(people: People, shoot: Any) -> str:
    """The README's case, from the street to the evaluation; its number."""
    worker = people.page("grid_worker")
    worker.goto("/report/")
    for name, value in (("description", "单盏路灯不亮"), ("address", "西固中路"), ("lon", str(LON)), ("lat", str(LAT))):
        worker.locator(f"[name={name}]").fill(value)
    worker.locator("[name=category]").select_option("C0118")
    worker.locator("[name=attachments]").set_input_files(photo("before"))
    worker.get_by_role("button", name="上报", exact=True).click()
    worker.wait_for_url("**/report/done/*/")
    number = worker.url.rstrip("/").rsplit("/", 1)[-1]

    shoot("workbench", "supervisor", "/work/supervise/")
    shoot("queue", "supervisor", "/queue/supervise/")
    shoot("dashboard", "leader", "/dashboard/?span=month")
    shoot("assessments", "grid_leader", "/assessments/")
    shoot("today", "grid_leader", "/today/")
    shoot("wall", "leader", "/dashboard/?span=month&wall=1", WALL)
    people.act("acceptor", number, "accept")
    people.act("duty_chief", number, "file", standard="C0118-2")
    people.act("dispatcher", number, "dispatch")
    shoot("inbox", "department_handler", "/inbox/")
    people.act("department_handler", number, "sign")
    shoot("case", "department_handler", f"/cases/{number}/")
    people.act("department_handler", number, "feed_back", note="已更换光源，恢复照明。", attachments=photo("after"))
    people.act("acceptor", number, "request_verification")
    people.act("verifier", number, "pass", note="现场路灯已亮。", attachments=photo("verified"))
    people.act("duty_chief", number, "close")
    people.act("grid_worker", number, "evaluate", result="very_satisfied")
    shoot("ops", "duty_chief", "/ops/")
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--password", default=PASSWORD)
    parser.add_argument("--out", type=Path, default=programs.ROOT / "docs/screens")
    given = parser.parse_args()
    base = given.base.rstrip("/")
    if urlsplit(base).hostname not in ("127.0.0.1", "localhost"):
        sys.exit("only for a demonstration on this machine")
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=programs.chromium(), args=list(FLAGS))
        people = People(browser, base, given.password)

        def shoot(name: str, login: str, path: str, *sizes: dict[str, int]) -> None:
            for size in sizes or (DESKTOP, PHONE):
                suffix = "-phone" if size is PHONE else ""
                page = people.page(login, size)
                page.goto(path)
                # the event stream of the page never ends, so that the network is never idle
                page.locator("[data-state=live], html[data-bs-theme=dark]").first.wait_for(state="attached")
                page.wait_for_function("document.fonts.status === 'loaded'")
                page.wait_for_timeout(SETTLE_MS)
                page.screenshot(path=str(given.out / f"{name}{suffix}.png"))

        number = walk(people, shoot)
        browser.close()
    print(f"case {number} went through the loop; pictures in {given.out}")


if __name__ == "__main__":
    main()
