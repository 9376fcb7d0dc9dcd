"""What a password must be like, and for how long it counts. The rules are ``AUTH_PASSWORD_VALIDATORS``."""

import secrets
import unicodedata
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import MinimumLengthValidator, validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from gridgov.accounts import sessions
from gridgov.accounts.models import PasswordRecord
from gridgov.common import audit, clock
from gridgov.common.errors import FieldError
from gridgov.common.models import User

KINDS_NEEDED = 3


def kinds(password: str) -> int:
    """How many of the four kinds it has: capitals, small letters, figures, anything else."""
    found = set()
    for character in password:
        category = unicodedata.category(character)
        found.add(category if category in ("Lu", "Ll", "Nd") else "other")
    return len(found)


class LongEnough(MinimumLengthValidator):
    """``PASSWORD_LENGTH`` characters; Django's, in our words."""

    def get_error_message(self) -> str:
        return _("密码太短，至少须%(n)s个字符。") % {"n": self.min_length}

    def get_help_text(self) -> str:
        return _("密码至少须%(n)s个字符。") % {"n": self.min_length}


class SeveralKinds:
    """Three of capital letters, small letters, figures and signs."""

    def validate(self, password: str, user: User | None = None) -> None:
        if kinds(password) < KINDS_NEEDED:
            raise ValidationError(self.get_help_text(), code="password_kinds")

    def get_help_text(self) -> str:
        return _("密码须含大写字母、小写字母、数字、符号中的至少三种。")


class NotUsedBefore:
    """None of the last ``PASSWORD_HISTORY`` passwords of the account. Hashes each: not within a transaction."""

    def validate(self, password: str, user: User | None = None) -> None:
        if user is None or user.pk is None:
            return
        rows = PasswordRecord.objects.filter(user=user.pk).order_by("-id")
        used = list(rows.values_list("password", flat=True)[: settings.PASSWORD_HISTORY])
        if user.has_usable_password() and user.password not in used:
            used.append(user.password)  # it was there before there were records
        if any(check_password(password, old) for old in used):
            raise ValidationError(self.get_help_text(), code="password_used")

    def password_changed(self, password: str, user: User | None = None) -> None:
        """Django calls it when an account is saved whose password was set."""
        if user is not None and user.has_usable_password():
            is_initial = getattr(user, "password_is_initial", False)
            PasswordRecord.objects.create(user=user, password=user.password, set_at=clock.now(), is_initial=is_initial)

    def get_help_text(self) -> str:
        return _("密码不能与最近%(n)s次用过的相同。") % {"n": settings.PASSWORD_HISTORY}


def new_password() -> str:
    """Sixteen letters and figures that are not mistaken for each other, in groups of four: some 72 random bits."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    # small letters, a figure at least and the dashes: the three kinds that a password must have
    groups = ["".join(secrets.choice(letters) for _i in range(4)) for _j in range(3)]
    figures = "".join(secrets.choice("23456789") for _i in range(4))
    return "-".join([*groups, figures])


def set_password(
    *,
    user: User,
    new: str,
    by: User,
    reason: str = "",
    address: str | None = None,
    keep_session: str | None = None,
) -> None:
    """The account's password is ``new``; its other sessions are over, its API token too.

    Set by somebody else it is an initial one, which its owner must replace at the next sign-in. FieldError(``new``).
    """
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise FieldError("new", " ".join(error.messages)) from error
    user.set_password(new)  # hashed here, before the transaction
    user.password_is_initial = by.pk != user.pk  # type: ignore[attr-defined]
    with transaction.atomic():
        user.save(update_fields=["password"])
        sessions.end_all(user=user, by=by, keep=keep_session, address=address)
        drop_token(user=user, by=by, address=address)
        action = "password.reset" if by.pk != user.pk else "password.change"
        audit.record(action=action, actor=by, obj=user, detail={"reason": reason} if reason else {}, address=address)


def drop_token(*, user: User, by: User, address: str | None = None) -> bool:
    """The account has no API token any more; whether it had one. In the caller's transaction."""
    token = getattr(user, "auth_token", None)
    if token is None:
        return False
    token.delete()
    audit.record(action="token.revoke", actor=by, obj=user, address=address)
    return True


def is_due(user: User, *, at: datetime) -> str:
    """Why the account must have a new password: ``initial``, ``old``, or empty. One statement."""
    row: Any = PasswordRecord.objects.filter(user=user.pk).order_by("-id").first()
    if row is not None and row.is_initial:
        return "initial"
    days = settings.PASSWORD_DAYS
    set_at = row.set_at if row is not None else user.date_joined
    return "old" if days and at - set_at > timedelta(days=days) else ""


def forget_old() -> int:
    """Passwords that no rule asks for any more are gone; how many."""
    gone, keep = 0, max(1, settings.PASSWORD_HISTORY)
    counted = PasswordRecord.objects.order_by().values_list("user_id").annotate(count=Count("id"))
    for user_id, _count in list(counted.filter(count__gt=keep)):
        old = list(PasswordRecord.objects.filter(user=user_id).order_by("-id").values_list("pk", flat=True)[keep:])
        gone += PasswordRecord.objects.filter(pk__in=old).delete()[0]
    return gone
