"""How 西固区 is laid out in 311 grids: for the extract of the first city only."""

from collections.abc import Callable, Iterable

import numpy as np
import shapely

from scripts.voronoi import SCALE, cells, clusters, nearest

XIGU = "620104"
URBAN_GRIDS, RURAL_GRIDS = 221, 90
SEED = 620104
# Where each street is laid out, lon, lat: plausible (along the Yellow River, townships in the west and south), not
# surveyed. Urban streets are dense around their point.
ANCHORS = {
    "620104001": (103.664, 36.087),
    "620104002": (103.642, 36.093),
    "620104003": (103.628, 36.105),
    "620104004": (103.622, 36.091),
    "620104005": (103.616, 36.075),
    "620104006": (103.604, 36.106),
    "620104007": (103.584, 36.112),
    "620104100": (103.475, 36.135),
    "620104101": (103.535, 36.130),
    "620104102": (103.460, 36.180),
    "620104103": (103.380, 36.170),
    "620104104": (103.648, 36.045),
    "620104204": (103.652, 35.998),
}
SAMPLES = 60_000


def shares(total: int, weights: dict[str, float]) -> dict[str, int]:
    """``total`` grids over communities: two at least, the rest by size (largest remainder)."""
    spare = total - 2 * len(weights)
    exact = {code: spare * weight / sum(weights.values()) for code, weight in weights.items()}
    counts = {code: 2 + int(value) for code, value in exact.items()}
    by_rest = sorted(weights, key=lambda code: (int(exact[code]) - exact[code], code))
    for code in by_rest[: total - sum(counts.values())]:
        counts[code] += 1
    return counts


def lay_out(
    outline: shapely.Polygon, names: Iterable[str], is_rural: Callable[[str], bool]
) -> list[tuple[str, shapely.Polygon]]:
    """(community, ground) of each grid; neighbours share their vertices. ``names``: codes of the communities."""
    rng, communities = np.random.default_rng(SEED), sorted(names)
    box = np.array(outline.bounds).reshape(2, 2)
    points = rng.uniform(box[0], box[1], (SAMPLES, 2))
    points = points[shapely.intersects_xy(outline, points[:, 0], points[:, 1])] * SCALE
    anchors = np.array(list(ANCHORS.values())) * SCALE
    street_of = nearest(points, anchors)
    grounds: dict[str, np.ndarray] = {}
    for i, street in enumerate(ANCHORS):
        here = points[street_of == i]
        inside = [code for code in communities if code.startswith(street)]
        distance = np.linalg.norm(here - anchors[i], axis=1)
        # dense in the middle: the larger the share of residents' committees, the more so
        urban = sum(not is_rural(code) for code in inside) / len(inside)
        dense = rng.random(len(here)) < 1 / (1 + (distance / 1.0) ** 2) ** urban
        centres = clusters(here[dense] if dense.sum() > 40 * len(inside) else here, len(inside), rng)
        # villages lie farther out than residents' communities; each kind is numbered from west to east
        out = np.argsort(np.linalg.norm(centres - anchors[i], axis=1), kind="stable")
        towns = [code for code in inside if not is_rural(code)]
        villages = [code for code in inside if is_rural(code)]
        order = np.concatenate(
            [
                sorted(out[: len(towns)], key=lambda c: tuple(centres[c])),
                sorted(out[len(towns) :], key=lambda c: tuple(centres[c])),
            ]
        ).astype(int)
        owner = nearest(here, centres)
        for code, centre in zip([*towns, *villages], order, strict=True):
            grounds[code] = here[owner == centre]
    counts: dict[str, int] = {}
    for rural, total in ((False, URBAN_GRIDS), (True, RURAL_GRIDS)):
        counts |= shares(total, {code: len(grounds[code]) ** 0.5 for code in communities if is_rural(code) is rural})
    laid = [(code, seed) for code in communities for seed in clusters(grounds[code], counts[code], rng)]
    shapes = cells(outline, np.array([seed for _code, seed in laid]))
    return [(code, shape) for (code, _seed), shape in zip(laid, shapes, strict=True)]
