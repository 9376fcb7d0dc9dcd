"""Django's SQLite backend with WAL, immediate transactions and a queue for writers.

True of every connection: the outermost ``atomic`` and every single write outside one hold the database's
:class:`~gridgov.sqlite.writelock.WriteLock` from before BEGIN IMMEDIATE to after COMMIT or ROLLBACK, so nobody meets
"database is locked" unless a writer holds on for longer than the timeout (20 s). Reads take no lock. Foreign keys
are enforced, triggers fire for the DELETE hidden in INSERT OR REPLACE too.
"""

import re
from collections.abc import Callable
from typing import Any

from django.db.backends.sqlite3 import base

from gridgov.sqlite import writelock

Database = base.Database

TIMEOUT_SECONDS = 20

_PRAGMAS = ("PRAGMA synchronous=NORMAL", "PRAGMA recursive_triggers=ON", "PRAGMA foreign_keys=ON")
# What begins with none of these is taken for a read, as is transaction control.
_WRITES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|CREATE|ALTER|DROP|REINDEX|ANALYZE|VACUUM)\b", re.IGNORECASE)
_WRITES_AFTER_WITH = re.compile(r"\s*WITH\b.*\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE | re.DOTALL)


class Cursor(base.SQLiteCursorWrapper):
    """Queues a single write that stands outside a transaction."""

    wrapper: "DatabaseWrapper"

    def execute(self, query: str, params: Any = None) -> Any:
        return self._queued(query, super().execute, query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        return self._queued(query, super().executemany, query, param_list)

    def _queued(self, query: str, run: Callable[..., Any], *args: Any) -> Any:
        if self.connection.in_transaction or not (_WRITES.match(query) or _WRITES_AFTER_WITH.match(query)):
            return run(*args)
        with self.wrapper.holding_write_lock():
            return run(*args)


class _Holding:
    def __init__(self, wrapper: "DatabaseWrapper") -> None:
        self.wrapper = wrapper

    def __enter__(self) -> None:
        self.taken = self.wrapper.take_write_lock()

    def __exit__(self, *exc: object) -> None:
        if self.taken:
            self.wrapper.free_write_lock()


class DatabaseFeatures(base.DatabaseFeatures):
    """What every SQLite that comes with Python 3.11 can do, known without asking it on each connection."""

    supports_json_field = True
    can_introspect_json_field = True
    has_json_object_function = True


class DatabaseWrapper(base.DatabaseWrapper):
    """See the module. The lock is held by at most one connection wrapper and by it at most once."""

    features_class = DatabaseFeatures
    _lock: Any = None
    _holds_lock = False

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        params.setdefault("timeout", TIMEOUT_SECONDS)
        self.transaction_mode = "IMMEDIATE"
        self._timeout = params["timeout"]
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if not self.is_in_memory_db():
            self._lock = writelock.for_database(str(conn_params["database"]))
        connection = super().get_new_connection(conn_params)
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            # The file remembers WAL. Only the first connection has to change it, which needs the file for itself.
            if self._lock and connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                with self.holding_write_lock():
                    connection.execute("PRAGMA journal_mode=WAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def create_cursor(self, name: str | None = None) -> Cursor:
        cursor = self.connection.cursor(factory=Cursor)
        cursor.wrapper = self
        return cursor

    def take_write_lock(self) -> bool:
        """Wait for the lock; False when there is none (in-memory) or this connection has it already."""
        if self._lock is None or self._holds_lock:
            return False
        if not self._lock.acquire(self._timeout):
            raise Database.OperationalError(f"database is locked: no turn to write within {self._timeout} s")
        self._holds_lock = True
        return True

    def free_write_lock(self) -> None:
        """Let the next writer go; nothing when this connection does not hold the lock."""
        if self._holds_lock:
            self._holds_lock = False
            self._lock.release()

    def holding_write_lock(self) -> _Holding:
        return _Holding(self)

    def _start_transaction_under_autocommit(self) -> None:
        with self.wrap_database_errors:
            self.take_write_lock()
        try:
            super()._start_transaction_under_autocommit()
        except BaseException:
            self.free_write_lock()
            raise

    def _commit(self) -> None:
        super()._commit()
        # Not on failure: a refused COMMIT leaves the transaction open, and ROLLBACK follows.
        self.free_write_lock()

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self.free_write_lock()

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            self.free_write_lock()
