"""Makes static/vendor anew from its lock file: ``python -m scripts.vendor``. Never needed at run time.

Each package of ``vendor.lock.json`` is fetched by ``npm pack``, checked against its ``integrity``, and the files named
there are taken out of it. ``symbols`` of the icons' entry are the names of icons in the sprite, ``…-filled`` for the
filled ones: add a name, run this, commit what changed. Same lock, same bytes.

``without`` of a style sheet's entry: selectors with one of these in them are left out, for no page of ours has them.
Tabler's rules for striped tables, side bars and divided lists ask for the class or the style of whatever lies below or
beside anything: with them each class that a script sets, and each step of a map that is drawn aside, computes the style
of half the page anew.
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from scripts.programs import ROOT

VENDOR = ROOT / "static" / "vendor"
LOCK = VENDOR / "vendor.lock.json"
LICENSE_NAMES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "license")
_RULE = re.compile(r"(?<=[{}])([^{}@;]+)\{([^{}]*)\}")
#: Between two selectors, not within the brackets of one.
_COMMA = re.compile(r",(?![^(]*\))")
_WRAPPING = re.compile(r'<svg[^>]*>|</svg>|<path stroke="none" d="M0 0h24v24H0z" fill="none" ?/>', re.DOTALL)


def fetched(name: str, version: str, integrity: str, folder: Path) -> tarfile.TarFile:
    """The package, whose bytes are those of the lock."""
    said = subprocess.run(
        ["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True, capture_output=True, text=True
    )
    path = folder / said.stdout.strip().splitlines()[-1]
    digest = "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if digest != integrity:
        sys.exit(f"{name}@{version}: the package is {digest}, the lock says {integrity}")
    return tarfile.open(path)


def content(package: tarfile.TarFile, *names: str) -> bytes:
    """The first of the files that the package has."""
    for name in names:
        try:
            member = package.extractfile(f"package/{name}")
        except KeyError:
            continue
        assert member is not None
        return member.read()
    sys.exit(f"{package.name} has none of {', '.join(names)}")


def sprite(package: tarfile.TarFile, symbols: list[str]) -> bytes:
    """One symbol an icon, in the order of the lock."""
    lines = ['<svg xmlns="http://www.w3.org/2000/svg">']
    for symbol in symbols:
        kind, name = ("filled", symbol.removesuffix("-filled")) if symbol.endswith("-filled") else ("outline", symbol)
        drawn = content(package, f"icons/{kind}/{name}.svg").decode()
        inner = " ".join(_WRAPPING.sub("", re.sub(r"<!--.*?-->", "", drawn, flags=re.DOTALL)).split())
        lines.append(f'<symbol id="{symbol}" viewBox="0 0 24 24">{inner.replace("> <", "><")}</symbol>')
    return ("\n".join([*lines, "</svg>"]) + "\n").encode()


def lean(sheet: bytes, without: list[str]) -> bytes:
    """The style sheet without the selectors in which one of these stands, and without the rules that then have none."""

    def kept(rule: re.Match[str]) -> str:
        selectors = [one for one in _COMMA.split(rule[1]) if not any(part in one for part in without)]
        return f"{','.join(selectors)}{{{rule[2]}}}" if selectors else ""

    return _RULE.sub(kept, sheet.decode()).encode() if without else sheet


def take(name: str, entry: dict[str, Any], scratch: Path) -> None:
    """The folder of the package has what the lock says."""
    folder = VENDOR / entry["folder"]
    folder.mkdir(exist_ok=True)
    with fetched(name, entry["version"], entry["integrity"], scratch) as package:
        # Tabler's package has none: the one in its folder was taken from its repository
        if any(f"package/{name}" in package.getnames() for name in LICENSE_NAMES):
            (folder / "LICENSE").write_bytes(content(package, *LICENSE_NAMES))
        for target, source in entry["files"].items():
            made = sprite(package, entry["symbols"]) if "symbols" in entry else content(package, source)
            if target.endswith(".css"):
                made = lean(made, entry.get("without", []))
            (folder / target).write_bytes(made)


def main() -> None:
    lock = json.loads(LOCK.read_text())
    with tempfile.TemporaryDirectory() as scratch:
        for name, entry in lock.items():
            take(name, entry, Path(scratch))
    files = sorted(p for p in VENDOR.rglob("*") if p.is_file() and p.name != "SHA256SUMS")
    sums = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(VENDOR)}" for p in files]
    (VENDOR / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    print(f"{len(lock)} packages, {len(files)} files")


if __name__ == "__main__":
    main()
