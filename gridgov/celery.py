"""The Celery application and the beat schedule, which is code.

Tasks carry no ETA and no arguments that matter: what is due stands in the database and a task only says "look now".
So a lost, late or repeated task does no harm, and killing every process loses nothing.
"""

import os
from datetime import timedelta
from typing import Any

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gridgov.settings")

# name of the task: seconds between two runs
BEAT_SECONDS: dict[str, float] = {
    "common.heartbeat": 10,
    "dispatch.deliver_pending": 5,
    "dispatch.sweep_clocks": 2,
    "dispatch.resume_due": 30,
    "dispatch.decide_requests_due": 30,
    "dispatch.evaluate_due": 300,
    "dispatch.make_checkpoint": 60,
    "dispatch.place_again": 10,
    "personnel.sync_members": 3600,
}


def _schedule() -> dict[str, dict[str, Any]]:
    # A run that nobody fetched before the next one is due is dropped: after an outage one sweep is enough.
    return {
        name: {"task": name, "schedule": timedelta(seconds=seconds), "options": {"expires": max(seconds * 2, 10)}}
        for name, seconds in BEAT_SECONDS.items()
    }


def _configuration() -> dict[str, Any]:
    conf: dict[str, Any] = {
        "beat_schedule": _schedule(),
        "timezone": settings.TIME_ZONE,
        "enable_utc": True,
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_hijack_root_logger": False,
        "broker_connection_retry_on_startup": True,
        "task_create_missing_queues": True,
    }
    if settings.REDIS_URL:
        conf |= {
            "broker_url": settings.REDIS_URL,
            "worker_prefetch_multiplier": 4,
            # A worker that died gives its tasks back after this many seconds; none of ours runs so long.
            "broker_transport_options": {"visibility_timeout": 600, "socket_connect_timeout": 2, "socket_timeout": 10},
            # A request must not wait for a dead broker: what it would have said is found by the sweep.
            "task_publish_retry": False,
        }
    else:
        conf |= {
            "broker_url": "memory://",
            "worker_prefetch_multiplier": 64,
            "broker_transport_options": {"polling_interval": 0.02},
        }
    return conf


app = Celery("gridgov")
app.add_defaults(_configuration)
app.autodiscover_tasks()
