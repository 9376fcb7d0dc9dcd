"""A clock in words: what limit it has, and how its due instant is reckoned."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from gridgov.common import business_time, work_calendar
from gridgov.common.business_time import Allowance
from gridgov.common.labels import label
from incidents.clocks import ClockState, allowance_of
from incidents.models import Clock, ClockKind


@dataclass(frozen=True, slots=True)
class ClockView:
    """A clock with its limit and its reckoning in words."""

    clock: ClockState
    label: str
    state_label: str
    allowance: str
    explain: str
    is_exempt: bool

    def is_overdue(self, now: datetime) -> bool:
        return self.clock.state == "late" or (
            self.clock.state == "running" and self.clock.due_at is not None and self.clock.due_at < now
        )


def clock_view(clock: ClockState, now: datetime, language: str | None, *, is_exempt: bool) -> ClockView:
    """The clock in words of ``language``, which is the active one. ``now``: until when one that is late was late."""
    allowance = explained = ""
    if clock.allowance is not None and clock.calendar_version_id is not None:
        calendar = work_calendar.load(clock.calendar_version_id)
        allowance = _described(clock.allowance, calendar.nominal_day_minutes, language)
        until = clock.stopped_at if clock.stopped_at is not None else now.replace(second=0, microsecond=0)
        is_late = clock.due_at is not None and until > clock.due_at and clock.state != "cancelled"
        explained = _explained(
            _as_if_running(clock),
            clock.allowance,
            clock.calendar_version_id,
            _extensions(clock),
            until if is_late else None,
            language,
        )
    kind, state = label(ClockKind, clock.kind, language), label(Clock.State, clock.state, language)
    return ClockView(clock, kind, state, allowance, explained, is_exempt)


def _as_if_running(clock: ClockState) -> tuple[tuple[datetime, datetime | None], ...]:
    """The running stretches with the last one open: a clock that stopped in time was due when it was due."""
    *before, (start, end) = clock.segments
    return (*before, (start, None if end == clock.stopped_at else end))


def _extensions(clock: ClockState) -> tuple[Allowance, ...]:
    """What was granted beyond the limit that the clock was started under."""
    if clock.allowance is None or not clock.limits or (clock.policy or {}).get("is_rework"):
        return ()
    first = allowance_of(clock.limits[-1])
    more = clock.allowance.minutes - first.minutes, clock.allowance.count - first.count
    if clock.allowance.unit is not first.unit or min(more) < 0 or not any(more):
        return ()
    return (Allowance(first.unit, minutes=more[0], count=more[1]),)


@lru_cache(maxsize=1024)
def _described(allowance: Allowance, nominal_day_minutes: int, _language: str | None) -> str:
    return allowance.describe(nominal_day_minutes)


@lru_cache(maxsize=4096)
def _explained(
    segments: tuple[tuple[datetime, datetime | None], ...],
    allowance: Allowance,
    calendar_version_id: int,
    extensions: tuple[Allowance, ...],
    at: datetime | None,
    _language: str | None,
) -> str:
    try:
        return business_time.explain(
            segments, allowance, work_calendar.load(calendar_version_id), extensions=extensions, at=at
        )
    except business_time.OutsideCalendar:
        return ""
