"""Tasks of accounts."""

from celery import shared_task

from gridgov.accounts import lockouts, passwords, sessions


@shared_task(name="accounts.tidy")
def tidy() -> None:
    """Sessions that are over, failures that count no more and passwords that no rule asks for are gone."""
    sessions.clear_expired()
    lockouts.clear_old()
    passwords.forget_old()
