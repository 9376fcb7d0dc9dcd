"""Typed reading of the process environment, for the settings file alone.

A value that cannot be read raises :class:`~django.core.exceptions.ImproperlyConfigured` naming the variable; an
empty variable counts as absent, because compose files pass empty strings for what is not set.
"""

import json
import os
import secrets
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    """The variable's text without surrounding blanks, or ``default``."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool = False) -> bool:
    """1/true/yes/on or 0/false/no/off, in any case."""
    value = text(name).lower()
    if not value:
        return default
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be one of 1, true, yes, on, 0, false, no, off, not {value!r}.")


def number(name: str, default: int) -> int:
    """A whole number."""
    value = text(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def choice(name: str, options: tuple[str, ...], default: str) -> str:
    """One of ``options``."""
    value = text(name, default)
    if value not in options:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(options)}, not {value!r}.")
    return value


def networks(name: str, default: list[str]) -> list[IPv4Network | IPv6Network]:
    """A comma-separated list of addresses and networks (``10.0.0.0/8``)."""
    try:
        return [ip_network(word) for word in words(name, default)]
    except ValueError as wrong:
        raise ImproperlyConfigured(f"{name} must be a list of networks: {wrong}.") from None


def words(name: str, default: list[str] | None = None) -> list[str]:
    """A comma-separated list, blanks dropped."""
    value = text(name)
    if not value:
        return list(default or [])
    return [word.strip() for word in value.split(",") if word.strip()]


def folder(name: str, default: Path) -> Path:
    """An absolute folder path; the folder need not exist."""
    return Path(text(name, str(default))).expanduser().absolute()


@dataclass(frozen=True, slots=True)
class TileSource:
    """Pictures under the maps. ``url``: with {z}, {x}, {y} and perhaps {s}, in Web Mercator on CGCS2000 ≈ WGS-84."""

    name: str
    url: str
    attribution: str
    datum: str = "cgcs2000"
    subdomains: str = "abc"
    max_zoom: int = 18
    overlay: bool = False


def tile_sources(name: str) -> list[TileSource]:
    """The tile sources of a JSON list of objects, none where the variable is empty.

    A source in another datum is refused: its pictures would lie some hundred metres beside the areas.
    """
    value = text(name)
    try:
        found = [TileSource(**entry) for entry in json.loads(value or "[]")]
    except (ValueError, TypeError) as wrong:
        raise ImproperlyConfigured(f"{name} must be a JSON list of tile sources: {wrong}.") from None
    for source in found:
        if source.datum not in ("cgcs2000", "wgs84"):
            raise ImproperlyConfigured(
                f"{name}: {source.name} is in {source.datum} and would lie beside the areas; only cgcs2000, wgs84."
            )
        if not source.url.startswith(("https://", "http://", "/")) or not source.attribution:
            raise ImproperlyConfigured(f"{name}: {source.name} needs an http(s) address and an attribution.")
    return found


def stored_secret(path: Path) -> str:
    """The secret kept in ``path``; made at random, readable by its owner only, when there is none.

    Two processes that start together end with the same secret: the file is written aside and linked into place,
    and the loser reads the winner's.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as handle:
        handle.write(secrets.token_urlsafe(48) + "\n")
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
    return path.read_text(encoding="ascii").strip()


def database(
    url: str, *, name: str = "DATABASE_URL", kept_seconds: int = 600, statement_timeout_ms: int = 0
) -> dict[str, Any]:
    """Django's settings of one database from ``sqlite:///relative``, ``sqlite:////absolute`` or ``postgres://…``.

    The query string of a PostgreSQL address is passed to the driver (``?sslmode=require``); a server that does not
    answer is given up after five seconds unless it says otherwise (``connect_timeout``). A connection is kept for
    ``kept_seconds`` (0: for one request) and asked whether it lives before it is used again. Statements on PostgreSQL
    end after ``statement_timeout_ms`` (0: never). ``name``: the variable, for messages.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        path = unquote(parts.path)[1:]
        if not path:
            raise ImproperlyConfigured(f"{name} must name the SQLite file, as in sqlite:////srv/gridgov/db.sqlite3.")
        return {
            "ENGINE": "gridgov.sqlite",
            "NAME": path,
            "CONN_MAX_AGE": kept_seconds,
            "OPTIONS": {"timeout": 20},
        }
    if parts.scheme in {"postgres", "postgresql"}:
        base = unquote(parts.path.lstrip("/"))
        if not base:
            raise ImproperlyConfigured(f"{name} must name the database after the last slash.")
        try:
            port = parts.port
        except ValueError:
            raise ImproperlyConfigured(f"{name} holds a port that is not a number.") from None
        options = {"connect_timeout": "5"} | dict(parse_qsl(parts.query))
        # To compile a statement takes PostgreSQL 400 ms where it thinks the statement expensive; ours take 1 to 100.
        # And it thinks of turning disks: it walked through half a million cases rather than take fifty from an index.
        given = ["-c jit=off -c random_page_cost=1.1", options.get("options", "")]
        if statement_timeout_ms:
            given.append(f"-c statement_timeout={statement_timeout_ms}")
        options["options"] = " ".join(given).strip()
        return {
            "ENGINE": "gridgov.postgres",
            "NAME": base,
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or ""),
            "PORT": str(port or ""),
            "CONN_MAX_AGE": kept_seconds,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": options,
        }
    raise ImproperlyConfigured(f"{name} must begin with sqlite: or postgres:, not {parts.scheme or url!r}.")
