"""The auditor finds what was broken on purpose, one by one, and nothing where all is well."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.models import F

from dispatch import escalation, loop_audit, notify, receivers, requests, tasks
from dispatch.loop_audit import STATEMENTS, WAITS
from dispatch.loop_audit.accepted import Accepted, read_file
from dispatch.loop_audit.checks import CHECKS, Scope
from dispatch.models import LoopAudit, Notice, NoticeDelivery, Ticket
from gridgov.common import clock, turns
from incidents import clock_table, journal
from incidents.models import Clock, ClockSegment, FiredStep, IdempotencyKey, Incident, JournalEntry
from incidents.workflow import OPEN
from tests.chaos.faults import undone
from tests.dispatch.audit import LIVE_CLOCKS
from tests.dispatch.cases import cases_in_every_status
from tests.incidents.test_journal import forge
from tests.worlds import World

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
AGO = timedelta(days=1)


def settle() -> None:
    """Everything that follows by itself has followed: steps, deliveries, notices, the seal."""
    now = clock.now()
    while escalation.sweep(now=now) or receivers.deliver_pending().delivered:
        pass
    while notify.send_due(now=clock.now()):
        pass
    journal.make_checkpoint(at=now)


def found(**options) -> dict[str, loop_audit.Finding]:
    return {finding.key: finding for finding in loop_audit.run(**options).findings}


def test_nothing_is_found_where_all_is_well(world):
    cases_in_every_status(world)
    world.report(key="k-1")
    settle()
    assert FiredStep.objects.exists()
    assert Notice.objects.exists()
    verdict = loop_audit.run(grace=timedelta(0), seal_grace=timedelta(0))
    assert verdict.findings == []
    assert verdict.is_clean
    assert verdict.case_count == Incident.objects.count() > 15


def test_what_is_under_way_is_no_fault(world):
    world.report()
    assert loop_audit.run().findings == []


def test_table_of_live_clocks_is_that_of_the_tests():
    assert {status.value: set(kinds) for status, kinds in clock_table.LIVE.items()} == {
        status: kinds for status, kinds in LIVE_CLOCKS.items() if kinds
    }
    assert set(clock_table.LIVE) == OPEN


# --- broken on purpose --------------------------------------------------------------------------------------------

Break = Callable[[World, str], str | None]
BREAKS: list[tuple[str, Break]] = []


def breaks(key: str) -> Callable[[Break], Break]:
    """A function that breaks the statement ``key`` of a settled world, whose number it gets; the number it harmed."""

    def kept(function: Break) -> Break:
        BREAKS.append((key, function))
        return function

    return kept


@breaks("request_lost")
def _(world, number):
    IdempotencyKey.objects.filter(number=number).update(number="620901000000000")
    return "620901000000000"


@breaks("request_shared")
def _(world, number):
    one = IdempotencyKey.objects.get(number=number)
    IdempotencyKey.objects.create(user=one.user, key="other", digest="", number=number, created_at=clock.now())


@breaks("journal_head")
def _(world, number):
    Incident.objects.filter(number=number).update(head_seq=F("head_seq") + 1)


@breaks("journal_head")
def _(world, number):
    Incident.objects.filter(number=number).update(head_seq=F("head_seq") - 1)


@breaks("journal_head")
def _(world, number):
    Incident.objects.filter(number=number).update(version=F("version") + 1)


@breaks("journal_head")
def _(world, number):
    forge("DELETE FROM incidents_journalentry WHERE incident_id = %s AND seq = 1", world.case(number).pk)


@breaks("journal_status")
def _(world, number):
    pk = world.case(number).pk
    forge("UPDATE incidents_journalentry SET status_from = 'filed' WHERE incident_id = %s AND seq = 2", pk)


@breaks("clock_missing")
def _(world, number):
    clocks = Clock.objects.filter(incident__number=number, kind="handle")
    clocks.update(state="cancelled", stopped_at=clock.now(), next_step_at=None)


@breaks("clock_missing")
def _(world, number):
    Incident.objects.filter(number=number).update(status="dispatched")  # without its sign clock


@breaks("clock_beside")
def _(world, number):
    Clock.objects.filter(incident__number=number, kind="accept").update(state="running", stopped_at=None)


@breaks("clock_cycle")
def _(world, number):
    Clock.objects.filter(incident__number=number, kind="accept").update(cycle=3)


@breaks("clock_pause")
def _(world, number):
    Clock.objects.filter(incident__number=number, kind="handle").update(state="paused", next_step_at=None)


@breaks("clock_pause")
def _(world, number):
    running = Clock.objects.get(incident__number=number, kind="handle")
    ClockSegment.objects.create(clock=running, kind="paused", started_at=clock.now(), entry_seq=1)


@breaks("queue_due")
def _(world, number):
    Incident.objects.filter(number=number).update(due_at=F("due_at") + HOUR)


@breaks("queue_due")
def _(world, number):
    Incident.objects.filter(number=number).update(due_at=None)


@breaks("step_overdue")
def _(world, number):
    Clock.objects.filter(incident__number=number, kind="handle").update(next_step_at=clock.now() - HOUR)


@breaks("step_disarmed")
def _(world, number):
    Clock.objects.filter(incident__number=number, kind="handle").update(next_step_at=None)


@breaks("step_disarmed")
def _(world, number):
    Clock.objects.filter(incident__number=number, kind="handle").update(steps=[])


@breaks("breach_unstated")
def _(world, number):
    late = world.report(at=clock.now() - AGO * 10)
    settle()
    FiredStep.objects.filter(clock__incident__number=late, clock__kind="accept", key="breach").delete()
    return late


@breaks("step_unwritten")
def _(world, number):
    late = world.report(at=clock.now() - AGO * 10)
    settle()
    FiredStep.objects.filter(clock__incident__number=late, key="warn").update(entry_seq=99)
    return late


@breaks("step_miscounted")
def _(world, number):
    late = world.report(at=clock.now() - AGO * 10)
    settle()
    FiredStep.objects.filter(clock__incident__number=late, key="warn").delete()
    return late


@breaks("step_early")
def _(world, number):
    late = world.report(at=clock.now() - AGO * 10)
    settle()
    FiredStep.objects.filter(clock__incident__number=late).update(fired_at=F("due_at") - HOUR)
    return late


@breaks("ticket")
def _(world, number):
    Ticket.objects.filter(incident__number=number).update(state="done", ended_at=clock.now())


@breaks("ticket")
def _(world, number):
    Incident.objects.filter(number=number).update(status="filed", lead_assignment=None)


@breaks("request")
def _(world, number):
    requests.ask(number=number, kind="extend", by=world.actor("department_handler"), reason="材料未到")
    Ticket.objects.filter(incident__number=number).update(state="done", ended_at=clock.now())


@breaks("request")
def _(world, number):
    requests.ask(number=number, kind="void", by=world.actor("acceptor"), reason="误报")
    Incident.objects.filter(number=number).update(status="voided", lead_assignment=None, ended_at=clock.now())


@breaks("outbox_late")
def _(world, number):
    last = JournalEntry.objects.filter(incident__number=number).latest("seq")
    JournalEntry.objects.filter(pk=last.pk).update(delivered_at=None, next_try_at=clock.now() - HOUR)


@breaks("outbox_order")
def _(world, number):
    JournalEntry.objects.filter(incident__number=number, seq=2).update(delivered_at=None, next_try_at=clock.now())


@breaks("outbox_parked")
def _(world, number):
    last = JournalEntry.objects.filter(incident__number=number).latest("seq")
    JournalEntry.objects.filter(pk=last.pk).update(delivered_at=None, parked_at=clock.now())


@breaks("notice_late")
def _(world, number):
    sent = NoticeDelivery.objects.filter(notice__incident__number=number)
    sent.update(state="pending", sent_at=None, next_try_at=clock.now() - HOUR)


@breaks("notice_late")
def _(world, number):
    NoticeDelivery.objects.filter(notice__incident__number=number).delete()


@breaks("notice_twice")
def _(world, number):
    for _again in range(2):
        notice = Notice.objects.create(
            user=world.people["acceptor"], incident=world.case(number), topic="x", text="x", created_at=clock.now()
        )
        NoticeDelivery.objects.create(notice=notice, channel="in_app", state="sent", sent_at=clock.now())


@breaks("notice_failed")
def _(world, number):
    NoticeDelivery.objects.filter(notice__incident__number=number).update(state="failed", sent_at=None)


@breaks("unsealed")
def _(world, number):
    fresh = world.report()
    receivers.deliver_pending()
    return fresh


@breaks("accepted_lost")
def _(world, number):
    return number  # what the client says of it is another thing


@breaks("journal_proof")
def _(world, number):
    forge("UPDATE incidents_journalentry SET canonical = '{}' WHERE incident_id = %s", world.case(number).pk)


@breaks("journal_proof")
def _(world, number):
    forge("UPDATE incidents_journalentry SET canonical = 'x' WHERE incident_id = %s", world.case(number).pk)


@breaks("journal_proof")
def _(world, number):
    forge("UPDATE incidents_journalentry SET payload = '{}' WHERE incident_id = %s", world.case(number).pk)


@breaks("seal_unwritten")
def _(world, number):
    Path(settings.CHECKPOINT_FILE).unlink()
    return "#1"


def test_what_was_broken_is_found_and_the_case_is_named(world):
    number = world.carry("handling", key="k-1")
    whole = world.carry("handling", key="k-2")
    settle()
    assert found(seal_grace=timedelta(0)) == {}
    for place, (key, breaking) in enumerate(BREAKS):
        with undone():
            harmed = breaking(world, number) or number
            said = [Accepted(number, user="acceptor", key="another")] if key == "accepted_lost" else []
            finding = found(seal_grace=timedelta(0), accepted=said).get(key)
            assert finding is not None, (place, key)
            assert harmed in finding.numbers, (place, key)
            assert whole not in finding.numbers, (place, key)
            assert finding.waits == (key in WAITS)
        Path(settings.CHECKPOINT_FILE).unlink(missing_ok=True)
        journal.mend_file()
    assert found(seal_grace=timedelta(0)) == {}


def test_every_statement_was_broken():
    assert {key for key, _breaking in BREAKS} == set(STATEMENTS)
    assert len({check.key for check in CHECKS}) == len(CHECKS)


def test_ladder_that_a_person_holds_is_no_fault(world):
    number = world.report()
    settle()
    accept = Clock.objects.get(incident__number=number, kind="accept")
    escalation.pause_ladder(clock_id=accept.pk, by=world.actor("duty_chief"), reason="停电检修")
    settle()
    assert found(grace=timedelta(0), seal_grace=timedelta(0)) == {}


def test_looking_takes_the_same_statements_for_one_case_and_for_many(world, django_assert_num_queries):
    world.carry("handling")
    settle()
    now = clock.now()
    sets = sum(len(check.rows(Scope(now, now))) for check in CHECKS)
    # besides: where the journal ends, its cases twice and their entries, the seals
    with django_assert_num_queries(sets + 5):
        loop_audit.run()
    for _more in range(5):
        world.carry("handled")
    settle()
    with django_assert_num_queries(sets + 5):
        loop_audit.run()


def test_numbers_named_are_bounded(world, monkeypatch):
    monkeypatch.setattr(loop_audit, "SAMPLE", 2)
    for _case in range(5):
        world.report()
    Incident.objects.update(due_at=None)
    finding = found()["queue_due"]
    assert finding.count == 5
    assert len(finding.numbers) == 2


# --- what a client was told ---------------------------------------------------------------------------------------


def test_what_a_client_was_told_is_found_again(world, tmp_path):
    number = world.report(key="k-1")
    version = world.perform(number, "accept", "acceptor").version
    path = tmp_path / "client.jsonl"
    lines = [
        {"kind": "sent", "key": "k-1"},
        {"kind": "report", "user": "acceptor", "key": "k-1", "number": number},
        {"kind": "move", "number": number, "action": "accept", "version": version},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "accepted_lost" not in found(accepted=read_file(path))
    lines[2]["version"] = version + 1
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert found(accepted=read_file(path))["accepted_lost"].numbers == (number,)


# --- runs that are kept, and who is told --------------------------------------------------------------------------


def told() -> list[str]:
    notices = Notice.objects.filter(topic__startswith="loop_audit:").order_by("user__username")
    return list(notices.values_list("user__username", flat=True))


def test_who_operates_the_loop_is_told_once_of_what_is_new(world):
    number = world.report()
    settle()
    assert loop_audit.run_and_tell().fault_count == 0
    assert told() == []
    Incident.objects.filter(number=number).update(due_at=None)
    assert loop_audit.run_and_tell(full=True).fault_count == 1
    assert told() == sorted(["duty_chief", "duty_chief_2", "duty_chief_b", "duty_chief_city", "duty_chief_street",
                             "system_admin"])  # fmt: skip
    notice = Notice.objects.filter(topic__startswith="loop_audit:").first()
    assert str(STATEMENTS["queue_due"]) in notice.text
    assert notice.deliveries.get().state == "pending"
    # still broken: nobody is told again
    loop_audit.run_and_tell(full=True)
    assert len(told()) == 6


def test_run_looks_at_what_has_changed_since_the_last(world, monkeypatch):
    monkeypatch.setattr(loop_audit, "OVERLAP", 0)
    world.report()
    settle()
    first = loop_audit.run_and_tell()
    assert (first.is_full, first.case_count) == (True, 1)
    changed = world.report()
    second = loop_audit.run_and_tell()
    assert (second.is_full, second.case_count) == (False, 1)
    assert second.last_entry_id == JournalEntry.objects.get(incident__number=changed).pk


def test_task_walks_all_journals_once_a_day(world, monkeypatch):
    monkeypatch.setattr(loop_audit, "OVERLAP", 0)
    world.report()
    settle()
    assert tasks.audit_loop() == 0
    assert tasks.audit_loop() == 0
    assert list(LoopAudit.objects.order_by("pk").values_list("is_full", flat=True)) == [True, False]
    LoopAudit.objects.update(started_at=clock.now() - tasks.FULL_AUDIT_EVERY)
    tasks.audit_loop()
    assert LoopAudit.objects.latest("pk").is_full


@pytest.mark.django_db(transaction=True)
def test_audit_of_beat_is_left_out_while_another_runs_and_one_asked_for_waits(world, monkeypatch):
    settle()
    monkeypatch.setattr(tasks, "AUDIT_PATIENCE_SECONDS", 0.0)
    with turns.alone(loop_audit.TURN):
        assert in_a_thread(tasks.audit_loop) == 0
        in_a_thread(lambda: tasks.audit_loop(full=True))
        assert not LoopAudit.objects.exists()
    tasks.audit_loop()
    assert LoopAudit.objects.count() == 1


def in_a_thread(work) -> object:
    """What ``work`` returns in a thread with a connection of its own; it must write nothing."""
    with ThreadPoolExecutor(1) as pool:
        try:
            return pool.submit(work).result(60)
        finally:
            pool.submit(connections.close_all).result(60)


# --- the command --------------------------------------------------------------------------------------------------


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("audit_loop", *arguments, stdout=out)
    return out.getvalue()


def test_command_states_what_holds_and_ends_with_an_error_where_something_does_not(world, tmp_path):
    number = world.report(key="k-1")
    settle()
    assert said().count("✓") == len(STATEMENTS) - 1  # nothing is said of a client
    assert json.loads(said("--json"))["clean"] is True
    assert not LoopAudit.objects.exists()
    path = tmp_path / "client.jsonl"
    path.write_text(json.dumps({"kind": "report", "user": "acceptor", "key": "k-9", "number": number}) + "\n")
    with pytest.raises(CommandError, match="不符1项"):
        said("--accepted", str(path))
    said("--keep", "--changed")
    assert LoopAudit.objects.count() == 1
    with pytest.raises(CommandError, match="读不了"):
        said("--accepted", str(tmp_path / "none"))
