"""What must hold of the loop as a whole, and the rows of which it does not: one statement a check, both databases.

A check names the rows that break it; it never reads what is whole into the process. What is under way for less than
``late`` allows is no fault. Those that walk the whole journal look only at the cases with entries beyond
``journal_since``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Exists, F, Func, IntegerField, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dispatch.models import LadderPause, Notice, NoticeDelivery, Request, Ticket
from incidents.clock_table import LIVE
from incidents.models import Clock, ClockSegment, FiredStep, IdempotencyKey, Incident, JournalEntry
from incidents.sweep import BREACH
from incidents.workflow import ENDED, WITH_LIVE_TICKET, Status


@dataclass(frozen=True, slots=True)
class Scope:
    """``late``: what should have happened before then is a fault; ``seal_late``: what should have been sealed.

    ``journal_since``: the id of an entry, 0 for the whole journal.
    """

    late: datetime
    seal_late: datetime
    journal_since: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that break a check, and where each has the number of its case."""

    found: QuerySet[Any]
    number: str = "incident__number"


@dataclass(frozen=True, slots=True)
class Check:
    """One statement about the loop. ``waits``: what breaks it failed visibly and waits for a person; no fault."""

    key: str
    statement: str | Promise
    rows: Callable[[Scope], Sequence[Rows]]
    waits: bool = False


class _StepsSaid(Func):
    """How many steps the payload of an entry states."""

    output_field = IntegerField()
    template = "JSONB_ARRAY_LENGTH(%(expressions)s -> 'steps')"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="JSON_ARRAY_LENGTH(%(expressions)s, '$.steps')", **context)


def _any(conditions: Sequence[Q]) -> Q:
    return reduce(or_, conditions)


def _counted(rows: QuerySet[Any], link: str) -> Any:
    """How many of the rows, already tied to the outer row, there are."""
    counted = rows.order_by().values(link).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def grown(scope: Scope, case: str) -> Q:
    """The rows whose case (named by ``case``) has a longer journal than at the last look; all where there was none."""
    if not scope.journal_since:
        return Q()
    entries = JournalEntry.objects.filter(pk__gt=scope.journal_since)
    return Q(**{f"{case}__in": entries.values("incident_id")})


# --- reports ------------------------------------------------------------------------------------------------------


def _requests_lost(scope: Scope) -> Sequence[Rows]:
    cases = Incident.objects.filter(number=OuterRef("number"))
    return [Rows(IdempotencyKey.objects.filter(~Exists(cases)), "number")]


def _requests_shared(scope: Scope) -> Sequence[Rows]:
    return [Rows(IdempotencyKey.objects.order_by().values("number").annotate(n=Count("pk")).filter(n__gt=1), "number")]


# --- journal ------------------------------------------------------------------------------------------------------


def _heads(scope: Scope) -> Sequence[Rows]:
    own = JournalEntry.objects.filter(incident=OuterRef("pk"))
    last = own.filter(
        seq=OuterRef("head_seq"), mac=OuterRef("head_mac"), status_to=OuterRef("status"), version=OuterRef("version")
    )
    counted = Incident.objects.filter(grown(scope, "pk")).annotate(n=_counted(own, "incident"))
    return [Rows(counted.filter(~Q(n=F("head_seq")) | ~Exists(last)), "number")]


def _statuses(scope: Scope) -> Sequence[Rows]:
    before = JournalEntry.objects.filter(incident=OuterRef("incident"), seq=OuterRef("seq") - 1)
    broken = JournalEntry.objects.filter(
        grown(scope, "incident"), Exists(before.exclude(status_to=OuterRef("status_from")))
    )
    return [Rows(broken)]


# --- clocks -------------------------------------------------------------------------------------------------------

_LIVE = Q(state__in=Clock.LIVE)
_HELD = Exists(LadderPause.objects.filter(clock=OuterRef("pk"), released_at__isnull=True))
#: Paused while the case is suspended.
_PAUSING = ("handle", "total")


def _clocks_missing(scope: Scope) -> Sequence[Rows]:
    own = Clock.objects.filter(incident=OuterRef("pk"))
    missing = []
    for status, kinds in LIVE.items():
        for kind in sorted(kinds):
            state = "paused" if status is Status.SUSPENDED and kind in _PAUSING else "running"
            at_fault = Q(status=status) & ~Exists(own.filter(kind=kind, state=state))
            if kind == "total":
                # an imported case never has one
                at_fault &= Q(is_adopted=False)
            missing.append(at_fault)
    # an imported case has no clocks until it moves
    untouched = Q(is_adopted=True) & ~Exists(own)
    return [Rows(Incident.objects.filter(_any(missing), ended_at__isnull=True).exclude(untouched), "number")]


def _clocks_beside(scope: Scope) -> Sequence[Rows]:
    right = _any([Q(incident__status=status, kind__in=sorted(kinds)) for status, kinds in LIVE.items()])
    return [Rows(Clock.objects.filter(_LIVE, ~right))]


def _cycles(scope: Scope) -> Sequence[Rows]:
    counted = Clock.objects.order_by().values("incident__number", "kind").annotate(n=Count("pk"), last=Max("cycle"))
    return [Rows(counted.exclude(n=F("last")))]


def _pauses(scope: Scope) -> Sequence[Rows]:
    open_pause = ClockSegment.objects.filter(kind="paused", ended_at__isnull=True)
    return [
        Rows(Clock.objects.filter(~Exists(open_pause.filter(clock=OuterRef("pk"))), state="paused")),
        Rows(open_pause.exclude(clock__state="paused"), "clock__incident__number"),
    ]


def _queue_times(scope: Scope) -> Sequence[Rows]:
    running = Clock.objects.filter(incident=OuterRef("pk"), state="running").order_by()

    def first(clocks: QuerySet[Clock]) -> Subquery:
        return Subquery(clocks.values("incident").annotate(first=Min("due_at")).values("first"))

    cases = Incident.objects.filter(ended_at__isnull=True).annotate(
        first=Coalesce(first(running.exclude(kind="total")), first(running.filter(kind="total")))
    )
    wrong = (
        Q(due_at__lt=F("first"))
        | Q(due_at__gt=F("first"))
        | Q(due_at__isnull=True, first__isnull=False)
        | Q(due_at__isnull=False, first__isnull=True)
    )
    return [Rows(cases.filter(wrong), "number")]


# --- steps --------------------------------------------------------------------------------------------------------


def _steps_overdue(scope: Scope) -> Sequence[Rows]:
    return [Rows(Clock.objects.filter(~_HELD, next_step_at__lte=scope.late))]


def _steps_disarmed(scope: Scope) -> Sequence[Rows]:
    return [
        Rows(Clock.objects.filter(~_HELD, state="running", next_step_at__isnull=True).exclude(steps=[])),
        Rows(Clock.objects.filter(next_step_at__isnull=False, steps=[])),
    ]


def _breaches_unstated(scope: Scope) -> Sequence[Rows]:
    stated = FiredStep.objects.filter(clock=OuterRef("pk"), key=BREACH, fence=OuterRef("due_revision"))
    return [Rows(Clock.objects.filter(~_HELD, ~Exists(stated), state="running", due_at__lte=scope.late))]


def _steps_unwritten(scope: Scope) -> Sequence[Rows]:
    entry = JournalEntry.objects.filter(incident=OuterRef("clock__incident"), seq=OuterRef("entry_seq"), action="step")
    fired = FiredStep.objects.filter(grown(scope, "clock__incident"), ~Exists(entry))
    return [Rows(fired, "clock__incident__number")]


def _steps_miscounted(scope: Scope) -> Sequence[Rows]:
    fired = FiredStep.objects.filter(clock__incident=OuterRef("incident"), entry_seq=OuterRef("seq"))
    stated = JournalEntry.objects.filter(grown(scope, "incident"), action="step").annotate(
        said=_StepsSaid(F("payload")), n=_counted(fired, "clock__incident")
    )
    return [Rows(stated.filter(~Q(said=F("n"))))]


def _steps_early(scope: Scope) -> Sequence[Rows]:
    return [Rows(FiredStep.objects.filter(fired_at__lt=F("due_at")), "clock__incident__number")]


# --- tickets and requests -----------------------------------------------------------------------------------------


def _tickets(scope: Scope) -> Sequence[Rows]:
    lead = Ticket.objects.filter(
        incident=OuterRef("pk"), is_lead=True, state__in=Ticket.LIVE, assignment=OuterRef("lead_assignment")
    )
    with_one = sorted(status.value for status in WITH_LIVE_TICKET)
    return [
        Rows(Incident.objects.filter(~Exists(lead), lead_assignment__isnull=False), "number"),
        Rows(Ticket.objects.filter(state__in=Ticket.LIVE).exclude(incident__status__in=with_one)),
    ]


def _requests(scope: Scope) -> Sequence[Rows]:
    waiting = Request.objects.filter(state=Request.State.PENDING)
    ended = Q(incident__status__in=sorted(status.value for status in ENDED))
    without = Q(ticket__isnull=False) & ~Q(ticket__state__in=Ticket.LIVE)
    return [Rows(waiting.filter(ended | without))]


# --- outbox and notices -------------------------------------------------------------------------------------------

_UNDELIVERED = Q(delivered_at__isnull=True)


def _undelivered(scope: Scope) -> Sequence[Rows]:
    ahead = JournalEntry.objects.filter(_UNDELIVERED, incident=OuterRef("incident"), seq__lt=OuterRef("seq"))
    held = ahead.filter(Q(parked_at__isnull=False) | Q(next_try_at__gt=scope.late))
    due = Q(next_try_at__lte=scope.late) | Q(next_try_at__isnull=True, recorded_at__lte=scope.late)
    return [Rows(JournalEntry.objects.filter(_UNDELIVERED, due, ~Exists(held), parked_at__isnull=True))]


def _out_of_order(scope: Scope) -> Sequence[Rows]:
    later = JournalEntry.objects.filter(
        incident=OuterRef("incident"), seq__gt=OuterRef("seq"), delivered_at__isnull=False
    )
    return [Rows(JournalEntry.objects.filter(_UNDELIVERED, Exists(later)))]


def _parked(scope: Scope) -> Sequence[Rows]:
    return [Rows(JournalEntry.objects.filter(_UNDELIVERED, parked_at__isnull=False))]


def _notices_waiting(scope: Scope) -> Sequence[Rows]:
    late = Q(next_try_at__lte=scope.late) | Q(next_try_at__isnull=True)
    waiting = NoticeDelivery.objects.filter(late, state=NoticeDelivery.State.PENDING)
    none = Notice.objects.filter(~Exists(NoticeDelivery.objects.filter(notice=OuterRef("pk"))))
    return [Rows(waiting, "notice__incident__number"), Rows(none)]


def _notices_twice(scope: Scope) -> Sequence[Rows]:
    # with an entry's number the database holds it: notice_once
    loose = Notice.objects.filter(incident__isnull=False, entry_seq__isnull=True).order_by()
    return [Rows(loose.values("incident__number", "user", "topic").annotate(n=Count("pk")).filter(n__gt=1))]


def _notices_failed(scope: Scope) -> Sequence[Rows]:
    failed = NoticeDelivery.objects.filter(state=NoticeDelivery.State.FAILED)
    return [Rows(failed, "notice__incident__number")]


def _unsealed(scope: Scope) -> Sequence[Rows]:
    return [Rows(JournalEntry.objects.filter(checkpoint__isnull=True, recorded_at__lte=scope.seal_late))]


CHECKS: tuple[Check, ...] = (
    Check("request_lost", _("每个已受理的上报请求都有案件"), _requests_lost),
    Check("request_shared", _("一个案件只来自一个上报请求"), _requests_shared),
    Check("journal_head", _("案件的状态、版本、末条与流转记录相符，序号不缺"), _heads),
    Check("journal_status", _("每条记录从上一条的状态开始"), _statuses),
    Check("clock_missing", _("未结束的案件，当前环节的时钟都在走（挂账则暂停）"), _clocks_missing),
    Check("clock_beside", _("没有多走的时钟，已结束的案件没有时钟在走"), _clocks_beside),
    Check("clock_cycle", _("时钟的轮次不缺不重"), _cycles),
    Check("clock_pause", _("暂停的时钟恰有一段未结束的暂停"), _pauses),
    Check("queue_due", _("排队所用的到期时间是各时钟中最早的"), _queue_times),
    Check("step_overdue", _("到期的节点都已触发"), _steps_overdue),
    Check("step_disarmed", _("有待触发节点的时钟都已上弦"), _steps_disarmed),
    Check("breach_unstated", _("超时的时钟都已记为超时"), _breaches_unstated),
    Check("step_unwritten", _("触发的节点都记在流转记录里"), _steps_unwritten),
    Check("step_miscounted", _("流转记录所说的节点恰好触发一次"), _steps_miscounted),
    Check("step_early", _("没有节点提前触发"), _steps_early),
    Check("ticket", _("处置中的案件恰有一张在办主办工单，其他案件没有"), _tickets),
    Check("request", _("没有申请挂在已结束的案件或工单上"), _requests),
    Check("outbox_late", _("流转记录都已送达后续处理"), _undelivered),
    Check("outbox_order", _("同一案件的记录按序送达"), _out_of_order),
    Check("notice_late", _("通知都已发出"), _notices_waiting),
    Check("notice_twice", _("没有通知重复"), _notices_twice),
    Check("unsealed", _("流转记录都已封入校验点"), _unsealed),
    Check("outbox_parked", _("没有搁置的记录"), _parked, waits=True),
    Check("notice_failed", _("没有发送失败的通知"), _notices_failed, waits=True),
)
