"""Whether an error is the database's, which does not answer, or ours, who asked wrongly.

The first is nobody's fault in the code and passes: whoever asked comes again (503). The second is a fault (500).
"""

import sqlite3
from enum import StrEnum

import psycopg2
from django.db import DatabaseError, Error, InterfaceError, OperationalError


class Outage(StrEnum):
    """BUSY: it answers and ended our statement, nothing of it stands. AWAY: it is not there, or left in the middle."""

    BUSY = "database_busy"
    AWAY = "database_away"


#: query_canceled (its timeout, for one), deadlock_detected, serialization_failure, lock_not_available
_BUSY = frozenset({"57014", "40P01", "40001", "55P03"})
#: admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped (of a copy), too_many_connections
_AWAY = frozenset({"57P01", "57P02", "57P03", "57P04", "53300"})
#: what psycopg2 says, without a code, of a connection that it lost before or within the statement
_LOST = ("connection already closed", "only protocol 3 supported", "error with status PGRES_")


def outage(error: BaseException | None) -> Outage | None:
    """Which of the two, or None for every other error."""
    if not isinstance(error, Error):
        return None
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    code = getattr(cause, "pgcode", None) or ""
    if code in _BUSY:
        return Outage.BUSY
    if code in _AWAY or code.startswith("08"):
        return Outage.AWAY
    if code or not isinstance(cause, psycopg2.Error):
        return None
    # without a code the server said nothing: it could not be reached, or closed the connection
    is_lost = type(error) in (InterfaceError, DatabaseError) and str(error).strip().startswith(_LOST)
    return Outage.AWAY if isinstance(error, OperationalError) or is_lost else None


def _of_sqlite(cause: sqlite3.Error) -> Outage | None:
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        # our own lock of writers says it as SQLite does
        return Outage.BUSY if str(cause).startswith("database is locked") else None
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Outage.BUSY
    return Outage.AWAY if code & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR) else None
