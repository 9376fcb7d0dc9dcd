"""What /healthz says, and what makes the whole ill."""

from datetime import timedelta

import pytest
from django.db import DatabaseError
from kombu import Connection

from dispatch import health, notify, receivers
from dispatch.models import NoticeDelivery
from gridgov.common import clock, heartbeat
from grids.models import IndexRevision
from grids.spatial import areas
from incidents import sweep
from incidents.models import JournalEntry

pytestmark = pytest.mark.django_db
PARTS = {
    "database", "broker", "worker", "beat", "sweep", "index", "sweep_lag", "delivery", "parked", "notices",
}  # fmt: skip


@pytest.fixture
def alive(world):
    for name in ("worker", "beat", "sweep"):
        heartbeat.beat(name)
    return world


def status(part: str) -> str:
    return health.report().parts[part]["status"]


def test_everything_is_well(alive):
    alive.report()
    receivers.deliver_pending()
    found = health.report()
    assert set(found.parts) == PARTS
    assert {part["status"] for part in found.parts.values()} == {"ok"}
    assert found.as_json()["healthy"] is True


@pytest.mark.parametrize("part", ["worker", "beat", "sweep"])
def test_part_that_never_ran_or_fell_silent_has_failed(alive, part):
    heartbeat.Heartbeat.objects.filter(name=part).update(beat_at=clock.now() - timedelta(minutes=2))
    found = health.report()
    assert found.parts[part]["status"] == "failed"
    assert found.parts[part]["age_seconds"] >= 120
    assert not found.is_healthy
    heartbeat.Heartbeat.objects.filter(name=part).delete()
    assert health.report().parts[part] == {"status": "failed", "age_seconds": None}


def test_steps_that_nobody_fires_are_a_lag(alive):
    alive.report(at=clock.now() - timedelta(days=10))
    assert status("sweep_lag") == "failed"
    while sweep.sweep_due(now=clock.now()):
        pass
    assert status("sweep_lag") == "ok"


def test_entries_that_nobody_delivers_are_a_lag(alive):
    alive.report()
    assert status("delivery") == "ok"
    JournalEntry.objects.update(next_try_at=clock.now() - timedelta(minutes=5))
    assert status("delivery") == "failed"
    receivers.deliver_pending()
    assert status("delivery") == "ok"


def test_parked_entry_and_what_waits_behind_it_are_a_warning_not_an_illness(alive):
    number = alive.carry("filed")
    long_ago = clock.now() - timedelta(hours=1)
    entries = JournalEntry.objects.filter(incident__number=number)
    entries.update(next_try_at=long_ago)
    entries.filter(seq=1).update(parked_at=long_ago, next_try_at=None)
    found = health.report()
    assert found.parts["parked"] == {"status": "warning", "count": 1}
    assert found.parts["delivery"]["status"] == "ok"
    assert found.is_healthy


def test_failed_notice_is_a_warning(alive):
    case = alive.case(alive.report())
    notify.store([notify.Told(alive.people["acceptor"].pk, case.pk, 1, "t", "x")], at=clock.now())
    NoticeDelivery.objects.update(state="failed", next_try_at=None)
    found = health.report()
    assert found.parts["notices"] == {"status": "warning", "failed": 1}
    assert found.is_healthy


def test_process_with_an_old_index_says_so(alive):
    areas.index()
    IndexRevision.objects.update(value=10**6)
    found = health.report().parts["index"]
    assert (found["status"], found["stored"]) == ("warning", 10**6)


def test_database_that_does_not_answer_is_said_and_nothing_is_raised(alive, monkeypatch):
    def gone():
        raise DatabaseError("gone")

    monkeypatch.setattr(health, "_database", gone)
    found = health.report()
    assert found.parts["database"] == {"status": "failed", "error": "DatabaseError"}
    assert set(found.parts) == {"database", "broker"}
    assert not found.is_healthy


def test_dead_broker_has_failed(alive, settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(health.current_app, "connection_for_write", lambda: Connection("redis://127.0.0.1:1/0"))
    found = health.report()
    assert found.parts["broker"]["status"] == "failed"
    assert not found.is_healthy
