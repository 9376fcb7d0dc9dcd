"""Deadlocks on PostgreSQL: locks taken in one order, and a new beginning for who was ended all the same.

Two transactions that lock the same rows in different orders wait for each other until the database ends one of them.
Whoever locks many rows therefore locks them in the order of their ids (:func:`lock`), as a merge locks its two cases;
what is ended nevertheless has written nothing and begins again (:func:`begun_again`). SQLite has one writer at a time
and no deadlocks.
"""

import logging
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import QuerySet

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: deadlock_detected and serialization_failure
_CODES = frozenset({"40P01", "40001"})
TIMES = 5
#: At most so long between two beginnings, so that the two do not meet again.
PAUSE_SECONDS = 0.05


def is_deadlock(error: BaseException) -> bool:
    """Whether the database ended the transaction so that another could go on."""
    return isinstance(error, DatabaseError) and getattr(error.__cause__, "pgcode", None) in _CODES


def may_begin_again(error: BaseException) -> bool:
    """Whether nothing stands of what failed, and it is ours to begin again: a transaction around it is not."""
    return is_deadlock(error) and not connection.in_atomic_block


def begun_again(work: Callable[[], T]) -> T:
    """What ``work`` returns; begun again, a few times, where a deadlock ended it.

    ``work`` is one transaction, or reads anew what it is about.
    """
    for left in reversed(range(TIMES)):
        try:
            return work()
        except OperationalError as error:
            if not left or not may_begin_again(error):
                raise
            logger.info("a deadlock ended a transaction, which is begun again")
            time.sleep(random.uniform(0, PAUSE_SECONDS))
    raise AssertionError


def lock(rows: QuerySet[Any]) -> None:
    """The rows are ours until the transaction ends, locked in the order of their ids, as an UPDATE would lock them.

    Call inside a transaction, before an UPDATE of more than one row. Nothing on SQLite, where the writer is alone.
    """
    if connection.features.has_select_for_update_of:
        list(rows.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))


def update(rows: QuerySet[Any], **values: Any) -> int:
    """The rows have the values, in a transaction in which they were locked in the order of their ids; how many."""

    def write() -> int:
        with transaction.atomic():
            lock(rows)
            return rows.update(**values)

    return begun_again(write) if connection.features.has_select_for_update_of else rows.update(**values)
