"""What the thread is at work on, for log lines and for blame of slow statements (pure)."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

#: What a caller may choose as the id of a request: nothing that could break a log line or a header.
_GIVEN = re.compile(r"[0-9A-Za-z._-]{8,64}")


@dataclass(slots=True)
class Work:
    """A request or a task under way. ``where``: its route or the task's name; ``case``: the case's number if known."""

    request_id: str
    where: str = ""
    case: str = ""
    user_id: int | None = None
    statements: int = 0
    database_seconds: float = 0.0


_work: ContextVar[Work | None] = ContextVar("work", default=None)


def current() -> Work | None:
    """What this thread is at work on, if anything."""
    return _work.get()


def request_id_of(given: str) -> str:
    """The caller's id where it is fit for a log, else a new one."""
    return given if _GIVEN.fullmatch(given) else secrets.token_hex(16)


@contextmanager
def at_work(work: Work) -> Iterator[Work]:
    """Within the block the thread is at ``work``."""
    token = _work.set(work)
    try:
        yield work
    finally:
        _work.reset(token)


def about(case: str) -> None:
    """From here on the thread's work is about the case ``case``."""
    work = _work.get()
    if work is not None:
        work.case = case
