"""The rows of the catalogue's files as arguments of its services, and back. A wrong row raises FieldError."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from gridgov.common.business_time import Allowance
from gridgov.common.errors import FieldError
from grids.models import Level
from incidents.catalogue import LimitSpec, StepSpec
from incidents.catalogue_services import LimitInput
from incidents.models import LadderStep

DATA = Path(__file__).resolve().parent / "data"
FILES = ("ladders.json", "limits.json", "categories.json", "standards.json")

Row = dict[str, Any]
_ANCHORS = {"share_left": "share_left", "due": "at_due", "after_due": "after_due"}
_LEVELS = {level.name.lower(): level for level in Level}
# the name in a file: the argument of the service
CATEGORY = {
    "code": "code", "name": "name", "kind": "kind", "parent": "parent", "answerable": "is_answerable",
    "must_report": "is_must_report", "confidential": "is_confidential", "urgent": "is_urgent",
    "holder_level": "holder_level", "duplicate_radius_m": "duplicate_radius_m", "duplicate_hours": "duplicate_hours",
    "active": "is_active", "limits": "limits", "certainty": "certainty", "source": "source",
}  # fmt: skip
STANDARD = {
    "code": "code", "category": "category", "condition": "condition", "closing_condition": "closing_condition",
    "before_photos": "before_photo_count", "after_photos": "after_photo_count",
    "verification_photos": "verification_photo_count", "system_steps": "system_steps", "law": "law",
    "evaluate_days": "evaluate_days", "reopen_days": "reopen_days", "active": "is_active", "limits": "limits",
    "certainty": "certainty", "source": "source",
}  # fmt: skip
_LIMIT = frozenset(
    {"scope", "clock", "limit", "unit", "milestone", "label", "ladder", "calendar", "evidence", "certainty", "source"}
)
_TYPES: Mapping[str, type] = {
    "answerable": bool, "must_report": bool, "confidential": bool, "urgent": bool, "active": bool,
    "duplicate_radius_m": int, "duplicate_hours": int, "before_photos": int, "after_photos": int,
    "verification_photos": int, "evaluate_days": int, "reopen_days": int, "limits": list, "system_steps": list,
    "steps": list,
}  # fmt: skip


def digest(content: Any) -> str:
    """The row's or rows' digest, whatever the order of fields."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_fields(row: Row, fields: Any) -> None:
    """Refuses a field that is none of ``fields``."""
    for field in row:
        if field not in fields:
            raise FieldError(field, _("未知的字段"))


def text_of(row: Row, field: str) -> str:
    """The field's text, which must be there."""
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        raise FieldError(field, _("缺失或为空"))
    return value.strip()


def typed(row: Row, field: str, default: Any) -> Any:
    """The field's value, of the type that the field has."""
    value = row.get(field, default)
    wanted = _TYPES.get(field, str)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise FieldError(field, _("类型不对：%r") % (value,))
    if wanted is int and value < 0:
        raise FieldError(field, _("不能为负"))
    return value


def arguments(row: Row, names: Mapping[str, str]) -> dict[str, Any]:
    """The row as arguments of its service. What is missing there without a default is refused here by name."""
    check_fields(row, names)
    for field in ("code", "certainty", "source", *(("name", "kind") if names is CATEGORY else ("category",))):
        text_of(row, field)
    if names is STANDARD:
        text_of(row, "condition")
        text_of(row, "closing_condition")
    found = {names[field]: typed(row, field, None) for field in row}
    if "holder_level" in found:
        level = _LEVELS.get(row["holder_level"])
        if level is None:
            raise FieldError("holder_level", _("须为 %s 之一") % "、".join(_LEVELS))
        found["holder_level"] = level.value
    if "limits" in found:
        found["limits"] = [limit(given, row) for given in found["limits"]]
    return found


def limit(given: Any, row: Row) -> LimitInput:
    """A limit; certainty and source are its row's unless it has its own."""
    if not isinstance(given, dict):
        raise FieldError("limits", _("须为对象：%r") % (given,))
    check_fields(given, _LIMIT)
    try:
        allowance = Allowance.parse(text_of(given, "limit"), text_of(given, "unit"))
    except ValueError as error:
        raise FieldError("limits", str(error)) from error
    return LimitInput(
        clock=text_of(given, "clock"),
        allowance=allowance,
        milestone=typed(given, "milestone", ""),
        label=typed(given, "label", ""),
        ladder=typed(given, "ladder", ""),
        calendar=typed(given, "calendar", "default"),
        evidence=typed(given, "evidence", ""),
        certainty=text_of(given if "certainty" in given else row, "certainty"),
        source=text_of(given if "source" in given else row, "source"),
    )


def step(given: Any) -> StepSpec:
    """A step of a ladder out of a row."""
    if not isinstance(given, dict):
        raise FieldError("steps", _("须为对象：%r") % (given,))
    check_fields(given, {"key", "at", "share", "minutes"})
    anchor = _ANCHORS.get(str(given.get("at")))
    if anchor is None:
        raise FieldError("at", _("须为 %s 之一") % "、".join(_ANCHORS))
    share, minutes = given.get("share"), given.get("minutes")
    if share is not None and (isinstance(share, bool) or not isinstance(share, int | float)):
        raise FieldError("share", _("须为数字：%r") % (share,))
    if minutes is not None and (isinstance(minutes, bool) or not isinstance(minutes, int)):
        raise FieldError("minutes", _("须为整数：%r") % (minutes,))
    return StepSpec(text_of(given, "key"), LadderStep.Anchor(anchor).value, share, minutes)


def limit_row(spec: LimitSpec) -> Row:
    """The limit as a row of a file."""
    amount = str(spec.count) if spec.unit.is_civil else f"{spec.minutes}分钟"
    row = {
        "clock": spec.clock, "limit": amount, "unit": spec.unit.standard_name, "milestone": spec.key,
        "label": spec.label, "evidence": spec.evidence, "ladder": spec.ladder, "certainty": spec.certainty,
        "source": spec.source,
    }  # fmt: skip
    if spec.calendar != "default":
        row["calendar"] = spec.calendar
    return {field: value for field, value in row.items() if value != ""}


def step_row(spec: StepSpec) -> Row:
    """The step as it stands in a row of a file."""
    at = next(word for word, anchor in _ANCHORS.items() if anchor == spec.anchor)
    row = {"key": spec.key, "at": at, "share": spec.share, "minutes": spec.minutes}
    return {field: value for field, value in row.items() if value is not None}
