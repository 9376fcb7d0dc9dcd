"""Whose a session is, and whether it still holds: asked in sets, by one thread with one database connection.

However many streams are open, none keeps a thread or a connection. Those who come are let in together, and those who
are in are looked at again in turns: after a logout, a new password, the end of a posting or of the day its stream
ends, or hears by what he may see now, within :data:`AGAIN_SECONDS`.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import Error, connections
from django.utils.crypto import constant_time_compare

from dispatch.actors import actors_of
from dispatch.live.audience import viewer_of
from dispatch.live.hub import Viewer
from gridgov.common import clock

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 15
TOGETHER = 500


def viewers_of(keys: Collection[str]) -> dict[str, Viewer]:
    """The people behind the session keys as of now; a key that holds no more is missing. Three statements at most."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    rows = store.get_model_class().objects.filter(session_key__in=list(keys), expire_date__gt=clock.now())
    decoder = store()
    said: dict[str, tuple[int, str]] = {}
    for key, data in rows.values_list("session_key", "session_data"):
        session = decoder.decode(data)
        user_id, hash_ = session.get(SESSION_KEY), session.get(HASH_SESSION_KEY)
        known = session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        if known and hash_ and str(user_id).isdecimal():
            said[key] = (int(user_id), hash_)
    people: dict[int, tuple[Viewer, list[str]]] = {}
    for user, actor in actors_of({user_id for user_id, _hash in said.values()}):
        people[user.pk] = (viewer_of(actor), [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()])
    return {
        key: people[user_id][0]
        for key, (user_id, hash_) in said.items()
        if user_id in people and any(constant_time_compare(hash_, right) for right in people[user_id][1])
    }


class Door:
    """The thread. Between those who come it calls ``turn`` each second, in which who is in is looked at again."""

    def __init__(self, turn: Callable[[], object], *, every: float = 1.0) -> None:
        self._turn = turn
        self._every = every
        self._coming: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def start(self) -> None:
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="live-door", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nobody is let in any more, nobody is looked at."""
        self._stopping = True
        self._coming.put(None)
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def is_open(self) -> bool:
        return self._thread is not None and not self._stopping

    async def admit(self, key: str) -> Viewer | None:
        """The person behind the session key; None if it does not hold. OSError if that cannot be told now."""
        if not self.is_open:
            raise ConnectionError("the door is closed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Viewer | None] = loop.create_future()
        self._coming.put((key, loop, answer))
        return await answer

    def _run(self) -> None:
        due = time.monotonic() + self._every
        while not self._stopping:
            self._let_in(self._waiting(max(0.0, due - time.monotonic())))
            if time.monotonic() >= due:
                due = time.monotonic() + self._every
                try:
                    self._turn()
                except Exception:
                    logger.exception("cannot look at the sessions; tried again")
                    connections.close_all()
        self._let_in(self._waiting(0.0), refuse=True)
        connections.close_all()

    def _waiting(self, patience: float) -> list[Any]:
        found: list[Any] = []
        try:
            found.append(self._coming.get(timeout=patience) if patience else self._coming.get_nowait())
            while len(found) < TOGETHER:
                found.append(self._coming.get_nowait())
        except queue.Empty:
            pass
        return [one for one in found if one is not None]

    def _let_in(self, coming: list[Any], *, refuse: bool = False) -> None:
        if not coming:
            return
        error: Exception | None = ConnectionError("the door is closed") if refuse else None
        viewers: dict[str, Viewer] = {}
        if error is None:
            try:
                viewers = viewers_of({key for key, _loop, _answer in coming})
            except Error as failed:
                logger.warning("cannot read the sessions", exc_info=True)
                connections.close_all()
                error = ConnectionError(str(failed))
        by_loop: dict[Any, list[tuple[Any, Viewer | None]]] = {}
        for key, loop, answer in coming:
            by_loop.setdefault(loop, []).append((answer, viewers.get(key)))
        for loop, answers in by_loop.items():
            try:
                loop.call_soon_threadsafe(_answer, answers, error)
            except RuntimeError:
                logger.debug("the loop of %d who came is over", len(answers))


def _answer(answers: list[tuple[Any, Viewer | None]], error: Exception | None) -> None:
    for answer, viewer in answers:
        if answer.done():
            continue
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(viewer)
