"""Notices commits by any other connection to the database file, of this process or another."""

import logging
from collections.abc import Callable

from django.db import Error, connection

from gridgov.common.background import Background

logger = logging.getLogger(__name__)


class Watcher(Background):
    """A thread that reads ``PRAGMA data_version`` every ``seconds`` and calls ``changed`` when it moved.

    The number is the connection's own view: it moves on commits of other connections only. Reading it costs some
    microseconds and takes no lock.
    """

    def __init__(self, changed: Callable[[], object], *, seconds: float = 0.2) -> None:
        self._changed = changed
        self._seconds = seconds
        super().__init__("database-watcher")

    def _run(self) -> None:
        seen = None
        while not self._stop.wait(self._seconds):
            try:
                # Opened in this thread and kept: a new connection would count from its own beginning.
                with connection.cursor() as cursor:
                    version = cursor.execute("PRAGMA data_version").fetchone()[0]
            except Error:
                logger.exception("cannot read the version of the database")
                connection.close()
                seen = None
                continue
            if version != seen:
                seen = version
                self._changed()
        connection.close()
