"""The Celery application: what beat sends exists, and tells its age."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from gridgov.celery import BEAT_SECONDS, StartNow, _configuration, app
from gridgov.common import heartbeat
from gridgov.common.clock import now
from gridgov.common.models import Heartbeat
from gridgov.common.tasks import heartbeat as heartbeat_task


def test_every_task_of_the_schedule_exists():
    app.loader.import_default_modules()
    assert set(BEAT_SECONDS) - set(app.tasks) == set()


def test_no_task_of_the_schedule_waits_in_the_broker():
    for name, entry in app.conf.beat_schedule.items():
        assert entry["schedule"] == timedelta(seconds=BEAT_SECONDS[name])
        assert {"eta", "countdown"}.isdisjoint(entry["options"])


def test_every_entry_is_due_at_the_start():
    scheduler = StartNow(app=app)
    assert {name for name, entry in scheduler.schedule.items() if entry.is_due().is_due} == set(BEAT_SECONDS)


def test_tests_send_nothing_to_a_server():
    assert app.conf.broker_url.startswith("memory:")


def test_redis_is_the_broker_when_it_is_set():
    with override_settings(REDIS_URL="redis://broker:6379/0"):
        conf = _configuration()
    assert conf["broker_url"] == "redis://broker:6379/0"
    assert conf["task_acks_late"]
    assert conf["task_reject_on_worker_lost"]
    assert conf["task_ignore_result"]


@pytest.mark.django_db
def test_heartbeat_dates_worker_and_beat():
    sent = now() - timedelta(seconds=40)
    heartbeat_task(sent_at=sent.timestamp())
    ages = heartbeat.ages()
    assert 0 <= ages["worker"] < 30
    assert 40 <= ages["beat"] < 70


@pytest.mark.django_db
def test_late_heartbeat_does_not_turn_the_age_back():
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    heartbeat.beat("beat", at=at)
    heartbeat.beat("beat", at=at - timedelta(minutes=5))
    assert Heartbeat.objects.get(name="beat").beat_at == at
    heartbeat.beat("beat", at=at + timedelta(seconds=1))
    assert Heartbeat.objects.get(name="beat").beat_at == at + timedelta(seconds=1)


@pytest.mark.django_db
def test_ages_takes_one_statement(django_assert_num_queries):
    heartbeat.beat("worker")
    heartbeat.beat("beat")
    with django_assert_num_queries(1):
        assert set(heartbeat.ages()) == {"worker", "beat"}


@pytest.mark.django_db
def test_alive_tells_a_part_that_lives_from_one_that_does_not(capsys):
    heartbeat.beat("worker")
    heartbeat.beat("beat", at=now() - timedelta(seconds=90))
    call_command("alive", "worker")
    assert "worker" in capsys.readouterr().out
    with pytest.raises(CommandError, match="90"):
        call_command("alive", "beat", "--seconds", "60")
    with pytest.raises(CommandError, match="sweep"):
        call_command("alive", "sweep")
