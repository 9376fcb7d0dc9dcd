"""How often somebody without an account may send something: counted in the cache, by address."""

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
    """Whether this is one too many; counts it."""
    key = f"limit:{what}:{address(request)}"
    cache.add(key, 0, SECONDS)
    try:
        return cache.incr(key) > MOST
    except ValueError:  # it ran out between the two
        return False
