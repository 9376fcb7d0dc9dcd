"""No word of the interface is Chinese where another language is chosen: each goes through gettext.

What the catalogue says is ``tests/gridgov/test_locale.py``'s business. Here the language is one in which each text has
lost its Chinese characters, and the city is one whose data (names, addresses, what people typed) have none either: what
is left on a page was written into a template or a module.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation
from django.utils.translation import trans_real

from dispatch import clock_words, offers, selectors
from dispatch.api import shapes
from gridgov.common import labels, reference, work_calendar
from gridgov.common.models import AuditEntry, ReferenceRevision, User
from incidents import triggers
from incidents.models import JournalEntry
from tests.browser.pages import LOGINS, Stage, visits
from tests.worlds import World

HAN = re.compile(r"[一-鿿]+")
#: Says in its own language what it changes to.
LANGUAGE_BUTTON = re.compile(r'<button[^>]*lang="zh-CN".*?</button>', re.DOTALL)


def foreign(value: Any) -> Any:
    """Data with each Chinese character as a Korean one, as long as before and still telling names apart."""
    if isinstance(value, str):
        return re.sub("[一-鿿]", lambda one: chr(0xAC00 + (ord(one[0]) - 0x4E00) % 11172), value)
    if isinstance(value, dict):
        return {foreign(key): foreign(one) for key, one in value.items()}
    return [foreign(one) for one in value] if isinstance(value, list) else value


def _thaw_the_trail() -> None:
    """In this test's transaction alone, the audit trail may be written over."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        else:
            cursor.execute(f'DROP TRIGGER "{triggers.names(AuditEntry._meta.db_table)[0]}"')


def make_foreign() -> None:
    """No text in the database has a Chinese character; the journal lets nobody change it."""
    _thaw_the_trail()
    kinds = (models.CharField, models.TextField, models.JSONField)
    for model in apps.get_models():
        names = [field.name for field in model._meta.concrete_fields if isinstance(field, kinds)]
        if model is JournalEntry or not names or not model._meta.managed or model._meta.proxy:
            continue
        rows = models.QuerySet(model)
        for pk, *values in list(rows.values_list("pk", *names)):
            changed = {name: foreign(value) for name, value in zip(names, values, strict=True)}
            changed = {name: changed[name] for name, value in zip(names, values, strict=True) if changed[name] != value}
            if changed:
                rows.filter(pk=pk).update(**changed)
    for name in ReferenceRevision.objects.values_list("name", flat=True):
        reference.touch(name)
    reference.expire()
    work_calendar.forget()


def forget_words() -> None:
    """Words are remembered by language: none of this English stays, and none of the real one is seen."""
    for remembered in (
        labels.label, clock_words._described, clock_words._explained, offers._said, selectors._entry_label,
        selectors._role_label, selectors._nobody, shapes._labelled,
    ):  # fmt: skip
        remembered.cache_clear()


@pytest.fixture
def other_language(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """English is what is left of a text without its Chinese characters; the placeholders stay, a context does not."""
    english = trans_real.translation("en")
    monkeypatch.setattr(english, "gettext", lambda text: HAN.sub("x", text.rpartition("\x04")[2]))
    monkeypatch.setattr(english, "ngettext", lambda one, many, n: HAN.sub("x", one if n == 1 else many))
    forget_words()
    yield
    forget_words()


@pytest.fixture
def stage(world: World) -> Stage:
    found = Stage.of(world)
    make_foreign()
    return found


def left_over(text: str, typed: Iterable[str] = ()) -> list[str]:
    """Chinese words of the page with what is around them; ``typed``: what people wrote into the journal."""
    text = LANGUAGE_BUTTON.sub("", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    for words in typed:
        text = text.replace(f">{words}<", "><")
    return [f"…{text[max(0, at.start() - 60) : at.end() + 20]}…" for at in HAN.finditer(text)]


@pytest.mark.django_db
@pytest.mark.parametrize("login", sorted(LOGINS))
def test_page_has_no_word_of_its_own_in_chinese(world: World, stage: Stage, other_language: None, login: str) -> None:
    client = Client()
    if login:
        client.force_login(User.objects.get(username=login))
    wrong: list[str] = []
    typed = set(JournalEntry.objects.exclude(text="").values_list("text", flat=True))
    for path in dict.fromkeys(visit.path for visit in visits(stage)[login] if visit.status == 200):
        # what is kept from a page in Chinese must not be shown in another language
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = "zh-hans"
        assert HAN.search(client.get(path, follow=True).text)
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
        for headers in ({}, {"X-Panel": "1"}) if path.startswith("/cases/") else ({},):
            text = client.get(path, follow=True, headers=headers).text
            wrong += [f"{path} {one}" for one in left_over(text, typed)]
    assert wrong == []


def test_page_of_a_fault_is_in_the_language(other_language: None) -> None:
    assert HAN.search(render_to_string("500.html"))
    with translation.override("en"):
        assert left_over(render_to_string("500.html")) == []


def test_the_walk_would_see_a_word_that_is_written_down() -> None:
    assert left_over("<p>部件</p>") == ["…<p>部件</p>…"]
    assert left_over('<button value="zh-hans" lang="zh-CN" title="切换到中文">中文</button>') == []


# --- what no walk reaches -------------------------------------------------------------------------------------------

GETTEXT = re.compile(r"^_t?$|gettext(_lazy|_noop)?$")
#: Data, or words for machines: variables of canned texts, names of the standards, what files and the parser know.
NOT_SHOWN = (
    "dispatch/canned.py", "dispatch/canned_texts.py", "gridgov/common/business_time/units.py",
    "incidents/catalogue_files.py",
)  # fmt: skip


def _modules() -> Iterator[Path]:
    for folder in (
        "dispatch",
        "gridgov/common",
        "reporting/views",
        "reporting/templatetags",
        "incidents",
        "personnel",
        "grids",
    ):
        for path in sorted((settings.BASE_DIR / folder).rglob("*.py")):
            # what runs at a console is for the house, in its language; so is what verify_journal prints
            if not {"migrations", "management"} & set(path.parts) and path.name != "journal.py":
                yield path


def _literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """Texts of the module that are neither documentation nor handed to gettext."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if GETTEXT.search(name):
                skipped.update(inner for argument in node.args for inner in ast.walk(argument))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            yield node


def test_no_module_writes_down_a_word_in_chinese() -> None:
    found = [
        f"{path.relative_to(settings.BASE_DIR)}:{node.lineno} {node.value[:40]}"
        for path in _modules()
        if str(path.relative_to(settings.BASE_DIR)) not in NOT_SHOWN
        for node in _literals(ast.parse(path.read_text(encoding="utf-8")))
        if HAN.search(node.value)
    ]
    assert found == []


def test_no_script_writes_down_a_word_in_chinese() -> None:
    said = re.compile(r"gettext\(\s*(?:\"[^\"]*\"|'[^']*')(?:\s*,\s*\"[^\"]*\")?")
    wrong = []
    for path in sorted((settings.BASE_DIR / "static/js").glob("*.js")):
        code = re.sub(r"(^|\s)//.*|/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        wrong += [f"{path.name} {one}" for one in HAN.findall(said.sub("", code))]
    assert wrong == []
