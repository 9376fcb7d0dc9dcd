"""The address of a queue as data: its parameters checked, and the cases that it shows, for counting them elsewhere.

The parameters are those of ``/queue/<desk>/``: ``scope``, ``status``, ``area``, ``category``, ``overdue``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.views.desk_table import DESKS, Desk
from dispatch.visibility import cases_of
from gridgov.common.errors import FieldError
from grids import permissions
from grids.models import LEVEL_NAMES
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import Incident
from incidents.workflow import OPEN

PARAMETERS = ("scope", "status", "area", "category", "overdue")


def desk_of(key: Any) -> Desk:
    """The desk whose queue has cases. FieldError for any other."""
    desk = DESKS.get(key) if isinstance(key, str) else None
    if desk is None or not desk.statuses:
        raise FieldError("desk", _("没有这个队列：%(text)s") % {"text": str(key)[:40]})
    return desk


def works_at(desk: Desk, by: Actor) -> bool:
    """Whether the queue is ``by``'s."""
    return any(by.may_somewhere(capability) for capability in desk.capabilities)


def checked(desk: Desk, query: Any) -> dict[str, str]:
    """The parameters, each known and of a value that means something today, the empty ones left out. FieldError."""
    if not isinstance(query, Mapping):
        raise FieldError("query", _("须是一个JSON对象"))
    given = {name: value for name, value in query.items() if value not in ("", None)}
    for name, value in given.items():
        if name not in PARAMETERS:
            raise FieldError(f"query.{str(name)[:40]}", _("没有这个查询条件"), code="unknown")
        if not isinstance(value, str):
            raise FieldError(f"query.{name}", _("须是文字"))
        if not _is_right(desk, name, value):
            raise FieldError(f"query.{name}", _("查询条件的值不对：%(text)s") % {"text": value[:40]})
    return {name: given[name] for name in PARAMETERS if name in given}


def _is_right(desk: Desk, name: str, value: str) -> bool:
    if name == "scope":
        return value == "below"
    if name == "status":
        return value in (*desk.statuses, *desk.watched)
    if name == "area":
        return _area(value) is not None
    if name == "category":
        return catalogue().category_by_code(value) is not None
    return value == "1"


def _area(value: str) -> Any:
    return areas.find(int(value)) if value.isascii() and value.isdecimal() and len(value) < 12 else None


def cases_in(desk: Desk, query: Mapping[str, str], by: Actor, *, now: datetime) -> QuerySet[Incident]:
    """The cases of the queue under its filter that ``by`` sees, in no order. What means nothing any more is no case."""
    chosen = query.get("status", "")
    statuses = [chosen] if chosen else [status.value for status in desk.statuses]
    conditions: dict[str, Any] = {"status__in": statuses}
    if set(statuses) <= {status.value for status in OPEN}:
        conditions["ended_at__isnull"] = True
    if "area" in query:
        area = _area(query["area"])
        if area is None:
            return Incident.objects.none()
        conditions[f"{LEVEL_NAMES[area.level]}_id"] = area.id
    if "category" in query:
        category = catalogue().category_by_code(query["category"])
        if category is None:
            return Incident.objects.none()
        below = [c.id for c in catalogue().categories(category.id)] if category.parent_id is None else []
        conditions["category__in"] = [category.id, *below]
    if "overdue" in query:
        conditions["due_at__lt"] = now
    return _in_scope(desk, by, wide=query.get("scope") == "below").filter(**conditions)


def _in_scope(desk: Desk, by: Actor, *, wide: bool) -> QuerySet[Incident]:
    visible = cases_of(by)
    capability = desk.capabilities[0]
    if not desk.by_holder:
        return visible.filter(permissions.area_filter(by.grants, capability))
    held = permissions.visible_area_ids(by.grants, capability)
    index = areas.index()
    if wide:
        ids = {record.id for area_id in held for record in index.subtree(area_id) if record.has_desk}
    else:
        ids = {centre.id for area_id in held if (centre := index.centre_for(area_id)) is not None}
    return visible.filter(holder__in=sorted(ids))
