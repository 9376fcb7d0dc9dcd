"""The runner's last line tells what ran and what did not."""

import os
import subprocess
import sys

from django.conf import settings


def run(tmp_path, *arguments, **variables):
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    result = subprocess.run(
        [sys.executable, "-m", "scripts.run_tests", *arguments],
        cwd=settings.BASE_DIR,
        env={
            **kept,
            "GRIDGOV_TEST_DIR": str(tmp_path),
            "NO_INSTALL": "1",
            "TEST_PROCESSES": "0",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout.splitlines()[-1]


QUICK = ["tests/gridgov/test_env.py", "-k", "words"]


def test_missing_browser_is_told_and_passes(tmp_path):
    code, last = run(tmp_path, "sqlite", *QUICK, CHROMIUM="/nowhere/chromium")
    assert code == 0
    assert last.startswith("sqlite: passed. Ran: SQLite. Did not run: browser")


def test_missing_browser_fails_where_all_is_required(tmp_path):
    code, last = run(tmp_path, "sqlite", *QUICK, CHROMIUM="/nowhere/chromium", REQUIRE_ALL="1")
    assert code != 0
    assert last.startswith("sqlite: FAILED. Ran: SQLite. Did not run: browser")


def test_failing_test_fails_the_leg(tmp_path):
    failing = tmp_path / "test_failing.py"
    failing.write_text("def test_fails():\n    assert 1 == 2\n")
    code, last = run(tmp_path, "sqlite", str(failing), "--rootdir", str(settings.BASE_DIR))
    assert code == 1
    assert last.startswith("sqlite: FAILED.")
