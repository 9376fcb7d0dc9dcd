"""System checks of the deployment, ``gridgov.E001`` and on. What an app must hold is checked by that app."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

TAG = "gridgov"


@register(TAG)
def check_secrets(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A server deployment brings its own secrets; only the embedded default may make them up."""
    found: list[CheckMessage] = []
    if "SECRET_KEY" in settings.MISSING_SECRETS:
        found.append(
            Error(
                "SECRET_KEY is not set.",
                hint="Set SECRET_KEY to at least 50 random characters, the same in web, worker and beat.",
                id="gridgov.E001",
            )
        )
    if not settings.JOURNAL_KEY:
        found.append(
            Error(
                "JOURNAL_KEY is not set: the journal could not be chained or verified.",
                hint="Set JOURNAL_KEY to at least 32 random characters and keep a copy apart from the data.",
                id="gridgov.E002",
            )
        )
    elif len(settings.JOURNAL_KEY) < 32:
        found.append(
            Error(
                "JOURNAL_KEY is shorter than 32 characters.",
                hint="A short key can be guessed, and with it the journal could be forged unseen.",
                id="gridgov.E003",
            )
        )
    elif settings.JOURNAL_KEY == settings.SECRET_KEY:
        found.append(
            Error(
                "JOURNAL_KEY equals SECRET_KEY.",
                hint="SECRET_KEY is replaced now and then; the journal's key must stay. Use two secrets.",
                id="gridgov.E004",
            )
        )
    return found


@register(TAG)
def check_deployment(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """PostgreSQL means several processes: they need a broker they share, and no debug pages."""
    found: list[CheckMessage] = []
    if settings.EMBEDDED:
        return found
    if not settings.REDIS_URL and not getattr(settings, "TESTING", False):
        found.append(
            Error(
                "DATABASE_URL names PostgreSQL but REDIS_URL is not set.",
                hint="Set REDIS_URL (redis://host:6379/0): web, worker and beat meet there.",
                id="gridgov.E005",
            )
        )
    return found


@register(TAG)
def check_second_factor(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """TOTP_ROLES are roles: a misspelt one would be asked for no second factor, and nobody would see it."""
    # servers import this module before they say which settings are theirs
    from personnel.roles import Role  # noqa: PLC0415

    unknown = sorted(set(settings.TOTP_ROLES) - set(Role.values))
    if not unknown:
        return []
    return [
        Error(
            f"TOTP_ROLES names what is no role: {', '.join(unknown)}.",
            hint=f"The roles are {', '.join(Role.values)}; none alone asks nobody.",
            id="gridgov.E006",
        )
    ]


def refuse_unsound_deployment() -> None:
    """Raise :class:`ImproperlyConfigured` with every error of this module, for servers, which run no checks."""
    found = check_secrets() + check_deployment() + check_second_factor()
    if found:
        raise ImproperlyConfigured("\n".join(str(message) for message in found))
