"""What the API says of a case, a ticket, a request: plain dictionaries for orjson, one function a thing."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.urls import reverse
from django.utils.translation import get_language
from rest_framework.request import Request as HttpRequest

from dispatch.actors import Actor
from dispatch.cases import Hold, RequestState, TicketState
from dispatch.loop import OpenAction, Outcome, open_actions
from dispatch.models import Request, Ticket
from dispatch.selectors import CaseView, ClockView, Entry, chain_names, may_reveal
from gridgov.common.labels import label
from grids.models import LEVEL_NAMES
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import Incident
from incidents.workflow import ENDED, STAGE_OF, RequestKind, Status
from personnel.selectors import department_tree

DESCRIPTION_SHOWN = 120
_SOURCES = {value: str(label) for value, label in Incident.Source.choices}


def status_of(value: str) -> dict[str, str]:
    """The status and its stage, with labels."""
    return _labelled(value, get_language())


@lru_cache(maxsize=256)
def _labelled(value: str, _language: str | None) -> dict[str, str]:
    status = Status(value)
    stage = STAGE_OF[status]
    return {
        "status": value,
        "status_label": str(status.label),
        "stage": stage.value,
        "stage_label": str(stage.label),
    }


def category_of(category_id: int | None) -> dict[str, str] | None:
    book = catalogue()
    found = book.category(category_id)
    return {"code": found.code, "name": book.category_name(category_id)} if found else None


def area_of(area_id: int | None) -> dict[str, Any] | None:
    record = areas.find(area_id)
    if record is None:
        return None
    return {"id": record.id, "level": record.level, "code": record.code, "name": record.name}


def handler_of(department_id: int | None, worker_id: int | None, worker_name: str | None) -> dict[str, Any]:
    """Who handles: a department or a worker."""
    if department_id is not None:
        return {"department": department_id, "name": department_tree().full_name(department_id)}
    return {"worker": worker_id, "name": worker_name or ""}


def is_overdue(status: str, due_at: datetime | None, now: datetime) -> bool:
    """Overdue is an attribute of an open case whose running clock is past due."""
    return due_at is not None and due_at < now and status not in ENDED


# --- lists ------------------------------------------------------------------------------------------------------


def claim_of(hold: Hold | None) -> dict[str, Any] | None:
    """Who holds the case, and until when."""
    if hold is None:
        return None
    return {"by": {"id": hold.user_id, "name": hold.name}, "claimed_at": hold.claimed_at, "until": hold.until}


def case_rows(rows: Iterable[Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """The cases of a list, from what ``dispatch.case_list.rows_of`` read."""
    # each of these looks at the clock and at the language: once a list is enough
    categories: dict[int | None, dict[str, str] | None] = {}
    holders: dict[int | None, dict[str, Any] | None] = {}
    statuses: dict[str, dict[str, str]] = {}
    tree, index = department_tree(), areas.index()
    found = []
    for row in rows:
        category_id, holder_id, status = row["category_id"], row["holder_id"], row["status"]
        if category_id not in categories:
            categories[category_id] = category_of(category_id)
        if holder_id not in holders:
            holders[holder_id] = area_of(holder_id)
        if status not in statuses:
            statuses[status] = status_of(status)
        lead = None
        if row["lead_id"] is not None or row["lead_worker"] is not None:
            lead = {"department": row["lead_id"], "name": tree.name(row["lead_id"]) or row["lead_worker"]}
        found.append(
            {
                "number": row["number"],
                **statuses[status],
                "version": row["version"],
                "source": row["source"],
                "category": categories[category_id],
                "description": row["description"][:DESCRIPTION_SHOWN],
                "address": row["address"],
                "lon": row["lon"],
                "lat": row["lat"],
                "areas": chain_names(row, index),
                "holder": holders[holder_id],
                "lead": lead,
                "received_at": row["received_at"],
                "status_at": row["status_at"],
                "due_at": row["due_at"],
                "is_overdue": is_overdue(status, row["due_at"], now),
                "suspended_until": row["suspended_until"],
                "closed_at": row["closed_at"],
                "is_urgent": row["is_urgent"],
                "is_confidential": row["is_confidential"],
                "supervision_level": row["supervision_level"],
                "rework_count": row["rework_count"],
                "claim": claim_of(row["hold"]),
            }
        )
    return found


def ticket_row(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A ticket in an inbox."""
    live = row["state"] in Ticket.LIVE
    return {
        "id": row["id"],
        "incident": {
            "number": row["incident__number"],
            **status_of(row["incident__status"]),
            "version": row["incident__version"],
            "category": category_of(row["incident__category_id"]),
            "address": row["incident__address"],
            "description": row["incident__description"][:DESCRIPTION_SHOWN],
            "is_urgent": row["incident__is_urgent"],
        },
        "is_lead": row["is_lead"],
        "is_final": row["is_final"],
        "handler": handler_of(row["department_id"], None, row["worker__user__name"]),
        "state": row["state"],
        "state_label": str(Ticket.State(row["state"]).label),
        "round": row["round"],
        "due_at": row["due_at"],
        "is_overdue": live and row["due_at"] is not None and row["due_at"] < now,
        "dispatched_at": row["dispatched_at"],
        "signed_at": row["signed_at"],
        "ended_at": row["ended_at"],
        "result": row["result"],
    }


def request_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A request that waits."""
    return {
        "id": row["id"],
        "incident": {
            "number": row["incident__number"],
            **status_of(row["incident__status"]),
            "category": category_of(row["incident__category_id"]),
            "address": row["incident__address"],
        },
        "kind": row["kind"],
        "kind_label": str(RequestKind(row["kind"]).label),
        "state": row["state"],
        "state_label": str(Request.State(row["state"]).label),
        "asked_by": row["asked_by__name"],
        "asked_at": row["asked_at"],
        "reason": row["reason"],
        "until": row["until"],
        "level": row["level"],
        "decide_by_at": row["decide_by_at"],
    }


# --- a case -----------------------------------------------------------------------------------------------------


def case_whole(view: CaseView, by: Actor, now: datetime, http: HttpRequest) -> dict[str, Any]:
    """Everything about a case, and what ``by`` may do with it."""
    incident = view.case.incident
    book = catalogue()
    standard = book.standard(incident.standard_id)
    names, language = view.names, get_language()
    address = attachment_address(http) if view.attachments else ""

    def person(user_id: int | None) -> dict[str, Any] | None:
        return {"id": user_id, "name": names.get(user_id, "")} if user_id is not None else None

    return {
        "number": incident.number,
        **status_of(incident.status),
        "version": incident.version,
        "source": incident.source,
        "source_label": _SOURCES[incident.source],
        "category": category_of(incident.category_id),
        "standard": (
            {
                "code": standard.code,
                "condition": standard.condition,
                "closing_condition": standard.closing_condition,
                "before_photo_count": standard.before_photo_count,
                "after_photo_count": standard.after_photo_count,
                "verification_photo_count": standard.verification_photo_count,
            }
            if standard
            else None
        ),
        "description": incident.description,
        "address": incident.address,
        "lon": incident.lon,
        "lat": incident.lat,
        "accuracy_m": incident.accuracy_m,
        "areas": chain_names(_chain(incident)),
        "is_placed": incident.is_placed,
        "component": view.component.code if view.component is not None else None,
        "holder": area_of(incident.holder_id),
        "first_receiver": area_of(incident.first_receiver_id),
        "occurred_at": incident.occurred_at,
        "received_at": incident.received_at,
        "status_at": incident.status_at,
        "due_at": incident.due_at,
        "is_overdue": is_overdue(incident.status, incident.due_at, now),
        "suspended_until": incident.suspended_until,
        "closed_at": incident.closed_at,
        "ended_at": incident.ended_at,
        "reporter": (
            {"name": view.reporter_name, "phone": view.reporter_phone, "may_reveal": may_reveal(view.case, by)}
            if incident.reporter_id is not None
            else None
        ),
        "reported_by": person(incident.reported_by_id),
        "checker": person(incident.checker_id),
        "verifier": person(incident.verifier_id),
        "parent": view.parent or None,
        "merged": view.merged,
        "is_urgent": incident.is_urgent,
        "is_confidential": incident.is_confidential,
        "is_force_closed": incident.is_force_closed,
        "is_answered": incident.is_answered,
        "supervision_level": incident.supervision_level,
        "rework_count": incident.rework_count,
        "return_count": incident.return_count,
        "extension_count": incident.extension_count,
        "reopen_count": incident.reopen_count,
        "evaluation": incident.evaluation or None,
        "claim": claim_of(view.case.claim),
        "clocks": [clock_of(clock, now) for clock in view.clocks],
        "tickets": [ticket_of(ticket, view, language) for ticket in view.case.tickets],
        "requests": [request_of(request, names, language) for request in view.case.requests],
        "attachments": [attachment_of(a, names, address) for a in view.attachments],
        "duplicates": [
            {
                "number": d["number"],
                **status_of(d["status"]),
                "category": category_of(d["category_id"]),
                "score": d["score"],
                "distance_m": d["distance_m"],
                "gap_minutes": d["gap_minutes"],
            }
            for d in view.duplicates
        ],
        "routing": routing_of(view.routing),
        "journal": [entry_of(entry) for entry in view.journal],
        "journal_next": _journal_next(view, http),
        "actions": [action_of(found) for found in open_actions(view.case, by)],
    }


def action_of(found: OpenAction) -> dict[str, Any]:
    """An action that is open, with its form."""
    return {
        "action": found.action,
        "label": found.label,
        "stage": found.stage,
        "request": found.request,
        "fields": [
            {
                "name": field.name,
                "label": field.label,
                "required": field.required,
                "kind": field.kind,
                "choices": field.choices,
            }
            for field in found.fields
        ],
    }


def _chain(incident: Incident) -> dict[str, int | None]:
    return {f"{level}_id": getattr(incident, f"{level}_id") for level in LEVEL_NAMES.values()}


def _journal_next(view: CaseView, http: HttpRequest) -> str | None:
    after = view.journal_next
    return http.build_absolute_uri(f"{http.path}?journal_after={after}") if after is not None else None


def clock_of(view: ClockView, now: datetime) -> dict[str, Any]:
    clock = view.clock
    return {
        "kind": clock.kind,
        "label": view.label,
        "cycle": clock.cycle,
        "state": clock.state,
        "state_label": view.state_label,
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "stopped_at": clock.stopped_at,
        "is_overdue": view.is_overdue(now),
        "is_exempt": view.is_exempt,
        "breached_at": clock.breached_at,
        "breach_cured_at": clock.breach_cured_at,
        "allowance": view.allowance,
        "explain": view.explain,
        "milestones": [
            {"key": m["key"], "label": m.get("label", ""), "due_at": m.get("due_at"), "met_at": m.get("met_at")}
            for m in clock.milestones
        ],
    }


def ticket_of(ticket: TicketState, view: CaseView, language: str | None) -> dict[str, Any]:
    names = view.names
    return {
        "id": ticket.id,
        "assignment": ticket.assignment,
        "is_lead": ticket.is_lead,
        "is_final": ticket.is_final,
        "handler": handler_of(ticket.department_id, ticket.worker_id, view.worker_names.get(ticket.worker_id or 0, "")),
        "state": ticket.state,
        "state_label": label(Ticket.State, ticket.state, language),
        "round": ticket.round,
        "due_at": ticket.due_at,
        "dispatched_by": names.get(ticket.dispatched_by_id or 0),
        "dispatched_at": ticket.dispatched_at,
        "signed_by": names.get(ticket.signed_by_id or 0),
        "signed_at": ticket.signed_at,
        "ended_at": ticket.ended_at,
        "result": ticket.result,
    }


def request_of(request: RequestState, names: Mapping[int, str], language: str | None) -> dict[str, Any]:
    return {
        "id": request.id,
        "kind": request.kind,
        "kind_label": label(RequestKind, request.kind, language),
        "state": request.state,
        "state_label": label(Request.State, request.state, language),
        "asked_by": names.get(request.asked_by_id, ""),
        "asked_at": request.asked_at,
        "reason": request.reason,
        "until": request.until,
        "level": request.level,
        "decide_by_at": request.decide_by_at,
        "decided_by": names.get(request.decided_by_id or 0),
        "decided_at": request.decided_at,
        "decision_reason": request.decision_reason,
    }


#: Stands for an attachment's id: what an address is, is worked out once an answer.
_ANY = "00000000-0000-0000-0000-000000000000"


def attachment_address(http: HttpRequest) -> str:
    """Where an attachment is, with ``_ANY`` in the place of its id."""
    return http.build_absolute_uri(reverse("api:attachment", args=[_ANY]))


def attachment_of(row: Mapping[str, Any], names: Mapping[int, str], address: str) -> dict[str, Any]:
    pk = str(row["id"])
    dashed = pk if "-" in pk else f"{pk[:8]}-{pk[8:12]}-{pk[12:16]}-{pk[16:20]}-{pk[20:]}"
    return {
        "id": dashed,
        "kind": row["kind"],
        "name": row["name"],
        "url": address.replace(_ANY, dashed),
        "size": row["size"],
        "sha256": row["sha256"],
        "width": row["width"],
        "height": row["height"],
        "taken_at": row["taken_at"],
        "lon": row["lon"],
        "lat": row["lat"],
        "uploaded_by": names.get(row["uploaded_by_id"] or 0),
        "uploaded_at": row["uploaded_at"],
        "entry_seq": row["entry_seq"],
    }


def routing_of(proposal: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What routing proposes, with its reason."""
    if proposal is None:
        return None
    tree = department_tree()
    return {
        "lead": {"department": proposal["lead_id"], "name": tree.full_name(proposal["lead_id"])}
        if proposal["lead_id"]
        else None,
        "joint": [{"department": pk, "name": tree.full_name(pk)} for pk in proposal["joint"] or ()],
        "reason": proposal["reason"],
        "rule": proposal["rule_id"],
    }


def entry_of(entry: Entry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "action": entry.action,
        "label": entry.label,
        "from": entry.status_from or None,
        "to": entry.status_to,
        "actor": entry.actor,
        "role": entry.role or None,
        "role_label": entry.role_label,
        "channel": entry.channel,
        "version": entry.version,
        "at": entry.at,
        "text": entry.text,
        "mac": entry.mac,
    }


def outcome_of(outcome: Outcome) -> dict[str, Any]:
    """What a move came to."""
    return {
        "number": outcome.number,
        **status_of(outcome.status),
        "version": outcome.version,
        "seq": outcome.seq,
        "tickets": list(outcome.ticket_ids),
    }
