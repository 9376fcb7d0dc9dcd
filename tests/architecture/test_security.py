"""What the code may not do, read off its text."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PACKAGES = ("gridgov", "grids", "personnel", "incidents", "dispatch", "reporting")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
EVERYWHERE = sorted({*MODULES, *(ROOT / "scripts").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")})
#: What opens a connection to an address that somebody may have chosen.
OUTGOING = {"aiohttp", "ftplib", "http.client", "httpx", "requests", "smtplib", "socket", "urllib.request", "urllib3"}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_nothing_calls_out() -> None:
    """The server asks no other server, so that nobody can make it ask one (SSRF).

    A channel that must (SMS, webhooks) brings one guarded client and is named here: it takes an address from the
    settings alone, resolves it once, refuses private and link-local ones, follows no redirect, and has a time limit.
    """
    found = {
        str(path.relative_to(ROOT)): names
        for path in MODULES
        if (names := {name for name in _imports(path) if name in OUTGOING or name.partition(".")[0] in OUTGOING})
    }
    assert found == {}


def test_every_exception_from_the_security_rules_gives_its_reason() -> None:
    pattern = re.compile(r"#\s*noqa:\s*([A-Z0-9, ]*\bS\d{3}\b[A-Z0-9, ]*)(.*)$")
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in EVERYWHERE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (found := pattern.search(line)) and len(re.sub(r"[^\w]", "", found[2])) < 5
    ]
    assert bare == []


@pytest.mark.parametrize("word", ["csrf_exempt", "xframe_options_exempt", "pickle", "yaml.load", "eval("])
def test_dangerous_word_is_used_nowhere(word: str) -> None:
    pattern = re.compile(rf"(?<![\w.]){re.escape(word)}")
    found = [str(path.relative_to(ROOT)) for path in MODULES if pattern.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_only_words_of_ours_are_marked_as_safe() -> None:
    for path in MODULES:
        assert not re.search(r"mark_safe\((?!\")", path.read_text(encoding="utf-8")), path


def test_templates_mark_nothing_as_safe() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "templates").rglob("*.html")
        if re.search(r"\|\s*safe\b|autoescape off", path.read_text(encoding="utf-8"))
    ]
    assert found == []
