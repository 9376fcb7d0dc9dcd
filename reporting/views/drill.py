"""The cases behind a number of the dashboard, as they were when it was counted."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.views.shell import page, show
from dispatch.visibility import scope_of
from gridgov.common import clock, replica
from gridgov.common.errors import NotFound
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.workflow import STAGE_OF, Stage, Status
from personnel.roles import Role
from personnel.selectors import department_tree
from reporting import boards, facts, selectors
from reporting.candidates import STOOD
from reporting.history import Period, Ref
from reporting.indicators import Figure, Unit
from reporting.selectors import Evidence
from reporting.views import present
from reporting.views.dashboard import SPANS, must_see, parsed_instant, trail, whole
from reporting.views.present import Asked

PAGE = 50
#: So many cases are read while one waits, some seconds; of more there is the export.
MOST_READ = 20_000
#: Columns by which the cases can be put in order, and what of a case is compared; of more cases only by number.
SORTS: Mapping[str, Callable[[Evidence], Any]] = {
    "number": lambda row: row.number,
    "step": lambda row: row.label,
    "status": lambda row: row.status_label,
    "at": lambda row: row.at,
    "where": lambda row: row.address,
}
MOST_SORTED = 2000
#: The parts of a ratio, and what to call them.
PARTS = ("all", "hits", "misses")


@page
@replica.reads
def figure(request: HttpRequest, key: str) -> HttpResponse:
    """The figure with its definition and its cases, fifty a page."""
    must_see(request.actor)
    asked_for = request.GET
    now = clock.now()
    at = parsed_instant(asked_for["at"], now) if asked_for.get("at") else now
    span = asked_for.get("span") or "today"
    area_id = scope_of(request.actor, whole(asked_for.get("area", "")))
    department_id = whole(asked_for.get("department", ""))
    stage, stretch = asked_for.get("stage", ""), asked_for.get("stretch", "")
    between = asked_period(asked_for, at)
    part = asked_for.get("part", "all")
    if part not in PARTS:
        raise NotFound(_("没有这个指标"))
    department = department_tree().find(department_id)
    kept = {name: value for name in asked_for if name not in ("page", "part") and (value := asked_for[name])}
    context = {
        "now": now,
        "at": at,
        "label": label_of(key, stage, department.name if department else ""),
        "definition": _definition(key, stage),
        "stretch": present.stretch(between) if between else _span_words(key, stretch or span, at, stage),
        "trail": trail(request.actor, area_id, span),
        "export_query": urlencode(kept | {"key": key, "at": at.isoformat(), "part": part}),
        "back": f"?{urlencode({'area': area_id or '', 'span': span})}",
    }
    try:
        found = selectors.drill(
            request.actor, key, at=at, area_id=area_id, department_id=department_id, stage=stage, stretch=stretch,
            span=span, between=between, most=MOST_READ,
        )  # fmt: skip
    except facts.TooMany:
        smaller = _smaller(kept | {"at": at.isoformat(), "span": span}, area_id, is_stood=bool(stage) or key in STOOD)
        return show(
            request, "reporting/dashboard_figure.html", context | {"most": f"{MOST_READ:,}", "smaller": smaller}
        )
    refs = {"all": found.refs, "hits": sorted(found.hits), "misses": sorted(found.misses)}[part]
    last = max(1, -(-len(refs) // PAGE))
    number = min(whole(asked_for.get("page", "")) or 1, last)
    sort = asked_for.get("sort", "")
    if sort.removeprefix("-") not in _sorts(len(refs)):
        sort = ""
    rows, unseen = _rows(request.actor, refs, sort, slice((number - 1) * PAGE, number * PAGE))
    hits = set(found.hits)
    return show(
        request,
        "reporting/dashboard_figure.html",
        context
        | {
            "figure": present.said(found, key, Asked(at, area_id, span)),
            "rows": [(row, _title(row.category_id), (row.number, row.seq) in hits) for row in rows],
            "unseen": unseen,
            "columns": _columns(len(refs), sort, kept | {"part": part}, is_split=found.unit is Unit.RATIO),
            "first": (number - 1) * PAGE + 1,
            "count": len(refs),
            "is_split": found.unit is Unit.RATIO,
            "parts": _parts(found, part, kept),
            "number": number,
            "last": last,
            "before": f"?{urlencode(kept | {'part': part, 'page': number - 1})}" if number > 1 else "",
            "after": f"?{urlencode(kept | {'part': part, 'page': number + 1})}" if number < last else "",
        },
    )


def _smaller(asked: dict[str, str], area_id: int | None, *, is_stood: bool) -> list[tuple[str, str]]:
    """The same figure of a shorter span, unless it is of an instant, and of the areas below."""
    spans = list(SPANS)
    shorter = [] if is_stood or "from" in asked else spans[: spans.index(asked["span"])]
    found = []
    for span in shorter:
        stretch = {"stretch": span} if "stretch" in asked else {}
        found.append((str(SPANS[span][0]), f"?{urlencode(asked | {'span': span} | stretch)}"))
    below = areas.index().children(area_id) if area_id is not None else []
    return found + [(area.name, f"?{urlencode(asked | {'area': area.id})}") for area in below]


@page
def case_then(request: HttpRequest, number: str, seq: str) -> HttpResponse:
    """The case up to and with one entry of its journal: what came later is not on the page."""
    then = selectors.case_then(request.actor, number, int(seq))
    lines = [
        {
            "seq": entry["seq"],
            "label": entry["label"],
            "at": entry["at"],
            "to": str(Status(entry["status_to"]).label) if entry["status_to"] != entry["status_from"] else "",
            "role": str(Role(entry["actor_role"]).label) if entry["actor_role"] in set(Role) else "",
            "is_system": entry["actor_id"] is None,
        }
        for entry in reversed(then.entries)
    ]
    stage = STAGE_OF.get(Status(then.status))
    context = {
        "then": then,
        "status": str(Status(then.status).label),
        "stage": str(stage.label) if stage else "",
        "stages": [(str(s.label), s is stage) for s in Stage],
        "lines": lines,
    }
    return show(request, "reporting/dashboard_then.html", context)


def _sorts(count: int) -> list[str]:
    return list(SORTS) if count <= MOST_SORTED else ["number"]


def _rows(by: Actor, refs: Sequence[Ref], sort: str, page_of: slice) -> tuple[list[Evidence], int]:
    """The cases of a page, and how many of it are not to be seen. One statement.

    In an order by what the cases say, those that ``by`` may not see come last: their place would tell of them.
    """
    column, is_down = sort.removeprefix("-"), sort.startswith("-")
    if column in ("", "number"):
        there = sorted(refs, reverse=is_down) if column else refs
        found, unseen = selectors.evidence(by, there[page_of])
        return sorted(found, key=SORTS["number"], reverse=is_down) if column else found, unseen
    seen, _unseen = selectors.evidence(by, refs)
    seen.sort(key=lambda row: (SORTS[column](row), row.number), reverse=is_down)
    rows = seen[page_of]
    return rows, len(refs[page_of]) - len(rows)


def _columns(count: int, sort: str, kept: Mapping[str, Any], *, is_split: bool) -> list[dict[str, str]]:
    """The heads of the table: each with its order now and the address of the next one, where there is one."""
    words = {"number": _("案件"), "step": _("计入的一步"), "status": _("当时状态"), "at": _("时间"), "where": _("地址")}
    columns = []
    for key, label in words.items():
        order = {key: "ascending", f"-{key}": "descending"}.get(sort, "")
        following = f"-{key}" if order == "ascending" else key
        href = f"?{urlencode({**kept, 'sort': following})}" if key in _sorts(count) else ""
        columns.append({"label": label, "order": order, "href": href})
    return [*columns, {"label": _("计为"), "order": "", "href": ""}] if is_split else columns


def asked_period(asked_for: Mapping[str, str], at: datetime) -> Period | None:
    """The stretch that an address asks for by its two ends; None without any. NotFound for what is none."""
    start, end = asked_for.get("from", ""), asked_for.get("to", "")
    if not (start or end):
        return None
    try:
        period = Period(datetime.fromisoformat(start), datetime.fromisoformat(end))
    except ValueError:
        raise NotFound(_("没有这个时段")) from None
    if period.start.tzinfo is None or period.end.tzinfo is None or not period.start <= period.end or period.start > at:
        raise NotFound(_("没有这个时段"))
    return period


def label_of(key: str, stage: str, department: str) -> str:
    """What the figure is called, with its stage and department."""
    words = present.name(key)
    if stage in set(Stage):
        words = f"{Stage(stage).label}：{words}"
    return f"{department} · {words}" if department else words


def _definition(key: str, stage: str) -> str:
    return boards.definition({"standing": "stage_open", "overdue": "stage_overdue", "due_soon": "stage_due_soon"}[key]
                             if stage and key in ("standing", "overdue", "due_soon") else key)  # fmt: skip


def _span_words(key: str, span: str, at: datetime, stage: str) -> str:
    """The stretch in words; for what stands, the instant alone."""
    moment = f"{clock.local(at):%m-%d %H:%M:%S}"
    if stage or key in (*boards.STANDING, "due_soon"):
        return _("截至 %(at)s") % {"at": moment}
    return _("%(span)s，截至 %(at)s") % {"span": SPANS[span][0] if span in SPANS else span, "at": moment}


def _parts(found: Figure, part: str, kept: dict[str, Any]) -> list[tuple[str, int, str, bool]]:
    if found.unit is not Unit.RATIO:
        return []
    counts = {"all": found.denominator, "hits": found.count, "misses": found.missed}
    words = {"all": _("全部"), "hits": _("符合"), "misses": _("不符合")}
    return [(words[name], counts[name], f"?{urlencode(kept | {'part': name})}", name == part) for name in PARTS]


def _title(category_id: int) -> str:
    category = catalogue().category(category_id)
    return category.name if category else ""
