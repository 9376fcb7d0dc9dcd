"""Memory and time of an export: ``python -m benchmarks.export [--rows 1000000] [--form csv|xlsx]``.

Makes a city and ``--rows`` cases in an empty database of its own (``DATABASE_URL`` names another one, which must be
empty, too), exports all of them slice by slice as a worker does, in a process that does nothing else, and prints one
line of JSON. ``peak_mb`` is that process's largest resident size (ru_maxrss), ``idle_mb`` its size before the first
slice. With ``--there`` the cases that the database has are exported and none are made.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "number"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--form", choices=("csv", "xlsx"), default="csv")
    parser.add_argument("--there", action="store_true", help="export what the database has")
    parser.add_argument("--step", choices=("fill", "measure"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        _django()
        _fill(given.rows) if given.step == "fill" else _measure(given.form)
        return
    with tempfile.TemporaryDirectory(prefix="gridgov-export-") as folder:
        environment = {"GRIDGOV_DATA_DIR": folder, "EXPORT_ROOT": f"{folder}/exports", "LOG_LEVEL": "WARNING"}
        environment = {**os.environ, **environment}
        if not given.there:
            _run(["manage.py", "migrate", "--verbosity", "0"], environment)
            _run(["-m", "benchmarks.export", "--step", "fill", "--rows", str(given.rows)], environment)
        _run(["-m", "benchmarks.export", "--step", "measure", "--form", given.form], environment)


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True)


def _django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gridgov.settings")
    import django  # noqa: PLC0415

    django.setup()


def _fill(rows: int) -> None:
    """One case reported through the loop, and copies of its row: the export reads nothing else of a case."""
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from dispatch import loop  # noqa: PLC0415
    from dispatch.actors import actor_of  # noqa: PLC0415
    from gridgov.common.models import User  # noqa: PLC0415
    from incidents.models import Incident  # noqa: PLC0415
    from incidents.services.report import Report  # noqa: PLC0415
    from personnel.roles import Role  # noqa: PLC0415

    call_command("seed_reference", password="nur-zum-messen-2026", stdout=open(os.devnull, "w"))  # noqa: S106 - a city to measure
    acceptor = User.objects.filter(worker__postings__role=Role.ACCEPTOR).order_by("pk").first()
    body = Report(
        source="hotline", category="E0102", description="路边有暴露垃圾，影响通行，请尽快清理。" * 3,
        address="福利西路 302 号门前", lon=103.63, lat=36.1,
    )  # fmt: skip
    number = loop.report(body=body, by=actor_of(acceptor)).number
    template = Incident.objects.get(number=number)
    quoted = {
        f.column: connection.ops.quote_name(f.column) for f in Incident._meta.concrete_fields if not f.primary_key
    }
    values = [f"'X' || n || '-{template.pk}'" if column == TEMPLATE else name for column, name in quoted.items()]
    table = connection.ops.quote_name(Incident._meta.db_table)
    series = (
        "SELECT GENERATE_SERIES(1, %s) AS n"
        if connection.vendor == "postgresql"
        else "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s) SELECT n FROM s"
    )
    sql = (
        f"INSERT INTO {table} ({', '.join(quoted.values())}) SELECT {', '.join(values)} "  # noqa: S608 - our columns
        f"FROM {table}, ({series}) AS series WHERE {table}.id = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [rows - 1, template.pk])
        cursor.execute("ANALYZE")


def _megabytes() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _measure(form: str) -> None:
    from django.db import connection  # noqa: PLC0415

    from dispatch.actors import actor_of  # noqa: PLC0415
    from gridgov.common.models import User  # noqa: PLC0415
    from personnel.roles import Role  # noqa: PLC0415
    from reporting import exports  # noqa: PLC0415

    leader = User.objects.filter(worker__postings__role=Role.LEADER).order_by("pk").first()
    # areas, catalogue and the driver are loaded: what a worker has before any export
    asked = exports.start(by=actor_of(leader), user=leader, kind="cases", form=form, title="Messung", query={})
    idle, began, slices = _megabytes(), time.perf_counter(), 0
    while exports.run_slice():
        slices += 1
    seconds = time.perf_counter() - began
    asked.refresh_from_db()
    assert asked.state == "done", asked.last_error
    said = {
        "benchmark": "export", "database": connection.vendor, "form": form, "rows": asked.row_count,
        "bytes": asked.size, "seconds": round(seconds, 1), "slices": slices, "idle_mb": idle, "peak_mb": _megabytes(),
        "cpu_seconds": round(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), 1), "load_average": os.getloadavg()[0],
    }  # fmt: skip
    print(json.dumps(said, ensure_ascii=False))


if __name__ == "__main__":
    main()
