"""The desks as a table (pure): whose queue has which cases, and where each role begins."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from grids.capabilities import Capability as Cap
from incidents.workflow import OPEN, Status
from personnel.roles import Role

S = Status


@dataclass(frozen=True, slots=True)
class Desk:
    """One queue. ``statuses`` are its work; ``watched`` may be chosen beside them. ``by_holder``: the cases of the
    person's own centre, else those that lie where the capability is held."""

    key: str
    label: str | Promise
    capabilities: tuple[Cap, ...]
    statuses: tuple[Status, ...] = ()
    watched: tuple[Status, ...] = ()
    by_holder: bool = True
    empty: str | Promise = ""


DESKS: Mapping[str, Desk] = {
    desk.key: desk
    for desk in (
        Desk(
            "accept", _("受理"), (Cap.ACCEPT,), (S.REPORTED, S.CHECKING, S.HANDLED), (S.VERIFYING, S.CLOSED),
            empty=_("新的上报会出现在这里，最急的在最上面。"),
        ),
        Desk(
            "file", _("立案"), (Cap.FILE,), (S.ACCEPTED, S.VERIFIED), (S.REPORTED, S.FILED),
            empty=_("受理后的案件和核查通过待结案的案件会出现在这里。"),
        ),
        Desk(
            "dispatch", _("派遣"), (Cap.DISPATCH,), (S.FILED,), (S.DISPATCHED, S.HANDLING, S.SUSPENDED, S.HANDLED),
            empty=_("立案后的案件会出现在这里。"),
        ),
        Desk(
            "verify", _("核查"), (Cap.VERIFY,), (S.VERIFYING,), (S.VERIFIED,), by_holder=False,
            empty=_("发核查后的案件会出现在这里。"),
        ),
        Desk(
            "supervise", _("督办"), (Cap.SUPERVISE,), tuple(s for s in S if s in OPEN), (), by_holder=False,
            empty=_("辖区内没有在办案件。"),
        ),
        Desk(
            "approve", _("审批"), (Cap.DECIDE_FIRST, Cap.DECIDE_SECOND, Cap.DECIDE_LEADER),
            empty=_("等你审批的申请会出现在这里。"),
        ),
    )
}  # fmt: skip

#: Where a person begins, by the first of his roles in this order.
HOME: tuple[tuple[Role, str], ...] = (
    (Role.ACCEPTOR, "accept"),
    (Role.DUTY_CHIEF, "file"),
    (Role.DISPATCHER, "dispatch"),
    (Role.VERIFIER, "verify"),
    (Role.SUPERVISOR, "supervise"),
    (Role.LEADER, "approve"),
)
