"""Ending work between any two of its writes: an error of the database, or the death of the process.

A wrapper of the connection counts the statements that write. Before the chosen one, or at the end of the transaction,
it raises. After a *death* nothing more reaches the database but what undoes the transaction, as when a process is
killed and the server rolls it back: no ``finally`` and no error handling may tidy up.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from django.db import OperationalError, connection, transaction

WRITES = ("INSERT", "UPDATE", "DELETE")
#: What undoes a transaction within the test's own.
UNDOES = ("ROLLBACK", "RELEASE")


class Death(BaseException):
    """The process is no more."""


class Fault:
    """Counts writes; at the ``at``-th (0: never) it raises. ``at`` past the last write is the commit."""

    def __init__(self, at: int = 0, *, death: bool = False) -> None:
        self.at, self.death = at, death
        self.writes = 0
        self.struck = False

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        said = str(sql)  # of a prepared one what it means
        verb = said.lstrip().partition(" ")[0].upper()
        if self.struck and self.death:
            if verb in UNDOES:
                return execute(sql, params, many, context)
            raise Death(verb)
        writes = verb in WRITES or (verb == "WITH" and " UPDATE " in said)
        # the end of each transaction of the work is a point, too: within the test's own it is a savepoint
        if writes or verb == "RELEASE":
            self.writes += 1
            if self.writes == self.at:
                self.struck = True
                # an error at the end must look like one of the database, or Django leaves the savepoint as it is
                raise Death(said[:60]) if self.death and writes else OperationalError("ended by the test")
        return execute(sql, params, many, context)


def count(work: Callable[[], Any]) -> int:
    """How many points the work has at which it can be ended; what it did is undone."""
    fault = Fault()
    with undone(), connection.execute_wrapper(fault), _alone():
        work()
    return fault.writes


@contextlib.contextmanager
def undone() -> Iterator[None]:
    """Whatever the block does to the database is undone after it."""
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """What is in no transaction of the work ends alone, as in life: the test's own transaction goes on after it.

    A single statement marks nothing that was before it. A transaction of Django's own that would join the one around
    it (``savepoint=False``) is one by itself.
    """
    depth, marking, atomic = len(connection.savepoint_ids), transaction.mark_for_rollback_on_error, transaction.atomic

    def is_outside() -> bool:
        return len(connection.savepoint_ids) == depth

    def marked(using: str | None = None) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if is_outside() else marking(using)

    def begun(using: Any = None, savepoint: bool = True, durable: bool = False) -> Any:
        return atomic(using, savepoint or is_outside(), durable)

    with (
        mock.patch.object(transaction, "mark_for_rollback_on_error", marked),
        mock.patch.object(transaction, "atomic", begun),
    ):
        yield


def strike(work: Callable[[], Any], at: int, *, death: bool) -> bool:
    """The work is ended at that point; whether it was. What it had committed before stays, as in life."""
    fault = Fault(at, death=death)
    try:
        with connection.execute_wrapper(fault), _alone():
            work()
    except (Death, OperationalError):
        pass
    if connection.needs_rollback:
        # a single statement with a transaction of its own: there was nothing before it to undo
        transaction.set_rollback(False)
    return fault.struck
