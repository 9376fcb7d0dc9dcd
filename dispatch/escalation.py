"""Who is told when a step of a ladder fires, and ladders that a person holds.

When a step fires belongs to the limit's policy and is ``incidents.sweep``'s. Whom it tells is data, looked up here by
the step's key and the clock: a milestone's step (``stop:warn``) by what follows the colon. Rows for exactly that clock
win over rows for any clock, rows for the step over those for ``*``.
"""

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.cases import case_from, with_all
from dispatch.models import EscalationTarget, LadderPause
from gridgov.common import audit, clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.models import User
from gridgov.common.reference import Reference, touch
from grids.capabilities import Capability
from incidents import sweep as sweeping
from incidents.models import Clock, ClockKind, Incident
from incidents.services import entry
from personnel.roles import DEPARTMENT_ROLES, Role

ESCALATION = "escalation"
ANY_STEP = "*"
DATA = Path(__file__).parent / "data" / "escalation.json"
ATTEMPTS = 5
REASON_LIMIT = 200
Side = EscalationTarget.Side
_Change = Callable[[LadderPause | None, datetime], LadderPause]


@dataclass(frozen=True, slots=True)
class Target:
    """One addressee: a role on the handler's side or at the centre, some levels further up."""

    side: str
    role: str
    levels_up: int = 0
    channel: str = "in_app"
    supervision_level: int = 0


_Targets = dict[tuple[str, str], tuple[Target, ...]]
_FIELDS = ("side", "role", "levels_up", "channel", "supervision_level")


def _load() -> _Targets:
    found: dict[tuple[str, str], list[Target]] = {}
    rows = EscalationTarget.objects.order_by("id").values_list("step", "clock", *_FIELDS)
    for step, clock_kind, *fields in rows:
        found.setdefault((step, clock_kind), []).append(Target(*fields))
    return {key: tuple(targets) for key, targets in found.items()}


_targets: Reference[_Targets] = Reference(ESCALATION, _load)


def targets_of(step: str, clock_kind: str) -> tuple[Target, ...]:
    """Whom the step tells, by the order in the module's docstring; nobody where nothing is said."""
    held = _targets.get()
    key = step.rpartition(":")[2]
    for wanted in ((key, clock_kind), (key, ""), (ANY_STEP, clock_kind), (ANY_STEP, "")):
        if wanted in held:
            return held[wanted]
    return ()


# --- saving -------------------------------------------------------------------------------------------------------


def save_targets(
    *, step: str, clock_kind: str = "", targets: Iterable[Target], by: User | None = None, at: datetime | None = None
) -> int:
    """Exactly ``targets`` are told of the step on that clock ("" = any). How many. FieldError names what is wrong."""
    wanted = list(dict.fromkeys(targets))
    if not step or len(step) > 30:
        raise FieldError("step", _("请填写步骤名，最长30个字符"))
    if clock_kind and clock_kind not in ClockKind.values:
        raise FieldError("clock", _("没有这个时钟：%s") % clock_kind)
    for target in wanted:
        _check(target)
    with transaction.atomic():
        EscalationTarget.objects.filter(step=step, clock=clock_kind).delete()
        EscalationTarget.objects.bulk_create(
            EscalationTarget(step=step, clock=clock_kind, **{name: getattr(target, name) for name in _FIELDS})
            for target in wanted
        )
        audit.record(
            action="escalation.save_targets",
            actor=by,
            object_type="dispatch.EscalationTarget",
            object_id=f"{step}/{clock_kind}",
            detail={"targets": [[getattr(target, name) for name in _FIELDS] for target in wanted]},
            at=at,
        )
        touch(ESCALATION)
    return len(wanted)


def _check(target: Target) -> None:
    if target.role not in Role.values:
        raise FieldError("role", _("没有这个角色：%s") % target.role)
    if target.side not in Side.values:
        raise FieldError("side", _("对象方须是 handler 或 centre"))
    if (target.side == Side.HANDLER) != (Role(target.role) in DEPARTMENT_ROLES):
        raise FieldError("role", _("处置方用部门角色，中心用区域角色：%s") % target.role)
    if not 0 <= target.levels_up <= 4:
        raise FieldError("levels_up", _("再上几级须在0到4之间"))
    if not 0 <= target.supervision_level <= 4:
        raise FieldError("supervision_level", _("督办级别须在0到4之间"))


def load_file(path: Path = DATA, *, replace: bool = False, by: User | None = None) -> int:
    """The file's targets stand for each step and clock that has none yet (all of them with ``replace``).

    What was changed by hand is so never overwritten by loading again. How many steps were written.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = _("%(path)s 不是 UTF-8 的 JSON：%(error)s") % {"path": path, "error": error}
        raise FieldError("file", message) from error
    present = set(EscalationTarget.objects.values_list("step", "clock").distinct())
    written = 0
    with transaction.atomic():
        for row in rows:
            for clock_kind in row.get("clocks") or [""]:
                if (row["step"], clock_kind) in present and not replace:
                    continue
                save_targets(
                    step=row["step"], clock_kind=clock_kind, targets=[Target(**t) for t in row["targets"]], by=by
                )
                written += 1
    return written


# --- sweeping, and ladders held by a person -----------------------------------------------------------------------


def sweep(*, now: datetime, limit: int = sweeping.LIMIT) -> int:
    """:func:`incidents.sweep.sweep_due`, which leaves the ladders alone that a person holds."""
    return sweeping.sweep_due(now=now, limit=limit, held=held_clocks)


def held_clocks(clock_ids: Collection[int]) -> set[int]:
    """Those of the clocks whose ladder is held. One statement."""
    pauses = LadderPause.objects.filter(clock__in=list(clock_ids), released_at__isnull=True)
    return set(pauses.values_list("clock_id", flat=True))


def pause_ladder(*, clock_id: int, by: Actor, reason: str, at: datetime | None = None) -> LadderPause:
    """The steps of the clock wait until :func:`release_ladder`; the clock itself runs on. Journalled.

    Raises NotFound, NotPermitted, Conflict (the clock has ended, or its ladder is held), FieldError (no reason).
    """
    reason = _reason(reason)

    def write(held: LadderPause | None, at: datetime) -> LadderPause:
        if held is not None:
            raise Conflict(_("该时钟的升级阶梯已暂停"), code="paused_before")
        pause = LadderPause.objects.create(clock_id=clock_id, paused_by_id=by.user_id, paused_at=at, reason=reason)
        sweeping.disarm(clock_id)
        return pause

    try:
        return _write(clock_id, "ladder_paused", by, reason, at, write, live=True)
    except IntegrityError:
        raise Conflict(_("该时钟的升级阶梯已暂停"), code="paused_before") from None


def release_ladder(*, clock_id: int, by: Actor, reason: str, at: datetime | None = None) -> LadderPause:
    """The clock fires its steps again, those missed meanwhile with the next sweep. Journalled. Raises as above."""
    reason = _reason(reason)

    def write(held: LadderPause | None, at: datetime) -> LadderPause:
        if held is None:
            raise Conflict(_("该时钟的升级阶梯没有暂停"), code="not_paused")
        held.released_by_id, held.released_at = by.user_id, at
        held.save(update_fields=["released_by", "released_at"])
        sweeping.arm(clock_id)
        return held

    return _write(clock_id, "ladder_released", by, reason, at, write, live=False)


def _reason(text: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise FieldError("reason", _("请填写原因"), code="required")
    if len(text) > REASON_LIMIT:
        raise FieldError("reason", _("最长%(limit)s字") % {"limit": REASON_LIMIT})
    return text.strip()


def _write(
    clock_id: int, kind: str, by: Actor, reason: str, at: datetime | None, write: _Change, *, live: bool
) -> LadderPause:
    now = clock.now()
    at = at or now
    for _attempt in range(ATTEMPTS):
        found = Clock.objects.filter(pk=clock_id).values_list("incident_id", "kind", "cycle", "state").first()
        if found is None:
            raise NotFound(_("没有这个时钟"))
        incident_id, clock_kind, cycle, state = found
        row = with_all(Incident.objects.filter(pk=incident_id)).get()
        case = case_from(row)
        chain = (*case.holder_chain, *case.place_chain)
        if not by.is_system and not by.may(Capability.OPERATE_LOOP, chain):
            needed = Capability.OPERATE_LOOP
            raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": needed.label}, missing=needed.value)
        if live and state not in Clock.LIVE:
            raise Conflict(_("该时钟已停"), code="clock_ended")
        with transaction.atomic():
            written = entry.append(
                row, kind=kind, user_id=by.user_id, role=by.role_for(Capability.OPERATE_LOOP, chain),
                channel=by.channel, at=at, recorded_at=now, payload={"clock": clock_kind, "cycle": cycle}, text=reason,
            )  # fmt: skip
            if written is None:
                continue
            return write(LadderPause.objects.filter(clock=clock_id, released_at__isnull=True).first(), at)
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")
