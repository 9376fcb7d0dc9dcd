"""Who is named on a confidential case (mediation, petitions). Nobody else sees that it exists.

The desk that receives it and the handlers it is dispatched to are named by the step that needs them; further people
are named, or no longer, by somebody who is named himself and may name people (capability ``confidential``).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.cases import Case, case_from, with_all
from dispatch.payload import Handler
from dispatch.visibility import cases_of
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from grids import permissions
from grids.capabilities import Capability
from grids.spatial import areas
from incidents.models import Incident, NamedAccess
from incidents.services import entry
from personnel.models import Worker
from personnel.selectors import staff_of

ATTEMPTS = 5


def of_the_desk(incident: Incident) -> set[int]:
    """The people of the receiving centre (and those above it) who may be named, and who reports it."""
    reporter = {incident.reported_by_id} if incident.reported_by_id is not None else set()
    return _at_the_desk(incident.holder_id) | reporter


def _at_the_desk(holder_id: int) -> set[int]:
    on = clock.local_date(clock.now())
    able = permissions.holders(on=on, areas_in=areas.get(holder_id).ancestors, capability=Capability.CONFIDENTIAL)
    return {holder.user_id for holder in able}


def needed_for(
    case: Case, changes: Mapping[str, Any], *, by: Actor, lead: Handler | None, joint: Iterable[Handler]
) -> set[int]:
    """Whom a move of the case makes it needful to name; nobody where it is not confidential after it.

    The handlers it is dispatched to, the centre it is transferred to, its checker and its verifier; and when it
    becomes confidential its desk, who says so and whoever handles it already.
    """
    incident = case.incident
    if not changes.get("is_confidential", incident.is_confidential):
        return set()
    holder_id = changes.get("holder_id", incident.holder_id)
    handlers = [lead, *joint] if lead is not None else []
    people = {pk for pk in (changes.get("checker_id"), changes.get("verifier_id")) if pk is not None}
    if holder_id != incident.holder_id:
        people |= _at_the_desk(holder_id)
    if not incident.is_confidential:
        people |= _at_the_desk(holder_id)
        people |= {pk for pk in (by.user_id, incident.checker_id, incident.verifier_id) if pk is not None}
        handlers += [Handler(ticket.department_id, ticket.worker_id) for ticket in case.tickets if ticket.is_live]
    return people | _staff(handlers)


def _staff(handlers: Iterable[Handler]) -> set[int]:
    on = clock.local_date(clock.now())
    people: set[int] = set()
    for handler in handlers:
        if handler.department_id is not None:
            people.update(staff_of(handler.department_id, on))
        else:
            people.update(Worker.objects.filter(pk=handler.worker_id).values_list("user_id", flat=True))
    return people


def name(incident_id: int, user_ids: Iterable[int]) -> None:
    """The people are named on the case, those named before as well."""
    NamedAccess.objects.bulk_create(
        [NamedAccess(incident_id=incident_id, user_id=user_id) for user_id in sorted(user_ids)], ignore_conflicts=True
    )


def name_person(*, number: str, user_id: int, by: Actor, remove: bool = False) -> None:
    """The person is named on the case (or no longer), journalled. Raises NotFound, NotPermitted, Conflict."""
    for _attempt in range(ATTEMPTS):
        row = with_all(cases_of(by, wide=True).filter(number=number)).first()
        if row is None:
            raise NotFound(_("没有这个案件"))
        case = case_from(row)
        if not row.is_confidential:
            raise Conflict(_("本案不是保密案件"), code="not_confidential")
        if not by.may(Capability.CONFIDENTIAL, (*case.holder_chain, *case.place_chain)):
            raise NotPermitted(
                _("此操作需要：%(needed)s") % {"needed": Capability.CONFIDENTIAL.label}, missing="confidential"
            )
        if not get_user_model().objects.filter(pk=user_id, is_active=True).exists():
            raise FieldError("user", _("没有这个人"))
        if remove and user_id == by.user_id:
            raise FieldError("user", _("不能把自己移出知情人"))
        now = clock.now()
        with transaction.atomic():
            written = entry.append(
                row, kind="access_named", user_id=by.user_id, channel=by.channel, at=now, recorded_at=now,
                payload={"user": user_id, "removed": remove},
            )  # fmt: skip
            if written is None:
                continue
            if remove:
                NamedAccess.objects.filter(incident=row, user=user_id).delete()
            else:
                name(row.pk, [user_id])
        return
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")
