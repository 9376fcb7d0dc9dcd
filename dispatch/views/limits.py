"""How often somebody may try something without an account, or with a wrong password: counted in the cache."""

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

MOST = 6
SECONDS = 600


def address(request: HttpRequest) -> str:
    """The sender's address; behind our own TLS proxy the one that the proxy saw."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_TLS else ""
    return forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")


def too_often(request: HttpRequest, what: str) -> bool:
    """Whether this is one too many from this address; counts it."""
    return count(f"{what}:{address(request)}") > MOST


def count(what: str) -> int:
    """How often within the last ten minutes, this time counted."""
    key = f"limit:{what}"
    cache.add(key, 0, SECONDS)
    try:
        return cache.incr(key)
    except ValueError:  # it ran out between the two
        return 1


def counted(what: str) -> int:
    """How often so far."""
    return cache.get(f"limit:{what}", 0)
