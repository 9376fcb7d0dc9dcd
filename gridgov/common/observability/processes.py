"""Which processes of the deployment live, each by its own word: a row a process, renewed every ten seconds.

A killed process leaves its row, which grows old and is removed after a day.
"""

import logging
import os
import platform
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db import Error, connections

from gridgov.common import clock
from gridgov.common.background import Background
from gridgov.common.models import ProcessReport
from gridgov.common.observability import slow

logger = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
#: Silent for this long a process is taken for dead.
SILENT_SECONDS = 45.0
KEPT = timedelta(days=1)

Figures = Callable[[], Mapping[str, Any]]


def _nothing() -> Mapping[str, Any]:
    return {}


class Reporter(Background):
    """A part of a process that says that it lives and writes its slow statements. ``start`` after any fork."""

    def __init__(self, kind: str, figures: Figures = _nothing, *, every: float = EVERY_SECONDS) -> None:
        self._kind = kind
        self._figures = figures
        self._every = every
        self._began = clock.now()
        super().__init__("process-reporter")

    def _run(self) -> None:
        while True:
            self.tell()
            if self._stop.wait(self._every):
                break
        try:
            ProcessReport.objects.filter(kind=self._kind, host=_host(), pid=os.getpid()).delete()
        except Error:
            logger.warning("the end of the process could not be written", exc_info=True)
        connections.close_all()

    def tell(self) -> None:
        """The row of this process is as of now. A database that does not answer is logged: the next time comes."""
        try:
            report(self._kind, began=self._began, figures=self._figures())
            slow.write()
        except Error:
            logger.warning("the sign of life of the process could not be written", exc_info=True)
        finally:
            # a process that forks later must not hand on an open connection; and one in ten seconds costs nothing
            connections.close_all()


def _host() -> str:
    return platform.node()[:60]


def report(kind: str, *, began: Any = None, figures: Mapping[str, Any] | None = None) -> None:
    """This process lives now. One statement, two when it is new."""
    now = clock.now()
    mine = {"kind": kind, "host": _host(), "pid": os.getpid()}
    values = {"beat_at": now, "figures": dict(figures or {})}
    if not ProcessReport.objects.filter(**mine).update(**values):
        ProcessReport.objects.filter(beat_at__lt=now - KEPT).delete()
        ProcessReport.objects.bulk_create(
            [ProcessReport(**mine, **values, began_at=began or now)],
            update_conflicts=True,
            unique_fields=["kind", "host", "pid"],
            update_fields=["beat_at", "figures"],
        )


def living() -> list[ProcessReport]:
    """The processes that gave a sign of life within the last day, by kind. One statement."""
    return list(ProcessReport.objects.filter(beat_at__gte=clock.now() - KEPT).order_by("kind", "host", "pid"))
