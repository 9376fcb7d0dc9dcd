"""Answers that many ask for, kept for some seconds: in the process that told one last, before the cache of them all.

What stands in the process (``CACHES["process"]``, a bounded number of answers for all its threads) costs no way to
Redis. An answer is as old as both together at most, and the two share its seconds.
"""

from collections.abc import Callable

from django.core.cache import caches

#: Of its seconds an answer stands so many in the process.
HERE_SECONDS = 1


def answer(key: str, make: Callable[[], bytes], *, seconds: int) -> bytes:
    """What ``make`` made for ``key`` at most ``seconds`` (more than one) ago, here or in another process; else now.

    ``key`` says everything on which the answer depends, first of all what its reader may see.
    """
    here = caches["process"]
    found: bytes | None = here.get(key)
    if found is not None:
        return found
    found = caches["default"].get(key)
    if found is None:
        found = make()
        caches["default"].set(key, found, seconds - HERE_SECONDS)
    here.set(key, found, HERE_SECONDS)
    return found
