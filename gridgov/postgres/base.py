"""Django's PostgreSQL backend, two things cheaper at each request.

A kept connection is asked whether it lives by a look at its socket, not by a statement: a server that ended it has said
so there. And :meth:`DatabaseWrapper.run_prepared` runs a statement that the server has parsed and planned before: to
plan one with ten joins costs it several times what the rows cost.
"""

import itertools
import select
from collections.abc import Sequence
from typing import Any

from django.db.backends.postgresql import base
from psycopg2 import errors
from psycopg2.extensions import TRANSACTION_STATUS_INERROR

from gridgov.postgres import Statement

_NUMBERS = itertools.count(1)
#: So many statements are kept on a connection, the last used: each is some 50 to 300 kB of the server's memory.
KEPT = 120


class Call(str):
    """What is sent; shown in logs as the statement that it means."""

    __slots__ = ("means",)
    means: str

    def __str__(self) -> str:
        return self.means


class DatabaseWrapper(base.DatabaseWrapper):
    """See the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: what the server has prepared on the present connection, the last used last
        self._prepared: dict[Statement, str] = {}

    def get_new_connection(self, conn_params: Any) -> Any:
        self._prepared = {}
        return super().get_new_connection(conn_params)

    def is_usable(self) -> bool:
        """Whether the connection can be used. It is asked by a statement only where the server has sent something."""
        raw = self.connection
        if raw is None or raw.closed or raw.get_transaction_status() == TRANSACTION_STATUS_INERROR:
            return False
        waiting = select.poll()
        waiting.register(raw.fileno(), select.POLLIN)
        return not waiting.poll(0) or super().is_usable()

    def run_prepared(self, statement: Statement, values: Sequence[Any]) -> tuple[int, list[tuple[Any, ...]]]:
        """How many rows the statement found or wrote for these values, and what it gave back of them.

        It is prepared at the first time on a connection.

        Where the server knows it no longer, or its tables were changed so that it cannot be run, it is prepared anew;
        within a transaction that is lost with it, so there the error is raised and the next call does so.
        """
        try:
            return self._called(statement, values)
        except base.WrappedDatabaseError as error:
            if not isinstance(error.__cause__, errors.FeatureNotSupported | errors.InvalidSqlStatementName):
                raise
            self._prepared.pop(statement, None)
            if self.in_atomic_block:
                raise
        return self._called(statement, values)

    def _called(self, statement: Statement, values: Sequence[Any]) -> tuple[int, list[tuple[Any, ...]]]:
        marks = f"({', '.join(['%s'] * len(values))})" if values else ""
        with self.cursor() as cursor:
            # after the cursor: it may have been a new connection that it got
            name = self._prepared.pop(statement, "") or self._prepare(cursor, statement)
            self._prepared[statement] = name
            sent = Call(f"EXECUTE {name}{marks}")
            sent.means = statement.text
            cursor.execute(sent, values or None)
            return cursor.rowcount, cursor.fetchall() if cursor.description else []

    def _prepare(self, cursor: Any, statement: Statement) -> str:
        """The statement's name on this connection. The one that was not used for the longest time makes room for it."""
        name = f"gg_{next(_NUMBERS)}"
        forgotten = ""
        if len(self._prepared) >= KEPT:
            forgotten = f"DEALLOCATE {self._prepared.pop(next(iter(self._prepared)))}; "
        kinds = f"({', '.join(statement.kinds)})" if statement.kinds else ""
        # not Django's cursor, which would tell it as a statement of its own
        with self.wrap_database_errors:
            cursor.cursor.execute(f"{forgotten}PREPARE {name}{kinds} AS {statement.text}")
        return name
