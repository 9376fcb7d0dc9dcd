"""Reports read from a copy of the database that follows it, where ``DATABASE_REPLICA_URL`` names one.

Only what stands in a :func:`reading` block, and only reads by the ORM: everything else, the loop, sessions, sign-in,
writes, stays with the database itself. Who has just written something reads it there, too; and so does everybody while
the copy lags or does not answer. A page in whose middle the copy leaves is read once more, from the database itself.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import Error, connections
from django.db.models import Max
from django.http import HttpRequest, HttpResponse

from gridgov.common.outages import outage

logger = logging.getLogger(__name__)

ALIAS = "replica"
#: For so long the answer of the copy about itself is believed.
LOOK_SECONDS = 5.0
COOKIE = "gg_wrote"
#: query_canceled
_TOOK_TOO_LONG = "57014"

_reads_there: ContextVar[bool] = ContextVar("reads_there", default=False)
_lock = threading.Lock()
_looked_at = float("-inf")
_is_well = False


class Router:
    """Where a query goes. Never does the copy get a write or a migration."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return ALIAS if _reads_there.get() else None

    def db_for_write(self, model: Any, **hints: Any) -> str:
        # from here on the block would not see what it wrote
        if _reads_there.get():
            _reads_there.set(False)
        return "default"

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db != ALIAS


@contextmanager
def reading(*, after_write: bool = False) -> Iterator[str]:
    """Within the block the ORM reads from the copy, if there is one and it is well; the alias that is read.

    ``after_write``: whoever reads has just written, and must find it. A write within the block sends the rest of its
    reads to the database itself. Where the copy does not answer within the block, nobody asks it for
    :data:`LOOK_SECONDS`, and the error is the caller's.
    """
    there = not after_write and is_well()
    token = _reads_there.set(there)
    try:
        yield ALIAS if there else "default"
    except Error as error:
        if there and is_of_copy(error):
            _mistrust(error)
        raise
    finally:
        _reads_there.reset(token)


def reads(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """``view`` is a report: it reads from the copy, unless who asks has just written.

    It only reads: where the copy does not answer, it is called once more and reads from the database itself.
    """

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        alias = "default"
        try:
            with reading(after_write=COOKIE in request.COOKIES) as alias:
                return view(request, *args, **kwargs)
        except Error as error:
            if alias != ALIAS or not is_of_copy(error):
                raise
        with reading(after_write=True):
            return view(request, *args, **kwargs)

    return shown


class ReadYourWrites:
    """Who has written something is known by a cookie for as long as the copy may lag."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if ALIAS in settings.DATABASES and request.method not in ("GET", "HEAD", "OPTIONS"):
            response.set_cookie(
                COOKIE, "1", max_age=settings.REPLICA_LAG_SECONDS + int(LOOK_SECONDS), httponly=True, samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )  # fmt: skip
        return response


def is_well() -> bool:
    """Whether there is a copy that answers and is at most ``REPLICA_LAG_SECONDS`` behind; asked every few seconds."""
    global _looked_at, _is_well
    if ALIAS not in settings.DATABASES:
        return False
    with _lock:
        if time.monotonic() - _looked_at < LOOK_SECONDS:
            return _is_well
        # the others go on with the last answer while this one looks
        _looked_at = time.monotonic()
    behind = lag_seconds()
    found = behind is not None and behind <= settings.REPLICA_LAG_SECONDS
    if found != _is_well:
        logger.warning("reports read from %s (the copy is %s s behind)", ALIAS if found else "default", behind)
    _is_well = found
    return found


def lag_seconds() -> float | None:
    """By how much the copy is behind, told by the newest heartbeat (one in two seconds); None if it does not answer."""
    # this module is loaded as a router, before the models are
    Heartbeat = apps.get_model("common", "Heartbeat")
    try:
        there = Heartbeat.objects.using(ALIAS).aggregate(at=Max("beat_at"))["at"]
    except Error:
        connections[ALIAS].close()
        return None
    here = Heartbeat.objects.using("default").aggregate(at=Max("beat_at"))["at"]
    if here is None:
        return 0.0
    return None if there is None else max(0.0, (here - there).total_seconds())


def is_of_copy(error: Error) -> bool:
    """Whether the copy left, or ended a statement to follow the database: not for a statement that took too long."""
    return outage(error) is not None and getattr(error.__cause__, "pgcode", None) != _TOOK_TOO_LONG


def _mistrust(error: Error) -> None:
    """Reports are read from the database itself until the next look."""
    global _looked_at, _is_well
    logger.warning("reports read from default: the copy does not answer (%s)", error)
    with _lock:
        _looked_at, _is_well = time.monotonic(), False
    connections[ALIAS].close()


def forget() -> None:
    """The copy is asked anew the next time."""
    global _looked_at
    _looked_at = float("-inf")
