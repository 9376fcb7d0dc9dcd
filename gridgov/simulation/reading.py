"""Reading the database for the plan: a case as people see it, and who should or should not have it."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from dispatch import routing, steps
from dispatch.cases import Case
from dispatch.models import RoutingProposal
from gridgov.simulation.plan import View
from grids.models import Level
from grids.spatial import areas
from incidents.catalogue import StandardSpec, catalogue
from incidents.models import DuplicateCandidate, Incident
from incidents.workflow import OPEN, WITH_LIVE_TICKET, Status
from personnel.models import Department
from personnel.selectors import DepartmentRecord, department_tree

#: From this score on the desk takes two cases for one.
LIKELY = 0.6


def view_of(case: Case) -> View:
    """The case as far as people decide by it. At most one further statement."""
    incident, book = case.incident, catalogue()
    category = book.category(incident.category_id)
    standard = book.standard(incident.standard_id) or book.system_standard(incident.category_id)
    pending = next((r for r in case.requests if r.is_pending), None)
    handle = case.live_clock("handle")
    lead = case.lead
    return View(
        id=incident.pk,
        number=incident.number,
        status=incident.status,
        version=incident.version,
        status_at=incident.status_at,
        received_at=incident.received_at,
        has_centre_above=len(case.holder_chain) > 1 and areas.centre_for(case.holder_chain[-2] or 0) is not None,
        transferred="back" if incident.is_given_back else "up" if incident.previous_holder_id else "",
        source=incident.source,
        category=category.code if category else "",
        has_link=incident.reporter_id is not None,
        is_reported_by_worker=incident.source == Incident.Source.WORKER and incident.reported_by_id is not None,
        is_confidential=incident.is_confidential,
        is_answerable=bool(category and category.is_answerable),
        system_steps=frozenset(standard.system_steps) if standard else frozenset(),
        standards=tuple(s.code for s in book.standards_of(incident.category_id)),
        due={c.kind: c.due_at for c in case.clocks if c.is_live and c.due_at is not None},
        assignment=incident.assignment,
        returns=incident.return_count,
        reworks=incident.rework_count,
        extensions=incident.extension_count,
        reopens=incident.reopen_count,
        was_suspended=incident.was_suspended,
        supervision=incident.supervision_level,
        has_ticket=case.last_lead is not None,
        is_wrong_lead=_is_wrong(case),
        is_final=lead is not None and lead.is_final,
        joints=tuple((t.id, t.state) for t in case.joint),
        pending=(pending.id, pending.kind, pending.level) if pending else None,
        pending_by=pending.decide_by_at if pending else None,
        asked=_asked(case),
        milestones=_milestones(handle),
        has_verifier=incident.verifier_id is not None,
        after_photos=standard.after_photo_count if standard else 1,
        verification_photos=standard.verification_photo_count if standard else 1,
        suspended_until=incident.suspended_until,
        rated_until=_rated_until(incident.closed_at, standard),
    )


def _rated_until(closed_at: datetime | None, standard: StandardSpec | None) -> datetime | None:
    days = standard.evaluate_days if standard else steps.EVALUATE_DAYS
    return closed_at + timedelta(days=days) if closed_at is not None else None


def _asked(case: Case) -> frozenset[str]:
    """What was asked before and need not be asked again; an extension and a return count for their own ticket."""
    found: set[str] = set()
    for request in case.requests:
        if request.kind == "return":
            if case.lead is not None and request.ticket_id == case.lead.id:
                found.add("return")
        elif request.kind == "extend":
            if request.state != "granted":
                found.add(f"extend{case.incident.extension_count}")
        else:
            found.add(request.kind)
    return frozenset(found)


def _milestones(handle: Any) -> tuple[tuple[str, bool], ...]:
    """Key, and whether evidence is wanted, of those that are still to be reached."""
    if handle is None:
        return ()
    wanting = {limit["key"]: bool(limit.get("evidence")) for limit in handle.limits}
    return tuple((m["key"], wanting.get(m["key"], False)) for m in handle.milestones if not m.get("met_at"))


def _is_wrong(case: Case) -> bool:
    """Whether the lead is not whom routing names."""
    lead, incident = case.lead, case.incident
    if lead is None or incident.status not in WITH_LIVE_TICKET or incident.reopen_count:
        return False
    right, _joint = _routed(incident, incident.status_at)
    return right is not None and lead.department_id != right


def _routed(incident: Incident, at: datetime) -> tuple[int | None, list[int]]:
    """Lead and joint handlers as the proposal says, or as the rules do before there is one."""
    row = RoutingProposal.objects.filter(incident=incident.pk).values_list("lead_id", "joint").first()
    if row is not None:
        return row
    found = routing.proposal_for(incident, at=at)
    return found.lead_department_id, list(found.joint_ids)


def proposed(case: Case, at: datetime) -> dict[str, Any]:
    """``lead`` and ``joint`` as routing proposes; the street's team where it knows nobody."""
    incident = case.incident
    lead_id, joint = _routed(incident, at)
    if lead_id is None:
        teams = department_tree().of_area(incident.street_id or incident.holder_id, Department.Kind.TEAM)
        lead_id, joint = (teams or _of_the_district(incident))[0].id, []
    return {"lead": {"department": lead_id}, "joint": [{"department": pk} for pk in joint if pk != lead_id]}


def wrong(case: Case, seed: int, at: datetime) -> dict[str, Any]:
    """A section of some other bureau as ``lead``, or another bureau where they have none."""
    tree, kind = department_tree(), Department.Kind
    right = proposed(case, at)["lead"]["department"]
    strangers = [d for d in _of_the_district(case.incident) if tree.top(d.id) != tree.top(right)]
    others = [d for d in strangers if d.kind == kind.SECTION] or [d for d in strangers if d.kind == kind.BUREAU]
    if not others:
        return {"lead": {"department": right}}
    rng = Random(f"{seed}|wrong|{case.incident.number}|{case.incident.return_count}")
    return {"lead": {"department": rng.choice(others).id}}


def _of_the_district(incident: Incident) -> list[DepartmentRecord]:
    """The departments of the case's district and those of no district in particular."""
    districts = (None, incident.district_id)
    return [
        d
        for d in department_tree().all(incident.city_id)
        if d.area_id is None or areas.chain(d.area_id)[Level.DISTRICT - 1] in districts
    ]


def next_centre(case: Case, way: str) -> int | None:
    """The centre one level up or down that the case can be transferred to; None if there is none."""
    holder = areas.get(case.incident.holder_id)
    for area_id in steps.centres_next_to(case):
        if (areas.get(area_id).level < holder.level) == (way == "up"):
            return area_id
    return None


def twin_of(view: View) -> str | None:
    """The number of the case that this one repeats, as the desk sees it: likely, open and itself a main case."""
    if DuplicateCandidate.objects.filter(other=view.id, incident__status=Status.MERGED).exists():
        return None  # others were merged into this one
    pairs = DuplicateCandidate.objects.filter(
        incident=view.id, score__gte=LIKELY, other__status__in=[s.value for s in OPEN]
    )
    return pairs.order_by("-score", "other_id").values_list("other__number", flat=True).first()
