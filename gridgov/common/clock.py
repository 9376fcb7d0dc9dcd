"""The only source of the current time.

Everything else takes an instant as an argument or calls :func:`now` once per service call, so that one
action has one time and tests can move it.
"""

from datetime import date, datetime

from django.utils import timezone


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return timezone.now()


def local(instant: datetime) -> datetime:
    """``instant`` in the deployment's time zone (``settings.TIME_ZONE``)."""
    return timezone.localtime(instant)


def local_date(instant: datetime) -> date:
    """The civil date of ``instant`` in the deployment's time zone."""
    return timezone.localtime(instant).date()
