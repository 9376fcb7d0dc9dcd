"""The English catalogue: whole entries, nothing guessed by a tool, and compiled as it is written."""

import ast
import gettext
import re

import pytest
from django.conf import settings
from django.utils import translation

from incidents.workflow import Status

FOLDER = settings.BASE_DIR / "locale/en/LC_MESSAGES"
PLACEHOLDER = re.compile(r"%\(\w+\)[-+ .0-9]*[a-z]|%[sd]|\{\w*\}")


def _entries() -> list[dict[str, str]]:
    """The catalogue's entries: keyword to text, comments under "#"."""
    found: list[dict[str, str]] = []
    for block in (FOLDER / "django.po").read_text(encoding="utf-8").split("\n\n"):
        entry, keyword = {"#": ""}, ""
        for line in block.splitlines():
            if line.startswith("#"):
                entry["#"] += line + "\n"
            elif line.startswith('"'):
                entry[keyword] += ast.literal_eval(line)
            else:
                keyword, _blank, text = line.partition(" ")
                entry[keyword] = ast.literal_eval(text)
        found.append(entry)
    return found


@pytest.fixture(scope="module")
def entries() -> list[dict[str, str]]:
    return _entries()


def test_catalogue_has_no_fuzzy_or_obsolete_entry(entries):
    # of a #: line the files' names are of no interest
    comments = [line for entry in entries for line in entry["#"].splitlines() if not line.startswith("#:")]
    assert [line for line in comments if "fuzzy" in line or line.startswith("#~")] == []


def test_catalogue_says_each_text_once(entries):
    texts = [entry["msgid"] for entry in entries]
    assert len(texts) == len(set(texts)) > 1000


def test_translations_keep_the_placeholders_of_the_source(entries):
    different = [
        entry["msgid"]
        for entry in entries[1:]
        if entry["msgstr"]
        and sorted(PLACEHOLDER.findall(entry["msgid"])) != sorted(PLACEHOLDER.findall(entry["msgstr"]))
    ]
    assert different == []


def test_compiled_catalogue_is_in_step_with_the_written_one(entries):
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog
    written = {entry["msgid"]: entry["msgstr"] for entry in entries if entry["msgstr"]}
    assert {key: text for key, text in compiled.items() if key} == {key: text for key, text in written.items() if key}


def test_a_label_is_said_in_the_language_that_is_active():
    with translation.override("en"):
        assert Status.REPORTED.label == "Reported"
    with translation.override("zh-hans"):
        assert Status.REPORTED.label == "待受理"
