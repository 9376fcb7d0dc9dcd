"""The types that a component may be of. The catalogue lies above and says them here, once, when its admin is loaded."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ComponentType:
    """What a component's ``type_code`` may be, how it is called, and among what it is listed."""

    code: str
    name: str
    group: str


_tellers: list[Callable[[], Iterable[ComponentType]]] = []


def tell(teller: Callable[[], Iterable[ComponentType]]) -> Callable[[], Iterable[ComponentType]]:
    """From now on the types of ``teller`` are known; it is asked each time, for they change."""
    _tellers.append(teller)
    return teller


def known() -> list[ComponentType]:
    """The types as of now, in the order in which they are told; a code once."""
    found: dict[str, ComponentType] = {}
    for teller in _tellers:
        for one in teller():
            found.setdefault(one.code, one)
    return list(found.values())


def names() -> dict[str, str]:
    """Code → name."""
    return {one.code: one.name for one in known()}
