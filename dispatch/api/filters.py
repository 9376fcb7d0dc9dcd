"""The conditions of a list of cases out of its query: each known, typed and bounded, each fault named."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.selectors import concerning, handled_by
from gridgov.common.api import flag, moment, whole
from gridgov.common.errors import FieldError
from grids.models import LEVEL_NAMES
from grids.spatial import AreaRecord, areas
from incidents.catalogue import catalogue
from incidents.models import Incident
from incidents.workflow import OPEN, STAGE_OF, Stage, Status
from personnel.selectors import department_tree

TEXT_LIMIT = 50
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


def _by_area(cases: QuerySet[Incident], text: str, by: Actor) -> QuerySet[Incident]:
    record = find_area(text)
    return cases.filter(**{f"{LEVEL_NAMES[record.level]}_id": record.id})


def _by_status(cases: QuerySet[Incident], text: str, by: Actor) -> QuerySet[Incident]:
    wanted = text.split(",")
    for status in wanted:
        if status not in Status.values:
            raise FieldError("status", _("没有这个状态：%(text)s") % {"text": status[:40]})
    return cases.filter(status=wanted[0]) if len(wanted) == 1 else cases.filter(status__in=wanted)


def _by_stage(cases: QuerySet[Incident], text: str, by: Actor) -> QuerySet[Incident]:
    if text not in Stage.values:
        raise FieldError("stage", _("没有这个环节：%(text)s") % {"text": text[:40]})
    # what has ended is in no stage any more, but for what waits for its evaluation
    wanted = [s.value for s, stage in STAGE_OF.items() if stage == text and (s in OPEN or stage is Stage.EVALUATE)]
    return cases.filter(status__in=wanted)


def _by_category(cases: QuerySet[Incident], text: str, by: Actor) -> QuerySet[Incident]:
    book = catalogue()
    found = book.category_by_code(text)
    if found is None:
        raise FieldError("category", _("没有这个类别：%(code)s") % {"code": text[:40]})
    if found.parent_id is not None:
        return cases.filter(category_id=found.id)
    return cases.filter(category_id__in=[found.id, *(c.id for c in book.categories(found.id))])


def _by_department(cases: QuerySet[Incident], text: str, by: Actor) -> QuerySet[Incident]:
    tree = department_tree()
    found = {record.id for record in tree.all() if record.code == text}
    if text.isascii() and text.isdigit() and len(text) <= 18 and tree.find(int(text)) is not None:
        found.add(int(text))
    if len(found) != 1:
        known = _("“%(text)s”可指多个部门，请用部门编号") if found else _("没有这个部门：%(text)s")
        raise FieldError("department", known % {"text": text[:40]})
    return handled_by(cases, tree.below(found.pop()))


def _by_text(cases: QuerySet[Incident], text: str, by: Actor) -> QuerySet[Incident]:
    words = text.strip()
    if not 2 <= len(words) <= TEXT_LIMIT:
        raise FieldError("text", _("查找文字须为2到%(limit)d字") % {"limit": TEXT_LIMIT})
    if _NUMBER.match(words.upper()):
        return cases.filter(number__startswith=words.upper())
    return cases.filter(Q(address__icontains=words) | Q(description__icontains=words))


_SIMPLE: Mapping[str, Callable[[QuerySet[Incident], str, Actor], QuerySet[Incident]]] = {
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


def filtered(cases: QuerySet[Incident], given: Mapping[str, str], by: Actor, *, now: datetime) -> QuerySet[Incident]:
    """``cases`` under the conditions of the query. FieldError naming the one that is wrong."""
    for name, narrow in _SIMPLE.items():
        if name in given:
            cases = narrow(cases, given[name], by)
    conditions: dict[str, Any] = {}
    if "area_id" in given:
        record = areas.find(whole("area_id", given["area_id"], 1))
        if record is None:
            raise FieldError("area_id", _("没有这个区域：%(text)s") % {"text": given["area_id"]})
        conditions[f"{LEVEL_NAMES[record.level]}_id"] = record.id
    if "due_before" in given:
        conditions |= {"due_at__lt": moment("due_before", given["due_before"]), "ended_at__isnull": True}
    if "received_from" in given:
        conditions["received_at__gte"] = moment("received_from", given["received_from"])
    if "received_to" in given:
        conditions["received_at__lte"] = moment("received_to", given["received_to"], end_of_day=True)
    cases = cases.filter(**conditions)
    if "overdue" in given:
        late = Q(due_at__lt=now, ended_at__isnull=True)
        cases = cases.filter(late) if flag("overdue", given["overdue"]) else cases.exclude(late)
    if "mine" in given and flag("mine", given["mine"]):
        cases = concerning(cases, by)
    return cases


def order_of(given: Mapping[str, str]) -> str:
    """``newest`` (by default) or ``due``: least time left first, those without a due time last."""
    order = given.get("order", "newest")
    if order not in ORDERS:
        raise FieldError("order", _("排序只有newest或due"))
    return order
