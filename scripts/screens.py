"""Photographs every screen in each of its states into docs/screens, with an index.

    python -m scripts.screens [--only REGEX] [--data FOLDER]

Seeds a demo of its own (``scripts.screens_city``), takes a case through the loop in a browser as the README says to by
hand, and then takes the pictures of ``scripts.screens_desks`` and ``scripts.screens_pages``. Fails where a page does
not do what the README says, answers otherwise than it should, or cannot be brought into its state.
"""

import argparse
import io
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from scripts import programs
from scripts.screens_desks import CASES, DEPARTMENT, WORKBENCH
from scripts.screens_pages import DASHBOARD, HOUSE, LEADER, PUBLIC
from scripts.screens_steps import DESK, Scene, Screen, Shot, Size, photo
from scripts.services import free_port

SCREENS: Sequence[Screen] = (WORKBENCH, CASES, DEPARTMENT, LEADER, DASHBOARD, PUBLIC, HOUSE)
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--font-render-hinting=none",
    "--lang=zh-CN",
)  # fmt: skip
#: How long a page may take on a machine that is busy.
PATIENCE_MS = 60_000
#: Charts are drawn, what follows the last event has followed.
SETTLE_MS = 500
#: The page stands as it will stay.
SETTLED = """() => document.readyState === "complete" && document.fonts.status === "loaded"
    && [...document.images].every((image) => image.complete)
    && [...document.querySelectorAll("[data-map]")].every((it) => !it.checkVisibility()
        || it.querySelector(".gg-area, .gg-map-state:not([hidden])"))"""
#: 西固中路社区第1网格, where the account grid_worker is posted.
LON, LAT = 103.64547, 36.06713
COLOURS = 256


@contextmanager
def city(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The city runs; its address, and what is known of it."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with (folder / "server.log").open("w") as log:
        command = [sys.executable, "-m", "scripts.screens_city", str(port), str(folder)]
        process = subprocess.Popen(command, cwd=programs.ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            base = f"http://127.0.0.1:{port}"
            while not _answers(base):
                if process.poll() is not None:
                    sys.exit((folder / "server.log").read_text()[-2000:])
                time.sleep(0.5)
            yield base, json.loads((folder / "facts.json").read_text("utf-8"))
        finally:
            process.terminate()
            process.wait(120)


def _answers(base: str) -> bool:
    try:
        with urlopen(f"{base}/login/", timeout=5) as answer:  # noqa: S310 - our own address
            return answer.status == 200
    except OSError:
        return False


class People:
    """Each account in a browser context of its own, as at its own desk."""

    def __init__(self, browser: Browser, base: str, facts: Mapping[str, Any]) -> None:
        self._browser, self._base, self._facts = browser, base, facts
        self._at = datetime.fromisoformat(facts["morning"])

    def context(self, login: str, *, size: Size = DESK, language: str = "zh-hans") -> BrowserContext:
        """A fresh browser in which the account, if any, is signed in, at the hour of the city."""
        context = self._browser.new_context(
            base_url=self._base,
            viewport={"width": size[0], "height": size[1]},
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        if login:
            cookie = {"name": "sessionid", "value": self._facts["sessions"][login], "url": self._base}
            context.add_cookies([cookie])
        context.clock.install(time=self._at)
        context.add_cookies([{"name": "django_language", "value": language, "url": self._base}])
        return context

    def act(self, login: str, number: str, action: str, **fields: Any) -> None:
        """The action's form on the case page is filled in and sent."""
        context = self.context(login)
        page = context.new_page()
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
        context.close()


def walk(people: People) -> str:
    """The README's case, from the street to the evaluation; its number."""
    context = people.context("grid_worker")
    worker = context.new_page()
    worker.goto("/report/")
    for name, value in (("description", "单盏路灯不亮"), ("address", "西固中路"), ("lon", str(LON)), ("lat", str(LAT))):
        worker.locator(f"[name={name}]").fill(value)
    worker.locator("[name=category]").select_option("C0118")
    worker.locator("[name=attachments]").set_input_files(photo("before"))
    worker.get_by_role("button", name="上报", exact=True).click()
    worker.wait_for_url("**/report/done/*/")
    number = worker.url.rstrip("/").rsplit("/", 1)[-1]
    context.close()
    people.act("acceptor", number, "accept")
    people.act("duty_chief", number, "file", standard="C0118-2")
    people.act("dispatcher", number, "dispatch")
    people.act("department_handler", number, "sign")
    people.act("department_handler", number, "feed_back", note="已更换光源，恢复照明。", attachments=photo("after"))
    people.act("acceptor", number, "request_verification")
    people.act("verifier", number, "pass", note="现场路灯已亮。", attachments=photo("verified"))
    people.act("duty_chief", number, "close")
    people.act("grid_worker", number, "evaluate", result="very_satisfied")
    return number


def take(people: People, shot: Shot, facts: Mapping[str, Any], out: Path) -> None:
    """The picture stands in the folder."""
    context = people.context(shot.who.format_map(facts), size=shot.size, language=shot.language)
    colleagues: list[BrowserContext] = []

    def other(login: str, path: str) -> Page:
        colleagues.append(people.context(login))
        page = colleagues[-1].new_page()
        page.goto(path)
        return page

    page = context.new_page()
    try:
        answer = page.goto(shot.path.format_map(facts))
        if shot.do is not None:
            page.wait_for_function(SETTLED)
            shot.do(Scene(page, facts, other))
        elif answer is None or answer.status != shot.status:
            raise Error(f"answered {answer and answer.status}")
        page.wait_for_function(SETTLED)
        page.wait_for_timeout(SETTLE_MS)
        picture = Image.open(io.BytesIO(page.screenshot(full_page=shot.whole))).convert("RGB")
        small = picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        small.save(out / f"{shot.name}.png", optimize=True)
    finally:
        page.unroute_all(behavior="ignoreErrors")
        for used in (context, *colleagues):
            used.close()


def index(out: Path) -> str:
    """The page that shows them all."""
    lines = [
        "# Every screen in each of its states",
        "",
        "Made by `python -m scripts.screens`: see [development.md](../development.md#pictures).",
    ]
    for screen in SCREENS:
        lines += ["", f"## {screen.title}", "", "| | state | who | size |", "|---|---|---|---|"]
        for shot in screen.shots:
            size = "×".join(map(str, shot.size))
            picture = f'<a href="{shot.name}.png"><img src="{shot.name}.png" width="220" alt="{shot.name}"></a>'
            lines.append(f"| {picture} | {shot.state} | {shot.who or 'the public'} | {size} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="regular expression of names: these alone, and nothing is removed")
    parser.add_argument("--data", type=Path, help="where the city is kept for the next time (default: nowhere)")
    parser.add_argument("--out", type=Path, default=programs.ROOT / "docs/screens")
    given = parser.parse_args()
    expect.set_options(timeout=PATIENCE_MS)
    given.out.mkdir(parents=True, exist_ok=True)
    shots = [shot for screen in SCREENS for shot in screen.shots if re.search(given.only, shot.name)]
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="gridgov-screens-") as nowhere, sync_playwright() as playwright:
        with city(given.data or Path(nowhere)) as (base, facts):
            browser = playwright.chromium.launch(executable_path=programs.chromium(), args=list(FLAGS))
            people = People(browser, base, facts)
            facts["walked"] = walk(people)
            for shot in shots:
                try:
                    take(people, shot, facts, given.out)
                    print(shot.name, flush=True)
                except (Error, AssertionError, LookupError) as problem:
                    failed.append(f"{shot.name}: {str(problem)[:400]}")
                    print("failed", failed[-1], flush=True)
            browser.close()
    if not given.only:
        wanted = {f"{shot.name}.png" for shot in shots}
        for picture in given.out.glob("*.png"):
            if picture.name not in wanted:
                picture.unlink()
    (given.out / "README.md").write_text(index(given.out), encoding="utf-8")
    total = sum(path.stat().st_size for path in given.out.glob("*.png"))
    print(f"{len(shots) - len(failed)} of {len(shots)} pictures in {given.out}, {total / 1e6:.1f} MB")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
