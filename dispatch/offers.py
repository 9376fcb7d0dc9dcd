"""What a person may do to a case now, with the fields of each action: buttons and forms are made from this."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.cases import Case
from dispatch.parties import held_from, separation_bar, standing
from dispatch.steps import EXTENSION_LIMIT, IMPOSE_AFTER_RETURNS, REOPEN_LIMIT, SUPERVISION_LEVELS, level_after
from gridgov.common.labels import label
from incidents.catalogue import catalogue
from incidents.workflow import (
    ASKED_BY,
    FIELD_LABELS,
    REJECT_REASONS,
    RESULTS,
    Action,
    RequestKind,
    Status,
    Transition,
    available,
    find,
)

#: The kind of control each field wants; what is not here is a line of text.
KINDS = {
    "reason": "textarea",
    "note": "textarea",
    "waive": "textarea",
    "description": "textarea",
    "attachments": "files",
    "standard": "standard",
    "category": "category",
    "lead": "handler",
    "joint": "handlers",
    "until": "datetime",
    "checker": "person",
    "verifier": "person",
    "into": "number",
    "target": "centre",
    "result": "choice",
    "level": "choice",
    "milestone": "choice",
    "clocks": "choice",
    "crs": "choice",
    "lon": "float",
    "lat": "float",
}
CHOICES = {
    "clocks": {"keep": gettext_lazy("保留已用时间"), "restart": gettext_lazy("重新起算")},
    "crs": {"wgs84": "WGS-84 / CGCS2000", "gcj02": "GCJ-02", "bd09": "BD-09"},
    "result": {key: text for key, text in RESULTS.items() if key != "not_rated"},
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. ``choices`` of value to label where the kind is ``choice``."""

    name: str
    label: str
    required: bool
    kind: str
    choices: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class OpenAction:
    """An action, or with ``request`` an application for one, that is open to a person now.

    ``held_by``: the colleague whose claim keeps the person from doing it as long as it lasts.
    """

    action: str
    label: str
    stage: str
    fields: tuple[Field, ...]
    request: bool = False
    held_by: str = ""


def open_actions(case: Case, by: Actor) -> list[OpenAction]:
    """What ``by`` may do now, in the table's order; what he may ask for comes last."""
    status, language = Status(case.incident.status), get_language()
    acts = []
    for line in available(status):
        as_what = standing(case, line.who, by) if not line.granted else None
        if as_what is None or not _fits(line, case, by):
            continue
        hold = held_from(case, line, as_what, by)
        acts.append(
            OpenAction(
                line.action.value, label(Action, line.action, language), line.stage.value,
                _fields(line, case, language), held_by=hold.name if hold else "",
            )
        )  # fmt: skip
    return acts + _requests(case, by, status, language)


def _fits(line: Transition, case: Case, by: Actor) -> bool:
    if separation_bar(case, line, by):
        return False
    if line.needs_ticket is not None and (case.last_lead is not None) != line.needs_ticket:
        return False
    incident = case.incident
    if line.action is Action.IMPOSE:
        return incident.return_count >= IMPOSE_AFTER_RETURNS
    if line.action is Action.ANSWER:
        category = catalogue().category(incident.category_id)
        return category is not None and category.is_answerable
    if line.action is Action.REOPEN:
        return incident.reopen_count < REOPEN_LIMIT
    if line.action is Action.REACH_MILESTONE:
        return bool(_waiting_milestones(case))
    return True


def _requests(case: Case, by: Actor, status: Status, language: str | None) -> list[OpenAction]:
    found = []
    incident = case.incident
    for kind, who in ASKED_BY.items():
        line = find(kind.action, status)
        if line is None or case.pending(kind.value) is not None or standing(case, who, by) is None:
            continue
        lead = case.lead
        if kind is RequestKind.RETURN and lead is not None and lead.is_final:
            continue
        if kind is RequestKind.SUSPEND and incident.was_suspended:
            continue
        if kind is RequestKind.EXTEND and incident.extension_count >= EXTENSION_LIMIT:
            continue
        names = ("reason", "until", "attachments") if kind is RequestKind.SUSPEND else ("reason", "attachments")
        fields = tuple(_field(name, name != "attachments", line, case, language) for name in names)
        words = label(RequestKind, kind, language)
        found.append(OpenAction(kind.value, words, line.stage.value, fields, request=True))
    return found


def _fields(line: Transition, case: Case, language: str | None) -> tuple[Field, ...]:
    optional = [
        name
        for name in line.optional
        if not (name == "clocks" and case.live_clock("handle") is None)
        and not (name == "waive" and not any(t.is_live for t in case.joint))
    ]
    return tuple(
        [_field(name, True, line, case, language) for name in line.requires]
        + [_field(name, False, line, case, language) for name in optional]
    )


def _field(name: str, required: bool, line: Transition, case: Case, language: str | None) -> Field:
    said, kind, choices = _said(name, line.action in (Action.REJECT, Action.DECLINE), language)
    if name == "milestone":
        choices = {m["key"]: str(m["label"]) for m in _waiting_milestones(case)} or None
    if name == "level":
        choices = _levels(case)
    if name == "waive" or (name == "attachments" and line.action is Action.FEED_BACK):
        required = required or name == "waive" or _after_photos(case) > 0
    return Field(name, said, required, kind, choices)


@lru_cache(maxsize=256)
def _said(name: str, is_refusal: bool, _language: str | None) -> tuple[str, str, dict[str, str] | None]:
    """Label, kind and choices of a field in the active language. Shared between answers: not to be changed."""
    kind, choices = KINDS.get(name, "text"), CHOICES.get(name)
    if name == "reason" and is_refusal:
        kind, choices = "choice", REJECT_REASONS
    return str(FIELD_LABELS[name]), kind, {key: str(text) for key, text in choices.items()} if choices else None


def _levels(case: Case) -> dict[str, str]:
    """The levels that a supervision can give the case, the usual one first: one higher, which its label says."""
    current = case.incident.supervision_level
    usual = level_after(case, {})
    found = {str(usual): _("升一级（现 %(now)s 级 → %(level)s 级）") % {"now": current, "level": usual}}
    if usual == current:
        return {str(usual): _("%(level)s 级（不变，已是最高）") % {"level": current}}
    if current:
        found[str(current)] = _("%(level)s 级（不变）") % {"level": current}
    higher = range(usual + 1, SUPERVISION_LEVELS + 1)
    return found | {str(level): _("%(level)s 级") % {"level": level} for level in higher}


def _after_photos(case: Case) -> int:
    standard = catalogue().standard(case.incident.standard_id)
    return standard.after_photo_count if standard else 0


def _waiting_milestones(case: Case) -> list[Any]:
    handle = case.live_clock("handle")
    return [m for m in handle.milestones if not m.get("met_at")] if handle else []
