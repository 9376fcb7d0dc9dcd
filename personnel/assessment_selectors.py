"""Reads of the monthly assessment for the pages of leader and worker. Nothing here writes.

No order by score anywhere: rows stand in the order of their grids' codes: nobody is ranked.
"""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from gridgov.common.errors import NotFound
from gridgov.common.models import User
from grids import permissions
from grids.capabilities import Capability
from grids.spatial import areas
from personnel.assessment_models import Assessment
from personnel.assessment_services import latest, may_see

HISTORY_MONTHS = 6


def seen_by(user: User, *, day: date) -> QuerySet[Assessment]:
    """The rows of the grids that the user leads, and his own once they were reviewed."""
    grants = permissions.grants_of(user, day)
    led = permissions.visible_area_ids(grants, Capability.LEAD_GRID)
    grids = [record.id for area_id in led for record in areas.index().subtree(area_id)]
    own = Q(worker=user.pk) & ~Q(state=Assessment.State.COMPUTED)
    return Assessment.objects.filter(Q(grid__in=grids) | own).select_related("month__scheme", "worker")


def month_of(user: User, on: date, *, day: date) -> list[Assessment]:
    """The user's rows of the month that begins on ``on``: of each grid the highest version, by the grids' codes."""
    found = latest(seen_by(user, day=day).filter(month__on=on))
    return sorted(found, key=lambda row: areas.get(row.grid_id).code)


def months_of(user: User, *, day: date) -> list[date]:
    """The months of which the user has rows, the newest first."""
    return list(seen_by(user, day=day).order_by("-month__on").values_list("month__on", flat=True).distinct())


def one(assessment_id: int, user: User, *, day: date) -> Assessment:
    """The row, if the user may see it; else NotFound. Two statements."""
    row = Assessment.objects.select_related("month__scheme", "worker", "reviewed_by").filter(pk=assessment_id).first()
    if row is None or not may_see(row, user, permissions.grants_of(user, day)):
        raise NotFound(_("没有这项考核"))
    return row


def history_of(grid_ids: Sequence[int], before: date) -> dict[int, list[tuple[date, int | None]]]:
    """By grid the published scores, in hundredths, of up to six months before ``before``, the oldest first."""
    rows = Assessment.objects.filter(
        grid__in=list(grid_ids), month__on__lt=before, state=Assessment.State.PUBLISHED
    ).select_related("month")
    found: dict[int, list[tuple[date, int | None]]] = {}
    for row in sorted(latest(rows), key=lambda row: row.month.on):
        found.setdefault(row.grid_id, []).append((row.month.on, row.final_score))
    return {grid_id: scores[-HISTORY_MONTHS:] for grid_id, scores in found.items()}


def mean(scores: Sequence[tuple[date, int | None]]) -> int | None:
    """The mean of the scores there are, in hundredths; None where there are none."""
    known = [score for _on, score in scores if score is not None]
    return round(Fraction(sum(known), len(known))) if known else None
