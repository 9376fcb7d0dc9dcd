"""What comes from elsewhere is exactly what the lock file says."""

import hashlib
import json
import re
from pathlib import Path

from django.conf import settings

STATIC = Path(settings.BASE_DIR) / "static"
VENDOR = STATIC / "vendor"


def test_vendored_files_are_those_of_the_checksums():
    said = dict(reversed(line.split("  ", 1)) for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert found == said


def test_vendor_lock_names_version_source_and_license_of_each_folder():
    lock = json.loads((VENDOR / "vendor.lock.json").read_text())
    assert {entry["folder"] for entry in lock.values()} == {path.name for path in VENDOR.iterdir() if path.is_dir()}
    for name, entry in lock.items():
        assert entry["package"] == f"npm:{name}@{entry['version']}"
        assert entry["integrity"].startswith("sha512-")
        assert (VENDOR / entry["folder"] / "LICENSE").exists()
        assert all((VENDOR / entry["folder"] / file).exists() for file in entry["files"])


def test_selectors_left_out_are_in_no_sheet():
    for entry in json.loads((VENDOR / "vendor.lock.json").read_text()).values():
        sheets = [(VENDOR / entry["folder"] / file).read_text() for file in entry["files"] if file.endswith(".css")]
        assert [part for part in entry.get("without", []) if any(part in sheet for sheet in sheets)] == []


def test_no_rule_of_anything_asks_for_the_class_of_what_is_above():
    """Each class that a script sets would compute the style of everything below it anew."""
    asks = re.compile(r"\[(?:class|style)[^\]]*\][^,{]*[ >~+][*:\[]")
    for path in (VENDOR / "tabler/tabler.min.css", *(STATIC / "css").glob("*.css")):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        for selectors in re.findall(r"(?<=[{}])([^{}@;]+)\{", text):
            assert not asks.search(selectors), (path.name, selectors[:200])


def test_pages_load_nothing_from_elsewhere_and_hold_no_script():
    for path in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        text = path.read_text()
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text), path
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path
        assert not re.search(r"\son[a-z]+=", text), path
        assert not re.search(r"\sstyle=", text), path


def test_icons_used_are_in_the_sprite():
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (VENDOR / "icons/sprite.svg").read_text()))
    root = Path(settings.BASE_DIR)
    used: set[str] = set()
    for path in (root / "templates").rglob("*.html"):
        used |= set(re.findall(r'{% icon "([^"]+)"', path.read_text()))
    for name in ("words.py", "desks.py", "journal_words.py"):
        text = (root / "dispatch/views" / name).read_text()
        used |= set(re.findall(r'"((?:alert|circle|player|clock)[a-z-]*(?:-filled)?)"', text)) - {"clock", "alert"}
    assert used - sprite == set()
