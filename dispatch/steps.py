"""The rules of each action beyond the table: what its payload must say, and what it changes.

One function an action, named in :data:`RULES`; an action without one has no rule beyond its line. Each gets the case
as read and the checked payload, raises what is wrong, and returns a :class:`Step`. Nothing is written here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from dispatch import payload as read
from dispatch.actors import Actor, actor_of
from dispatch.cases import Case, RequestState
from dispatch.parties import barred_from_verifying
from dispatch.visibility import cases_of
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotPermitted
from grids import permissions
from grids.capabilities import Capability
from grids.spatial import areas
from incidents.catalogue import StandardSpec, catalogue
from incidents.models import Incident
from incidents.workflow import OPEN, REJECT_REASONS, RESULTS, Action, Status, Transition

REOPEN_LIMIT = 2
#: Where no standard says it: days until the system writes down that nobody rated.
EVALUATE_DAYS = 7
EXTENSION_LIMIT = 2
IMPOSE_AFTER_RETURNS = 2
SUSPEND_LIMIT = timedelta(days=366)
SUPERVISION_LEVELS = 4
#: Who may be asked to verify: the grid's worker, its leader, or a verifier of the desk.
VERIFIERS = (Capability.PATROL, Capability.LEAD_GRID, Capability.VERIFY)


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything a rule may look at."""

    case: Case
    line: Transition
    by: Actor
    given: Mapping[str, Any]
    at: datetime
    request: RequestState | None = None


@dataclass(slots=True)
class Step:
    """What an action changes: columns of the case, facts for the journal, words, tickets, photos, another case."""

    changes: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    attachments: tuple[UUID, ...] = ()
    lead: read.Handler | None = None
    joint: tuple[read.Handler, ...] = ()
    milestone: str = ""
    into_id: int | None = None


def words(asked: Asked) -> str:
    """The free text of the payload as one, for the journal."""
    reason = asked.given.get("reason", "")
    if asked.line.action in (Action.REJECT, Action.DECLINE):
        reason = ""
    return "\n".join(
        part.strip() for part in (reason, asked.given.get("note", ""), asked.given.get("waive", "")) if part
    )


def photos(asked: Asked, least: int, name: str = "attachments") -> tuple[UUID, ...]:
    found = read.uuids(name, asked.given.get(name, ()))
    if len(found) < least:
        raise FieldError(name, _("至少要%(least)s张照片") % {"least": least}, code="required")
    return found


def standard_of(asked: Asked) -> StandardSpec | None:
    return catalogue().standard(asked.case.incident.standard_id)


# --- 受理 ---------------------------------------------------------------------------------------------------------


def _accept(asked: Asked) -> Step:
    incident = asked.case.incident
    if not incident.is_placed:
        raise FieldError("lon", _("受理前须先定位：请用更正补上位置"), code="required")
    step = Step()
    if "category" in asked.given:
        _category(asked, step)
    return step


def _category(asked: Asked, step: Step) -> None:
    code = asked.given["category"]
    found = catalogue().category_by_code(str(code))
    if found is None or not found.is_reportable:
        raise FieldError("category", _("没有这个类别：%(code)s") % {"code": str(code)[:40]})
    if found.id != asked.case.incident.category_id:
        step.changes |= {"category_id": found.id, "is_urgent": found.is_urgent}
        step.changes["is_confidential"] = asked.case.incident.is_confidential or found.is_confidential
        step.facts["category"] = found.code


def _request_check(asked: Asked) -> Step:
    user_id = read.integer("checker", asked.given["checker"])
    on = clock.local_date(asked.at)
    chain = [area_id for area_id in (*asked.case.place_chain, *asked.case.holder_chain) if area_id is not None]
    able = {h.user_id for h in permissions.holders(on=on, areas_in=chain, capability=Capability.PATROL)}
    if user_id not in able:
        raise FieldError("checker", _("核实人须是本区域在岗的网格员"))
    return Step(changes={"checker_id": user_id}, facts={"checker": user_id})


def _checked(asked: Asked) -> Step:
    found = photos(asked, 1)
    return Step(changes={"checker_id": None}, attachments=found)


def _cancel_check(asked: Asked) -> Step:
    if asked.by.is_system:
        check = asked.case.live_clock("check")
        if check is None or check.due_at is None or check.due_at > asked.at:
            raise Conflict(_("核实尚未超时"), code="not_due")
    return Step(changes={"checker_id": None})


def _listed_reason(asked: Asked) -> Step:
    reason = asked.given["reason"]
    if reason not in REJECT_REASONS:
        raise FieldError("reason", _("请从原因列表中选择"), choices=list(REJECT_REASONS))
    return Step(facts={"reason": reason})


def _answer(asked: Asked) -> Step:
    category = catalogue().category(asked.case.incident.category_id)
    if category is None or not category.is_answerable:
        raise Conflict(_("这一类别不能直接答复"), code="not_answerable")
    return Step(changes={"is_answered": True})


def _resolve_on_site(asked: Asked) -> Step:
    step = Step(changes={"on_site_by_id": asked.by.user_id}, attachments=photos(asked, 2))
    if asked.case.last_lead is not None:
        # reopened or reinstated: what a handler did before is not the ticket of what the worker does now
        step.changes["assignment"] = asked.case.incident.assignment + 1
    return step


def _verifier_cleared(asked: Asked) -> Step:
    return Step(changes={"verifier_id": None})


# --- 立案、派遣 ---------------------------------------------------------------------------------------------------


def _standard(asked: Asked, code: Any, category_id: int) -> StandardSpec:
    found = catalogue().standard_by_code(str(code))
    if found is None or not found.is_active or found.category_id != category_id:
        raise FieldError("standard", _("不是本类别在用的立案条件：%(code)s") % {"code": str(code)[:40]})
    return found


def _file(asked: Asked) -> Step:
    found = _standard(asked, asked.given["standard"], asked.case.incident.category_id)
    return Step(changes={"standard_id": found.id}, facts={"standard": found.code, "standard_version": found.version})


def _dispatch(asked: Asked) -> Step:
    incident = asked.case.incident
    lead = read.handler("lead", asked.given["lead"], root_id=incident.city_id)
    joint = read.handlers("joint", asked.given.get("joint", ()), root_id=incident.city_id, lead=lead)
    if asked.line.action is Action.IMPOSE and incident.return_count < IMPOSE_AFTER_RETURNS:
        raise Conflict(
            _("退单%(count)s次后才能裁定") % {"count": IMPOSE_AFTER_RETURNS},
            code="not_yet",
            returns=incident.return_count,
        )
    return Step(
        changes={"assignment": incident.assignment + 1},
        facts={
            "assignment": incident.assignment + 1,
            "lead": lead.as_json(),
            "joint": [handler.as_json() for handler in joint],
        },
        lead=lead,
        joint=joint,
    )


# --- 处理、反馈 ---------------------------------------------------------------------------------------------------


def _return(asked: Asked) -> Step:
    lead = asked.case.lead
    if lead is not None and lead.is_final:
        raise Conflict(_("裁定派遣的工单不能退单"), code="final_ticket")
    return Step(
        changes={"return_count": asked.case.incident.return_count + 1}, facts={"ticket": lead.id if lead else None}
    )


def _suspend(asked: Asked) -> Step:
    until = read.instant("until", asked.given["until"])
    if asked.case.incident.was_suspended:
        raise Conflict(_("一件案件只能挂账一次"), code="suspended_before")
    if until <= asked.at:
        raise FieldError("until", _("挂账期限须晚于现在"))
    if until > asked.at + SUSPEND_LIMIT:
        raise FieldError("until", _("挂账最长一年"))
    return Step(changes={"suspended_until": until, "was_suspended": True}, facts={"until": until.isoformat()})


def _resume(asked: Asked) -> Step:
    until = asked.case.incident.suspended_until
    if asked.by.is_system and until is not None and until > asked.at:
        raise Conflict(_("挂账尚未到期"), code="not_due")
    return Step()


def _extend(asked: Asked) -> Step:
    return Step(changes={"extension_count": asked.case.incident.extension_count + 1})


def _reach_milestone(asked: Asked) -> Step:
    handle = asked.case.live_clock("handle")
    key = str(asked.given["milestone"])
    waiting = [m for m in handle.milestones if not m.get("met_at")] if handle else []
    if key not in {m["key"] for m in waiting}:
        raise FieldError("milestone", _("没有这个待完成的节点"), choices=[m["key"] for m in waiting])
    limit = next(lim for lim in handle.limits if lim["key"] == key)  # type: ignore[union-attr]
    return Step(facts={"milestone": key}, attachments=photos(asked, 1 if limit.get("evidence") else 0), milestone=key)


def _feed_back(asked: Asked) -> Step:
    standard = standard_of(asked)
    found = photos(asked, standard.after_photo_count if standard else 0)
    undone = [t.id for t in asked.case.joint if t.is_live]
    if undone and "waive" not in asked.given:
        raise FieldError("waive", _("还有%(count)s个协办未办结：请等其办结，或写明免除的原因") % {"count": len(undone)})
    if not undone and "waive" in asked.given:
        raise FieldError("waive", _("没有未办结的协办"), code="unexpected")
    return Step(attachments=found, facts={"waived": undone} if undone else {})


# --- 核查、结案 ---------------------------------------------------------------------------------------------------


def _verifier(asked: Asked) -> Step:
    raw = asked.given.get("verifier")
    if asked.by.is_system and asked.line.action is Action.REASSIGN_VERIFICATION:
        verify = asked.case.live_clock("verify")
        overdue = verify is not None and verify.due_at is not None and verify.due_at <= asked.at
        if asked.case.incident.verifier_id is not None and not overdue:
            raise Conflict(_("核查尚未超时"), code="not_due")
    if raw is None:
        return Step(changes={"verifier_id": None}, facts={"verifier": None})
    user_id = read.integer("verifier", raw)
    user = get_user_model().objects.filter(pk=user_id).first()
    person = actor_of(user, on=clock.local_date(asked.at)) if user is not None else None
    chain = (*asked.case.holder_chain, *asked.case.place_chain)
    if person is None or not any(person.may(capability, chain) for capability in VERIFIERS):
        raise FieldError("verifier", _("核查人须是本区域在岗的网格员、网格长或核查员"))
    bar = barred_from_verifying(
        asked.case, user_id=user_id, department_ids=person.department_ids, worker_id=person.worker_id
    )
    if bar:
        raise FieldError("verifier", _("核查人不得是处置人、派遣人或自行处置人"), code=f"separation:{bar}")
    return Step(changes={"verifier_id": user_id}, facts={"verifier": user_id})


def _verified(asked: Asked) -> Step:
    standard = standard_of(asked)
    found = photos(asked, max(1, standard.verification_photo_count if standard else 1))
    step = Step(changes={"verifier_id": None}, attachments=found, facts={"verifier": asked.by.user_id})
    if asked.line.action is Action.FAIL:
        step.changes["rework_count"] = asked.case.incident.rework_count + 1
    return step


def _force_close(asked: Asked) -> Step:
    return Step(changes={"is_force_closed": True, "verifier_id": None})


# --- 评价与其后 ---------------------------------------------------------------------------------------------------


def _evaluate(asked: Asked) -> Step:
    result = asked.given["result"]
    if not isinstance(result, str) or result not in RESULTS or (result == "not_rated" and not asked.by.is_system):
        raise FieldError("result", _("请选择评价结果"), choices=[r for r in RESULTS if r != "not_rated"])
    if asked.by.is_system:
        if result != "not_rated":
            raise NotPermitted(_("系统只能记为未评价"), missing="reporter")
        standard, closed_at = standard_of(asked), asked.case.incident.closed_at
        days = standard.evaluate_days if standard else EVALUATE_DAYS
        if closed_at is not None and asked.at < closed_at + timedelta(days=days):
            raise Conflict(_("评价期未满"), code="not_due")
    return Step(changes={"evaluation": result}, facts={"result": result})


def _reopen(asked: Asked) -> Step:
    incident = asked.case.incident
    standard = standard_of(asked)
    days = standard.reopen_days if standard else 15
    if incident.reopen_count >= REOPEN_LIMIT:
        raise Conflict(_("一件案件最多重新立案%(count)s次") % {"count": REOPEN_LIMIT}, code="reopened_before")
    if incident.closed_at is None or asked.at > incident.closed_at + timedelta(days=days):
        raise Conflict(_("结案已超过%(days)s天，不能重新立案") % {"days": days}, code="too_late")
    step = Step(
        changes={
            "reopen_count": incident.reopen_count + 1, "evaluation": "", "parent_id": None, "verifier_id": None,
            "is_answered": False, "is_force_closed": False,
        },
        facts={"former_lead": _former_lead(asked.case)},
    )  # fmt: skip
    if "standard" in asked.given or standard is None:
        # a case that was answered, fixed on the spot or closed with its main case was never filed
        own = catalogue().standards_of(incident.category_id)
        code = asked.given.get("standard") or (own[0].code if own else "")
        found = _standard(asked, code, incident.category_id)
        step.changes["standard_id"] = found.id
        step.facts |= {"standard": found.code, "standard_version": found.version}
    return step


def _former_lead(case: Case) -> dict[str, int] | None:
    leads = [t for t in case.tickets if t.is_lead]
    if not leads:
        return None
    return read.Handler(leads[-1].department_id, leads[-1].worker_id).as_json()


def _reinstate(asked: Asked) -> Step:
    return Step(changes={"parent_id": None, "verifier_id": None, "checker_id": None})


# --- 并案、转办、更正 ---------------------------------------------------------------------------------------------


def _merge(asked: Asked) -> Step:
    incident = asked.case.incident
    parent = (
        cases_of(asked.by, wide=True)
        .filter(number=str(asked.given["into"]).strip())
        .values("pk", "number", "status", "city_id")
        .first()
    )
    if parent is None:
        raise FieldError("into", _("没有这个案件"))
    if parent["pk"] == incident.pk:
        raise FieldError("into", _("不能并入自己"))
    if Status(parent["status"]) not in OPEN:
        raise FieldError("into", _("主案件%(status)s，不能并入") % {"status": Status(parent["status"]).label})
    if parent["city_id"] != incident.city_id:
        raise FieldError("into", _("主案件不在同一城市"))
    if Incident.objects.filter(parent=incident.pk, status=Status.MERGED).exists():
        raise FieldError("into", _("本案有并入的案件，请先撤销那些并案"))
    return Step(
        changes={"parent_id": parent["pk"], "status_before": incident.status},
        facts={"into": parent["number"]},
        into_id=parent["pk"],
    )


def _unmerge(asked: Asked) -> Step:
    if asked.by.is_system:
        status = Incident.objects.filter(pk=asked.case.incident.parent_id).values_list("status", flat=True).first()
        if status is None or status in OPEN or status in (Status.CLOSED, Status.EVALUATED):
            raise Conflict(_("主案件未以其他方式结束"), code="parent_open")
    return Step(changes={"parent_id": None})


def _close_with_parent(asked: Asked) -> Step:
    parent_status = Incident.objects.filter(pk=asked.case.incident.parent_id).values_list("status", flat=True).first()
    if parent_status not in (Status.CLOSED, Status.EVALUATED):
        raise Conflict(_("主案件尚未结案"), code="parent_open")
    return Step()


def _transfer(asked: Asked) -> Step:
    incident = asked.case.incident
    index = areas.index()
    target_id = read.integer("target", asked.given["target"])
    if target_id not in centres_next_to(asked.case):
        raise FieldError("target", _("只能转给上一级或下一级的指挥中心，且须管辖本案地点"))
    back = target_id == incident.previous_holder_id
    if back and incident.is_given_back:
        raise Conflict(_("已退回过一次，不能再退回"), code="given_back_before")
    return Step(
        changes={
            "holder_id": target_id,
            # who gave it back did not give it: sent again, it is the receiver's to keep
            "previous_holder_id": None if back else incident.holder_id,
            "is_given_back": back or incident.is_given_back,
        },
        facts={
            "from": incident.holder_id,
            "target": target_id,
            "target_code": index.get(target_id).code,
            "back": back,
        },
    )


def centres_next_to(case: Case) -> list[int]:
    """Ids of the centres that the case can be transferred to: the next one up, and the next ones down at its place."""
    index = areas.index()
    holder = index.find(case.incident.holder_id)
    if holder is None:
        return []
    above = index.centre_for(holder.parent_id) if holder.parent_id else None
    place = set(case.place_chain)
    below = [
        centre.id for centre in index.centres_below(holder.id) if not case.incident.is_placed or centre.id in place
    ]
    return ([above.id] if above else []) + below


def level_after(case: Case, given: Mapping[str, Any]) -> int:
    """The level that a supervision gives the case: the one asked for, else one higher, never a lower. FieldError."""
    current = case.incident.supervision_level
    level = read.integer("level", given["level"]) if "level" in given else min(current + 1, SUPERVISION_LEVELS)
    if not 1 <= level <= SUPERVISION_LEVELS:
        raise FieldError("level", _("督办级别须在1到%(most)s之间") % {"most": SUPERVISION_LEVELS})
    if level < current:
        raise FieldError("level", _("本案现为督办%(now)s级，级别不能降低") % {"now": current}, code="lower")
    return level


def _supervise(asked: Asked) -> Step:
    level = level_after(asked.case, asked.given)
    facts: dict[str, Any] = {"level": level}
    if "until" in asked.given:
        until = read.instant("until", asked.given["until"])
        if until <= asked.at:
            raise FieldError("until", _("回复期限须晚于现在"))
        facts["until"] = until.isoformat()
    return Step(changes={"supervision_level": Greatest(F("supervision_level"), Value(level))}, facts=facts)


def _note(asked: Asked) -> Step:
    return Step(attachments=photos(asked, 0))


Rule = Callable[[Asked], Step]

RULES: Mapping[Action, Rule] = {
    Action.ACCEPT: _accept,
    Action.REQUEST_CHECK: _request_check,
    Action.CONFIRM_CHECK: _checked,
    Action.REFUTE_CHECK: _checked,
    Action.CANCEL_CHECK: _cancel_check,
    Action.REJECT: _listed_reason,
    Action.ANSWER: _answer,
    Action.RESOLVE_ON_SITE: _resolve_on_site,
    Action.REFUSE_ON_SITE: _verifier_cleared,
    Action.FILE: _file,
    Action.DECLINE: _listed_reason,
    Action.DISPATCH: _dispatch,
    Action.IMPOSE: _dispatch,
    Action.RETURN: _return,
    Action.SUSPEND: _suspend,
    Action.RESUME: _resume,
    Action.EXTEND: _extend,
    Action.REACH_MILESTONE: _reach_milestone,
    Action.FEED_BACK: _feed_back,
    Action.REQUEST_VERIFICATION: _verifier,
    Action.REASSIGN_VERIFICATION: _verifier,
    Action.PASS: _verified,
    Action.FAIL: _verified,
    Action.FORCE_CLOSE: _force_close,
    Action.EVALUATE: _evaluate,
    Action.REOPEN: _reopen,
    Action.REINSTATE: _reinstate,
    Action.MERGE: _merge,
    Action.UNMERGE: _unmerge,
    Action.CLOSE_WITH_PARENT: _close_with_parent,
    Action.TRANSFER: _transfer,
    Action.SUPERVISE: _supervise,
    Action.NOTE: _note,
}
