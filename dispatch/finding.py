"""The command line of the workbench: one line of text, and what it may mean to this person.

A case by its number or the end of it, by the last four figures of the reporter's phone, by words of its address; an
area by code, name or 拼音 initials; a category by name or initials; a component by code. At most three statements.

Of a phone the last four figures find a case, for those who may reveal it there, and the answer shows it masked as
everywhere: it says no more than the mask does, so nothing is journalled. More figures find nothing: with them the
hidden ones could be tried out without leaving a trace.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Right
from django.utils.translation import gettext as _

from dispatch import initials
from dispatch.actors import Actor
from dispatch.selectors import masked
from dispatch.visibility import cases_of
from gridgov.common.errors import FieldError
from gridgov.common.text import is_storable
from grids import permissions
from grids.capabilities import Capability
from grids.models import Component
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import Incident, Reporter
from incidents.workflow import Status

TEXT_LIMIT = 50
EACH = 8
#: So many last figures of a number are looked for, among the cases received in so many days.
TAIL = 4
RECENT = timedelta(days=60)
WORDS_LIMIT = 4
#: Of so many of the latest reporters whose phone ends so the cases are looked at.
MOST_PHONES = 500


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that the text may mean. ``key``: a case's number, an area's id, a category's or component's code."""

    kind: str  # case, area, category, component
    key: str
    label: str
    hint: str
    why: str  # number, phone, address, code, name


def find(by: Actor, text: str, *, now: datetime) -> list[Hit]:
    """What the text may mean, the surest first; only what ``by`` may know of. FieldError for a text that is none."""
    words = text.strip() if isinstance(text, str) else ""
    if not 2 <= len(words) <= TEXT_LIMIT or not is_storable(words):
        raise FieldError("text", _("查找文字须为2到%(limit)d字") % {"limit": TEXT_LIMIT})
    if by.user_id is None:
        return []
    # an input method may type wide letters and figures
    narrow = unicodedata.normalize("NFKC", words)
    if narrow.isascii() and narrow.isalnum():
        return _by_code(by, narrow.upper(), now)
    return [*_categories(words), *_areas(by, words), *_by_address(by, words, now)]


def _by_code(by: Actor, text: str, now: datetime) -> list[Hit]:
    found: list[Hit] = []
    if text.isdecimal() and len(text) == TAIL:
        found += _by_phone(by, text, now)
    if len(text) >= TAIL and any(letter.isdigit() for letter in text):
        found = _by_number(by, text, now) + found
        found += _components(by, text)
    if text.isdecimal():
        found += _areas_by_code(by, text)
    else:
        found += [*_categories(text.lower()), *_areas(by, text.lower())]
    return found


# --- cases --------------------------------------------------------------------------------------------------------

_ROW = ("number", "status", "category_id", "address", "description")


def _by_number(by: Actor, text: str, now: datetime) -> list[Hit]:
    recent = Q(number__endswith=text, received_at__gte=now - RECENT)
    # the last figures have an index, and whoever has the number has them
    found = cases_of(by, wide=True).alias(tail=Right("number", TAIL)).filter(Q(number=text) | recent, tail=text[-TAIL:])
    return _cases(found.order_by("-id"), "number")


def _by_phone(by: Actor, text: str, now: datetime) -> list[Hit]:
    able = permissions.area_filter(by.grants, Capability.REVEAL_PHONE)
    # the limit makes the database look up the phone first, and not walk through the cases back to one that has it
    phones = Reporter.objects.alias(tail=Right("phone", TAIL)).filter(tail=text).exclude(phone="")
    reporters = phones.order_by("-pk").values("pk")[:MOST_PHONES]
    found = cases_of(by).filter(able, reporter__in=reporters, received_at__gte=now - RECENT)
    rows = found.order_by("-id").annotate(phone=F("reporter__phone")).values(*_ROW, "phone")[:EACH]
    return [_case(row, "phone", masked(row["phone"])) for row in rows]


def _by_address(by: Actor, text: str, now: datetime) -> list[Hit]:
    found = cases_of(by).filter(received_at__gte=now - RECENT)
    for word in text.split()[:WORDS_LIMIT]:
        found = found.filter(address__icontains=word)
    return _cases(found.order_by("-id"), "address")


def _cases(found: QuerySet[Incident], why: str) -> list[Hit]:
    return [_case(row, why, row["address"] or row["description"][:40]) for row in found.values(*_ROW)[:EACH]]


def _case(row: dict[str, Any], why: str, hint: str) -> Hit:
    category = catalogue().category(row["category_id"])
    label = f"{category.name if category else ''} · {Status(row['status']).label}"
    return Hit("case", row["number"], label, hint, why)


# --- what is in the process ---------------------------------------------------------------------------------------


def _in_sight(by: Actor, area_ids: Iterable[int]) -> list[int]:
    seen = permissions.visible_area_ids(by.grants)
    return [pk for pk in area_ids if (record := areas.find(pk)) is not None and seen & set(record.ancestors)]


def _area(area_id: int, why: str) -> Hit:
    record = areas.get(area_id)
    return Hit("area", str(record.id), areas.full_name(record.id), record.code, why)


def _areas(by: Actor, text: str) -> list[Hit]:
    # more than are shown: some of them lie where one may not look
    names = initials.match(initials.area_names(), text, EACH * 50)
    return [_area(pk, "name") for pk in _in_sight(by, (one.id for one in names))[:EACH]]


def _areas_by_code(by: Actor, text: str) -> list[Hit]:
    if len(text) < 6:
        return []
    coded = sorted((r.code != text, r.level, r.code, r.id) for r in areas.all() if r.active and r.code.startswith(text))
    return [_area(pk, "code") for pk in _in_sight(by, (row[-1] for row in coded))[:EACH]]


def _categories(text: str) -> list[Hit]:
    book = catalogue()
    found = initials.match(initials.category_names(), text, EACH)
    specs = [spec for one in found if (spec := book.category(one.id)) is not None]
    return [Hit("category", spec.code, spec.name, book.category_name(spec.id), "name") for spec in specs]


def _components(by: Actor, text: str) -> list[Hit]:
    rows = Component.objects.filter(Q(code=text) | Q(short_code=text)).values("code", "name", "address", "area_id")
    seen = [row for row in rows[:EACH] if _in_sight(by, [row["area_id"]])]
    return [
        Hit(
            "component",
            row["code"],
            row["name"] or row["code"],
            row["address"] or areas.full_name(row["area_id"]),
            "code",
        )
        for row in seen
    ]
