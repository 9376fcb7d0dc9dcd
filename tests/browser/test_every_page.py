"""What holds for every page: no serious fault for those who cannot see or point, nothing wider than the screen.

A page that is new is added to PAGES.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.pages import PAGES, Stage
from tests.worlds import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: (language, width, whether it is examined): 1440 and 1024 are desks, 390 is a phone.
LOOKS = (
    ("zh-hans", 1440, True),
    ("zh-hans", 1024, False),
    ("zh-hans", 390, True),
    ("en", 1440, False),
    ("en", 390, False),
)
GRAVE = ("serious", "critical")


def _faults(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]


def _too_wide(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture
def stage(city: World) -> Stage:
    """The city with cases in every stage."""
    return Stage.of(city)


@pytest.mark.parametrize("login", sorted(PAGES))
def test_pages_have_no_grave_fault_and_fit_the_screen(stage, open_page, signed_in, live_server, login: str):
    page: Page = signed_in(login) if login else open_page()
    wrong: list[str] = []
    for path in PAGES[login](stage):
        for language, width, is_examined in LOOKS:
            page.context.add_cookies([{"name": "django_language", "value": language, "url": live_server.url}])
            page.set_viewport_size({"width": width, "height": 900 if width > 500 else 844})
            answer = page.goto(path)
            where = f"{login or 'nobody'} {path} {language} {width}"
            if answer is None or answer.status >= 500:
                wrong.append(f"{where}: broken")
            if (wide := _too_wide(page)) > 0:
                wrong.append(f"{where}: {wide} px too wide")
            if is_examined:
                wrong += [f"{where}: {fault}" for fault in _faults(page)]
    assert wrong == []
