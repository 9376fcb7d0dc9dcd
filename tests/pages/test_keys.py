"""One table of keys: what the page listens to, what the sheet and the documents say."""

import re

from django.conf import settings

from dispatch.views.keys import KEYS, SHEET

#: As the sheet prints them → as a script knows them.
NAMES = {"↵": "enter", "esc": "escape"}
#: Ways to the same that nobody need be told of, and a key of every form.
SILENT = {"arrowdown", "arrowup", " "}
IN_FORMS = {"ctrl enter"}


def listened_to() -> set[str]:
    code = (settings.BASE_DIR / "static/js/workbench.js").read_text(encoding="utf-8")
    found = {key.lower() for key in re.findall(r'\.on\("([^"]+)", ', code[code.index("new Keyboard()") :])}
    [letters] = re.findall(r'of "([a-z]+)"\) keys\.on', code)
    queue = (settings.BASE_DIR / "static/js/queue.js").read_text(encoding="utf-8")
    return found | set(letters) | set(re.findall(r'event\.key === "([a-z])"', queue))


def on_the_sheet() -> set[str]:
    """ "J" and "K" are two keys for two things; "G" "Q" is one after the other."""
    found: set[str] = set()
    for keys, _words in SHEET:
        named = [NAMES.get(key.lower(), key.lower()) for key in keys]
        found |= {" ".join(named)} if named[0] in ("g", "ctrl") else set(named)
    return found


def test_sheet_has_every_key_that_does_something_and_no_other() -> None:
    assert listened_to() - SILENT == on_the_sheet() - IN_FORMS


def test_letters_of_the_buttons_are_on_the_sheet() -> None:
    assert {letter.lower() for letter in KEYS.values()} <= on_the_sheet()


def test_document_is_the_sheet() -> None:
    text = (settings.BASE_DIR / "docs/howto/keys.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*`) \| (.*) \|$", text, re.MULTILINE)
    assert rows == [(" ".join(f"`{key}`" for key in keys), str(words)) for keys, words in SHEET]


def test_readme_names_no_key_that_is_not_on_the_sheet() -> None:
    for name in ("README.md", "README.en.md"):
        text = (settings.BASE_DIR / name).read_text(encoding="utf-8")
        assert {key.lower() for key in re.findall(r"`([A-Z?/])`", text)} <= on_the_sheet()
