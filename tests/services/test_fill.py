"""The fill of the benchmarks: what it copies is as good as what the loop wrote."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import services

pytestmark = pytest.mark.services


def _filled(url: str, folder: Path, *more: str) -> dict:
    command = [
        sys.executable, "-m", "benchmarks.fill", "--database", url, "--cases", "150", "--areas", "40", "--templates",
        "40", "--until", "2026-11-20T08:00:00+08:00", "--verify", *more,
    ]  # fmt: skip
    environment = {**os.environ, "GRIDGOV_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "gridgov.settings"}
    environment.pop("SECRET_KEY", None), environment.pop("JOURNAL_KEY", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_filled_database_proves_its_journal_its_links_and_its_cases(live_database_url, tmp_path):
    url = services.database(live_database_url, "filled")
    found = _filled(url, tmp_path)
    assert found["faults"] == []
    assert found["cases"] == 150
    assert found["unsealed"] == 0
    assert found["entries"] == found["journal"] > 600
    assert found["audited"] > 30
    assert found["open"] < 60
    again = _filled(services.database(live_database_url, "filled"), tmp_path / "again")
    assert again["fingerprint"] == found["fingerprint"]
