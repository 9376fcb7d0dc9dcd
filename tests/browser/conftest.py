"""Real Chromium against Django's live server."""

import os

import pytest

from scripts import programs


@pytest.fixture(scope="session")
def chromium():
    """One browser a test process; skipped where there is none (`make test` then says so in its last line)."""
    path = programs.chromium()
    if path is None:
        pytest.skip("Chromium is missing")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  not needed where the tests are skipped

    # Playwright keeps an event loop in this thread, in which Django would refuse the ORM to the test itself.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    else:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def page(chromium, live_server):
    """A fresh page whose relative addresses are the live server's; an error in a script fails the test."""
    context = chromium.new_context(base_url=live_server.url, locale="zh-CN", timezone_id="Asia/Shanghai")
    page = context.new_page()
    page.set_default_timeout(15_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
