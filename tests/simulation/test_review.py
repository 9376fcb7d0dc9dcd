"""The month before the demo, assessed: what its leader finds to review."""

from collections import Counter
from datetime import timedelta

import pytest
from django.core.management import call_command

from gridgov.simulation import review
from personnel.assessment_models import Assessment, AssessmentMonth
from tests.common.calendars import local
from tests.simulation.cities import played

LED = "620901001001"
FIELDS = ("grid__code", "state", "mark", "reply", "reviewed_by__username", "reviewed_at", "replied_at", "score")


def rows() -> list[tuple]:
    return list(Assessment.objects.order_by("grid__code").values_list(*FIELDS))


@pytest.fixture
def marched(world):
    """Some hours of a day in March."""
    call_command("load_assessment", verbosity=0)
    start = local("2026-03-31 08:00")
    played(start, start + timedelta(hours=5))
    return world


def test_the_last_month_is_computed_and_partly_reviewed_and_nothing_published(marched):
    end = local("2026-04-10 09:00")
    review.assess(end)
    month = AssessmentMonth.objects.get()
    assert month.on.isoformat() == "2026-03-01"
    assert month.computed_at is not None
    found = rows()
    assert len(found) == len(month.grid_ids)
    assert any(row[-1] is not None for row in found)
    assert Counter(row[1] for row in found) == {"computed": len(found) - 3, "reviewed": 2, "replied": 1}
    first, second = (row for row in found if row[0].startswith(LED))
    assert (first[1], first[2], first[4]) == ("reviewed", 0, "grid_leader")
    assert (second[1], second[4]) == ("replied", "grid_leader")
    assert second[3]
    assert local("2026-04-01") < second[5] < second[6] < end
    review.assess(end)
    assert rows() == found


@pytest.mark.parametrize("minutes", [0, 30])
def test_on_the_first_of_a_month_everything_has_happened_by_the_end(marched, minutes):
    end = local("2026-04-01 00:00") + timedelta(minutes=minutes)
    review.assess(end)
    assert Counter(row[1] for row in rows())["replied"] == 1
    assert all(at is None or at <= end for row in rows() for at in row[5:7])


def test_broken_off_between_review_and_reply_it_goes_on(marched):
    end = local("2026-04-10 09:00")
    review.assess(end)
    Assessment.objects.filter(state="replied").update(state="reviewed", reply="", replied_at=None)
    review.assess(end)
    assert Counter(row[1] for row in rows())["replied"] == 1


def test_without_a_scheme_there_is_nothing_to_review(world):
    review.assess(local("2026-04-10 09:00"))
    assert not AssessmentMonth.objects.exists()
