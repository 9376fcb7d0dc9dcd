"""The city that comes with the project, played for 100 hours: slow, so left to `make test-slow`."""

import json
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from gridgov.common import clock
from tests.gridgov.test_serve import manage

CHECK = """
import json
from dispatch.models import Ticket
from gridgov.simulation.summary import figures
from incidents import journal
from incidents.models import Clock, Incident, JournalEntry
from incidents.workflow import WITH_LIVE_TICKET
from personnel.assessment_models import Assessment
leads = Ticket.objects.filter(is_lead=True, state__in=Ticket.LIVE)
with_handler = Incident.objects.filter(status__in=WITH_LIVE_TICKET)
print(json.dumps(figures() | {
    "whole": journal.verify().is_whole,
    "live_on_ended": Clock.objects.filter(state__in=Clock.LIVE, incident__ended_at__isnull=False).count(),
    "leads_fit": sorted(leads.values_list("incident", flat=True)) == sorted(with_handler.values_list("pk", flat=True)),
    "transfers": JournalEntry.objects.filter(action="transfer").count(),
    "districts": Incident.objects.values("district").distinct().count(),
    "scored": Assessment.objects.filter(score__isnull=False).count(),
    "answered": Assessment.objects.filter(state="replied").count(),
    "published": Assessment.objects.filter(state="published").count(),
    "failed": JournalEntry.objects.exclude(last_error="").count(),
}))
"""


def ran(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    result = manage(folder, *arguments)
    assert result.returncode == 0, result.stderr
    for fault in ("ERROR", "WARNING"):
        assert fault not in result.stderr, result.stderr
    assert "Traceback" not in result.stderr
    return result


@pytest.mark.slow
def test_a_hundred_hours_of_the_real_city(tmp_path):
    end = clock.now().replace(microsecond=0)
    span = ("--from", (end - timedelta(hours=100)).isoformat(), "--to", end.isoformat())
    found = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        ran(folder, "migrate", "--verbosity", "0")
        ran(folder, "seed_demo", "--no-cases", "--seed", "7")
        said = ran(folder, "simulate", *span, "--digest").stdout.splitlines()
        found.append((said[-1], json.loads(ran(folder, "shell", "--no-imports", "-c", CHECK).stdout.splitlines()[-1])))
    assert found[0] == found[1]
    figures = found[0][1]
    assert figures["closed"] >= 200
    for name in ("returns", "reworks", "extensions", "suspensions", "merges", "breaches"):
        assert figures[name] >= 10, figures
    assert (figures["whole"], figures["leads_fit"]) == (True, True)
    assert (figures["live_on_ended"], figures["failed"]) == (0, 0)
    assert figures["transfers"] > 0
    assert figures["districts"] == 8


@pytest.mark.slow
def test_seeding_twice_changes_nothing(tmp_path):
    ran(tmp_path, "migrate", "--verbosity", "0")
    first = ran(tmp_path, "seed_demo").stdout.splitlines()
    before = figures_of(tmp_path)
    second = ran(tmp_path, "seed_demo").stdout.splitlines()
    assert figures_of(tmp_path) == before
    assert first[-2:] == second[-2:]
    assert 350 <= before["closed"] <= 480
    assert 30 <= before["open"] <= 170  # fewest late in the evening
    assert before["scored"] > 50
    assert before["answered"] > 0
    assert before["published"] == 0


def figures_of(folder: Path) -> dict[str, int]:
    return json.loads(ran(folder, "shell", "--no-imports", "-c", CHECK).stdout.splitlines()[-1])
