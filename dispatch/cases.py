"""A case as the loop sees it: the row, its clocks, tickets, requests and claim, read in one statement."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case as If
from django.db.models import F, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Now

from dispatch.models import Claim, Request, Ticket
from gridgov.common.json_rows import instant, rows, rows_subquery
from gridgov.common.prepared import Prepared
from grids.spatial import areas
from incidents.case import clocks_of, with_clocks
from incidents.clocks import ClockState
from incidents.models import Incident, JournalEntry, NamedAccess
from incidents.workflow import Action

LIVE = frozenset(Ticket.LIVE)


@dataclass(frozen=True, slots=True)
class TicketState:
    """A ticket as it was read."""

    id: int
    assignment: int
    is_lead: bool
    is_final: bool
    department_id: int | None
    worker_id: int | None
    state: str
    round: int
    due_at: datetime | None
    dispatched_by_id: int | None
    dispatched_at: datetime
    signed_by_id: int | None
    signed_at: datetime | None
    ended_at: datetime | None
    result: str

    @property
    def is_live(self) -> bool:
        return self.state in LIVE


@dataclass(frozen=True, slots=True)
class RequestState:
    """A request as it was read."""

    id: int
    kind: str
    state: str
    ticket_id: int | None
    asked_by_id: int
    asked_at: datetime
    reason: str
    until: datetime | None
    level: int
    decide_by_at: datetime | None
    decided_by_id: int | None
    decided_at: datetime | None
    decision_reason: str

    @property
    def is_pending(self) -> bool:
        return self.state == "pending"


_INSTANTS = frozenset(
    {"due_at", "dispatched_at", "signed_at", "ended_at", "asked_at", "until", "decide_by_at", "decided_at"}
)


@dataclass(frozen=True, slots=True)
class Hold:
    """Who had claimed the case when it was read, and until when."""

    user_id: int
    name: str
    claimed_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that an action is judged by. Lists are in the order of making."""

    incident: Incident
    clocks: list[ClockState]
    tickets: list[TicketState]
    requests: list[RequestState]
    #: who may see it, if it is confidential
    named: frozenset[int] = frozenset()
    #: None where nobody holds it now
    claim: Hold | None = None
    #: who closed it by answering on the spot (直接答复), if it was closed so
    answered_by: int | None = None

    @property
    def lead(self) -> TicketState | None:
        """The live lead ticket."""
        return next((t for t in self.tickets if t.is_lead and t.is_live), None)

    @property
    def last_lead(self) -> TicketState | None:
        """The lead ticket of the present dispatch that is live or done; None once it was returned or recalled."""
        found = [t for t in self.tickets if t.is_lead and t.assignment == self.incident.assignment]
        return found[-1] if found and found[-1].state in (*LIVE, "done") else None

    @property
    def joint(self) -> list[TicketState]:
        """The joint tickets of the present dispatch."""
        return [t for t in self.tickets if not t.is_lead and t.assignment == self.incident.assignment]

    def pending(self, kind: str) -> RequestState | None:
        """The request of that kind which waits for its decision."""
        return next((r for r in self.requests if r.kind == kind and r.is_pending), None)

    def live_clock(self, kind: str) -> ClockState | None:
        return next((c for c in self.clocks if c.kind == kind and c.is_live), None)

    @property
    def place_chain(self) -> tuple[int | None, ...]:
        """Area ids of its place, from the city down."""
        i = self.incident
        return (i.city_id, i.district_id, i.street_id, i.community_id, i.grid_id)

    @property
    def holder_chain(self) -> tuple[int | None, ...]:
        """The centre in whose queue it is, and the areas above it."""
        record = areas.find(self.incident.holder_id)
        return record.ancestors if record else (self.incident.holder_id,)


def with_all(cases: QuerySet[Incident]) -> QuerySet[Incident]:
    """``cases`` with what hangs on them as JSON columns; turn each row into a Case by :func:`case_from`."""
    answers = JournalEntry.objects.filter(incident=OuterRef("pk"), action=Action.ANSWER.value).order_by("-seq")
    return with_clocks(cases).annotate(
        # few are: the journal of the others is not looked at
        answered_by=If(When(is_answered=True, then=Subquery(answers.values("actor_id")[:1]))),
        ticket_rows=rows_subquery(
            Ticket.objects.filter(incident=OuterRef("pk")), link="incident", fields=tuple(TicketState.__slots__)
        ),
        request_rows=rows_subquery(
            Request.objects.filter(incident=OuterRef("pk")), link="incident", fields=tuple(RequestState.__slots__)
        ),
        named_rows=rows_subquery(
            NamedAccess.objects.filter(incident=OuterRef("pk")), link="incident", fields=("user_id",)
        ),
        claim_rows=rows_subquery(
            Claim.objects.filter(incident=OuterRef("pk"), status_at=OuterRef("status_at"), until__gt=Now()),
            link="incident", fields=("claimed_at", "until"), user_id=F("claimed_by_id"), name=F("claimed_by__name"),
        ),
    )  # fmt: skip


def case_from(incident: Any) -> Case:
    """The Case of a row read through :func:`with_all`."""
    return Case(
        incident,
        clocks_of(incident),
        [TicketState(**_typed(row)) for row in _in_order(incident.ticket_rows)],
        [RequestState(**_typed(row)) for row in _in_order(incident.request_rows)],
        frozenset(row["user_id"] for row in rows(incident.named_rows)),
        next((_hold(row) for row in rows(incident.claim_rows)), None),
        incident.answered_by,
    )


_BY_ID = Prepared(lambda pk: with_all(Incident.objects.filter(pk=pk)), pk=int)


def _hold(row: dict[str, Any]) -> Hold:
    claimed_at, until = instant(row["claimed_at"]), instant(row["until"])
    assert claimed_at is not None
    assert until is not None
    return Hold(row["user_id"], row["name"], claimed_at, until)


def read_by_id(incident_id: int) -> Case:
    """The case, whoever asks: for the system's own steps. One statement. Incident.DoesNotExist."""
    row = _BY_ID.first(pk=incident_id)
    if row is None:
        raise Incident.DoesNotExist
    return case_from(row)


def _in_order(text: str | None) -> list[dict[str, Any]]:
    return sorted(rows(text), key=lambda row: row["id"])


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: instant(value) if name in _INSTANTS else bool(value) if name.startswith("is_") else value
        for name, value in row.items()
    }
