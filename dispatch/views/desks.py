"""The queues: a desk's cases by least time left, and the requests that wait for a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from dispatch import appeals, claims, queue_query
from dispatch.actors import Actor
from dispatch.selectors import entry_label, requests_waiting_for, rulings_waiting_for, with_lead
from dispatch.views.desk_table import DESKS, Desk
from dispatch.views.shell import desks_of, page, show
from dispatch.views.words import SOON, Chip, case_chip, due_chip
from dispatch.visibility import cases_of
from gridgov.common import bounded, clock
from gridgov.common.errors import NotFound, NotPermitted
from grids import permissions
from grids.capabilities import Capability
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import Incident, JournalEntry
from incidents.workflow import ENDED, WITH_LIVE_TICKET, RequestKind, Status
from personnel.selectors import department_tree

PAGE = 50
#: So many cases that the browser heard of are looked up at once.
MOST_TOUCHED = 100
FIELDS = (
    "id", "number", "status", "category_id", "address", "description", "due_at", "status_at", "suspended_until",
    "street_id", "community_id", "grid_id", "district_id", "source", "is_urgent", "supervision_level", "return_count",
    "rework_count", "reopen_count", "received_at", "holder_id", "is_placed", "head_seq", "lon", "lat", "version",
)  # fmt: skip
SOURCE_ICONS = {
    "worker": "device-mobile", "qr": "qrcode", "hotline": "phone", "web": "world", "leader": "flag",
    "upper": "building", "sensor": "device-cctv",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A case in a list."""

    number: str
    title: str
    group: str
    address: str
    place: str
    status: str
    status_label: str
    badge: str
    badge_kind: str
    chip: Chip
    due_at: datetime | None
    received_at: datetime
    source: str
    source_icon: str
    seq: int
    lon: float | None
    lat: float | None
    version: int
    claimed_by: str = ""
    #: The department, or the worker, that has the case in hand.
    handler: str = ""


@page
def queue(request: HttpRequest, desk: str) -> HttpResponse:
    """The queue of one desk, for those who work at it."""
    found = desk_for(request.actor, desk)
    if found.key == "approve":
        return _requests(request, found)
    return show(request, "pages/queue.html", cases(request, found))


def desk_for(actor: Actor, key: str) -> Desk:
    """The desk, if the person works at it. Raises NotFound, NotPermitted."""
    found = DESKS.get(key)
    if found is None:
        raise NotFound(_("没有这个队列。"))
    if key not in desks_of(actor):
        raise NotPermitted(_("你的岗位没有「%(desk)s」队列。") % {"desk": found.label}, missing=found.capabilities[0])
    return found


def cases(request: HttpRequest, desk: Desk, *, only_touched: bool = False) -> dict[str, Any]:
    """The cases of the desk that the address asks for, with its counts and filters. Three statements, four live.

    ``only_touched``: of the list only those that the browser heard of, wherever in it they stand.
    """
    now = clock.now()
    asked = request.GET
    wanted = queue_query.asked(desk, asked)
    scoped = queue_query.in_scope(desk, request.actor, wide=wanted.wide)
    found = queue_query.narrowed(scoped, wanted, now=now)
    counts = _counted(desk, scoped, now)
    touched = _heard_of(request)
    listed, fields = found, FIELDS
    if not WITH_LIVE_TICKET.isdisjoint(wanted.statuses):
        listed, fields = with_lead(found), (*FIELDS, "lead_id", "lead_worker")
    if only_touched:
        rows, after = list(listed.filter(number__in=touched).values(*fields)), ""
    else:
        rows, after = _page(listed, asked.get("after", ""), fields)
    for pk, hold in claims.of_cases(row["id"] for row in rows).items():
        next(row for row in rows if row["id"] == pk)["claimed_by"] = hold.name
    has_filter = any(asked.get(name) for name in queue_query.PARAMETERS if name != "scope")
    following = after and not asked.get("after") and not has_filter and counts["all"] <= bounded.MOST
    beyond, gone = _away(request.actor, found, touched - {row["number"] for row in rows})
    return {
        "now": now,
        "desk": desk,
        "groups": _grouped([row_of(r, now) for r in rows], now),
        "count": len(rows),
        "counts": counts,
        "after": after,
        # how many follow is known without counting where nothing is filtered and not too many wait
        "rest": counts["all"] - len(rows) if following else None,
        "query": _query(asked, drop=("after", "touched", "only")),
        "live_statuses": " ".join(wanted.statuses),
        "beyond": " ".join(beyond),
        "gone": gone,
        "is_first": not asked.get("after"),
        "filters": _filters_of(wanted),
        "status": wanted.status,
        "status_choices": [(s.value, s.label) for s in (*desk.statuses, *desk.watched)],
        "scope": asked.get("scope", ""),
        "has_filter": has_filter,
        # the tiles count everything, whatever else is filtered
        "is_narrowed": any(asked.get(name) for name in ("status", "area", "category", "component")),
        "has_paused": Status.SUSPENDED in desk.statuses,
        "area_choices": _area_choices(request.actor, desk),
        "category_choices": _category_choices,
    }


def counts_of(desks: Sequence[Desk], actor: Actor, now: datetime) -> dict[str, tuple[int, int]]:
    """How many cases wait at each desk, and how many of them are past due, as far as one counts. One statement."""
    parts = {}
    for desk in desks:
        waiting = _waiting(desk, queue_query.in_scope(desk, actor, wide=False))
        parts |= {f"{desk.key} all": waiting, f"{desk.key} over": waiting.filter(due_at__lt=now)}
    found = bounded.count_up_to(parts)
    return {desk.key: (found[f"{desk.key} all"], found[f"{desk.key} over"]) for desk in desks}


def _waiting(desk: Desk, scoped: QuerySet[Incident]) -> QuerySet[Incident]:
    return scoped.filter(status__in=list(desk.statuses), ended_at__isnull=True)


def _counted(desk: Desk, scoped: QuerySet[Incident], now: datetime) -> dict[str, int]:
    """All that wait, past due, due soon, suspended; as far as one counts. One statement."""
    waiting = _waiting(desk, scoped)
    parts = {
        "all": waiting,
        "over": waiting.filter(due_at__lt=now),
        "soon": waiting.filter(due_at__gte=now, due_at__lt=now + SOON),
    }
    if Status.SUSPENDED in desk.statuses:
        parts["paused"] = waiting.filter(status=Status.SUSPENDED)
    return bounded.count_up_to(parts)


def _filters_of(wanted: queue_query.Asked) -> dict[str, Any]:
    """What the form shows as chosen."""
    category = wanted.category
    return {
        "area": wanted.area.id if wanted.area else "",
        "category": category.code if category else "",
        "category_name": category.name if category else "",
        "component": wanted.component,
        "overdue": wanted.overdue,
        "soon": wanted.soon,
    }


def _page(cases: QuerySet[Incident], after: str, fields: tuple[str, ...]) -> tuple[list[dict[str, Any]], str]:
    """A page by least time left, those without a due time last; and the mark of the next page."""
    mark = _mark(after)
    if mark is not None:
        due_at, last_id = mark
        if due_at is None:
            cases = cases.filter(due_at__isnull=True, id__gt=last_id)
        else:
            cases = cases.filter(Q(due_at__gt=due_at) | Q(due_at=due_at, id__gt=last_id) | Q(due_at__isnull=True))
    rows = list(cases.order_by(F("due_at").asc(nulls_last=True), "id").values(*fields)[: PAGE + 1])
    if len(rows) <= PAGE:
        return rows, ""
    last = rows[PAGE - 1]
    return rows[:PAGE], f"{last['due_at'].isoformat() if last['due_at'] else ''}_{last['id']}"


def _mark(text: str) -> tuple[datetime | None, int] | None:
    due, _sep, last = text.rpartition("_")
    if not (last.isdecimal() and len(last) < 19):
        return None
    try:
        at = datetime.fromisoformat(due) if due else None
    except ValueError:
        return None
    return (at, int(last)) if at is None or at.tzinfo is not None else None


def _heard_of(request: HttpRequest) -> set[str]:
    """The numbers of the cases of which the browser heard that something happened."""
    asked = request.GET.get("touched", "")
    return {n for n in asked.split(",")[:MOST_TOUCHED] if n.isascii() and 0 < len(n) <= 24 and n.isprintable()}


def _away(actor: Actor, cases: QuerySet[Incident], away: set[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Of cases that are not among the rows shown: the numbers of those that belong to this list, on another page; and
    of those that left it (number, what became of it)."""
    if not away:
        return [], []
    beyond = set(cases.filter(number__in=away).values_list("number", flat=True))
    seen = cases_of(actor, wide=True).filter(number__in=away - beyond)
    moves = (
        JournalEntry.objects.filter(incident__in=seen.order_by().values("pk"))
        .exclude(status_from=F("status_to"))
        .order_by("incident_id", "seq")
        .values_list("incident__number", "action", "actor__name", "actor__username")
    )
    last = {number: (action, name or login) for number, action, name, login in moves}
    return sorted(beyond), [
        (number, _("已由 %(who)s %(what)s") % {"who": who or _("系统"), "what": entry_label(action)})
        for number, (action, who) in sorted(last.items())
    ]


def row_of(r: dict[str, Any], now: datetime) -> Row:
    """A case of a list, from its values by FIELDS."""
    category = catalogue().category(r["category_id"])
    parent = catalogue().category(category.parent_id) if category else None
    badge, kind = _badge(r)
    status = Status(r["status"])
    return Row(
        number=r["number"],
        title=category.name if category else "",
        group=parent.name if parent else "",
        address=r["address"] or r["description"][:60],
        place=place_name(r),
        status=status.value,
        status_label=str(status.label),
        badge=badge,
        badge_kind=kind,
        chip=case_chip(
            status=status, due_at=r["due_at"], started_at=r["status_at"], suspended_until=r["suspended_until"],
            level=r["supervision_level"], ended=status in ENDED, now=now,
        ),
        due_at=r["due_at"],
        received_at=r["received_at"],
        source=str(Incident.Source(r["source"]).label),
        source_icon=SOURCE_ICONS.get(r["source"], "file"),
        seq=r["head_seq"],
        lon=r["lon"],
        lat=r["lat"],
        version=r["version"],
        claimed_by=r.get("claimed_by", ""),
        handler=department_tree().name(r.get("lead_id")) or r.get("lead_worker") or "",
    )  # fmt: skip


def place_name(r: Any) -> str:
    """福利路街道 / 山丹街社区 / 012 格; says so where the place is not known."""
    if not r["is_placed"]:
        return _("未定位 · %(centre)s") % {"centre": areas.name(r["holder_id"])}
    names = [areas.name(r[f"{level}_id"]) for level in ("street", "community", "grid")]
    return " / ".join(n for n in names if n) or areas.name(r["district_id"])


def _badge(r: dict[str, Any]) -> tuple[str, str]:
    """At most one exception, the gravest."""
    if r["supervision_level"]:
        return _("督办 %(level)s 级") % {"level": r["supervision_level"]}, "over"
    if r["is_urgent"]:
        return _("紧急"), "over"
    if r["rework_count"]:
        return _("返工 %(count)s") % {"count": r["rework_count"]}, "soon"
    if r["return_count"]:
        return _("退单 %(count)s") % {"count": r["return_count"]}, "soon"
    if r["reopen_count"]:
        return _("重新立案"), "soon"
    return "", ""


def _grouped(rows: list[Row], now: datetime) -> list[tuple[str, list[Row]]]:
    """已超 / 15 分内 / 今日 / 以后 / 不计时, only those that have rows."""
    groups: dict[str, list[Row]] = {}
    today = clock.local_date(now)
    for row in rows:
        if row.status in ENDED:
            name = _("已结束")
        elif row.due_at is None:
            name = _("暂停与不计时")
        elif row.due_at < now:
            name = _("已超")
        elif row.due_at - now < SOON:
            name = _("15 分内")
        elif clock.local_date(row.due_at) == today:
            name = _("今日")
        else:
            name = _("以后")
        groups.setdefault(name, []).append(row)
    return list(groups.items())


def _query(asked: Any, *, drop: tuple[str, ...]) -> str:
    kept = asked.copy()
    for name in drop:
        kept.pop(name, None)
    return kept.urlencode()


def _area_choices(actor: Actor, desk: Desk) -> list[tuple[int, str]]:
    """The areas below those held, two levels deep, for the filter."""
    index = areas.index()
    found: list[tuple[int, str]] = []
    for area_id in sorted(permissions.visible_area_ids(actor.grants, desk.capabilities[0])):
        for child in index.children(area_id):
            found.append((child.id, child.name))
            found += [(grandchild.id, f"　{grandchild.name}") for grandchild in index.children(child.id)]
    return found[:400]


def _category_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    known = catalogue()
    return [
        (parent.name, [(parent.code, _("%(name)s（全部）") % {"name": parent.name})]
         + [(c.code, c.name) for c in known.categories(parent.id)])
        for parent in known.categories()
    ]  # fmt: skip


# --- requests -----------------------------------------------------------------------------------------------


def _requests(request: HttpRequest, desk: Desk) -> HttpResponse:
    now = clock.now()
    waiting = requests_waiting_for(request.actor)
    after = request.GET.get("after", "")
    mark = _mark(after)
    counts = waiting.aggregate(
        all=Count("pk"),
        over=Count("pk", filter=Q(decide_by_at__lt=now)),
        soon=Count("pk", filter=Q(decide_by_at__gte=now, decide_by_at__lt=now + timedelta(minutes=30))),
    )
    found = waiting
    if mark is not None and mark[0] is not None:
        found = found.filter(Q(decide_by_at__gt=mark[0]) | Q(decide_by_at=mark[0], id__gt=mark[1]))
    rows = list(
        found.order_by("decide_by_at", "id").values(
            "id", "kind", "asked_at", "decide_by_at", "reason", "until", "level", "asked_by__name",
            "asked_by__username", "incident__number", "incident__category_id", "incident__address",
            "ticket__department_id",
        )[: PAGE + 1]
    )  # fmt: skip
    following = ""
    if len(rows) > PAGE:
        rows = rows[:PAGE]
        following = f"{rows[-1]['decide_by_at'].isoformat()}_{rows[-1]['id']}"
    for row in rows:
        category = catalogue().category(row["incident__category_id"])
        row["title"] = category.name if category else ""
        row["kind_label"] = str(RequestKind(row["kind"]).label)
        row["chip"] = due_chip(row["decide_by_at"], now=now, started_at=row["asked_at"], label=pgettext("noun", "审批"))
        row["asker"] = row["asked_by__name"] or row["asked_by__username"]
    return show(
        request,
        "pages/requests.html",
        {
            "now": now, "desk": desk, "rows": rows, "counts": counts, "after": following, "is_first": not after,
            "rest": counts["all"] - len(rows) if following and not after else None,
            "rulings": _rulings(request.actor), "appeals": _appeals(request.actor),
        },
    )  # fmt: skip


def _rulings(actor: Actor) -> int | None:
    """How many cases wait for a ruling; None for who makes none."""
    return rulings_waiting_for(actor).count() if actor.may_somewhere(Capability.IMPOSE) else None


def _appeals(actor: Actor) -> int | None:
    """How many overdue appeals wait for the person; None for who decides none."""
    decides = any(actor.may_somewhere(capability) for capability in appeals.NEEDED.values())
    return appeals.waiting_for(actor).count() if decides else None
