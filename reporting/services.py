"""The monthly assessment of grids, computed from the journal's facts in batches that can be broken off anywhere."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import FieldError
from gridgov.common.models import User
from grids import permissions
from grids.models import Area, Level
from grids.spatial import areas
from personnel import assessment, assessment_services
from personnel.assessment import Measured, Scheme
from personnel.assessment_models import Assessment, AssessmentMonth
from personnel.assessment_services import Row
from personnel.roles import Role
from reporting import facts
from reporting.history import Facts, Period
from reporting.indicators import INDICATORS, Unit

#: Grids that are read, scored and stored at once. Less work is lost when a computation is killed, more is read again.
BATCH = 40
_A_MOMENT = timedelta(microseconds=1)


def assess_month(
    year: int, month: int, root: Area, *, at: datetime | None = None, batch: int = BATCH
) -> AssessmentMonth:
    """Every grid of the city has its row for the month. Said again, or after it was killed, it adds what is missing.

    Counted as things stood at the end of the month, so that it does not matter when it is computed; only exemptions
    granted until the first beginning count too. Raises FieldError (no such month, or not over), Conflict (no scheme).
    """
    at = at or clock.now()
    period = month_period(year, month)
    if period.end > at:
        raise FieldError("month", _("该月尚未结束"))
    grids = [r.id for r in areas.index().all() if r.root_id == root.pk and r.level == Level.GRID and r.active]
    opened = assessment_services.open_month(root=root, on=date(year, month, 1), grid_ids=grids, known_at=at)
    return compute(opened, at=at, batch=batch)


def month_period(year: int, month: int) -> Period:
    """The civil month in the deployment's zone. FieldError for a month that there is not."""
    if not (1 <= month <= 12 and 2000 <= year <= 2200):
        raise FieldError("month", _("没有这个月份"))
    zone = timezone.get_default_timezone()
    start = datetime(year, month, 1, tzinfo=zone)
    return Period(start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone))


def compute(month: AssessmentMonth, *, at: datetime | None = None, batch: int = BATCH) -> AssessmentMonth:
    """The month, or correction, has a row for each of its grids. Each batch is a transaction of its own."""
    if month.computed_at is not None:
        return month
    missing = assessment_services.missing_grids(month)
    for first in range(0, len(missing), batch):
        assessment_services.store(month=month, rows=rows_of(month, missing[first : first + batch]))
    return assessment_services.finish_month(month=month, at=at or clock.now())


def correct(*, assessment: Assessment, reason: str, by: User, at: datetime | None = None) -> Assessment:
    """The grid has a row in a new version of its published month, to be reviewed. Killed between the two, the task
    computes it. Raises FieldError, NotFound, NotPermitted, Conflict.
    """
    at = at or clock.now()
    month = assessment_services.open_correction(
        root=assessment.month.root, on=assessment.month.on, grid_ids=[assessment.grid_id], reason=reason, by=by, at=at
    )
    return compute(month, at=at).rows.select_related("month__scheme", "worker").get()


def rows_of(month: AssessmentMonth, grid_ids: Sequence[int]) -> list[Row]:
    """What the month's scheme makes of these grids. It reads and writes nothing. Six statements."""
    scheme = assessment_services.scheme_of(month.scheme)
    period = month_period(month.on.year, month.on.month)
    found = facts.load_areas(period, level=Level.GRID, area_ids=grid_ids, exempt_by=month.known_at)
    workers = _workers(grid_ids, clock.local_date(period.end - _A_MOMENT))
    return [_row(scheme, grid_id, workers.get(grid_id), found[grid_id]) for grid_id in grid_ids]


def _row(scheme: Scheme, grid_id: int, worker_id: int | None, found: Facts) -> Row:
    figures = {item.key: INDICATORS[item.key](found) for item in scheme.items}
    measured = {key: Measured(figure.count, figure.denominator) for key, figure in figures.items()}
    scored = assessment.score(scheme, measured)
    lines = [
        {
            "key": line.key,
            "hits": _evidence(figures[line.key].hits),
            "misses": _evidence(figures[line.key].misses),
            "weight": assessment.hundredths(line.weight),
            "points": None if line.points is None else assessment.hundredths(line.points),
        }
        for line in scored.lines
    ]
    return Row(grid_id, worker_id, lines, None if scored.total is None else assessment.hundredths(scored.total))


def _evidence(refs: Iterable[tuple[str, int]]) -> list[list[str | int]]:
    return [list(ref) for ref in sorted(refs)]


def _workers(grid_ids: Sequence[int], on: date) -> dict[int, int]:
    """The worker of each grid on that day, else of its community; of several the one with the lowest user id."""
    community = {grid_id: areas.chain(grid_id)[Level.COMMUNITY - 1] for grid_id in grid_ids}
    places = {*grid_ids, *community.values()} - {None}
    first: dict[int, int] = {}
    for holder in permissions.holders(on=on, areas_in=sorted(places), role=Role.GRID_WORKER.value):
        first.setdefault(holder.area_id, holder.user_id)
    found = {grid_id: first.get(grid_id) or first.get(community[grid_id] or 0) for grid_id in grid_ids}
    return {grid_id: user_id for grid_id, user_id in found.items() if user_id is not None}


# --- schemes ------------------------------------------------------------------------------------------------------

#: What a scheme may weigh: ratios alone, because a count rewards being many.
SCORED = frozenset(key for key, indicator in INDICATORS.items() if indicator.unit is Unit.RATIO)
