"""Showing a reporter's phone whole: with a reason, journalled each time."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.cases import case_from, with_all
from dispatch.payload import REASON_LIMIT
from dispatch.visibility import cases_of
from gridgov.common import audit, clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from grids.capabilities import Capability
from incidents.services import entry

ATTEMPTS = 5


def reveal_phone(*, number: str, by: Actor, reason: str, at: datetime | None = None) -> tuple[str, str]:
    """The reporter's name and phone; the journal says who looked and why (``phone_revealed``).

    Raises NotFound (no such case for ``by``, or it has no phone), NotPermitted (``reveal_phone``), FieldError.
    """
    text = reason.strip()
    if not text:
        raise FieldError("reason", _("请填写理由"), code="required")
    if len(text) > REASON_LIMIT:
        raise FieldError("reason", _("最长%(limit)s字") % {"limit": REASON_LIMIT})
    now = clock.now()
    for _attempt in range(ATTEMPTS):
        row = with_all(cases_of(by, wide=True).select_related("reporter").filter(number=number)).first()
        if row is None:
            raise NotFound(_("没有这个案件"))
        case = case_from(row)
        chain = (*case.holder_chain, *case.place_chain)
        if not by.may(Capability.REVEAL_PHONE, chain):
            raise NotPermitted(
                _("此操作需要：%(needed)s") % {"needed": Capability.REVEAL_PHONE.label}, missing="reveal_phone"
            )
        if row.reporter is None or not row.reporter.phone:
            raise NotFound(_("本案没有上报人电话"))
        with transaction.atomic():
            written = entry.append(
                row, kind="phone_revealed", user_id=by.user_id, role=by.role_for(Capability.REVEAL_PHONE, chain),
                channel=by.channel, at=at or now, recorded_at=now, payload={"reporter": row.reporter_id}, text=text,
            )  # fmt: skip
            if written is not None:
                # the audit administrator sees no case: for him it stands in the trail, too
                audit.record(
                    action="phone.reveal",
                    actor_id=by.user_id,
                    obj=row,
                    detail={"number": number, "channel": by.channel},
                )
        if written is not None:
            return row.reporter.name, row.reporter.phone
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")
