"""One at a time in a deployment: for what a guarded UPDATE of one row cannot hold, because it counts many.

PostgreSQL's advisory locks, which end with the transaction or the connection. On SQLite the writer is alone within a
transaction, and a locked file in the data folder, which ends with the process, is the rest.
"""

import fcntl
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.db import Error, connection

_LOOK_SECONDS = 0.5


def wait_for(name: str) -> None:
    """Until the transaction ends nobody else is at ``name``; what others did there before is seen from now on.

    Call first in the transaction.
    """
    assert connection.in_atomic_block
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_number(name)])


@contextmanager
def alone(name: str, *, patience: float = 0.0) -> Iterator[bool]:
    """Whether nobody is at ``name``, waited for up to ``patience`` seconds: then nobody comes while the block runs.

    For work that is no single transaction. Whoever dies in it is in nobody's way.
    """
    until = time.monotonic() + patience
    with (_on_postgresql if connection.vendor == "postgresql" else _by_file)(name, until) as mine:
        yield mine


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"gridgov {name}".encode()).digest()[:8], signed=True)


@contextmanager
def _on_postgresql(name: str, until: float) -> Iterator[bool]:
    number = _number(name)

    def ask(function: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [number])
            return bool(cursor.fetchone()[0])

    while not (mine := ask("pg_try_advisory_lock")) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    try:
        yield mine
    finally:
        if mine:
            # a connection that was lost meanwhile holds nothing
            with suppress(Error):
                ask("pg_advisory_unlock")


@contextmanager
def _by_file(name: str, until: float) -> Iterator[bool]:
    folder = Path(settings.DATA_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("ab") as file:
        while not (mine := _locked(file.fileno())) and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        # closed, the file is free
        yield mine


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
