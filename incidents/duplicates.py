"""Cases that may be one and the same: a published formula, for a person to judge.

Two open cases of the same 小类 in the same city, reported within ``duplicate_hours`` of each other and lying within
``duplicate_radius_m`` (both settings of the category, by default 24 h and 50 m), are candidates. With distance d of at
most radius r and time t of at most h hours:

    score = 0.6 × (1 - d/r) + 0.4 × (1 - t/h)

1 is the same place and instant, 0 the edge of both. The newer case keeps at most five candidates, the best ones; a
pair stands once, under the newer case. Nothing is merged by the machine, and a case's version stays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from gridgov.common.coordinates import box_around, distance_m
from incidents.catalogue import catalogue
from incidents.models import DuplicateCandidate, Incident

DISTANCE_WEIGHT = 0.6
TIME_WEIGHT = 0.4
KEPT = 5
#: Of more than this many cases near by the newest are compared; a place with more has another problem.
COMPARED = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """Another case, with how near it is. ``gap_minutes`` between the two receipts, whichever came first."""

    incident_id: int
    other_id: int
    score: float
    distance_m: float
    gap_minutes: int


def score(distance: float, gap: timedelta, *, radius_m: float, hours: float) -> float | None:
    """The formula (pure); None where the two lie too far apart in space or time."""
    span = timedelta(hours=hours)
    if distance > radius_m or gap > span or radius_m <= 0 or hours <= 0:
        return None
    return DISTANCE_WEIGHT * (1 - distance / radius_m) + TIME_WEIGHT * (1 - gap / span)


def find(incident_id: int) -> list[Candidate]:
    """The best candidates among the open cases for one that has a place. Two statements; nothing is written."""
    case = (
        Incident.objects.filter(pk=incident_id, lon__isnull=False)
        .values("pk", "category_id", "city_id", "lon", "lat", "received_at")
        .first()
    )
    category = catalogue().category(case["category_id"]) if case else None
    if case is None or category is None:
        return []
    radius, span = category.duplicate_radius_m, timedelta(hours=category.duplicate_hours)
    west, south, east, north = box_around(case["lon"], case["lat"], radius)
    near = (
        Incident.objects.filter(
            ended_at__isnull=True,
            lon__gte=west,
            lon__lte=east,
            lat__gte=south,
            lat__lte=north,
            category=category.id,
            city=case["city_id"],
            received_at__gte=case["received_at"] - span,
            received_at__lte=case["received_at"] + span,
        )
        .exclude(pk=incident_id)
        .order_by("-pk")
        .values_list("pk", "lon", "lat", "received_at")[:COMPARED]
    )
    found: list[Candidate] = []
    for pk, lon, lat, received_at in near:
        distance = distance_m(case["lon"], case["lat"], lon, lat)
        gap = abs(case["received_at"] - received_at)
        value = score(distance, gap, radius_m=radius, hours=category.duplicate_hours)
        if value is not None:
            newer, older = max(incident_id, pk), min(incident_id, pk)
            found.append(Candidate(newer, older, round(value, 4), round(distance, 1), round(gap.total_seconds() / 60)))
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.other_id))[:KEPT]


def store(candidates: Iterable[Candidate], *, at: datetime) -> None:
    """The candidates stand; a pair that was found before stays as it was. One statement, none for none."""
    rows = [
        DuplicateCandidate(
            incident_id=c.incident_id,
            other_id=c.other_id,
            score=c.score,
            distance_m=c.distance_m,
            gap_minutes=c.gap_minutes,
            found_at=at,
        )
        for c in candidates
    ]
    if rows:
        DuplicateCandidate.objects.bulk_create(rows, ignore_conflicts=True)


def of_case(incident_id: int, *, limit: int = KEPT) -> Sequence[DuplicateCandidate]:
    """The pairs that the case belongs to on either side, the likeliest first, with both cases. One statement."""
    pairs = DuplicateCandidate.objects.filter(Q(incident=incident_id) | Q(other=incident_id))
    return list(pairs.select_related("incident", "other").order_by("-score", "id")[:limit])
