"""Freezing the policy of a new clock, and the only writes to clocks.

What an action does to clocks is planned by ``incidents.clocks`` without a database; here the plan meets the catalogue
and the tables. Locks: the case first, then its clocks, everywhere.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from django.db.models import Case as SqlCase
from django.db.models import DateTimeField, Value, When

from gridgov.common import work_calendar
from gridgov.common.business_time import WorkCalendar
from gridgov.common.plain_update import insert_new, update_rows
from incidents.catalogue import catalogue, limit_for
from incidents.clocks import ClockState, Plan, Policy
from incidents.models import Clock, ClockSegment

_ENDED_FIELDS = ("state", "stopped_at", "steps", "next_step_at", "breached_at", "breach_cured_at")
_ALL_FIELDS = (
    *_ENDED_FIELDS, "due_at", "due_revision", "unit", "minutes", "count", "calendar_version_id", "policy", "milestones",
)  # fmt: skip


def calendars(version_id: int) -> WorkCalendar:
    """The calendar version a clock was started under; versions never change, so it stays in the process."""
    return work_calendar.load(version_id)


def policies(
    category_id: int, standard_id: int | None, *, standard: tuple[str, int] = ("", 0)
) -> Callable[[str], Policy]:
    """The policy that a clock started now would get, by kind: standard, else category, else the default."""

    def policy_for(kind: str) -> Policy:
        limits = limit_for(kind, category_id, standard_id)
        if not limits:
            return Policy(standard=standard[0], standard_version=standard[1])
        return Policy(
            limits=tuple(limit.as_json() for limit in limits),
            standard=standard[0],
            standard_version=standard[1],
            calendar_version_id=work_calendar.current_version(limits[-1].calendar).pk,
        )

    return policy_for


def policies_of(category_id: int, standard_id: int | None) -> Callable[[str], Policy]:
    """:func:`policies` with the standard's code and version filled in from the catalogue."""
    standard = catalogue().standard(standard_id)
    return policies(category_id, standard_id, standard=(standard.code, standard.version) if standard else ("", 0))


# --- writing ----------------------------------------------------------------------------------------------------


def _row(clock: ClockState, incident_id: int) -> Clock:
    steps = list(clock.steps)
    return Clock(
        id=clock.id,
        incident_id=incident_id,
        kind=clock.kind,
        cycle=clock.cycle,
        assignment=clock.assignment,
        state=clock.state,
        started_at=clock.started_at,
        stopped_at=clock.stopped_at,
        due_at=clock.due_at,
        due_revision=clock.due_revision,
        unit=str(clock.allowance.unit) if clock.allowance else "",
        minutes=clock.allowance.minutes or None if clock.allowance else None,
        count=clock.allowance.count or None if clock.allowance else None,
        calendar_version_id=clock.calendar_version_id,
        policy=dict(clock.policy or {}),
        steps=steps,
        milestones=list(clock.milestones),
        next_step_at=datetime.fromisoformat(steps[0]["at"]) if steps else None,
        holder_id=clock.holder_id,
        breached_at=clock.breached_at,
        breach_cured_at=clock.breach_cured_at,
    )


def new_rows(clocks: Iterable[ClockState], incident_id: int) -> list[Clock]:
    """Rows for clocks that were planned and not yet stored."""
    return [_row(clock, incident_id) for clock in clocks]


def write(plan: Plan, *, incident_id: int, entry_seq: int, actor_id: int | None) -> None:
    """The plan stands in the tables. Call it after the case's row was updated in the same transaction."""
    changed = [_row(clock, incident_id) for clock in plan.changed]
    if changed:
        ended = all(not clock.is_live for clock in plan.changed)
        names = _ENDED_FIELDS if ended else _ALL_FIELDS
        update_rows(Clock, names, [(row.pk, *(getattr(row, name) for name in names)) for row in changed])
    if plan.closed_pauses_at:
        _close_pauses(plan.closed_pauses_at)
    stored = new_rows(plan.started, incident_id)
    if stored:
        insert_new(stored)
    if plan.opened:
        ids = {clock.kind: clock.id for clock in plan.changed} | {row.kind: row.id for row in stored}
        _open_segments(plan, ids, incident_id, entry_seq, actor_id)


def _close_pauses(ends: Mapping[int, datetime]) -> None:
    ClockSegment.objects.filter(clock__in=list(ends), kind="paused", ended_at__isnull=True).update(
        ended_at=SqlCase(
            *(When(clock=clock_id, then=Value(at)) for clock_id, at in ends.items()), output_field=DateTimeField()
        )
    )


def _open_segments(
    plan: Plan, ids: Mapping[str, int | None], incident_id: int, entry_seq: int, actor_id: int | None
) -> None:
    missing = {segment.clock for segment in plan.opened} - set(ids)
    if missing:
        ids = dict(
            Clock.objects.filter(incident=incident_id, kind__in=missing, state__in=Clock.LIVE).values_list("kind", "id")
        ) | dict(ids)
    ClockSegment.objects.bulk_create(
        [
            ClockSegment(
                clock_id=ids[segment.clock],
                kind=segment.kind,
                started_at=segment.started_at,
                ended_at=segment.ended_at,
                holder_id=segment.holder_id,
                by_id=actor_id,
                entry_seq=entry_seq,
            )
            for segment in plan.opened
        ]
    )


def exempt(*, incident_id: int, clocks: Iterable[tuple[str, int]]) -> int:
    """The late clocks (kind, cycle) of the case are exempt: they count as late nowhere, and still say that they were.

    How many. Call it in the transaction that journals it (``exempted``), after the case's row was updated.
    """
    late = Clock.objects.filter(incident=incident_id, state=Clock.State.LATE)
    return sum(late.filter(kind=kind, cycle=cycle).update(is_exempt=True) for kind, cycle in clocks)
