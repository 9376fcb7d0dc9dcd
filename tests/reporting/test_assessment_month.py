"""A month that is killed again and again comes to the same as one that is not (the real city: the slow one)."""

import os
import random
from typing import Any

import pytest
from django.core.management import call_command

from grids.models import Area, Level
from grids.spatial import areas
from personnel.assessment_models import Assessment, AssessmentMonth
from reporting import services
from tests.reporting.kills import kill_assessment
from tests.reporting.test_services import as_counted, by_brute_force, rows, some_cases
from tests.reporting.walks import Walk
from tests.worlds import ROOT, make_world

FIELDS = ("grid_id", "worker_id", "lines", "score")
pytestmark = pytest.mark.django_db(transaction=True)


def computed(month: AssessmentMonth, *, size: int) -> list[tuple[Any, ...]]:
    """What the month comes to when computed anew and stored nowhere, so many grids at once."""
    found = []
    for first in range(0, len(month.grid_ids), size):
        found += services.rows_of(month, month.grid_ids[first : first + size])
    return sorted(tuple(getattr(row, field) for field in FIELDS) for row in found)


def stored(month: AssessmentMonth) -> list[tuple[Any, ...]]:
    return sorted(Assessment.objects.filter(month=month).values_list(*FIELDS), key=lambda row: row[0])


def killed_twice_and_ended(root: Area, *, batch: int) -> AssessmentMonth:
    """The month after a kill between two batches, one within a batch, and a third run that ends it."""
    kill_assessment(2026, 3, root.code, batch=batch, whole_batches=1, is_within=False)
    first = rows()
    assert len(first) == batch
    kill_assessment(2026, 3, root.code, batch=batch, whole_batches=1, is_within=True)
    second = rows()
    assert len(second) == 2 * batch  # nothing of the batch that it died in
    month = AssessmentMonth.objects.get()
    assert month.computed_at is None
    done = services.assess_month(2026, 3, root, batch=batch)
    assert (done.pk, done.known_at, done.computed_at is not None) == (month.pk, month.known_at, True)
    whole = rows()
    assert whole[: len(second)] == second
    assert second[: len(first)] == first
    assert services.assess_month(2026, 3, root, batch=batch) == done
    assert rows() == whole
    return done


def test_small_month_killed_between_and_within_batches_comes_to_the_same() -> None:
    world = make_world()
    call_command("load_assessment", verbosity=0)
    Walk(world, 31).run(160, cases=16, pace_minutes=150)
    month = killed_twice_and_ended(Area.objects.get(code=ROOT, parent=None), batch=5)
    assert stored(month) == computed(month, size=16) == computed(month, size=1)
    assert len(stored(month)) == 16
    assert as_counted(2026, 3) == by_brute_force(2026, 3, month.scheme, month.grid_ids)
    assert sum(row[3] is not None for row in stored(month)) >= 3


@pytest.mark.slow
def test_real_city_killed_between_and_within_batches_comes_to_the_same() -> None:
    call_command("seed_reference", password="changed-on-2026", verbosity=0, stdout=open(os.devnull, "w"))
    call_command("load_assessment", verbosity=0)
    root = Area.objects.get(level=Level.CITY, parent=None, valid_to=None)
    # the grids of 西固区 (620104) are real, all 311; other districts may have few
    own = [r for r in areas.index().all() if r.level == Level.GRID and r.code.startswith("620104")]
    assert len(own) == 311
    some_cases(random.Random(11).randrange(1000), 150)
    month = killed_twice_and_ended(root, batch=services.BATCH)
    assert {record.id for record in own} <= set(month.grid_ids)
    kept = stored(month)
    assert kept == computed(month, size=services.BATCH) == computed(month, size=7)
    assert as_counted(2026, 3) == by_brute_force(2026, 3, month.scheme, month.grid_ids)
    assert sum(row[3] is not None for row in kept) >= 60
    # assessed anew from nothing the rows are the same, whatever their order of making
    Assessment.objects.all().delete()
    AssessmentMonth.objects.update(computed_at=None)
    again = services.compute(AssessmentMonth.objects.select_related("scheme").get(), batch=13)
    assert stored(again) == kept
