"""PostgreSQL with statements prepared on the server and a cheap look at kept connections. See ``base``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of fixed text: its values stand as ``$1``, ``$2``, … in ``text``.

    ``kinds`` are their types there; without, the server tells them by where they stand.
    """

    text: str
    kinds: tuple[str, ...] = ()
