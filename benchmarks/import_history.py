"""A real history through the second door, checked row by row by other means.

    python -m benchmarks.import_history DATA_DIR [--database sqlite|postgres] [--rows N]

DATA_DIR holds ``nyc_areas_level1..4.geojson.gz`` and ``nyc_incidents.csv.gz``. Makes a database of its own in a
temporary folder (PostgreSQL and Redis: servers of its own, too), loads the areas as root ``nyc``, and runs
``import_incidents`` with ``docs/examples/nyc-mapping.json`` as a user would: once to its end, once more, and in a copy
of the empty city killed half-way (SIGKILL) and run again. Then the tables are read as they stand, without the project's
code, and compared with the file read a second time here and with every polygon asked about every point (no index).

Prints one JSON line and exits 1 if anything does not agree. ``rows_per_s`` is by the wall clock of the whole command,
its start included; ``rows_per_s_of_import`` by what the command itself says, which begins with its first row;
``rows_per_cpu_s`` by the processor time of its process less that of a start, without the database server's.
A chain is the grid that contains the point, with its parents as the file names them; the other levels are asked, too,
and where the file's own levels contradict each other (Rikers Island lies in the Bronx and belongs to a quarter of
Queens) the row is counted in ``levels_not_nested``.
"""

import argparse
import csv
import gzip
import json
import os
import platform
import random
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import psycopg2
import shapely

from scripts import programs, services

LEVELS = ("district", "street", "community", "grid")
ZONE = ZoneInfo("America/New_York")
METRES_A_DEGREE = 111_320.0
SQUEEZE = np.cos(np.radians(40.7))
EDGE_M = 5.0
SAMPLE = 2_000
MAPPING = programs.ROOT / "docs" / "examples" / "nyc-mapping.json"
DESK = (
    "from grids import services; from grids.models import Area, Level; "
    "services.set_desks(root=Area.objects.get(code='nyc', level=Level.CITY), levels=[Level.CITY])"
)


# --- the commands -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class City:
    """A database and the environment in which the commands see it."""

    url: str
    env: dict[str, str]

    @classmethod
    def at(cls, url: str, folder: Path, redis: str = "") -> "City":
        folder.mkdir(exist_ok=True)
        keys = {"SECRET_KEY": "import-history-" + "s" * 40, "JOURNAL_KEY": "import-history-" + "j" * 40}
        # the variable alone decides: no address of a shell or of a .env is ever written to
        own = {"DATABASE_URL": url, "REDIS_URL": redis, "GRIDGOV_DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"}
        return cls(url, {**os.environ, "DJANGO_SETTINGS_MODULE": "gridgov.settings", **keys, **own})

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "manage.py", *arguments]

    def run(self, *arguments: str) -> str:
        """What the command said; its failure ends the run."""
        done = subprocess.run(
            self.command(*arguments), cwd=programs.ROOT, env=self.env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{arguments[0]}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done.stdout + done.stderr


@contextmanager
def databases(kind: str, folder: Path, data: Path) -> Iterator[tuple[City, City]]:
    """The empty city twice."""
    if kind == "postgres":
        with services.postgres(folder) as server, services.redis_server(folder) as redis:
            first = City.at(services.database(server, "first"), folder / "first", redis)
            found(first, data)
            second = City.at(f"{first.url.removesuffix('/first')}/second", folder / "second", redis)
            services.database(server, "second", template="first")
            yield first, second
    else:
        first = City.at(f"sqlite:///{folder / 'first.sqlite3'}", folder / "first")
        found(first, data)
        second = City.at(f"sqlite:///{folder / 'second.sqlite3'}", folder / "second")
        with sqlite3.connect(folder / "first.sqlite3") as source, sqlite3.connect(folder / "second.sqlite3") as copy:
            source.backup(copy)
        source.close()
        copy.close()
        yield first, second


def found(city: City, data: Path) -> None:
    """The city stands with its areas, catalogue and one centre; nobody works in it."""
    city.run("migrate", "--verbosity", "0")
    for number, level in enumerate(LEVELS, start=1):
        parents = ["--parent-field", "parent_code"] if number > 1 else []
        path = str(data / f"nyc_areas_level{number}.geojson.gz")
        city.run("load_areas", path, "--root", "nyc", "--root-name", "New York", "--level", level, *parents)
    city.run("load_calendar")
    city.run("load_catalogue")
    city.run("shell", "-c", DESK)


def importing(city: City, file: Path) -> list[str]:
    rejects = str(Path(city.env["GRIDGOV_DATA_DIR"]) / "rejects.csv")
    return ["import_incidents", str(file), "--root", "nyc", "--mapping", str(MAPPING), "--rejects", rejects]


def counts(said: str) -> dict[str, int]:
    """Of the command's summary."""
    pattern = r"共(\d+)行 = 导入(\d+) \+ 未导入(\d+) \+ 重复(\d+)"
    rows, imported, rejected, repeats = map(int, re.search(pattern, said).groups())  # type: ignore[union-attr]
    return {"rows": rows, "imported": imported, "rejected": rejected, "repeats": repeats}


def spent(city: City, *arguments: str) -> tuple[str, float, float]:
    """What the command said, its seconds by the wall clock and those of its processor."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    said = city.run(*arguments)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return said, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def timed(city: City, file: Path) -> tuple[dict[str, int], dict[str, float]]:
    """The counts of a whole import, and what it took."""
    _said, _wall, start_cpu = spent(city, "shell", "-c", "pass")
    load = os.getloadavg()[0]
    said, wall, cpu = spent(city, *importing(city, file))
    got = counts(said)
    return got, {
        "wall_s": round(wall, 1), "cpu_s": round(cpu, 1), "rows_per_s": round(got["rows"] / wall),
        "rows_per_s_of_import": int(re.search(r"每秒(\d+)行", said)[1]),  # type: ignore[index]
        "rows_per_cpu_s": round(got["rows"] / (cpu - start_cpu)),
        "load_before": round(load, 1), "load_after": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def killed(city: City, file: Path) -> int:
    """SIGKILL once half the rows are told to be done; how many rows stood then."""
    command = city.command(*importing(city, file))
    child = subprocess.Popen(
        command, cwd=programs.ROOT, env=city.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdout is not None
    for line in child.stdout:
        done, slash, total = line.strip().partition("/")
        if slash and int(done) * 2 >= int(total):
            break
    child.kill()
    child.wait()
    child.stdout.close()
    return len(cases(city.url))


# --- what stands --------------------------------------------------------------------------------------------------


def select(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Rows of the database by plain SQL."""
    connection = (
        psycopg2.connect(url) if url.startswith("postgres") else sqlite3.connect(url.removeprefix("sqlite:///"))
    )
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        return cursor.fetchall()
    finally:
        connection.close()


def instant(value: datetime | str | None) -> datetime | None:
    if value is None:
        return None
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def cases(url: str) -> dict[str, dict[str, Any]]:
    """Every adopted case by its id in the file."""
    codes = dict(select(url, "SELECT id, code FROM grids_area"))
    names = ("city_id", "district_id", "street_id", "community_id", "grid_id")
    columns = ("external_id", "status", "is_placed", "received_at", "closed_at", "ended_at", "lon", "lat", *names)
    rows = select(
        url,
        f"SELECT {', '.join('i.' + c for c in columns)}, e.payload, e.action, e.seq FROM incidents_incident i "  # noqa: S608 - names of columns
        "JOIN incidents_journalentry e ON e.incident_id = i.id WHERE i.is_adopted",
    )
    found = {}
    for row in rows:
        said = dict(zip(columns, row, strict=False))
        payload = row[-3] if isinstance(row[-3], dict) else json.loads(row[-3])
        found[said["external_id"]] = {
            "status": said["status"], "is_placed": bool(said["is_placed"]), "at": said["lon"] is not None,
            **{name: instant(said[name]) for name in ("received_at", "closed_at", "ended_at")},
            "chain": [codes.get(said[name]) for name in names], "warnings": sorted(payload["warnings"]),
            "entry": (row[-2], row[-1]),
        }  # fmt: skip
    return found


# --- what should stand --------------------------------------------------------------------------------------------


def local(text: str, *, first: bool) -> tuple[datetime | None, str]:
    """The instant of a local time of New York by trying offsets; what is odd about it."""
    if not text:
        return None, ""
    said = datetime.fromisoformat(text)
    # what an instant reads as on a clock there, for each offset that was ever in use
    fits = []
    for hours in (4, 5):
        at = datetime.fromtimestamp(said.replace(tzinfo=UTC).timestamp() + hours * 3600, tz=UTC)
        if at.astimezone(ZONE).replace(tzinfo=None) == said:
            fits.append(at)
    if len(fits) == 1:
        return fits[0], ""
    if fits:
        return (min(fits) if first else max(fits)), "ambiguous_time"
    # in the gap: "later" reads it with the offset before the change, EST
    return datetime.fromtimestamp(said.replace(tzinfo=UTC).timestamp() + 5 * 3600, tz=UTC), "nonexistent_time"


def expected(rows: Sequence[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """By id: status, times and warnings of time, as the mapping says; the first row of an id."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["id"] in found:
            continue
        received, odd = local(row["created_at"], first=True)
        closed, also = local(row["closed_at"], first=True)
        warnings = {word for word in (odd, also) if word}
        is_closed = row["status"] == "Closed"
        if not is_closed:
            warnings |= {"open_with_closing_time"} if closed else set()
            closed = None
        elif closed is None:
            warnings.add("closed_without_time")
        elif closed < received:
            warnings.add("closed_before_created")
            closed = None
        found[row["id"]] = {
            "status": "closed" if is_closed else "accepted", "received_at": received, "closed_at": closed,
            "ended_at": (closed or received) if is_closed else None, "warnings": sorted(warnings),
        }  # fmt: skip
    return found


class Polygons:
    """Every polygon asked about every point; no index, and nothing of the project's."""

    def __init__(self, data: Path) -> None:
        self.shapes, self.codes, self.parents = [], [], {}
        for number in range(1, 5):
            document = json.loads(gzip.decompress((data / f"nyc_areas_level{number}.geojson.gz").read_bytes()))
            shapes = shapely.from_geojson([json.dumps(f["geometry"]) for f in document["features"]])
            shapely.prepare(shapes)
            self.shapes.append(shapes)
            self.codes.append([f["properties"]["code"] for f in document["features"]])
            self.parents |= {f["properties"]["code"]: f["properties"].get("parent_code") for f in document["features"]}

    def outside(self, points: np.ndarray) -> np.ndarray:
        """Of each point whether no grid has it, edges included."""
        hit = np.zeros(len(points), dtype=bool)
        for shape in self.shapes[3]:
            hit |= shapely.intersects_xy(shape, points[:, 0], points[:, 1])
        return ~hit

    def off_edges(self, points: np.ndarray) -> np.ndarray:
        """Of each point whether every edge of every level is over EDGE_M away."""
        scale = np.array([METRES_A_DEGREE * SQUEEZE, METRES_A_DEGREE])
        flat, far = points * scale, np.ones(len(points), dtype=bool)
        for shapes in self.shapes:
            for line in shapely.transform(shapely.boundary(shapes), lambda xy: xy * scale):
                west, south, east, north = shapely.bounds(line)
                x, y = flat[:, 0], flat[:, 1]
                near = (x > west - 9) & (x < east + 9) & (y > south - 9) & (y < north + 9) & far
                if near.any():
                    far[near] &= shapely.distance(shapely.points(flat[near]), line) > EDGE_M
        return far

    def chains(self, points: np.ndarray) -> list[list[str]]:
        """The codes of all polygons that contain the point, level by level."""
        found: list[list[str]] = [[] for _ in points]
        for shapes, codes in zip(self.shapes, self.codes, strict=True):
            for shape, code in zip(shapes, codes, strict=True):
                for i in np.flatnonzero(shapely.contains_xy(shape, points[:, 0], points[:, 1])):
                    found[i].append(code)
        return found


def compare(stands: dict[str, dict[str, Any]], rows: Sequence[dict[str, str]], data: Path) -> dict[str, Any]:
    """What was found, and what does not agree by kind."""
    wrong: Counter[str] = Counter()
    should = expected(rows)
    if stands.keys() != should.keys():
        wrong["cases"] += len(stands.keys() ^ should.keys())
    place = ("outside", "swapped")
    for number, case in stands.items():
        said = should.get(number, {})
        for name in ("status", "received_at", "closed_at", "ended_at"):
            wrong[name] += case[name] != said.get(name)
        wrong["warnings"] += [w for w in case["warnings"] if w not in place] != said.get("warnings")
        wrong["journal"] += case["entry"] != ("adopted", 1)
    first = {row["id"]: row for row in reversed(rows)}
    here = [number for number, row in first.items() if row["lon"] and row["lat"]]
    points = np.array([(float(first[n]["lon"]), float(first[n]["lat"])) for n in here])
    polygons = Polygons(data)
    outside = {number for number, out in zip(here, polygons.outside(points), strict=True) if out}
    nowhere = first.keys() - set(here)
    unplaced = {number for number, case in stands.items() if not case["is_placed"]}
    wrong["unplaced"] += len(unplaced ^ (outside | nowhere))
    wrong["position"] += sum(stands[n]["at"] for n in nowhere & stands.keys())
    told = {number for number, case in stands.items() if set(case["warnings"]) & set(place)}
    wrong["outside_warning"] += len(told ^ outside)
    # a point outside is over 5 m from any edge, too, and belongs to nobody
    order = np.random.default_rng(20260101).permutation(len(here))[: SAMPLE * 3]
    far = order[polygons.off_edges(points[order])][:SAMPLE]
    not_nested, grids = 0, set(polygons.codes[3])
    for i, by_shape in zip(far, polygons.chains(points[far]), strict=True):
        chain = [code for code in by_shape if code in grids]
        while chain and len(chain) < len(LEVELS):
            chain.insert(0, polygons.parents[chain[0]])
        not_nested += chain != by_shape
        wrong["chain"] += (stands[here[i]]["chain"] if stands[here[i]]["is_placed"] else ["nyc"]) != ["nyc", *chain]
    wrong["levels"] += not_nested > len(far) / 500
    return {
        "no_position": len(nowhere), "outside": len(outside), "chains_compared": len(far),
        "levels_not_nested": not_nested,
        "warnings": dict(Counter(w for case in stands.values() for w in case["warnings"]).most_common()),
        "closed": sum(case["status"] == "closed" for case in stands.values()),
        "open": sum(case["status"] == "accepted" for case in stands.values()),
        "wrong": {kind: count for kind, count in wrong.items() if count},
    }  # fmt: skip


# --- the run ------------------------------------------------------------------------------------------------------


def run(data: Path, kind: str, limit: int | None, folder: Path) -> dict[str, Any]:
    file = data / "nyc_incidents.csv.gz"
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    if limit:
        rows = random.Random(1).sample(rows, limit)
        file = folder / "part.csv"
        with file.open("w", encoding="utf-8", newline="") as part:
            writer = csv.DictWriter(part, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    with databases(kind, folder, data) as (first, second):
        whole, took = timed(first, file)
        print(json.dumps({"database": kind, **whole, **took}), file=sys.stderr, flush=True)  # the rest takes a while
        stands = cases(first.url)
        again, _took = timed(first, file)
        half = killed(second, file)
        resumed = counts(second.run(*importing(second, file)))
        proofs = [city.run("verify_journal").strip() for city in (first, second)]
        found = compare(stands, rows, data)
        unlike = sum(stands.get(number) != case for number, case in cases(second.url).items())
    checks = {
        "adds_up": whole["rows"] == len(rows) == whole["imported"] + whole["rejected"] + whole["repeats"],
        "repeats_as_in_the_file": whole["repeats"] == len(rows) - len({row["id"] for row in rows}),
        "second_run_imports_nothing": again["imported"] == 0 and again["repeats"] + again["rejected"] == len(rows),
        "killed_half_way": 0 < half < whole["imported"],
        "resumed_is_whole": half + resumed["imported"] == whole["imported"] and resumed["rows"] == len(rows),
        "resumed_is_the_same": not unlike,
        "rejected_nothing": whole["rejected"] == 0,
        "agrees": not found["wrong"] and found["chains_compared"] == min(SAMPLE, found["chains_compared"]),
        "chains_enough": bool(limit) or found["chains_compared"] == SAMPLE,
        "journal_whole": all("不符0" in proof for proof in proofs),
    }
    return {
        "database": kind, **whole, **found, **took, "killed_after": half, "resumed": resumed, "second": again,
        "verify_journal": proofs, "checks": checks, "python": platform.python_version(), "cores": os.cpu_count(),
        "ok": all(checks.values()),
    }  # fmt: skip


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--rows", type=int, help="only so many of the rows, taken at random")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gridgov-import-"))
    folder.chmod(0o755)  # the account of the PostgreSQL server goes through it
    try:
        result = run(options.data.resolve(), options.database, options.rows, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result, ensure_ascii=False))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
