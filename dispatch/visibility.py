"""Which cases a person may know of. Whatever is not here answers as if it did not exist (404)."""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.cases import Case
from dispatch.models import Ticket
from gridgov.common.errors import NotFound
from grids import permissions
from grids.capabilities import Capability
from grids.spatial import AreaRecord, areas
from incidents.models import Incident, NamedAccess


def cases_of(by: Actor, *, wide: bool = False) -> QuerySet[Incident]:
    """The cases that ``by`` may see: where he holds view_incident, and those that concern him.

    Lists of people with an area take the area alone, so that its index serves them; ``wide`` (one case by its
    number) and people without an area add what concerns them: their department's and their own tickets, what they
    reported, check or verify. Confidential cases are seen by the people named on them only.
    """
    if by.is_system:
        return Incident.objects.all()
    if by.user_id is None:
        return (
            Incident.objects.filter(pk=by.reporter_incident_id) if by.reporter_incident_id else Incident.objects.none()
        )
    in_area = permissions.area_filter(by.grants)
    has_area = bool(permissions.visible_area_ids(by.grants))
    seen = in_area if has_area and not wide else in_area | _concerning(by)
    return Incident.objects.filter(seen).filter(named_or_open(by.user_id))


def in_areas(level: str, area_ids: Iterable[int]) -> Q:
    """The cases that lie in one of the areas, which are of that level."""
    return Q(**{f"{level}_id__in": list(area_ids)})


def named_or_open(user_id: int) -> Q:
    """The cases that are not confidential, and those on which the person is named."""
    named = Exists(NamedAccess.objects.filter(incident=OuterRef("pk"), user=user_id))
    return Q(is_confidential=False) | named


def _concerning(by: Actor) -> Q:
    own = Q(reported_by=by.user_id) | Q(checker=by.user_id) | Q(verifier=by.user_id)
    if not by.department_ids and by.worker_id is None:
        return own
    mine = Q(worker=by.worker_id) if by.worker_id is not None else Q()
    if by.department_ids:
        mine |= Q(department__in=by.department_ids)
    return own | Exists(Ticket.objects.filter(mine, incident=OuterRef("pk")))


def areas_held(by: Actor) -> list[AreaRecord]:
    """The areas in which ``by`` may see cases, the highest first, then by code."""
    held = (areas.find(pk) for pk in permissions.visible_area_ids(by.grants))
    return sorted((record for record in held if record is not None), key=lambda r: (r.level, r.code))


def scope_of(by: Actor, area_id: int | None) -> int | None:
    """The area that is shown: the one asked for, else the highest that ``by`` holds; None where he holds none.

    NotFound for one in which he may not see cases.
    """
    held = areas_held(by)
    if area_id is None:
        return held[0].id if held else None
    record = areas.find(area_id)
    if record is None or not (by.is_system or any(h.id in record.ancestors for h in held)):
        raise NotFound(_("没有这个区域"))
    return area_id


def may_see(case: Case, by: Actor) -> bool:
    """Whether ``case`` is among ``cases_of(by, wide=True)``, told from the case as read: the same rules in Python."""
    incident = case.incident
    if by.is_system:
        return True
    if by.user_id is None:
        return by.reporter_incident_id == incident.pk
    if incident.is_confidential and by.user_id not in case.named:
        return False
    if by.may(Capability.VIEW_INCIDENT, case.place_chain):
        return True
    if by.user_id in (incident.reported_by_id, incident.checker_id, incident.verifier_id):
        return True
    return any(
        ticket.department_id in by.department_ids
        if ticket.department_id is not None
        else ticket.worker_id == by.worker_id
        for ticket in case.tickets
    )
