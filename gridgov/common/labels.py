"""What choices are called, remembered: to translate a word costs ten times what it costs to find it again.

The language is the active one, and the caller's to name: to ask which one it is costs as much as to translate, so an
answer with many words asks once (``django.utils.translation.get_language``).
"""

from enum import Enum
from functools import lru_cache


@lru_cache(maxsize=2048)
def label(kind: type[Enum], value: str, _language: str | None) -> str:
    """The label of ``kind(value)`` in the active language. ValueError for what is none of the choices."""
    return str(kind(value).label)  # type: ignore[attr-defined]
