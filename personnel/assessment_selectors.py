"""Reads of the monthly assessment for the pages of leader and worker. Nothing here writes.

No order by score anywhere: rows stand in the order of their grids' codes: nobody is ranked.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from gridgov.common.errors import NotFound
from gridgov.common.models import User
from grids import permissions
from grids.capabilities import Capability
from grids.spatial import areas
from personnel.assessment_models import Assessment, AssessmentMonth
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


def waiting_for(user: User, *, day: date) -> list[tuple[date, str, int]]:
    """By month, the newest first, how many rows of the grids he leads wait for the user: to review, or replied to.

    His own is none of them: another leader reviews it. Two statements.
    """
    led = permissions.visible_area_ids(permissions.grants_of(user, day), Capability.LEAD_GRID)
    grids = [record.id for area_id in led for record in areas.index().subtree(area_id)]
    waiting = Assessment.objects.filter(
        Q(worker__isnull=True) | ~Q(worker=user.pk),
        grid__in=grids,
        state__in=[Assessment.State.COMPUTED, Assessment.State.REPLIED],
    )
    counted = waiting.order_by().values("month__on", "state").annotate(count=Count("pk"))
    return sorted(
        ((row["month__on"], row["state"], row["count"]) for row in counted),
        key=lambda found: (-found[0].toordinal(), found[1]),
    )


def own_of(user: User) -> list[Assessment]:
    """The user's own rows that were reviewed: of each grid and month the highest version, the newest month first."""
    found = Assessment.objects.filter(worker=user.pk).exclude(state=Assessment.State.COMPUTED)
    found = latest(found.select_related("month__scheme", "worker"))
    return sorted(found, key=lambda row: (-row.month.on.toordinal(), areas.get(row.grid_id).code))


def one(assessment_id: int, user: User, *, day: date) -> Assessment:
    """The row, if the user may see it; else NotFound. Two statements."""
    people = ("month__asked_by", "worker", "reviewed_by", "published_by")
    found = Assessment.objects.select_related("month__scheme", *people)
    row = found.filter(pk=assessment_id).first()
    if row is None or not may_see(row, user, permissions.grants_of(user, day)):
        raise NotFound(_("没有这项考核"))
    return row


def history_of(rows: Sequence[Assessment]) -> dict[int, list[tuple[date, int | None]]]:
    """By row the published scores, in hundredths, of up to six months before its own, the oldest first.

    Of the same grid under the same worker: what somebody else did there is not his past. One statement.
    """
    found: dict[int, list[tuple[date, int | None]]] = {}
    past = _past(rows).defer("lines") if rows else []
    by_grid: dict[tuple[int, int | None], list[Assessment]] = {}
    for row in sorted(latest(past), key=lambda row: row.month.on):
        by_grid.setdefault((row.grid_id, row.worker_id), []).append(row)
    for row in rows:
        same = by_grid.get((row.grid_id, row.worker_id), [])
        found[row.pk] = [(r.month.on, r.final_score) for r in same if r.month.on < row.month.on][-HISTORY_MONTHS:]
    return found


def past_of(row: Assessment) -> list[Assessment]:
    """The published rows behind ``history_of``, with their lines, the oldest first. One statement."""
    found = [r for r in latest(_past([row])) if r.worker_id == row.worker_id]
    return sorted(found, key=lambda r: r.month.on)[-HISTORY_MONTHS:]


def _past(rows: Sequence[Assessment]) -> QuerySet[Assessment]:
    return Assessment.objects.filter(
        grid__in={row.grid_id for row in rows},
        month__on__lt=max(row.month.on for row in rows),
        state=Assessment.State.PUBLISHED,
    ).select_related("month")


def versions_of(row: Assessment, user: User, *, day: date) -> list[Assessment]:
    """The rows of the grid and month that the user may see, this one too, by version."""
    found = seen_by(user, day=day).filter(grid=row.grid_id, month__on=row.month.on)
    return list(found.select_related("month__asked_by").defer("lines").order_by("month__version"))


def correction_waits(row: Assessment) -> bool:
    """Whether a newer version of the month was asked for that has this grid, and is not published."""
    newer = AssessmentMonth.objects.filter(root=row.month.root_id, on=row.month.on, version__gt=row.month.version)
    done = set(
        Assessment.objects.filter(month__in=newer, grid=row.grid_id, state=Assessment.State.PUBLISHED).values_list(
            "month", flat=True
        )
    )
    return any(row.grid_id in month.grid_ids and month.pk not in done for month in newer)


def computations_of(roots: Iterable[int]) -> list[AssessmentMonth]:
    """The months of the cities that were begun, each once by its first version, the newest first."""
    found = AssessmentMonth.objects.filter(root__in=sorted(set(roots)), version=1).order_by("-on", "root")
    return list(found.defer("known_at"))


def mean(scores: Sequence[tuple[date, int | None]]) -> int | None:
    """The mean of the scores there are, in hundredths; None where there are none."""
    known = [score for _on, score in scores if score is not None]
    return round(Fraction(sum(known), len(known))) if known else None
