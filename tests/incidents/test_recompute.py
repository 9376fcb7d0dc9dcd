"""Running clocks move to a new version of their calendar by the command alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from gridgov.common import work_calendar
from incidents import journal, sweep
from incidents.models import Clock, FiredStep, Incident, JournalEntry
from incidents.recompute import recompute_due

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 1, tzinfo=UTC)  # a Monday, 9:00 in Lanzhou


def holiday(*days: date) -> int:
    """A new version of the calendar in which those days are free."""
    content = work_calendar.content_of(work_calendar.current_version())
    free = {on: {"kind": "rest", "name": "临时放假", "intervals": None} for on in days}
    return work_calendar.save_version(code="default", content=replace(content, days=content.days | free)).pk


def run(**options: object) -> str:
    out = StringIO()
    call_command("recompute_due", calendar="default", stdout=out, **options)
    return out.getvalue()


def test_new_version_moves_nothing_by_itself(world):
    number = world.report(at=START)
    before = Clock.objects.get(incident__number=number, kind="accept").due_at
    holiday(date(2026, 3, 2))
    assert Clock.objects.get(incident__number=number, kind="accept").due_at == before


def test_dry_run_says_how_many_and_moves_none(world):
    number = world.report(at=START)
    version = holiday(date(2026, 3, 2))
    assert run(dry_run=True) == "试算：案件1，时钟2，其中到期时间变动1\n"
    assert not Clock.objects.filter(calendar_version=version).exists()
    assert JournalEntry.objects.filter(incident__number=number).count() == 1


def test_clocks_are_counted_by_the_new_version_and_the_journal_says_so(world):
    number = world.report(at=START)
    accept = Clock.objects.get(incident__number=number, kind="accept")
    version = holiday(date(2026, 3, 2))
    done = recompute_due(code="default", at=START)
    assert (done.incident_count, done.clock_count, done.moved_count, done.busy_count) == (1, 2, 1, 0)
    moved = Clock.objects.get(pk=accept.pk)
    assert moved.calendar_version_id == version
    assert moved.due_at == datetime(2026, 3, 3, 0, 30, tzinfo=UTC)
    assert moved.due_revision == 2
    assert [step["fence"] for step in moved.steps if step["key"] == "warn"] == [2]
    case = Incident.objects.get(number=number)
    assert (case.due_at, case.version) == (moved.due_at, 1)
    entry = JournalEntry.objects.get(incident=case, action="recomputed")
    assert entry.payload["due"]["accept:1"] == [accept.due_at.isoformat(), moved.due_at.isoformat()]
    assert journal.verify().is_whole
    assert run() == "案件0，时钟0，其中到期时间变动0\n"


def test_breach_stated_by_the_old_version_is_marked_cured(world):
    number = world.report(at=START)
    sweep.sweep_due(now=START + timedelta(minutes=31))
    accept = Clock.objects.get(incident__number=number, kind="accept")
    assert accept.breached_at == accept.due_at
    holiday(date(2026, 3, 2))
    recompute_due(code="default", at=START + timedelta(hours=1))
    moved = Clock.objects.get(pk=accept.pk)
    assert (moved.breached_at, moved.breach_cured_at) == (accept.breached_at, START + timedelta(hours=1))
    assert FiredStep.objects.filter(clock=accept, key="breach").count() == 1


def test_ended_clocks_and_other_calendars_are_left_alone(world):
    number = world.report(at=START)
    world.perform(number, "reject", "acceptor", reason="unfounded", note="不属实", at=START)
    holiday(date(2026, 3, 2))
    assert recompute_due(code="default", at=START).clock_count == 0
    with pytest.raises(CommandError, match="calendar"):
        call_command("recompute_due", calendar="none")
