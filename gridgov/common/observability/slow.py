"""Statements that took long: counted by their text, with the route or task that sent them, for the operations page.

The text is the one with placeholders: values never come here. A statement is noted in memory where it ran and written
to the table by the process's reporter, outside of any request.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.backends.signals import connection_created
from django.db.models import F, Value
from django.db.models.functions import Greatest

from gridgov.common import clock
from gridgov.common.models import SlowStatement
from gridgov.common.observability import context, metrics

#: So many kinds of statements are noted between two writings, and kept in the table.
MANY = 100
KEPT = 300
TEXT_LIMIT = 4000


@dataclass(slots=True)
class _Noted:
    sql: str
    where: str
    count: int = 0
    total_ms: float = 0.0
    worst_ms: float = 0.0
    last_at: datetime | None = None


_noted: dict[str, _Noted] = {}
_lock = threading.Lock()


def watch() -> None:
    """Every connection made from now on is timed. Twice is as once."""
    connection_created.connect(_begin, dispatch_uid="gridgov.slow")


def _begin(sender: Any, connection: Any, **_signal: Any) -> None:
    if _timed not in connection.execute_wrappers:
        connection.execute_wrappers.append(_timed)


def _timed(execute: Callable[..., Any], sql: str, params: Any, many: bool, about: dict[str, Any]) -> Any:
    started = time.perf_counter()
    try:
        return execute(sql, params, many, about)
    finally:
        seconds = time.perf_counter() - started
        work = context.current()
        if work is not None:
            work.statements += 1
            work.database_seconds += seconds
        if seconds * 1000 >= settings.SLOW_STATEMENT_MS > 0:
            note(str(sql), ms=seconds * 1000, where=work.where if work else "")


def note(sql: str, *, ms: float, where: str) -> None:
    """The statement took ``ms``; it is in the table after the next :func:`write`."""
    metrics.slow_statements.inc()
    key = hashlib.sha256(sql.encode("utf-8", "replace")).hexdigest()[:32]
    with _lock:
        noted = _noted.get(key)
        if noted is None:
            if len(_noted) >= MANY:
                return
            noted = _noted[key] = _Noted(sql[:TEXT_LIMIT], where)
        noted.count += 1
        noted.total_ms += ms
        if ms >= noted.worst_ms:
            noted.worst_ms, noted.where = ms, where
        noted.last_at = clock.now()


def write() -> int:
    """What was noted is in the table, the least recent beyond ``KEPT`` gone; how many kinds were written."""
    with _lock:
        taken = dict(_noted)
        _noted.clear()
    for key, one in taken.items():
        found = SlowStatement.objects.filter(fingerprint=key)
        if not found.update(
            count=F("count") + one.count,
            total_ms=F("total_ms") + one.total_ms,
            worst_ms=Greatest(F("worst_ms"), Value(one.worst_ms)),
            place=one.where[:200],
            last_at=one.last_at,
        ):
            SlowStatement.objects.bulk_create(
                [
                    SlowStatement(
                        fingerprint=key, sql=one.sql, place=one.where[:200], count=one.count, total_ms=one.total_ms,
                        worst_ms=one.worst_ms, last_at=one.last_at,
                    )
                ],
                ignore_conflicts=True,
            )  # fmt: skip
    if taken:
        old = list(SlowStatement.objects.order_by("-last_at").values_list("pk", flat=True)[KEPT : KEPT + MANY])
        if old:
            SlowStatement.objects.filter(pk__in=old).delete()
    return len(taken)
