"""What the journal says, in words: each entry with who, as what, when, and the facts of its payload."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from dispatch.selectors import Entry
from gridgov.common.clock import local
from gridgov.common.json_rows import instant
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.workflow import FIELD_LABELS, REJECT_REASONS, RESULTS, RequestKind, Status
from personnel.selectors import department_tree

BAD = frozenset(
    {
        "return",
        "fail",
        "reject",
        "decline",
        "void",
        "refuse_feedback",
        "joint_refused",
        "request_refused",
        "force_close",
    }
)
OUT = frozenset({"dispatch", "impose", "request_verification", "transfer", "request_check"})
PAUSE = frozenset({"suspend", "ladder_paused"})
ICONS = {
    "report": "speakerphone", "dispatch": "send", "impose": "gavel", "sign": "pencil", "return": "arrow-back-up",
    "feed_back": "upload", "pass": "check", "fail": "refresh", "note": "note", "supervise": "flag",
    "merge": "arrow-merge", "suspend": "player-pause", "resume": "player-play", "close": "circle-check",
    "request_verification": "eye", "request_check": "eye", "step": "clock", "evaluate": "star", "transfer": "route",
    "request_asked": "file", "amend": "pencil",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the journal for the page."""

    seq: int
    what: str
    who: str
    role: str
    at: datetime
    status_from: str
    status_to: str
    facts: tuple[tuple[str, str], ...]
    text: str
    mac: str
    icon: str
    kind: str


def line(entry: Entry, people: Mapping[int, str]) -> Line:
    """A journal entry as a line of the page. ``people``: names by user id."""
    moved = entry.status_from != entry.status_to
    action = entry.action
    kind = "bad" if action in BAD else "out" if action in OUT else "pause" if action in PAUSE else ""
    return Line(
        seq=entry.seq,
        what=entry.label,
        who=entry.actor or _("系统"),
        role=entry.role_label if entry.actor_id else "",
        at=entry.at,
        status_from=str(Status(entry.status_from).label) if moved and entry.status_from else "",
        status_to=str(Status(entry.status_to).label) if moved and entry.status_to else "",
        facts=tuple(_facts(entry.payload or {}, people)),
        text="" if action == "report" else entry.text,
        mac=entry.mac[:6],
        icon=ICONS.get(action, "check"),
        kind=kind,
    )


def handler_name(found: Any, workers: Mapping[int, str] | None = None) -> str:
    """The name of ``{"department": id}`` or ``{"worker": id}``."""
    if not isinstance(found, Mapping):
        return ""
    if found.get("department"):
        return department_tree().full_name(found["department"])
    return (workers or {}).get(found.get("worker"), _("人员")) if found.get("worker") else ""


def _facts(payload: Mapping[str, Any], people: Mapping[int, str]) -> list[tuple[str, str]]:
    known = catalogue()
    found: list[tuple[str, str]] = []

    def add(label: str, value: Any) -> None:
        if value not in (None, "", []):
            found.append((label, str(value)))

    if payload.get("kind") in RequestKind.values:
        add(_("申请"), RequestKind(payload["kind"]).label)
    standard = known.standard_by_code(str(payload.get("standard", "")))
    add(_("立案条件"), standard.condition if standard else None)
    category = known.category_by_code(str(payload.get("category", "")))
    add(_("类别"), category.name if category else None)
    add(_("主办"), handler_name(payload.get("lead")))
    add(_("协办"), _("、").join(filter(None, (handler_name(h) for h in payload.get("joint") or []))))
    reason = payload.get("reason")
    add(_("原因"), REJECT_REASONS.get(reason) if isinstance(reason, str) else None)
    add(pgettext("noun", "评价"), RESULTS.get(str(payload.get("result", ""))))
    for key, label in (("checker", _("核实人")), ("verifier", _("核查人"))):
        if isinstance(payload.get(key), int):
            add(label, people.get(payload[key]))
    if isinstance(payload.get("target"), int):
        add(_("转至"), areas.full_name(payload["target"]))
    changed = [str(FIELD_LABELS[name]) for name in payload.get("fields") or [] if name in FIELD_LABELS]
    add(_("更正项"), _("、").join(changed))
    add(_("并入"), payload.get("into"))
    if payload.get("level") and not payload.get("kind"):
        add(_("级别"), payload["level"])
    if isinstance(payload.get("until"), str):
        until = instant(payload["until"])
        add(_("至"), f"{local(until):%Y-%m-%d %H:%M}" if until else None)
    if isinstance(payload.get("step"), str):
        add(_("步骤"), payload["step"])
    files = payload.get("attachments")
    add(_("附件"), _("%(count)s 个") % {"count": len(files)} if files else None)
    return found
