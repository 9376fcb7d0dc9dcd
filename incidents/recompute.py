"""Moving running clocks to a new version of their calendar: asked for by a person, said in the journal."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from gridgov.common import work_calendar
from incidents import clocks, sla
from incidents.case import clocks_of, with_clocks
from incidents.clocks import ClockState, Plan
from incidents.models import Clock, Incident
from incidents.services import entry

ATTEMPTS = 5


@dataclass(slots=True)
class Recomputed:
    """What was, or would be, moved: live clocks on older versions, those whose due time changes, and their cases."""

    clock_count: int = 0
    moved_count: int = 0
    incident_count: int = 0
    busy_count: int = 0


def recompute_due(*, code: str, at: datetime, by_id: int | None = None, dry_run: bool = False) -> Recomputed:
    """Every live clock counted by an older version of the calendar ``code`` is counted by its current one.

    The ledger stays, the due time, milestones and steps are worked out again; what fired before its time stays fired
    and comes again at the new one. Each case gets one entry ``recomputed`` with the due times before and after; its
    version stays. FieldError for an unknown calendar.
    """
    version_id = work_calendar.current_version(code).pk
    done = Recomputed()
    live = Clock.objects.filter(state__in=Clock.LIVE, calendar_version__calendar__code=code).exclude(
        calendar_version=version_id
    )
    for incident_id in list(live.order_by("incident_id").values_list("incident_id", flat=True).distinct()):
        for _attempt in range(ATTEMPTS):
            if _recompute(incident_id, code, version_id, at, by_id, dry_run, done):
                break
        else:
            done.busy_count += 1
    return done


def _recompute(
    incident_id: int, code: str, version_id: int, at: datetime, by_id: int | None, dry_run: bool, done: Recomputed
) -> bool:
    incident = with_clocks(Incident.objects.filter(pk=incident_id)).get()
    before = clocks_of(incident)
    older = set(
        Clock.objects.filter(incident=incident_id, state__in=Clock.LIVE, calendar_version__calendar__code=code)
        .exclude(calendar_version=version_id)
        .values_list("pk", flat=True)
    )
    changed = tuple(_moved(clock, version_id, at) for clock in before if clock.id in older)
    if not changed:
        return True
    plan = Plan(changed=changed)
    old = {clock.id: clock for clock in before}
    if not dry_run:
        with transaction.atomic():
            written = entry.append(
                incident,
                kind="recomputed",
                user_id=by_id,
                channel="system",
                at=at,
                recorded_at=at,
                payload={"calendar": code, "version": version_id, "due": _facts(changed, old)},
                changes={"due_at": clocks.due_of(plan.live_after(before))},
            )
            if written is None:
                return False
            sla.write(plan, incident_id=incident_id, entry_seq=written.seq, actor_id=by_id)
    done.incident_count += 1
    done.clock_count += len(changed)
    done.moved_count += sum(clock.due_at != old[clock.id].due_at for clock in changed)
    return True


def _moved(clock: ClockState, version_id: int, at: datetime) -> ClockState:
    other = replace(clock, calendar_version_id=version_id, due_revision=clock.due_revision + 1)
    moved = clocks.armed(other, sla.calendars, now=at)
    stated = moved.breached_at
    if stated is not None and moved.breach_cured_at is None and (moved.due_at is None or moved.due_at > stated):
        # it was stated by the old calendar: marked cured, never deleted
        return replace(moved, breach_cured_at=at)
    return moved


def _facts(changed: tuple[ClockState, ...], old: Mapping[int | None, ClockState]) -> dict[str, Any]:
    return {
        f"{clock.kind}:{clock.cycle}": [
            at.isoformat() if at is not None else None for at in (old[clock.id].due_at, clock.due_at)
        ]
        for clock in changed
    }
