"""Loading zones, places and components from CSV: read and judge every row, then write all or nothing."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db import models, transaction
from django.utils.translation import gettext as _

from gridgov.common import audit
from gridgov.common.errors import FieldError
from gridgov.common.reference import touch
from grids.models import Area, CodePattern, Component, Place, ServiceZone
from grids.sources import Faults, read_bytes, read_rows
from grids.spatial import REFERENCE, areas

_BATCH = 200
_LOADED = {ServiceZone: "servicezone.load", Component: "component.load", Place: "place.load"}
DEFAULT_COMPONENT_PATTERN = r"\d{16}"
_SEPARATORS = re.compile(r"[\s,;、，；|]+")

Row = dict[str, str]
Conversion = Callable[[np.ndarray], np.ndarray]


@dataclass(slots=True)
class RegisterPlan:
    """What a load would do. ``rows``: the wanted values by code."""

    model: type[models.Model]
    root_id: int
    added: list[models.Model] = field(default_factory=list)
    changed: list[models.Model] = field(default_factory=list)
    unchanged: int = 0
    fields: tuple[str, ...] = ()
    members: dict[str, frozenset[int]] = field(default_factory=dict)  # zones: area ids by the zone's code

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed)


def plan_places(*, root: str, path: str, to_lonlat: Conversion | None = None) -> RegisterPlan:
    """What loading places from ``path`` would do: columns code, name, kind, address, lon, lat, organisation, phone.

    Raises FieldErrors naming each bad row and column.
    """
    fields = ("name", "kind", "address", "lon", "lat", "area_id", "organisation", "phone")
    return _plan_points(
        Place, root, path, to_lonlat, fields, required=("code", "name", "kind", "lon", "lat"), judge=_judge_place
    )


def plan_components(*, root: str, path: str, to_lonlat: Conversion | None = None) -> RegisterPlan:
    """What loading components from ``path`` would do: columns code, type_code, name, state, lon, lat, address.

    Every other column becomes an attribute. Raises FieldErrors naming each bad row and column.
    """
    fields = ("type_code", "name", "state", "lon", "lat", "area_id", "address", "attributes")
    return _plan_points(
        Component, root, path, to_lonlat, fields, required=("code", "type_code", "lon", "lat"), judge=_judge_component
    )


def plan_zones(*, root: str, path: str) -> RegisterPlan:
    """What loading zones from ``path`` would do: columns code, name, kind, areas (codes, separated by blanks or ;).

    An area is named by its code, or by level:code where levels share codes. Raises FieldErrors naming row and column.
    """
    root_id = _root_id(root)
    plan = RegisterPlan(ServiceZone, root_id, fields=("name", "kind"))
    faults = Faults()
    rows = _rows(path, ("code", "name", "kind", "areas"), faults)
    by_code: dict[str, list[int]] = {}
    for record in areas.all():
        if record.root_id == root_id and record.active:
            by_code.setdefault(record.code, []).append(record.id)
            by_code.setdefault(f"{record.level}:{record.code}", []).append(record.id)
    held = {zone.code: zone for zone in ServiceZone.objects.filter(root=root_id).prefetch_related("areas")}
    for line, row in rows:
        kind = _choice(row, "kind", ServiceZone.Kind, "", line, faults)
        ids = set()
        for code in filter(None, _SEPARATORS.split(row["areas"])):
            found = by_code.get(code, [])
            if len(found) == 1:
                ids.add(found[0])
            else:
                reason = _("层级间编码重复，请写作 层级:编码") if found else _("没有这个区域")
                faults.add(line, "areas", f"{code} {reason}")
        plan.members[row["code"]] = frozenset(ids)
        zone = held.get(row["code"])
        same = zone is not None and {area.pk for area in zone.areas.all()} == ids
        _sort(plan, zone, row["code"], {"name": row["name"], "kind": kind}, same)
    faults.refuse()
    return plan


def commit(plan: RegisterPlan, *, by: Any = None) -> None:
    """The plan's rows stand, all in one transaction."""
    if plan.is_empty:
        return
    with transaction.atomic():
        plan.model._default_manager.bulk_create(plan.added, batch_size=_BATCH)
        plan.model._default_manager.bulk_create(
            plan.changed,
            batch_size=_BATCH,
            update_conflicts=True,
            unique_fields=["root", "code"],
            update_fields=[name.removesuffix("_id") for name in plan.fields],
        )
        if plan.model is ServiceZone:
            _write_members(plan)
            touch(REFERENCE)
        audit.record(
            action=_LOADED[plan.model], actor=by, object_type=Area._meta.label,
            object_id=plan.root_id, detail={"added": len(plan.added), "changed": len(plan.changed)},
        )  # fmt: skip


def _write_members(plan: RegisterPlan) -> None:
    touched = [zone.code for zone in (*plan.added, *plan.changed)]  # type: ignore[attr-defined]
    ids = dict(ServiceZone.objects.filter(root=plan.root_id, code__in=touched).values_list("code", "pk"))
    through = ServiceZone.areas.through
    through.objects.filter(servicezone__in=ids.values()).delete()
    through.objects.bulk_create(
        [through(servicezone_id=pk, area_id=area) for code, pk in ids.items() for area in sorted(plan.members[code])],
        batch_size=_BATCH,
    )


def _plan_points(
    model: type[models.Model],
    root: str,
    path: str,
    to_lonlat: Conversion | None,
    fields: tuple[str, ...],
    *,
    required: tuple[str, ...],
    judge: Callable[[int, Row, Faults, re.Pattern[str]], dict[str, Any]],
) -> RegisterPlan:
    root_id = _root_id(root)
    plan = RegisterPlan(model, root_id, fields=fields)
    faults = Faults()
    pattern = _component_pattern(root_id)
    rows = _rows(path, required, faults)
    points = _points(rows, faults, to_lonlat)
    index = areas.index()
    placements = index.locate_many(points)
    held = {row.code: row for row in model._default_manager.filter(root=root_id)}  # type: ignore[attr-defined]
    for (line, row), (lon, lat), placement in zip(rows, points.tolist(), placements, strict=True):
        values = judge(line, row, faults, pattern)
        if placement is None or placement.root_id != root_id:
            if lon == lon:  # a number that could be read
                swapped = index.looks_swapped(lon, lat)
                faults.add(line, "lon", _("经纬度疑似颠倒") if swapped else _("坐标不在该城市范围内"))
            continue
        values |= {"lon": lon, "lat": lat, "area_id": placement.area_id}
        _sort(plan, held.get(row["code"]), row["code"], values, True)
    _lengths(plan, rows, faults)
    faults.refuse()
    return plan


def _judge_place(line: int, row: Row, faults: Faults, _pattern: re.Pattern[str]) -> dict[str, Any]:
    return {
        "name": row["name"],
        "kind": _choice(row, "kind", Place.Kind, "", line, faults),
        "address": row.get("address", ""),
        "organisation": row.get("organisation", ""),
        "phone": row.get("phone", ""),
    }


def _judge_component(line: int, row: Row, faults: Faults, pattern: re.Pattern[str]) -> dict[str, Any]:
    if not pattern.fullmatch(row["code"]):
        faults.add(line, "code", _("不符合编码规则 %(pattern)s") % {"pattern": pattern.pattern})
    known = {"code", "type_code", "name", "state", "lon", "lat", "address"}
    return {
        "type_code": row["type_code"],
        "name": row.get("name", ""),
        "state": _choice(row, "state", Component.State, Component.State.INTACT, line, faults),
        "address": row.get("address", ""),
        "attributes": {key: value for key, value in row.items() if key not in known and value},
    }


def _sort(plan: RegisterPlan, held: Any, code: str, values: dict[str, Any], same: bool) -> None:
    """The row is new, changed or unchanged."""
    if held is None:
        plan.added.append(plan.model(root_id=plan.root_id, code=code, **values))
    elif same and all(getattr(held, name) == value for name, value in values.items()):
        plan.unchanged += 1
    else:
        for name, value in values.items():
            setattr(held, name, value)
        held.pk = None  # found again by root and code
        plan.changed.append(held)


def _rows(path: str, required: tuple[str, ...], faults: Faults) -> list[tuple[int, Row]]:
    rows = list(read_rows(read_bytes(path), required))
    if not rows:
        raise FieldError("file", _("文件没有数据行"))
    seen: dict[str, int] = {}
    for line, row in rows:
        for name in required:
            if not row[name]:
                faults.add(line, name, _("不能为空"))
        first = seen.setdefault(row["code"], line)
        if row["code"] and first != line:
            faults.add(line, "code", _("与第%(line)d行重复") % {"line": first})
    return rows


def _points(rows: Sequence[tuple[int, Row]], faults: Faults, to_lonlat: Conversion | None) -> np.ndarray:
    """lon, lat of each row, NaN where it cannot be read."""
    points = np.full((len(rows), 2), np.nan)
    for i, (line, row) in enumerate(rows):
        for j, name in enumerate(("lon", "lat")):
            try:
                value = float(row[name])
            except ValueError:
                value = np.nan
            if row[name] and not np.isfinite(value):
                faults.add(line, name, _("不是数字"))
            points[i, j] = value if np.isfinite(value) else np.nan
    points[np.isnan(points).any(axis=1)] = np.nan
    if to_lonlat is not None:
        given = ~np.isnan(points[:, 0])
        points[given] = to_lonlat(points[given])
    return points


def _choice(row: Row, name: str, choices: Any, default: str, line: int, faults: Faults) -> str:
    """The value, given by itself or by its label."""
    given = row.get(name, "") or default
    for value, label in choices.choices:
        if given in (value, str(label)):
            return value
    if given:
        listed = "、".join(str(label) for label in choices.labels)
        faults.add(line, name, _("应为下列之一：%(listed)s") % {"listed": listed})
    return ""


def _lengths(plan: RegisterPlan, rows: Sequence[tuple[int, Row]], faults: Faults) -> None:
    """No text is longer than its column, which SQLite would not say."""
    limits = {
        column.name: column.max_length
        for column in plan.model._meta.fields
        if isinstance(column, models.CharField) and column.max_length
    }
    for line, row in rows:
        for name, value in row.items():
            if len(value) > limits.get(name, len(value)):
                faults.add(line, name, _("超过%(count)d个字符") % {"count": limits[name]})


def _component_pattern(root_id: int) -> re.Pattern[str]:
    found = CodePattern.objects.filter(root=root_id, level=CodePattern.COMPONENT).values_list("pattern", flat=True)
    return re.compile(found.first() or DEFAULT_COMPONENT_PATTERN)


def _root_id(root: str) -> int:
    root_id = areas.root_id(root)
    if root_id is None:
        raise FieldError("root", _("没有编码为 %(code)s 的城市") % {"code": root})
    return root_id
