"""Where a caller means: words of an address, a component's code, an area's name or 拼音 initials; and points for them.

What is found is what stands in the city's own registers (components, places) and where cases were before; nothing is
asked of anybody outside. Only what lies in the areas that the person sees. At most three statements.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from dispatch import initials
from dispatch.actors import Actor
from dispatch.visibility import cases_of
from gridgov.common.text import is_storable
from grids import permissions
from grids.models import Component, Place
from grids.spatial import areas
from incidents.catalogue import catalogue

TEXT_LIMIT = 50
EACH = 6
WORDS_LIMIT = 4
RECENT = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Whereabout:
    """A place that may be meant. ``lon``, ``lat``: CGCS2000 degrees, None for an area; ``key``: code, id or number.

    ``name``: of a component what it is.
    """

    kind: str  # component, place, case, area
    key: str
    label: str
    hint: str
    lon: float | None = None
    lat: float | None = None
    level: int | None = None
    name: str = ""


def find(by: Actor, text: str, *, now: datetime) -> list[Whereabout]:
    """The places that the text may mean, the surest first; nothing for fewer than two characters."""
    words = text.strip() if isinstance(text, str) else ""
    if not 2 <= len(words) <= TEXT_LIMIT or not is_storable(words) or by.user_id is None:
        return []
    seen = permissions.visible_area_ids(by.grants)
    return [*_components(seen, words), *_areas(seen, words), *_places(seen, words), *_cases(by, words, now)]


def _in_sight(seen: Iterable[int], area_id: int) -> bool:
    record = areas.find(area_id)
    return record is not None and not set(seen).isdisjoint(record.ancestors)


def _contains(name: str, words: str) -> Q:
    found = Q()
    for word in words.split()[:WORDS_LIMIT]:
        found &= Q(**{f"{name}__icontains": word})
    return found


def _components(seen: Iterable[int], words: str) -> list[Whereabout]:
    code = words.upper()
    asked = Q(code=code) | Q(short_code=code)
    if not words.isascii():
        asked |= _contains("address", words)
    rows = Component.objects.filter(asked).values("code", "name", "address", "area_id", "lon", "lat")[: EACH * 3]
    return [
        Whereabout(
            "component", row["code"], row["address"] or areas.full_name(row["area_id"]),
            f"{row['name']} {row['code']}".strip(), row["lon"], row["lat"], name=row["name"],
        )
        for row in rows if _in_sight(seen, row["area_id"])
    ][:EACH]  # fmt: skip


def _places(seen: Iterable[int], words: str) -> list[Whereabout]:
    if words.isascii():
        return []
    asked = _contains("address", words) | _contains("name", words)
    rows = Place.objects.filter(asked).values("code", "name", "address", "area_id", "lon", "lat")[: EACH * 3]
    return [
        Whereabout("place", row["code"], row["address"] or row["name"], row["name"], row["lon"], row["lat"])
        for row in rows if _in_sight(seen, row["area_id"])
    ][:EACH]  # fmt: skip


def _areas(seen: Iterable[int], words: str) -> list[Whereabout]:
    named = [one.id for one in initials.match(initials.area_names(), words, EACH * 20)]
    if words.isdecimal() and len(words) >= 6:
        named = [r.id for r in areas.all() if r.active and r.code.startswith(words)]
    found = [areas.get(pk) for pk in named if _in_sight(seen, pk)][:EACH]
    return [Whereabout("area", str(r.id), areas.full_name(r.id), r.code, level=int(r.level)) for r in found]


def _cases(by: Actor, words: str, now: datetime) -> list[Whereabout]:
    if words.isascii():
        return []
    found = cases_of(by).filter(_contains("address", words), received_at__gte=now - RECENT, lon__isnull=False)
    rows = found.order_by("-id").values("number", "category_id", "address", "lon", "lat")[: EACH * 3]
    once = {row["address"]: row for row in reversed(rows)}
    return [
        Whereabout(
            "case", row["number"], row["address"], catalogue().category_name(row["category_id"]).rpartition("／")[2],
            row["lon"], row["lat"],
        )
        for row in list(once.values())[:EACH]
    ]  # fmt: skip
