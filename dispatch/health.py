"""Whether the product works, for /healthz, /readyz and /ops/. Each part says how it is; one that failed makes the
whole ill."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import KombuError

from dispatch import delivery
from dispatch.models import NoticeDelivery
from gridgov.common import clock, heartbeat
from grids.models import IndexRevision
from grids.spatial import areas
from incidents import sweep
from incidents.models import JournalEntry

OK, WARNING, FAILED = "ok", "warning", "failed"
#: Worker and beat give a sign of life every 10 s, the sweep every 2 s.
SILENT_SECONDS = 60.0
#: So late a step may fire, an entry be delivered or an area be seen before something is wrong.
LATE_SECONDS = 60.0


@dataclass(slots=True)
class Health:
    """The parts by name, each a dict with ``status`` (ok, warning, failed) and figures."""

    parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def is_healthy(self) -> bool:
        """Nothing failed. Warnings (parked entries, failed notices) wait for a person, not for a restart."""
        return all(part["status"] != FAILED for part in self.parts.values())

    def as_json(self) -> dict[str, Any]:
        return {"healthy": self.is_healthy, "parts": self.parts}


def report() -> Health:
    """How every part is now. Raises nothing: a part that cannot be asked has failed."""
    health = Health()
    health.parts["database"] = _asked(_database)
    health.parts["broker"] = _asked(_broker)
    if health.parts["database"]["status"] == FAILED:
        return health
    health.parts |= _asked_beats()
    health.parts["index"] = _asked(_index)
    health.parts["sweep_lag"] = _asked(_sweep_lag)
    health.parts["delivery"] = _asked(_delivery)
    health.parts["parked"] = _asked(_parked)
    health.parts["notices"] = _asked(_notices)
    return health


def readiness() -> Health:
    """Whether this process can serve pages: the database answers and has the schema of this code.

    Redis and the other parts are told as warnings: pages work without them, and to take every web process out of
    service because a worker died would make one fault two. Raises nothing.
    """
    health = Health()
    health.parts["database"] = _asked(_database)
    broker = _asked(_broker)
    health.parts["redis"] = broker | {"status": WARNING} if broker["status"] == FAILED else broker
    if health.parts["database"]["status"] == FAILED:
        return health
    health.parts["migrations"] = _asked(_migrations)
    for name, part in _asked_beats().items():
        health.parts[name] = part | {"status": WARNING} if part["status"] == FAILED else part
    return health


_is_migrated = False


def _migrations() -> dict[str, Any]:
    """Once found applied they stay so for this process: the answer is looked for no more."""
    global _is_migrated
    if not _is_migrated:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            return {"status": FAILED, "missing": len(missing)}
        _is_migrated = True
    return {"status": OK}


def _asked(part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return part()
    except (Error, KombuError, OSError) as error:
        return {"status": FAILED, "error": type(error).__name__}


def _database() -> dict[str, Any]:
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return {"status": OK, "vendor": connection.vendor, "ms": round((time.perf_counter() - started) * 1000, 2)}


def _broker() -> dict[str, Any]:
    if not settings.REDIS_URL:
        return {"status": OK, "kind": "memory"}
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
    return {"status": OK, "kind": "redis"}


def _asked_beats() -> dict[str, dict[str, Any]]:
    try:
        ages = heartbeat.ages()
    except Error as error:
        ages, failure = {}, type(error).__name__
    else:
        failure = ""
    found: dict[str, dict[str, Any]] = {}
    for name in ("worker", "beat", "sweep"):
        age = ages.get(name)
        alive = age is not None and age < SILENT_SECONDS
        found[name] = {"status": OK if alive else FAILED, "age_seconds": round(age, 1) if age is not None else None}
        if failure:
            found[name]["error"] = failure
    return found


def _index() -> dict[str, Any]:
    held = areas.index().revision
    stored = IndexRevision.objects.values_list("value", flat=True).first() or 0
    # a process reads the new areas within a second or two of their change
    return {"status": OK if held == stored else WARNING, "revision": held, "stored": stored}


def _lag(since: Any) -> dict[str, Any]:
    seconds = max(0.0, (clock.now() - since).total_seconds()) if since is not None else 0.0
    return {"status": OK if seconds < LATE_SECONDS else FAILED, "seconds": round(seconds, 1)}


def _sweep_lag() -> dict[str, Any]:
    return _lag(sweep.oldest_due(clock.now()))


def _delivery() -> dict[str, Any]:
    """How long the entry waits that waits longest for its first try."""
    waiting = JournalEntry.objects.filter(
        delivered_at__isnull=True, parked_at__isnull=True, attempt_count=0, next_try_at__lte=clock.now()
    )
    held = JournalEntry.objects.filter(delivered_at__isnull=True, parked_at__isnull=False).values("incident_id")
    oldest = waiting.exclude(incident__in=held).order_by("next_try_at").values_list("next_try_at", flat=True).first()
    return _lag(oldest)


def _parked() -> dict[str, Any]:
    count = delivery.parked_count()
    return {"status": WARNING if count else OK, "count": count}


def _notices() -> dict[str, Any]:
    count = NoticeDelivery.objects.filter(state=NoticeDelivery.State.FAILED).count()
    return {"status": WARNING if count else OK, "failed": count}
