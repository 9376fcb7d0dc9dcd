"""Areas and categories by the initials of their 拼音 (bllj: 暴露垃圾). In the process, by revision.

Worked out once for each revision of the areas and of the catalogue, never for a request.
"""

from dataclasses import dataclass
from typing import Any

from pypinyin import Style, lazy_pinyin

from grids.spatial import areas
from incidents.catalogue import catalogue


@dataclass(frozen=True, slots=True)
class Named:
    """Something with a name. ``id`` of the area or category."""

    id: int
    name: str
    initials: str


def initials(text: str) -> str:
    """The first letters of the syllables, small; letters and digits as they are, all else left out."""
    found = "".join(lazy_pinyin(text, style=Style.FIRST_LETTER)).lower()
    return "".join(letter for letter in found if letter.isascii() and letter.isalnum())


#: the object that the names were taken from, and the names
_areas: tuple[Any, tuple[Named, ...]] = (None, ())
_categories: tuple[Any, tuple[Named, ...]] = (None, ())


def area_names() -> tuple[Named, ...]:
    """The areas that are valid now."""
    global _areas
    index, held = areas.index(), _areas
    if held[0] is not index:
        held = _areas = (index, tuple(Named(r.id, r.name, initials(r.name)) for r in index.all() if r.active))
    return held[1]


def category_names() -> tuple[Named, ...]:
    """The 小类 that can be reported."""
    global _categories
    book, held = catalogue(), _categories
    if held[0] is not book:
        found = (category for parent in book.categories() for category in book.categories(parent.id))
        held = _categories = (book, tuple(Named(c.id, c.name, initials(c.name)) for c in found))
    return held[1]


def match(names: tuple[Named, ...], text: str, limit: int) -> list[Named]:
    """Those that are so called, or whose initials begin so; then those that hold it somewhere. At most ``limit``."""
    wanted = text.lower()
    ranked = []
    for one in names:
        if one.name.startswith(text):
            rank = 0
        elif wanted.isascii() and one.initials.startswith(wanted):
            rank = 1
        elif text in one.name:
            rank = 2
        elif wanted.isascii() and len(wanted) > 1 and wanted in one.initials:
            rank = 3
        else:
            continue
        ranked.append((rank, len(one.name), one.name, one.id, one))
    return [row[-1] for row in sorted(ranked, key=lambda row: row[:4])[:limit]]
