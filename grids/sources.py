"""Reading files of areas and of registers: GeoJSON, and CSV in UTF-8 or GBK, plain or gzipped. Writes nothing."""

import csv
import gc
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely
from django.utils.translation import gettext as _

from gridgov.common.coordinates import Crs, to_wgs84
from gridgov.common.errors import FieldError, FieldErrors
from grids.geometry import Shapes, canonical

# More than this many faults of one file are counted, not listed.
LISTED_FAULTS = 50
_WKT_FIELDS = ("wkt", "WKT", "geometry", "geom", "the_geom")
# A district's outline as WKT is far beyond csv's default of 128 KiB.
csv.field_size_limit(256 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a file's properties or columns. Without ``parent`` parents are found by overlap."""

    code: str = "code"
    name: str = "name"
    parent: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Features:
    """The areas of one file, column by column; ``rows`` counts them from 1 as the file does (CSV: by line)."""

    rows: list[int]
    codes: list[str]
    names: list[str]
    parents: list[str]
    kinds: list[str]
    shapes: Shapes  # canonical; None where the boundary could not be read


class Faults:
    """Collects what is wrong with the rows of a file and raises it in one."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def add(self, row: int, column: str, message: str) -> None:
        self.found.append(
            FieldError(
                column,
                _("第%(row)d行 %(column)s：%(message)s") % {"row": row, "column": column, "message": message},
                row=row,
            )
        )

    def refuse(self) -> None:
        """Raises FieldErrors if anything was added."""
        if not self.found:
            return
        listed = self.found[:LISTED_FAULTS]
        more = len(self.found) - len(listed)
        if more:
            listed.append(FieldError("file", _("还有%(count)d处错误未列出") % {"count": more}))
        raise FieldErrors(listed)


def read_features(path: str | Path, columns: Columns, *, to_lonlat: Callable[[np.ndarray], np.ndarray] | None = None):
    """The areas in a ``.geojson``/``.json`` or ``.csv`` file (also ``.gz``) as :class:`Features`.

    ``to_lonlat`` converts an (n, 2) array of the file's lon, lat to CGCS2000. Raises FieldError for a file that is
    not what it should be and FieldErrors naming row and column.
    """
    data = read_bytes(path)
    suffixes = [s.lower() for s in Path(path).suffixes]
    features = _from_csv(data, columns) if ".csv" in suffixes else _from_geojson(data, columns)
    shapes = features.shapes
    if to_lonlat is not None:
        given = ~shapely.is_missing(shapes)
        shapes[given] = shapely.transform(shapes[given], to_lonlat)
    valid = shapely.is_valid(shapes)
    shapes[valid] = canonical(shapes[valid])
    return features


def converter(crs: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """What turns an (n, 2) array of lon, lat in ``crs`` (wgs84, gcj02, bd09) into CGCS2000; None for the identity.

    Raises FieldError("crs").
    """
    try:
        datum = Crs.parse(crs)
    except ValueError as error:
        raise FieldError("crs", str(error)) from error
    if datum in (Crs.WGS84, Crs.CGCS2000):
        return None

    def convert(at: np.ndarray) -> np.ndarray:
        # neighbours share their vertices: each position is worked out once
        unique, places = np.unique(at, axis=0, return_inverse=True)
        # what lies off the earth stays as it is, for the check of the boundaries to name
        moved = [to_wgs84(lon, lat, datum) if abs(lon) <= 180 and abs(lat) <= 90 else (lon, lat)
                 for lon, lat in unique.tolist()]  # fmt: skip
        return np.array(moved)[places.ravel()]

    return convert


def read_bytes(path: str | Path) -> bytes:
    """The file's content, unpacked if its name ends in ``.gz``. Raises FieldError("file")."""
    path = Path(path)
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except FileNotFoundError:
        raise FieldError("file", _("找不到文件 %(path)s") % {"path": path}) from None
    except (OSError, EOFError, zlib.error) as error:
        raise FieldError("file", _("文件不完整或无法解压：%(error)s") % {"error": error}) from error


def decode(data: bytes) -> str:
    """Text of a UTF-8 (with or without BOM) or GBK file. Raises FieldError("file")."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("gb18030")  # a superset of GBK
    except UnicodeDecodeError:
        raise FieldError("file", _("文件编码既不是UTF-8也不是GBK")) from None


def read_rows(data: bytes, required: tuple[str, ...] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV with a header: (line number, stripped values by column). Empty lines are passed over."""
    reader = csv.DictReader(io.StringIO(decode(data), newline=""))
    header = [name.strip() for name in reader.fieldnames or []]
    missing = [name for name in required if name not in header]
    if missing:
        raise FieldError("file", _("缺少列：%(columns)s") % {"columns": "、".join(missing)})
    reader.fieldnames = header
    try:
        for row in reader:
            values = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
            if any(values.values()):
                yield reader.line_num, values
    except csv.Error as error:
        raise FieldError("file", _("CSV无法解析：%(error)s") % {"error": error}) from error


def _from_geojson(data: bytes, columns: Columns) -> Features:
    # Millions of small lists, none in a cycle: the collector would walk them again and again (4 s of 5 for 35 MB).
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _from_document(data, columns)
    finally:
        if collecting:
            gc.enable()


def _from_document(data: bytes, columns: Columns) -> Features:
    try:
        document = orjson.loads(decode(data))
    except orjson.JSONDecodeError as error:
        message = _("不是完整的GeoJSON（第%(line)d行第%(column)d列）") % {"line": error.lineno, "column": error.colno}
        raise FieldError("file", message) from error
    members = document.get("features") if isinstance(document, dict) else None
    if not isinstance(members, list) or not members:
        raise FieldError("file", _("不是含有要素的GeoJSON FeatureCollection"))
    faults, records, texts = Faults(), [], []
    for number, feature in enumerate(members, start=1):
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict):
            faults.add(number, "properties", _("要素没有属性"))
            continue
        records.append((number, properties))
        texts.append(orjson.dumps(feature.get("geometry")).decode())
    faults.refuse()
    shapes = shapely.from_geojson(np.array(texts, dtype=object), on_invalid="ignore")
    return _features(records, shapes, columns)


def _from_csv(data: bytes, columns: Columns) -> Features:
    records: list[tuple[int, dict[str, Any]]] = list(read_rows(data, (columns.code,)))
    if not records:
        raise FieldError("file", _("文件没有数据行"))
    column = next((name for name in _WKT_FIELDS if name in records[0][1]), None)
    if column is None:
        raise FieldError("file", _("缺少WKT列（%(columns)s）") % {"columns": "、".join(_WKT_FIELDS)})
    texts = np.array([values[column] for _, values in records], dtype=object)
    return _features(records, shapely.from_wkt(texts, on_invalid="ignore"), columns)


def _features(records: list[tuple[int, dict[str, Any]]], shapes: Shapes, columns: Columns) -> Features:
    faults = Faults()

    def text(number: int, properties: dict[str, Any], column: str, longest: int) -> str:
        value = properties.get(column)
        found = "" if value is None else str(value).strip()
        if len(found) > longest:
            faults.add(number, column, _("超过%(count)d个字符") % {"count": longest})
        return found

    result = Features([], [], [], [], [], shapes)
    for number, properties in records:
        code = text(number, properties, columns.code, 32)
        if not code:
            faults.add(number, columns.code, _("没有编码"))
        result.rows.append(number)
        result.codes.append(code)
        result.names.append(text(number, properties, columns.name, 120) or code)
        result.parents.append(text(number, properties, columns.parent, 32) if columns.parent else "")
        kind = text(number, properties, columns.kind, 8) if columns.kind else ""
        if kind not in ("", "urban", "rural"):
            faults.add(number, columns.kind, _("应为urban、rural或空"))
        result.kinds.append(kind)
    for column in (columns.name, columns.parent, columns.kind):
        if column and not any(column in properties for _, properties in records):
            faults.found.append(FieldError(column, _("文件中没有列：%(column)s") % {"column": column}))
    faults.refuse()
    return result
