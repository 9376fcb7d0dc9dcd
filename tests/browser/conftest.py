"""Real Chromium against Django's live server; a module that needs streams puts another ``address`` in its place."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from gridgov.common.models import User
from scripts import programs
from tests.browser.workbench import Desk
from tests.serving import Site, cookie_of, serving
from tests.worlds import World, make_world

#: No sandbox (tests run as root in containers), and nothing that talks to anybody by itself.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


#: A page is a question to the server and some scripts: on a machine that is busy more than Playwright's five seconds.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

#: What is looked at on every database: the loop by hand, and pages that follow it. The others are about pages alone.
ON_EVERY_DATABASE = ("test_closed_loop.py", "test_live.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of this folder are of how pages look and behave, but for those of the loop itself."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name not in ON_EVERY_DATABASE:
            item.add_marker(pytest.mark.looks)


@pytest.fixture(scope="session")
def chromium():
    """One browser a test process; skipped where there is none (`make test` then says so in its last line)."""
    path = programs.chromium()
    if path is None:
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail("Chromium is missing, and REQUIRE_ALL is set")
        pytest.skip("Chromium is missing: set CHROMIUM or install it, and these tests run")
    # Playwright keeps an event loop in this thread, in which Django would refuse the ORM to the test itself.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    else:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def city(address) -> World:
    """The city of the tests, committed, so that the live server sees it; nothing is kept of that of another test."""
    cache.clear()
    return make_world()


@pytest.fixture
def address(live_server) -> str:
    """Where the site is."""
    return live_server.url


@pytest.fixture
def site(transactional_db) -> Iterator[Site]:
    """The site with its streams; a module that wants them says so by an ``address`` of its own."""
    with serving() as running:
        yield running


@pytest.fixture
def open_page(chromium, address) -> Iterator[Callable[..., Page]]:
    """A fresh browser of one's own, at 1440 or at 390 pixels; an error in a script fails the test.

    ``intercepted`` for a test that will answer requests itself.
    """
    errors: list[str] = []
    contexts: list[BrowserContext] = []

    def opened(*, width: int = 1440, intercepted: bool = False, **options: Any) -> Page:
        context = chromium.new_context(
            base_url=address,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            viewport={"width": width, "height": 900 if width > 500 else 844},
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        if intercepted:
            # A page that lives already may send one more request past the first route that is laid on it.
            page.route("**/asked-by-nobody/", lambda route: route.abort())
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def entered(open_page, address) -> Callable[..., Page]:
    """A browser in which somebody of the city is signed in, with nothing opened yet.

    By the cookie that signing in leaves; the page on which one signs in has tests of its own (test_sign_in.py).
    """

    def opened(login: str, **options: Any) -> Page:
        page = open_page(**options)
        session = cookie_of(User.objects.get(username=login))
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": address}])
        return page

    return opened


@pytest.fixture
def signed_in(entered) -> Callable[..., Page]:
    """A browser in which somebody of the city is signed in, at the page where his work begins."""

    def opened(login: str, **options: Any) -> Page:
        page = entered(login, **options)
        page.goto("/", wait_until="domcontentloaded")
        return page

    return opened


@pytest.fixture
def desk_of(entered) -> Iterator[Callable[..., Desk]]:
    """Somebody's workbench, live (``address`` must have streams); an error in its console fails the test."""
    desks: list[Desk] = []

    def opened(login: str, key: str = "accept", **options: Any) -> Desk:
        desks.append(Desk(entered(login, **options), key))
        return desks[-1]

    yield opened
    assert [error for desk in desks for error in desk.errors] == []
