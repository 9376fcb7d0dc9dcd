"""The conditions of a list of cases out of its query: each known, typed and bounded, each fault named."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.case_list import Part, handled_by, in_area, one_of, own
from gridgov.common.api import flag, moment, whole
from gridgov.common.errors import FieldError
from grids.models import LEVEL_NAMES
from grids.spatial import AreaRecord, areas
from incidents.catalogue import catalogue
from incidents.workflow import OPEN, STAGE_OF, Stage, Status
from personnel.selectors import department_tree

TEXT_LIMIT = 50
NUMBER_LIMIT = 24
_NUMBER = re.compile(r"^[0-9A-Z]{6}[0-9A-Z]{0,18}$")


def find_area(text: str) -> AreaRecord:
    """The area of an id, a code, or ``city:code``. FieldError(``area``) for none, or where an id is another's code.

    Of areas of one city that share a code (a city and its only district) the highest is meant.
    """
    index = areas.index()
    root_code, colon, code = text.rpartition(":")
    found: set[int] = set()
    for root in index.roots:
        if not colon or root.code == root_code:
            coded = (index.by_code(root.id, level, code) for level in LEVEL_NAMES)
            found.update([record.id for record in coded if record is not None][:1])
    if not colon and text.isascii() and text.isdigit() and len(text) <= 18 and index.find(int(text)) is not None:
        found.add(int(text))
    if not found:
        raise FieldError("area", _("没有这个区域：%(text)s") % {"text": text[:40]})
    if len(found) > 1:
        message = _("“%(text)s”可指多个区域，请写成“城市编码:区域编码”") % {"text": text[:40]}
        raise FieldError("area", message, code="ambiguous")
    return index.get(found.pop())


def _by_area(text: str, by: Actor) -> Part:
    return in_area(find_area(text))


def _by_status(text: str, by: Actor) -> Part:
    wanted = text.split(",")
    for status in wanted:
        if status not in Status.values:
            raise FieldError("status", _("没有这个状态：%(text)s") % {"text": status[:40]})
    return one_of("status", list(dict.fromkeys(wanted)), indexed_in_areas=True)


def _by_stage(text: str, by: Actor) -> Part:
    if text not in Stage.values:
        raise FieldError("stage", _("没有这个环节：%(text)s") % {"text": text[:40]})
    # what has ended is in no stage any more, but for what waits for its evaluation
    statuses = [s.value for s, stage in STAGE_OF.items() if stage == text and (s in OPEN or stage is Stage.EVALUATE)]
    return one_of("status", statuses, indexed_in_areas=True)


def _by_category(text: str, by: Actor) -> Part:
    book = catalogue()
    found = book.category_by_code(text)
    if found is None:
        raise FieldError("category", _("没有这个类别：%(code)s") % {"code": text[:40]})
    below = [c.id for c in book.categories(found.id)] if found.parent_id is None else []
    return one_of("category_id", [found.id, *below])


def _by_department(text: str, by: Actor) -> Part:
    tree = department_tree()
    found = {record.id for record in tree.all() if record.code == text}
    if text.isascii() and text.isdigit() and len(text) <= 18 and tree.find(int(text)) is not None:
        found.add(int(text))
    if len(found) != 1:
        known = _("“%(text)s”可指多个部门，请用部门编号") if found else _("没有这个部门：%(text)s")
        raise FieldError("department", known % {"text": text[:40]})
    return handled_by(tree.below(found.pop()))


def _by_text(text: str, by: Actor) -> Part:
    words = text.strip()
    if not 2 <= len(words) <= TEXT_LIMIT:
        raise FieldError("text", _("查找文字须为2到%(limit)d字") % {"limit": TEXT_LIMIT})
    if _is_number(words):
        return _numbered(words.upper())
    said = Q(address__icontains=words) | Q(description__icontains=words)
    return Part(None, (), lambda cases: cases.filter(said))


def _is_number(text: str) -> bool:
    return _NUMBER.match(text.strip().upper()) is not None


def _numbered(beginning: str) -> Part:
    # numbers are figures and capitals: the bounds are what an index in the order of numbers goes by
    bounds = {"number__gte": beginning, "number__lte": beginning + "Z" * (NUMBER_LIMIT - len(beginning))}
    return Part(None, (), lambda cases: cases.filter(number__startswith=beginning, **bounds))


def looks_for_words(given: Mapping[str, str]) -> bool:
    """Whether the query looks for words in texts, for which there is no index."""
    return "text" in given and not _is_number(given["text"])


def looks_for_number(given: Mapping[str, str]) -> bool:
    """Whether the query's text is the beginning of a number."""
    return "text" in given and _is_number(given["text"])


_SIMPLE: Mapping[str, Callable[[str, Actor], Part]] = {
    "area": _by_area,
    "status": _by_status,
    "stage": _by_stage,
    "category": _by_category,
    "department": _by_department,
    "text": _by_text,
}

CASE_FILTERS = (
    *_SIMPLE, "area_id", "overdue", "due_before", "received_from", "received_to", "mine", "order",
)  # fmt: skip
ORDERS = ("newest", "due")


def _late(now: datetime) -> Q:
    return Q(due_at__lt=now, ended_at__isnull=True)


def parts_of(given: Mapping[str, str], by: Actor, *, now: datetime) -> list[Part]:
    """The conditions of the query. FieldError naming the one that is wrong."""
    parts = [read(given[name], by) for name, read in _SIMPLE.items() if name in given]
    if "area_id" in given:
        record = areas.find(whole("area_id", given["area_id"], 1))
        if record is None:
            raise FieldError("area_id", _("没有这个区域：%(text)s") % {"text": given["area_id"]})
        parts.append(in_area(record))
    if "due_before" in given:
        before = moment("due_before", given["due_before"])
        parts.append(Part("due_before", (before,), lambda cases, at: cases.filter(_late(at))))
    if "received_from" in given:
        since = moment("received_from", given["received_from"])
        parts.append(Part("received_from", (since,), lambda cases, at: cases.filter(received_at__gte=at)))
    if "received_to" in given:
        until = moment("received_to", given["received_to"], end_of_day=True)
        parts.append(Part("received_to", (until,), lambda cases, at: cases.filter(received_at__lte=at)))
    if "overdue" in given:
        if flag("overdue", given["overdue"]):
            parts.append(Part("overdue", (now,), lambda cases, at: cases.filter(_late(at))))
        else:
            parts.append(Part("in_time", (now,), lambda cases, at: cases.exclude(_late(at))))
    if "mine" in given and flag("mine", given["mine"]):
        parts.append(own(by))
    return parts


def order_of(given: Mapping[str, str]) -> str:
    """``newest`` (by default) or ``due``: least time left first, those without a due time last."""
    order = given.get("order", "newest")
    if order not in ORDERS:
        raise FieldError("order", _("排序只有newest或due"))
    return order
