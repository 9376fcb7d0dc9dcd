"""Moving a case: status, version, clocks and journal in one. Only ``dispatch.loop`` may import this module.

In two halves, so that nothing is worked out while the database is locked: :func:`prepare` plans and hashes,
:func:`write` is the short transaction's part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gridgov.common.plain_update import insert_new, update_where
from incidents import clocks, journal, sla
from incidents.case import clocks_of
from incidents.models import Incident, JournalEntry
from incidents.signals import announce
from incidents.workflow import ENDED, WITH_LIVE_TICKET, Action, Status, Transition


@dataclass(frozen=True, slots=True)
class Who:
    """Who does it, as the journal says it. ``user_id`` None: the system, or a reporter by link."""

    user_id: int | None
    role: str
    channel: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A move worked out on the case as it was read; it is written only if the case is still so."""

    incident: Incident
    changes: Mapping[str, Any]
    plan: clocks.Plan
    entry: journal.Draft

    @property
    def handle_due_at(self) -> datetime | None:
        """When the handler is due after the move, for the tickets."""
        live = self.plan.live_after(clocks_of(self.incident))
        return next((clock.due_at for clock in live if clock.kind == "handle"), None)


def prepare(
    incident: Incident,
    line: Transition,
    *,
    who: Who,
    at: datetime,
    recorded_at: datetime,
    effective_at: datetime | None = None,
    payload: Mapping[str, Any],
    text: str = "",
    changes: Mapping[str, Any] | None = None,
    milestone: str = "",
    amended: clocks.Plan | None = None,
) -> Prepared:
    """The move ``line`` of ``incident`` (read by ``case.with_clocks``), worked out and hashed.

    ``effective_at``: when it was asked for, if granted later. ``changes``: further columns, by name.
    ``amended``: the plan of an amendment in place of the table's.
    """
    source = Status(incident.status)
    target = line.target
    if target is None:
        target = Status(incident.status_before) if line.action is Action.UNMERGE else source
    extra = dict(changes or {})
    holder_id = extra.get("holder_id", incident.holder_id)
    assignment = extra.get("assignment", incident.assignment)
    before = clocks_of(incident)
    plan = amended
    if plan is None:
        move = clocks.Move(
            action=line.action.value,
            source=source,
            target=target,
            at=at,
            effective_at=effective_at or at,
            holder_id=holder_id,
            assignment=assignment,
            milestone=milestone,
        )
        policy_for = sla.policies_of(
            extra.get("category_id", incident.category_id), extra.get("standard_id", incident.standard_id)
        )
        plan = clocks.plan(move, before, policy_for, sla.calendars)
    version = incident.version + 1 if line.bumps else incident.version
    entry = journal.draft(
        number=incident.number,
        head_seq=incident.head_seq,
        head_mac=incident.head_mac,
        action=line.action.value,
        status_from=source.value,
        status_to=target.value,
        actor_id=who.user_id,
        actor_role=who.role,
        channel=who.channel,
        version=version,
        at=at,
        recorded_at=recorded_at,
        payload={**payload, **clocks.facts(plan)},
        text=text,
    )
    values: dict[str, Any] = {
        "version": version,
        "head_seq": entry.seq,
        "head_mac": entry.mac,
        "due_at": clocks.due_of(plan.live_after(before)),
        **extra,
    }
    if target is not source:
        values |= {
            "status": target.value,
            "status_at": at,
            "ended_at": at if target in ENDED else None,
            "lead_assignment": assignment if target in WITH_LIVE_TICKET else None,
        }
        if target is Status.EVALUATED:
            values["ended_at"] = incident.ended_at
        if target is Status.CLOSED:
            values["closed_at"] = at
        elif target not in ENDED:
            values["closed_at"] = None
        if source is Status.SUSPENDED:
            values["suspended_until"] = None
        if source is Status.MERGED:
            values["status_before"] = ""
    return Prepared(incident, values, plan, entry)


def write(prepared: Prepared) -> JournalEntry | None:
    """The move stands in the tables; None, with nothing written, if the case is no longer as it was read.

    Call inside a transaction. Locks: the case's row by its guarded update, then its clocks.
    """
    incident = prepared.incident
    as_read = {
        "pk": incident.pk, "version": incident.version, "head_seq": incident.head_seq, "status": incident.status,
    }  # fmt: skip
    moved = update_where(Incident, as_read, prepared.changes)
    if not moved:
        return None
    sla.write(
        prepared.plan,
        incident_id=incident.pk,
        entry_seq=prepared.entry.seq,
        actor_id=prepared.entry.actor_id,
    )
    entry = journal.row(incident.pk, prepared.entry)
    insert_new([entry])
    announce(incident.pk, entry.seq)
    return entry
