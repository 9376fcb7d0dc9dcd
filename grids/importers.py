"""Loading one level of areas into a city: plan (reads, all the geometry), then commit (one short transaction).

Parents come from a column of codes or, without one, from the largest overlap with the nearest level above. Areas that
the file does not name stay as they are unless the load replaces its level. The city itself is made by its first load;
its boundary is the union of its top level.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import shapely
from django.db import transaction
from django.db.models import CharField, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext as _

from gridgov.common import audit, clock
from gridgov.common.errors import Conflict, DomainError, FieldError
from grids import topology
from grids.geometry import Shapes, areas_m2, canonical, from_wkb, to_wkb, union
from grids.models import Area, CodePattern, IndexRevision, Level
from grids.services import place_later, raise_revision
from grids.sources import Features
from grids.topology import Finding, Kind

# Below SQLite's limit of parameters in a statement
_BATCH = 200
_CONTENT = ("name", "kind", "parent", "boundary", "valid_to")
_MEASURED = (
    "boundary", "min_lon", "min_lat", "max_lon", "max_lat", "label_lon", "label_lat", "area_m2",
)  # fmt: skip


class LoadRefused(DomainError):
    """The areas of a file do not fit together; ``findings`` says where. Nothing was written."""

    code = "topology"

    def __init__(self, findings: Sequence[Finding]) -> None:
        errors = [finding for finding in findings if finding.is_error]
        super().__init__(_("%(count)d处拓扑错误，未写入任何数据") % {"count": len(errors)}, findings=list(findings))
        self.findings = list(findings)


@dataclass(frozen=True, slots=True)
class _Held:
    """An area as the database has it. ``id`` None is the city that the commit will make."""

    id: int | None
    level: int
    code: str
    name: str
    parent_id: int | None
    kind: str
    active: bool
    boundary: bytes


@dataclass(slots=True)
class Wanted:
    """An area as the file has it."""

    code: str
    name: str
    kind: str
    parent: str  # code of the parent, for the report
    parent_id: int | None  # None: the city that the commit will make
    boundary: bytes
    shape: shapely.Geometry
    changes: tuple[str, ...] = ()  # what differs from the area held, for the report


@dataclass(slots=True)
class Plan:
    """What a load would do, and what the topology check found. Commit it with :func:`commit`."""

    root_code: str
    root_name: str
    level: Level
    revision: int
    on: date
    root_id: int | None = None
    findings: list[Finding] = field(default_factory=list)
    added: list[Wanted] = field(default_factory=list)
    changed: list[Wanted] = field(default_factory=list)
    ended: list[_Held] = field(default_factory=list)
    unchanged: int = 0
    adopted: dict[int, str] = field(default_factory=dict)  # child of an ended area → code of its new parent
    root_shape: shapely.Geometry | None = None  # the city's boundary where it changes

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.is_error]

    @property
    def warnings(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.is_error]

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.ended or self.root_shape is not None)


def plan_load(
    *, root: str, level: int, features: Features, parents_given: bool, replace: bool = False, root_name: str = ""
) -> Plan:
    """What loading ``features`` as ``level`` of the city with the code ``root`` would do. Writes nothing.

    ``parents_given``: parents are the file's codes; else by largest overlap. ``replace`` ends the level's areas that
    the file does not name. Raises FieldError for a wrong level or file as such; what is wrong with areas is in the
    plan's findings.
    """
    if level not in (Level.DISTRICT, Level.STREET, Level.COMMUNITY, Level.GRID):
        raise FieldError("level", _("只能导入区县、街道、社区、网格四级；城市的边界由其下级合并而成"))
    revision = IndexRevision.objects.values_list("value", flat=True).first() or 0
    held = _read(root)
    city = next((area for area in held if area.parent_id is None and area.level == Level.CITY), None)
    plan = Plan(
        root_code=root, root_name=root_name or (city.name if city else root), level=Level(level), revision=revision,
        on=clock.local_date(clock.now()), root_id=city.id if city else None,
    )  # fmt: skip
    patterns = CodePattern.objects.filter(root=plan.root_id, level=level) if city else CodePattern.objects.none()
    plan.findings += topology.repeated_codes(features.codes)
    plan.findings += topology.invalid_rings(features.codes, features.shapes)
    plan.findings += _bad_codes(features.codes, [row.pattern for row in patterns])
    if plan.errors:
        return plan  # the rest would be judged by areas that are not there
    above = [area for area in held if area.active and Level.CITY < area.level < level]
    peers = {area.code: area for area in held if area.level == level}
    parents = (_parents_by_code if parents_given else _parents_by_overlap)(features, above, city, plan)
    wanted = _wanted(features, parents, plan)
    if not plan.errors:
        _differ(plan, wanted, peers, replace)
        _check(plan, wanted, held, above)
    return plan


def commit(
    plan: Plan,
    *,
    by: Any = None,
    action: str = "area.load",
    about: int | None = None,
    detail: Mapping[str, Any] | None = None,
    address: str | None = None,
) -> int | None:
    """The plan's areas stand, under one new index revision, which is returned; None where nothing differs.

    The audit trail has it as ``action`` on the area ``about`` (its id; the city where it is not given), with ``detail``
    beside the counts. Raises LoadRefused for a plan with errors and Conflict when areas changed since it was made.
    """
    if plan.errors:
        raise LoadRefused(plan.findings)
    if plan.is_empty:
        return None
    # all that shapely does comes before the transaction
    root_values = _measures([plan.root_shape])[0] if plan.root_shape is not None else {}
    new_values = _measures([area.shape for area in plan.added])
    changed_values = _measures([area.shape for area in plan.changed])
    with transaction.atomic():
        revision = raise_revision()
        if revision != plan.revision + 1:
            raise Conflict(_("导入期间区域已被修改，请重新导入"))
        root_id = _write_root(plan, root_values, revision)

        def row(area: Wanted, values: dict[str, Any]) -> Area:
            return Area(
                root_id=root_id, level=plan.level, code=area.code, name=area.name, kind=area.kind,
                parent_id=area.parent_id or root_id, valid_from=plan.on, valid_to=None, revision=revision, **values,
            )  # fmt: skip

        Area.objects.bulk_create([row(*pair) for pair in zip(plan.added, new_values, strict=True)], batch_size=_BATCH)
        Area.objects.bulk_create(
            [row(*pair) for pair in zip(plan.changed, changed_values, strict=True)],
            batch_size=_BATCH,
            update_conflicts=True,
            unique_fields=["root", "level", "code"],
            update_fields=["name", "kind", "parent", "valid_to", "revision", *_MEASURED],
        )
        _end(plan, root_id, revision)
        _write_paths(root_id)
        place_later(root_id=root_id, revision=revision)
        audit.record(
            action=action, actor=by, object_type=Area._meta.label, object_id=about or root_id, address=address,
            detail={
                "level": int(plan.level), "revision": revision, "added": len(plan.added),
                "changed": len(plan.changed), "ended": len(plan.ended), "unchanged": plan.unchanged, **(detail or {}),
            },
        )  # fmt: skip
    return revision


# --- planning -------------------------------------------------------------------------------------------------


def _read(root: str) -> list[_Held]:
    city = Area.objects.filter(parent=None, code=root).values_list("pk", flat=True).first()
    rows = Area.objects.filter(root=city).order_by("level", "code") if city else Area.objects.none()
    return [
        _Held(row[0], row[1], row[2], row[3], row[4], row[5], row[6] is None, bytes(row[7]))
        for row in rows.values_list("pk", "level", "code", "name", "parent_id", "kind", "valid_to", "boundary")
    ]


def _bad_codes(codes: Sequence[str], patterns: Sequence[str]) -> list[Finding]:
    return [
        Finding(Kind.BAD_CODE, (code,), detail=pattern)
        for pattern in patterns
        for code in codes
        if not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), code)
    ]


def _parents_by_code(features: Features, above: list[_Held], city: _Held | None, plan: Plan) -> list[_Held | None]:
    """Each area's parent by the code it names: of the nearest level above that has it. None: the city."""
    by_code = {area.code: area for area in sorted(above, key=lambda area: area.level)}
    parents: list[_Held | None] = []
    for code, parent_code in zip(features.codes, features.parents, strict=True):
        parent = by_code.get(parent_code)
        to_city = parent_code == plan.root_code or (not parent_code and not above)
        if parent is None and not to_city:
            detail = _("找不到上级 %(code)s") % {"code": parent_code} if parent_code else _("没有上级编码")
            plan.findings.append(Finding(Kind.ORPHAN, (code,), detail=detail))
        parents.append(parent or (city if to_city else None))
    return parents


def _parents_by_overlap(features: Features, above: list[_Held], city: _Held | None, plan: Plan) -> list[_Held | None]:
    """Each area's parent by the largest overlap with the nearest level above that it overlaps. None: the city."""
    parents: list[_Held | None] = [city if not above else None] * len(features.codes)
    for level in sorted({area.level for area in above}, reverse=True):
        open_ = np.array([i for i, parent in enumerate(parents) if parent is None], dtype=int)
        layer = [area for area in above if area.level == level]
        shapes = from_wkb([area.boundary for area in layer])
        for i, j in _largest_overlaps(features.shapes[open_], shapes).items():
            parents[open_[i]] = layer[j]
    if above:
        plan.findings += [
            Finding(Kind.ORPHAN, (code,), detail=_("不在任何上级区域之内"))
            for code, parent in zip(features.codes, parents, strict=True)
            if parent is None
        ]
    return parents


def _largest_overlaps(shapes: Shapes, over: Shapes) -> dict[int, int]:
    """Index of each shape that overlaps any of ``over`` → index of the one that it overlaps most."""
    shapely.prepare(over)
    which, by = shapely.STRtree(over).query(shapes, predicate="intersects")
    best: dict[int, tuple[float, int]] = {}
    covered = shapely.covers(over[by], shapes[which])
    # one that covers it cannot be beaten: most areas need no intersection
    for i, j in zip(which[covered].tolist(), by[covered].tolist(), strict=True):
        best[i] = (np.inf, j)
    rest = np.array([i not in best for i in which.tolist()], dtype=bool)
    sizes = shapely.area(shapely.intersection(shapes[which[rest]], over[by[rest]]))
    for i, j, size in zip(which[rest].tolist(), by[rest].tolist(), sizes.tolist(), strict=True):
        if size > best.get(i, (0.0, 0))[0]:
            best[i] = (size, j)
    return {i: j for i, (_size, j) in best.items()}


def _wanted(features: Features, parents: list[_Held | None], plan: Plan) -> list[Wanted]:
    rows = zip(features.codes, features.names, features.kinds, parents, to_wkb(features.shapes), features.shapes,
               strict=True)  # fmt: skip
    return [
        Wanted(
            code=code, name=name, kind=kind, parent=parent.code if parent else plan.root_code,
            parent_id=parent.id if parent else plan.root_id, boundary=boundary, shape=shape,
        )
        for code, name, kind, parent, boundary, shape in rows
    ]  # fmt: skip


def _differ(plan: Plan, wanted: list[Wanted], peers: dict[str, _Held], replace: bool) -> None:
    for area in wanted:
        held = peers.get(area.code)
        if held is None:
            plan.added.append(area)
            continue
        area.kind = area.kind or held.kind
        differs = (
            area.name != held.name, area.kind != held.kind, area.parent_id != held.parent_id,
            area.boundary != held.boundary, not held.active,
        )  # fmt: skip
        area.changes = tuple(name for name, different in zip(_CONTENT, differs, strict=True) if different)
        if area.changes:
            plan.changed.append(area)
        else:
            plan.unchanged += 1
    if replace:
        named = {area.code for area in wanted}
        plan.ended = [held for held in peers.values() if held.active and held.code not in named]


def _check(plan: Plan, wanted: list[Wanted], held: list[_Held], above: list[_Held]) -> None:
    """Topology of the level as it would be, with its parents above and the areas below it that it touches."""
    named = {area.code for area in wanted} | {area.code for area in plan.ended}
    kept = [area for area in held if area.level == plan.level and area.active and area.code not in named]
    codes = [area.code for area in wanted] + [area.code for area in kept]
    shapes = np.array([area.shape for area in wanted] + list(from_wkb([area.boundary for area in kept])), dtype=object)
    parent_ids = [area.parent_id for area in wanted] + [area.parent_id for area in kept]
    plan.findings += topology.coverage(codes, shapes)
    if plan.errors:
        return

    below_city = np.array([parent_id == plan.root_id for parent_id in parent_ids])
    used = set(parent_ids)
    uppers = {area.id: area for area in above if area.id in used}
    order = {area_id: i for i, area_id in enumerate(uppers)}
    parent_codes = [area.code for area in uppers.values()]
    parent_shapes = from_wkb([area.boundary for area in uppers.values()])
    inner = np.flatnonzero(~below_city)
    if len(inner):
        inner_codes, inner_shapes = [codes[i] for i in inner], shapes[inner]
        inner_parents = [order[parent_ids[i]] for i in inner]
        found = topology.fit(inner_codes, inner_shapes, inner_parents, parent_codes, parent_shapes)
        plan.findings += topology.outside_parents(found)
        plan.findings += topology.gaps(found)
    if below_city.any():
        _check_top(plan, held, shapes[below_city])
    _check_below(plan, held, codes, shapes)


def _check_top(plan: Plan, held: list[_Held], shapes: Shapes) -> None:
    """The city's boundary: the union of all that stands right below it."""
    others = [
        area for area in held
        if area.active and area.parent_id == plan.root_id and area.level not in (Level.CITY, plan.level)
    ]  # fmt: skip
    top = np.concatenate([shapes, from_wkb([area.boundary for area in others])]) if others else shapes
    plan.findings += topology.holes(plan.root_code, top)
    whole = canonical(np.array([union(top)], dtype=object))[0]
    city = next((area for area in held if area.id == plan.root_id), None)
    if city is None or to_wkb(np.array([whole], dtype=object))[0] != city.boundary:
        plan.root_shape = whole


def _check_below(plan: Plan, held: list[_Held], codes: list[str], shapes: Shapes) -> None:
    """Areas already below: those of ended areas go to the largest overlap; of changed ones some may stick out."""
    ended = {area.id for area in plan.ended}
    orphans = [area for area in held if area.active and area.parent_id in ended]
    if orphans:
        found = _largest_overlaps(from_wkb([area.boundary for area in orphans]), shapes)
        for i, area in enumerate(orphans):
            if i in found and area.id is not None:
                plan.adopted[area.id] = codes[found[i]]
            else:
                plan.findings.append(Finding(Kind.ORPHAN, (area.code,), detail=_("上级被停用")))
    moved = {area.code for area in plan.changed if "boundary" in area.changes}
    ids = {area.id: area.code for area in held if area.level == plan.level and area.code in moved}
    below = [area for area in held if area.active and area.parent_id in ids]
    if below:
        index = {code: i for i, code in enumerate(codes)}
        found = topology.fit(
            [area.code for area in below], from_wkb([area.boundary for area in below]),
            [index[ids[area.parent_id]] for area in below], codes, shapes,
        )  # fmt: skip
        plan.findings += topology.outside_parents(found)


# --- writing --------------------------------------------------------------------------------------------------


def _measures(shapes: Sequence[shapely.Geometry]) -> list[dict[str, Any]]:
    """The measured columns of each shape."""
    if not shapes:
        return []
    array = np.array(shapes, dtype=object)
    labels = shapely.point_on_surface(array)
    columns = np.column_stack([shapely.bounds(array), shapely.get_x(labels), shapely.get_y(labels), areas_m2(array)])
    return [
        dict(zip(_MEASURED, (boundary, *values), strict=True))
        for boundary, values in zip(to_wkb(array), columns.tolist(), strict=True)
    ]


def _write_root(plan: Plan, values: dict[str, Any], revision: int) -> int:
    if plan.root_id is None:
        city = Area.objects.create(
            level=Level.CITY, code=plan.root_code, name=plan.root_name, valid_from=plan.on, revision=revision, **values
        )
        Area.objects.filter(pk=city.pk).update(root=city.pk, path=f"/{city.pk}/")
        return city.pk
    if values:
        Area.objects.filter(pk=plan.root_id).update(revision=revision, **values)
    return plan.root_id


def _end(plan: Plan, root_id: int, revision: int) -> None:
    level = Area.objects.filter(root=root_id, level=plan.level)
    parents = dict(level.filter(code__in=set(plan.adopted.values())).values_list("code", "pk"))
    for child, code in plan.adopted.items():
        Area.objects.filter(pk=child).update(parent=parents[code], revision=revision)
    ended = [area.id for area in plan.ended]
    for start in range(0, len(ended), _BATCH):
        level.filter(pk__in=ended[start : start + _BATCH]).update(valid_to=plan.on, revision=revision)


def _write_paths(root_id: int) -> None:
    """Every path of the city is its parent's and its own id: one statement a level, top down."""
    of_parent = Area.objects.filter(pk=OuterRef("parent_id")).values("path")
    path = Concat(Subquery(of_parent), Cast("pk", CharField()), Value("/"), output_field=CharField())
    for level in (Level.DISTRICT, Level.STREET, Level.COMMUNITY, Level.GRID):
        Area.objects.filter(root=root_id, level=level).exclude(path=path).update(path=path)
