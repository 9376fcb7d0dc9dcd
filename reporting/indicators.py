"""Every figure of the dashboard and of the assessment (pure): one function an indicator, over :class:`Facts`.

The docstring of each is its definition and unit; ``definition`` of its registration says the same to the user, on
hover. A figure carries its evidence: for each case counted, in or out, the entry of its journal that decides.

The rules of what is on time, for all of them: a figure for a period counts the clocks *due in it*, as they stood at
its end. Still running past due at the end is not on time (超期未处置). A clock suspended at the end is out (缓办), as
is one that was cancelled or exempted (免责: the fact stays). Closing by answer or by force is counted apart. Imported
cases have no clocks. On time is stopped at or before due, to the second. A zero denominator has no value: "—".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext_lazy as _

from incidents.workflow import Status
from reporting.figures import Figure, Unit
from reporting.history import CaseFact, ClockFact, Entry, Facts, Period, Ref


@dataclass(frozen=True, slots=True)
class Indicator:
    """A figure with its name and its definition for the user."""

    key: str
    label: Any
    definition: Any
    unit: Unit
    compute: Callable[[Facts], Figure]

    def __call__(self, facts: Facts) -> Figure:
        return self.compute(facts)


INDICATORS: dict[str, Indicator] = {}


def _indicator(
    label: Any, unit: Unit, definition: Any
) -> Callable[[Callable[[Facts], Figure]], Callable[[Facts], Figure]]:
    def register(compute: Callable[[Facts], Figure]) -> Callable[[Facts], Figure]:
        INDICATORS[compute.__name__] = Indicator(compute.__name__, label, definition, unit, compute)
        return compute

    return register


# --- counts -------------------------------------------------------------------------------------------------------


def _happened(facts: Facts, *actions: str) -> Figure:
    """The cases with such an entry in the period, each once, by the last of them."""
    last: dict[str, int] = {}
    for case, entry in facts.happened(*actions):
        last[case.number] = max(entry.seq, last.get(case.number, 0))
    return Figure(Unit.CASES, tuple(Ref(number, seq) for number, seq in last.items()))


@_indicator(_("上报数"), Unit.CASES, _("本期内收到的案件数，导入的历史案件不计。单位：件。"))
def reported(facts: Facts) -> Figure:
    """Cases received in the period, imported ones not counted. Unit: cases."""
    return _happened(facts, "report")


@_indicator(_("受理数"), Unit.CASES, _("本期内受理（含核实属实）的案件数，一案计一次。单位：件。"))
def accepted(facts: Facts) -> Figure:
    """Cases accepted in the period, by the desk or by a check that confirmed them, each once. Unit: cases."""
    return _happened(facts, "accept", "confirm_check")


@_indicator(_("立案数"), Unit.CASES, _("本期内立案的案件数，一案计一次，重新立案不计。单位：件。"))
def filed(facts: Facts) -> Figure:
    """Cases filed in the period, each once; reopening does not count. Unit: cases."""
    return _happened(facts, "file")


@_indicator(_("派遣数"), Unit.CASES, _("本期内派遣（含裁定派遣）的案件数，一案计一次。单位：件。"))
def dispatched(facts: Facts) -> Figure:
    """Cases dispatched in the period, imposed ones too, each once. Unit: cases."""
    return _happened(facts, "dispatch", "impose")


@_indicator(_("处置数"), Unit.CASES, _("本期内处置单位反馈的案件数，一案计一次。单位：件。"))
def handled(facts: Facts) -> Figure:
    """Cases fed back by their handler in the period, each once. Unit: cases."""
    return _happened(facts, "feed_back")


@_indicator(_("自行处置数"), Unit.CASES, _("本期内网格员现场自行处置的案件数。单位：件。"))
def resolved_on_site(facts: Facts) -> Figure:
    """Cases that a field worker fixed on the spot in the period. Unit: cases."""
    return _happened(facts, "resolve_on_site")


@_indicator(_("核查数"), Unit.CASES, _("本期内核查（通过或不通过）的案件数，一案计一次。单位：件。"))
def verified(facts: Facts) -> Figure:
    """Cases verified in the period, passed or failed, each once. Unit: cases."""
    return _happened(facts, "pass", "fail")


@_indicator(
    _("结案数"), Unit.CASES, _("本期内结案及自行处置通过的案件数；直接答复、强制结案另计，并入他案的不计。单位：件。")
)
def closed(facts: Facts) -> Figure:
    """Cases closed in the period after verification or on-site approval; answers and forced closings are apart, and
    merged cases that closed with their main case are not counted. Unit: cases."""
    return _happened(facts, *CLOSING)


@_indicator(_("直接答复数"), Unit.CASES, _("本期内直接答复办结的案件数。单位：件。"))
def answered(facts: Facts) -> Figure:
    """Cases closed in the period by a direct answer. Unit: cases."""
    return _happened(facts, "answer")


@_indicator(_("强制结案数"), Unit.CASES, _("本期内强制结案的案件数。单位：件。"))
def force_closed(facts: Facts) -> Figure:
    """Cases closed by force in the period. Unit: cases."""
    return _happened(facts, "force_close")


# --- how it stands at the end -------------------------------------------------------------------------------------


def _standing(facts: Facts, holds: Callable[[CaseFact], bool]) -> Figure:
    return Figure(Unit.CASES, tuple(case.ref for case in facts.cases if holds(case)))


@_indicator(_("在办数"), Unit.CASES, _("期末尚未办结的案件数。单位：件。"))
def open_cases(facts: Facts) -> Figure:
    """Cases open at the end of the period. Unit: cases."""
    return _standing(facts, lambda case: case.is_open)


@_indicator(_("已超期数"), Unit.CASES, _("期末在办案件中，至少一项计时已过时限的案件数。单位：件。"))
def overdue_cases(facts: Facts) -> Figure:
    """Cases open at the end of the period of which a clock runs past its due time. Unit: cases."""
    return _standing(facts, lambda case: case.is_overdue(facts.period.end))


@_indicator(_("挂账数"), Unit.CASES, _("期末处于挂账（缓办）的案件数。单位：件。"))
def suspended_cases(facts: Facts) -> Figure:
    """Cases suspended at the end of the period. Unit: cases."""
    return _standing(facts, lambda case: case.is_open and case.status == Status.SUSPENDED)


@_indicator(_("超期未处置数"), Unit.CASES, _("应于本期内处置、期末仍未处置的工单数，挂账除外。单位：件。"))
def overdue_unhandled(facts: Facts) -> Figure:
    """Lead tickets whose handling was due in the period and still runs past due at its end. Unit: tickets."""
    late = (c for c in facts.due("handle") if _counts(c, facts.period) and c.state == "running")
    return Figure(Unit.CASES, tuple(clock.ref for clock in late))


# --- on time ------------------------------------------------------------------------------------------------------

#: A case that ended so was closed; what else ends total is counted apart or was never a case to close.
CLOSING = ("close", "approve_on_site")
APART = ("answer", "force_close")
NOT_TAKEN = ("reject", "decline")


def _due_in(clock: ClockFact, period: Period) -> bool:
    """Due in the period and decided by its end: neither cancelled nor suspended, ended or running past due."""
    if clock.due_at not in period or clock.state in ("cancelled", "paused"):
        return False
    return clock.state in ("met", "late") or clock.is_past_due(period.end)


def _counts(clock: ClockFact, period: Period) -> bool:
    return _due_in(clock, period) and not clock.is_exempt


def _on_time(facts: Facts, kind: str) -> Figure:
    return _split((c for c in facts.due(kind) if _counts(c, facts.period)), lambda clock: clock.state == "met")


def _split(clocks: Iterable[ClockFact], is_hit: Callable[[ClockFact], bool]) -> Figure:
    hits, misses = [], []
    for clock in clocks:
        (hits if is_hit(clock) else misses).append(clock.ref)
    return Figure(Unit.RATIO, tuple(hits), tuple(misses))


@_indicator(_("按时受理率"), Unit.RATIO, _("本期到期的受理时限中，按时办理的比例。取消、免责的不计。"))
def on_time_accept(facts: Facts) -> Figure:
    """Of the accept clocks due in the period, those stopped in time. Ratio of clocks."""
    return _on_time(facts, "accept")


@_indicator(_("按时核实率"), Unit.RATIO, _("本期到期的核实任务中，按时核实的比例。取消、免责的不计。"))
def on_time_check(facts: Facts) -> Figure:
    """按时核实率: of the check clocks due in the period, those answered in time. Ratio of clocks."""
    return _on_time(facts, "check")


@_indicator(_("按时立案率"), Unit.RATIO, _("本期到期的立案时限中，按时办理的比例。取消、免责的不计。"))
def on_time_file(facts: Facts) -> Figure:
    """Of the file clocks due in the period, those stopped in time. Ratio of clocks."""
    return _on_time(facts, "file")


@_indicator(_("按时派遣率"), Unit.RATIO, _("本期到期的派遣时限中，按时派遣的比例。取消、免责的不计。"))
def on_time_dispatch(facts: Facts) -> Figure:
    """Of the dispatch clocks due in the period, those stopped in time. Ratio of clocks."""
    return _on_time(facts, "dispatch")


@_indicator(_("按时签收率"), Unit.RATIO, _("本期到期的签收时限中，按时签收的比例。取消、免责的不计。"))
def on_time_sign(facts: Facts) -> Figure:
    """Of the sign clocks due in the period, those stopped in time. Ratio of clocks."""
    return _on_time(facts, "sign")


@_indicator(
    _("按期处置率"),
    Unit.RATIO,
    _("应于本期内处置的工单中，按期处置的比例；一张工单各轮（含返工）都按期才算按期。期末挂账、取消、免责的不计。"),
)
def on_time_handle(facts: Facts) -> Figure:
    """按期处置率: of the lead tickets with a handle clock due in the period, those whose every cycle was met.

    A ticket counts once in each period in which a cycle of it is due, by the entry that last spoke of those; a cycle
    that is not decided yet at the period's end does not spoil it. Ratio of tickets.
    """
    hits, misses = [], []
    for ticket in _tickets_due(facts):
        (hits if ticket.is_on_time else misses).append(ticket.ref)
    return Figure(Unit.RATIO, tuple(hits), tuple(misses))


@dataclass(frozen=True, slots=True)
class _TicketDue:
    ref: Ref
    assignment: int
    is_on_time: bool


def _tickets_due(facts: Facts) -> list[_TicketDue]:
    """The lead tickets with a handle clock due in the period, each once."""
    due: dict[tuple[str, int], int] = {}
    for clock in facts.due("handle"):
        if _counts(clock, facts.period):
            ticket = (clock.number, clock.assignment)
            due[ticket] = max(clock.seq, due.get(ticket, 0))
    if not due:
        return []
    spoilt = {
        (c.number, c.assignment)
        for c in facts.clocks("handle")
        if not c.is_exempt and (c.state == "late" or c.is_past_due(facts.period.end))
    }
    return [_TicketDue(Ref(number, seq), assignment, (number, assignment) not in spoilt)
            for (number, assignment), seq in due.items()]  # fmt: skip


@_indicator(_("按时发核查率"), Unit.RATIO, _("本期到期的发核查时限中，按时办理的比例。取消、免责的不计。"))
def on_time_send(facts: Facts) -> Figure:
    """Of the send clocks due in the period, those stopped in time. Ratio of clocks."""
    return _on_time(facts, "send")


@_indicator(_("按时核查率"), Unit.RATIO, _("本期到期的核查任务中，按时核查的比例。取消、免责的不计。"))
def on_time_verify(facts: Facts) -> Figure:
    """按时核查率: of the verify clocks due in the period, those answered in time. Ratio of clocks."""
    return _on_time(facts, "verify")


@_indicator(_("按时结案审核率"), Unit.RATIO, _("本期到期的结案时限（核查通过至结案）中，按时办理的比例。"))
def on_time_close(facts: Facts) -> Figure:
    """Of the close clocks (from the passed verification to closing) due in the period, those stopped in time."""
    return _on_time(facts, "close")


@_indicator(_("全程按时率"), Unit.RATIO, _("全程时限于本期内到期的案件中，按时办结的比例；直接答复、强制结案另计。"))
def on_time_total(facts: Facts) -> Figure:
    """Of the total clocks due in the period, those stopped in time; answers and forced closings are apart."""
    due = (c for c in facts.due("total") if _counts(c, facts.period) and c.ended_by not in APART)
    return _split(due, lambda clock: clock.state == "met")


@_indicator(_("按时答复率"), Unit.RATIO, _("全程时限于本期内到期、直接答复办结的案件中，按时答复的比例。"))
def on_time_answer(facts: Facts) -> Figure:
    """Of the total clocks due in the period that a direct answer stopped, those stopped in time."""
    due = (c for c in facts.due("total") if _counts(c, facts.period) and c.ended_by == "answer")
    return _split(due, lambda clock: clock.state == "met")


# --- closing, rework, returns -------------------------------------------------------------------------------------


def _to_close(facts: Facts) -> Iterable[ClockFact]:
    """应结案: total clocks due in the period, of cases that were taken on and neither answered nor closed by force."""
    return (c for c in facts.due("total") if _due_in(c, facts.period) and c.ended_by not in (*APART, *NOT_TAKEN))


@_indicator(
    _("结案率"),
    Unit.RATIO,
    _(
        "应结案（全程时限于本期内到期）的案件中，期末已结案的比例。不予受理、不予立案、直接答复、强制结案、期末挂账的不计。"
    ),
)
def closing_ratio(facts: Facts) -> Figure:
    """结案率: of the cases due to be closed in the period, those closed by its end, in time or not. Ratio of cases."""
    return _split(_to_close(facts), lambda clock: clock.ended_by in CLOSING)


@_indicator(
    _("按期结案率"),
    Unit.RATIO,
    _(
        "应结案（全程时限于本期内到期）的案件中，按期结案的比例。不予受理、不予立案、直接答复、强制结案、期末挂账、免责的不计。"
    ),
)
def closing_on_time_ratio(facts: Facts) -> Figure:
    """按期结案率: of the cases due to be closed in the period, those closed in time. Ratio of cases."""
    due = (clock for clock in _to_close(facts) if not clock.is_exempt)
    return _split(due, lambda clock: clock.ended_by in CLOSING and clock.state == "met")


@_indicator(_("返工率"), Unit.RATIO, _("本期内对处置结果的核查中，不通过（返工）的比例。自行处置的不计。"))
def rework_ratio(facts: Facts) -> Figure:
    """返工率: of the verifications of handled tickets in the period, those that found it not fixed. Ratio of them."""
    hits, misses = [], []
    for case, entry in facts.happened("pass", "fail"):
        if entry.assignment:
            (hits if entry.action == "fail" else misses).append(Ref(case.number, entry.seq))
    return Figure(Unit.RATIO, tuple(hits), tuple(misses))


@_indicator(_("退单率"), Unit.RATIO, _("本期内派遣的工单中，期末前准予退单的比例。单位：工单。"))
def return_ratio(facts: Facts) -> Figure:
    """退单率: of the lead tickets dispatched in the period, those returned by its end. Ratio of tickets."""
    hits, misses = [], []
    returned = {(case.id, entry.assignment): entry.seq for case, entry in facts.ever("return")}
    for case, entry in facts.happened("dispatch", "impose"):
        if (case.id, entry.assignment) in returned:
            hits.append(Ref(case.number, returned[case.id, entry.assignment]))
        else:
            misses.append(Ref(case.number, entry.seq))
    return Figure(Unit.RATIO, tuple(hits), tuple(misses))


@_indicator(_("延期率"), Unit.RATIO, _("应于本期内处置的工单中，准予过延期的比例。单位：工单。"))
def extension_ratio(facts: Facts) -> Figure:
    """延期率: of the lead tickets whose handling was due in the period, those extended before its end."""
    hits, misses = [], []
    extended = {(case.number, entry.assignment) for case, entry in facts.ever("extend")}
    for ticket in _tickets_due(facts):
        (hits if (ticket.ref.number, ticket.assignment) in extended else misses).append(ticket.ref)
    return Figure(Unit.RATIO, tuple(hits), tuple(misses))


@_indicator(
    _("平均处置工时"),
    Unit.WORK_HOURS,
    _("本期内反馈、期末未返工的工单，各轮处置所用工作时（挂账不计）的平均值。单位：工作时。"),
)
def average_handling_hours(facts: Facts) -> Figure:
    """Working hours, suspensions left out, that a lead ticket fed back in the period took in all its cycles: the mean.

    Tickets that are in rework at the period's end, or ran under no calendar, are not counted. Unit: working hours.
    """
    hits, total = [], 0
    fed_back = {(case.number, entry.assignment): (case, entry) for case, entry in facts.happened("feed_back")}
    for case, entry in fed_back.values():
        cycles = [
            c for c in case.clocks
            if c.kind == "handle" and c.assignment == entry.assignment and c.state != "cancelled"
        ]  # fmt: skip
        if cycles and all(clock.worked_us is not None for clock in cycles):
            hits.append(Ref(case.number, entry.seq))
            total += sum(clock.worked_us or 0 for clock in cycles)
    return Figure(Unit.WORK_HOURS, tuple(hits), total=Fraction(total, 3_600_000_000))


# --- what was worth it --------------------------------------------------------------------------------------------

_VALID = ("file", "approve_on_site")
_NOT_VALID = ("reject", "decline", "void")


@_indicator(
    _("有效上报率"),
    Unit.RATIO,
    _("网格员上报、本期内有定论的案件中，予以立案或自行处置通过的比例。并案、直接答复的不计。单位：件。"),
)
def valid_report_ratio(facts: Facts) -> Figure:
    """有效上报率: of the field workers' reports decided in the period, those filed or approved as fixed on site.

    By the last decision in the period; rejected, declined and voided ones are not valid; merged and answered ones are
    neither. What is not decided yet counts in the period in which it is. Ratio of cases.
    """
    hits, misses = [], []
    last: dict[str, Entry] = {}
    for case, entry in facts.happened(*_VALID, *_NOT_VALID):
        if case.source == "worker" and (case.number not in last or entry.seq > last[case.number].seq):
            last[case.number] = entry
    for number, entry in last.items():
        (hits if entry.action in _VALID else misses).append(Ref(number, entry.seq))
    return Figure(Unit.RATIO, tuple(hits), tuple(misses))


@_indicator(
    _("巡查发现率"), Unit.RATIO, _("本期内立案的案件中，由网格员巡查发现的比例（其余由群众、热线等反映）。单位：件。")
)
def patrol_found_ratio(facts: Facts) -> Figure:
    """巡查发现率: of the cases filed in the period, those that a field worker found, not the public. Ratio of cases."""
    hits, misses = [], []
    source = {case.number: case.source for case, _entry in facts.happened("file")}
    for ref in filed(facts).hits:
        (hits if source[ref.number] == "worker" else misses).append(ref)
    return Figure(Unit.RATIO, tuple(hits), tuple(misses))


@_indicator(_("满意率"), Unit.RATIO, _("本期内作出的评价中，满意和非常满意的比例；未评价的不计。单位：件。"))
def satisfaction_ratio(facts: Facts) -> Figure:
    """满意率: of the evaluations given in the period, those satisfied or very satisfied; "not rated" is none."""
    hits, misses = [], []
    for case, entry in facts.happened("evaluate"):
        if entry.result != "not_rated":
            satisfied = entry.result in ("very_satisfied", "satisfied")
            (hits if satisfied else misses).append(Ref(case.number, entry.seq))
    return Figure(Unit.RATIO, tuple(hits), tuple(misses))
