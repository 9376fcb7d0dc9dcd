"""Who wants to know at once that the database was changed, by whatever process.

In the embedded default the queue lives in one process, so what a command or a second process writes would wait for
the next run of beat. ``serve`` watches the database file and calls :func:`changed`; with Redis nobody does, and the
beat schedule alone bounds the wait.
"""

import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)

_listeners: list[Callable[[], object]] = []


def on_change(listener: Callable[[], object]) -> Callable[[], object]:
    """Have ``listener`` called, without arguments, soon after any commit by another connection.

    It runs in the watcher's thread, at most five times a second, and must be quick: send a task, drop a cache. It must
    write to the database only when there is something to do, or it would wake itself for ever. May decorate.
    """
    if listener not in _listeners:
        _listeners.append(listener)
    return listener


def forget(listener: Callable[[], object]) -> None:
    """Call ``listener`` no more."""
    if listener in _listeners:
        _listeners.remove(listener)


def changed() -> None:
    """Call every listener; one that fails is logged and does not keep the others from their call."""
    for listener in tuple(_listeners):
        try:
            listener()
        except Exception:
            logger.exception("listener %r failed", listener)
