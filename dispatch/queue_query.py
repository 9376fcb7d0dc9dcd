"""The address of a queue as data: its parameters understood or checked, and the cases that it shows.

The one place that says which cases a filter means: for the queue's page, and for counting saved views elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.views.desk_table import DESKS, Desk
from dispatch.views.words import SOON
from dispatch.visibility import cases_of
from gridgov.common.errors import FieldError
from grids import permissions
from grids.models import LEVEL_NAMES
from grids.spatial import AreaRecord, areas
from incidents.catalogue import CategorySpec, catalogue
from incidents.models import Incident
from incidents.workflow import OPEN, Status

PARAMETERS = ("scope", "status", "area", "category", "component", "overdue", "soon")


@dataclass(frozen=True, slots=True)
class Asked:
    """A filter as it is understood today. ``is_void``: a value in it means nothing (any more), so that no case fits;
    without it everything would be shown under the name of something else."""

    statuses: tuple[Status, ...]
    wide: bool = False
    status: str = ""
    area: AreaRecord | None = None
    category: CategorySpec | None = None
    component: str = ""
    overdue: bool = False
    soon: bool = False
    is_void: bool = False


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
    if name in ("overdue", "soon"):
        return value == "1"
    return not asked(desk, {name: value}).is_void


def asked(desk: Desk, query: Mapping[str, str]) -> Asked:
    """What the parameters mean at the desk; those that are unknown or empty mean nothing."""
    given = {name: query.get(name, "") for name in PARAMETERS}
    choices = (*desk.statuses, *desk.watched)
    status = next((s for s in choices if s == given["status"]), None)
    area = areas.find(int(given["area"])) if _is_id(given["area"]) else None
    category = catalogue().category_by_code(given["category"]) if given["category"] else None
    component = given["component"] if _is_code(given["component"]) else ""
    found = {"status": status, "area": area, "category": category, "component": component}
    return Asked(
        statuses=(status,) if status is not None else desk.statuses,
        wide=given["scope"] == "below",
        status=status.value if status is not None else "",
        area=area,
        category=category,
        component=component,
        overdue=bool(given["overdue"]),
        soon=bool(given["soon"]),
        is_void=any(given[name] and not value for name, value in found.items()),
    )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 12


def _is_code(text: str) -> bool:
    return text.isascii() and text.isalnum() and len(text) <= 32


def cases_in(desk: Desk, query: Mapping[str, str], by: Actor, *, now: datetime) -> QuerySet[Incident]:
    """The cases of the queue under its filter that ``by`` sees, in no order."""
    found = asked(desk, query)
    return narrowed(in_scope(desk, by, wide=found.wide), found, now=now)


def narrowed(cases: QuerySet[Incident], to: Asked, *, now: datetime) -> QuerySet[Incident]:
    """Those of ``cases`` that the filter lets through."""
    if to.is_void:
        return cases.none()
    conditions: dict[str, Any] = {"status__in": [status.value for status in to.statuses]}
    # open cases have partial indexes of their own, which serve who says that he wants no other
    if set(to.statuses) <= OPEN:
        conditions["ended_at__isnull"] = True
    if to.area is not None:
        conditions[f"{LEVEL_NAMES[to.area.level]}_id"] = to.area.id
    if to.category is not None:
        below = [c.id for c in catalogue().categories(to.category.id)] if to.category.parent_id is None else []
        conditions["category__in"] = [to.category.id, *below]
    if to.component:
        conditions["component__code"] = to.component
    if to.overdue:
        conditions["due_at__lt"] = now
    elif to.soon:
        conditions |= {"due_at__gte": now, "due_at__lt": now + SOON}
    return cases.filter(**conditions)


def in_scope(desk: Desk, by: Actor, *, wide: bool) -> QuerySet[Incident]:
    """The visible cases that are this desk's: of the own centre, of all centres below it, or lying in the area."""
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
