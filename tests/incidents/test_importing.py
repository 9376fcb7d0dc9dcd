"""A file of old cases and its mapping: what reads well, what is refused and how it is said. No database."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gridgov.common.coordinates import from_wgs84
from gridgov.common.errors import FieldError, FieldErrors
from incidents.import_map import parse_map, read_map
from incidents.importing import OldCase, Reject, RowReader, Warn, inspect, records

NOW = datetime(2026, 3, 10, 1, tzinfo=UTC)
NYC = Path(__file__).parents[2] / "docs/examples/nyc-mapping.json"
SOURCES = ("hotline", "other")

MAPPING = {
    "system": "old",
    "timezone": "America/New_York",
    "nonexistent": "later",
    "ambiguous": "earlier",
    "columns": {
        "id": "id", "created_at": "created", "closed_at": "closed", "category": "kind", "status": "status",
        "lon": "lon", "lat": "lat", "address": "address", "description": ["kind", "note"], "agency": "agency",
    },
    "categories": {"垃圾": "0201", "*": "0202"},
    "statuses": {"Closed": "closed", "Open": "accepted"},
}  # fmt: skip
HEADER = "id,created,closed,kind,status,lon,lat,address,note,agency"
ROW = {
    "id": "1", "created": "2020-07-01T08:00:00", "closed": "2020-07-02T08:00:00", "kind": "垃圾", "status": "Closed",
    "lon": "103.605", "lat": "36.055", "address": "某路1号", "note": "两袋", "agency": "CG",
}  # fmt: skip


def mapped(**changes):
    return parse_map(MAPPING | changes, sources=SOURCES)


def text_of(*rows: dict[str, str]) -> str:
    return "\n".join([HEADER, *(",".join((ROW | row).values()) for row in rows)]) + "\n"


@pytest.fixture
def read(tmp_path):
    """What becomes of the rows of a file with this content."""

    def go(content: str | bytes, mapping=None, name="old.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        mapping = mapping or mapped()
        table = inspect(path, mapping)
        reader = RowReader(table, mapping, now=NOW)
        return [reader.read(record) for record in records(table)]

    return go


@pytest.fixture
def one(read):
    """What becomes of one row that differs from ROW."""

    def go(mapping=None, **changes):
        (found,) = read(text_of(changes), mapping)
        return found

    return go


# --- a row ------------------------------------------------------------------------------------------------------


def test_row_is_read_whole(one):
    case = one()
    assert isinstance(case, OldCase)
    assert (case.row, case.external_id, case.category, case.is_closed) == (2, "1", "0201", True)
    assert case.received_at == datetime(2020, 7, 1, 12, tzinfo=UTC)  # New York in summer: four hours
    assert case.closed_at == datetime(2020, 7, 2, 12, tzinfo=UTC)
    assert (case.lon, case.lat, case.raw_crs) == (103.605, 36.055, "wgs84")
    assert (case.address, case.description, case.agency) == ("某路1号", "垃圾 两袋", "CG")
    assert case.warnings == ()
    assert json.loads(case.content) == ROW


def test_position_is_converted_and_kept_as_given(one):
    lon, lat = from_wgs84(103.605, 36.055, "gcj02")
    case = one(mapped(crs="gcj02"), lon=f"{lon:.9f}", lat=f"{lat:.9f}")
    assert (case.lon, case.lat) == pytest.approx((103.605, 36.055), abs=1e-6)
    assert (case.raw_lon, case.raw_lat, case.raw_crs) == (pytest.approx(lon), pytest.approx(lat), "gcj02")


def test_row_without_position_reads_well(one):
    case = one(lon="", lat="")
    assert (case.lon, case.lat, case.raw_lon, case.raw_crs) == (None, None, None, "")
    assert one(mapped(empty=["NULL"]), lon="NULL", lat="NULL").lon is None


@pytest.mark.parametrize(
    ("column", "said", "choice", "instant", "warning"),
    [
        # on 2020-03-08 the hour from two is left out: read by winter time it is later, by summer time earlier
        ("created", "2020-03-08T02:30:00", {"nonexistent": "later"}, (7, 30), Warn.NONEXISTENT_TIME),
        ("created", "2020-03-08T02:30:00", {"nonexistent": "earlier"}, (6, 30), Warn.NONEXISTENT_TIME),
        # on 2020-11-01 the hour from one comes twice
        ("created", "2020-11-01T01:30:00", {"ambiguous": "earlier"}, (5, 30), Warn.AMBIGUOUS_TIME),
        ("created", "2020-11-01T01:30:00", {"ambiguous": "later"}, (6, 30), Warn.AMBIGUOUS_TIME),
        ("created", "2020-03-08T01:59:59", {}, (6, 59), None),
        ("created", "2020-03-08T03:00:00", {}, (7, 0), None),
    ],
)
def test_odd_local_times_are_taken_as_the_mapping_says(one, column, said, choice, instant, warning):
    case = one(mapped(**choice), **{column: said, "closed": "", "status": "Open"})
    assert (case.received_at.hour, case.received_at.minute) == instant
    assert case.warnings == ((warning,) if warning else ())


def test_odd_local_times_can_be_rejected(one):
    found = one(mapped(nonexistent="reject"), closed="2020-03-08T02:10:00", created="2020-03-07T02:10:00")
    assert found == Reject(2, "closed", "当地没有这个时间：2020-03-08 02:10:00")
    found = one(mapped(ambiguous="reject"), created="2020-11-01T01:30:00", closed="")
    assert found == Reject(2, "created", "当地有两个这样的时间：2020-11-01 01:30:00")


def test_time_with_an_offset_needs_no_zone(one):
    assert one(created="2020-07-01T08:00:00+08:00").received_at == datetime(2020, 7, 1, 0, tzinfo=UTC)


def test_time_format_of_the_mapping_is_used(one):
    mapping = mapped(time_format="%Y年%m月%d日 %H:%M", timezone="Asia/Shanghai")
    case = one(mapping, created="2020年7月1日 08:00", closed="2020年7月1日 09:30")
    assert case.received_at == datetime(2020, 7, 1, 0, tzinfo=UTC)
    assert case.closed_at == datetime(2020, 7, 1, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "closed", "warning"),
    [
        ({"closed": "2020-06-30T08:00:00"}, True, Warn.CLOSED_BEFORE_CREATED),
        ({"closed": "2026-04-01T08:00:00"}, True, Warn.CLOSED_IN_FUTURE),
        ({"closed": ""}, True, Warn.CLOSED_WITHOUT_TIME),
        ({"status": "Open"}, False, Warn.OPEN_WITH_CLOSING_TIME),
    ],
)
def test_closing_that_cannot_be_is_left_empty_with_a_warning(one, changes, closed, warning):
    case = one(**changes)
    assert (case.is_closed, case.closed_at, case.warnings) == (closed, None, (warning,))


def test_closed_as_it_was_created_is_no_fault(one):
    case = one(closed=ROW["created"])
    assert (case.closed_at, case.warnings) == (case.received_at, ())


def test_without_a_status_column_a_closing_time_closes(one):
    columns = {name: column for name, column in MAPPING["columns"].items() if name != "status"}
    mapping = mapped(columns=columns, statuses=None)
    assert one(mapping).is_closed
    assert not one(mapping, closed="").is_closed


def test_word_for_all_others_and_codes_without_a_map(one):
    assert one(kind="违建").category == "0202"
    assert one(mapped(categories=None), kind="0203").category == "0203"


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"id": ""}, "id", "不能为空"),
        ({"id": "1" * 81}, "id", "超过80个字符"),
        ({"created": ""}, "created", "不能为空"),
        ({"created": "yesterday"}, "created", "不是时间：yesterday"),
        ({"created": "0001-01-01T00:00:00", "closed": ""}, "created", "时间不合理：0001-01-01T00:00:00"),
        ({"created": "2026-03-11T00:00:00", "closed": ""}, "created", "时间在将来"),
        ({"closed": "2020-13-01"}, "closed", "不是时间：2020-13-01"),
        ({"status": "Lost"}, "status", "映射中没有这个值：Lost"),
        ({"status": ""}, "status", "不能为空"),
        ({"lon": "east"}, "lon", "不是数字：east"),
        ({"lat": ""}, "lat", "经度和纬度须一起给出"),
        ({"lon": "nan"}, "lon", "经纬度不是数"),
        ({"lat": "136.05"}, "lat", "纬度超出范围：136.05"),
        ({"address": "路" * 201}, "address", "超过200个字符"),
        ({"note": "袋" * 2_000}, "kind、note", "超过2000个字符"),
        ({"agency": "局" * 81}, "agency", "超过80个字符"),
        ({"note": "a\x00b"}, "note", "文字中有不可用的字符"),
        ({"note": "a,b"}, "", "有11列，应为10列"),
    ],
)
def test_bad_row_is_rejected_with_field_and_reason(one, changes, field, reason):
    assert one(**changes) == Reject(2, field, reason)


def test_all_faults_of_a_row_are_named(one):
    found = one(id="", status="Lost")
    assert found == Reject(2, "status、id", "映射中没有这个值：Lost；不能为空")


def test_unknown_word_without_a_word_for_others_is_rejected(one):
    found = one(mapped(categories={"垃圾": "0201"}), kind="违建")
    assert found == Reject(2, "kind", "映射中没有这个值：违建")


# --- the file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("packed", [False, True])
def test_file_is_read_in_its_encoding_and_packing(read, encoding, packed):
    data = text_of({}).encode(encoding)
    (case,) = read(gzip.compress(data) if packed else data)
    assert (case.address, case.category) == ("某路1号", "0201")


def test_rows_are_counted_by_lines_and_empty_ones_passed_over(read):
    first, second, third = (
        text_of(row).splitlines(keepends=True)[1:]
        for row in ({"id": "a"}, {"id": "b", "note": '"two\nlines"'}, {"id": "c"})
    )
    found = read("".join([HEADER, "\n", *first, "\n", ",,,,,,,,,\n", *second, *third]))
    assert [(case.external_id, case.row) for case in found] == [("a", 2), ("b", 5), ("c", 7)]
    assert found[1].description == "垃圾 two\nlines"


def test_columns_of_a_file_of_rejects_are_no_part_of_the_row(read):
    plain = read(text_of({}))
    head, row = text_of({}).splitlines()
    mended = read(f"reject_row,reject_field,reject_reason,{head}\n7,id,不能为空,{row}\n")
    assert mended[0].content == plain[0].content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "缺少列"),
        (HEADER.encode(), "没有数据行"),
        (text_of({}).replace("created", "made").encode(), "缺少列：created（columns.created_at）"),
        (text_of({}).replace("note", "kind").encode(), "缺少列：note（columns.description）"),
        (text_of({}).replace("note,agency", "note,note").encode(), "缺少列：agency"),
        (text_of({}, {"note": '"open'}, {}).encode(), "第3行起无法解析"),
        (text_of({}).encode() + b"\xff\xff\xff", "既不是UTF-8也不是GBK"),
        (gzip.compress(text_of({}).encode())[:-12], "不完整"),
        (gzip.compress(text_of({}).encode())[:20] + b"garbage" * 9, "无法解压"),
    ],
    ids=["empty", "header", "renamed", "described", "twice", "quote", "bytes", "cut", "spoilt"],
)
def test_bad_file_is_refused_as_a_whole(read, content, reason):
    with pytest.raises(FieldError) as caught:
        read(content)
    assert caught.value.field == "file"
    assert reason in caught.value.message


def test_column_named_twice_is_refused(read):
    columns = {name: column for name, column in MAPPING["columns"].items() if name != "address"}
    with pytest.raises(FieldError) as caught:
        read(text_of({}).replace("address", "note"), mapped(columns=columns))
    assert caught.value.message == "列名重复：note"


def test_missing_file_is_said(tmp_path):
    with pytest.raises(FieldError, match="找不到文件"):
        inspect(tmp_path / "none.csv", mapped())


# --- the mapping ------------------------------------------------------------------------------------------------


def faults(**changes) -> dict[str, str]:
    document = {key: value for key, value in (MAPPING | changes).items() if value is not ...}
    with pytest.raises((FieldError, FieldErrors)) as caught:
        parse_map(document, sources=SOURCES)
    errors = caught.value.errors if isinstance(caught.value, FieldErrors) else [caught.value]
    return {error.field.removeprefix("mapping."): error.message for error in errors}


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"system": ...}, "system", "必填"),
        ({"system": "x" * 41}, "system", "最长40个字符"),
        ({"timezone": ...}, "timezone", "必填"),
        ({"timezone": "Mars/Olympus"}, "timezone", "没有这个时区：Mars/Olympus"),
        ({"timezone": "../etc/passwd"}, "timezone", "没有这个时区：../etc/passwd"),
        ({"nonexistent": "warn"}, "nonexistent", "应为下列之一：earlier、later、reject"),
        ({"ambiguous": 1}, "ambiguous", "须为文字"),
        ({"crs": "mars"}, "crs", "应为下列之一：wgs84、cgcs2000、gcj02、bd09"),
        ({"source": "letter"}, "source", "应为下列之一：hotline、other"),
        ({"delimiter": ";;"}, "delimiter", "须为一个字符"),
        ({"empty": "NULL"}, "empty", "须为文字的列表"),
        ({"statsues": {}}, "statsues", "没有这一项"),
        ({"columns": ...}, "columns", "必填"),
        ({"columns": MAPPING["columns"] | {"phone": "phone"}}, "columns.phone", "没有这一项"),
        ({"columns": MAPPING["columns"] | {"id": ""}}, "columns.id", "必填"),
        ({"columns": MAPPING["columns"] | {"lat": ""}}, "columns.lon", "经度和纬度须一起给出"),
        ({"columns": MAPPING["columns"] | {"address": 3}}, "columns.address", "须为列名"),
        ({"columns": MAPPING["columns"] | {"description": [1]}}, "columns.description", "须为列名或列名的列表"),
        ({"statuses": ...}, "statuses", "columns.status 与 statuses 须一起给出"),
        ({"statuses": {"Closed": "done"}}, "statuses", "“Closed”须对应 closed 或 accepted"),
        ({"categories": {"a": 1}}, "categories", "须为“文件中的值: 代码”的对象"),
    ],
)
def test_bad_mapping_names_its_entry(changes, field, reason):
    assert faults(**changes)[field] == reason


def test_every_fault_of_a_mapping_is_named_at_once():
    assert set(faults(system=..., crs="mars", oops=1)) == {"system", "crs", "oops"}


def test_mapping_needs_a_way_to_know_what_is_closed():
    columns = {k: v for k, v in MAPPING["columns"].items() if k not in ("status", "closed_at")}
    assert faults(columns=columns, statuses=...) == {"columns.status": "状态列和结案时间列至少要有一个"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"system": "a",}', "第1行第16列不是有效的JSON"),
        (b'{"system": "a", "system": "b"}', "键重复：system"),
        (b"[]", "映射须为JSON对象"),
        ("{\"system\": \"甲\"}".encode("gbk"), "须为UTF-8编码"),
    ],
)  # fmt: skip
def test_mapping_that_is_no_json_is_refused(tmp_path, content, reason):
    path = tmp_path / "map.json"
    path.write_bytes(content)
    with pytest.raises(FieldError) as caught:
        read_map(path, sources=SOURCES)
    assert reason in caught.value.message


def test_mapping_for_new_york_is_whole():
    mapping = read_map(NYC, sources=SOURCES)
    assert (mapping.system, mapping.zone.key, mapping.nonexistent) == ("nyc311", "America/New_York", "later")
    assert set(mapping.statuses.values()) == {"closed", "accepted"}
