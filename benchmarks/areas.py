"""Importing 20,000 polygons with the full check, by the command, level by level.

    python -m benchmarks.areas --areas 20000

Writes the levels of the city of ``benchmarks.city`` as GeoJSON and runs ``manage.py load_areas`` for each as a user
would, on a PostgreSQL of its own on its defaults (``--database sqlite``: the embedded default). The seconds are those
of the whole command with its start; the aim is for the lowest level. Prints one JSON line and exits 1 where it misses.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import stack
from benchmarks.fill import KEYS
from scripts import programs, services

AIM_SECONDS = 20.0
LEVELS = ("district", "street", "community", "grid")


def write(grids: int, folder: Path) -> dict[str, tuple[Path, int]]:
    """The files of the four levels with how many areas each has."""
    import shapely  # noqa: PLC0415 - after the settings are named

    from benchmarks import city  # noqa: PLC0415

    found = {}
    for level, rows in zip(LEVELS, city.levels(grids), strict=True):
        features = [
            {
                "type": "Feature",
                "properties": {"code": code, "name": f"{int(code[-3:])}", "parent": parent},
                "geometry": json.loads(shapely.to_geojson(shape)),
            }
            for code, parent, shape in rows
        ]
        path = folder / f"{level}.geojson.gz"
        with gzip.open(path, "wt", compresslevel=1) as file:
            json.dump({"type": "FeatureCollection", "features": features}, file)
        found[level] = (path, len(rows))
    return found


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Addresses of an empty database and of the Redis beside it."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'areas.sqlite3'}", ""
    else:
        with services.postgres(folder, lasting=True) as address, services.redis_server(folder) as redis:
            yield services.database(address, "areas"), redis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--areas", type=int, default=20_000)
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    given = parser.parse_args()
    if not 0 < given.areas <= 50_000:
        parser.error("at most 50,000 areas")
    with tempfile.TemporaryDirectory(prefix="gridgov-areas-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with _database(given.database, folder) as (url, redis):
            environment = {
                **os.environ, **KEYS, "DJANGO_SETTINGS_MODULE": "gridgov.settings", "DATABASE_URL": url,
                "REDIS_URL": redis, "GRIDGOV_DATA_DIR": name,
            }  # fmt: skip
            os.environ |= {key: environment[key] for key in (*KEYS, "DATABASE_URL", "REDIS_URL", "GRIDGOV_DATA_DIR")}
            os.environ["DJANGO_SETTINGS_MODULE"] = "gridgov.settings"
            import django  # noqa: PLC0415 - as above

            django.setup()
            conditions = stack.conditions()
            files = write(given.areas, folder)
            _manage(environment, "migrate", "--verbosity", "0")
            seconds = {}
            for level, (path, _count) in files.items():
                parents = [] if level == "district" else ["--parent-field", "parent"]
                begun = time.perf_counter()
                _manage(environment, "load_areas", str(path), "--root", "990100", "--level", level, *parents)
                seconds[level] = round(time.perf_counter() - begun, 1)
    said = {
        "benchmark": "areas", "database": given.database, "areas": {k: count for k, (_path, count) in files.items()},
        "seconds": seconds, "aim_s": AIM_SECONDS, "meets": seconds["grid"] < AIM_SECONDS, "conditions": conditions,
    }  # fmt: skip
    print(json.dumps(said, ensure_ascii=False))
    if not said["meets"]:
        raise SystemExit(1)


def _manage(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=programs.ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
