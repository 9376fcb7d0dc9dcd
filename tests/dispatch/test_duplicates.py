"""Which cases may be one, by the published formula."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from incidents import duplicates
from incidents.catalogue_services import save_category
from incidents.models import DuplicateCandidate, Incident

START = datetime(2026, 3, 2, 1, tzinfo=UTC)


def east(world, metres: float) -> dict[str, float]:
    lon, lat = world.point()
    return {"lon": lon + metres / (math.cos(math.radians(lat)) * 111_195), "lat": lat}


def report(world, metres: float = 0.0, hours: float = 0.0, **values) -> int:
    number = world.report(at=START + timedelta(hours=hours), **(east(world, metres) | values))
    return Incident.objects.get(number=number).pk


@pytest.mark.parametrize(
    ("metres", "hours", "expected"),
    [(0, 0, 1.0), (50, 24, 0.0), (25, 0, 0.7), (0, 12, 0.8), (10, 6, 0.78), (50.01, 0, None), (0, 24.01, None)],
)
def test_score_is_the_published_formula(metres, hours, expected):
    found = duplicates.score(metres, timedelta(hours=hours), radius_m=50, hours=24)
    assert found == (None if expected is None else pytest.approx(expected))


def test_score_of_a_category_without_radius_is_none():
    assert duplicates.score(0, timedelta(), radius_m=0, hours=24) is None


def test_near_and_recent_case_of_the_same_kind_is_a_candidate(world):
    first, second = report(world), report(world, 20, 6)
    (found,) = duplicates.find(second)
    assert (found.incident_id, found.other_id, found.gap_minutes) == (second, first, 360)
    assert found.distance_m == pytest.approx(20, abs=0.2)
    assert found.score == pytest.approx(0.6 * 0.6 + 0.4 * 0.75, abs=0.005)


@pytest.mark.parametrize(
    "values",
    [{"metres": 60}, {"hours": 25}, {"category": "0202"}],
    ids=["too far", "too late", "another kind"],
)
def test_other_cases_are_not(world, values):
    report(world)
    assert duplicates.find(report(world, **values)) == []


def test_ended_case_is_not_a_candidate(world):
    first = report(world)
    world.perform(Incident.objects.get(pk=first).number, "reject", "acceptor", reason="unfounded", note="不属实")
    assert duplicates.find(report(world, 5)) == []


def test_case_without_a_place_has_no_candidates(world):
    report(world)
    number = world.report(lon=None, lat=None, at=START)
    assert duplicates.find(Incident.objects.get(number=number).pk) == []


def test_radius_and_hours_are_the_categorys(world):
    report(world)
    save_category(code="0201", name="暴露垃圾", kind="event", parent="02", duplicate_radius_m=100, duplicate_hours=48)
    (found,) = duplicates.find(report(world, 80, 30))
    assert found.score == pytest.approx(0.6 * 0.2 + 0.4 * 18 / 48, abs=0.005)


def test_best_five_are_kept_best_first(world):
    others = [report(world, metres) for metres in (40, 30, 20, 10, 5, 1)]
    found = duplicates.find(report(world))
    assert [c.other_id for c in found] == others[:0:-1]
    scores = [c.score for c in found]
    assert scores == sorted(scores, reverse=True)


def test_pair_stands_once_whichever_side_looks(world):
    first, second = report(world), report(world, 10)
    for looked_from in (second, first, second):
        duplicates.store(duplicates.find(looked_from), at=START)
    pair = DuplicateCandidate.objects.get()
    assert (pair.incident_id, pair.other_id) == (second, first)
    assert [p.pk for p in duplicates.of_case(first)] == [p.pk for p in duplicates.of_case(second)] == [pair.pk]
    assert set(Incident.objects.values_list("version", flat=True)) == {1}


def test_search_takes_two_statements(world, django_assert_num_queries):
    for metres in (1, 2, 3):
        report(world, metres)
    last = report(world)
    duplicates.find(last)
    with django_assert_num_queries(2):
        assert len(duplicates.find(last)) == 3
