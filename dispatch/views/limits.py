"""How often somebody may try something without an account, or with a wrong password: counted in the cache."""

from django.core.cache import cache
from django.http import HttpRequest

from gridgov.common import address as sender

MOST = 6
SECONDS = 600


def address(request: HttpRequest) -> str:
    """The sender's address, empty where it cannot be told."""
    return sender.of(request) or ""


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
