"""Sign-ins, refusals, lockouts and sign-outs stand in the audit trail, and sessions learn whose they are."""

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.cache import cache

from gridgov.accounts import lockouts, sessions
from gridgov.common import address, audit
from gridgov.common.models import User

#: One refusal of a locked account is noted in so many seconds: the trail is append-only, and must not be flooded.
NOTED_EVERY_SECONDS = 60


def connect() -> None:
    """Called once, when the app is ready; by then axes listens already and has counted."""
    user_logged_in.connect(_signed_in, dispatch_uid="gridgov.accounts")
    user_login_failed.connect(_failed, dispatch_uid="gridgov.accounts")
    user_logged_out.connect(_signed_out, dispatch_uid="gridgov.accounts")
    user_locked_out.connect(_locked, dispatch_uid="gridgov.accounts")


def _signed_in(sender: Any, request: Any, user: User, **kwargs: Any) -> None:
    said = address.of(request)
    sessions.begin(request.session, address=said, agent=request.META.get("HTTP_USER_AGENT", ""))
    audit.record(action="sign_in", actor=user, obj=user, address=said)


def _signed_out(sender: Any, request: Any, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        audit.record(action="sign_out", actor=user, obj=user, address=address.of(request))


def _failed(sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any) -> None:
    if request is None or getattr(request, "axes_locked_out", False):
        return  # the lockout says it
    audit.record(action="sign_in.failed", address=address.of(request), **_named(str(credentials.get("username") or "")))


def _locked(sender: Any, request: Any, username: str, ip_address: str | None, **kwargs: Any) -> None:
    if cache.add(f"lockout-noted:{lockouts.Lockout(username, ip_address, 0, None).key}", 1, NOTED_EVERY_SECONDS):
        audit.record(action="sign_in.locked", address=ip_address, **_named(username))


def _named(login: str) -> dict[str, Any]:
    owner = User.objects.filter(username=login).first()
    if owner is not None:
        return {"obj": owner}
    # never what was typed: it may be a password
    return {"object_type": "login", "object_id": login if login.startswith("?") else lockouts.known(login)}
