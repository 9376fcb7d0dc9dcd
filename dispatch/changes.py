"""What happened to a case since somebody last saw it: for the one who came too late, and keeps his words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from dispatch import loop
from dispatch.actors import Actor
from dispatch.cases import Case
from dispatch.selectors import entry_label, role_label
from gridgov.common.errors import FieldError
from grids.spatial import areas
from incidents.case import as_json
from incidents.catalogue import catalogue
from incidents.models import JournalEntry
from incidents.workflow import FIELD_LABELS, Status
from personnel.selectors import department_tree

LIMIT = 50


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody did. ``fields``: names of what it changed, beside the status."""

    seq: int
    action: str
    label: str
    actor: str
    role_label: str
    at: datetime
    status_from: str
    status_to: str
    text: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """A field as it stands now. ``name`` is that of the forms, ``value`` in words."""

    name: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything since ``seen``: who did what, oldest first, and the fields that are not as they were."""

    number: str
    seen: int
    version: int
    status: str
    status_label: str
    steps: list[Step]
    fields: list[Changed]


#: What an entry's payload calls a thing: the field of the forms.
_FIELD_OF = {
    "category": "category", "standard": "standard", "lead": "lead", "joint": "joint", "checker": "checker",
    "verifier": "verifier", "into": "into", "target": "target", "until": "until", "level": "level", "result": "result",
}  # fmt: skip


def changes_since(*, number: str, by: Actor, version: int) -> Changes:
    """What moved or amended the case after ``version``, which ``by`` had seen. Two statements. NotFound, FieldError."""
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= 2**31 - 1:
        raise FieldError("version", _("须是整数"))
    case = loop.read(number, by)
    incident = case.incident
    rows = JournalEntry.objects.filter(incident=incident.pk, version__gt=version).order_by("seq")
    steps = [
        _step(row)
        for row in rows.values(
            "seq", "action", "actor_id", "actor__name", "actor_role", "channel", "at", "status_from", "status_to",
            "text", "payload",
        )[:LIMIT]
    ]  # fmt: skip
    names = dict.fromkeys(name for step in steps for name in step.fields)
    fields = [Changed(name, str(FIELD_LABELS[name]), value) for name in names if (value := _now(case, name))]
    if any(step.status_from != step.status_to for step in steps):
        fields.insert(0, Changed("status", _("状态"), str(Status(incident.status).label)))
    return Changes(
        number, version, incident.version, incident.status, str(Status(incident.status).label), steps, fields
    )


def _step(row: dict[str, Any]) -> Step:
    payload = as_json(row["payload"]) or {}
    fields = [_FIELD_OF[name] for name in payload if name in _FIELD_OF and payload[name] not in (None, "", [])]
    fields += [name for name in payload.get("fields") or () if name in FIELD_LABELS]
    nobody = {"system": _("系统"), "link": _("上报人")}.get(row["channel"], "")
    return Step(
        seq=row["seq"], action=row["action"], label=entry_label(row["action"]),
        actor=(row["actor__name"] or "") if row["actor_id"] is not None else nobody,
        role_label=role_label(row["actor_role"]), at=row["at"], status_from=row["status_from"],
        status_to=row["status_to"], text=row["text"], fields=tuple(dict.fromkeys(fields)),
    )  # fmt: skip


def _now(case: Case, name: str) -> str:
    """The field as it stands, in words; empty where it has none to say (a person's name is in the step's text)."""
    incident, book, lead = case.incident, catalogue(), case.last_lead
    standard = book.standard(incident.standard_id)
    position = f"{incident.lon:.6f}, {incident.lat:.6f}" if incident.lon is not None else ""
    return {
        "category": book.category_name(incident.category_id),
        "standard": standard.condition if standard else "",
        "lead": department_tree().full_name(lead.department_id) if lead and lead.department_id else "",
        "joint": _("、").join(department_tree().name(t.department_id) for t in case.joint if t.department_id),
        "target": areas.name(incident.holder_id),
        "address": incident.address,
        "description": incident.description,
        "lon": position,
        "lat": position,
        "level": str(incident.supervision_level or ""),
    }.get(name, "")
