"""Dividing a ground into cells: for the extract of the first city only."""

import numpy as np
import shapely

SCALE = np.array([np.cos(np.radians(36.1)), 1.0]) * 111.2  # degrees → km, near enough for laying out
DECIMALS = 7  # about 1 cm


def clusters(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` centres of ``points`` (Lloyd's algorithm from a spread-out start)."""
    centres = points[rng.integers(len(points))][None]
    while len(centres) < count:
        apart = ((points[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1)
        centres = np.vstack([centres, points[rng.choice(len(points), p=apart / apart.sum())]])
    for _ in range(60):
        owner = ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        centres = np.array([points[owner == i].mean(axis=0) for i in range(count)])
    # a point of the ground itself: the middle of a bent one may lie outside it
    return points[nearest(centres, points)]


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The index of the nearest centre of each point."""
    return ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)


def cells(outline: shapely.Polygon, seeds: np.ndarray) -> np.ndarray:
    """The Voronoi cell (lon, lat) of each seed (km) inside the outline, noded together: neighbours share vertices."""
    if len(seeds) == 1:
        return np.array([outline], dtype=object)
    ground = shapely.transform(outline, lambda at: at * SCALE)
    lines = shapely.voronoi_polygons(shapely.MultiPoint(seeds), only_edges=True, extend_to=ground)
    mesh = shapely.union_all([lines, ground.exterior])
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(mesh)))
    middles = shapely.point_on_surface(faces)
    keep = shapely.intersects(ground, middles)
    faces, middles = faces[keep], middles[keep]
    owner = nearest(shapely.get_coordinates(middles), seeds)
    # A bend of the outline may cut a corner off its cell: it goes to the neighbour with the longest common edge.
    size = shapely.area(faces)
    for i in np.argsort(size):
        same = np.flatnonzero(owner == owner[i])
        if len(same) > 1 and size[i] < size[same].max():
            edges = shapely.length(shapely.intersection(faces[i], faces))
            edges[same] = 0
            owner[i] = owner[int(np.argmax(edges))]
    grids = np.array([shapely.coverage_union_all(faces[owner == i]) for i in range(len(seeds))], dtype=object)
    return shapely.transform(grids, lambda at: np.round(at / SCALE, DECIMALS))
