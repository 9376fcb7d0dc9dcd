"""The audit trail in words: what was done, to which object by name, and which field went from what to what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model, Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gridgov.common import audit_actions
from gridgov.common.models import AuditEntry

#: By which fields a row is told: its name and, in brackets, its login or code.
NAMED: Mapping[str, tuple[str, ...]] = {
    "common.User": ("name", "username"),
    "common.WorkCalendar": ("name", "code"),
    "grids.Area": ("name", "code"),
    "grids.ServiceZone": ("name", "code"),
    "grids.Component": ("name", "code"),
    "grids.Place": ("name", "code"),
    "personnel.Department": ("name", "code"),
    "personnel.Worker": ("user__name", "user__username"),
    "personnel.Posting": ("worker__user__name", "worker__user__username"),
    "personnel.AssessmentScheme": ("name", "code"),
    "incidents.Category": ("name", "code"),
    "incidents.FilingStandard": ("condition", "code"),
    "incidents.Ladder": ("name", "code"),
    "incidents.Incident": ("number",),
    "dispatch.CannedText": ("title",),
    "dispatch.SavedView": ("name",),
}
#: Details that are no field of their object, and the field of which they are values (several: of a row's columns).
LIKE: Mapping[str, tuple[str, ...]] = {
    "clocks": ("incidents.Limit.clock",),
    "duty": ("personnel.ComponentDuty.kind",),
    "department": ("personnel.Posting.department",),
    "worker": ("personnel.Posting.worker",),
    "form": ("reporting.Export.form",),
    "targets": (
        "dispatch.EscalationTarget.side", "personnel.Posting.role", "dispatch.EscalationTarget.levels_up",
        "dispatch.EscalationTarget.channel", "dispatch.EscalationTarget.supervision_level",
    ),
}  # fmt: skip
#: What details are called that are no field of their object.
LABELS: Mapping[str, str | Promise] = {
    "added": gettext_lazy("新增"),
    "areas": gettext_lazy("区域"),
    "calendar": gettext_lazy("日历"),
    "changed": gettext_lazy("修改"),
    "channel": gettext_lazy("渠道"),
    "clocks": gettext_lazy("时限"),
    "code": gettext_lazy("编码"),
    "count": gettext_lazy("数量"),
    "days": gettext_lazy("天数"),
    "department": gettext_lazy("部门"),
    "duty": gettext_lazy("责任类型"),
    "end": gettext_lazy("至"),
    "ended": gettext_lazy("停用"),
    "error": gettext_lazy("错误"),
    "fields": gettext_lazy("改动"),
    "file": gettext_lazy("文件"),
    "final_score": gettext_lazy("得分"),
    "form": gettext_lazy("格式"),
    "grids": gettext_lazy("网格数"),
    "group": gettext_lazy("类别"),
    "joint": gettext_lazy("协办"),
    "kind": gettext_lazy("类型"),
    "level": gettext_lazy("层级"),
    "locked_address": gettext_lazy("锁定的地址"),
    "mark": gettext_lazy("加减分"),
    "moved": gettext_lazy("涉及部门数"),
    "name": gettext_lazy("名称"),
    "number": gettext_lazy("编号"),
    "on": gettext_lazy("日期"),
    "query": gettext_lazy("条件"),
    "reason": gettext_lazy("原因"),
    "replaces": gettext_lazy("取代规则"),
    "revision": gettext_lazy("修订号"),
    "rows": gettext_lazy("行数"),
    "seed": gettext_lazy("种子"),
    "session": gettext_lazy("会话"),
    "since": gettext_lazy("自"),
    "start": gettext_lazy("自"),
    "steps": gettext_lazy("步骤"),
    "system": gettext_lazy("来源系统"),
    "targets": gettext_lazy("通知对象"),
    "title": gettext_lazy("标题"),
    "unchanged": gettext_lazy("未变"),
    "until": gettext_lazy("至"),
    "version": gettext_lazy("版本"),
    "worker": gettext_lazy("人员"),
}
#: Values that are codes of no field.
VALUES: Mapping[str, str | Promise] = {
    "desk": gettext_lazy("网页"),
    "api": gettext_lazy("接口"),
    "system": gettext_lazy("系统"),
}
#: Types of objects that are no table.
_OTHER_TYPES: Mapping[str, str | Promise] = {
    "login": gettext_lazy("不存在的账号"),
    "demo": gettext_lazy("演示库"),
}
_Key = tuple[str, str]
_FOUND_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Line:
    """An entry in words."""

    action: str
    object: str
    detail: str


def lines(entries: Iterable[AuditEntry]) -> list[Line]:
    """Each entry in the language that is active. A statement for each kind of row that they name."""
    rows = list(entries)
    names = _names(_mentioned(rows))
    return [Line(audit_actions.name(row.action), _object(row, names), "；".join(_told(row, names))) for row in rows]


def meant(text: str) -> Q:
    """The entries that ``text`` names as the pages show them: action, login or name, code, "部件 12", "名称 (编码)"."""
    found = Q(object_id=text) | Q(detail__code=text) | Q(action__in=audit_actions.called(text))
    inside = text.rpartition(" (")[2].removesuffix(")") if text.endswith(")") else text
    kind, _space, number = text.rpartition(" ")
    for model in apps.get_models():
        label = model._meta.label
        if number and kind in (str(model._meta.verbose_name), model.__name__):
            found |= Q(object_type=label, object_id=number)
        if label in NAMED:
            named = Q()
            for field in NAMED[label]:
                named |= Q(**{field: inside})
            same = model._default_manager.filter(named)
            keys = [str(key) for key in same.order_by().values_list("pk", flat=True)[:_FOUND_AT_MOST]]
            if keys:
                found |= Q(object_type=label, object_id__in=keys)
    return found


# --- objects ------------------------------------------------------------------------------------------------------


def _model(label: str) -> type[Model] | None:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def _names(keys: set[_Key]) -> dict[_Key, str]:
    found: dict[_Key, str] = {}
    for label in sorted({label for label, _id in keys}):
        model = _model(label)
        if label not in NAMED or model is None:
            continue
        ids = [key for kind, key in keys if kind == label and key.isascii() and key.isdecimal() and len(key) < 19]
        rows = model._default_manager.order_by().filter(pk__in=ids).values_list("pk", *NAMED[label])
        found |= {(label, str(pk)): _called(words[0], words[-1]) for pk, *words in rows}
    return found


def _called(word: Any, code: Any) -> str:
    if not word or word == code:
        return str(code)
    return f"{word} ({code})"


def _object(row: AuditEntry, names: Mapping[_Key, str]) -> str:
    if not row.object_type:
        return ""
    model = _model(row.object_type)
    kind = str(model._meta.verbose_name if model is not None else _OTHER_TYPES.get(row.object_type, row.object_type))
    named = names.get((row.object_type, row.object_id)) or _once_called(row)
    return f"{kind} {named or row.object_id}".strip()


def _once_called(row: AuditEntry) -> str:
    """What a row was called that is no longer there."""
    name, code = row.detail.get("name"), row.detail.get("code")
    return _called(name, code or name) if (name or code) and row.object_id else ""


# --- details ------------------------------------------------------------------------------------------------------


def _told(row: AuditEntry, names: Mapping[_Key, str]) -> Iterable[str]:
    for key, value in row.detail.items():
        if key == "changes":
            for field, pair in value.items():
                old, new = (_word(row, field, one, names) or _("空") for one in pair)
                yield f"{_label(row, field)}：{old} → {new}"
        elif key == "fields":
            if value:
                yield f"{LABELS[key]}：{_('、').join(_label(row, str(name)) for name in value)}"
        elif value not in (None, "", [], {}):
            yield f"{_label(row, key)}：{_word(row, key, value, names)}"


def _field(label: str, name: str) -> Field | None:
    model = _model(label)
    if model is None:
        return None
    try:
        found = model._meta.get_field(name.removesuffix("_id"))
    except FieldDoesNotExist:
        return None
    return found if isinstance(found, Field) else None


def _fields(row: AuditEntry, key: str) -> Sequence[Field | None]:
    """Of which field the value is; several for rows of values."""
    own = _field(row.object_type, key)
    if own is not None:
        return [own]
    return [_field(*path.rsplit(".", 1)) for path in LIKE.get(key, ())]


def _label(row: AuditEntry, key: str) -> str:
    own = _field(row.object_type, key)
    return str(own.verbose_name) if own is not None else str(LABELS.get(key, key))


def _word(row: AuditEntry, key: str, value: Any, names: Mapping[_Key, str]) -> str:
    fields = _fields(row, key)
    if isinstance(value, list) and len(fields) > 1:
        return "；".join("/".join(_plain(f, v, names) for f, v in zip(fields, line, strict=False)) for line in value)
    return _plain(fields[0] if fields else None, value, names)


def _plain(field: Field | None, value: Any, names: Mapping[_Key, str]) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if isinstance(value, list):
        return _("、").join(_plain(field, one, names) for one in value)
    if isinstance(value, dict):
        return _("，").join(f"{key} {_pair(one, names)}" for key, one in value.items())
    if field is not None and field.choices:
        for code, label in field.flatchoices:
            if str(code) == str(value):
                return str(label)
    if field is not None and field.remote_field is not None and isinstance(value, int):
        return names.get((field.remote_field.model._meta.label, str(value)), str(value))
    return str(VALUES.get(str(value), value))


def _pair(value: Any, names: Mapping[_Key, str]) -> str:
    """In a table of before and after the two with an arrow."""
    if isinstance(value, list) and len(value) == 2:
        return " → ".join(_plain(None, one, names) for one in value)
    return _plain(None, value, names)


def _mentioned(rows: Sequence[AuditEntry]) -> set[_Key]:
    """The objects of the entries, and the rows that their details name by number."""
    found = {(row.object_type, row.object_id) for row in rows}
    for row in rows:
        told = [(key, [value]) for key, value in row.detail.items()]
        changes = row.detail.get("changes")
        told += list(changes.items()) if isinstance(changes, dict) else []
        for key, values in told:
            fields = _fields(row, key)
            if len(fields) == 1 and fields[0] is not None and fields[0].remote_field is not None:
                label = fields[0].remote_field.model._meta.label
                found |= {(label, str(value)) for value in values if isinstance(value, int)}
    return found
