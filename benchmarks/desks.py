"""Speed as an operator feels it: Chromium at the workbench of a district among 100,000 cases and 4,000 grids.

    python -m benchmarks.desks                                      # some six minutes once filled
    python -m benchmarks.desks --cases 2000 --areas 60 --times 3    # does it work

PostgreSQL, Redis, the web server and the streams as shipped, worker and beat at work, a proxy in front. ``paint`` is
from the beginning of the navigation to the first frame with rows of the queue in it, with an empty cache; the others
are from the key, click, release of the mouse or answer to a report to the first frame that shows what came of it.
``--times`` each, medians and p95; then the bytes over the wire of every page with an empty cache. One JSON line each;
exits 1 where one misses its aim.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks import front, load, stack
from scripts import programs

PAINT_MS, STEP_MS, PAGE_BYTES = 1_000.0, 200.0, 400_000
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
#: A pause in which nothing is measured: what was begun in the background comes to its end, as while one reads.
READING_SECONDS = 1.0
#: Between two events: the list fetches itself at most each second and a half.
APART_SECONDS = 2.2

_PAINTED = """
(() => {
  const look = () => document.querySelector("[data-live-list] [data-number]")
    ? requestAnimationFrame(() => setTimeout(() => { window.ggPainted = performance.now(); }))
    : requestAnimationFrame(look);
  look();
})()
"""
# Runs `act`, then waits for the first frame in which `shown` holds; milliseconds.
_TIMED = """
async ({ act, shown, argument }) => {
  const holds = new Function("argument", `return ${shown}`);
  const begun = performance.now();
  new Function("argument", act)(argument);
  for (;;) {
    if (holds(argument)) break;
    if (performance.now() - begun > 60_000) throw new Error(`never: ${shown}`);
    await new Promise((done) => { const channel = new MessageChannel(); channel.port1.onmessage = done; channel.port2.postMessage(0); });
  }
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begun;
}
"""  # noqa: E501


_FOLLOWING = """
(() => {
  const rows = [...document.querySelectorAll(".gg-wrow")];
  return rows[rows.findIndex((row) => row.getAttribute("aria-selected") === "true") + 1].dataset.number;
})()
"""


class Bench:
    """A stack with its people, and browsers signed in as them."""

    def __init__(self, made: stack.Stack, address: str, browser: Browser) -> None:
        from django.contrib.auth import get_user_model  # noqa: PLC0415 - Django is set up by then
        from django.test import Client  # noqa: PLC0415
        from rest_framework.authtoken.models import Token  # noqa: PLC0415

        from grids.models import Area, Level  # noqa: PLC0415
        from incidents.models import Incident  # noqa: PLC0415

        self.address, self.browser, self.made = address, browser, made
        self.district = Area.objects.filter(level=Level.DISTRICT).order_by("code").values_list("code", flat=True)[0]
        self.sessions: dict[str, str] = {}
        for user in get_user_model().objects.all():
            if user.username.endswith(("-city", f"-{self.district}", "-CG")):
                client = Client()
                client.force_login(user)
                self.sessions[user.username.replace(self.district, "own")] = client.cookies["sessionid"].value
                if user.username == f"acceptor-{self.district}":
                    self.token = Token.objects.get_or_create(user=user)[0].key
        grid = Area.objects.filter(level=Level.GRID, path__contains="/", code__startswith=self.district)[0]
        self.point = (grid.label_lon, grid.label_lat)
        cases = Incident.objects.filter(district__code=self.district)
        self.numbers = {
            status: cases.filter(status=status).values_list("number", flat=True).first()
            for status in ("reported", "filed", "handling", "closed")
        }
        self.link = cases.filter(reporter__isnull=False).values_list("reporter__token", flat=True).first()
        ticket = Incident.objects.filter(status="handling", tickets__department__code="CG").values_list(
            "number", flat=True
        )
        self.ticket = ticket.first()

    @contextmanager
    def context(self, login: str = "") -> Iterator[BrowserContext]:
        """A browser with an empty cache, signed in as that person."""
        context = self.browser.new_context(
            base_url=self.address, locale="zh-CN", timezone_id="Asia/Shanghai",
            viewport={"width": 1440, "height": 900},
            bypass_csp=True,  # what is measured is measured by scripts of this file
        )  # fmt: skip
        context.set_default_timeout(60_000)
        if login:
            context.add_cookies([{"name": "sessionid", "value": self.sessions[login], "url": self.address}])
        yield context
        context.close()

    @contextmanager
    def workbench(self, login: str = "acceptor-own", path: str = "/work/accept/") -> Iterator[Page]:
        """The person's workbench, live, its map drawn and its first case shown."""
        with self.context(login) as context:
            page = context.new_page()
            page.goto(path)
            page.locator(".gg-lamp[data-state=live]").wait_for()
            page.locator("[data-panel]").wait_for()
            page.locator(".gg-pane-cases .gg-map-mark").first.wait_for(state="attached")
            time.sleep(READING_SECONDS)
            yield page


def _timed(page: Page, act: str, shown: str, argument: Any = None) -> float:
    return float(page.evaluate(_TIMED, {"act": act, "shown": shown, "argument": argument}))


# --- what is measured ---------------------------------------------------------------------------------------------


def paint(bench: Bench, times: int, path: str, login: str) -> Iterator[float]:
    for _ in range(times):
        with bench.context(login) as context:
            page = context.new_page()
            page.add_init_script(_PAINTED)
            page.goto(path, wait_until="commit")
            yield float(page.wait_for_function("window.ggPainted").json_value())


def next_case(bench: Bench, times: int) -> Iterator[float]:
    """J, after the case before was read for a moment."""
    with bench.workbench() as page:
        for _ in range(times):
            following = page.evaluate(_FOLLOWING)
            yield _timed(
                page,
                "document.querySelector('[data-live-list]').dispatchEvent("
                "new KeyboardEvent('keydown', { key: 'j', bubbles: true }))",
                "document.querySelector('[data-panel]')?.dataset.number === argument",
                following,
            )
            time.sleep(READING_SECONDS)


def any_case(bench: Bench, times: int) -> Iterator[float]:
    """A click on a row somewhere, of which nothing was fetched before."""
    with bench.workbench() as page:
        numbers = page.evaluate("[...document.querySelectorAll('.gg-wrow')].map((row) => row.dataset.number)")
        for turn in range(times):
            yield _timed(
                page,
                "document.querySelector(`#row-${argument}`).click()",
                "document.querySelector('[data-panel]')?.dataset.number === argument",
                numbers[(7 * (turn + 1)) % len(numbers)],
            )
            time.sleep(READING_SECONDS)


def filter_list(bench: Bench, times: int) -> Iterator[float]:
    """Another status, another area: the list stands in its place."""
    with bench.workbench() as page:
        areas = page.evaluate("[...document.querySelectorAll('#w-area option')].map((one) => one.value)")
        for turn in range(times):
            name, value = (
                ("w-status", ("reported", "handled", "")[turn // 2 % 3])
                if turn % 2 == 0
                else ("w-area", areas[(turn // 2 + 1) % len(areas)])
            )
            # in the list whatever it has, even nothing
            page.evaluate(
                "document.querySelector('[data-live-list]').insertAdjacentHTML('beforeend', '<i hidden data-old></i>')"
            )
            yield _timed(
                page,
                "const one = document.getElementById(argument[0]); one.value = argument[1];"
                " one.dispatchEvent(new Event('change', { bubbles: true }))",
                "!document.querySelector('[data-live-list] [data-old]')",
                [name, value],
            )
            time.sleep(READING_SECONDS)


def pan(bench: Bench, times: int, *, zoom: int) -> Iterator[float]:
    """The map is drawn aside and let go: until the cases of what is seen now stand on it."""
    with bench.workbench() as page:
        for _ in range(zoom):
            page.locator(".gg-map-tool").first.click()
            time.sleep(1)
        page.evaluate(
            """() => {
              addEventListener("mouseup", () => { window.ggUp = performance.now(); window.ggDrawn = 0; }, true);
              new MutationObserver(() => {
                if (window.ggUp && !window.ggDrawn) {
                  window.ggDrawn = -1;
                  requestAnimationFrame(() => setTimeout(() => { window.ggDrawn = performance.now() - window.ggUp; }));
                }
              }).observe(document.querySelector(".gg-pane-cases"), { attributeFilter: ["data-drawn"] });
            }"""
        )
        box = page.locator("[data-map]").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for turn in range(times):
            across, down = ((90, 0), (0, 60), (-90, 0), (0, -60))[turn % 4]
            page.mouse.move(x, y)
            page.mouse.down()
            for part in range(1, 6):
                page.mouse.move(x + across * part / 5, y + down * part / 5)
            time.sleep(0.15)  # held still before it is let go: no inertia
            page.mouse.up()
            yield float(page.wait_for_function("window.ggDrawn > 0 && window.ggDrawn").json_value())
            time.sleep(READING_SECONDS)


def event(bench: Bench, times: int) -> Iterator[float]:
    """A colleague's report is answered: until the list says that a case more waits."""
    with bench.workbench() as page:
        page.evaluate(
            """() => {
              const label = document.querySelector("[data-live-new]");
              window.ggSaid = [];
              new MutationObserver(() => requestAnimationFrame(() => setTimeout(() => window.ggSaid.push(Date.now()))))
                .observe(label, { childList: true, characterData: true, subtree: true });
            }"""
        )
        for turn in range(times):
            time.sleep(APART_SECONDS)
            status, _body = _report(bench)
            committed = time.time() * 1e3
            if status != 201:
                raise SystemExit(f"a report was answered with {status}")
            said = page.wait_for_function("(count) => window.ggSaid.length > count && window.ggSaid[count]", arg=turn)
            yield float(said.json_value()) - committed


def _report(bench: Bench) -> tuple[int, bytes]:
    lon, lat = bench.point
    body = {"category": "E0102", "description": "路边堆放生活垃圾", "lon": lon, "lat": lat, "source": "hotline"}
    parts = bench.made.web.rsplit(":", 1)
    sent = load.request("POST", "/api/v1/incidents/", token=bench.token, body=json.dumps(body).encode())
    return load.ask(("127.0.0.1", int(parts[1])), sent)


def sizes(bench: Bench) -> Iterator[dict[str, Any]]:
    """Bytes over the wire of each page with an empty cache, without the tiles of a map (there are none)."""
    number = bench.numbers
    pages = [
        ("", "/login/"), ("", f"/r/{bench.link}/"), ("acceptor-own", "/work/accept/"),
        ("acceptor-own", "/queue/accept/"), ("acceptor-own", "/report/"), ("acceptor-own", "/notices/"),
        ("acceptor-own", f"/cases/{number['reported']}/"), ("acceptor-own", f"/cases/{number['closed']}/"),
        ("duty_chief-own", "/work/file/"), ("duty_chief-own", "/ops/"), ("duty_chief-own", "/queue/approve/"),
        ("dispatcher-own", "/work/dispatch/"), ("supervisor-own", "/work/supervise/"),
        ("supervisor-city", "/work/supervise/"), ("verifier-own", "/work/verify/"), ("handler-CG", "/inbox/"),
        ("handler-CG", f"/inbox/{bench.ticket}/"), ("worker-own", "/tasks/"), ("worker-own", "/report/"),
        ("leader-city", "/dashboard/"), ("leader-city", "/dashboard/?wall=1"),
    ]  # fmt: skip
    _counted(bench)
    for login, path in pages:
        with bench.context(login) as context:
            page = context.new_page()
            session = context.new_cdp_session(page)
            session.send("Network.enable")
            session.send("Network.setCacheDisabled", {"cacheDisabled": True})
            got: list[float] = []
            session.on("Network.loadingFinished", lambda one, got=got: got.append(one["encodedDataLength"]))
            answer = page.goto(path, wait_until="load", timeout=240_000)
            page.wait_for_timeout(1_500)  # what scripts fetch when the page stands
            total = int(sum(got))
            status = answer.status if answer else 0
            yield {
                "benchmark": "desks", "page": path, "who": login or "public",
                "bytes": total, "requests": len(got), "status": status, "aim_bytes": PAGE_BYTES,
                "meets": total < PAGE_BYTES and status == 200,
            }  # fmt: skip


def _counted(bench: Bench) -> None:
    """The dashboard's picture stands: the worker counts it when somebody has looked, for a minute or two."""
    with bench.context("leader-city") as context:
        page = context.new_page()
        for _try in range(60):
            page.goto("/dashboard/")
            if not page.locator("[data-pending]").count():
                return
            time.sleep(5)
    raise SystemExit("the dashboard was not counted in five minutes")


# --- all ----------------------------------------------------------------------------------------------------------


def _line(name: str, found: list[float], aim: float) -> dict[str, Any]:
    median = statistics.median(found)
    return {
        "benchmark": "desks", "step": name, "median_ms": round(median), "p95_ms": round(stack.percentile(found, 0.95)),
        "most_ms": round(max(found)), "times": len(found), "aim_ms": aim, "meets": median < aim,
    }  # fmt: skip


def _said(found: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps(found, ensure_ascii=False), flush=True)
    return found


def _lines(bench: Bench, times: int, only: list[str] | None) -> Iterator[dict[str, Any]]:
    steps: dict[str, tuple[Callable[[], Iterator[float]], float]] = {
        "paint_accept": (lambda: paint(bench, times, "/work/accept/", "acceptor-own"), PAINT_MS),
        "paint_supervise_city": (lambda: paint(bench, times, "/work/supervise/", "supervisor-city"), PAINT_MS),
        "next_case": (lambda: next_case(bench, times), STEP_MS),
        "any_case": (lambda: any_case(bench, times), STEP_MS),
        "filter": (lambda: filter_list(bench, times), STEP_MS),
        "pan_far": (lambda: pan(bench, times, zoom=0), STEP_MS),
        "pan_near": (lambda: pan(bench, times, zoom=5), STEP_MS),
        "event_to_screen": (lambda: event(bench, times), STEP_MS),
    }
    for name, (measure, aim) in steps.items():
        if not only or name in only:
            yield _said(_line(name, list(measure()), aim))
    if not only or "sizes" in only:
        for found in sizes(bench):
            yield _said(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--areas", type=int, default=4_000)
    parser.add_argument("--times", type=int, default=25)
    parser.add_argument("--only", nargs="+", help="names of steps, or sizes")
    given = parser.parse_args()
    if not 2 < given.times <= 45:
        parser.error("--times from 3 to 45: a page of the queue has fifty rows")
    path = programs.chromium()
    if path is None:
        raise SystemExit("Chromium is missing")
    with (
        tempfile.TemporaryDirectory(prefix="gridgov-desks-") as folder,
        stack.stack(cases=given.cases, grids=given.areas, folder=Path(folder), streams=True, worker=True) as made,
        front.front(made.web, made.streams) as address,
        sync_playwright() as playwright,
    ):
        # Playwright keeps an event loop in this thread, in which Django would refuse the ORM
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        stack.use(made)
        waited = stack.settled(made)
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        conditions = stack.conditions() | {
            "postgres": stack.postgres_version(made.database), "server": " ".join(stack.shipped()),
            "chromium": browser.version, "filled": made.filled, "settled_seconds": round(waited, 1),
        }  # fmt: skip
        _said({"benchmark": "desks", "conditions": conditions})
        lines = list(_lines(Bench(made, address, browser), given.times, given.only))
        browser.close()
    if not all(line["meets"] for line in lines):
        sys.exit(1)


if __name__ == "__main__":
    main()
