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

from gridgov.postgres import Statement

_NUMBERS = itertools.count(1)


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
        #: what the server has prepared on the present connection, by its text
        self._prepared: dict[Statement, str] = {}

    def get_new_connection(self, conn_params: Any) -> Any:
        self._prepared = {}
        return super().get_new_connection(conn_params)

    def is_usable(self) -> bool:
        """Whether the connection can be used. It is asked by a statement only where the server has sent something."""
        if self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0) or super().is_usable()

    def run_prepared(self, statement: Statement, values: Sequence[Any]) -> tuple[int, list[tuple[Any, ...]]]:
        """How many rows the statement found or wrote for these values, and what it gave back of them.

        It is prepared at the first time on a connection.

        Where the server knows it no longer, or its tables were changed so that it cannot be run, it is prepared anew;
        within a transaction that is lost with it, so there the error is raised and the next call does so.
        """
        try:
            return self._called(statement, values)
        except (base.Database.DatabaseError, base.WrappedDatabaseError) as error:
            # whatever it was: prepare it anew the next time, under another name
            self._prepared.pop(statement, None)
            cause = error.__cause__ or error
            stale = isinstance(cause, errors.FeatureNotSupported | errors.InvalidSqlStatementName)
            if not stale or self.in_atomic_block:
                raise
        return self._called(statement, values)

    def _called(self, statement: Statement, values: Sequence[Any]) -> tuple[int, list[tuple[Any, ...]]]:
        marks = f"({', '.join(['%s'] * len(values))})" if values else ""
        with self.cursor() as cursor:
            # after the cursor: it may have been a new connection that it got
            name = self._prepared.get(statement)
            if name is None:
                name = f"gg_{next(_NUMBERS)}"
                kinds = f"({', '.join(statement.kinds)})" if statement.kinds else ""
                text = statement.text.replace("%", "%%") if values else statement.text
                sent = Call(f"PREPARE {name}{kinds} AS {text}; EXECUTE {name}{marks}")
            else:
                sent = Call(f"EXECUTE {name}{marks}")
            sent.means = statement.text
            cursor.execute(sent, values or None)
            self._prepared[statement] = name
            return cursor.rowcount, cursor.fetchall() if cursor.description else []
