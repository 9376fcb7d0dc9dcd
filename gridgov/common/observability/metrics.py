"""What Prometheus reads. Counters of this process, or of all processes that share ``PROMETHEUS_MULTIPROC_DIR``.

Labels are routes, task names and states: never a person, a case or an area, so that their number is bounded.
"""

import os
from collections.abc import Iterable, Iterator

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

#: When each series began is of no use to anybody and doubles their number.
disable_created_metrics()

requests = Counter("gridgov_requests", "Answered requests", ["route", "method", "status"])
request_seconds = Histogram(
    "gridgov_request_seconds", "Time from receipt to answer", ["route", "method"], buckets=_SECONDS
)
statements = Counter("gridgov_database_statements", "Statements sent to the database", ["route"])
statement_seconds = Counter("gridgov_database_seconds", "Time waited for the database", ["route"])
slow_statements = Counter("gridgov_slow_statements", "Statements over the limit of the slow statements' page")
tasks = Counter("gridgov_tasks", "Tasks that ended", ["task", "state"])
task_seconds = Histogram("gridgov_task_seconds", "Time that a task took", ["task"], buckets=(*_SECONDS, 30, 60))

#: name, explanation, and values by labels (an empty mapping's key is no label)
Gauge = tuple[str, str, Iterable[tuple[dict[str, str], float]]]


class _Gauges(Collector):
    """Figures that are read when they are asked for: the same whichever process is asked."""

    def __init__(self, gauges: Iterable[Gauge]) -> None:
        self._gauges = list(gauges)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, words, values in self._gauges:
            rows = list(values)
            labels = list(rows[0][0]) if rows else []
            family = GaugeMetricFamily(name, words, labels=labels)
            for given, value in rows:
                family.add_metric([given[label] for label in labels], value)
            yield family


def exposition(gauges: Iterable[Gauge] = ()) -> bytes:
    """All metrics and ``gauges`` in Prometheus' text form."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        own = generate_latest(registry)
    else:
        own = generate_latest(REGISTRY)
    read = CollectorRegistry()
    read.register(_Gauges(gauges))
    return own + generate_latest(read)
