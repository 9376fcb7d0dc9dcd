"""Reading a case whole, in one statement: the row, its clocks and their pauses."""

from collections.abc import Iterable
from typing import Any

import orjson
from django.db.models import OuterRef, QuerySet

from gridgov.common.business_time import Allowance, Unit
from gridgov.common.json_rows import instant, rows, rows_subquery
from incidents.clocks import ClockState
from incidents.models import Clock, ClockSegment, Incident

CLOCK_FIELDS = (
    "id", "kind", "cycle", "assignment", "state", "started_at", "stopped_at", "due_at", "due_revision", "unit",
    "minutes", "count", "calendar_version_id", "policy", "milestones", "holder_id", "breached_at", "breach_cured_at",
    "is_exempt",
)  # fmt: skip


def with_clocks(cases: QuerySet[Incident]) -> QuerySet[Incident]:
    """``cases`` with their clocks and pauses as JSON columns; read them with :func:`clocks_of`."""
    return cases.annotate(
        clock_rows=rows_subquery(Clock.objects.filter(incident=OuterRef("pk")), link="incident", fields=CLOCK_FIELDS),
        pause_rows=rows_subquery(
            ClockSegment.objects.filter(clock__incident=OuterRef("pk"), kind="paused"),
            link="clock__incident",
            fields=("clock_id", "started_at", "ended_at"),
        ),
    )


def as_json(value: Any) -> Any:
    """A JSON column out of a row: nested on PostgreSQL, text on SQLite."""
    return orjson.loads(value) if isinstance(value, str) else value


def clocks_of(incident: Incident) -> list[ClockState]:
    """The clocks of a case read through :func:`with_clocks`, ended ones too, in the order they were started."""
    pauses: dict[int, list[Any]] = {}
    for row in rows(incident.pause_rows):  # type: ignore[attr-defined]
        pauses.setdefault(row["clock_id"], []).append((instant(row["started_at"]), instant(row["ended_at"])))
    return clock_states(rows(incident.clock_rows), pauses)  # type: ignore[attr-defined]


def clock_states(found: Iterable[dict[str, Any]], pauses: dict[int, list[Any]]) -> list[ClockState]:
    """Rows with CLOCK_FIELDS as states."""
    states = [
        ClockState(
            id=row["id"],
            kind=row["kind"],
            cycle=row["cycle"],
            assignment=row["assignment"],
            state=row["state"],
            started_at=_at(row["started_at"]),  # type: ignore[arg-type]
            stopped_at=_at(row["stopped_at"]),
            due_at=_at(row["due_at"]),
            due_revision=row["due_revision"],
            allowance=_allowance(row),
            calendar_version_id=row["calendar_version_id"],
            policy=as_json(row["policy"]),
            pauses=tuple(sorted(pauses.get(row["id"], ()))),
            milestones=tuple(as_json(row["milestones"])),
            holder_id=row["holder_id"],
            breached_at=_at(row["breached_at"]),
            breach_cured_at=_at(row["breach_cured_at"]),
        )
        for row in found
    ]
    return sorted(states, key=lambda clock: clock.id or 0)


def _at(value: Any) -> Any:
    return instant(value) if value is None or isinstance(value, str) else value


def _allowance(row: dict[str, Any]) -> Allowance | None:
    if not row["unit"]:
        return None
    return Allowance(Unit(row["unit"]), minutes=row["minutes"] or 0, count=row["count"] or 0)
