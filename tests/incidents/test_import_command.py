"""The command that imports another system's cases from a file."""

import csv
import gzip
import json
import os
import signal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from dispatch.visibility import cases_of
from gridgov.common.models import AuditEntry
from gridgov.management.commands.import_incidents import SET
from incidents import journal
from incidents.importing import RowReader
from incidents.models import Incident, JournalEntry, NamedAccess
from tests.worlds import ROOT

pytestmark = pytest.mark.django_db


MAPPING = {
    "system": "old",
    "timezone": "Asia/Shanghai",
    "columns": {"id": "id", "created_at": "created", "closed_at": "closed", "category": "kind", "lon": "lon",
                "lat": "lat", "address": "address"},
    "categories": {"垃圾": "0201", "路灯": "0102"},
}  # fmt: skip
ROWS = [
    ["1", "2020-07-01 08:00", "2020-07-02 08:00", "垃圾", "103.605", "36.055", "甲路"],
    ["2", "2020-07-01 09:00", "", "路灯", "103.635", "36.055", "乙路"],
    ["3", "2020-07-01 10:00", "2020-06-01 08:00", "垃圾", "", "", "丙路"],
    ["4", "2020-07-01 11:00", "", "树", "103.605", "36.055", "丁路"],
    ["5", "someday", "", "垃圾", "104.605", "36.055", "戊路"],
    ["1", "2020-07-01 08:00", "2020-07-02 08:00", "垃圾", "103.605", "36.055", "甲路"],
]


class Office:
    """A folder with a file of old cases and its mapping, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file, self.mapping = folder / "old.csv", folder / "map.json"
        self.rejects = folder / "rejects.csv"
        self.write(ROWS)
        self.mapping.write_text(json.dumps(MAPPING), encoding="utf-8")

    def write(self, rows: list[list[str]], encoding: str = "utf-8") -> None:
        lines = StringIO()
        csv.writer(lines).writerows([["id", "created", "closed", "kind", "lon", "lat", "address"], *rows])
        self.file.write_bytes(lines.getvalue().encode(encoding))

    def run(self, *options: str, file: Path | None = None) -> str:
        out = StringIO()
        call_command(
            "import_incidents", str(file or self.file), "--root", ROOT, "--mapping", str(self.mapping),
            "--rejects", str(self.rejects), *options, stdout=out, stderr=out, no_color=True,
        )  # fmt: skip
        return out.getvalue()

    def refused(self, *options: str, file: Path | None = None) -> str:
        with pytest.raises(CommandError) as caught:
            self.run(*options, file=file)
        assert not Incident.objects.exists()
        return str(caught.value)


@pytest.fixture
def office(world, tmp_path) -> Office:
    return Office(tmp_path)


def test_each_row_is_a_case_a_repeat_or_a_reject(office):
    said = office.run()
    assert "共6行 = 导入3 + 未导入2 + 重复1" in said
    assert "已结案2，待立案1；未定位1（无位置1，在各区域之外0）" in said
    assert "结案早于上报，结案时间留空：1行（如第4行）" in said
    assert dict(Incident.objects.values_list("external_id", "status")) == {
        "1": "closed",
        "2": "accepted",
        "3": "closed",
    }
    assert journal.verify().is_whole
    with office.rejects.open(encoding="utf-8-sig", newline="") as file:
        rejects = list(csv.DictReader(file))
    assert [(row["reject_row"], row["reject_field"], row["reject_reason"], row["id"]) for row in rejects] == [
        ("5", "kind", "映射中没有这个值：树", "4"),
        ("6", "created", "不是时间：someday", "5"),
    ]
    entry = AuditEntry.objects.get(action="incident.adopt")
    assert (entry.detail["imported"], entry.detail["rejected"], entry.detail["file"]) == (3, 2, "old.csv")


def test_second_run_imports_nothing(office):
    office.run()
    assert "共6行 = 导入0 + 未导入2 + 重复4" in office.run()
    assert (Incident.objects.count(), JournalEntry.objects.count()) == (3, 3)
    assert AuditEntry.objects.filter(action="incident.adopt").count() == 1


def test_run_that_was_broken_off_goes_on(office):
    office.write(ROWS[:1])
    office.run()
    office.write(ROWS[:3])
    assert "导入2 + 未导入0 + 重复1" in office.run()
    assert not office.rejects.exists()  # no rejects, no file


def test_interrupted_run_ends_after_the_set_under_way(office, monkeypatch):
    office.write([[str(number), *ROWS[0][1:]] for number in range(SET + 10)])
    # the signal comes while the first set is being read
    sent = iter([True])
    read = RowReader.read

    def interrupted(reader, record):
        if next(sent, False):
            os.kill(os.getpid(), signal.SIGINT)
        return read(reader, record)

    monkeypatch.setattr(RowReader, "read", interrupted)
    with pytest.raises(CommandError, match="已中断") as caught:
        office.run()
    assert caught.value.returncode == 130
    assert Incident.objects.count() == SET
    assert AuditEntry.objects.get(action="incident.adopt").detail["imported"] == SET
    assert f"导入10 + 未导入0 + 重复{SET}" in office.run()


def test_dry_run_counts_the_same_and_writes_no_case(office):
    said = office.run("--dry-run")
    assert "共6行 = 导入3 + 未导入2 + 重复1" in said
    assert "试运行：未写入案件" in said
    assert not Incident.objects.exists()
    assert office.rejects.exists()


def test_rejects_can_be_mended_and_imported(office):
    office.run()
    text = office.rejects.read_text(encoding="utf-8-sig").replace("someday", "2020-07-01").replace("树", "路灯")
    mended = office.folder / "mended.csv"
    mended.write_text(text, encoding="utf-8")
    assert "共2行 = 导入2 + 未导入0 + 重复0" in office.run(file=mended)
    assert Incident.objects.filter(is_placed=False).values_list("external_id", flat=True).order_by("id").last() == "5"


def test_file_in_gbk_is_imported(office):
    office.write(ROWS[:2], "gbk")
    assert "导入2" in office.run()
    assert set(Incident.objects.values_list("address", flat=True)) == {"甲路", "乙路"}


def test_cut_archive_is_refused_before_the_first_case(office):
    packed = gzip.compress(office.file.read_bytes() * 200)
    cut = office.folder / "cut.csv.gz"
    cut.write_bytes(packed[: len(packed) - 30])
    assert office.refused(file=cut).startswith("未导入任何案件\nfile：文件不完整或无法解压")


def test_missing_column_is_refused(office):
    office.file.write_text(office.file.read_text().replace("closed", "ended", 1))
    assert "缺少列：closed（columns.closed_at）" in office.refused()


def test_bad_mapping_is_refused_with_every_fault(office):
    office.mapping.write_text(json.dumps(MAPPING | {"timezone": "Mars", "categories": {"垃圾": "99"}, "oops": 1}))
    said = office.refused()
    assert "mapping.timezone：没有这个时区：Mars" in said
    assert "mapping.oops：没有这一项" in said
    office.mapping.write_text(json.dumps(MAPPING | {"categories": {"垃圾": "99", "树": "02"}}))
    assert "没有这个小类：99" in office.refused()
    office.mapping.write_text('{"system":')
    assert "不是有效的JSON" in office.refused()


def test_unknown_city_is_refused(office):
    assert "没有编码为 999 的城市" in office.refused("--root", "999")


def test_rejects_do_not_overwrite_the_file(office):
    before = office.file.read_bytes()
    assert "不能是导入的文件本身" in office.refused("--rejects", str(office.file))
    assert office.file.read_bytes() == before


def test_rejects_that_cannot_be_written_are_said_before_the_first_case(office):
    assert "无法写入" in office.refused("--rejects", str(office.folder / "none" / "rejects.csv"))


def test_confidential_cases_are_seen_by_the_named_people_of_the_centre(world, office):
    office.mapping.write_text(json.dumps(MAPPING | {"categories": {"垃圾": "0302", "路灯": "0102"}}))
    office.run()
    case = Incident.objects.get(external_id="1")
    assert case.is_confidential
    assert NamedAccess.objects.filter(incident=case).exists()
    assert not cases_of(world.actor("acceptor_b")).filter(pk=case.pk).exists()
