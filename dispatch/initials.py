"""Areas and categories by the initials of their 拼音 (bllj: 暴露垃圾). In the process, by revision.

Worked out once for each revision of the areas and of the catalogue, never for a request. A character with several
readings counts by its first one, and in a few variants by each of the others (重庆: zq and cq).
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# its phrases take some 50 MB and a second; single characters with all their readings are enough here
os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")

from pypinyin import Style, pinyin

from grids.spatial import areas
from incidents.catalogue import catalogue

VARIANTS = 8


@dataclass(frozen=True, slots=True)
class Named:
    """Something with a name. ``id`` of the area or category; ``initials`` as :func:`readings` gives them."""

    id: int
    name: str
    initials: str


@lru_cache(maxsize=8192)
def _letters(character: str) -> tuple[str, ...]:
    """The first letters of its readings, the usual one first; a letter or figure is its own; nothing for the rest."""
    if character.isascii():
        return (character.lower(),) if character.isalnum() else ()
    found = pinyin(character, style=Style.FIRST_LETTER, heteronym=True)
    letters = dict.fromkeys(one[:1].lower() for one in found[0]) if found else {}
    return tuple(letter for letter in letters if letter.isascii() and letter.isalpha())


def readings(text: str) -> str:
    """The initials in all readings that are kept, each behind a bar: ``|zq|cq``."""
    letters = [found for character in text if (found := _letters(character))]
    usual = [one[0] for one in letters]
    variants = [
        "".join([*usual[:at], other, *usual[at + 1 :]]) for at, one in enumerate(letters) for other in one[1:]
    ]  # fmt: skip
    return "".join(f"|{one}" for one in ["".join(usual), *variants[:VARIANTS]])


#: the object that the names were taken from, and the names
_areas: tuple[Any, tuple[Named, ...]] = (None, ())
_categories: tuple[Any, tuple[Named, ...]] = (None, ())


def area_names() -> tuple[Named, ...]:
    """The areas that are valid now."""
    global _areas
    index, held = areas.index(), _areas
    if held[0] is not index:
        held = _areas = (index, tuple(Named(r.id, r.name, readings(r.name)) for r in index.all() if r.active))
    return held[1]


def category_names() -> tuple[Named, ...]:
    """The 小类 that can be reported."""
    global _categories
    book, held = catalogue(), _categories
    if held[0] is not book:
        found = (category for parent in book.categories() for category in book.categories(parent.id))
        held = _categories = (book, tuple(Named(c.id, c.name, readings(c.name)) for c in found))
    return held[1]


def match(names: tuple[Named, ...], text: str, limit: int) -> list[Named]:
    """Those that are so called, or whose initials begin so; then those that hold it somewhere. At most ``limit``."""
    wanted = text.lower()
    is_latin = wanted.isascii() and wanted.isalnum()
    ranked = []
    for one in names:
        if one.name.startswith(text):
            rank = 0
        elif is_latin and f"|{wanted}" in one.initials:
            rank = 1
        elif text in one.name:
            rank = 2
        elif is_latin and len(wanted) > 1 and wanted in one.initials:
            rank = 3
        else:
            continue
        ranked.append((rank, len(one.name), one.name, one.id, one))
    return [row[-1] for row in sorted(ranked, key=lambda row: row[:4])[:limit]]
