"""Who is to handle a case where: the rules in the process, their order, and their only writer.

Of the live rules that fit a case (its standard or category or 大类 or all; an area of its chain; its zones; working or
resting time) the most specific wins, compared in this order, published for whoever writes rules:

1. the filing standard, then the 小类, then the 大类, then a rule for everything;
2. the deeper area;
3. a rule for a service zone before one for none;
4. a rule for working or resting time before one for any time;
5. the higher priority;
6. the older rule (lower id).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from dispatch.models import RoutingRule
from gridgov.common import audit, clock, work_calendar
from gridgov.common.errors import Conflict, FieldError, NotPermitted
from gridgov.common.models import User
from gridgov.common.reference import Reference, touch
from grids import permissions
from grids.capabilities import Capability
from grids.models import Area, ServiceZone
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import Category, FilingStandard
from personnel.models import Department
from personnel.selectors import DepartmentTree, department_tree

ROUTING = "routing"
Times = RoutingRule.CalendarClass


@dataclass(frozen=True, slots=True)
class Rule:
    """A live rule."""

    id: int
    standard_id: int | None
    category_id: int | None
    area_id: int
    zone_id: int | None
    calendar_class: str
    lead_id: int
    joint_ids: tuple[int, ...]
    priority: int
    note: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A case as the rules see it. ``category_ids``: 小类 and 大类; ``chain``: area ids from the city down."""

    standard_id: int | None
    category_ids: tuple[int, ...]
    chain: tuple[int, ...]
    zone_ids: frozenset[int]
    is_working: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who should handle it, and why. ``lead_department_id`` None: no rule fits, a person decides."""

    lead_department_id: int | None
    joint_ids: tuple[int, ...]
    rule_id: int | None
    reason: str


# --- order (pure) -------------------------------------------------------------------------------------------------


def rank(rule: Rule, asked: Asked) -> tuple[int, ...] | None:
    """Where the rule stands among those that fit: the greatest wins. None if it does not fit."""
    if rule.standard_id is not None:
        if rule.standard_id != asked.standard_id:
            return None
        subject = 3
    elif rule.category_id is None:
        subject = 0
    elif rule.category_id in asked.category_ids:
        subject = 2 - asked.category_ids.index(rule.category_id)
    else:
        return None
    if rule.area_id not in asked.chain or (rule.zone_id is not None and rule.zone_id not in asked.zone_ids):
        return None
    if rule.calendar_class != Times.ANY and (rule.calendar_class == Times.WORKING) != asked.is_working:
        return None
    return (
        subject,
        asked.chain.index(rule.area_id),
        int(rule.zone_id is not None),
        int(rule.calendar_class != Times.ANY),
        rule.priority,
        -rule.id,
    )


def best(rules: Iterable[Rule], asked: Asked) -> Rule | None:
    """The rule that wins, None if none fits."""
    fitting = [(found, rule) for rule in rules if (found := rank(rule, asked)) is not None]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


# --- in the process -----------------------------------------------------------------------------------------------


def _load() -> Mapping[int, tuple[Rule, ...]]:
    """The live rules by city."""
    joint: dict[int, list[int]] = {}
    pairs = RoutingRule.joint.through.objects.filter(routingrule__superseded_at__isnull=True).order_by("id")
    for rule_id, department_id in pairs.values_list("routingrule_id", "department_id"):
        joint.setdefault(rule_id, []).append(department_id)
    found: dict[int, list[Rule]] = {}
    rows = RoutingRule.objects.filter(superseded_at__isnull=True).values_list(
        "area__root_id", "id", "standard_id", "category_id", "area_id", "zone_id", "calendar_class", "lead_id",
        "priority", "note",
    )  # fmt: skip
    for root_id, pk, *fields, priority, note in rows:
        rule = Rule(pk, *fields, joint_ids=tuple(joint.get(pk, ())), priority=priority, note=note)
        found.setdefault(root_id, []).append(rule)
    return {root_id: tuple(rules) for root_id, rules in found.items()}


_rules: Reference[Mapping[int, tuple[Rule, ...]]] = Reference(ROUTING, _load)


def propose(
    *,
    standard_id: int | None,
    category_id: int,
    chain: Sequence[int | None],
    zone_ids: Iterable[int],
    at: datetime,
) -> Proposal:
    """Who should handle a case of that standard and category, at the place ``chain`` (from the city down), at ``at``.

    Departments that are no longer active are never proposed.
    """
    tree = department_tree()
    ids = tuple(area_id for area_id in chain if area_id is not None)
    category = catalogue().category(category_id)
    asked = Asked(
        standard_id=standard_id,
        category_ids=(category_id, *((category.parent_id,) if category and category.parent_id else ())),
        chain=ids,
        zone_ids=frozenset(zone_ids),
        is_working=work_calendar.current().works_at(at),
    )
    live = [r for r in _rules.get().get(ids[0], ()) if _is_active(tree, r.lead_id)] if ids else []
    rule = best(live, asked)
    if rule is None:
        return Proposal(None, (), None, _("没有适用的派遣规则，请派遣员指定主办"))
    joint = tuple(i for i in rule.joint_ids if i != rule.lead_id and _is_active(tree, i))
    return Proposal(rule.lead_id, joint, rule.id, _reason(rule, tree, joint))


def _is_active(tree: DepartmentTree, department_id: int) -> bool:
    record = tree.find(department_id)
    return record is not None and record.is_active


def _reason(rule: Rule, tree: DepartmentTree, joint: Sequence[int]) -> str:
    """Which rule and why it fits, in words; at most 300 characters."""
    book = catalogue()
    standard = book.standard(rule.standard_id)
    if standard is not None:
        subject = _("立案条件%(code)s") % {"code": standard.code}
    else:
        subject = book.category_name(rule.category_id) or _("所有类别")
    said = [subject, areas.name(rule.area_id)]
    if rule.zone_id is not None:
        said.append(_("专属网格"))
    if rule.calendar_class != Times.ANY:
        said.append(str(Times(rule.calendar_class).label))
    text = _("规则%(id)s（%(fits)s）：主办%(lead)s") % {
        "id": rule.id, "fits": _("，").join(said), "lead": tree.name(rule.lead_id),
    }  # fmt: skip
    if joint:
        text += _("，协办%(joint)s") % {"joint": _("、").join(tree.name(i) for i in joint)}
    if rule.note:
        text += _("。依据：%(note)s") % {"note": rule.note}
    return text[:300]


def proposal_for(incident: Any, *, at: datetime) -> Proposal:
    """:func:`propose` for a case."""
    chain = (incident.city_id, incident.district_id, incident.street_id, incident.community_id, incident.grid_id)
    deepest = next((area_id for area_id in reversed(chain) if area_id is not None), None)
    return propose(
        standard_id=incident.standard_id,
        category_id=incident.category_id,
        chain=chain,
        zone_ids=areas.zones_of(deepest),
        at=at,
    )


# --- saving -------------------------------------------------------------------------------------------------------


def save_rule(
    *,
    area: Area,
    lead: Department,
    joint: Iterable[Department] = (),
    standard: FilingStandard | None = None,
    category: Category | None = None,
    zone: ServiceZone | None = None,
    calendar_class: str = Times.ANY,
    priority: int = 0,
    note: str = "",
    replaces: RoutingRule | None = None,
    by: User | None = None,
    at: datetime | None = None,
) -> RoutingRule:
    """A new rule is live, as the next version of ``replaces`` if that is given; every process uses it within seconds.

    Rules are never changed in place: proposals made under the old one still name it. ``lead``, ``joint``: departments;
    ``by`` None is the system. Raises FieldError, NotPermitted, Conflict (``replaces`` was replaced before).
    """
    _require(by, area)
    joint = list(joint)
    rule = RoutingRule(
        standard=standard, category=category, area=area, zone=zone, calendar_class=calendar_class, lead=lead,
        priority=priority, note=note, version=replaces.version + 1 if replaces is not None else 1,
    )  # fmt: skip
    _check(rule, joint)
    at = at or clock.now()
    with transaction.atomic():
        if replaces is not None:
            _supersede(replaces, at)
        rule.save(force_insert=True)
        rule.joint.set(joint)
        audit.record(action="routing.save_rule", actor=by, obj=rule, detail=_described(rule, joint, replaces), at=at)
        touch(ROUTING)
    return rule


def _check(rule: RoutingRule, joint: Sequence[Department]) -> None:
    """Raises FieldError for a rule, not saved yet, that cannot be."""
    root_id = rule.area.root_id or rule.area.pk
    if rule.standard is not None and rule.category is not None:
        raise FieldError("category", _("立案条件和类别只能选一个"))
    if rule.zone is not None and rule.zone.root_id != root_id:
        raise FieldError("zone", _("专属网格不属于该城市"))
    if rule.calendar_class not in Times.values:
        raise FieldError("calendar_class", _("没有这个时段：%s") % rule.calendar_class)
    if len(rule.note) > 200:
        raise FieldError("note", _("最长200字"))
    for name, department in (("lead", rule.lead), *(("joint", d) for d in joint)):
        if not department.is_active or department.root_id != root_id:
            raise FieldError(name, _("部门“%s”已停用，或不属于该城市") % department.name)
    if rule.lead in joint:
        raise FieldError("joint", _("主办不能同时是协办"))


def _described(rule: RoutingRule, joint: Sequence[Department], replaces: RoutingRule | None) -> dict[str, Any]:
    """The rule in codes, for the audit trail."""
    return {
        "replaces": replaces.pk if replaces is not None else None,
        "standard": rule.standard.code if rule.standard is not None else "",
        "category": rule.category.code if rule.category is not None else "",
        "area": rule.area.code,
        "lead": rule.lead.code,
        "joint": [department.code for department in joint],
        "calendar_class": str(rule.calendar_class),
        "priority": rule.priority,
    }


def withdraw_rule(*, rule: RoutingRule, reason: str, by: User | None = None, at: datetime | None = None) -> None:
    """The rule is no longer used; it stays, with the time. Raises FieldError, NotPermitted, Conflict."""
    _require(by, rule.area)
    if not reason.strip():
        raise FieldError("reason", _("请填写原因"), code="required")
    at = at or clock.now()
    with transaction.atomic():
        _supersede(rule, at)
        audit.record(action="routing.withdraw_rule", actor=by, obj=rule, detail={"reason": reason[:200]}, at=at)
        touch(ROUTING)


def _supersede(rule: RoutingRule, at: datetime) -> None:
    if not RoutingRule.objects.filter(pk=rule.pk, superseded_at__isnull=True).update(superseded_at=at):
        raise Conflict(_("该规则已被取代"), code="superseded")
    rule.superseded_at = at


def _require(by: User | None, area: Area) -> None:
    if by is None or by.is_superuser:
        return
    grants = permissions.grants_of(by, clock.local_date(clock.now()))
    if not permissions.may(grants, Capability.MANAGE_RULES, areas.chain(area.pk)):
        message = _("此操作需要：%(needed)s") % {"needed": Capability.MANAGE_RULES.label}
        raise NotPermitted(message, missing=Capability.MANAGE_RULES.value)


def load_rules(*, area: Area, rows: Iterable[Mapping[str, Any]]) -> int:
    """A rule for ``area`` for each row ``{"category" or "standard", "lead", "joint"}`` (codes) that has no rule yet.

    A subject that has a live rule there keeps it, so that what was changed by hand stays. In one transaction and some
    statements for all of them. How many were new. Raises FieldError for what is not there, or does not fit.
    """
    departments = {d.code: d for d in Department.objects.filter(root=area.root_id or area.pk)}
    subjects = {
        "category": {row.code: row for row in Category.objects.all()},
        "standard": {row.code: row for row in FilingStandard.objects.all()},
    }
    live = RoutingRule.objects.filter(area=area, superseded_at__isnull=True)
    present = set(live.values_list("category__code", "standard__code"))
    at = clock.now()
    new: list[tuple[RoutingRule, list[Department]]] = []
    for row in rows:
        subject = (row.get("category"), row.get("standard"))
        if subject in present:
            continue
        present.add(subject)
        missing = [code for code in (row["lead"], *row.get("joint", ())) if code not in departments]
        if missing:
            raise FieldError("lead", _("没有这个部门：%s") % _("、").join(missing))
        joint = [departments[code] for code in row.get("joint", ())]
        rule = RoutingRule(
            area=area, lead=departments[row["lead"]], note=row.get("note", ""),
            category=_named(subjects, "category", row), standard=_named(subjects, "standard", row),
        )  # fmt: skip
        _check(rule, joint)
        new.append((rule, joint))
    if not new:
        return 0
    with transaction.atomic():
        RoutingRule.objects.bulk_create([rule for rule, _joint in new])
        through = RoutingRule.joint.through
        through.objects.bulk_create(
            through(routingrule_id=rule.pk, department_id=department.pk) for rule, joint in new for department in joint
        )
        audit.record_all(
            action="routing.save_rule", rows=[(rule, _described(rule, joint, None)) for rule, joint in new], at=at
        )
        touch(ROUTING)
    return len(new)


def _named(subjects: Mapping[str, Mapping[str, Any]], field: str, row: Mapping[str, Any]) -> Any:
    if not row.get(field):
        return None
    found = subjects[field].get(row[field])
    if found is None:
        raise FieldError(field, _("没有 %s") % row[field])
    return found
