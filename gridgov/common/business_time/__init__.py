"""Time arithmetic on limits, and the only place of it. Pure: no Django, no database, no current time."""

from gridgov.common.business_time.calendars import (
    DayKind,
    Interval,
    OutsideCalendar,
    Season,
    SpecialDay,
    Weekly,
    WorkCalendar,
)
from gridgov.common.business_time.limits import (
    Segment,
    Segments,
    after,
    due_at,
    due_over,
    elapsed,
    elapsed_over,
    instant_at_share_left,
    ratio_left,
    remaining,
)
from gridgov.common.business_time.units import NOMINAL_DAY_MINUTES, Allowance, Unit, extend, share_of
from gridgov.common.business_time.words import DayUse, explain, explain_days

__all__ = [
    "NOMINAL_DAY_MINUTES",
    "Allowance",
    "DayKind",
    "DayUse",
    "Interval",
    "OutsideCalendar",
    "Season",
    "Segment",
    "Segments",
    "SpecialDay",
    "Unit",
    "Weekly",
    "WorkCalendar",
    "after",
    "due_at",
    "due_over",
    "elapsed",
    "elapsed_over",
    "explain",
    "explain_days",
    "extend",
    "instant_at_share_left",
    "ratio_left",
    "remaining",
    "share_of",
]
