"""Which area a point lies in, and the areas as reference data in the process.

One :class:`AreaIndex` a process, immutable, loaded on first use (never at import, so after a fork) and replaced
within seconds when any process changes an area. Positions are lon, lat in degrees, CGCS2000 ≈ WGS-84.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
import shapely

from gridgov.common.reference import Reference
from grids.models import Area, IndexRevision, Level, ServiceZone

Chain = tuple[int | None, int | None, int | None, int | None, int | None]
# The name under which changes of areas and zones are announced to every process.
REFERENCE = "areas"


@dataclass(frozen=True, slots=True)
class AreaRecord:
    """An area without its boundary. ``chain`` has the ids of the five levels, None where skipped or below it."""

    id: int
    root_id: int
    level: int
    code: str
    name: str
    parent_id: int | None
    path: str
    kind: str
    has_desk: bool
    box: tuple[float, float, float, float]  # min_lon, min_lat, max_lon, max_lat
    label: tuple[float, float]  # lon, lat of a point inside
    area_m2: float
    active: bool
    revision: int
    attribution: str  # of a city, for its maps
    ancestors: tuple[int, ...]  # ids from the root down to itself
    chain: Chain


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a point lies: the deepest area known, its chain of five, and the index revision that said so."""

    area_id: int
    root_id: int
    level: int
    chain: Chain
    revision: int


class AreaIndex:
    """All areas as of one revision. Safe to share between threads: nothing in it changes."""

    def __init__(self, records: Sequence[AreaRecord], boundaries: Sequence[bytes | None], revision: int) -> None:
        """``boundaries``: WKB beside each record, None for one that takes no points (ended)."""
        self.revision = revision
        self._by_id = {record.id: record for record in records}
        self._by_code = {(record.root_id, record.level, record.code): record for record in records}
        self._children: dict[int, list[AreaRecord]] = {}
        for record in sorted(records, key=attrgetter("level", "code")):
            if record.active and record.parent_id is not None:
                self._children.setdefault(record.parent_id, []).append(record)
        self.roots = [record for record in records if record.parent_id is None and record.active]
        self.zones: dict[int, frozenset[int]] = {}
        boxes = np.array([root.box for root in self.roots]).reshape(-1, 4)
        self._box = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)) if len(boxes) else (1.0, 1.0, 0.0, 0.0)
        self._box = tuple(float(value) for value in self._box)
        placed = [(r, b) for r, b in zip(records, boundaries, strict=True) if r.active and b is not None]
        self._leaves = _Layer([pair for pair in placed if pair[0].id not in self._children], revision)
        self._upper = _Layer([pair for pair in placed if pair[0].id in self._children], revision)
        active = [record for record in records if record.active]
        self._levels = np.array([record.level for record in active], dtype=int)
        self._boxes = np.array([record.box for record in active], dtype=float).reshape(-1, 4)

    # --- points -------------------------------------------------------------------------------------------

    def locate(self, lon: float, lat: float) -> Placement | None:
        """Where the point lies, or None outside every city.

        A point on a shared edge belongs to the lowest code; one in no grid to the deepest level that has it.
        """
        box = self._box
        if not (box[0] <= lon <= box[2] and box[1] <= lat <= box[3]):  # false for NaN too
            return None
        point = shapely.Point(lon, lat)
        return self._leaves.at(point) or self._upper.at(point)

    def locate_many(self, points: Any) -> list[Placement | None]:
        """:meth:`locate` for each row (lon, lat) of ``points``, an (n, 2) array or a sequence of pairs."""
        at = np.asarray(points, dtype=float).reshape(-1, 2)
        found = self._leaves.at_many(at)
        missed = [i for i, placement in enumerate(found) if placement is None]
        if missed and self._upper:
            for i, placement in zip(missed, self._upper.at_many(at[missed]), strict=True):
                found[i] = placement
        return found

    def looks_swapped(self, lon: float, lat: float) -> bool:
        """Whether the point is outside every city's box but inside one with its axes exchanged."""
        return not self._in_a_root(lon, lat) and self._in_a_root(lat, lon)

    def _in_a_root(self, lon: float, lat: float) -> bool:
        return any(r.box[0] <= lon <= r.box[2] and r.box[1] <= lat <= r.box[3] for r in self.roots)

    # --- areas --------------------------------------------------------------------------------------------

    def find(self, area_id: int | None) -> AreaRecord | None:
        """The area, ended ones too, or None."""
        return self._by_id.get(area_id) if area_id is not None else None

    def get(self, area_id: int) -> AreaRecord:
        """The area, ended ones too. Raises KeyError for an unknown id."""
        return self._by_id[area_id]

    def name(self, area_id: int | None) -> str:
        """The area's name, empty for None or an unknown id."""
        record = self.find(area_id)
        return record.name if record else ""

    def full_name(self, area_id: int | None) -> str:
        """Its name behind those of its ancestors below the city: 西固区先锋路街道…

        What a name repeats of that of the area above stands there once: 西固中路社区第1网格.
        """
        record = self.find(area_id)
        if record is None:
            return ""
        names = [self._by_id[i].name for i in record.ancestors[1:]]
        return "".join(map(str.removeprefix, names, ["", *names])) or record.name

    def chain(self, area_id: int | None) -> Chain:
        """Ids of the five levels from city to grid: None where a level is skipped or lies below the area."""
        record = self.find(area_id)
        return record.chain if record else (None, None, None, None, None)

    def by_code(self, root: int | str, level: int, code: str) -> AreaRecord | None:
        """The area with ``code`` in the root given by id or code."""
        root_id = root if isinstance(root, int) else self.root_id(root)
        return self._by_code.get((root_id, int(level), code)) if root_id is not None else None

    def root_id(self, code: str) -> int | None:
        """The id of the city with this code."""
        return next((root.id for root in self.roots if root.code == code), None)

    def children(self, area_id: int) -> list[AreaRecord]:
        """Its valid children by level and code."""
        return list(self._children.get(area_id, ()))

    def subtree(self, area_id: int) -> Iterator[AreaRecord]:
        """The area and every valid area below it, parents first."""
        record = self.find(area_id)
        following = [record] if record is not None else []
        while following:
            record = following.pop()
            yield record
            following += reversed(self._children.get(record.id, ()))

    def counts_in(self, box: tuple[float, float, float, float]) -> dict[int, int]:
        """How many valid areas of each level have a box that meets ``box`` (west, south, east, north)."""
        west, south, east, north = box
        boxes = self._boxes
        meets = (boxes[:, 0] <= east) & (boxes[:, 2] >= west) & (boxes[:, 1] <= north) & (boxes[:, 3] >= south)
        levels, counts = np.unique(self._levels[meets], return_counts=True)
        return dict(zip(levels.tolist(), counts.tolist(), strict=True))

    def all(self) -> Iterable[AreaRecord]:
        """Every area, ended ones too."""
        return self._by_id.values()

    def centre_for(self, area_id: int, level: int = Level.COMMUNITY) -> AreaRecord | None:
        """The nearest ancestor-or-self with a desk that is at ``level`` or above it, None where there is none.

        This is the holder of a case that belongs to ``level``: a missing level is skipped upward.
        """
        record = self.find(area_id)
        for ancestor_id in reversed(record.ancestors if record else ()):
            ancestor = self._by_id[ancestor_id]
            if ancestor.level <= level and ancestor.has_desk:
                return ancestor
        return None

    def centres_below(self, area_id: int) -> list[AreaRecord]:
        """The nearest centres below the area: to whom it can hand a case down."""
        found: list[AreaRecord] = []
        for child in self._children.get(area_id, ()):
            found.extend([child] if child.has_desk else self.centres_below(child.id))
        return found

    def zones_of(self, area_id: int | None) -> frozenset[int]:
        """Ids of the service zones that have the area or one above it."""
        record = self.find(area_id)
        empty: frozenset[int] = frozenset()
        return empty.union(*(self.zones.get(i, empty) for i in (record.ancestors if record else ())))


class _Layer:
    """Areas that do not lie over each other, ordered so that the least index wins: deepest level, lowest code."""

    def __init__(self, placed: list[tuple[AreaRecord, bytes]], revision: int) -> None:
        placed = sorted(placed, key=lambda pair: (-pair[0].level, pair[0].code, pair[0].id))
        self._shapes = shapely.from_wkb(np.array([boundary for _, boundary in placed], dtype=object))
        self._placements = [Placement(r.id, r.root_id, r.level, r.chain, revision) for r, _ in placed]
        self._none_last: list[Placement | None] = [*self._placements, None]
        self._tree = shapely.STRtree(self._shapes)
        if placed:
            # A prepared geometry and the tree build their own index on first use: here, in one thread, not
            # later in several.
            shapely.prepare(self._shapes)
            shapely.intersects(self._shapes, shapely.point_on_surface(self._shapes))
            self._tree.query(shapely.Point(0, 0))

    def __bool__(self) -> bool:
        return bool(self._placements)

    def at(self, point: shapely.Point) -> Placement | None:
        hits = self._tree.query(point, predicate="intersects")
        if len(hits) == 0:
            return None
        return self._placements[hits[0] if len(hits) == 1 else min(hits)]

    def at_many(self, at: np.ndarray) -> list[Placement | None]:
        # Boxes by the tree, then the prepared boundaries: three times as fast as the tree's own predicate.
        which, shape = self._tree.query(shapely.points(at))
        inside = shapely.intersects_xy(self._shapes[shape], at[which, 0], at[which, 1])
        winner = np.full(len(at), len(self._placements), dtype=np.intp)
        np.minimum.at(winner, which[inside], shape[inside])
        last = self._none_last
        return [last[i] for i in winner.tolist()]


def load_index() -> AreaIndex:
    """The areas of the database as they are now, in three statements."""
    # The revision first: a change committed between the two reads is then loaded again, never missed.
    revision = IndexRevision.objects.values_list("value", flat=True).first() or 0
    rows = list(
        Area.objects.order_by("level", "id").values_list(
            "id", "root_id", "level", "code", "name", "parent_id", "path", "kind", "has_desk", "min_lon", "min_lat",
            "max_lon", "max_lat", "label_lon", "label_lat", "area_m2", "valid_to", "revision", "attribution",
            "boundary",
        )
    )  # fmt: skip
    levels = {row[0]: row[2] for row in rows}
    records = [_record(row, levels) for row in rows]
    boundaries = [bytes(row[19]) if row[16] is None else None for row in rows]
    index = AreaIndex(records, boundaries, revision)
    zones: dict[int, set[int]] = {}
    for area_id, zone_id in ServiceZone.areas.through.objects.values_list("area_id", "servicezone_id"):
        zones.setdefault(area_id, set()).add(zone_id)
    index.zones = {area_id: frozenset(ids) for area_id, ids in zones.items()}
    return index


def _record(row: tuple[Any, ...], levels: dict[int, int]) -> AreaRecord:
    ancestors = tuple(int(part) for part in row[6].strip("/").split("/") if part)
    by_level: dict[int, int | None] = {levels[ancestor]: ancestor for ancestor in ancestors}
    return AreaRecord(
        id=row[0], root_id=row[1], level=row[2], code=row[3], name=row[4], parent_id=row[5], path=row[6], kind=row[7],
        has_desk=row[8], box=row[9:13], label=row[13:15], area_m2=row[15], active=row[16] is None, revision=row[17],
        attribution=row[18], ancestors=ancestors, chain=tuple(by_level.get(level) for level in range(1, 6)),  # type: ignore[arg-type]
    )  # fmt: skip


class CurrentAreas:
    """The process's current :class:`AreaIndex`: ``areas.locate(lon, lat)``, ``areas.get(id)`` and the rest of it.

    Several answers that must agree: take ``areas.index()`` once and ask that.
    """

    def __init__(self) -> None:
        self._reference: Reference[AreaIndex] = Reference(REFERENCE, load_index)

    def index(self) -> AreaIndex:
        """The index as of at most a second ago."""
        return self._reference.get()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reference.get(), name)


areas = CurrentAreas()
