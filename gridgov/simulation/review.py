"""The month before the demo's beginning, assessed, and as far as its people have come with it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from gridgov.common import clock
from gridgov.common.errors import Conflict
from gridgov.common.models import User
from gridgov.simulation.span import last_month
from gridgov.simulation.words import REPLIES, REVIEWS
from grids import permissions
from grids.models import Area, Level
from grids.spatial import areas
from personnel import assessment_services
from personnel.assessment_models import Assessment, AssessmentMonth
from personnel.roles import Role
from reporting.services import assess_month

#: So long after the month it is computed, reviewed and answered; sooner where the demo begins before that.
_COMPUTED = timedelta(hours=3)
_REVIEWED = timedelta(hours=34)
_REPLIED = timedelta(hours=58)
State = Assessment.State


def assess(end: datetime) -> None:
    """Each city's last month is computed. Of each leader's grids the first is reviewed, the second answered as well.

    All others are for a visitor to review; none is published. Said again it adds what is missing.
    """
    start, over = last_month(end, clock.local(end).tzinfo)  # type: ignore[arg-type]
    passed = end - over
    for root in Area.objects.filter(parent=None, valid_to=None).defer("boundary").order_by("code"):
        at = over + min(_COMPUTED, passed * 0.1)
        try:
            with clock.played(at):
                month = assess_month(start.year, start.month, root, at=at)
        except Conflict as refused:
            if refused.code != "no_scheme":
                raise
            continue
        _review(month, over + min(_REVIEWED, passed * 0.5), over + min(_REPLIED, passed * 0.9))


def _review(month: AssessmentMonth, reviewed_at: datetime, replied_at: datetime) -> None:
    users = User.objects.in_bulk()
    rows: dict[int, list[Assessment]] = {}
    for row in Assessment.objects.filter(month=month).order_by("grid__code"):
        for area_id in areas.chain(row.grid_id)[Level.STREET - 1 :]:
            if area_id is not None:
                rows.setdefault(area_id, []).append(row)
    held = permissions.holders(on=clock.local_date(reviewed_at), areas_in=sorted(rows), role=Role.GRID_LEADER.value)
    for leader in held:
        found = [row for row in rows[leader.area_id] if row.worker_id not in (None, leader.user_id)]
        for row, is_answered in zip(found, (False, True), strict=False):
            if row.state == State.COMPUTED:
                mark, reason = REVIEWS[is_answered and row.score is not None]
                _at(
                    reviewed_at, assessment_services.review, assessment_id=row.pk, by=users[leader.user_id], mark=mark,
                    reason=reason,
                )  # fmt: skip
            if is_answered and row.state in (State.COMPUTED, State.REVIEWED):
                text = REPLIES[row.pk % len(REPLIES)]
                _at(
                    replied_at, assessment_services.reply, assessment_id=row.pk, by=users[row.worker_id or 0], text=text
                )


def _at(at: datetime, service: Callable[..., Any], **given: Any) -> None:
    with clock.played(at):
        service(at=at, **given)
