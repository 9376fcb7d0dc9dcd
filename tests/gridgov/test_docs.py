"""The documentation against the code: settings, commands, links and pictures that it names exist."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

ROOT = settings.BASE_DIR
PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")])
OPERATIONS = ROOT / "docs/operations.md"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_every_setting_from_the_environment_is_in_the_table():
    read = set(re.findall(r'env\.\w+\("([A-Z_]+)"', _text(ROOT / "gridgov/settings.py"))) | {
        "SECRET_KEY",
        "JOURNAL_KEY",
    }
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", _text(OPERATIONS), re.MULTILINE))
    assert read == told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_the_page_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", _text(page))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_the_page_exist(page):
    named = set(re.findall(r"manage\.py ([a-z][a-z_]+)", _text(page)))
    assert named - set(get_commands()) == set()


def test_every_page_and_decision_is_in_the_index():
    index = _text(ROOT / "docs/README.md")
    pages = [path for path in PAGES if path.is_relative_to(ROOT / "docs") and path != ROOT / "docs/README.md"]
    assert [path.name for path in pages if f"]({path.relative_to(ROOT / 'docs')})" not in index] == []


def test_decisions_are_numbered_without_gaps():
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs/adr").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
