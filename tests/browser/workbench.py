"""The workbench as its tests see it."""

import re

from playwright.sync_api import Locator, Page, expect

#: What a refused request leaves in the console, and what a cut line does.
_EXPECTED = re.compile(r"Failed to load resource|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION")


class Desk:
    """One person's open workbench."""

    def __init__(self, page: Page, key: str) -> None:
        self.page, self.key = page, key
        self.errors: list[str] = []
        page.on("console", self._said)
        page.goto(f"/work/{key}/")
        expect(self.lamp).to_contain_text("实时")

    def _said(self, message) -> None:
        if message.type == "error" and not _EXPECTED.search(message.text):
            self.errors.append(message.text)

    @property
    def lamp(self) -> Locator:
        return self.page.locator(".gg-lamp")

    @property
    def list(self) -> Locator:
        return self.page.locator("[data-live-list]")

    @property
    def queue(self) -> Locator:
        """The list with what stands above and below it."""
        return self.page.locator(".gg-wqueue")

    @property
    def panel(self) -> Locator:
        return self.page.locator("[data-panel]")

    @property
    def slot(self) -> Locator:
        return self.page.locator(".gg-slot-new")

    @property
    def toast(self) -> Locator:
        return self.page.locator(".gg-toasts")

    def row(self, number: str) -> Locator:
        return self.page.locator(f"#row-{number}")

    def form(self, action: str) -> Locator:
        return self.panel.locator(f"#act-{action} form")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def shows(self, number: str) -> None:
        """The case is chosen in the list, where it is one of its rows, and stands in the panel."""
        expect(self.panel).to_have_attribute("data-number", number)
        if self.row(number).count():
            expect(self.row(number)).to_have_attribute("aria-selected", "true")

    def open(self, number: str) -> None:
        self.row(number).click()
        self.shows(number)

    def take(self, number: str) -> None:
        """The case waits in the slot, is let in by U and opened."""
        expect(self.slot).to_be_visible()
        self.press("u")
        expect(self.row(number)).to_be_visible()
        self.open(number)
