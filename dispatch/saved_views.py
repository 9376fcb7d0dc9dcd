"""Saved views of the queues: one's own, an area's, a role's default. The only writer of SavedView."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from dispatch import queue_query
from dispatch.actors import Actor
from dispatch.models import SavedView
from dispatch.views.desk_table import DESKS
from gridgov.common import audit, bounded, clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.text import is_storable
from grids.capabilities import Capability as Cap
from grids.models import Area
from grids.spatial import areas
from personnel.roles import AREA_ROLES, Role

NAME_LIMIT = 40
OWN_LIMIT = 30
SHOWN_LIMIT = 60
#: Who saved it, and when, every entry of the audit trail says itself.
_KEPT_BY = frozenset({"saved_by", "saved_at"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A view as its user sees it. ``path``: the queue's address below the root; ``count`` None where not counted,
    one more than ``bounded.MOST`` where there are more."""

    id: int
    name: str
    desk: str
    kind: str  # own, shared, role
    query: Mapping[str, str]
    path: str
    area_id: int | None
    role: str
    position: int
    may_delete: bool
    count: int | None = None


def views_of(by: Actor, *, now: datetime | None = None, counted: bool = True) -> list[Shown]:
    """What ``by`` may choose at his desks: defaults of his roles, what is shared in his areas, his own; with counts.

    Two statements, one without counts.
    """
    if by.user_id is None:
        return []
    shared_in = sorted({a for area_id in _areas_of(by) for a in areas.get(area_id).ancestors})
    rows = SavedView.objects.filter(
        Q(owner=by.user_id) | Q(area__in=shared_in, role="") | Q(area__in=shared_in, role__in=by.roles)
    ).values("id", "name", "desk", "query", "owner_id", "area_id", "role", "position")
    order = {"role": 0, "shared": 1, "own": 2}
    found = [
        _shown(row, by)
        for row in rows
        if (desk := DESKS.get(row["desk"])) is not None and queue_query.works_at(desk, by)
    ]
    found = sorted(found, key=lambda view: (order[view.kind], view.position, view.id))[:SHOWN_LIMIT]
    return _counted(found, by, now or clock.now()) if counted else found


def _areas_of(by: Actor) -> set[int]:
    return {area_id for _role, area_id, _d in by.postings if area_id is not None and areas.find(area_id) is not None}


def _shown(row: Mapping[str, Any], by: Actor) -> Shown:
    kind = "own" if row["owner_id"] is not None else "role" if row["role"] else "shared"
    # in one order: PostgreSQL keeps the keys of a JSON value in its own
    query = {name: str(row["query"][name]) for name in queue_query.PARAMETERS if name in row["query"]}
    return Shown(
        id=row["id"], name=row["name"], desk=row["desk"], kind=kind, query=query, area_id=row["area_id"],
        path=f"queue/{row['desk']}/" + (f"?{urlencode(query)}" if query else ""), role=row["role"],
        position=row["position"], may_delete=kind == "own" or _may_keep(by, row["area_id"], row["role"]),
    )  # fmt: skip


def _counted(views: list[Shown], by: Actor, now: datetime) -> list[Shown]:
    """Each with how many cases it shows, as far as one counts: all in one statement."""
    counts = bounded.count_up_to(
        {str(view.id): queue_query.cases_in(queue_query.desk_of(view.desk), view.query, by, now=now) for view in views}
    )
    return [replace(view, count=counts[str(view.id)]) for view in views]


# --- writing ------------------------------------------------------------------------------------------------------


def save(
    *,
    by: Actor,
    desk: Any,
    name: Any,
    query: Any,
    area_id: int | None = None,
    role: str = "",
    position: Any = 0,
    view_id: int | None = None,
) -> SavedView:
    """A view stands, new or in the place of ``view_id``: one's own, or with ``area_id`` an area's, or there a role's.

    Raises FieldError, NotFound (``view_id`` is none that ``by`` may change), NotPermitted (``supervise`` to share,
    ``manage_rules`` for a role), Conflict ``name_taken``.
    """
    found = queue_query.desk_of(desk)
    if area_id is None and not queue_query.works_at(found, by):
        raise NotPermitted(
            _("你的岗位没有「%(desk)s」队列。") % {"desk": found.label}, missing=found.capabilities[0].value
        )
    values = {
        "desk": found.key, "name": _name(name), "query": queue_query.checked(found, query),
        "position": _position(position), "saved_by_id": by.user_id, "saved_at": clock.now(),
        **_keeper(by, area_id, role),
    }  # fmt: skip
    row = _changeable(view_id, by) if view_id is not None else SavedView()
    if row.pk is None and area_id is None and SavedView.objects.filter(owner=by.user_id).count() >= OWN_LIMIT:
        raise FieldError("name", _("自用视图最多%(n)s个") % {"n": OWN_LIMIT}, code="limit")
    before = {} if row.pk is None else audit.state(row)
    for field, value in values.items():
        setattr(row, field, value)
    try:
        with transaction.atomic():
            row.save()
            if row.owner_id is None or (before and before["owner"] is None):
                changed = audit.changes(before, {k: v for k, v in audit.state(row).items() if k not in _KEPT_BY})
                audit.record(action="saved_view.save", actor_id=by.user_id, obj=row, detail={"changes": changed})
    except IntegrityError:
        raise Conflict(_("已有同名视图：%(name)s") % {"name": row.name}, code="name_taken") from None
    return row


def delete(*, by: Actor, view_id: int) -> None:
    """The view is gone; a shared one's end is in the audit trail. NotFound for one that ``by`` may not change."""
    row = _changeable(view_id, by)
    with transaction.atomic():
        if row.owner_id is None:
            audit.record(action="saved_view.delete", actor_id=by.user_id, obj=row, detail={"name": row.name})
        row.delete()


def _keeper(by: Actor, area_id: int | None, role: str) -> dict[str, Any]:
    if area_id is None:
        if role:
            raise FieldError("role", _("角色默认视图须指定区域"))
        return {"owner_id": by.user_id, "area_id": None, "role": ""}
    if areas.find(area_id) is None or not Area.objects.filter(pk=area_id).exists():
        raise FieldError("area", _("没有这个区域：%(text)s") % {"text": area_id})
    if role and role not in {r.value for r in AREA_ROLES}:
        raise FieldError("role", _("没有这个角色：%(text)s") % {"text": str(role)[:40]})
    if not _may_keep(by, area_id, role):
        needed = Cap.MANAGE_RULES if role else Cap.SUPERVISE
        raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": needed.label}, missing=needed.value)
    return {"owner_id": None, "area_id": area_id, "role": Role(role).value if role else ""}


def _may_keep(by: Actor, area_id: int | None, role: str) -> bool:
    """Who supervises in an area shares there; who manages its rules also sets what a role begins with."""
    record = areas.find(area_id)
    chain = record.ancestors if record is not None else ()
    return by.may(Cap.MANAGE_RULES, chain) or (not role and by.may(Cap.SUPERVISE, chain))


def _changeable(view_id: int, by: Actor) -> SavedView:
    row = SavedView.objects.filter(pk=view_id).first()
    is_mine = row is not None and row.owner_id is not None and row.owner_id == by.user_id
    if row is None or not (is_mine or (row.owner_id is None and _may_keep(by, row.area_id, row.role))):
        raise NotFound(_("没有这个视图"))
    return row


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise FieldError("name", _("请填写名称"), code="required")
    if len(name) > NAME_LIMIT:
        raise FieldError("name", _("最长%(limit)s字") % {"limit": NAME_LIMIT})
    if not is_storable(name):
        raise FieldError("name", _("文字中有不可用的字符"))
    return name.strip()


def _position(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= 1000:
        raise FieldError("position", _("须是0到1000的整数"))
    return given
