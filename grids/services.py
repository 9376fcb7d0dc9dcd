"""The writers of areas, zones, places and components other than the area import. One transaction each."""

import re
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from gridgov.common import audit
from gridgov.common.errors import FieldError
from gridgov.common.reference import touch
from gridgov.common.text import given_reason
from grids.models import Area, CodePattern, Component, IndexRevision, Place, PlacingDue, ServiceZone
from grids.spatial import REFERENCE, areas

_CHUNK = 500


def raise_revision() -> int:
    """The index revision is one higher, in the caller's transaction; every process loads the areas again.

    The row is the lock: two writers of areas queue here.
    """
    if not IndexRevision.objects.filter(pk=1).update(value=F("value") + 1):
        IndexRevision.objects.get_or_create(pk=1)
        IndexRevision.objects.filter(pk=1).update(value=F("value") + 1)
    touch(REFERENCE)
    return IndexRevision.objects.values_list("value", flat=True).get(pk=1)


def change_area(*, area: Area, by: Any = None, **values: Any) -> Area:
    """Name, kind, desk or attribution of an area are as given; boundary, code and parent come by import only.

    Raises FieldError for another field.
    """
    allowed = {"name", "kind", "has_desk", "attribution"}
    for field in values:
        if field not in allowed:
            raise FieldError(field, _("只能通过导入修改"))
    changed = {field: value for field, value in values.items() if getattr(area, field) != value}
    if changed:
        with transaction.atomic():
            revision = raise_revision()
            before = Area.objects.filter(pk=area.pk).values(*changed).get()
            Area.objects.filter(pk=area.pk).update(revision=revision, **changed)
            audit.record(action="area.change", actor=by, obj=area, detail={"changes": audit.changes(before, changed)})
        for field, value in (changed | {"revision": revision}).items():
            setattr(area, field, value)
    return area


def set_desks(*, root: Area, levels: Iterable[int]) -> int:
    """Every valid area of ``levels`` in the city is a centre with a desk. Returns how many were not yet."""
    found = Area.objects.filter(root=root, level__in=list(levels), has_desk=False, valid_to__isnull=True)
    with transaction.atomic():
        if not found.exists():
            return 0
        return found.update(has_desk=True, revision=raise_revision())


def set_code_patterns(*, root: Area, patterns: dict[int, str]) -> None:
    """The city's codes have these forms by level (0: components). Raises FieldError for a broken expression."""
    for pattern in patterns.values():
        try:
            re.compile(pattern)
        except re.error as error:
            raise FieldError("pattern", _("不是正则表达式：%(pattern)s") % {"pattern": pattern}) from error
    with transaction.atomic():
        for level, pattern in patterns.items():
            CodePattern.objects.update_or_create(root=root, level=level, defaults={"pattern": pattern})


def save_zone(*, zone: ServiceZone, members: Iterable[int], by: Any = None) -> ServiceZone:
    """The zone stands with exactly the areas ``members`` (ids in its own city). Raises FieldError."""
    ids = set(members)
    index = areas.index()
    for area_id in ids:
        record = index.find(area_id)
        if record is None or record.root_id != zone.root_id:
            raise FieldError("areas", _("区域不属于该城市"))
    with transaction.atomic():
        old = ServiceZone.objects.filter(pk=zone.pk).first()
        before = {} if old is None else audit.state(old) | {"areas": _member_codes(old)}
        zone.save()
        zone.areas.set(ids)
        # zones are part of the index in the process, but place no point: no new revision
        touch(REFERENCE)
        changed = audit.changes(before, audit.state(zone) | {"areas": _member_codes(zone)})
        audit.record(action="zone.save", actor=by, obj=zone, detail={"code": zone.code, "changes": changed})
    return zone


def _member_codes(zone: ServiceZone) -> list[str]:
    return sorted(zone.areas.values_list("code", flat=True))


#: What is written by hand, one at a time, and its actions in the audit trail.
ByHand = Component | Place | CodePattern | ServiceZone
_CREATED = {Component: "component.create", Place: "place.create", CodePattern: "pattern.create"}
_CHANGED = {Component: "component.change", Place: "place.change", CodePattern: "pattern.change"}
_DELETED = {
    Component: "component.delete",
    Place: "place.delete",
    CodePattern: "pattern.delete",
    ServiceZone: "zone.delete",
}


def save_by_hand(*, row: Component | Place | CodePattern, by: Any = None) -> None:
    """The row stands as it is now; a new one, or what changed from what to what, is in the audit trail."""
    kind = type(row)
    with transaction.atomic():
        old = kind._default_manager.select_for_update().filter(pk=row.pk).first() if row.pk else None
        row.save()
        if old is None:
            audit.record(action=_CREATED[kind], actor=by, obj=row, detail=_named(row))
            return
        changed = audit.changes(audit.state(old), audit.state(row))
        if changed:
            audit.record(action=_CHANGED[kind], actor=by, obj=row, detail={**_named(row), "changes": changed})


def delete_by_hand(*, row: ByHand, reason: str, by: Any = None) -> None:
    """The row is gone; what it was called, and why, is in the audit trail. Raises FieldError without a reason."""
    reason = given_reason(reason)
    with transaction.atomic():
        audit.record(action=_DELETED[type(row)], actor=by, obj=row, detail={**_named(row), "reason": reason})
        row.delete()
        if isinstance(row, ServiceZone):
            touch(REFERENCE)


def _named(row: ByHand) -> dict[str, Any]:
    """By what it is called where its number no longer says anything."""
    return {name: value for name, value in audit.state(row).items() if name in ("code", "name", "level", "pattern")}


def deepest_area(*, root_id: int, lon: float, lat: float) -> int:
    """The id of the deepest area of the city at the point. Raises FieldError("lon") outside it."""
    placement = areas.locate(lon, lat)
    if placement is None or placement.root_id != root_id:
        if areas.looks_swapped(lon, lat):
            raise FieldError("lon", _("经纬度疑似颠倒"))
        raise FieldError("lon", _("坐标不在该城市范围内"))
    return placement.area_id


def place_later(*, root_id: int, revision: int) -> None:
    """Places and components of the city are placed under that revision, whoever dies. In the caller's transaction.

    At once by whoever changed the areas, or soon by :func:`place_due`.
    """
    PlacingDue.objects.update_or_create(root_id=root_id, defaults={"revision": revision})


def place_due() -> int:
    """What :func:`place_later` left is done; how many places and components moved. One statement where nothing is."""
    return sum(place_again(root_id=root_id) for root_id in list(PlacingDue.objects.values_list("root", flat=True)))


def place_again(*, root_id: int) -> int:
    """Places and components of the city lie in the areas that the index has at their points now.

    Points that no area has any more keep their area. Returns how many moved. Run after areas changed.
    """
    index = areas.index()
    moved = 0
    for model in (Place, Component):
        rows = list(model.objects.filter(root=root_id).values_list("pk", "lon", "lat", "area_id"))
        placements = index.locate_many([row[1:3] for row in rows])
        to: dict[int, list[int]] = {}
        for (pk, _lon, _lat, area_id), placement in zip(rows, placements, strict=True):
            if placement is not None and placement.root_id == root_id and placement.area_id != area_id:
                to.setdefault(placement.area_id, []).append(pk)
        with transaction.atomic():
            for area_id, pks in to.items():
                for start in range(0, len(pks), _CHUNK):
                    chunk = pks[start : start + _CHUNK]
                    moved += model.objects.filter(pk__in=chunk).update(area=area_id)
    # where the areas changed meanwhile, or this process has older ones, it stays due
    PlacingDue.objects.filter(root=root_id, revision__lte=index.revision).delete()
    return moved
