"""What the security administrator does to an account. Its postings, and so its permissions, are personnel's."""

from django.db import transaction

from gridgov.accounts import passwords, second_factor, sessions
from gridgov.common import audit
from gridgov.common.models import User
from gridgov.common.text import given_reason


def close(*, user: User, reason: str, by: User, address: str | None = None) -> None:
    """Nobody signs in with the account, and whoever is signed in is out at once; its API token is void."""
    _note(user, reason, by, "user.close", address, is_active=False)


def reopen(*, user: User, reason: str, by: User, address: str | None = None) -> None:
    """The account may sign in again."""
    _note(user, reason, by, "user.reopen", address, is_active=True)


def password_by_hand(*, user: User, reason: str, by: User, address: str | None = None) -> str:
    """A new initial password, to be handed over; its owner must replace it at the next sign-in."""
    new = passwords.new_password()
    passwords.set_password(user=user, new=new, by=by, reason=given_reason(reason), address=address)
    return new


def clear_factor(*, user: User, reason: str, by: User, address: str | None = None) -> bool:
    """The account sets its second factor up anew; whether it had one. FieldError without a reason."""
    return second_factor.remove(user=user, by=by, reason=given_reason(reason), address=address)


def end_session(*, public_id: str, reason: str, by: User, address: str | None = None) -> None:
    """Somebody's session is over at once. FieldError without a reason, NotFound where there is none."""
    sessions.end(public_id=public_id, by=by, reason=given_reason(reason), address=address)


def _note(user: User, reason: str, by: User, action: str, address: str | None, *, is_active: bool) -> None:
    text = given_reason(reason)
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, is_active=not is_active).update(is_active=is_active):
            return
        if not is_active:
            sessions.end_all(user=user, by=by, address=address)
            passwords.drop_token(user=user, by=by, address=address)
        audit.record(action=action, actor=by, obj=user, detail={"reason": text}, address=address)
