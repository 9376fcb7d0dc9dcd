"""The loop as a table: every status, every action, who may take it and what it needs.

Pure: no models, no database. Buttons, forms, the API, the permission checks, the diagram in the documentation,
the system checks and the exhaustive test are all derived from :data:`TRANSITIONS`. Tickets and separation of
duties are checked by ``dispatch.loop``, clocks are moved by ``incidents.clocks``.

Source: the seven stages 受理—立案—派遣—处理—反馈—核查—评价 of the grid governance loop. 核实 (check) is before
filing: is it real? 核查 (verify) is after handling: is it fixed?
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from grids.capabilities import Capability as Cap


class Stage(TextChoices):
    """The seven stages a case goes through."""

    ACCEPT = "accept", _("受理")
    FILE = "file", _("立案")
    DISPATCH = "dispatch", _("派遣")
    HANDLE = "handle", _("处理")
    FEED_BACK = "feed_back", _("反馈")
    VERIFY = "verify", _("核查")
    EVALUATE = "evaluate", _("评价")


class Status(TextChoices):
    """Where a case stands. Overdue is an attribute of its clocks, not a status."""

    REPORTED = "reported", _("待受理")
    CHECKING = "checking", _("核实中")
    ACCEPTED = "accepted", _("待立案")
    FILED = "filed", _("待派遣")
    DISPATCHED = "dispatched", _("待签收")
    HANDLING = "handling", _("处置中")
    SUSPENDED = "suspended", _("挂账")
    HANDLED = "handled", _("待核查")
    VERIFYING = "verifying", _("核查中")
    VERIFIED = "verified", _("待结案")
    REJECTED = "rejected", _("不予受理")
    DECLINED = "declined", _("不予立案")
    VOIDED = "voided", _("作废")
    MERGED = "merged", pgettext_lazy("done", "并案")
    CLOSED = "closed", _("已结案")
    EVALUATED = "evaluated", _("已评价")


OPEN = frozenset(
    {
        Status.REPORTED,
        Status.CHECKING,
        Status.ACCEPTED,
        Status.FILED,
        Status.DISPATCHED,
        Status.HANDLING,
        Status.SUSPENDED,
        Status.HANDLED,
        Status.VERIFYING,
        Status.VERIFIED,
    }
)
ENDED = frozenset(Status) - OPEN

#: Statuses in which a lead ticket is live (open or signed). The database holds it (see Incident's constraints).
WITH_LIVE_TICKET = frozenset({Status.DISPATCHED, Status.HANDLING, Status.SUSPENDED})

#: What stands next in each status: the stage whose queue the case is in.
STAGE_OF: Mapping[Status, Stage] = {
    Status.REPORTED: Stage.ACCEPT,
    Status.CHECKING: Stage.ACCEPT,
    Status.ACCEPTED: Stage.FILE,
    Status.FILED: Stage.DISPATCH,
    Status.DISPATCHED: Stage.HANDLE,
    Status.HANDLING: Stage.HANDLE,
    Status.SUSPENDED: Stage.HANDLE,
    Status.HANDLED: Stage.FEED_BACK,
    Status.VERIFYING: Stage.VERIFY,
    Status.VERIFIED: Stage.VERIFY,
    Status.CLOSED: Stage.EVALUATE,
    Status.EVALUATED: Stage.EVALUATE,
    Status.REJECTED: Stage.ACCEPT,
    Status.DECLINED: Stage.FILE,
    Status.VOIDED: Stage.ACCEPT,
    Status.MERGED: Stage.ACCEPT,
}


class Action(TextChoices):
    """What can be done to a case. Verbs; the journal names each entry by one of them."""

    ACCEPT = "accept", _("受理")
    REQUEST_CHECK = "request_check", _("发核实")
    CONFIRM_CHECK = "confirm_check", _("核实属实")
    REFUTE_CHECK = "refute_check", _("核实不属实")
    CANCEL_CHECK = "cancel_check", _("取消核实")
    REJECT = "reject", pgettext_lazy("verb", "不予受理")
    ANSWER = "answer", _("直接答复")
    RESOLVE_ON_SITE = "resolve_on_site", _("自行处置")
    APPROVE_ON_SITE = "approve_on_site", _("自处置通过")
    REFUSE_ON_SITE = "refuse_on_site", _("自处置不通过")
    FILE = "file", _("立案")
    DECLINE = "decline", pgettext_lazy("verb", "不予立案")
    SEND_BACK = "send_back", _("回退")
    DISPATCH = "dispatch", _("派遣")
    IMPOSE = "impose", _("裁定派遣")
    RECALL = "recall", _("撤回派遣")
    SIGN = "sign", _("签收")
    RETURN = "return", _("退单")
    SUSPEND = "suspend", pgettext_lazy("verb", "挂账")
    RESUME = "resume", _("恢复处置")
    EXTEND = "extend", _("延期")
    FEED_BACK = "feed_back", _("反馈")
    REFUSE_FEEDBACK = "refuse_feedback", _("退回反馈")
    REQUEST_VERIFICATION = "request_verification", _("发核查")
    REASSIGN_VERIFICATION = "reassign_verification", _("改派核查")
    PASS = "pass", pgettext_lazy("verb", "核查通过")
    FAIL = "fail", _("核查不通过（返工）")
    CLOSE = "close", _("结案")
    FORCE_CLOSE = "force_close", _("强制结案")
    EVALUATE = "evaluate", _("评价")
    REOPEN = "reopen", pgettext_lazy("verb", "重新立案")
    REINSTATE = "reinstate", _("恢复")
    VOID = "void", pgettext_lazy("verb", "作废")
    MERGE = "merge", _("并案")
    UNMERGE = "unmerge", _("撤销并案")
    CLOSE_WITH_PARENT = "close_with_parent", _("随主案结案")
    TRANSFER = "transfer", _("上报/交办")
    SUPERVISE = "supervise", pgettext_lazy("verb", "督办")
    AMEND = "amend", _("更正")
    NOTE = "note", _("批注")
    REACH_MILESTONE = "reach_milestone", _("完成节点")


class Party(StrEnum):
    """A person who may act because of what he is to this case, not because of a posting."""

    CHECKER = "checker"  # asked to check before filing
    VERIFIER = "asked_verifier"  # asked to verify after handling; not the role of that name
    LEAD_HANDLER = "lead_handler"  # of the live lead ticket: its department's people, its team or worker
    REPORTING_WORKER = "reporting_worker"  # the field worker who reported it
    REPORTER = "reporter"  # who reported it, by account or by the link given at report
    SYSTEM = "system"  # where the filing standard says so, or on a date


Who = Cap | Party


class TicketEffect(StrEnum):
    """What an action does to tickets; ``dispatch.tickets`` carries it out in the same transaction."""

    NONE = "none"
    ISSUE = "issue"  # lead and joint tickets, open
    ISSUE_FINAL = "issue_final"  # lead ticket, open, no further return
    SIGN_LEAD = "sign_lead"
    RETURN_LEAD = "return_lead"  # lead returned, joint recalled
    FINISH_LEAD = "finish_lead"  # lead done
    REVIVE_LEAD = "revive_lead"  # the done lead is signed again
    REWORK_LEAD = "rework_lead"  # signed again, round + 1
    RECALL_ALL = "recall_all"  # every live ticket recalled


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of the table. Denied unless said: ``who`` has no default.

    ``target`` None means that the status stays (or, for unmerge, becomes what it was before).
    ``granted`` actions happen only by granting a request; then ``who`` are those who may decide at the first level.
    ``bumps`` False: version and forms of others stay valid (notes, supervision).
    ``needs_ticket`` True / False: a lead ticket must / must not exist for the case (None: either).
    """

    action: Action
    stage: Stage
    sources: frozenset[Status]
    target: Status | None
    who: tuple[Who, ...]
    requires: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    tickets: TicketEffect = TicketEffect.NONE
    granted: bool = False
    bumps: bool = True
    needs_ticket: bool | None = None


def _line(
    stage: Stage,
    action: Action,
    sources: Iterable[Status],
    target: Status | None,
    who: tuple[Who, ...],
    *requires: str,
    optional: tuple[str, ...] = (),
    tickets: TicketEffect = TicketEffect.NONE,
    granted: bool = False,
    bumps: bool = True,
    needs_ticket: bool | None = None,
) -> Transition:
    return Transition(
        action, stage, frozenset(sources), target, who, requires, optional, tickets, granted, bumps, needs_ticket
    )


S, A, T, G = Status, Action, TicketEffect, Stage

TRANSITIONS: tuple[Transition, ...] = (
    # -- 受理 ------------------------------------------------------------------------------------------------
    _line(G.ACCEPT, A.ACCEPT, {S.REPORTED}, S.ACCEPTED, (Cap.ACCEPT, Party.SYSTEM), optional=("category", "note")),
    _line(G.ACCEPT, A.REQUEST_CHECK, {S.REPORTED}, S.CHECKING, (Cap.ACCEPT,), "checker", optional=("note",)),
    _line(G.ACCEPT, A.CONFIRM_CHECK, {S.CHECKING}, S.ACCEPTED, (Party.CHECKER,), "note", "attachments"),
    _line(G.ACCEPT, A.REFUTE_CHECK, {S.CHECKING}, S.REPORTED, (Party.CHECKER,), "note", "attachments"),
    _line(G.ACCEPT, A.CANCEL_CHECK, {S.CHECKING}, S.REPORTED, (Cap.ACCEPT, Party.SYSTEM), "reason"),
    _line(G.ACCEPT, A.REJECT, {S.REPORTED}, S.REJECTED, (Cap.ACCEPT,), "reason", "note"),
    _line(G.ACCEPT, A.ANSWER, {S.REPORTED, S.ACCEPTED}, S.CLOSED, (Cap.ACCEPT,), "note"),
    _line(
        G.ACCEPT, A.RESOLVE_ON_SITE, {S.REPORTED}, S.HANDLED, (Party.REPORTING_WORKER,), "note", "attachments",
    ),
    _line(
        G.ACCEPT, A.APPROVE_ON_SITE, {S.HANDLED}, S.CLOSED, (Cap.ACCEPT,), optional=("note",), needs_ticket=False
    ),
    _line(
        G.ACCEPT, A.REFUSE_ON_SITE, {S.HANDLED}, S.ACCEPTED, (Cap.ACCEPT, Party.VERIFIER), "reason",
        needs_ticket=False,
    ),
    # out of the verifiers' queue too: who may find it fixed may find it not fixed
    _line(
        G.VERIFY, A.REFUSE_ON_SITE, {S.VERIFYING}, S.ACCEPTED, (Cap.ACCEPT, Party.VERIFIER, Cap.VERIFY), "reason",
        needs_ticket=False,
    ),
    # -- 立案 ------------------------------------------------------------------------------------------------
    _line(G.FILE, A.FILE, {S.ACCEPTED}, S.FILED, (Cap.FILE, Party.SYSTEM), "standard", optional=("note",)),
    _line(G.FILE, A.DECLINE, {S.ACCEPTED}, S.DECLINED, (Cap.FILE,), "reason", "note"),
    _line(G.FILE, A.SEND_BACK, {S.ACCEPTED}, S.REPORTED, (Cap.FILE,), "reason"),
    # -- 派遣 ------------------------------------------------------------------------------------------------
    _line(G.DISPATCH, A.SEND_BACK, {S.FILED}, S.ACCEPTED, (Cap.DISPATCH,), "reason"),
    _line(
        G.DISPATCH, A.DISPATCH, {S.FILED}, S.DISPATCHED, (Cap.DISPATCH, Party.SYSTEM), "lead",
        optional=("joint", "note"), tickets=T.ISSUE,
    ),
    _line(
        G.DISPATCH, A.IMPOSE, {S.FILED}, S.DISPATCHED, (Cap.IMPOSE,), "lead", "reason", optional=("joint",),
        tickets=T.ISSUE_FINAL,
    ),
    _line(
        G.DISPATCH, A.RECALL, {S.DISPATCHED, S.HANDLING, S.SUSPENDED}, S.FILED, (Cap.DISPATCH, Cap.IMPOSE), "reason",
        tickets=T.RECALL_ALL,
    ),
    # -- 处理 ------------------------------------------------------------------------------------------------
    _line(G.HANDLE, A.SIGN, {S.DISPATCHED}, S.HANDLING, (Party.LEAD_HANDLER,), optional=("note",), tickets=T.SIGN_LEAD),
    _line(
        G.HANDLE, A.RETURN, {S.DISPATCHED, S.HANDLING}, S.FILED, (Cap.DECIDE_FIRST,), "reason",
        tickets=T.RETURN_LEAD, granted=True,
    ),
    _line(
        G.HANDLE, A.SUSPEND, {S.HANDLING}, S.SUSPENDED, (Cap.DECIDE_SECOND,), "reason", "until", granted=True,
    ),
    _line(
        G.HANDLE, A.RESUME, {S.SUSPENDED}, S.HANDLING, (Party.LEAD_HANDLER, Cap.DISPATCH, Party.SYSTEM),
        optional=("note",),
    ),
    _line(G.HANDLE, A.EXTEND, {S.HANDLING}, S.HANDLING, (Cap.DECIDE_FIRST,), "reason", granted=True),
    _line(
        G.HANDLE, A.REACH_MILESTONE, {S.HANDLING}, S.HANDLING, (Party.LEAD_HANDLER,), "milestone", "note",
        optional=("attachments",),
    ),
    # -- 反馈 ------------------------------------------------------------------------------------------------
    _line(
        G.FEED_BACK, A.FEED_BACK, {S.HANDLING}, S.HANDLED, (Party.LEAD_HANDLER,), "note",
        optional=("attachments", "waive"), tickets=T.FINISH_LEAD,
    ),
    _line(
        G.FEED_BACK, A.REFUSE_FEEDBACK, {S.HANDLED}, S.HANDLING, (Cap.DISPATCH, Cap.ACCEPT), "reason",
        tickets=T.REVIVE_LEAD, needs_ticket=True,
    ),
    # -- 核查 ------------------------------------------------------------------------------------------------
    _line(
        G.VERIFY, A.REQUEST_VERIFICATION, {S.HANDLED}, S.VERIFYING, (Cap.ACCEPT, Party.SYSTEM),
        optional=("verifier", "note"),
    ),
    _line(
        G.VERIFY, A.REASSIGN_VERIFICATION, {S.VERIFYING}, S.VERIFYING, (Cap.ACCEPT, Party.SYSTEM), "reason",
        optional=("verifier",),
    ),
    _line(
        G.VERIFY, A.PASS, {S.VERIFYING}, S.VERIFIED, (Party.VERIFIER, Cap.VERIFY), "note", "attachments",
    ),
    _line(
        G.VERIFY, A.FAIL, {S.VERIFYING}, S.HANDLING, (Party.VERIFIER, Cap.VERIFY), "note", "attachments",
        tickets=T.REWORK_LEAD, needs_ticket=True,
    ),
    _line(G.VERIFY, A.CLOSE, {S.VERIFIED}, S.CLOSED, (Cap.CLOSE, Party.SYSTEM), optional=("note",)),
    _line(
        G.VERIFY, A.FORCE_CLOSE,
        {S.FILED, S.DISPATCHED, S.HANDLING, S.SUSPENDED, S.HANDLED, S.VERIFYING, S.VERIFIED}, S.CLOSED,
        (Cap.DECIDE_LEADER,), "reason", tickets=T.RECALL_ALL, granted=True,
    ),
    # -- 评价 ------------------------------------------------------------------------------------------------
    _line(
        G.EVALUATE, A.EVALUATE, {S.CLOSED}, S.EVALUATED, (Party.REPORTER, Cap.EVALUATE, Party.SYSTEM), "result",
        optional=("note",),
    ),
    _line(
        G.EVALUATE, A.REOPEN, {S.CLOSED, S.EVALUATED}, S.FILED, (Cap.ACCEPT, Party.REPORTER), "reason",
        optional=("standard",),
    ),
    _line(G.ACCEPT, A.REINSTATE, {S.REJECTED, S.DECLINED, S.VOIDED}, S.REPORTED, (Cap.FILE,), "reason"),
    # -- any stage -------------------------------------------------------------------------------------------
    _line(G.ACCEPT, A.VOID, OPEN, S.VOIDED, (Cap.DECIDE_SECOND,), "reason", tickets=T.RECALL_ALL, granted=True),
    _line(
        G.ACCEPT, A.MERGE, {S.REPORTED, S.ACCEPTED, S.FILED}, S.MERGED, (Cap.MERGE,), "into", optional=("note",),
    ),
    _line(G.ACCEPT, A.UNMERGE, {S.MERGED}, None, (Cap.MERGE, Party.SYSTEM), "reason"),
    _line(G.ACCEPT, A.CLOSE_WITH_PARENT, {S.MERGED}, S.CLOSED, (Party.SYSTEM,)),
    _line(
        G.ACCEPT, A.TRANSFER, {S.REPORTED, S.ACCEPTED, S.FILED}, None, (Cap.TRANSFER,), "target", "reason",
    ),
    _line(
        G.ACCEPT, A.SUPERVISE, OPEN, None, (Cap.SUPERVISE,), "note", optional=("until", "level"), bumps=False,
    ),
    _line(
        G.ACCEPT, A.AMEND, OPEN, None, (Cap.AMEND,), "reason",
        optional=("category", "standard", "lon", "lat", "crs", "address", "description", "clocks"),
    ),
    _line(
        G.ACCEPT, A.NOTE, OPEN, None, (Cap.NOTE, Party.LEAD_HANDLER, Party.CHECKER, Party.VERIFIER), "note",
        optional=("attachments",), bumps=False,
    ),
)  # fmt: skip

_BY_ACTION: Mapping[Action, tuple[Transition, ...]] = {
    action: tuple(t for t in TRANSITIONS if t.action is action) for action in Action
}


def find(action: Action, status: Status) -> Transition | None:
    """The line of the table for ``action`` out of ``status``; None where it is not open there."""
    for transition in _BY_ACTION[action]:
        if status in transition.sources:
            return transition
    return None


def lines(action: Action) -> tuple[Transition, ...]:
    """All lines of ``action`` (send_back has two)."""
    return _BY_ACTION[action]


def available(status: Status) -> tuple[Transition, ...]:
    """The lines open out of ``status``, in the table's order, whoever asks."""
    return tuple(t for t in TRANSITIONS if status in t.sources)


#: The fields of an action's payload, with their label. An action takes its ``requires`` and ``optional``, no other.
FIELD_LABELS: Mapping[str, str] = {
    "reason": _("原因"),
    "note": _("说明"),
    "attachments": _("照片与附件"),
    "standard": _("立案条件"),
    "category": _("类别"),
    "lead": _("主办"),
    "joint": _("协办"),
    "until": _("期限"),
    "checker": _("核实人"),
    "verifier": _("核查人"),
    "into": _("主案件编号"),
    "target": _("目标中心"),
    "result": pgettext_lazy("noun", "评价"),
    "level": _("督办级别"),
    "milestone": _("节点"),
    "waive": _("免除协办的原因"),
    "lon": _("经度"),
    "lat": _("纬度"),
    "crs": _("坐标系"),
    "address": _("地址"),
    "description": _("描述"),
    "clocks": _("时限处理"),
}


class RequestKind(TextChoices):
    """What needs somebody's decision before it happens; each names the action that a grant carries out."""

    RETURN = "return", _("退单申请")
    EXTEND = "extend", _("延期申请")
    SUSPEND = "suspend", _("挂账申请")
    VOID = "void", _("作废申请")
    FORCE_CLOSE = "force_close", _("强制结案申请")

    @property
    def action(self) -> Action:
        return Action(self.value)


#: Who may ask, by kind. The handler asks for his own ticket; the desks ask for the case.
ASKED_BY: Mapping[RequestKind, tuple[Who, ...]] = {
    RequestKind.RETURN: (Party.LEAD_HANDLER,),
    RequestKind.EXTEND: (Party.LEAD_HANDLER,),
    RequestKind.SUSPEND: (Party.LEAD_HANDLER,),
    RequestKind.VOID: (Cap.VOID_REQUEST,),
    RequestKind.FORCE_CLOSE: (Cap.VOID_REQUEST, Cap.DISPATCH),
}

#: The ladder of deciders; a request that is not decided in time goes one step up.
DECIDERS: tuple[Cap, ...] = (Cap.DECIDE_FIRST, Cap.DECIDE_SECOND, Cap.DECIDE_LEADER)

#: Why a report is not accepted (不予受理) or not filed (不予立案): the list that a form offers.
REJECT_REASONS: Mapping[str, str] = {
    "outside": _("不属本辖区"),
    "not_ours": _("不属受理范围"),
    "repeated": _("重复上报"),
    "unfounded": _("经核实不属实"),
    "unclear": _("信息不全且无法联系上报人"),
    "litigation": _("已进入诉讼、仲裁或复议"),
    "not_in_conditions": _("不符合立案条件"),
}

#: What an evaluation may say. ``not_rated`` is the system's, after the days in which nobody answered.
RESULTS: Mapping[str, str] = {
    "very_satisfied": _("非常满意"),
    "satisfied": _("满意"),
    "unsatisfied": _("不满意"),
    "not_rated": _("未评价"),
}
