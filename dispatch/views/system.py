"""The page of the machine, for who operates the loop of a city: processes, lags, the outbox, streams, slow statements.

Figures and statements with placeholders only: nothing of any case or person.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from dispatch import health, measures
from dispatch.actors import Actor
from dispatch.views.shell import page, show
from gridgov.common import clock, replica
from gridgov.common.errors import NotPermitted
from gridgov.common.models import SlowStatement
from gridgov.common.observability import processes
from grids.capabilities import Capability
from grids.spatial import areas

ROWS = 30
#: The machine is one for all: to see it takes the operation of a whole city. That is the system administrator, who runs
#: it, and the duty chief of the city's centre, who is there at night and calls him; a district's chief sees what it
#: means for his cases on /ops/. Rules have nothing to do with it, and the auditor reads his trail alone.
NEEDED = Capability.OPERATE_LOOP
KINDS = {
    "web": gettext_lazy("网页"),
    "serve": gettext_lazy("单机服务"),
    "worker": gettext_lazy("后台任务"),
    "beat": gettext_lazy("定时器"),
    "live": gettext_lazy("实时推送"),
}
PARTS = {
    "database": gettext_lazy("数据库"),
    "broker": gettext_lazy("消息队列"),
    "worker": gettext_lazy("后台任务"),
    "beat": gettext_lazy("定时器"),
    "sweep": gettext_lazy("时限扫描"),
    "index": gettext_lazy("区划索引"),
    "sweep_lag": gettext_lazy("扫描延迟"),
    "delivery": gettext_lazy("流转投递"),
    "parked": gettext_lazy("搁置的记录"),
    "notices": pgettext_lazy("many", "通知"),
}
STATES = {"ok": pgettext_lazy("health", "正常"), "warning": gettext_lazy("需人处理"), "failed": gettext_lazy("异常")}


def may_see(by: Actor) -> bool:
    """Whether the person operates the loop of a whole city."""
    held = (areas.find(area_id) for capability, area_id in by.grants if capability == NEEDED)
    return any(record is not None and record.id == record.root_id for record in held)


@page
def system(request: HttpRequest) -> HttpResponse:
    """How every process and queue is doing, as of now."""
    if not may_see(request.actor):
        raise NotPermitted(_("此页需要：全市的%(needed)s") % {"needed": NEEDED.label}, missing=NEEDED)
    now = clock.now()
    living = processes.living()
    figures = measures.loop()
    slow = SlowStatement.objects.order_by("-total_ms", "id")[:ROWS]
    return show(
        request,
        "pages/system.html",
        {
            "now": now,
            "parts": _parts(health.report().parts),
            "processes": [_process(one, now) for one in living],
            "figures": figures,
            "lags": _lags(figures),
            "streams": measures.streams(living),
            "slow": [_statement(one) for one in slow],
            "slow_ms": replica.settings.SLOW_STATEMENT_MS,
            "copy": _copy(),
        },
    )


def _parts(parts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"label": str(PARTS.get(name, name)), "status": part["status"], "state": str(STATES[part["status"]]),
         "said": _said(part)}
        for name, part in parts.items()
    ]  # fmt: skip


def _said(part: Mapping[str, Any]) -> str:
    """The one figure of the part that says most."""
    if "error" in part:
        return str(part["error"])
    if part.get("age_seconds") is not None:
        return _("%(seconds)d 秒前") % {"seconds": part["age_seconds"]}
    if "age_seconds" in part:
        return _("没有信号")
    if "ms" in part:
        return _("%(ms)s 毫秒") % {"ms": part["ms"]}
    if "seconds" in part:
        return _("%(seconds)d 秒") % {"seconds": part["seconds"]}
    count = part.get("count", part.get("failed"))
    return "" if count is None else str(count)


def _process(one: Any, now: Any) -> dict[str, Any]:
    seconds = (now - one.beat_at).total_seconds()
    return {
        "kind": str(KINDS.get(one.kind, one.kind)),
        "where": f"{one.host}:{one.pid}",
        "began_at": one.began_at,
        "seconds": round(seconds),
        "is_late": seconds > processes.SILENT_SECONDS,
        "streams": one.figures.get("streams"),
    }


def _lags(figures: Mapping[str, float]) -> Sequence[tuple[str, str, bool]]:
    """Name, value and whether it is bad, in the order in which a fault shows."""
    late = health.LATE_SECONDS
    return [
        (_("到期未触发的时钟"), _number(figures["due_clocks"]), figures["due_clocks"] > measures.MANY),
        (_("扫描延迟"), _seconds(figures["sweep_lag_seconds"]), figures["sweep_lag_seconds"] > late),
        (_("待投递的记录"), _number(figures["outbox_entries"]), False),
        (_("最久的待投递"), _seconds(figures["outbox_age_seconds"]), figures["outbox_age_seconds"] > late),
        (_("投递失败、正在重试"), _number(figures["failing_entries"]), figures["failing_entries"] > 0),
        (_("搁置的记录"), _number(figures["parked_entries"]), figures["parked_entries"] > 0),
        (_("待发送的通知"), _number(figures["pending_notices"]), False),
        (_("发送失败的通知"), _number(figures["failed_notices"]), figures["failed_notices"] > 0),
    ]


def _number(value: float) -> str:
    return f"{measures.MANY}+" if value > measures.MANY else f"{value:.0f}"


def _seconds(value: float) -> str:
    return _("%(seconds)d 秒") % {"seconds": value}


def _statement(one: SlowStatement) -> dict[str, Any]:
    return {
        "sql": one.sql,
        "place": one.place,
        "count": one.count,
        "mean_ms": round(one.total_ms / max(1, one.count)),
        "worst_ms": round(one.worst_ms),
        "last_at": one.last_at,
    }


def _copy() -> dict[str, Any] | None:
    """The copy for reports: whether it answers, and by how much it is behind; None where there is none."""
    if replica.ALIAS not in replica.settings.DATABASES:
        return None
    behind = replica.lag_seconds()
    return {"is_bad": behind is None or behind > replica.settings.REPLICA_LAG_SECONDS, "behind": behind}
