"""A small made-up city, through the importer, for any test that needs areas.

Four columns and two rows of square grids of 0.01°, from (``lon``, ``lat``) east and north::

    column   0     1   |   2     3
    row 1    g     g   |   g     g        a column is a community, two columns are a street,
    row 0    g     g   |   g     g        all of it is the district

Codes follow 6 + 3 + 3 + 3: district 110101, streets …001 and …002, communities …001 and …002 of each, grids …001
(south) and …002 (north) of each.
"""

from collections.abc import Sequence

import numpy as np
import shapely

from grids import importers, services
from grids.geometry import canonical
from grids.models import Area, Level
from grids.sources import Features
from grids.spatial import areas

SIZE = 0.01
LEVELS = (Level.DISTRICT, Level.STREET, Level.COMMUNITY, Level.GRID)


def features(codes: Sequence[str], shapes: Sequence[shapely.Geometry], parents: Sequence[str] = ()) -> Features:
    """Areas as a file would give them; the name is the code."""
    return Features(
        rows=list(range(1, len(codes) + 1)),
        codes=list(codes),
        names=list(codes),
        parents=list(parents) or [""] * len(codes),
        kinds=[""] * len(codes),
        shapes=canonical(np.array(shapes, dtype=object)),
    )


def load(root: str, level: Level, found: Features, *, by_code: bool = False, replace: bool = False) -> importers.Plan:
    """Plans and commits one level."""
    plan = importers.plan_load(root=root, level=level, features=found, parents_given=by_code, replace=replace)
    importers.commit(plan)
    return plan


def square(lon: float, lat: float, width: float = 1, height: float = 1) -> shapely.Geometry:
    """A rectangle of ``width`` by ``height`` grids with its south-west corner at the point, its corners shared."""
    xs = [lon + i * SIZE for i in range(int(width) + 1)]
    ys = [lat + i * SIZE for i in range(int(height) + 1)]
    ring = [(x, ys[0]) for x in xs] + [(xs[-1], y) for y in ys[1:]]
    ring += [(x, ys[-1]) for x in xs[-2::-1]] + [(xs[0], y) for y in ys[-2:0:-1]]
    return shapely.Polygon(np.round(ring, 9))


def make_city(
    code: str = "110100",
    district: str = "110101",
    lon: float = 104.0,
    lat: float = 36.0,
    *,
    skip: Sequence[Level] = (),
    desks: Sequence[Level] = (Level.CITY, Level.DISTRICT, Level.STREET, Level.COMMUNITY),
) -> Area:
    """The city stands, without the levels to ``skip``, with desks at the levels ``desks``. Returns its root."""
    found: dict[Level, list[tuple[str, shapely.Geometry]]] = {level: [] for level in LEVELS}
    found[Level.DISTRICT].append((district, square(lon, lat, 4, 2)))
    for street in range(2):
        at = lon + 2 * street * SIZE
        street_code = f"{district}{street + 1:03d}"
        found[Level.STREET].append((street_code, square(at, lat, 2, 2)))
        for column in range(2):
            community = f"{street_code}{column + 1:03d}"
            found[Level.COMMUNITY].append((community, square(at + column * SIZE, lat, 1, 2)))
            for row in range(2):
                cell = square(at + column * SIZE, lat + row * SIZE)
                found[Level.GRID].append((f"{community}{row + 1:03d}", cell))
    for level in LEVELS:
        if level not in skip:
            load(code, level, features(*zip(*found[level], strict=True)))
    root = Area.objects.get(parent=None, code=code)
    services.set_desks(root=root, levels=desks)
    return Area.objects.get(pk=root.pk)


def area(code: str, root: str = "110100") -> Area:
    """The area with the code in the city."""
    return Area.objects.get(code=code, root__code=root)


def middle(code: str, root: str = "110100") -> tuple[float, float]:
    """lon, lat of a point inside the area."""
    record = next(a for a in areas.all() if a.code == code and areas.get(a.root_id).code == root)
    return record.label
