"""What somebody whose password was right must do before he is signed in: the same for pages, admin and API."""

from enum import StrEnum

from django.conf import settings

from dispatch.actors import actor_of
from gridgov.accounts import demo, passwords, second_factor
from gridgov.common import clock
from gridgov.common.models import User


class Step(StrEnum):
    """In the order in which they are asked for."""

    CODE = "code"  # the figures of the app, or a recovery code
    ENROL = "enrol"  # setting the app up, which the role demands
    PASSWORD = "password"  # noqa: S105 - a new one, for it was chosen by somebody else or is old


def next_step(user: User, *, code_given: bool) -> Step | None:
    """What comes next; None: he is let in. In a demonstration only a second factor that was set up is asked for."""
    if not code_given and second_factor.is_set_up(user):
        return Step.CODE
    if not code_given and must_have_second_factor(user):
        return Step.ENROL
    if passwords.is_due(user, at=clock.now()) and not demo.is_demo():
        return Step.PASSWORD
    return None


def must_have_second_factor(user: User) -> bool:
    """Whether a role that the person holds today, or being a superuser, demands it."""
    if not settings.TOTP_ROLES:
        return False
    demanded = user.is_superuser or not set(settings.TOTP_ROLES).isdisjoint(actor_of(user).roles)
    return demanded and not demo.is_demo()
