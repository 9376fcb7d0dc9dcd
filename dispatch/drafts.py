"""What somebody typed and has not sent, kept for him so that an expired login or a broken browser costs no words.

A draft is its owner's alone: nobody else can read, list or name it. It may hold what a citizen said on the telephone,
so it is gone when the form is sent, and after a week in any case. The only writer of Draft.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.models import Draft
from gridgov.common import clock
from gridgov.common.errors import FieldError, NotFound, NotPermitted
from gridgov.common.text import is_storable

KEPT_FOR = timedelta(days=7)
#: A form of a case: ``case/6209012026112600001/dispatch``; of none: ``report``.
KEY = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,79}$")
BYTES_LIMIT = 20_000
DRAFTS_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """A draft as it stands."""

    key: str
    content: Mapping[str, Any]
    updated_at: datetime


def save(*, by: Actor, key: str, content: Any) -> Kept:
    """The draft of that form is ``content``, whatever it was. FieldError for a key or content that is none."""
    owner_id = _owner(by)
    _checked(key, content)
    now = clock.now()
    row, made = Draft.objects.update_or_create(
        owner_id=owner_id, key=key, defaults={"content": dict(content), "updated_at": now}
    )
    if made:
        beyond = Draft.objects.filter(owner=owner_id).order_by("-updated_at", "-pk").values_list("pk", flat=True)
        Draft.objects.filter(pk__in=list(beyond[DRAFTS_LIMIT : DRAFTS_LIMIT + 50])).delete()
    return Kept(row.key, row.content, row.updated_at)


def of(by: Actor, key: str) -> Kept:
    """The draft of that form. NotFound where ``by`` has none. One statement."""
    row = Draft.objects.filter(owner=_owner(by), key=key).first() if KEY.match(key) else None
    if row is None:
        raise NotFound(_("没有这份草稿"))
    return Kept(row.key, row.content, row.updated_at)


def all_of(by: Actor) -> list[Kept]:
    """All drafts of ``by``, the latest first. One statement."""
    rows = Draft.objects.filter(owner=_owner(by)).order_by("-updated_at", "-pk")
    return [Kept(row.key, row.content, row.updated_at) for row in rows[:DRAFTS_LIMIT]]


def discard_one(*, by: Actor, key: str) -> bool:
    """``by`` has no draft of that form; whether he had."""
    return bool(KEY.match(key) and Draft.objects.filter(owner=_owner(by), key=key).delete()[0])


def discard(*, before: datetime, limit: int = 500) -> int:
    """Drafts that nobody touched since then are gone; how many."""
    ids = list(Draft.objects.filter(updated_at__lt=before).values_list("pk", flat=True)[:limit])
    return Draft.objects.filter(pk__in=ids, updated_at__lt=before).delete()[0] if ids else 0


def _owner(by: Actor) -> int:
    if by.user_id is None:
        raise NotPermitted(_("此操作需要登录"), missing="login")
    return by.user_id


def _checked(key: Any, content: Any) -> None:
    if not isinstance(key, str) or not KEY.match(key):
        raise FieldError("key", _("表单的名称须为字母、数字和 ._/-，最长80个字符"))
    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        raise FieldError("content", _("须是一个JSON对象"))
    try:
        raw = orjson.dumps(dict(content))
    except (TypeError, ValueError, RecursionError):
        raise FieldError("content", _("文字中有不可用的字符")) from None
    if len(raw) > BYTES_LIMIT:
        raise FieldError("content", _("草稿最大%(limit)d KB") % {"limit": BYTES_LIMIT // 1000})
    if b"\\u0000" in raw or not is_storable(raw.decode()):
        raise FieldError("content", _("文字中有不可用的字符"))
