"""How the loop is doing in figures, for /metrics and for the page of the system: counts and ages, nothing of a case."""

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, Min, Q

from dispatch.models import NoticeDelivery
from gridgov.common import clock, heartbeat, replica
from gridgov.common.observability import processes
from gridgov.common.observability.metrics import Gauge
from incidents import sweep
from incidents.models import Clock, JournalEntry

#: Counted no further: a long queue is long, and to count it would make it longer.
MANY = 10_000
#: For so long the figures of the last one who asked will do.
FRESH_SECONDS = 3.0

_lock = threading.Lock()
_kept: tuple[float, dict[str, float]] = (float("-inf"), {})


def loop() -> dict[str, float]:
    """The figures as of at most some seconds ago. Five statements, each on a partial index."""
    global _kept
    with _lock:
        at, figures = _kept
        if time.monotonic() - at >= FRESH_SECONDS:
            figures = _read()
            _kept = (time.monotonic(), figures)
    return figures


def forget() -> None:
    """The next one who asks reads."""
    global _kept
    _kept = (float("-inf"), {})


def _read() -> dict[str, float]:
    now = clock.now()
    oldest = sweep.oldest_due(now)
    open_ = Q(parked_at__isnull=True)
    outbox = JournalEntry.objects.filter(delivered_at__isnull=True).aggregate(
        count=Count("pk", filter=open_),
        # when it was written: what it says may be of long before
        oldest=Min("recorded_at", filter=open_),
        failing=Count("pk", filter=open_ & Q(attempt_count__gt=0)),
        parked=Count("pk", filter=~open_),
    )
    notices = NoticeDelivery.objects.filter(state=NoticeDelivery.State.PENDING).aggregate(
        count=Count("pk"), oldest=Min("notice__created_at", filter=Q(next_try_at__lte=now))
    )
    return {
        "due_clocks": Clock.objects.filter(next_step_at__lte=now).order_by()[: MANY + 1].count(),
        "sweep_lag_seconds": max(0.0, (now - oldest).total_seconds()) if oldest is not None else 0.0,
        "outbox_entries": outbox["count"],
        "outbox_age_seconds": (now - outbox["oldest"]).total_seconds() if outbox["oldest"] else 0.0,
        "parked_entries": outbox["parked"],
        "failing_entries": outbox["failing"],
        "pending_notices": notices["count"],
        "notice_age_seconds": (now - notices["oldest"]).total_seconds() if notices["oldest"] else 0.0,
        "failed_notices": NoticeDelivery.objects.filter(state=NoticeDelivery.State.FAILED).count(),
    }


_WORDS = {
    "due_clocks": "Clocks whose next step is due and has not fired (counted up to 10000)",
    "sweep_lag_seconds": "For how long the step has been due that is due the longest",
    "outbox_entries": "Journal entries not yet delivered, parked ones aside",
    "outbox_age_seconds": "Age of the oldest journal entry not yet delivered, parked ones aside",
    "parked_entries": "Journal entries that wait for a person after eight tries",
    "failing_entries": "Journal entries whose delivery failed and is tried again",
    "pending_notices": "Notices that wait to be sent",
    "notice_age_seconds": "Age of the oldest notice that is due to be sent",
    "failed_notices": "Notices that could not be sent",
}


def gauges() -> list[Gauge]:
    """The same figures, heartbeats, processes and streams for Prometheus."""
    figures = loop()
    found: list[Gauge] = [(f"gridgov_{name}", words, [({}, figures[name])]) for name, words in _WORDS.items()]
    beats = [({"part": name}, age) for name, age in sorted(heartbeat.ages().items())]
    found.append(("gridgov_heartbeat_age_seconds", "Seconds since the part's last sign of life", beats))
    living = processes.living()
    found.append(("gridgov_processes", "Processes that gave a sign of life lately, by kind", _by_kind(living)))
    found.append(("gridgov_streams", "Open event streams of all processes", [({}, streams(living))]))
    if replica.ALIAS in replica.settings.DATABASES:
        behind = replica.lag_seconds()
        found.append(("gridgov_replica_up", "Whether the copy for reports answers", [({}, float(behind is not None))]))
        found.append(("gridgov_replica_lag_seconds", "By how much the copy is behind", [({}, behind or 0.0)]))
    return found


def streams(living: Iterable[Any]) -> int:
    """How many event streams the living processes hold."""
    return sum(int(one.figures.get("streams", 0)) for one in _alive(living))


def _alive(living: Iterable[Any]) -> list[Any]:
    now = clock.now()
    return [one for one in living if (now - one.beat_at).total_seconds() < processes.SILENT_SECONDS]


def _by_kind(living: Iterable[Any]) -> list[tuple[Mapping[str, str], float]]:
    counts: dict[str, int] = {}
    for one in _alive(living):
        counts[one.kind] = counts.get(one.kind, 0) + 1
    return [({"kind": kind}, float(count)) for kind, count in sorted(counts.items())]
