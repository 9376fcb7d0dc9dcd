"""What the columns and words of a file of old cases mean: the mapping, a JSON document. Pure.

Its form is told in ``docs/howto/bring-your-city.md``; ``docs/examples/nyc-mapping.json`` is one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from gridgov.common.coordinates import Crs
from gridgov.common.errors import FieldError, FieldErrors

CLOSED, ACCEPTED = "closed", "accepted"
SYSTEM_LIMIT = 40


@dataclass(frozen=True, slots=True)
class FileMap:
    """What a file's columns and words mean. An empty column name: the file has no such column."""

    system: str
    zone: ZoneInfo
    columns: Mapping[str, str]
    description: tuple[str, ...]
    nonexistent: str = "reject"
    ambiguous: str = "reject"
    time_format: str = ""
    crs: str = Crs.WGS84.value
    source: str = "other"
    delimiter: str = ","
    empty: frozenset[str] = frozenset({""})
    categories: Mapping[str, str] | None = None
    statuses: Mapping[str, str] | None = None

    def used(self) -> dict[str, str]:
        """Every column that must be in the file → where the mapping names it."""
        found = {column: f"columns.{name}" for name, column in self.columns.items() if column}
        return {column: "columns.description" for column in self.description} | found


_REQUIRED = ("id", "created_at", "category")
_COLUMNS = (*_REQUIRED, "closed_at", "status", "lon", "lat", "address", "agency")
_KEYS = frozenset(
    {
        "system", "timezone", "nonexistent", "ambiguous", "time_format", "crs", "source", "delimiter", "empty",
        "columns", "categories", "statuses", "comment",
    }
)  # fmt: skip
_CHOICES = ("earlier", "later", "reject")


def read_map(path: Path, *, sources: Sequence[str]) -> FileMap:
    """The mapping in the file. Raises FieldError(s) naming what is wrong; ``sources``: what ``source`` may be."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_no_doubles)
    except OSError as error:
        raise FieldError("mapping", _("无法读取 %(path)s：%(why)s") % {"path": path, "why": error.strerror}) from error
    except UnicodeDecodeError as error:
        raise FieldError("mapping", _("映射文件须为UTF-8编码")) from error
    except json.JSONDecodeError as error:
        message = _("第%(line)d行第%(column)d列不是有效的JSON：%(why)s") % {
            "line": error.lineno, "column": error.colno, "why": error.msg,
        }  # fmt: skip
        raise FieldError("mapping", message) from error
    return parse_map(document, sources=sources)


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _value in pairs]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise FieldError("mapping", _("键重复：%(keys)s") % {"keys": "、".join(twice)})
    return found


class _Reader:
    """Takes typed values out of the document and collects what is wrong with it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document, self.errors = document, []

    def fault(self, name: str, message: str) -> None:
        self.errors.append(FieldError(f"mapping.{name}", message))

    def text(self, name: str, default: str | None = None, choices: Sequence[str] = ()) -> str:
        value = self.document.get(name, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            self.fault(name, _("须为文字") if value is not None else _("必填"))
            return ""
        if choices and value not in choices:
            self.fault(name, _("应为下列之一：%(listed)s") % {"listed": "、".join(choices)})
        return value

    def words(self, name: str) -> dict[str, str] | None:
        value = self.document.get(name)
        if value is None:
            return None
        if not isinstance(value, dict) or not all(isinstance(word, str) and word for word in value.values()):
            self.fault(name, _("须为“文件中的值: 代码”的对象"))
            return None
        return {key.strip(): word for key, word in value.items()}


def parse_map(document: Any, *, sources: Sequence[str]) -> FileMap:
    """The mapping that the document says. Raises FieldError or FieldErrors; every fault is named at once."""
    if not isinstance(document, dict):
        raise FieldError("mapping", _("映射须为JSON对象"))
    reader = _Reader(document)
    for key in sorted(set(document) - _KEYS):
        reader.fault(key, _("没有这一项"))
    system = reader.text("system")
    if len(system) > SYSTEM_LIMIT:
        reader.fault("system", _("最长%(limit)s个字符") % {"limit": SYSTEM_LIMIT})
    columns, description = _columns(reader)
    statuses = reader.words("statuses")
    for word, status in (statuses or {}).items():
        if status not in (CLOSED, ACCEPTED):
            reader.fault("statuses", _("“%(word)s”须对应 closed 或 accepted") % {"word": word})
    if bool(columns.get("status")) != bool(statuses):
        reader.fault("statuses", _("columns.status 与 statuses 须一起给出"))
    if not columns.get("status") and not columns.get("closed_at"):
        reader.fault("columns.status", _("状态列和结案时间列至少要有一个"))
    if bool(columns.get("lon")) != bool(columns.get("lat")):
        reader.fault("columns.lon", _("经度和纬度须一起给出"))
    empty = document.get("empty", [])
    if not isinstance(empty, list) or not all(isinstance(word, str) for word in empty):
        reader.fault("empty", _("须为文字的列表"))
        empty = []
    delimiter = reader.text("delimiter", ",")
    if len(delimiter) != 1:
        reader.fault("delimiter", _("须为一个字符"))
    found = {
        "nonexistent": reader.text("nonexistent", "reject", _CHOICES),
        "ambiguous": reader.text("ambiguous", "reject", _CHOICES),
        "time_format": reader.text("time_format", ""),
        "crs": reader.text("crs", Crs.WGS84.value, [crs.value for crs in Crs]),
        "source": reader.text("source", "other", sources),
        "categories": reader.words("categories"),
    }
    zone = _zone(reader)
    if reader.errors or zone is None:
        raise reader.errors[0] if len(reader.errors) == 1 else FieldErrors(reader.errors)
    return FileMap(
        system=system, zone=zone, columns=columns, description=description, delimiter=delimiter, statuses=statuses,
        empty=frozenset({"", *empty}), **found,
    )  # fmt: skip


def _zone(reader: _Reader) -> ZoneInfo | None:
    name = reader.text("timezone")
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # no such zone; a path out of the folder; a folder
        reader.fault("timezone", _("没有这个时区：%(name)s") % {"name": name[:40]})
        return None


def _columns(reader: _Reader) -> tuple[dict[str, str], tuple[str, ...]]:
    given = reader.document.get("columns")
    if not isinstance(given, dict):
        reader.fault("columns", _("必填") if given is None else _("须为对象"))
        return {}, ()
    for name in sorted(set(given) - {*_COLUMNS, "description"}):
        reader.fault(f"columns.{name}", _("没有这一项"))
    found = {}
    for name in _COLUMNS:
        value = given.get(name, "")
        if not isinstance(value, str):
            reader.fault(f"columns.{name}", _("须为列名"))
        elif not value and name in _REQUIRED:
            reader.fault(f"columns.{name}", _("必填"))
        else:
            found[name] = value
    described = given.get("description", [])
    described = [described] if isinstance(described, str) else described
    if not isinstance(described, list) or not all(isinstance(name, str) and name for name in described):
        reader.fault("columns.description", _("须为列名或列名的列表"))
        described = []
    return found, tuple(described)
