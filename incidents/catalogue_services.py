"""The only writer of categories, filing standards, ladders and limits. Each call is one transaction and audited.

Saying the same again changes nothing. A change makes a new version: limits are superseded, never changed, and
running clocks keep theirs. ``by`` is who does it, None for the system (``load_catalogue``); a person needs
``manage_rules`` in a city. FieldError names what is wrong. Who saves many in one transaction gives ``touch`` False and
touches the catalogue once at its end, so that every process reads it again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from gridgov.common import audit, clock, reference
from gridgov.common.business_time import Allowance
from gridgov.common.errors import FieldError, NotPermitted
from gridgov.common.models import User
from grids import permissions
from grids.capabilities import Capability
from grids.models import Level
from grids.spatial import areas
from incidents.catalogue import CATALOGUE, StepSpec
from incidents.models import Category, Certainty, ClockKind, FilingStandard, Ladder, LadderStep, Limit
from incidents.workflow import Action

#: What the system may do without a click where a standard says so ("S" in the table of transitions).
SYSTEM_STEPS = (Action.ACCEPT, Action.FILE, Action.DISPATCH, Action.REQUEST_VERIFICATION, Action.CLOSE)
#: Names that the clocks use themselves; a ladder's steps have others.
RESERVED_STEPS = frozenset({"breach"})


@dataclass(frozen=True, slots=True)
class LimitInput:
    """A limit as it is asked for. Several of one clock are milestones in their order, each with its ``milestone``."""

    clock: str
    allowance: Allowance
    milestone: str = ""
    label: str = ""
    ladder: str = ""
    calendar: str = "default"
    evidence: str = ""
    certainty: str = Certainty.ASSUMED
    source: str = ""


def save_ladder(
    *,
    code: str,
    name: str,
    steps: Sequence[StepSpec],
    digest: str | None = None,
    by: User | None = None,
    touch: bool = True,
) -> Ladder:
    """The ladder stands with exactly ``steps``, in the order in which they come."""
    _require(by)
    keys = [step.key for step in steps]
    if not keys:
        raise FieldError("steps", _("阶梯至少有一个步骤"))
    if len(set(keys)) != len(keys) or RESERVED_STEPS & set(keys):
        raise FieldError("steps", _("步骤名重复或为保留名：%s") % "、".join(keys))
    with transaction.atomic():
        ladder = Ladder.objects.select_for_update().filter(code=code).first() or Ladder(code=code)
        ladder.name = name
        _clean(ladder)
        wanted = [
            LadderStep(ladder=ladder, key=s.key, anchor=s.anchor, share_left_ratio=s.share, after_minutes=s.minutes)
            for s in steps
        ]
        for step in wanted:
            _check_step(step)
        present = LadderStep.objects.filter(ladder=ladder.pk).order_by("id") if ladder.pk else ()
        same = [_step_facts(s) for s in present] == [_step_facts(s) for s in wanted]
        changed = _store(ladder, ["name"], digest)
        if not same:
            LadderStep.objects.filter(ladder=ladder).delete()
            LadderStep.objects.bulk_create(wanted)
        if changed or not same:
            _announce("catalogue.ladder", by, ladder, {"code": code, "changes": changed, "steps": keys}, touch)
    return ladder


def save_category(
    *,
    code: str,
    name: str,
    kind: str,
    parent: str = "",
    is_answerable: bool = False,
    is_must_report: bool = False,
    is_confidential: bool = False,
    is_urgent: bool = False,
    holder_level: int = Level.DISTRICT,
    duplicate_radius_m: int = 50,
    duplicate_hours: int = 24,
    certainty: str = Certainty.ASSUMED,
    source: str = "",
    is_active: bool = True,
    limits: Sequence[LimitInput] = (),
    digest: str | None = None,
    by: User | None = None,
    at: datetime | None = None,
    touch: bool = True,
) -> Category:
    """The category stands as given, with exactly ``limits`` of its own. ``parent`` is the code of its 大类."""
    _require(by)
    with transaction.atomic():
        category = Category.objects.select_for_update().filter(code=code).first() or Category(code=code)
        wanted: dict[str, Any] = {
            "name": name,
            "kind": kind,
            "parent_id": _parent(category, kind, parent),
            "is_answerable": is_answerable,
            "is_must_report": is_must_report,
            "is_confidential": is_confidential,
            "is_urgent": is_urgent,
            "holder_level": holder_level,
            "duplicate_radius_m": duplicate_radius_m,
            "duplicate_hours": duplicate_hours,
            "certainty": certainty,
            "source": source,
            "is_active": is_active,
        }
        changed = _assign(category, wanted)
        _clean(category)
        is_new = category.pk is None
        changed = _store(category, changed, digest)
        moved = _replace_limits(limits, at, is_new=is_new, category=category)
        if changed or moved:
            _announce("catalogue.category", by, category, {"code": code, "changes": changed, "clocks": moved}, touch)
    return category


def save_standard(
    *,
    code: str,
    category: str,
    condition: str,
    closing_condition: str,
    before_photo_count: int = 0,
    after_photo_count: int = 0,
    verification_photo_count: int = 1,
    system_steps: Iterable[str] = (),
    evaluate_days: int = 7,
    reopen_days: int = 15,
    law: str = "",
    certainty: str = Certainty.ASSUMED,
    source: str = "",
    is_active: bool = True,
    limits: Sequence[LimitInput] = (),
    digest: str | None = None,
    by: User | None = None,
    at: datetime | None = None,
    touch: bool = True,
) -> FilingStandard:
    """The standard of the 小类 ``category`` (a code) is as given, with exactly ``limits``; version + 1 if changed."""
    _require(by)
    steps = list(system_steps)
    unknown = [step for step in steps if step not in SYSTEM_STEPS]
    if unknown:
        raise FieldError("system_steps", _("系统不能自动执行：%s") % "、".join(unknown))
    with transaction.atomic():
        kind = Category.objects.filter(code=category).first()
        if kind is None:
            raise FieldError("category", _("没有这个类别：%s") % category)
        if kind.parent_id is None:
            raise FieldError("category", _("立案条件须属于小类，“%s”是大类") % kind.name)
        standard = FilingStandard.objects.select_for_update().filter(code=code).first()
        if standard is None:
            standard = FilingStandard(code=code, category=kind)
        elif standard.category_id != kind.pk:
            raise FieldError("category", _("立案条件不能改属另一小类，请另立一条"))
        wanted: dict[str, Any] = {
            "condition": condition,
            "closing_condition": closing_condition,
            "before_photo_count": before_photo_count,
            "after_photo_count": after_photo_count,
            "verification_photo_count": verification_photo_count,
            "system_steps": steps,
            "evaluate_days": evaluate_days,
            "reopen_days": reopen_days,
            "law": law,
            "certainty": certainty,
            "source": source,
            "is_active": is_active,
        }
        changed = _assign(standard, wanted)
        _clean(standard)
        is_new = standard.pk is None
        changed = _store(standard, changed, digest)
        moved = _replace_limits(limits, at, is_new=is_new, standard=standard)
        if changed or moved:
            if not is_new:
                standard.version += 1
                standard.save(update_fields=["version"])
            detail = {"code": code, "version": standard.version, "changes": changed, "clocks": moved}
            _announce("catalogue.standard", by, standard, detail, touch)
    return standard


def save_default_limits(
    *, limits: Sequence[LimitInput], digest: str | None = None, by: User | None = None, at: datetime | None = None
) -> list[str]:
    """Where neither standard nor category says so, exactly ``limits`` hold. Returns the clocks that changed."""
    _require(by)
    with transaction.atomic():
        moved = _replace_limits(limits, at)
        if digest is not None:
            live = Limit.objects.filter(superseded_at__isnull=True, standard__isnull=True, category__isnull=True)
            live.exclude(loaded_digest=digest).update(loaded_digest=digest)
        if moved:
            audit.record(
                action="catalogue.default_limits", actor=by, object_type=Limit._meta.label, detail={"clocks": moved}
            )
            reference.touch(CATALOGUE)
    return moved


# --- limits ---------------------------------------------------------------------------------------------------

_LIMIT_FACTS = (
    "clock", "order", "milestone", "label", "unit", "minutes", "count", "calendar", "ladder_id", "evidence",
    "certainty", "source",
)  # fmt: skip


def _replace_limits(
    limits: Sequence[LimitInput],
    at: datetime | None,
    *,
    is_new: bool = False,
    standard: FilingStandard | None = None,
    category: Category | None = None,
) -> list[str]:
    """The live limits of the scope are exactly ``limits``; a clock whose limits differ gets new rows. Those clocks.

    ``is_new``: the scope was made just now and can have no limit yet.
    """
    scope = {"standard": standard, "category": category}
    ladders = _ladders(limits)
    wanted: dict[str, list[Limit]] = {}
    for given in limits:
        rows = wanted.setdefault(given.clock, [])
        rows.append(_limit(given, len(rows) + 1, scope, ladders))
    for rows in wanted.values():
        _check_milestones(rows)
    filters = {name: value.pk if value else None for name, value in scope.items()}
    live: dict[str, list[Limit]] = {}
    known = Limit.objects.none() if is_new else Limit.objects.filter(**filters)
    for row in known.filter(superseded_at__isnull=True).order_by("order"):
        live.setdefault(row.clock, []).append(row)
    moved = [
        kind
        for kind in ClockKind.values
        if [_facts(row) for row in live.get(kind, ())] != [_facts(row) for row in wanted.get(kind, ())]
    ]
    if not moved:
        return []
    gone = [row.pk for kind in moved for row in live.get(kind, ())]
    if gone:
        Limit.objects.filter(pk__in=gone).update(superseded_at=at or clock.now())
    last = known.filter(clock__in=moved).values_list("clock").annotate(Max("version"))
    versions: dict[str, int] = dict(last.order_by())
    digest = next((row.loaded_digest for rows in live.values() for row in rows), "")
    new = [row for kind in moved for row in wanted.get(kind, ())]
    for row in new:
        row.version = versions.get(row.clock, 0) + 1
        row.loaded_digest = digest
    Limit.objects.bulk_create(new)
    return moved


def _ladders(limits: Sequence[LimitInput]) -> dict[str, Ladder | None]:
    """The ladders that the limits name, by code; none for no name."""
    named = {given.ladder for given in limits if given.ladder}
    found: dict[str, Ladder | None] = {"": None}
    if named:
        found |= {ladder.code: ladder for ladder in Ladder.objects.filter(code__in=named)}
    missing = sorted(named - found.keys())
    if missing:
        raise FieldError("limits", _("没有这个升级阶梯：%s") % "、".join(missing))
    return found


def _limit(given: LimitInput, order: int, scope: dict[str, Any], ladders: dict[str, Ladder | None]) -> Limit:
    if given.allowance.is_zero:
        raise FieldError("limits", _("时限须大于零（%s）") % given.clock)
    limit = Limit(
        **scope,
        clock=given.clock,
        order=order,
        milestone=given.milestone,
        label=given.label,
        unit=given.allowance.unit.value,
        minutes=given.allowance.minutes or None,
        count=given.allowance.count or None,
        calendar=given.calendar,
        ladder=ladders[given.ladder],
        evidence=given.evidence,
        certainty=given.certainty,
        source=given.source,
    )
    _clean(limit, name="limits")
    return limit


def _check_milestones(rows: Sequence[Limit]) -> None:
    if len(rows) == 1:
        return
    keys = [row.milestone for row in rows]
    if not all(keys) or not all(row.label for row in rows) or len(set(keys)) != len(keys):
        raise FieldError("limits", _("同一时钟有多个节点时，每个节点须有不同的代码和名称（%s）") % rows[0].clock)


def _facts(row: Limit) -> tuple[Any, ...]:
    return tuple(getattr(row, field) for field in _LIMIT_FACTS)


# --- shared ---------------------------------------------------------------------------------------------------


def _parent(category: Category, kind: str, code: str) -> int | None:
    if not code:
        return None
    parent = Category.objects.filter(code=code).first()
    if parent is None:
        raise FieldError("parent", _("没有这个大类：%s") % code)
    if parent.parent_id is not None or parent.pk == category.pk:
        raise FieldError("parent", _("类别只有大类、小类两级"))
    if parent.kind != kind:
        raise FieldError("kind", _("小类的类型须与大类相同"))
    if category.pk and Category.objects.filter(parent=category).exists():
        raise FieldError("parent", _("该类别有小类，不能归入另一大类"))
    return parent.pk


def _check_step(step: LadderStep) -> None:
    anchor = LadderStep.Anchor
    _clean(step, name="steps", exclude=("ladder",))
    share, minutes = step.share_left_ratio, step.after_minutes
    fits = {
        anchor.SHARE_LEFT: share is not None and 0 < share < 1 and minutes is None,
        anchor.AT_DUE: share is None and minutes is None,
        anchor.AFTER_DUE: share is None and minutes is not None and minutes > 0,
    }
    if not fits[anchor(step.anchor)]:
        raise FieldError("steps", _("步骤“%s”：剩余比例须在0与1之间，到期后须为正的分钟数，二者不可同时有") % step.key)


def _step_facts(step: LadderStep) -> tuple[Any, ...]:
    return step.key, str(step.anchor), step.share_left_ratio, step.after_minutes


def _assign(row: models.Model, wanted: dict[str, Any]) -> list[str]:
    """The fields that differ, set; all of them for a new row."""
    changed = [field for field, value in wanted.items() if row.pk is None or getattr(row, field) != value]
    for field in changed:
        setattr(row, field, wanted[field])
    return sorted(changed)


def _store(row: Any, changed: list[str], digest: str | None) -> dict[str, list[Any]]:
    """A new row is inserted, a known one written where it changed. What changed, from what to what, digest aside."""
    if row.pk is None:
        row.loaded_digest = digest or ""
        row.save()
        return audit.changes({}, {field: getattr(row, field) for field in changed})
    stored = type(row).objects.values(*changed).get(pk=row.pk) if changed else {}
    really = [field for field in changed if stored[field] != getattr(row, field)]
    if digest is not None and row.loaded_digest != digest:
        row.loaded_digest = digest
        row.save(update_fields=[*really, "loaded_digest"])
    elif really:
        row.save(update_fields=really)
    return audit.changes(stored, {field: getattr(row, field) for field in really})


def _clean(row: models.Model, *, name: str = "", exclude: Iterable[str] = ()) -> None:
    try:
        row.clean_fields(exclude={"parent", "category", "standard", "ladder", *exclude})
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        text = "；".join(messages)
        raise FieldError(name or field, f"{field}：{text}" if name else text) from error


def _announce(action: str, by: User | None, row: models.Model, detail: dict[str, Any], touch: bool) -> None:
    audit.record(action=action, actor=by, obj=row, detail=detail)
    if touch:
        reference.touch(CATALOGUE)


def _require(by: User | None) -> None:
    if by is None or by.is_superuser:
        return
    grants = permissions.grants_of(by, clock.local_date(clock.now()))
    held = permissions.visible_area_ids(grants, Capability.MANAGE_RULES)
    # the catalogue is one for all cities: who may change it has the rules of a whole city in hand
    if not any(root.id in held for root in areas.roots):
        message = _("缺少“%s”权限") % Capability.MANAGE_RULES.label
        raise NotPermitted(message, missing=Capability.MANAGE_RULES.value)
