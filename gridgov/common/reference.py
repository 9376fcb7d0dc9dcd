"""Reference data kept in the process: read often, changed seldom.

A named set (the catalogue, the routing rules) is loaded once and served from memory. Whoever changes it calls
:func:`touch` in the same transaction; every process reads the tokens at most once a second and loads the set
again when its token is another. The token is random, never a counter: after a rolled-back change the same
number would stand for other data.
"""

import threading
import time
import uuid
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.apps import apps
from django.conf import settings

T = TypeVar("T")

_lock = threading.Lock()
_tokens: dict[str, str] = {}
_references: "weakref.WeakSet[Reference[Any]]" = weakref.WeakSet()
_read_at = float("-inf")


def touch(name: str) -> None:
    """Every process loads the set ``name`` again after the current transaction commits."""
    model = apps.get_model("common", "ReferenceRevision")
    model.objects.update_or_create(name=name, defaults={"token": uuid.uuid4().hex})
    expire()


def expire() -> None:
    """The next read in this process asks the database for the tokens."""
    global _read_at
    _read_at = float("-inf")


def forget() -> None:
    """This process holds nothing any more, as if it had just started. For a database that was put back as a whole."""
    expire()
    for reference in tuple(_references):
        reference.drop()


def _token(name: str) -> str:
    global _read_at, _tokens
    age = time.monotonic() - _read_at
    if age > getattr(settings, "REFERENCE_CHECK_SECONDS", 1.0):
        with _lock:
            model = apps.get_model("common", "ReferenceRevision")
            _tokens = dict(model.objects.values_list("name", "token"))
            _read_at = time.monotonic()
    return _tokens.get(name, "")


class Reference(Generic[T]):
    """One named set: ``catalogue = Reference("catalogue", load)``, then ``catalogue.get()``."""

    def __init__(self, name: str, load: Callable[[], T]) -> None:
        self.name = name
        self._load = load
        self._guard = threading.Lock()
        self._held: tuple[str, T] | None = None
        _references.add(self)

    def drop(self) -> None:
        """The next read loads the set again."""
        self._held = None

    def get(self) -> T:
        """The set as of at most a second ago. One statement a second a process, for all sets together."""
        token = _token(self.name)
        held = self._held
        if held is not None and held[0] == token:
            return held[1]
        with self._guard:
            if self._held is None or self._held[0] != token:
                self._held = (token, self._load())
            return self._held[1]
