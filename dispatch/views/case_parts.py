"""The parts of the case page, each as plain values for the template. Nothing here asks the database."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from dispatch.actors import Actor
from dispatch.cases import RequestState
from dispatch.component_words import titled
from dispatch.models import Request, Ticket
from dispatch.parties import is_handler
from dispatch.selectors import CaseView, ClockView
from dispatch.views.journal_words import Line, line
from dispatch.views.words import Chip, case_chip, clock_chip, due_chip
from gridgov.common import work_calendar
from gridgov.common.business_time import remaining
from gridgov.common.json_rows import instant
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import Category, Incident
from incidents.workflow import DECIDERS, ENDED, STAGE_OF, RequestKind, Stage, Status
from personnel.selectors import department_tree

#: The entry that ends each stage.
ENDS = {
    Stage.ACCEPT: ("accept", "confirm_check", "answer", "resolve_on_site", "refuse_on_site"),
    Stage.FILE: ("file",),
    Stage.DISPATCH: ("dispatch", "impose"),
    Stage.HANDLE: ("feed_back",),
    Stage.FEED_BACK: ("request_verification", "approve_on_site"),
    Stage.VERIFY: ("close", "force_close", "close_with_parent"),
    Stage.EVALUATE: ("evaluate",),
}
PHOTO_GROUPS = (
    (gettext_lazy("处置后"), ("feed_back", "reach_milestone", "resolve_on_site", "joint_done")),
    (pgettext_lazy("noun", "核查"), ("pass", "fail")),
)
MINOR_CLOCKS = ("cancelled",)


def parsed(value: str | datetime | None) -> datetime | None:
    """An instant, out of ISO text if need be."""
    return instant(value) if isinstance(value, str) else value


def subject(view: CaseView) -> str:
    """井盖缺失; 路灯 · 中山桥头灯 where the component is known."""
    category = catalogue().category(view.case.incident.category_id)
    return titled(category.name if category else "", view.component)


def where(view: CaseView) -> str:
    """The address that was given, else that of the component."""
    return view.case.incident.address or (view.component.place if view.component is not None else "")


def title(view: CaseView) -> str:
    """井盖缺失 · 福利西路 128 号门前."""
    parts = [subject(view), where(view)]
    return " · ".join(part for part in parts if part)


def kind(view: CaseView) -> str:
    """事件 / 市容环境: what the subject is one of."""
    known = catalogue()
    category = known.category(view.case.incident.category_id)
    parent = known.category(category.parent_id) if category is not None else None
    return " / ".join([str(Category.Kind(parent.kind).label), parent.name]) if parent is not None else ""


def group(view: CaseView) -> str:
    """部件 / 公用设施 / 井盖缺失."""
    known = catalogue()
    category = known.category(view.case.incident.category_id)
    if category is None:
        return ""
    parent = known.category(category.parent_id)
    return " / ".join(part.name for part in (parent, category) if part is not None)


def component(view: CaseView) -> str:
    """路灯001号（6201040118000001）, with its place where the case has another address; empty for none."""
    return view.component.label_beside(where(view)) if view.component is not None else ""


def place(view: CaseView) -> str:
    """福利路街道 / 山丹街社区 / 012 格."""
    incident = view.case.incident
    if not incident.is_placed:
        return _("未定位，由%(centre)s承办") % {"centre": areas.full_name(incident.holder_id)}
    chain = (incident.district_id, incident.street_id, incident.community_id, incident.grid_id)
    return " / ".join(name for name in map(areas.name, chain) if name)


def badges(view: CaseView) -> list[tuple[str, str]]:
    """Status, then the exceptions."""
    i = view.case.incident
    status = Status(i.status)
    kind = "pause" if status is Status.SUSPENDED else "" if status in ENDED else "live"
    found = [(str(status.label), kind)]
    for count, words, kind in (
        (i.supervision_level, _("督办 %(n)s 级"), "over"),
        (i.return_count, _("退单 %(n)s 次"), "soon"),
        (i.rework_count, _("返工 %(n)s 次"), "soon"),
        (i.extension_count, _("延期 %(n)s 次"), "soon"),
        (i.reopen_count, _("重新立案 %(n)s 次"), "soon"),
    ):
        if count:
            found.append((words % {"n": count}, kind))
    for is_so, words, kind in (
        (i.is_urgent, _("紧急"), "over"),
        (i.is_confidential, _("保密"), "pause"),
        (i.is_force_closed, pgettext("done", "强制结案"), "soon"),
        (i.is_answered, pgettext("done", "直接答复"), ""),
    ):
        if is_so:
            found.append((words, kind))
    return found


def chip(view: CaseView, now: datetime) -> Chip:
    """The time of the case as a whole: what its queue is ordered by."""
    i = view.case.incident
    started = next((c.started_at for c in view.case.clocks if c.is_live and c.due_at == i.due_at), i.status_at)
    return case_chip(
        status=i.status, due_at=i.due_at, started_at=started, suspended_until=i.suspended_until,
        level=i.supervision_level, ended=Status(i.status) in ENDED, now=now,
    )  # fmt: skip


def rail(view: CaseView) -> list[dict[str, Any]]:
    """The seven stages: done with when, the present one, and those to come."""
    status = Status(view.case.incident.status)
    order = list(Stage)
    here = order.index(STAGE_OF[status])
    is_over = status in ENDED and status not in (Status.CLOSED,)
    found = []
    for position, stage in enumerate(order):
        at = next((e.at for e in reversed(view.journal) if e.action in ENDS[stage]), None)
        done = position < here or status is Status.EVALUATED
        found.append(
            {
                "label": str(stage.label),
                "state": "done" if done else "now" if position == here and not is_over else "next",
                "at": at if done else None,
                "words": str(status.label) if position == here and not done else "",
            }
        )
    return found


def facts(view: CaseView) -> list[tuple[str, Any]]:
    """The facts in the order in which they are asked for. Instants stay instants: the template says them."""
    i = view.case.incident
    names = view.names
    standard = catalogue().standard(i.standard_id)
    reporter = " ".join(part for part in (view.reporter_name, view.reporter_phone) if part)
    found: list[tuple[str, Any]] = [
        (_("地点"), where(view)),
        (_("网格"), place(view)),
        (_("部件"), component(view)),
        (
            _("来源"),
            str(Incident.Source(i.source).label)
            + (f" · {names[i.reported_by_id]}" if i.reported_by_id in names else ""),
        ),
        (_("上报人"), reporter),
        (_("收到"), i.received_at),
        (_("发生"), i.occurred_at),
        (_("立案条件"), standard.condition if standard else ""),
        (_("结案条件"), standard.closing_condition if standard else ""),
        (_("承办中心"), areas.full_name(i.holder_id)),
        (_("首问中心"), areas.full_name(i.first_receiver_id) if i.first_receiver_id != i.holder_id else ""),
        (_("核实人"), names.get(i.checker_id, "") if i.checker_id else ""),
        (_("核查人"), names.get(i.verifier_id, "") if i.verifier_id else ""),
        (_("挂账至"), i.suspended_until),
        (pgettext("noun", "评价"), i.get_evaluation_display() if i.evaluation else ""),
    ]
    if i.lon is not None:
        found.insert(2, (_("坐标"), f"{i.lon:.6f}, {i.lat:.6f}"))
    return [(label, value) for label, value in found if value not in (None, "")]


def clocks(view: CaseView, now: datetime) -> list[dict[str, Any]]:
    """The clocks, live ones first, then total, then the ended ones from the last; cancelled ones last."""

    def order(shown: ClockView) -> tuple[int, int]:
        c = shown.clock
        rank = 0 if c.is_live and c.kind != "total" else 1 if c.is_live else 3 if c.state in MINOR_CLOCKS else 2
        return rank, -(c.id or 0)

    found = []
    for shown in sorted(view.clocks, key=order):
        c = shown.clock
        if c.allowance is None:
            continue  # nothing to be late for
        worked = _working_time_left(shown, now)
        found.append(
            {
                "label": shown.label + (" " + _("第 %(n)s 轮") % {"n": c.cycle} if c.cycle > 1 else ""),
                "is_live": c.is_live,
                "is_total": c.kind == "total",
                "allowance": shown.allowance,
                "due_at": c.due_at,
                "stopped_at": c.stopped_at,
                "state": c.state,
                "chip": _clock_chip(view, shown, worked, now),
                "explain": shown.explain,
                "worked": worked,
                "is_exempt": shown.is_exempt,
                "milestones": [_milestone(m, c.started_at, now) for m in c.milestones],
            }
        )  # fmt: skip
    return found


def _clock_chip(view: CaseView, shown: ClockView, worked: str, now: datetime) -> Chip:
    c = shown.clock
    chip = clock_chip(
        state=c.state,
        due_at=c.due_at,
        started_at=c.started_at,
        stopped_at=c.stopped_at,
        suspended_until=view.case.incident.suspended_until,
        cured=c.breach_cured_at is not None,
        now=now,
    )
    # a night between is not early: how early it was is said in working time
    return replace(chip, parts=((_("按时"), False),)) if chip.kind == "met" and worked else chip


def _working_time_left(shown: ClockView, now: datetime) -> str:
    """What is, or was, left in the limit's own time, where that is not the time on the wall: 剩 3 工作时."""
    c = shown.clock
    if c.allowance is None or c.calendar_version_id is None or not c.allowance.unit.is_working or c.due_at is None:
        return ""
    until = c.stopped_at or now
    if c.state == "cancelled" or until >= c.due_at:
        return ""
    calendar = work_calendar.load(c.calendar_version_id)
    left = remaining(c.segments, c.allowance, calendar, until).describe(calendar.nominal_day_minutes)
    return (_("按工作时间剩 %(left)s") if c.is_live else _("按工作时间提前 %(left)s")) % {"left": left}


def opening(view: CaseView) -> dict[str, Any]:
    """What is the matter, and what the dispatcher said to the handler: read before anything is done."""
    sent = next((e for e in reversed(view.journal) if e.action in ("dispatch", "impose")), None)
    note = (
        sent.text if sent is not None and view.case.incident.status in ("dispatched", "handling", "suspended") else ""
    )
    supervised = next((e for e in reversed(view.journal) if e.action == "supervise"), None)
    return {
        "description": view.case.incident.description,
        "note": note,
        "supervised": supervised.text if supervised is not None and view.case.incident.ended_at is None else "",
    }


def _milestone(m: Mapping[str, Any], started_at: datetime, now: datetime) -> dict[str, Any]:
    due_at, met_at = parsed(m.get("due_at")), parsed(m.get("met_at"))
    chip = None if met_at else due_chip(due_at, now=now, started_at=started_at)
    return {"label": m["label"], "due_at": due_at, "met_at": met_at, "chip": chip}


def journal(view: CaseView) -> list[Line]:
    """The whole journal, newest first."""
    return [line(entry, view.names) for entry in reversed(view.journal)]


def photos(view: CaseView) -> list[tuple[str, list[dict[str, Any]]]]:
    """The photos and files: before handling, after it, of verification."""
    brought = {e.seq: e for e in view.journal}
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in view.attachments:
        entry = brought.get(row["entry_seq"])
        action = entry.action if entry else ""
        name = next((str(label) for label, actions in PHOTO_GROUPS if action in actions), str(_("处置前")))
        if action.startswith("request_") and action != "request_check":
            name = str(_("申请依据"))
        groups.setdefault(name, []).append(
            {
                "id": UUID(str(row["id"])),
                "is_image": row["kind"] == "image",
                "name": row["name"],
                "at": parsed(row["taken_at"]) or parsed(row["uploaded_at"]),
                "is_taken": bool(row["taken_at"]),
                "by": view.names.get(row["uploaded_by_id"], _("上报人")),
                "width": row["width"],
                "height": row["height"],
            }
        )
    order = [str(_("处置前")), *(str(label) for label, _actions in PHOTO_GROUPS), str(_("申请依据"))]
    return [(name, groups[name]) for name in order if name in groups]


def compared(found: list[tuple[str, list[dict[str, Any]]]]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The first picture before handling and the last one after it, to be laid over each other; None without both."""
    groups = {name: [file for file in files if file["is_image"]] for name, files in found}
    before, after = groups.get(str(_("处置前"))), groups.get(str(_("处置后")))
    return (before[0], after[-1]) if before and after else None


def tickets(view: CaseView, now: datetime, actor: Actor) -> list[dict[str, Any]]:
    """The tickets, those of the present dispatch first, the lead before the joint ones."""
    found = []
    for t in sorted(view.case.tickets, key=lambda t: (-t.assignment, not t.is_lead, t.id)):
        chip = None
        if t.is_live:
            chip = due_chip(t.due_at, now=now, started_at=t.dispatched_at)
        found.append(
            {
                "id": t.id,
                "name": handler(view, t.department_id, t.worker_id),
                "is_lead": t.is_lead,
                "is_final": t.is_final,
                "state": str(Ticket.State(t.state).label),
                "is_live": t.is_live,
                "is_open": t.state == "open",
                "chip": chip,
                "round": t.round,
                "dispatched_by": view.names.get(t.dispatched_by_id, _("系统")) if t.dispatched_by_id else _("系统"),
                "dispatched_at": t.dispatched_at,
                "signed_by": view.names.get(t.signed_by_id, "") if t.signed_by_id else "",
                "signed_at": t.signed_at,
                "ended_at": t.ended_at,
                "result": t.result,
                "is_my_joint": not t.is_lead and t.is_live and is_handler(t.department_id, t.worker_id, actor),
            }
        )
    return found


def handler(view: CaseView, department_id: int | None, worker_id: int | None) -> str:
    """The name of a ticket's handler."""
    if department_id is not None:
        return department_tree().full_name(department_id)
    return view.worker_names.get(worker_id, _("人员")) if worker_id is not None else ""


def request(view: CaseView, asked: RequestState) -> dict[str, Any]:
    """A request in words."""
    return {
        "id": asked.id,
        "kind": str(RequestKind(asked.kind).label),
        "state": str(Request.State(asked.state).label),
        "is_pending": asked.is_pending,
        "is_granted": asked.state == "granted",
        "by": view.names.get(asked.asked_by_id, ""),
        "at": asked.asked_at,
        "reason": asked.reason,
        "until": asked.until,
        "decide_by_at": asked.decide_by_at,
        "level": str(DECIDERS[min(asked.level, len(DECIDERS) - 1)].label),
        "decided_by": view.names.get(asked.decided_by_id, "") if asked.decided_by_id else "",
        "decided_at": asked.decided_at,
        "decision_reason": asked.decision_reason,
    }


def duplicates(view: CaseView) -> list[dict[str, Any]]:
    """The cases that may be the same one, the likeliest first."""
    known = catalogue()
    return [
        d
        | {
            "title": known.category_name(d["category_id"]).rpartition("／")[2],
            "status_label": str(Status(d["status"]).label),
            "percent": round(d["score"] * 100),
            "metres": round(d["distance_m"]),
        }
        for d in view.duplicates
    ]


def proposal(view: CaseView) -> Mapping[str, Any] | None:
    """What routing proposes, while it can still be of use."""
    routing = view.routing
    if routing is None or view.case.incident.status not in ("filed",):
        return None
    tree = department_tree()
    return {
        "lead": tree.full_name(routing["lead_id"]) if routing["lead_id"] else "",
        "joint": _("、").join(tree.full_name(pk) for pk in routing["joint"] or [] if isinstance(pk, int)),
        "reason": routing["reason"],
    }
