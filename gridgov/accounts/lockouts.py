"""Who may not try a password any more: django-axes counts the wrong ones of an account from an address.

``LOCKOUT_FAILURES`` wrong passwords (or codes) lock that account for that address for ``LOCKOUT_MINUTES``; from other
addresses its owner still gets in, so that nobody locks somebody else out. The security administrator unlocks.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.db.models import Max, Sum
from django.http import HttpRequest
from django.utils.translation import gettext as _

from gridgov.common import address, audit, clock
from gridgov.common.errors import NotFound
from gridgov.common.models import User


@dataclass(frozen=True, slots=True)
class Lockout:
    """An account that an address is kept from. ``key`` names it in pages."""

    login: str
    address: str | None
    failures: int
    until: datetime

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.login}\n{self.address}".encode()).hexdigest()[:24]


def period() -> timedelta:
    """For how long a lockout holds (``AXES_COOLOFF_TIME``)."""
    return timedelta(minutes=settings.LOCKOUT_MINUTES)


def login_of(request: Any, credentials: dict[str, Any] | None = None) -> str:
    """The name that was typed, if an account has it; else a digest: people type passwords into the wrong field.

    ``AXES_USERNAME_CALLABLE``.
    """
    typed = (credentials or {}).get("username") or request.POST.get("username", "")
    return known(str(typed))


def known(typed: str) -> str:
    """``typed`` if it is the login of an account, else a digest of it."""
    login = typed.replace("\0", "").strip()[:150]
    if User.objects.filter(username=login).exists():
        return login
    return "?" + hashlib.sha256(f"{settings.SECRET_KEY}\n{login}".encode()).hexdigest()[:16]


def failed(request: HttpRequest, *, user: User) -> None:
    """A wrong code after the right password, or a wrong present one before a new one: counts as at the sign-in."""
    user_login_failed.send(sender=__name__, credentials={"username": user.get_username()}, request=request)


def until(request: HttpRequest, *, login: str) -> datetime | None:
    """Until when this address may not try this account; None if it may."""
    return _until(known(login), address.of(request))


def minutes_left(moment: datetime) -> int:
    """Whole minutes until then, at least one."""
    return max(1, math.ceil((moment - clock.now()).total_seconds() / 60))


def message(moment: datetime) -> str:
    """What is said to who is locked out."""
    return _("连续输错%(n)s次，此账号在本地址已锁定，请%(minutes)s分钟后再试，或联系安全管理员解锁。") % {
        "n": settings.LOCKOUT_FAILURES,
        "minutes": minutes_left(moment),
    }


def current() -> list[Lockout]:
    """All lockouts that hold now, the latest first."""
    rows = _counted().order_by("-last")[:500]
    return [Lockout(row["username"] or "", row["ip_address"], row["failures"], row["last"] + period()) for row in rows]


def unlock(*, key: str, by: User, from_address: str | None = None) -> Lockout:
    """The account may be tried from that address again. NotFound where nothing is locked under ``key``."""
    found = next((one for one in current() if one.key == key), None)
    if found is None:
        raise NotFound(_("没有这个锁定，可能已经过期。"))
    with transaction.atomic():
        AccessAttempt.objects.filter(username=found.login, ip_address=found.address).delete()
        owner = User.objects.filter(username=found.login).first()
        named = {"obj": owner} if owner else {"object_type": "login", "object_id": found.login}
        audit.record(
            action="lockout.release", actor=by, detail={"locked_address": found.address}, address=from_address, **named
        )
    return found


def clear_old() -> int:
    """Failures that count no more are gone; how many rows."""
    return AccessAttempt.objects.filter(attempt_time__lt=clock.now() - period()).delete()[0]


def _until(login: str, from_address: str | None) -> datetime | None:
    row = _counted().filter(username=login, ip_address=from_address).order_by("username").first()
    return row["last"] + period() if row is not None else None


def _counted() -> Any:
    since = clock.now() - period()
    rows = AccessAttempt.objects.filter(attempt_time__gte=since).order_by().values("username", "ip_address")
    counted = rows.annotate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
    return counted.filter(failures__gte=settings.LOCKOUT_FAILURES)
