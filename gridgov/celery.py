"""The Celery application and the beat schedule, which is code.

Tasks carry no ETA and no arguments that matter: what is due stands in the database and a task only says "look now".
So a lost, late or repeated task does no harm, and killing every process loses nothing.
"""

import atexit
import os
import threading
import time
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.beat import BeatLazyFunc, Scheduler
from celery.signals import (
    beat_init,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
)
from django.conf import settings
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from gridgov.checks import refuse_unsound_deployment
from gridgov.common.observability import context, metrics, tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gridgov.settings")

# name of the task: seconds between two runs
BEAT_SECONDS: dict[str, float] = {
    "common.heartbeat": 10,
    "dispatch.deliver_pending": 5,
    "dispatch.sweep_clocks": 2,
    "dispatch.send_notices": 10,
    "dispatch.limits_due": 30,
    "dispatch.resume_due": 30,
    "dispatch.decide_requests_due": 30,
    "dispatch.evaluate_due": 300,
    "dispatch.make_checkpoint": 60,
    "dispatch.place_again": 10,
    "dispatch.audit_loop": 900,
    "dispatch.discard_uploads": 3600,
    "dispatch.tidy_desks": 3600,
    "accounts.tidy": 3600,
    "personnel.sync_members": 3600,
    "reporting.assess_due": 3600,
    "reporting.export_due": 5,
    "reporting.discard_exports": 3600,
    "reporting.renew_boards": 5,
    "reporting.discard_boards": 3600,
}


# A heartbeat says when beat sent it, so that the age of beat itself is known.
_KWARGS = {"common.heartbeat": {"sent_at": BeatLazyFunc(time.time)}}


class StartNow(Scheduler):
    """Keeps its schedule in memory and runs every entry once at the start.

    All entries are "look now" tasks that may run too often; a scheduler that waited one interval first would, when
    restarted often, never run the hourly ones.
    """

    def setup_schedule(self) -> None:
        super().setup_schedule()
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now() - entry.schedule.run_every


def _schedule() -> dict[str, dict[str, Any]]:
    # A run that nobody fetched by then is dropped: after an outage one sweep is enough.
    return {
        name: {
            "task": name,
            "schedule": timedelta(seconds=seconds),
            "kwargs": _KWARGS.get(name, {}),
            "options": {"expires": max(seconds * 2, 10)},
        }
        for name, seconds in BEAT_SECONDS.items()
    }


def _configuration() -> dict[str, Any]:
    """Read at the first use; a worker or beat without secrets ends here."""
    refuse_unsound_deployment()
    conf: dict[str, Any] = {
        "beat_schedule": _schedule(),
        "beat_scheduler": "gridgov.celery:StartNow",
        "beat_max_loop_interval": 5,
        "timezone": settings.TIME_ZONE,
        "enable_utc": True,
        "task_ignore_result": True,
        "result_expires": None,
        # Acknowledged when done: a worker that dies in a task leaves it to another.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        # A caller never waits for a dead broker: what it would have said is found by the sweep.
        "task_publish_retry": False,
        "worker_hijack_root_logger": False,
        "broker_connection_retry_on_startup": True,
    }
    if settings.REDIS_URL:
        conf |= {
            "broker_url": settings.REDIS_URL,
            "worker_prefetch_multiplier": 4,
            # Seconds after which the tasks of a worker that died are given to another; none of ours runs so long.
            "broker_transport_options": {"visibility_timeout": 600, "socket_connect_timeout": 2, "socket_timeout": 10},
        }
    else:
        conf |= {
            "broker_url": "memory://localhost//",
            # The in-process queue is polled: without these two it moves 15 tasks a second.
            "worker_prefetch_multiplier": 64,
            "broker_transport_options": {"polling_interval": 0.02},
        }
    return conf


_reporters: list[Any] = []
_under_way = threading.local()


@task_prerun.connect
def _task_begins(task_id: str, task: Any, **_signal: Any) -> None:
    """What the task logs, and the statements it sends, are known to be its."""
    if not hasattr(_under_way, "stack"):
        _under_way.stack = []
    at_work = context.at_work(context.Work(task_id[:64], where=task.name))
    at_work.__enter__()
    _under_way.stack.append((at_work, time.perf_counter()))


@task_postrun.connect
def _task_ended(task: Any, state: str | None = None, **_signal: Any) -> None:
    at_work, began = _under_way.stack.pop()
    metrics.tasks.labels(task.name, state or "-").inc()
    metrics.task_seconds.labels(task.name).observe(time.perf_counter() - began)
    at_work.__exit__(None, None, None)


@worker_init.connect
@beat_init.connect
def _serves_metrics(sender: Any = None, **_signal: Any) -> None:
    """Workers and beat serve no pages: where a port is set their figures are read there."""
    if settings.METRICS_PORT:
        registry = CollectorRegistry()
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            MultiProcessCollector(registry)
            start_http_server(settings.METRICS_PORT, registry=registry)
        else:
            start_http_server(settings.METRICS_PORT)


@worker_process_init.connect
def _worker_begins(**_signal: Any) -> None:
    _tell("worker")


@beat_init.connect
def _beat_begins(**_signal: Any) -> None:
    _tell("beat")
    # Celery tells nobody that beat ends
    atexit.register(_ends)


@worker_process_shutdown.connect
def _ends(**_signal: Any) -> None:
    """The processes' list is without this one."""
    for reporter in _reporters:
        reporter.stop()


def _tell(kind: str) -> None:
    # models are there only now
    from gridgov.common.observability.processes import Reporter  # noqa: PLC0415

    tracing.start(kind)
    reporter = Reporter(kind)
    _reporters.append(reporter)
    reporter.start()


app = Celery("gridgov")
app.add_defaults(_configuration)
app.autodiscover_tasks()
