"""Who is named on a confidential case (mediation, petitions). Nobody else sees that it exists.

The desk that receives it and the handlers it is dispatched to are named by the step that needs them; further people
are named, or no longer, by somebody who is named himself and may name people (capability ``confidential``).
"""

from collections.abc import Iterable

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.cases import case_from, with_all
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
    on = clock.local_date(clock.now())
    able = permissions.holders(
        on=on, areas_in=areas.get(incident.holder_id).ancestors, capability=Capability.CONFIDENTIAL
    )
    reporter = {incident.reported_by_id} if incident.reported_by_id is not None else set()
    return {holder.user_id for holder in able} | reporter


def name_handlers(*, incident_id: int, lead: Handler, joint: Iterable[Handler]) -> None:
    """The people of the departments, teams and workers it is dispatched to are named."""
    on = clock.local_date(clock.now())
    people: set[int] = set()
    for handler in (lead, *joint):
        if handler.department_id is not None:
            people.update(staff_of(handler.department_id, on))
        else:
            people.update(Worker.objects.filter(pk=handler.worker_id).values_list("user_id", flat=True))
    _name(incident_id, people)


def _name(incident_id: int, user_ids: Iterable[int]) -> None:
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
                _name(row.pk, [user_id])
        return
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")
