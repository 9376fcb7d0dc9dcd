"""What has to hold of a case whatever was done to it: status, tickets, clocks, requests and journal agree."""

from datetime import datetime

from dispatch.actors import SYSTEM
from dispatch.loop import read
from dispatch.models import Request, Ticket
from incidents import journal
from incidents.models import Clock, ClockSegment, Incident, JournalEntry
from incidents.services.entry import KINDS

#: The clocks that live in each status, written by hand; everything else in it has ended.
LIVE_CLOCKS = {
    "reported": {"accept", "total"},
    "checking": {"check", "total"},
    "accepted": {"file", "total"},
    "filed": {"dispatch", "total"},
    "dispatched": {"sign", "handle", "total"},
    "handling": {"handle", "total"},
    "suspended": {"handle", "total"},
    "handled": {"send", "total"},
    "verifying": {"verify", "total"},
    "verified": {"close", "total"},
    "rejected": set(),
    "declined": set(),
    "voided": set(),
    "merged": set(),
    "closed": set(),
    "evaluated": set(),
}
#: The state of the live lead ticket, where there is one.
LEAD_STATE = {"dispatched": "open", "handling": "signed", "suspended": "signed"}
SILENT = KINDS | {"note", "supervise"}  # journalled without a new version


def audit(number: str) -> Incident:
    """The case, after everything that has to hold of it was looked at."""
    case = read(number, SYSTEM)
    incident = case.incident
    verdict = journal.verify(number=number)
    assert verdict.is_whole, verdict.faults
    entries = list(JournalEntry.objects.filter(incident=incident).order_by("seq"))
    _journal(incident, entries)
    _tickets(incident)
    _clocks(incident, entries)
    _requests(incident)
    assert (incident.ended_at is not None) == (not LIVE_CLOCKS[incident.status])
    return incident


def _journal(incident: Incident, entries: list[JournalEntry]) -> None:
    status = ""
    for entry in entries:
        assert entry.status_from == status, (entry, status)
        status = entry.status_to
    assert status == incident.status
    assert incident.version == 1 + sum(entry.action not in SILENT for entry in entries[1:])
    assert [e.version for e in entries] == sorted(e.version for e in entries)
    text = "".join(entry.canonical for entry in entries)
    for words in (incident.description, incident.address):
        assert not words or words not in text  # no free text in what is chained


def _tickets(incident: Incident) -> None:
    tickets = list(Ticket.objects.filter(incident=incident).order_by("id"))
    live = [ticket for ticket in tickets if ticket.state in Ticket.LIVE]
    leads = [ticket for ticket in live if ticket.is_lead]
    if incident.status in LEAD_STATE:
        assert [(t.assignment, t.state) for t in leads] == [(incident.lead_assignment, LEAD_STATE[incident.status])]
        handle = Clock.objects.get(incident=incident, kind="handle", state__in=Clock.LIVE)
        assert handle.assignment == incident.lead_assignment
        assert {ticket.due_at for ticket in live} == {handle.due_at}
    else:
        assert live == []
        assert incident.lead_assignment is None
    for ticket in tickets:
        assert ticket.ended_at is None or ticket.ended_at >= ticket.dispatched_at
        assert ticket.assignment <= incident.assignment


def _clocks(incident: Incident, entries: list[JournalEntry]) -> None:
    clocks = list(Clock.objects.filter(incident=incident).order_by("id"))
    live = [clock for clock in clocks if clock.state in Clock.LIVE]
    assert sorted(clock.kind for clock in live) == sorted(LIVE_CLOCKS[incident.status]), incident.status
    pausing = incident.status == "suspended"
    assert all((clock.state == "paused") == pausing for clock in live if clock.kind in ("handle", "total"))
    running = [c.due_at for c in live if c.state == "running" and c.kind != "total" and c.due_at is not None]
    total = [c.due_at for c in live if c.state == "running" and c.kind == "total" and c.due_at is not None]
    assert incident.due_at == min(running or total, default=None)
    for kind in {clock.kind for clock in clocks}:
        cycles = [clock.cycle for clock in clocks if clock.kind == kind]
        assert cycles == list(range(1, len(cycles) + 1))
    open_pauses = set(
        ClockSegment.objects.filter(clock__incident=incident, kind="paused", ended_at=None).values_list(
            "clock", flat=True
        )
    )
    assert open_pauses == {clock.pk for clock in live if clock.state == "paused"}
    for clock in clocks:
        assert (clock.next_step_at is None) == (not clock.steps)
        if clock.state == "late":
            assert clock.stopped_at > clock.due_at
            assert clock.breached_at is not None
        if clock.state == "met" and clock.due_at is not None:
            assert clock.stopped_at.replace(microsecond=0) <= clock.due_at
        assert clock.stopped_at is None or clock.stopped_at >= clock.started_at
        assert clock.breach_cured_at is None or clock.breached_at is not None
    _said(clocks, entries)


def _said(clocks: list[Clock], entries: list[JournalEntry]) -> None:
    """The journal's last word on each clock is how it stands."""
    said: dict[str, tuple[str, str | None]] = {}
    for entry in entries:
        for key, due in entry.payload.get("started", {}).items():
            assert key not in said, "a cycle starts once"
            said[key] = ("running", due)
        for key, fact in entry.payload.get("clocks", {}).items():
            state, _space, due = fact.partition(" ")
            said[key] = (state, due or None)
    assert set(said) == {f"{clock.kind}:{clock.cycle}" for clock in clocks}
    for clock in clocks:
        state, due = said[f"{clock.kind}:{clock.cycle}"]
        assert state == clock.state
        if clock.state in Clock.LIVE:
            assert (datetime.fromisoformat(due) if due else None) == clock.due_at


def _requests(incident: Incident) -> None:
    for request in Request.objects.filter(incident=incident).select_related("ticket"):
        if request.state == "pending":
            assert LIVE_CLOCKS[incident.status], "a request waits on an ended case"
            assert request.ticket is None or request.ticket.state in Ticket.LIVE
        assert request.decided_by_id is None or request.decided_by_id != request.asked_by_id
