"""Runs a leg of the test suite: ``python -m scripts.run_tests sqlite|services|slow [pytest arguments]``.

The last line says what ran and what did not. With ``REQUIRE_ALL=1`` a leg that could not run is a failure.
"""

import os
import subprocess
import sys

from scripts import programs, services

_NOT_RUN = 3


def _pytest(*arguments: str, **variables: str) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=programs.ROOT, env={**os.environ, **variables}, check=False).returncode


def main(leg: str, *more: str) -> int:
    if leg not in {"sqlite", "services", "slow"}:
        sys.exit(f"unknown leg {leg!r}: sqlite, services or slow")
    ran, missing = [], []
    parallel = ["-n", os.environ.get("TEST_PROCESSES", "2"), "--dist", "worksteal"]
    (ran if programs.want_browser() else missing).append("browser")
    if leg == "services":
        absent = programs.want_services()
        if absent:
            missing.append(f"services ({', '.join(absent)})")
            code = 0
        else:
            ran.insert(0, "PostgreSQL, Redis, worker and beat")
            with services.everything() as variables:
                code = _pytest(*parallel, "-m", "not slow and not looks", *more, **variables)
    else:
        # These legs are SQLite's, whatever the shell says.
        variables = {"DATABASE_URL": "", "REDIS_URL": ""}
        ran.insert(0, "SQLite")
        if leg == "slow":
            code = _pytest(*parallel, "-m", "slow", *more, GRIDGOV_SLOW="1", **variables)
        else:
            code = _pytest(*parallel, "-m", "not slow and not services", *more, **variables)
            if not programs.postgres():
                missing.append("PostgreSQL (`make test-services` wants it)")
    result = "passed" if code == 0 else "FAILED"
    if missing and code == 0 and os.environ.get("REQUIRE_ALL") == "1":
        code, result = _NOT_RUN, "FAILED"
    print(f"{leg}: {result}. Ran: {'; '.join(ran) or 'nothing'}. Did not run: {'; '.join(missing) or 'nothing'}.")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
