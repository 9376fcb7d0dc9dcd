"""The audit administrator's page: who did what to accounts, permissions, rules and protected data, and when."""

import csv
from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, date
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.dateparse import parse_date
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch.actors import Actor
from dispatch.views.shell import page, show
from gridgov.common import address, audit, clock
from gridgov.common.errors import NotPermitted
from gridgov.common.models import AuditEntry
from grids.capabilities import Capability
from incidents.importing import harmless

PAGE = 50
#: Kinds of entries that are asked for together, by the beginning of the action.
GROUPS: dict[str, tuple[str | Promise, tuple[str, ...]]] = {
    "access": (gettext_lazy("登录与会话"), ("sign_in", "sign_out", "lockout.", "session.", "token.")),
    "accounts": (gettext_lazy("账号与口令"), ("user.", "password.", "second_factor.", "worker.")),
    "permissions": (gettext_lazy("任职与权限"), ("posting.", "role.", "confidential.")),
    "reveals": (gettext_lazy("查看完整电话"), ("phone.",)),
    "exports": (gettext_lazy("导出"), ("export.", "audit.export")),
}
WORDS: dict[str, str | Promise] = {
    "sign_in": gettext_lazy("登录"),
    "sign_in.failed": gettext_lazy("登录失败"),
    "sign_in.locked": gettext_lazy("登录锁定"),
    "sign_out": gettext_lazy("退出登录"),
    "lockout.release": gettext_lazy("解除锁定"),
    "session.end": gettext_lazy("强制退出一处登录"),
    "session.end_all": gettext_lazy("强制退出全部登录"),
    "token.issue": gettext_lazy("发放接口令牌"),
    "token.revoke": gettext_lazy("作废接口令牌"),
    "user.close": gettext_lazy("停用账号"),
    "user.reopen": gettext_lazy("启用账号"),
    "password.change": gettext_lazy("更改密码"),
    "password.reset": gettext_lazy("重置密码"),
    "second_factor.set": gettext_lazy("绑定动态验证码"),
    "second_factor.remove": gettext_lazy("解除动态验证码"),
    "second_factor.codes": gettext_lazy("更换恢复码"),
    "second_factor.recovery": gettext_lazy("用恢复码登录"),
    "worker.hire": gettext_lazy("录入人员"),
    "worker.transfer": gettext_lazy("人员调动"),
    "worker.leave": gettext_lazy("人员离职"),
    "posting.begin": gettext_lazy("任职开始"),
    "posting.end": gettext_lazy("任职结束"),
    "posting.withdraw": gettext_lazy("撤销任职"),
    "phone.reveal": gettext_lazy("查看完整电话"),
    "audit.export": gettext_lazy("导出审计记录"),
}


class _Line:
    """A file that keeps nothing: what is written to it is returned."""

    def write(self, text: str) -> str:
        return text


def _required(actor: Actor) -> None:
    if not actor.may_somewhere(Capability.READ_AUDIT):
        raise NotPermitted(
            _("此页需要：%(needed)s") % {"needed": Capability.READ_AUDIT.label}, missing=Capability.READ_AUDIT.value
        )


@page
def trail(request: HttpRequest) -> HttpResponse:
    """The newest first, a page at a time, as the filters say."""
    _required(request.actor)
    asked = _asked(request)
    found = _found(asked)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    rows = [_shown(row) for row in found[: PAGE + 1]]
    context = {
        "rows": rows[:PAGE],
        "before": rows[PAGE - 1]["id"] if len(rows) > PAGE else None,
        "is_first": not before,
        "asked": asked,
        "groups": [(key, label) for key, (label, _starts) in GROUPS.items()],
        "query": request.GET.copy(),
    }
    context["query"].pop("before", None)
    context["query"] = context["query"].urlencode()
    return show(request, "pages/audit.html", context)


@page
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """What the filters find as CSV, however much, row by row; that it was taken is an entry itself."""
    _required(request.actor)
    asked = _asked(request)
    audit.record(
        action="audit.export",
        actor=request.user,
        detail={key: str(value) for key, value in asked.items() if value and key != "text"},
        address=address.of(request),
    )
    found = _found(asked)
    response = StreamingHttpResponse(_lines(found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="audit-{clock.local(clock.now()):%Y%m%d-%H%M}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _lines(found: QuerySet[AuditEntry]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(["id", "at", "actor", "action", "object_type", "object_id", "detail", "address"])
    for row in found.iterator(chunk_size=2000):
        actor = row.actor.get_username() if row.actor else ""
        said = [row.action, row.object_type, row.object_id, row.detail]
        yield writer.writerow(
            [row.pk, clock.local(row.at).isoformat(), *(harmless(str(v)) for v in (actor, *said)), row.address or ""]
        )


def _asked(request: HttpRequest) -> dict[str, Any]:
    given = request.GET
    group = given.get("group", "")
    return {
        "group": group if group in GROUPS else "",
        "since": _day(given.get("since", "")),
        "until": _day(given.get("until", "")),
        "text": given.get("text", "").replace("\0", "").strip()[:60],
    }


def _day(text: str) -> date | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    # at both ends of the calendar there is no midnight in every zone
    return day if day is not None and MINYEAR < day.year < MAXYEAR else None


def _found(asked: dict[str, Any]) -> QuerySet[AuditEntry]:
    found = AuditEntry.objects.select_related("actor").order_by("-id")
    if asked["group"]:
        starts = Q()
        for start in GROUPS[asked["group"]][1]:
            starts |= Q(action__startswith=start)
        found = found.filter(starts)
    if asked["since"]:
        found = found.filter(at__gte=clock.local_midnight(asked["since"]))
    if asked["until"]:
        found = found.filter(at__lt=clock.local_midnight(asked["until"], days=1))
    if asked["text"]:
        text = asked["text"]
        named = Q(actor__username=text) | Q(actor__name=text) | Q(action=text) | Q(object_id=text)
        from_there = address.normal(text)
        found = found.filter(named | Q(address=from_there) if from_there else named)
    return found


def _shown(row: AuditEntry) -> dict[str, Any]:
    detail = " · ".join(f"{key} {value}" for key, value in row.detail.items() if value not in (None, "", [], {}))
    return {
        "id": row.pk,
        "at": row.at,
        "actor": str(row.actor) if row.actor else "",
        "login": row.actor.get_username() if row.actor else "",
        "action": row.action,
        "words": WORDS.get(row.action, ""),
        "is_bad": row.action in ("sign_in.failed", "sign_in.locked"),
        "object": " ".join(part for part in (row.object_type.rpartition(".")[2], row.object_id) if part),
        "detail": detail[:200],
        "address": row.address or "",
    }
