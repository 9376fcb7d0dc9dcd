"""What hangs on the boundaries of areas, counted before they change: apps above say what is theirs.

Nothing here writes. ``tell`` is called once by each app when its admin is loaded; ``of`` asks them all.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from django.utils.translation import gettext as _

from grids.geometry import Shapes
from grids.models import Component, Place
from grids.spatial import AreaIndex, areas


@dataclass(frozen=True, slots=True)
class Effect:
    """A line of the rehearsal: how many of what are concerned, and the moves among them in words."""

    label: str
    count: int
    moves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Redrawn:
    """Areas of one level, by code, with their boundaries as they are and as they would be."""

    root_id: int
    ids: tuple[int, ...]
    before: Shapes
    after: Shapes

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north of all that changes hands; None where nothing does."""
        changed = shapely.union_all(shapely.symmetric_difference(self.before, self.after))
        return None if shapely.is_empty(changed) else tuple(shapely.bounds(changed).tolist())

    def moves(self, points: Sequence[tuple[float, float]]) -> Counter[tuple[int | None, int | None]]:
        """How many of the points (lon, lat) would lie in another area than now: (from, to) → count.

        None is no area of the city. A point in an area below the redrawn ones stays where it is.
        """
        found: Counter[tuple[int | None, int | None]] = Counter()
        index = areas.index()
        drawn = set(self.ids)
        for (lon, lat), placement in zip(points, index.locate_many(list(points)), strict=True):
            now = placement.area_id if placement is not None else None
            if placement is not None and now not in drawn and self._is_beside(index, placement.area_id):
                continue
            hit = np.flatnonzero(shapely.intersects_xy(self.after, lon, lat))
            then = self.ids[hit[0]] if len(hit) else self._above(index, now)
            if then != now:
                found[now, then] += 1
        return found

    def _is_beside(self, index: AreaIndex, area_id: int) -> bool:
        """Whether the area keeps its points: another one of the level, or one below it."""
        return index.get(area_id).level >= index.get(self.ids[0]).level

    def _above(self, index: AreaIndex, area_id: int | None) -> int | None:
        """Where the points of a redrawn area fall that no area of the level has any more."""
        record = index.find(area_id)
        return record.parent_id if record is not None and area_id in self.ids else area_id


Counting = Callable[[Redrawn], Effect]
_told: list[Counting] = []


def tell(counting: Counting) -> Counting:
    """The rehearsal asks ``counting`` too from now on. Usable as a decorator."""
    if counting not in _told:
        _told.append(counting)
    return counting


def of(redrawn: Redrawn) -> list[Effect]:
    """What would change, a line an app and kind, in the order in which they told; reads only."""
    return [counting(redrawn) for counting in _told]


def described(label: str, moves: Counter[tuple[int | None, int | None]], *, extra: Sequence[str] = ()) -> Effect:
    """An effect of points that move, the largest moves first."""
    index = areas.index()
    outside = _("无区域")
    lines = tuple(
        _("%(from)s → %(to)s：%(count)d")
        % {"from": index.full_name(old) or outside, "to": index.full_name(new) or outside, "count": count}
        for (old, new), count in moves.most_common(6)
    )
    return Effect(label, moves.total(), (*lines, *extra))


@tell
def _components(redrawn: Redrawn) -> Effect:
    return described(_("部件改属"), redrawn.moves(points_of(Component.objects.filter(root=redrawn.root_id), redrawn)))


@tell
def _places(redrawn: Redrawn) -> Effect:
    return described(_("场所改属"), redrawn.moves(points_of(Place.objects.filter(root=redrawn.root_id), redrawn)))


def points_of(rows: object, redrawn: Redrawn) -> list[tuple[float, float]]:
    """lon, lat of the rows (a queryset with those columns) within what changes hands. One statement at most."""
    box = redrawn.box
    if box is None:
        return []
    west, south, east, north = box
    inside = rows.filter(lon__gte=west, lon__lte=east, lat__gte=south, lat__lte=north)  # type: ignore[attr-defined]
    return list(inside.values_list("lon", "lat"))
