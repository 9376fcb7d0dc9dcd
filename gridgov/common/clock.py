"""The only source of the current time.

Everything else takes an instant as an argument or calls :func:`now` once per service call, so that one
action has one time and tests can move it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, time, timedelta

from django.utils import timezone

_played: ContextVar[datetime | None] = ContextVar("played", default=None)


def now() -> datetime:
    """The current instant, aware, in UTC; within :func:`played` the instant that is played."""
    return _played.get() or timezone.now()


@contextmanager
def played(instant: datetime) -> Iterator[None]:
    """Within the block it is ``instant`` for this thread, and for no other. ValueError for the future.

    For ``gridgov.simulation`` alone, which plays the past of a database that is marked as a demo.
    """
    if instant > timezone.now():
        raise ValueError("the future is never played")
    token = _played.set(instant)
    try:
        yield
    finally:
        _played.reset(token)


def local(instant: datetime) -> datetime:
    """``instant`` in the deployment's time zone (``settings.TIME_ZONE``)."""
    return timezone.localtime(instant)


def local_date(instant: datetime) -> date:
    """The civil date of ``instant`` in the deployment's time zone."""
    return timezone.localtime(instant).date()


def local_midnight(day: date, *, days: int = 0) -> datetime:
    """The first moment of the civil date, or of the one ``days`` later, in the deployment's time zone."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=days), time()))
