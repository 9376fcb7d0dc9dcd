"""What holds for every page: no serious fault for those who cannot see or point, nothing wider than the screen.

A page that is new, or a state that looks different, is added to ``tests.browser.pages``. Each is loaded once in Chinese
at a desk and once in English on a phone; the other widths are reached by resizing, as a window is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import TransactionTestCase
from playwright.sync_api import BrowserContext, Error, Page

from gridgov.common.models import User
from tests.browser.conftest import PATIENCE_MS
from tests.browser.pages import LOGINS, Stage, Visit, visits
from tests.serving import cookie_of, serving
from tests.worlds import make_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: A desk, a small desk, a desk at 200 %, a phone.
WIDTHS = (1440, 1024, 720, 390)
GRAVE = ("serious", "critical")
#: In what the console says of something that the policy has kept out.
REFUSED = "Content Security"
#: Parts of the admin that Django draws, in templates and scripts of its own.
NOT_OURS = {"exclude": [[".select2-container"], ["div.breadcrumbs"], ["#toolbar"], [".paginator"]]}
#: axe itself does not read the style sheets: for one that imports another it writes styles, which our policy refuses.
EXAMINATION = {"resultTypes": ["violations"], "preload": False}

#: The page stands as it will stay: styles and fonts are there, and the maps are drawn.
_SETTLED = """() => document.fonts.status === "loaded"
    && [...document.querySelectorAll("[data-map]")].every((it) => !it.checkVisibility() || it.querySelector(".gg-area"))
    && !document.querySelector(".gg-lamp[hidden]")"""
#: By how many pixels the page is wider than the screen, once what follows the screen's width has followed it; and words
#: that are cut off without a sign of it.
_LAYOUT = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const root = document.documentElement;
    const cut = [...document.querySelectorAll("main :is(h1, h2, h3, button, label, dt, dd, th, td, .btn, .gg-badge)")]
        .filter((it) => it.checkVisibility({ visibilityProperty: true }) && it.clientWidth > 1)
        .filter((it) => it.scrollWidth > it.clientWidth + 1)
        .filter((it) => { const of = getComputedStyle(it); return of.overflowX === "hidden" && of.textOverflow !== "ellipsis"; })
        .map((it) => it.outerHTML.slice(0, 120));
    done({ wide: root.scrollWidth - root.clientWidth, cut });
})))"""  # noqa: E501


@pytest.fixture(scope="module")
def _django_db_helper(django_db_setup, django_db_blocker) -> Iterator[None]:
    """In the place of pytest-django's, which does the same around each test: what is written stays until the last test
    of the module, and then the database is emptied as after any other.
    """

    class Lasting(TransactionTestCase):
        pass

    with django_db_blocker.unblock():
        Lasting.setUpClass()
        case = Lasting("__init__")
        case._pre_setup()
        try:
            yield
        finally:
            case._post_teardown()
            Lasting.tearDownClass()
            Lasting.doClassCleanups()


@pytest.fixture(scope="module")
def stage(_django_db_helper: None) -> Stage:
    """The city with cases in every stage."""
    return Stage.of(make_world())


@pytest.fixture(scope="module")
def address(_django_db_helper: None) -> Iterator[str]:
    """The site with its streams."""
    with serving() as running:
        yield running.url


@dataclass
class Looking:
    """One browser that somebody or other sits at."""

    context: BrowserContext
    address: str
    errors: list[str] = field(default_factory=list)

    def sit(self, login: str) -> Page:
        """A page of that person, or of the public; whoever sat here before is gone, and what went wrong for him."""
        self.errors.clear()
        for page in self.context.pages:
            page.close()
        self.context.clear_cookies()
        if login:
            session = cookie_of(User.objects.get(username=login))
            self.context.add_cookies([{"name": "sessionid", "value": session, "url": self.address}])
        page = self.context.new_page()

        def wrong(what: str) -> None:
            self.errors.append(f"{page.url}: {what}")

        page.on("pageerror", lambda error: wrong(str(error)))
        page.on("console", lambda said: wrong(said.text) if REFUSED in said.text else None)
        return page

    def speak(self, language: str) -> None:
        self.context.add_cookies([{"name": "django_language", "value": language, "url": self.address}])


@pytest.fixture(scope="module")
def looking(chromium, address: str) -> Iterator[Looking]:
    context = chromium.new_context(
        base_url=address, locale="zh-CN", timezone_id="Asia/Shanghai", reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    yield Looking(context, address)
    context.close()


def _resize(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900 if width > 500 else 844})


def _faults(page: Page) -> list[str]:
    return [
        f"{fault['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for fault in Axe().run(page, context=NOT_OURS, options=EXAMINATION).response["violations"]
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]


def _layout(page: Page, widths: tuple[int, ...]) -> Iterator[str]:
    for width in widths:
        _resize(page, width)
        found = page.evaluate(_LAYOUT)
        if found["wide"] > 0:
            yield f"{width}: {found['wide']} px too wide"
        yield from (f"{width}: cut off: {what}" for what in found["cut"])


def _look(looking: Looking, page: Page, visit: Visit) -> Iterator[str]:
    """What is wrong with the page in that state."""
    for language, widths in (("zh-hans", WIDTHS), ("en", WIDTHS if visit.at_a_desk else WIDTHS[::-1])):
        looking.speak(language)
        _resize(page, widths[0])
        answer = page.goto(visit.path, wait_until="domcontentloaded")
        if answer is None or answer.status != visit.status:
            yield f"{language}: answered {answer and answer.status}"
        page.wait_for_function(_SETTLED)
        try:
            if visit.then is not None:
                visit.then(page)
        except (AssertionError, Error) as problem:
            yield f"{language} {widths[0]}: {str(problem)[:300]}"
        else:
            # the faults of English are those of Chinese, but for what a phone shows otherwise
            yield from (f"{language} {widths[0]}: {fault}" for fault in _faults(page))
            yield from (f"{language} {found}" for found in _layout(page, widths))
        finally:
            page.unroute_all()
            looking.context.set_offline(False)


@pytest.mark.parametrize("login", LOGINS)
def test_pages_have_no_grave_fault_and_fit_the_screen(stage: Stage, looking: Looking, login: str):
    wrong: list[str] = []
    page = looking.sit(login)
    for visit in visits(stage)[login]:
        wrong += [f"{login or 'the public'} {visit.name} {found}" for found in _look(looking, page, visit)]
    wrong += looking.errors
    assert not wrong, "\n".join(wrong)
