"""/metrics: who may read it, and that its figures are those of the loop."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from dispatch import measures
from gridgov import celery as celery_
from gridgov.common import clock, heartbeat
from gridgov.common.models import ProcessReport
from gridgov.common.observability import context, processes
from incidents.models import JournalEntry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh():
    measures.forget()
    yield
    measures.forget()


def told(client: Client, **headers: str) -> dict[str, float]:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.status_code
    lines = [line for line in answer.text.splitlines() if line and line[0] != "#"]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_metrics_are_for_the_machine_itself_and_for_who_has_the_token(client, settings):
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 404
    # a proxy on this machine speaks for the world
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="", headers={"Authorization": "Bearer "}).status_code == 404
    settings.METRICS_TOKEN = "geheim-und-lang"
    for given, status in (("Bearer geheim-und-lang", 200), ("Bearer falsch", 404), ("Token geheim-und-lang", 404)):
        answer = client.get("/metrics", REMOTE_ADDR="10.1.2.3", headers={"Authorization": given})
        assert answer.status_code == status, given
    assert client.post("/metrics").status_code == 405


def test_figures_are_those_of_the_loop(world, client):
    now = clock.now()
    with time_machine.travel(now - timedelta(days=10)):
        world.report()
    # it tells of what was long ago, and was written now
    number = world.report(at=now - timedelta(days=20))
    JournalEntry.objects.filter(incident__number=number).update(parked_at=now, next_try_at=None, attempt_count=8)
    JournalEntry.objects.exclude(incident__number=number).update(attempt_count=2)
    heartbeat.beat("worker", at=now - timedelta(seconds=30))
    figures = told(client)
    assert figures["gridgov_due_clocks"] >= 1
    assert figures["gridgov_sweep_lag_seconds"] > 3600
    assert figures["gridgov_outbox_entries"] == JournalEntry.objects.filter(parked_at__isnull=True).count() >= 1
    assert figures["gridgov_outbox_age_seconds"] == pytest.approx(10 * 24 * 3600, abs=120)
    assert (figures["gridgov_parked_entries"], figures["gridgov_failing_entries"]) == (1, 1)
    assert 30 <= figures['gridgov_heartbeat_age_seconds{part="worker"}'] < 60


def test_streams_and_processes_are_counted_while_they_live(client):
    now = clock.now()
    for pid, streams, seconds in ((1, 40, 0), (2, 2, 5), (3, 900, 300)):
        ProcessReport.objects.create(
            kind="live", host="a", pid=pid, began_at=now, beat_at=now - timedelta(seconds=seconds),
            figures={"streams": streams},
        )  # fmt: skip
    figures = told(client)
    assert figures["gridgov_streams"] == 42
    assert figures['gridgov_processes{kind="live"}'] == 2


def test_figures_are_read_once_for_all_who_ask_at_once(world, client, django_assert_num_queries):
    told(client)
    with django_assert_num_queries(2):  # heartbeats and processes
        told(client)


def test_process_has_one_row_and_old_ones_go():
    now = clock.now()
    ProcessReport.objects.create(kind="web", host="b", pid=9, began_at=now, beat_at=now - timedelta(days=2))
    processes.report("web", figures={"streams": 1})
    processes.report("web", figures={"streams": 2})
    assert [one.figures for one in processes.living()] == [{"streams": 2}]
    assert ProcessReport.objects.count() == 1


def test_task_is_named_in_what_it_logs_and_is_counted():
    class Task:
        name = "common.nothing"

    celery_._task_begins(task_id="0123456789", task=Task)
    work = context.current()
    assert (work.request_id, work.where) == ("0123456789", "common.nothing")
    celery_._task_ended(task=Task, state="SUCCESS")
    assert context.current() is None
    assert celery_.metrics.tasks.labels("common.nothing", "SUCCESS")._value.get() >= 1
