"""The English catalogues: whole entries, nothing guessed by a tool, nothing left out, compiled as they are written."""

import ast
import gettext
import json
import re

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from dispatch.views.system import STATES
from gridgov.common.business_time.units import Allowance, Unit
from incidents.workflow import Action, Status

FOLDER = settings.BASE_DIR / "locale/en/LC_MESSAGES"
PLACEHOLDER = re.compile(r"%\(\w+\)[-+ .0-9]*[a-z]|%[sd]|\{\w*\}")
#: Domain → the least number of texts: of the server, and of static/js.
DOMAINS = {"django": 1900, "djangojs": 30}


def _entries(domain: str) -> list[dict[str, str]]:
    """The catalogue's entries: keyword to text, comments under "#"."""
    found: list[dict[str, str]] = []
    for block in (FOLDER / f"{domain}.po").read_text(encoding="utf-8").split("\n\n"):
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


def _key(entry: dict[str, str]) -> str:
    """As a compiled catalogue has it: the text after its context, where it has one."""
    return f"{entry['msgctxt']}\x04{entry['msgid']}" if "msgctxt" in entry else entry["msgid"]


def _pairs(entry: dict[str, str]) -> list[tuple[str, str]]:
    """Each source text of an entry with its translation; with a plural: two."""
    if "msgid_plural" in entry:
        return [(entry["msgid"], entry["msgstr[0]"]), (entry["msgid_plural"], entry["msgstr[1]"])]
    return [(entry["msgid"], entry["msgstr"])]


def _compiled(domain: str) -> dict[object, str]:
    """What is in the .mo: the text, or (text, 0 or 1) with a plural, to its translation."""
    with (FOLDER / f"{domain}.mo").open("rb") as file:
        return {key: text for key, text in gettext.GNUTranslations(file)._catalog.items() if key}


@pytest.fixture(scope="module", params=DOMAINS)
def domain(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def entries(domain: str) -> list[dict[str, str]]:
    return _entries(domain)


def test_catalogue_has_no_fuzzy_or_obsolete_entry(entries):
    # of a #: line the files' names are of no interest
    comments = [line for entry in entries for line in entry["#"].splitlines() if not line.startswith("#:")]
    assert [line for line in comments if "fuzzy" in line or line.startswith("#~")] == []


def test_catalogue_says_each_text_once(domain, entries):
    texts = [_key(entry) for entry in entries]
    assert len(texts) == len(set(texts)) > DOMAINS[domain]


def test_no_text_is_left_untranslated(entries):
    empty = [source for entry in entries[1:] for source, said in _pairs(entry) if not said.strip()]
    assert empty == []


def test_translations_keep_the_placeholders_of_the_source(entries):
    different = [
        source
        for entry in entries[1:]
        for source, said in _pairs(entry)
        if sorted(PLACEHOLDER.findall(source)) != sorted(PLACEHOLDER.findall(said))
    ]
    assert different == []


def test_compiled_catalogue_is_in_step_with_the_written_one(domain, entries):
    written: dict[object, str] = {}
    for entry in entries[1:]:
        if "msgid_plural" in entry:
            written |= {(_key(entry), 0): entry["msgstr[0]"], (_key(entry), 1): entry["msgstr[1]"]}
        else:
            written[_key(entry)] = entry["msgstr"]
    assert _compiled(domain) == written


def test_a_label_is_said_in_the_language_that_is_active():
    with translation.override("en"):
        assert Status.REPORTED.label == "Reported"
    with translation.override("zh-hans"):
        assert Status.REPORTED.label == "待受理"


def test_a_word_of_two_meanings_is_said_by_where_it_stands():
    with translation.override("en"):
        assert (Status.VOIDED.label, Action.VOID.label) == ("Voided", "Void")
        assert (Status.MERGED.label, Action.MERGE.label) == ("Merged", "Merge")
        assert (Status.REJECTED.label, Action.REJECT.label) == ("Not accepted", "Reject")
        assert (Status.SUSPENDED.label, Action.SUSPEND.label) == ("Suspended", "Suspend")
        assert (Status.CLOSED.label, Action.CLOSE.label) == ("Closed", "Close")
        assert (Action.REOPEN.label, Action.PASS.label) == ("Reopen", "Pass")
        assert str(STATES["ok"]) == "OK"
        assert Allowance(Unit.WORK_HOURS, minutes=240).describe() == "4 working hours"
        assert translation.pgettext("button", "启用") == "Enable"
        assert translation.pgettext("token", "作废") == "Revoke"


@pytest.mark.django_db
def test_scripts_are_served_every_word_of_their_catalogue():
    client = Client()
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    words = client.get("/language/words.js").text
    pairs = [(_key(entry), entry["msgstr"]) for entry in _entries("djangojs")[1:] if "msgstr" in entry]
    missing = [source for source, said in pairs if f"{json.dumps(source)}: {json.dumps(said)}" not in words]
    assert missing == []
