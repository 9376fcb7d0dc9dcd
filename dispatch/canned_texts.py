"""Canned texts (常用语): which a form offers, filled in for its case; and the only writer of CannedText.

A text is one's own, an area's (whoever supervises there shares it), or everybody's (whoever manages rules).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from dispatch import canned
from dispatch.actors import Actor
from dispatch.cases import Case
from dispatch.models import CannedText
from gridgov.common import audit, clock
from gridgov.common.errors import FieldError, NotFound, NotPermitted
from gridgov.common.models import User
from gridgov.common.text import is_storable
from grids.capabilities import Capability as Cap
from grids.models import Area
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import Category
from incidents.workflow import Action, RequestKind, Stage, lines
from personnel.selectors import department_tree

DATA = Path(__file__).parent / "data" / "canned_texts.json"
TITLE_LIMIT = 40
OWN_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Offered:
    """A text in a form: as it was written, and filled in for the case."""

    id: int
    title: str
    template: str
    text: str
    is_own: bool


# --- reading ------------------------------------------------------------------------------------------------------


def offered(case: Case, action: str, by: Actor) -> list[Offered]:
    """The texts for the action's form, filled in: one's own first, those for the category before those for any.

    One statement.
    """
    stages = {line.stage.value for line in lines(Action(action))} if action in Action.values else set()
    book = catalogue()
    category = book.category(case.incident.category_id)
    fitting = {category.id, category.parent_id} - {None} if category else set()
    chain = {i for i in (*case.place_chain, *case.holder_chain) if i is not None}
    rows = CannedText.objects.filter(
        Q(action=action) | Q(action="", stage__in=sorted(stages)),
        Q(category__isnull=True) | Q(category__in=sorted(fitting)),
        Q(owner=by.user_id) | Q(owner__isnull=True, area__in=sorted(chain)) | Q(owner__isnull=True, area__isnull=True),
        is_active=True,
    ).values_list("id", "title", "text", "owner_id", "category_id", "action", "position")
    values = values_of(case)
    order = sorted(rows, key=lambda r: (r[3] is None, r[4] is None, r[5] == "", r[6], r[0]))
    return [
        Offered(pk, title, text, canned.fill(text, values), owner is not None) for pk, title, text, owner, *_ in order
    ]


def values_of(case: Case) -> dict[str, str]:
    """The variables for a case; nothing personal is among them."""
    incident, book = case.incident, catalogue()
    category = book.category(incident.category_id)
    parent = book.category(category.parent_id) if category else None
    standard = book.standard(incident.standard_id)
    lead = case.last_lead
    due = incident.due_at
    return {
        "编号": incident.number,
        "类别": category.name if category else "",
        "大类": parent.name if parent else "",
        "地址": incident.address or areas.full_name(incident.grid_id or incident.community_id or incident.street_id),
        "区县": areas.name(incident.district_id),
        "街道": areas.name(incident.street_id),
        "社区": areas.name(incident.community_id),
        "网格": areas.name(incident.grid_id),
        "中心": areas.name(incident.holder_id),
        "立案条件": standard.condition if standard else "",
        "结案条件": standard.closing_condition if standard else "",
        "部门": department_tree().name(lead.department_id) if lead else "",
        "时限": f"{clock.local(due):%m月%d日%H:%M}" if due else "",
        "收到时间": f"{clock.local(incident.received_at):%m月%d日%H:%M}",
        "日期": f"{clock.local(clock.now()):%Y年%m月%d日}",
    }


def own_of(by: Actor) -> list[CannedText]:
    """One's own texts, by stage. One statement."""
    return list(CannedText.objects.filter(owner=by.user_id).select_related("category")) if by.user_id else []


# --- writing ------------------------------------------------------------------------------------------------------


def save_own(*, by: Actor, given: Mapping[str, Any], text_id: int | None = None) -> CannedText:
    """A text of ``by``'s own stands, new or in the place of ``text_id``. NotFound for another's; FieldError."""
    if by.user_id is None or not by.postings:
        raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": _("任职")}, missing="posting")
    row = _own(by, text_id)
    if row.pk is None and CannedText.objects.filter(owner=by.user_id).count() >= OWN_LIMIT:
        raise FieldError("title", _("自用常用语最多%(n)s条") % {"n": OWN_LIMIT}, code="limit")
    row.owner_id = by.user_id
    return _stored(row, given)


def delete_own(*, by: Actor, text_id: int) -> None:
    """The text is gone. NotFound for another's."""
    if not CannedText.objects.filter(pk=text_id, owner=by.user_id, owner__isnull=False).delete()[0]:
        raise NotFound(_("没有这条常用语"))


def save_shared(
    *, by: User, given: Mapping[str, Any], area: Area | None, row: CannedText | None = None, allowed: bool
) -> CannedText:
    """A text for everybody in ``area`` (None: everywhere) stands; audited. ``allowed``: see :func:`may_share`."""
    if not allowed:
        needed = Cap.SUPERVISE if area is not None else Cap.MANAGE_RULES
        raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": needed.label}, missing=needed.value)
    row = row or CannedText()
    if row.owner_id is not None:
        raise FieldError("area", _("个人常用语不能改为共享"))
    row.area = area
    with transaction.atomic():
        saved = _stored(row, given)
        audit.record(action="canned_text.saved", actor=by, obj=saved, detail={"title": saved.title})
    return saved


def may_share(by: Actor, area_id: int | None) -> bool:
    """Whether ``by`` may share texts there: who supervises or manages rules in the area; everywhere the latter."""
    if area_id is None:
        return by.may_somewhere(Cap.MANAGE_RULES)
    record = areas.find(area_id)
    chain = record.ancestors if record else ()
    return by.may(Cap.SUPERVISE, chain) or by.may(Cap.MANAGE_RULES, chain)


def _own(by: Actor, text_id: int | None) -> CannedText:
    if text_id is None:
        return CannedText()
    row = CannedText.objects.filter(pk=text_id, owner=by.user_id, owner__isnull=False).first()
    if row is None:
        raise NotFound(_("没有这条常用语"))
    return row


def _stored(row: CannedText, given: Mapping[str, Any]) -> CannedText:
    row.stage, row.action = _stage(given.get("stage", row.stage), given.get("action", row.action))
    row.title = _words("title", given.get("title", row.title), TITLE_LIMIT)
    row.text = _words("text", given.get("text", row.text), canned.TEXT_LIMIT)
    canned.check(row.text)
    if "category" in given:
        row.category = _category(given["category"])
    row.position = _position(given.get("position", row.position))
    row.is_active = bool(given.get("is_active", row.is_active))
    row.saved_at = clock.now()
    row.save()
    return row


def _stage(stage: Any, action: Any) -> tuple[str, str]:
    if stage not in Stage.values:
        raise FieldError("stage", _("没有这个环节：%(text)s") % {"text": str(stage)[:40]})
    if not action:
        return stage, ""
    if action not in Action.values and action not in RequestKind.values:
        raise FieldError("action", _("没有这个操作：%(name)s") % {"name": str(action)[:40]})
    if stage not in {line.stage.value for line in lines(Action(action))}:
        raise FieldError("action", _("此操作不在这个环节"))
    return stage, action


def _words(name: str, text: Any, limit: int) -> str:
    if not isinstance(text, str) or not text.strip():
        raise FieldError(name, _("请填写"), code="required")
    if len(text) > limit:
        raise FieldError(name, _("最长%(limit)s字") % {"limit": limit})
    if not is_storable(text):
        raise FieldError(name, _("文字中有不可用的字符"))
    return text.strip()


def _category(given: Any) -> Category | None:
    if given is None or given == "" or isinstance(given, Category):
        return given or None
    found = catalogue().category_by_code(str(given))
    if found is None:
        raise FieldError("category", _("没有这个类别：%(code)s") % {"code": str(given)[:40]})
    return Category.objects.get(pk=found.id)


def _position(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= 1000:
        raise FieldError("position", _("须是0到1000的整数"))
    return given


# --- the project's file -------------------------------------------------------------------------------------------


def load_file(path: Path = DATA, *, replace: bool = False) -> int:
    """The file's texts stand, those that are there already as they were (unless ``replace``); how many were written."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = _("%(path)s 不是 UTF-8 的 JSON：%(error)s") % {"path": path, "error": error}
        raise FieldError("file", message) from error
    present = {row.code: row for row in CannedText.objects.exclude(code="")}
    written = 0
    with transaction.atomic():
        for position, given in enumerate(rows):
            row = present.get(given["code"])
            if row is not None and not replace:
                continue
            _stored(row or CannedText(code=given["code"]), {"position": position, **given})
            written += 1
    return written
