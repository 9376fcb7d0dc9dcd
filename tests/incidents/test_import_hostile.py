"""Files that nobody meant well with: nothing crashes, nothing is half written, and each row is accounted for."""

import csv
import json
import random
import string
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridgov.common.errors import FieldError, FieldErrors
from incidents import journal
from incidents.import_map import FileMap, parse_map, read_map
from incidents.importing import (
    FORMULA,
    REJECT_COLUMNS,
    OldCase,
    Record,
    Reject,
    RowReader,
    Table,
    as_given,
    harmless,
    inspect,
    records,
)
from incidents.models import Incident, JournalEntry
from tests.worlds import ROOT

NOW = datetime(2026, 3, 10, 1, tzinfo=UTC)
HEADER = ("id", "created", "closed", "kind", "status", "lon", "lat", "address", "note", "agency")
DOCUMENT = {
    "system": "old", "timezone": "America/New_York", "nonexistent": "later", "ambiguous": "earlier",
    "columns": {
        "id": "id", "created_at": "created", "closed_at": "closed", "category": "kind", "status": "status",
        "lon": "lon", "lat": "lat", "address": "address", "description": ["kind", "note"], "agency": "agency",
    },
    "categories": {"垃圾": "0201", "路灯": "0102"}, "statuses": {"Closed": "closed", "Open": "accepted"},
}  # fmt: skip
GOOD = ("1", "2020-07-01T08:00:00", "2020-07-02T08:00:00", "垃圾", "Closed", "103.605", "36.055", "某路1号", "袋", "CG")
NASTY = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "=cmd|' /C calc'!A0",
    "@SUM(A1)",
    "'; DROP TABLE incidents_incident; --",
    "<script>1</script>",
    "\u202egnp",
    "\ufeff",
    "\ufffd",
    "é" * 90,
    "路" * 2_100,
    "x" * 70_000,
    "nan",
    "inf",
    "-inf",
    "1e400",
    "1_0",
    "٣٦",
    "-0",
    "103.605",
    "36.055",
    "136.05",
    "0000-00-00",
    "2020-02-30",
    "2020-03-08T02:30:00",
    "2020-11-01T01:30:00",
    "9999-12-31T23:59:59",
    "2020-W53-1",
    "2020-07-01T08:00:00+23:59",
    "1949-12-31",
    "%s",
    "{0}",
    "a\nb",
    'say "so"',
    "\r",
    "Closed",
    "Open",
    "closed",
    "垃圾",
    "路灯",
    "*",
)


def mapped(**changes) -> FileMap:
    return parse_map(DOCUMENT | changes, sources=("hotline", "other"))


def told(path, header, rows, encoding="utf-8"):
    lines = StringIO()
    csv.writer(lines).writerows([header, *rows])
    path.write_bytes(lines.getvalue().encode(encoding))
    return path


# --- without a database -------------------------------------------------------------------------------------------

anything = st.one_of(st.sampled_from(NASTY), st.sampled_from(GOOD), st.text(max_size=60))


@given(row=st.lists(anything, min_size=9, max_size=11) | st.tuples(*[st.sampled_from([g, *NASTY]) for g in GOOD]))
def test_row_of_any_text_is_a_case_or_a_reject_with_its_reason(row):
    table = Table(None, "utf-8", HEADER, ",", 1)
    found = RowReader(table, mapped(), now=NOW).read(Record(7, tuple(row)))
    if isinstance(found, Reject):
        assert found.row == 7
        assert found.reason
        named = set(filter(None, found.field.split("、")))
        assert named <= set(HEADER)
        assert named or len(row) != len(HEADER)
        return
    assert isinstance(found, OldCase)
    assert 0 < len(found.external_id) <= 80
    assert found.category in ("0201", "0102")
    assert [len(found.address) <= 200, len(found.agency) <= 80, len(found.description) <= 2_000] == [True] * 3
    assert "\x00" not in found.content.replace("\\u0000", "\x00")
    assert found.closed_at is None or (found.is_closed and found.received_at <= found.closed_at)
    assert (found.lon is None) == (found.lat is None)
    assert found.lon is None or (-180 <= found.lon <= 180 and -90 <= found.lat <= 90)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode) | st.lists(anything, max_size=40).map(
    lambda cells: ",".join([*HEADER, *cells]).encode(errors="replace")))  # fmt: skip
def test_file_of_any_bytes_is_read_to_its_end_or_refused(tmp_path, content):
    path = tmp_path / "old.csv"
    path.write_bytes(content if random.Random(content).random() < 0.3 else ",".join(HEADER).encode() + b"\n" + content)
    try:
        table = inspect(path, mapped())
    except FieldError as error:
        refused = error.field
    else:
        refused = ""
    assert refused in ("", "file")
    assert refused or len(list(records(table))) == table.row_count > 0


document = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    key=st.sampled_from([*DOCUMENT, "empty", "delimiter", "time_format", "crs", "source", "comment", "?"]),
    value=document,
)
def test_mapping_with_any_value_is_read_or_refused_by_name(key, value):
    faults, found = [], None
    try:
        found = mapped(**{key: value})
    except FieldError as refused:
        faults = [refused]
    except FieldErrors as refused:
        faults = refused.errors
    assert all(fault.field.startswith("mapping") and fault.message for fault in faults)
    if found is not None and set(found.used()) <= set(HEADER):
        table = Table(None, "utf-8", HEADER, found.delimiter, 1)
        assert RowReader(table, found, now=NOW).read(Record(2, GOOD))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=80) | document.map(lambda value: json.dumps(value).encode()))
def test_mapping_file_of_any_bytes_is_refused_with_a_reason(tmp_path, content):
    path = tmp_path / "map.json"
    path.write_bytes(content)
    with pytest.raises((FieldError, FieldErrors)) as refused:
        read_map(path, sources=("other",))
    assert str(refused.value)


@given(value=st.text(max_size=20) | st.text(alphabet="'=+-@\t\r1.", max_size=6))
def test_value_in_a_spreadsheet_is_no_formula_and_comes_back_as_it_was(value):
    written = harmless(value)
    assert as_given(written) == value
    if written.startswith(FORMULA):
        assert written == value
        assert set(value[1:]) <= set(string.digits + ".")


def test_column_at_fault_is_named():
    def reject(**changes) -> Reject:
        row = dict(zip(HEADER, GOOD, strict=True)) | changes
        return RowReader(Table(None, "utf-8", HEADER, ",", 1), mapped(), now=NOW).read(Record(2, tuple(row.values())))

    assert reject(note="a\x00b").field == "note"
    assert reject(note="袋" * 2_001).field == "kind、note"
    assert reject(lat="136").field == "lat"
    assert reject(lon="1_03.6").field == "lon"
    assert reject(lon="236").field == "lon"
    found = reject(lon="36.055", lat="103.605")
    assert found == Reject(2, "lat", "纬度超出范围：103.605，经纬度疑似写反")


# --- with one -----------------------------------------------------------------------------------------------------


class Office:
    """A folder with a mapping, and the command."""

    def __init__(self, folder):
        self.folder, self.rejects = folder, folder / "rejects.csv"
        self.mapping = folder / "map.json"
        self.mapping.write_text(json.dumps(DOCUMENT), encoding="utf-8")

    def run(self, rows, header=HEADER, encoding="utf-8"):
        """What it counted: rows, imported, rejected, repeats."""
        return self.read(told(self.folder / "old.csv", header, rows, encoding))

    def read(self, file):
        out = StringIO()
        call_command(
            "import_incidents", str(file), "--root", ROOT, "--mapping", str(self.mapping), "--rejects",
            str(self.rejects), stdout=out, stderr=out, no_color=True,
        )  # fmt: skip
        (line,) = [line for line in out.getvalue().splitlines() if line.startswith("共")]
        return tuple(int("".join(filter(str.isdigit, part))) for part in line.replace("=", "+").split("+"))

    def rejected(self):
        if not self.rejects.exists():
            return []
        with self.rejects.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def office(world, tmp_path):
    return Office(tmp_path)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rows_of_any_text_add_up_and_come_again_as_the_same(office, seed):
    dice = random.Random(seed)
    rows = []
    for number in range(240):
        row = [str(number if dice.random() < 0.9 else dice.randrange(number + 1)), *GOOD[1:]]
        for _change in range(dice.choice([0, 0, 1, 1, 2, 4])):
            row[dice.randrange(len(row))] = dice.choice(NASTY)
        rows.append(row[: dice.choice([9, 10])] if dice.random() < 0.03 else row)
    count, imported, rejected, repeats = office.run(rows)
    assert count == len(rows) == imported + rejected + repeats
    assert min(imported, rejected, repeats) > 2
    assert Incident.objects.count() == JournalEntry.objects.count() == imported
    faults = office.rejected()
    assert len(faults) == rejected
    assert all(fault["reject_reason"] and int(fault["reject_row"]) > 1 for fault in faults)
    assert journal.verify().is_whole
    assert office.run(rows) == (count, 0, rejected, imported + repeats)
    assert Incident.objects.count() == imported


@pytest.mark.django_db
def test_rejects_can_be_imported_again_whatever_they_hold(office):
    bad = [["=1+1", *GOOD[1:3], "@树", *GOOD[4:8], "+86 139", "'=x"], ["2", *GOOD[1:3], "=树", *GOOD[4:]]]
    assert office.run(bad) == (2, 0, 2, 0)
    first = office.rejected()
    assert [fault["id"] for fault in first] == ["'=1+1", "2"]
    assert (first[0]["note"], first[0]["agency"]) == ("'+86 139", "''=x")
    mended = office.folder / "mended.csv"
    mended.write_bytes(office.rejects.read_bytes())
    assert office.read(mended) == (2, 0, 2, 0)
    assert [dict(f, reject_row="") for f in office.rejected()] == [dict(f, reject_row="") for f in first]
    mended.write_bytes(office.rejects.read_bytes().replace("'@树".encode(), "垃圾".encode()))
    assert office.read(mended) == (2, 1, 1, 0)
    case = Incident.objects.get()
    assert (case.external_id, case.description, case.journal.get().payload["agency"]) == ("=1+1", "垃圾 +86 139", "'=x")


@pytest.mark.django_db
def test_long_field_rejects_its_row_alone(office):
    assert office.run([GOOD, ["2", *GOOD[1:8], "x" * 300_000, "CG"], ["3", *GOOD[1:]]]) == (3, 2, 1, 0)
    (fault,) = office.rejected()
    assert (fault["reject_row"], fault["reject_field"]) == ("3", "kind、note")
    assert fault["reject_reason"] == "超过2000个字符"


@pytest.mark.django_db
def test_gbk_file_with_a_broken_byte_is_refused(office):
    file = told(office.folder / "old.csv", HEADER, [GOOD, ["2", *GOOD[1:]]], "gbk")
    file.write_bytes(file.read_bytes().replace("袋".encode("gbk"), b"\xff", 1))
    with pytest.raises(CommandError, match="既不是UTF-8也不是GBK"):
        office.read(file)
    assert not Incident.objects.exists()


def test_columns_of_rejects_are_three_and_first():
    assert REJECT_COLUMNS == ("reject_row", "reject_field", "reject_reason")
