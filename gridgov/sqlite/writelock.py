"""One writer at a time, first come first served.

SQLite lets one connection write; the others poll with growing naps, so that under load some wait for seconds. Here
writers queue before they touch the database: threads of a process in strict order, processes by two file locks.
The kernel frees a file lock when its holder dies, so a killed process blocks nobody.
"""

import fcntl
import os
import threading
import time
from collections import deque

# A writer's turn lasts a few milliseconds. Processes look this often: all alike, so that none is favoured, and
# not by a blocking call, which could not be given up after the timeout.
_NAP = 0.0003


class _Queue:
    """A lock that is handed to whoever has waited longest."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        with self._guard:
            if not self._held:
                self._held = True
                return True
            ticket = threading.Lock()
            ticket.acquire()
            self._waiting.append(ticket)
        if ticket.acquire(timeout=max(timeout, 0)):
            return True
        with self._guard:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                return False
        return True  # it was handed to us between the two

    def release(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


class WriteLock:
    """The write lock of one database file, shared by all threads of this process and by all processes.

    ``<file>-turn`` is taken while waiting for ``<file>-write``, so that a process with many threads cannot take the
    lock again ahead of a process that waits. Not reentrant.
    """

    def __init__(self, database: str) -> None:
        self._paths = (f"{database}-turn", f"{database}-write")
        self._queue = _Queue()
        self._files: tuple[int, int] | None = None

    def acquire(self, timeout: float) -> bool:
        """True when this thread is the only writer now; False when ``timeout`` seconds passed without that."""
        deadline = time.monotonic() + timeout
        if not self._queue.acquire(timeout):
            return False
        try:
            turn, write = self._open()
            if _lock(turn, deadline):
                try:
                    if _lock(write, deadline):
                        return True
                finally:
                    fcntl.flock(turn, fcntl.LOCK_UN)
        except BaseException:
            self._queue.release()
            raise
        self._queue.release()
        return False

    def release(self) -> None:
        """The next writer may go."""
        try:
            if self._files is not None:
                fcntl.flock(self._files[1], fcntl.LOCK_UN)
        finally:
            self._queue.release()

    def _open(self) -> tuple[int, int]:
        if self._files is None:
            turn, write = (os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644) for path in self._paths)
            self._files = (turn, write)
        return self._files

    def forget(self) -> None:
        """After a fork: the child shares no file lock with its parent and waits for none of its threads."""
        if self._files is not None:
            for descriptor in self._files:
                os.close(descriptor)
        self._files = None
        self._queue = _Queue()


def _lock(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
        time.sleep(_NAP)


_locks: dict[str, WriteLock] = {}
_locks_guard = threading.Lock()


def for_database(path: str) -> WriteLock:
    """The lock of the database file ``path``; the same object for the same file."""
    path = os.path.realpath(path)
    with _locks_guard:
        return _locks.setdefault(path, WriteLock(path))


def _after_fork() -> None:
    global _locks_guard
    _locks_guard = threading.Lock()
    for lock in _locks.values():
        lock.forget()


os.register_at_fork(after_in_child=_after_fork)
