"""Benchmarks say when they fail, and run on both databases."""

import json
import os
import queue
import subprocess
import sys
import threading

import pytest
from django.conf import settings

from benchmarks import all as everything
from benchmarks import stack, sweep
from incidents.models import Incident
from tests.processes import database_name


@pytest.mark.parametrize(("asked", "code"), [(["fits"], 0), (["fails"], 1), (["fails", "fits"], 1)])
def test_all_ends_with_one_where_one_of_them_failed(monkeypatch, tmp_path, capsys, asked, code):
    monkeypatch.setattr(stack, "KEPT", tmp_path)
    monkeypatch.setattr(everything, "_command", lambda name, arguments: [sys.executable, "-c", *arguments])
    ends = {"fits": (("print('{}')",),) * 2, "fails": (("raise SystemExit(3)",),) * 2}
    monkeypatch.setattr(everything, "RUNS", ends)
    monkeypatch.setattr(sys, "argv", ["all", "--only", *asked])
    assert everything.main() == code
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["exit"] for line in said if line] == [3 if name == "fails" else 0 for name in asked]


def test_every_benchmark_of_the_list_is_there():
    assert "export" in everything.RUNS
    for name in everything.RUNS:
        assert (settings.BASE_DIR / "benchmarks" / f"{name}.py").exists()


@pytest.mark.django_db
def test_mover_of_the_sweep_ends_when_nothing_is_left_to_move(world):
    for _case in range(6):
        world.report(at=sweep.START)
    results: queue.Queue[tuple[float, ...]] = queue.Queue()
    # two with a due step, then three without; the first is the one that the others were copied from
    sweep.mover(database_name(), 1e6, 2, threading.Barrier(1), threading.Event(), results)
    assert results.get()[0] == 5
    assert Incident.objects.filter(status="accepted").count() == 5


@pytest.mark.slow
def test_sweep_runs_on_sqlite():
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "GRIDGOV_TEST_DIR")
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sweep", *"--armed 120 --due 40 --sweepers 2 --moves 500".split()],
        cwd=settings.BASE_DIR, env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["database"], said["left"], said["deadlocks"]) == ("sqlite", 0, 0)
    assert said["accepted_meanwhile"] > 0
