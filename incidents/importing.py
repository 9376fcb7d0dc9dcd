"""Reading a file of old cases by its mapping. Knows files and words, not the database.

The file is a CSV with a header, UTF-8 or GBK, plain or gzipped. All of it is read once before anything of it is used.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TextIO

import orjson
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gridgov.common.coordinates import to_wgs84
from gridgov.common.errors import FieldError
from incidents.import_map import CLOSED, FileMap

#: The columns that a file of rejected rows has before its own. They are no part of a row's content, so that a file
#: of rejected rows can be mended and imported as it is.
REJECT_COLUMNS = ("reject_row", "reject_field", "reject_reason")
#: A spreadsheet runs a cell that begins so.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
ENCODINGS = ("utf-8-sig", "gb18030")  # gb18030 has all of GBK
ANY = "*"  # in a map of words: every word that is not named
ID_LIMIT, ADDRESS_LIMIT, DESCRIPTION_LIMIT, AGENCY_LIMIT = 80, 200, 2_000, 80
HALF_TURN = 180
EARLIEST_YEAR = 1950  # what is before is a placeholder for no time
# one long field is a fault of its row, not of the file
csv.field_size_limit(256 * 1024 * 1024)
AHEAD = timedelta(minutes=5)  # the other system's clock may be a little ahead of ours


class Warn(StrEnum):
    """What is odd about a row that is imported all the same."""

    NONEXISTENT_TIME = "nonexistent_time"
    AMBIGUOUS_TIME = "ambiguous_time"
    CLOSED_BEFORE_CREATED = "closed_before_created"
    CLOSED_IN_FUTURE = "closed_in_future"
    CLOSED_WITHOUT_TIME = "closed_without_time"
    OPEN_WITH_CLOSING_TIME = "open_with_closing_time"
    OUTSIDE = "outside"
    SWAPPED = "swapped"


WARN_LABELS: dict[Warn, Promise] = {
    Warn.NONEXISTENT_TIME: gettext_lazy("当地时间不存在（夏令时开始），已按映射取前或取后"),
    Warn.AMBIGUOUS_TIME: gettext_lazy("当地时间有两个（夏令时结束），已按映射取前或取后"),
    Warn.CLOSED_BEFORE_CREATED: gettext_lazy("结案早于上报，结案时间留空"),
    Warn.CLOSED_IN_FUTURE: gettext_lazy("结案时间在将来，留空"),
    Warn.CLOSED_WITHOUT_TIME: gettext_lazy("已结案但没有结案时间"),
    Warn.OPEN_WITH_CLOSING_TIME: gettext_lazy("未结案却有结案时间，该时间不导入"),
    Warn.OUTSIDE: gettext_lazy("位置不在任何区域内，未定位"),
    Warn.SWAPPED: gettext_lazy("位置不在任何区域内，经纬度疑似写反，未定位"),
}


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that is not imported. ``row``: its line in the file, from 1; ``field``: the column to look at."""

    row: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class OldCase:
    """A row that reads well. Instants in UTC; ``lon``, ``lat`` WGS-84, degrees; ``content``: the row as it was."""

    row: int
    external_id: str
    category: str
    is_closed: bool
    received_at: datetime
    closed_at: datetime | None
    lon: float | None
    lat: float | None
    raw_lon: float | None
    raw_lat: float | None
    raw_crs: str
    address: str
    description: str
    agency: str
    content: str
    warnings: tuple[Warn, ...]


# --- the file -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was read to its end once: it is whole, and it has every column that the mapping names."""

    path: Path
    encoding: str
    header: tuple[str, ...]
    delimiter: str
    row_count: int


@dataclass(frozen=True, slots=True)
class Record:
    """A row as it stands. ``row``: the line of the file where it begins, from 1."""

    row: int
    values: tuple[str, ...]


def inspect(path: Path, mapping: FileMap) -> Table:
    """The file as a table. Raises FieldError("file") for one that is cut, no CSV, or lacks a column.

    Nothing of a file is imported before all of it was seen to be readable.
    """
    for encoding in ENCODINGS:
        try:
            return _inspect(path, encoding, mapping)
        except UnicodeDecodeError:
            continue
        except FileNotFoundError:
            raise FieldError("file", _("找不到文件 %(path)s") % {"path": path}) from None
        except csv.Error as error:
            raise FieldError("file", _("CSV无法解析：%(error)s") % {"error": error}) from error
        except (OSError, EOFError, zlib.error) as error:
            raise FieldError("file", _("文件不完整或无法解压：%(error)s") % {"error": error}) from error
    raise FieldError("file", _("文件编码既不是UTF-8也不是GBK"))


def _inspect(path: Path, encoding: str, mapping: FileMap) -> Table:
    with _opened(path, encoding) as file:
        reader = csv.reader(file, delimiter=mapping.delimiter, strict=True)
        header = tuple(name.strip() for name in next(reader, ()))
        _check_header(header, mapping)
        line = reader.line_num
        try:
            count = 0
            for values in reader:
                line = reader.line_num
                count += any(values)
        except csv.Error as error:
            message = _("CSV第%(line)d行起无法解析（引号可能没有闭合）：%(error)s")
            raise FieldError("file", message % {"line": line + 1, "error": error}) from error
    if not count:
        raise FieldError("file", _("文件没有数据行"))
    return Table(path, encoding, header, mapping.delimiter, count)


def _check_header(header: Sequence[str], mapping: FileMap) -> None:
    missing = [f"{column}（{where}）" for column, where in mapping.used().items() if column not in header]
    if missing:
        raise FieldError("file", _("缺少列：%(columns)s") % {"columns": "、".join(missing)})
    double = sorted({column for column in mapping.used() if header.count(column) > 1})
    if double:
        raise FieldError("file", _("列名重复：%(columns)s") % {"columns": "、".join(double)})


@contextmanager
def _opened(path: Path, encoding: str) -> Iterator[TextIO]:
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        data = gzip.GzipFile(fileobj=raw) if packed else raw
        with io.TextIOWrapper(data, encoding=encoding, newline="") as file:  # type: ignore[type-var]
            yield file


def harmless(value: str) -> str:
    """The value as it is written into a file that people open in a spreadsheet: never a formula.

    What begins as a formula does, and is no number, gets an apostrophe in front; so does what has one there already.
    :func:`as_given` takes it off.
    """
    bare = value.lstrip("'")
    if not bare.startswith(FORMULA) or (bare == value and _NUMBER.fullmatch(value)):
        return value
    return f"'{value}"


def as_given(value: str) -> str:
    """The value before :func:`harmless`."""
    return value[1:] if value.startswith("'") and value.lstrip("'").startswith(FORMULA) else value


def records(table: Table) -> Iterator[Record]:
    """The rows in their order; empty ones are passed over. Those of a file of rejects are as in the file before it."""
    mended = set(REJECT_COLUMNS) <= set(table.header)
    with _opened(table.path, table.encoding) as file:
        reader = csv.reader(file, delimiter=table.delimiter, strict=True)
        next(reader)
        last = reader.line_num
        for values in reader:
            row, last = last + 1, reader.line_num
            if any(values):
                yield Record(row, tuple(map(as_given, values) if mended else values))


# --- a row --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Faults:
    """What is wrong with one row, by column."""

    fields: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def add(self, column: str, reason: str) -> None:
        self.fields.append(column)
        self.reasons.append(reason)


class RowReader:
    """Judges the rows of one table by its mapping. ``now``: nothing was received later."""

    def __init__(self, table: Table, mapping: FileMap, *, now: datetime) -> None:
        self.mapping, self.header, self.now = mapping, table.header, now
        places = {name: place for place, name in enumerate(table.header)}
        self._at = {name: places[column] for name, column in mapping.columns.items() if column}
        self._described = [places[column] for column in mapping.description]
        self._kept = [place for place, name in enumerate(table.header) if name not in REJECT_COLUMNS]

    def read(self, record: Record) -> OldCase | Reject:
        """The case that the row says, or why it says none."""
        if len(record.values) != len(self.header):
            counts = {"found": len(record.values), "wanted": len(self.header)}
            return Reject(record.row, "", _("有%(found)d列，应为%(wanted)d列") % counts)
        faults, warnings = _Faults(), []
        for place, value in enumerate(record.values):
            if "\x00" in value:
                faults.add(self.header[place], _("文字中有不可用的字符"))
        values = {name: self._value(record, place) for name, place in self._at.items()}
        received_at = self._time("created_at", values, faults, warnings)
        closed_at = self._time("closed_at", values, faults, warnings)
        if not values["created_at"]:
            faults.add(self.mapping.columns["created_at"], _("不能为空"))
        elif received_at is not None and received_at > self.now + AHEAD:
            faults.add(self.mapping.columns["created_at"], _("时间在将来"))
        is_closed = self._is_closed(values, faults)
        if received_at is not None:
            closed_at = self._closing(is_closed, received_at, closed_at, warnings)
        category = self._word("category", self.mapping.categories, values, faults)
        position = self._position(values, faults)
        texts = {
            "id": (values["id"], ID_LIMIT),
            "address": (values.get("address", ""), ADDRESS_LIMIT),
            "agency": (values.get("agency", ""), AGENCY_LIMIT),
            "description": (" ".join(filter(None, (self._value(record, p) for p in self._described))),
                            DESCRIPTION_LIMIT),
        }  # fmt: skip
        for name, (text, limit) in texts.items():
            if len(text) > limit:
                column = self.mapping.columns.get(name) or "、".join(self.mapping.description)
                faults.add(column, _("超过%(count)d个字符") % {"count": limit})
        if not values["id"]:
            faults.add(self.mapping.columns["id"], _("不能为空"))
        if faults.fields or received_at is None:
            return Reject(record.row, "、".join(filter(None, faults.fields)), "；".join(faults.reasons))
        lon, lat, raw_lon, raw_lat = position
        return OldCase(
            row=record.row, external_id=values["id"], category=category, is_closed=is_closed, received_at=received_at,
            closed_at=closed_at, lon=lon, lat=lat, raw_lon=raw_lon, raw_lat=raw_lat,
            raw_crs=self.mapping.crs if raw_lon is not None else "", address=texts["address"][0],
            description=texts["description"][0], agency=texts["agency"][0], content=self.content(record),
            warnings=tuple(dict.fromkeys(warnings)),
        )  # fmt: skip

    def content(self, record: Record) -> str:
        """The row as one canonical text (JSON by column, sorted), of which the journal keeps a digest."""
        row = {self.header[place]: record.values[place] for place in self._kept}
        return orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode()

    def _value(self, record: Record, place: int) -> str:
        value = record.values[place].strip()
        return "" if value in self.mapping.empty else value

    def _time(self, name: str, values: Mapping[str, str], faults: _Faults, warnings: list[Warn]) -> datetime | None:
        text = values.get(name, "")
        if not text:
            return None
        column = self.mapping.columns[name]
        try:
            # without an offset it is local time of the mapping's zone, given to it below
            if self.mapping.time_format:
                said = datetime.strptime(text, self.mapping.time_format)  # noqa: DTZ007
            else:
                said = datetime.fromisoformat(text)
        except ValueError:
            faults.add(column, _("不是时间：%(text)s") % {"text": text[:40]})
            return None
        if said.year < EARLIEST_YEAR or said.year > self.now.year + 1:
            faults.add(column, _("时间不合理：%(text)s") % {"text": text[:40]})
            return None
        if said.tzinfo is not None:
            return said.astimezone(UTC)
        instant, warning, refused = self._instant(said)
        if refused:
            faults.add(column, refused)
        elif warning is not None:
            warnings.append(warning)
        return instant

    def _instant(self, said: datetime) -> tuple[datetime, Warn | None, str]:
        """The instant of a local time; a warning if there is not exactly one; why, where the mapping refuses it."""
        first, second = (said.replace(tzinfo=self.mapping.zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() == second.utcoffset():
            return first.astimezone(UTC), None, ""
        # in a gap the second reading is the earlier instant, in a double hour the first
        earlier, later = sorted((first.astimezone(UTC), second.astimezone(UTC)))
        if first.astimezone(UTC) == later:
            choice, warning, refused = self.mapping.nonexistent, Warn.NONEXISTENT_TIME, _("当地没有这个时间：%(text)s")
        else:
            choice, warning, refused = self.mapping.ambiguous, Warn.AMBIGUOUS_TIME, _("当地有两个这样的时间：%(text)s")
        return (
            earlier if choice == "earlier" else later,
            warning,
            refused % {"text": said.isoformat(" ")} if choice == "reject" else "",
        )

    def _is_closed(self, values: Mapping[str, str], faults: _Faults) -> bool:
        if self.mapping.statuses is None:
            return bool(values.get("closed_at"))
        return self._word("status", self.mapping.statuses, values, faults) == CLOSED

    def _closing(
        self, is_closed: bool, received_at: datetime, closed_at: datetime | None, warnings: list[Warn]
    ) -> datetime | None:
        """When the case was closed, None where that is not known or cannot be."""
        odd = None
        if not is_closed:
            odd = Warn.OPEN_WITH_CLOSING_TIME if closed_at is not None else None
            closed_at = None
        elif closed_at is None:
            odd = Warn.CLOSED_WITHOUT_TIME
        elif closed_at < received_at:
            odd, closed_at = Warn.CLOSED_BEFORE_CREATED, None
        elif closed_at > self.now + AHEAD:
            odd, closed_at = Warn.CLOSED_IN_FUTURE, None
        if odd is not None:
            warnings.append(odd)
        return closed_at

    def _word(self, name: str, words: Mapping[str, str] | None, values: Mapping[str, str], faults: _Faults) -> str:
        """Our code for the file's word; without a map of words the word is the code."""
        word = values[name]
        found = word if words is None else words.get(word) or words.get(ANY, "")
        if not found:
            reason = _("映射中没有这个值：%(word)s") % {"word": word[:40]} if word else _("不能为空")
            faults.add(self.mapping.columns[name], reason)
        return found

    def _position(
        self, values: Mapping[str, str], faults: _Faults
    ) -> tuple[float | None, float | None, float | None, float | None]:
        """lon, lat in WGS-84, then as given; all None for a row without a position."""
        none = (None, None, None, None)
        given = {name: values.get(name, "") for name in ("lon", "lat")}
        if not any(given.values()):
            return none
        numbers = []
        for name, text in given.items():
            try:
                # float() also reads 10_3.6
                numbers.append(float(text.replace("_", "?")))
            except ValueError:
                reason = _("不是数字：%(text)s") % {"text": text[:40]} if text else _("经度和纬度须一起给出")
                faults.add(self.mapping.columns[name], reason)
        if len(numbers) < 2:
            return none
        try:
            return *to_wgs84(*numbers, self.mapping.crs), *numbers  # type: ignore[return-value]
        except ValueError as error:
            lon, lat = numbers
            swapped = abs(lat) > HALF_TURN / 2 >= abs(lon) and abs(lat) <= HALF_TURN
            reason = f"{error}{_('，经纬度疑似写反')}" if swapped else str(error)
            faults.add(self.mapping.columns["lat" if abs(lon) <= HALF_TURN else "lon"], reason)
            return none
