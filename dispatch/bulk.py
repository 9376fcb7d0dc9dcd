"""One action on many cases, each on its own: never all or nothing, and harmless when repeated.

Every case goes through ``dispatch.loop`` with its own version. A dry run says for each whether it would pass and why
not, and writes nothing. A row that this person had done already (the answer was lost, the button pressed twice) says
``already`` and is not done again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _

from dispatch import loop
from dispatch import payload as read_payload
from dispatch.actors import Actor
from dispatch.cases import Case
from dispatch.steps import level_after
from gridgov.common import clock
from gridgov.common.errors import Conflict, DomainError, FieldError, NotFound
from incidents.models import JournalEntry
from incidents.workflow import Action, Party, lines

LIMIT = 200
#: What moves nothing has no version that would tell a repetition: the same words of the same person within this time.
REPEATED_WITHIN = timedelta(minutes=10)
#: What each case needs of its own, or takes once: not for many at once.
SINGLY = frozenset({"attachments", "lon", "lat", "crs", "address", "description", "milestone"})


@dataclass(frozen=True, slots=True)
class Item:
    """A case as the person saw it."""

    number: str
    version: int


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one case. ``result``: would_pass, done, already or refused; ``message``: why not, or what will
    become of it; ``extra``: who was faster."""

    number: str
    result: str
    code: str = ""
    message: str = ""
    status: str = ""
    version: int | None = None
    extra: Mapping[str, Any] | None = None


def actions() -> tuple[Action, ...]:
    """What may be done to many cases at once: open to a posting, without a request, needing nothing of each case."""
    return tuple(
        action for action in Action
        if not any(line.granted for line in lines(action))
        and all(not SINGLY & set(line.requires) for line in lines(action))
        and any(not isinstance(who, Party) for line in lines(action) for who in line.who)
    )  # fmt: skip


def apply(
    *, action: Any, items: Sequence[Item], by: Actor, payload: Mapping[str, Any] | None = None, dry_run: bool
) -> list[Row]:
    """The action was tried (or, dry, rehearsed) on each case in the order given; a row for each.

    FieldError, with nothing done: no such action or not for many, too many cases, a case twice, a field of one case.
    """
    wanted = _wanted(action)
    given = {name: value for name, value in (payload or {}).items() if value not in (None, "", [])}
    numbers = [item.number for item in items]
    if not numbers or len(numbers) > LIMIT:
        raise FieldError("cases", _("一次可办1到%(limit)s件") % {"limit": LIMIT})
    if len(set(numbers)) != len(numbers):
        raise FieldError("cases", _("同一案件只能出现一次"), code="repeated")
    alone = sorted(SINGLY & set(given))
    if alone:
        raise FieldError(alone[0], _("批量办理时没有这一项"), code="unexpected")
    before = _done_before(wanted, numbers, given, by)
    return [_row(wanted, item, given, by, before, dry_run) for item in items]


def _wanted(action: Any) -> Action:
    if action not in Action.values:
        raise FieldError("action", _("没有这个操作：%(name)s") % {"name": str(action)[:40]})
    if Action(action) not in actions():
        raise FieldError("action", _("此操作不能批量办理：%(name)s") % {"name": Action(action).label})
    return Action(action)


def _done_before(action: Action, numbers: list[str], given: Mapping[str, Any], by: Actor) -> set[tuple[str, int]]:
    """(number, version that the person had seen) of what he has done already. One statement."""
    found = JournalEntry.objects.filter(incident__number__in=numbers, action=action, actor=by.user_id)
    if all(line.bumps for line in lines(action)):
        return {(number, version - 1) for number, version in found.values_list("incident__number", "version")}
    text = str(given.get("note") or given.get("reason") or "").strip()
    same = found.filter(recorded_at__gte=clock.now() - REPEATED_WITHIN, text=text)
    if "level" in given:
        same = same.filter(payload__level=read_payload.integer("level", given["level"]))
    return set(same.values_list("incident__number", "version"))


def _row(
    action: Action, item: Item, given: Mapping[str, Any], by: Actor, before: set[tuple[str, int]], dry_run: bool
) -> Row:
    number, version = item.number, item.version
    try:
        if (number, version) in before:
            case = loop.read(number, by)
            said = _("你已办过这一步")
            return Row(number, "already", "already", said, case.incident.status, case.incident.version)
        if dry_run:
            case = loop.rehearse(number=number, action=action, by=by, version=version, **given)
            said = _promise(case, action, given)
            return Row(number, "would_pass", "", said, case.incident.status, case.incident.version)
        done = loop.perform(number=number, action=action, by=by, version=version, **given)
    except NotFound as refusal:  # it may have been moved out of sight by this very step
        if (number, version) in before:
            return Row(number, "already", "already", _("你已办过这一步"))
        return Row(number, "refused", refusal.code, str(refusal.message))
    except DomainError as refusal:
        extra = dict(refusal.extra) if isinstance(refusal, Conflict) else None
        return Row(number, "refused", refusal.code, str(refusal.message), extra=extra)
    return Row(number, "done", status=done.status, version=done.version)


def _promise(case: Case, action: Action, given: Mapping[str, Any]) -> str:
    """What the action will make of the case, where that differs from case to case."""
    if action is not Action.SUPERVISE:
        return ""
    now, then = case.incident.supervision_level, level_after(case, given)
    return _("督办 %(now)s 级 → %(level)s 级") % {"now": now, "level": then}
