"""The chain, its checkpoints and their proof; the command that proves them."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import orjson
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from gridgov.common import clock
from incidents import journal
from incidents.models import Checkpoint, Incident, JournalEntry
from incidents.triggers import FROZEN, install, names

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 1, tzinfo=UTC)


def proved() -> str:
    out = StringIO()
    call_command("verify_journal", stdout=out)
    return out.getvalue()


def disproved() -> tuple[str, str]:
    out = StringIO()
    with pytest.raises(CommandError) as found:
        call_command("verify_journal", stdout=out)
    return str(found.value), out.getvalue()


def forge(statement: str, *parameters: object) -> None:
    """What somebody with the database's password can do: take the trigger away, change a row, put it back."""
    with connection.cursor() as cursor:
        for table in FROZEN:
            for name in names(table):
                where = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{where}")
        cursor.execute(statement, parameters)
    install(connection)


# --- the chain ----------------------------------------------------------------------------------------------------


def test_untouched_journal_is_proved(world):
    number = world.carry("handled")
    entries = JournalEntry.objects.filter(incident__number=number).order_by("seq")
    assert [e.seq for e in entries] == [1, 2, 3, 4, 5, 6]
    incident = Incident.objects.get(number=number)
    assert (incident.head_seq, incident.head_mac) == (6, entries.last().mac)
    assert proved() == "案件1，记录6，校验点0（未封6），不符0\n"


def test_each_entry_is_bound_to_the_one_before_it(world):
    number = world.carry("filed")
    macs = list(JournalEntry.objects.filter(incident__number=number).order_by("seq").values_list("mac", "canonical"))
    assert len({mac for mac, _ in macs}) == 3
    previous = ""
    for mac, canonical in macs:
        assert mac == journal._mac(previous, canonical)
        previous = mac


def test_entry_holds_no_words_and_no_person_in_its_canonical_text(world):
    number = world.report(reporter_name="张三丰", reporter_phone="13800001111", description="家门口有垃圾，电话联系")
    entry = JournalEntry.objects.get(incident__number=number)
    for secret in ("张三丰", "13800001111", "家门口", "有垃圾"):
        assert secret not in entry.canonical
        assert secret not in orjson.dumps(entry.payload).decode()
    assert entry.text == "家门口有垃圾，电话联系"
    assert journal.text_digest(number, 1, entry.text) in entry.canonical


def test_same_words_have_another_digest_in_another_entry():
    assert journal.text_digest("A", 1, "同样") != journal.text_digest("A", 2, "同样")
    assert journal.text_digest("A", 1, "同样") != journal.text_digest("B", 1, "同样")
    assert journal.text_digest("A", 1, "") == ""


def test_case_that_grows_while_it_is_proved_is_no_fault(world):
    """Found by the chaos run of seed 10: a step of the ladder came between the case's row and its entries."""
    number = world.carry("filed")
    grown: list[str] = []

    def between(execute, sql, params, many, context):
        if not grown and 'FROM "incidents_journalentry"' in str(sql):
            grown.append(str(sql))
            world.perform(number, "note", "acceptor", note="又来电")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(between):
        verdict = journal.verify()
    assert grown
    assert (verdict.faults, verdict.entry_count) == ([], 4)


def test_blanked_text_leaves_the_chain_whole(world):
    number = world.carry("filed", description="家门口有垃圾")
    JournalEntry.objects.filter(incident__number=number).update(text="")
    assert journal.verify(number=number).faults == []


# --- forgeries ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("actor_id = NULL", "字段与校验文本不符"),
        ("status_to = 'closed'", "字段与校验文本不符"),
        ("at = '2020-01-01 00:00:00+00:00'", "字段与校验文本不符"),
        ("text = 'other'", "文字与摘要不符"),
        ("payload = '{\"a\": 1}'", "字段与校验文本不符"),
        ("canonical = '{}'", "校验码不符"),
        ("mac = 'f'", "校验码不符"),
    ],
)
def test_changed_entry_is_found(world, change, what):
    number = world.carry("filed")
    if change.startswith("canonical"):
        # a text that says the same in other words
        text = JournalEntry.objects.get(incident__number=number, seq=2).canonical
        change = "canonical = '" + text.replace('"seq":2', '"seq": 2') + "'"
    forge(
        f"UPDATE incidents_journalentry SET {change} WHERE seq = 2 AND incident_id = %s",
        Incident.objects.get(number=number).pk,
    )
    said, listed = disproved()
    assert f"{number}#2 {what}" in listed
    assert "不符0" not in said


def test_missing_entries_are_found_in_the_middle_and_at_the_end(world):
    first, second = world.carry("filed"), world.carry("filed")
    for number, seq in ((first, 2), (second, 3)):
        forge(
            "DELETE FROM incidents_journalentry WHERE seq = %s AND incident_id = %s",
            seq, Incident.objects.get(number=number).pk,
        )  # fmt: skip
    _said, listed = disproved()
    assert f"{first}#2 缺少记录" in listed
    assert f"{second}#2 案件记录的末条与流转记录不符" in listed


def test_entry_moved_to_another_case_is_found(world):
    first, second = world.carry("filed"), world.report()
    forge(
        "UPDATE incidents_journalentry SET incident_id = %s WHERE seq = 2 AND incident_id = %s",
        Incident.objects.get(number=second).pk, Incident.objects.get(number=first).pk,
    )  # fmt: skip
    _said, listed = disproved()
    assert first in listed
    assert second in listed


def test_chain_made_with_another_key_is_found(world, settings):
    world.carry("filed")
    settings.JOURNAL_KEY = "another" * 8
    assert "不符0" not in disproved()[0]


# --- checkpoints --------------------------------------------------------------------------------------------------


def test_checkpoint_seals_what_was_not_sealed_and_chains_the_one_before(world):
    world.carry("filed")
    first = journal.make_checkpoint(at=START)
    assert (first.number, first.entry_count, first.previous_digest) == (1, 3, "")
    assert journal.make_checkpoint(at=START) is None
    world.report()
    second = journal.make_checkpoint(at=START)
    assert (second.number, second.entry_count, second.previous_digest) == (2, 1, first.digest)
    lines = Path(settings.CHECKPOINT_FILE).read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert lines[1].endswith(second.digest)
    assert proved() == "案件2，记录4，校验点2（未封0），不符0\n"


def test_history_rewritten_with_the_key_does_not_agree_with_the_checkpoint(world):
    """Whoever holds key and database can make another chain, but not the one that was sealed."""
    number = world.report(description="真")
    journal.make_checkpoint(at=START)
    entry = JournalEntry.objects.get()
    canonical = entry.canonical.replace(journal.text_digest(number, 1, "真"), journal.text_digest(number, 1, "假"))
    mac = journal._mac("", canonical)
    forge("UPDATE incidents_journalentry SET text = '假', canonical = %s, mac = %s", canonical, mac)
    Incident.objects.update(head_mac=mac)
    said, listed = disproved()
    assert "校验点1 校验点与所封记录不符" in listed
    assert said.endswith("不符1")


def test_checkpoints_taken_away_are_found_by_the_file(world):
    world.report()
    journal.make_checkpoint(at=START)
    forge("UPDATE incidents_journalentry SET checkpoint_id = NULL")
    forge("DELETE FROM incidents_checkpoint")
    assert "外部文件中的校验点在数据库里不存在" in disproved()[1]


def test_checkpoint_made_anew_does_not_agree_with_the_file(world):
    world.report()
    journal.make_checkpoint(at=START)
    forge("UPDATE incidents_checkpoint SET digest = 'f'")
    assert "校验点与外部文件不符" in disproved()[1]


def test_line_added_to_the_file_does_not_make_a_rewritten_checkpoint_good(world):
    world.report()
    journal.make_checkpoint(at=START)
    forge("UPDATE incidents_checkpoint SET digest = 'f'")
    with Path(settings.CHECKPOINT_FILE).open("a") as file:
        file.write("1 1 2026-03-10T09:00:00+00:00 f\n")
    assert "校验点与外部文件不符" in disproved()[1]


def lines() -> list[list[str]]:
    return [line.split() for line in Path(settings.CHECKPOINT_FILE).read_text().splitlines()]


def test_line_that_a_killed_process_did_not_write_is_written_afterwards_and_says_so(world, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_args, **_options):
        raise Killed

    world.report()
    journal.make_checkpoint(at=START)
    world.report()
    with monkeypatch.context() as patched:
        patched.setattr(journal, "_append_to_file", die)
        with pytest.raises(Killed):
            journal.make_checkpoint(at=START)
    assert Checkpoint.objects.count() == 2
    assert [c.number for c in journal.without_line()] == [2]
    assert journal.without_line(made_before=START - timedelta(seconds=1)).count() == 0
    assert journal.make_checkpoint(at=START) is None  # nothing to seal, and the line is written all the same
    assert [line[0] for line in lines()] == ["1", "2"]
    assert [line[4:] for line in lines()] == [[], ["afterwards"]]
    assert not journal.without_line().exists()
    assert "校验点2（未封0），不符0" in proved()
    forge("UPDATE incidents_checkpoint SET digest = 'f' WHERE number = 2")
    assert "校验点2 校验点与外部文件不符" in disproved()[1]


def test_half_a_line_says_nothing_and_the_next_one_is_whole(world):
    world.report()
    journal.make_checkpoint(at=START)
    path = Path(settings.CHECKPOINT_FILE)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert journal.checkpoint_lines() == {}
    world.report()
    journal.make_checkpoint(at=START)
    assert [line[0] for line in lines()] == ["1", "1", "2"]
    assert sorted(journal.checkpoint_lines()) == [1, 2]
    assert "校验点2（未封0），不符0" in proved()


def test_lines_are_missed_as_far_back_as_the_end_of_the_file_goes(world, monkeypatch):
    for _turn in range(4):
        world.report()
        journal.make_checkpoint(at=START)
    path = Path(settings.CHECKPOINT_FILE)
    first, _second, third, fourth = path.read_text().splitlines(keepends=True)
    path.write_text(first + third + fourth)
    assert [c.number for c in journal.without_line()] == [2]
    monkeypatch.setattr(journal, "TAIL_BYTES", len(third) + 10)
    assert not journal.without_line().exists()
    path.unlink()
    assert journal.mend_file() == 4
    assert [line[0] for line in lines()] == ["1", "2", "3", "4"]


def test_one_case_can_be_proved_alone(world):
    number, other = world.report(), world.report()
    forge("UPDATE incidents_journalentry SET mac = 'f' WHERE incident_id = %s", Incident.objects.get(number=other).pk)
    out = StringIO()
    call_command("verify_journal", number=number, stdout=out)
    assert out.getvalue().startswith("案件1，")
    with pytest.raises(CommandError):
        call_command("verify_journal", number=other, stdout=StringIO())
    with pytest.raises(CommandError, match="没有这个案件"):
        call_command("verify_journal", number="none")


def test_instants_are_proved_whatever_the_time_zone_they_come_in(world):
    world.report(at=clock.local(START))
    assert journal.verify().is_whole
    assert Checkpoint.objects.count() == 0
