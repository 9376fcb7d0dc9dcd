"""Journal entries as receivers see them: what was said, and the case as it is now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from incidents.case import as_json
from incidents.models import JournalEntry

_ENTRY = (
    "id", "incident_id", "seq", "action", "status_from", "status_to", "actor_id", "at", "payload", "attempt_count",
    "next_try_at", "parked_at",
)  # fmt: skip
_CASE = (
    "number", "status", "version", "category_id", "standard_id", "city_id", "district_id", "street_id", "community_id",
    "grid_id", "holder_id", "assignment", "is_confidential", "is_placed", "parent_id", "checker_id", "verifier_id",
    "on_site_by_id", "reported_by_id", "supervision_level",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delivered:
    """One entry on its way. Entry: as written. Case (from ``number`` on): as it is now, perhaps further on."""

    id: int
    incident_id: int
    seq: int
    action: str
    status_from: str
    status_to: str
    actor_id: int | None
    at: datetime
    payload: dict[str, Any]
    attempt_count: int
    next_try_at: datetime | None
    parked_at: datetime | None
    number: str
    status: str
    version: int
    category_id: int
    standard_id: int | None
    city_id: int
    district_id: int | None
    street_id: int | None
    community_id: int | None
    grid_id: int | None
    holder_id: int
    assignment: int
    is_confidential: bool
    is_placed: bool
    parent_id: int | None
    checker_id: int | None
    verifier_id: int | None
    on_site_by_id: int | None
    reported_by_id: int | None
    supervision_level: int

    @property
    def is_parked(self) -> bool:
        return self.parked_at is not None

    @property
    def chain(self) -> tuple[int | None, ...]:
        """Area ids of its place, from the city down."""
        return (self.city_id, self.district_id, self.street_id, self.community_id, self.grid_id)

    @property
    def moved_into(self) -> str:
        """The status that this entry brought; empty where it moved nothing."""
        return self.status_to if self.status_to != self.status_from else ""

    @property
    def by_system(self) -> bool:
        return self.actor_id is None


def with_cases(entries: Any) -> Any:
    """``entries`` with what :func:`of_row` needs of their cases, for a prepared query."""
    return entries.annotate(**{f"case_{name}": F(f"incident__{name}") for name in _CASE})


def of_row(row: Any) -> Delivered:
    """A row read through :func:`with_cases`."""
    values = {name: getattr(row, name) for name in _ENTRY} | {name: getattr(row, f"case_{name}") for name in _CASE}
    return Delivered(**values | {"payload": as_json(row.payload)})


def of_rows(entries: Any) -> Iterable[Delivered]:
    """The entries of a queryset with their cases. One statement."""
    for row in entries.values_list(*_ENTRY, *(f"incident__{name}" for name in _CASE)):
        values = dict(zip((*_ENTRY, *_CASE), row, strict=True))
        values["payload"] = as_json(values["payload"])
        yield Delivered(**values)


def one(incident_id: int, seq: int) -> Delivered:
    """The entry of a case."""
    return next(iter(of_rows(JournalEntry.objects.filter(incident=incident_id, seq=seq))))
