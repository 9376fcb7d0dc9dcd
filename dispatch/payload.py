"""Reading an action's payload: each field typed and bounded, each fault named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import FieldError, FieldErrors
from gridgov.common.text import is_storable
from incidents.workflow import FIELD_LABELS, Transition
from personnel.models import Posting
from personnel.selectors import department_tree

REASON_LIMIT = 500
NOTE_LIMIT = 2_000
ATTACHMENT_LIMIT = 20
JOINT_LIMIT = 10

#: The fields that hold a person's own words; each is bounded.
_TEXTS = {"reason": REASON_LIMIT, "note": NOTE_LIMIT, "waive": REASON_LIMIT, "address": 200, "description": NOTE_LIMIT}


@dataclass(frozen=True, slots=True)
class Handler:
    """Who is to handle: a department (bureau, section, team, lower centre) or a worker. One of the two."""

    department_id: int | None = None
    worker_id: int | None = None

    def fields(self) -> dict[str, int | None]:
        return {"department_id": self.department_id, "worker_id": self.worker_id}

    def as_json(self) -> dict[str, int]:
        if self.department_id is not None:
            return {"department": self.department_id}
        assert self.worker_id is not None
        return {"worker": self.worker_id}


def checked(line: Transition, payload: Mapping[str, Any]) -> dict[str, Any]:
    """``payload`` without its empty fields. Raises FieldError(s): a field missing, too long, or not the action's."""
    given = {name: value for name, value in payload.items() if value not in (None, "", [], ())}
    errors = [
        FieldError(name, _("此操作没有这一项"), code="unexpected")
        for name in given
        if name not in line.requires and name not in line.optional
    ]
    errors += [
        FieldError(name, _("请填写%(label)s") % {"label": FIELD_LABELS[name]}, code="required")
        for name in line.requires
        if name not in given
    ]
    for name, value in given.items():
        if isinstance(value, str) and not is_storable(value):
            errors.append(FieldError(name, _("文字中有不可用的字符")))
    for name, limit in _TEXTS.items():
        value = given.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            errors.append(FieldError(name, _("须是文字")))
        elif not value.strip():
            errors.append(FieldError(name, _("请填写%(label)s") % {"label": FIELD_LABELS[name]}, code="required"))
        elif len(value) > limit:
            errors.append(FieldError(name, _("最长%(limit)s字") % {"limit": limit}))
    if errors:
        raise errors[0] if len(errors) == 1 else FieldErrors(errors)
    return given


def uuids(name: str, value: Any) -> tuple[UUID, ...]:
    """Ids of attachments, each once."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise FieldError(name, _("须是附件编号的列表"))
    if len(value) > ATTACHMENT_LIMIT:
        raise FieldError(name, _("附件最多%(limit)s个") % {"limit": ATTACHMENT_LIMIT})
    try:
        found = [item if isinstance(item, UUID) else UUID(str(item)) for item in value]
    except ValueError:
        raise FieldError(name, _("附件编号不对")) from None
    return tuple(dict.fromkeys(found))


def integer(name: str, value: Any) -> int:
    """A whole number that an id may be."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise FieldError(name, _("须是整数")) from None
    if isinstance(value, bool) or not 0 <= number <= 2**62:
        raise FieldError(name, _("须是整数"))
    return number


def instant(name: str, value: Any) -> datetime:
    """An aware instant."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise FieldError(name, _("须是带时区的时间"))
    return value


def handler(name: str, value: Any, *, root_id: int) -> Handler:
    """A handler that exists, is active and belongs to the case's city."""
    if isinstance(value, Handler):
        value = value.as_json()
    if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in ("department", "worker"):
        raise FieldError(name, _("须是一个部门或一个人员"))
    kind, raw = next(iter(value.items()))
    pk = integer(name, raw)
    if kind == "department":
        record = department_tree().find(pk)
        if record is None or not record.is_active or record.root_id != root_id:
            raise FieldError(name, _("没有这个部门，或已停用"))
        return Handler(department_id=pk)
    posted = Posting.objects.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gte=clock.local_date(clock.now())),
        Q(department__root=root_id) | Q(area__path__startswith=f"/{root_id}/"),
        worker=pk, worker__is_active=True, worker__user__is_active=True,
    )  # fmt: skip
    if not posted.exists():
        raise FieldError(name, _("没有这个人员，或已离岗"))
    return Handler(worker_id=pk)


def handlers(name: str, value: Any, *, root_id: int, lead: Handler) -> tuple[Handler, ...]:
    """The joint handlers: each once, none of them the lead."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise FieldError(name, _("须是协办的列表"))
    if len(value) > JOINT_LIMIT:
        raise FieldError(name, _("协办最多%(limit)s个") % {"limit": JOINT_LIMIT})
    found = tuple(dict.fromkeys(handler(name, item, root_id=root_id) for item in value))
    if lead in found:
        raise FieldError(name, _("主办不能同时是协办"))
    return found
