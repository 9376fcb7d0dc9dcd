"""Boundaries drawn anew by hand: a few areas of one level, through the importer's plan, checks and commit.

Shapes come as GeoJSON geometries, lon, lat in degrees on CGCS2000. What is wrong is said in words, with the place where
areas would overlap or leave a gap.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from django.utils.translation import gettext as _

from gridgov.common.errors import Conflict, FieldError
from grids import effects, importers, services
from grids.effects import Effect, Redrawn
from grids.geometry import Shapes, areas_m2, canonical, from_wkb, polygons_of, union, widths_m
from grids.models import Area, Level
from grids.sources import Features
from grids.spatial import AreaRecord, areas
from grids.topology import SLIVER_M, TOLERANCE_M2, Finding, Kind

#: An area with more corners is not drawn by hand: a browser has a handle for each.
MOST_CORNERS = 1500
#: So many areas are changed at once: the one that is edited and its neighbours.
MOST_AREAS = 60
REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """A finding in words. ``shape``: where, as GeoJSON, or None; ``is_error``: it is not saved so."""

    words: str
    is_error: bool
    shape: dict[str, Any] | None = None


@dataclass(slots=True)
class Drawing:
    """What saving would do. ``changed`` by code: name, m² before and after. Save it with :func:`save`."""

    area_id: int
    plan: importers.Plan
    redrawn: Redrawn
    changed: dict[str, tuple[str, float, float]]
    faults: list[Fault] = field(default_factory=list)

    @property
    def may_be_saved(self) -> bool:
        return not any(fault.is_error for fault in self.faults) and bool(self.changed)

    def effects(self) -> list[Effect]:
        """What hangs on it: cases, components, people. A statement or two for each app; none where nothing moves."""
        return effects.of(self.redrawn) if self.changed else []


def neighbours(area: AreaRecord) -> list[AreaRecord]:
    """The valid areas of its level in the city whose box meets the box of the area, by code."""
    west, south, east, north = area.box
    found = [
        other
        for other in areas.index().all()
        if other.active and other.root_id == area.root_id and other.level == area.level and other.id != area.id
        and other.box[0] <= east and other.box[2] >= west and other.box[1] <= north and other.box[3] >= south
    ]  # fmt: skip
    return sorted(found, key=lambda other: other.code)


def draw(*, area: AreaRecord, shapes: Mapping[Any, Any], revision: Any) -> Drawing:
    """What the areas of ``shapes`` (id → GeoJSON geometry) drawn so would do to their city; writes nothing.

    ``revision``: of the index that was drawn on. Raises FieldError for what is no drawing, Conflict where one of the
    areas was changed since. Everything else that is wrong is in the drawing's faults.
    """
    if area.level == Level.CITY:
        raise FieldError("shapes", _("城市的边界由其下级合并而成，请编辑下级区域"))
    if not area.active:
        raise FieldError("shapes", _("该区域已停用"))
    records = _records(area, shapes)
    if not isinstance(revision, int):
        raise FieldError("revision", _("缺少所依据的修订号"))
    changed_since = [record for record in records if record.revision > revision]
    if changed_since:
        names = "、".join(record.name for record in changed_since[:5])
        raise Conflict(_("这些区域在你打开后已被修改：%(names)s。请重新打开地图。") % {"names": names})
    after = _read(records, shapes)
    before = _before(records)
    index = areas.index()
    root = index.get(area.root_id)
    plan = importers.plan_load(
        root=root.code,
        level=area.level,
        features=Features(
            rows=list(range(1, len(records) + 1)),
            codes=[record.code for record in records],
            names=[record.name for record in records],
            parents=[index.get(record.parent_id).code for record in records if record.parent_id is not None],
            kinds=[record.kind for record in records],
            shapes=after,
        ),
        parents_given=True,
    )
    found = [finding for finding in plan.findings if finding.is_error]
    if any(set(wanted.changes) - {"boundary"} for wanted in plan.changed) or plan.added or plan.ended:
        raise Conflict(_("区域在此期间已被修改，请重新打开地图。"))
    moved = {wanted.code for wanted in plan.changed}
    sizes = zip(records, areas_m2(before).tolist(), areas_m2(_measurable(after)).tolist(), strict=True)
    drawing = Drawing(
        area_id=area.id,
        plan=plan,
        redrawn=Redrawn(area.root_id, tuple(record.id for record in records), before, after),
        changed={r.code: (r.name, old, new) for r, old, new in sizes if r.code in moved},
    )
    if any(finding.kind == Kind.INVALID_RING for finding in found):
        drawing.changed = {}
        drawing.faults = [_worded(finding, {}) for finding in found]
        return drawing
    drawing.faults = _faults(area, plan, records, before, after)
    return drawing


def save(*, drawing: Drawing, reason: str, by: Any = None, address: str | None = None) -> int | None:
    """The areas have the drawn boundaries under one new revision (returned; None: nothing differs).

    The audit trail has who, why and which; places and components lie where they now belong, open cases follow by
    ``dispatch.placing``, ended ones keep their areas. FieldError without a reason, LoadRefused for what overlaps,
    Conflict where somebody was faster: nothing is written then.
    """
    reason = reason.strip()
    if not reason:
        raise FieldError("reason", _("请填写调整依据"))
    if len(reason) > REASON_LENGTH:
        raise FieldError("reason", _("最长%(count)d字") % {"count": REASON_LENGTH})
    detail = {
        "reason": reason,
        "areas": {code: [round(old), round(new)] for code, (_name, old, new) in sorted(drawing.changed.items())},
    }
    revision = importers.commit(
        drawing.plan, by=by, action="area.redraw", about=drawing.area_id, detail=detail, address=address
    )
    if revision is not None:
        services.place_again(root_id=drawing.redrawn.root_id)
    return revision


# --- reading ------------------------------------------------------------------------------------------------------


def _records(area: AreaRecord, shapes: Mapping[Any, Any]) -> list[AreaRecord]:
    """The areas that are drawn, by code: this one and neighbours of its level."""
    if not isinstance(shapes, Mapping) or not shapes:
        raise FieldError("shapes", _("没有收到边界"))
    if len(shapes) > MOST_AREAS:
        raise FieldError("shapes", _("一次最多调整%(count)d个区域") % {"count": MOST_AREAS})
    index = areas.index()
    found = []
    for key in shapes:
        text = str(key)
        record = index.find(int(text)) if text.isascii() and text.isdecimal() and len(text) < 18 else None
        fits = record is not None and record.active and (record.root_id, record.level) == (area.root_id, area.level)
        if record is None or not fits:
            raise FieldError(f"shapes.{text[:20]}", _("不是同一城市、同一层级的有效区域"))
        found.append(record)
    return sorted(found, key=lambda record: record.code)


def _read(records: list[AreaRecord], shapes: Mapping[Any, Any]) -> Shapes:
    """The geometries as drawn; canonical where they are valid."""
    by_id = {int(key): value for key, value in shapes.items()}
    found = np.empty(len(records), dtype=object)
    for position, record in enumerate(records):
        given = by_id[record.id]
        if not isinstance(given, dict) or given.get("type") not in ("Polygon", "MultiPolygon"):
            raise FieldError(f"shapes.{record.code}", _("%(name)s：不是多边形") % {"name": record.name})
        try:
            shape = shapely.from_geojson(json.dumps(given))
        except (shapely.errors.GEOSException, ValueError, RecursionError) as error:
            raise FieldError(f"shapes.{record.code}", _("%(name)s：边界无法读取") % {"name": record.name}) from error
        if shapely.get_num_coordinates(shape) > 4 * MOST_CORNERS:
            raise FieldError(f"shapes.{record.code}", _("%(name)s：顶点过多，请用导入") % {"name": record.name})
        found[position] = shape
    valid = shapely.is_valid(found)
    found[valid] = canonical(found[valid])
    return found


def _before(records: list[AreaRecord]) -> Shapes:
    """Their boundaries as stored, in the same order. One statement."""
    stored = dict(Area.objects.filter(pk__in=[record.id for record in records]).values_list("pk", "boundary"))
    return from_wkb([stored[record.id] for record in records])


def _measurable(shapes: Shapes) -> Shapes:
    """The shapes, empty ones where they are not valid."""
    return np.array(
        [shape if shapely.is_valid(shape) else shapely.MultiPolygon() for shape in shapes.tolist()], dtype=object
    )


# --- what is wrong, in words --------------------------------------------------------------------------------------


def _faults(
    area: AreaRecord, plan: importers.Plan, records: list[AreaRecord], before: Shapes, after: Shapes
) -> list[Fault]:
    """Errors first, then gaps with their place, then what else the check found near the drawn areas."""
    index = areas.index()
    near = {record.id: record for one in records for record in [one, *neighbours(one)]}
    shapes = _shapes_now(list(near.values()), dict(zip([r.code for r in records], after.tolist(), strict=True)))
    about = {record.code for record in near.values()}
    about |= {index.get(record.parent_id).code for record in records if record.parent_id is not None}
    found = [_worded(f, shapes) for f in plan.findings if f.is_error]
    opened = _opened(before, shapes)
    found += opened
    for finding in plan.findings:
        if finding.is_error or not about & set(finding.codes):
            continue
        if finding.kind == Kind.GAP and opened:
            continue  # said already, with its place
        found.append(_worded(finding, shapes))
    return found


def _shapes_now(near: list[AreaRecord], drawn: Mapping[str, Any]) -> dict[str, Any]:
    """code → shape as it would be, of the drawn areas and those around them. One statement."""
    others = [record for record in near if record.code not in drawn]
    rows = Area.objects.filter(pk__in=[record.id for record in others]).values_list("code", "boundary")
    codes, boundaries = zip(*rows, strict=True) if others else ((), ())
    return {**drawn, **dict(zip(codes, from_wkb(list(boundaries)).tolist() if boundaries else [], strict=True))}


def _opened(before: Shapes, shapes: Mapping[str, Any]) -> list[Fault]:
    """Gaps that would open: what the drawn areas had and no area near has any more. Slivers apart."""
    missing = polygons_of(shapely.difference(union(before), shapely.union_all(list(shapes.values()))))
    parts = shapely.get_parts(missing)
    if not len(parts):
        return []
    sizes, widths = areas_m2(parts), widths_m(parts)
    real = [(part, size) for part, size, wide in zip(parts, sizes.tolist(), widths.tolist(), strict=True)
            if size > TOLERANCE_M2 and wide > SLIVER_M]  # fmt: skip
    words = _("空隙：%(size)s 不再属于任何区域")
    return [
        Fault(words % {"size": size_words(size)}, False, json.loads(shapely.to_geojson(part))) for part, size in real
    ]


def _worded(finding: Finding, shapes: Mapping[str, Any]) -> Fault:
    names = " / ".join(_name(code) for code in finding.codes)
    size = size_words(finding.area_m2)
    words = {
        Kind.INVALID_RING: _("边界无效：%(names)s（自相交、未闭合或坐标超出范围）"),
        Kind.OVERLAP: _("重叠：%(names)s，%(size)s"),
        Kind.REPEATED_CODE: _("编码重复：%(names)s"),
        Kind.ORPHAN: _("没有上级：%(names)s"),
        Kind.BAD_CODE: _("编码不合规则：%(names)s"),
        Kind.GAP: _("空隙：%(names)s 内有 %(size)s 未被下级覆盖"),
        Kind.OUTSIDE_PARENT: _("超出上级：%(names)s，%(size)s"),
        Kind.UNMATCHED_EDGE: _("边线与相邻区域未逐点重合：%(names)s"),
    }[finding.kind] % {"names": names, "size": size}
    shape = None
    if finding.kind == Kind.OVERLAP and all(code in shapes for code in finding.codes):
        common = polygons_of(shapely.intersection(shapes[finding.codes[0]], shapes[finding.codes[1]]))
        shape = json.loads(shapely.to_geojson(common))
    return Fault(words, finding.is_error, shape)


def _name(code: str) -> str:
    found = [record for record in areas.index().all() if record.code == code and record.active]
    return found[0].name if found else code


def size_words(area_m2: float) -> str:
    """An area for people: m² below a hectare, else hectares or km²."""
    if area_m2 < 10_000:
        return _("%(size)s 平方米") % {"size": f"{area_m2:,.0f}"}
    if area_m2 < 1_000_000:
        return _("%(size)s 公顷") % {"size": f"{area_m2 / 10_000:,.2f}"}
    return _("%(size)s 平方公里") % {"size": f"{area_m2 / 1_000_000:,.2f}"}
