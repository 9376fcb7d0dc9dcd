"""The leaders' dashboard: one page, and the same as a wall. Every figure is made in ``reporting.selectors``."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch.actors import Actor
from dispatch.views import maps
from dispatch.views.shell import page, show
from dispatch.views.words import Chip, due_chip
from dispatch.visibility import areas_held, cases_of, scope_of
from gridgov.accounts import sessions
from gridgov.common import clock, replica
from gridgov.common.errors import NotFound, NotPermitted
from grids.capabilities import Capability
from grids.models import Level
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models.catalogue import ClockKind
from incidents.workflow import Stage as LoopStage
from personnel.selectors import department_tree
from reporting import boards, selectors, shared
from reporting.selectors import Dashboard
from reporting.views import present
from reporting.views.present import Asked, Said

#: What each span is called, what comes before it, and what the counters are called in it.
SPANS: Mapping[str, tuple[Any, Any, Any]] = {
    "today": (gettext_lazy("今日"), gettext_lazy("昨日同时"), gettext_lazy("今日")),
    "week": (gettext_lazy("近 7 天"), gettext_lazy("前 7 天"), gettext_lazy("7 天")),
    "month": (gettext_lazy("近 30 天"), gettext_lazy("前 30 天"), gettext_lazy("30 天")),
}
DUE_ROWS = 7
WALL_DEPARTMENTS = 8
#: Of so many areas the lines are drawn within those of the map: more are a web in which nothing is seen, and weigh.
MOST_INNER = 300
SECONDS = 60
#: A page without figures asks again so soon.
PENDING_SECONDS = 5
SORTED_BY = {"areas": boards.AREA_COLUMNS, "departments": boards.DEPARTMENT_COLUMNS}


@dataclass(frozen=True, slots=True)
class Stage:
    """A row of the funnel; the widths are of 100, of the fullest stage."""

    label: str
    standing: Said
    overdue: Said
    due_soon: Said
    width: int
    over_width: float
    soon_width: float


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a board."""

    id: int
    name: str
    href: str
    cells: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A head of a board. ``order``: ascending, descending or empty, by this column now; ``href`` sorts by it."""

    key: str
    label: str
    definition: str
    href: str
    order: str


@dataclass(frozen=True, slots=True)
class Due:
    """A row of the list of what is due soon."""

    number: str
    title: str
    address: str
    kind: str
    chip: Chip


@page
@replica.reads
def dashboard(request: HttpRequest) -> HttpResponse:
    """The page, or the wall with ``?wall=1``; refreshed by asking for it again."""
    must_see(request.actor)
    asked_for = request.GET
    area_id = scope_of(request.actor, whole(asked_for.get("area", "")))
    wall = asked_for.get("wall") == "1"
    if wall:
        # a wall is looked at, not worked at: it keeps its session by itself
        sessions.note_here(request.session)
    span = asked_for.get("span") or "today"
    try:
        shown = shared.dashboard(request.actor, area_id=area_id, span=span)
    except shared.Pending:
        return _pending(request, area_id, span, wall=wall)
    context = _context(request.actor, shown, asked_for, wall=wall)
    response = show(request, "reporting/dashboard_wall.html" if wall else "reporting/dashboard.html", context)
    response["Content-Security-Policy"] = maps.policy()
    return response


def _pending(request: HttpRequest, area_id: int | None, span: str, *, wall: bool) -> HttpResponse:
    """That the figures are being counted; the page asks again by itself, with scripts or without."""
    here = {"area": area_id or "", "span": span}
    context = {
        "title": _("%(area)s态势") % {"area": areas.name(area_id)},
        "trail": trail(request.actor, area_id, span),
        "seconds": PENDING_SECONDS,
        "again_href": f"?{urlencode(here | ({'wall': 1} if wall else {}))}",
        "desk_href": f"?{urlencode(here)}",
    }
    name = "reporting/dashboard_wall_pending.html" if wall else "reporting/dashboard_pending.html"
    return show(request, name, context)


def must_see(by: Actor) -> None:
    """NotPermitted for somebody who may see cases nowhere."""
    if not by.may_somewhere(Capability.VIEW_INCIDENT):
        raise NotPermitted(_("你的岗位不能查看统计。"), missing=Capability.VIEW_INCIDENT)


def whole(text: str) -> int | None:
    """A primary key out of an address; None for an empty text. NotFound for what is no number."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 18):
        raise NotFound(_("没有这个区域"))
    return int(text)


def _context(by: Actor, shown: Dashboard, asked_for: Mapping[str, str], *, wall: bool) -> dict[str, Any]:
    asked, now = Asked(shown.at, shown.area_id, shown.span), clock.now()
    record = areas.find(shown.area_id)
    name, before, short = SPANS[shown.span]
    here = {"area": shown.area_id, "span": shown.span}
    sorts = {board: asked_for.get(board, "") for board in SORTED_BY}
    tiles = _tiles(shown, asked, str(before), str(short))
    return {
        "now": shown.at,
        "shown": shown,
        "time": present.time(shown.at, now),
        "old": present.old(shown.at, now),
        "title": _("%(area)s态势") % {"area": record.name if record else ""},
        "trail": trail(by, shown.area_id, shown.span),
        "others": _others(by, shown),
        "spans": [
            (key, words[0], f"?{urlencode(here | {'span': key})}", key == shown.span) for key, words in SPANS.items()
        ],
        "span_name": name,
        "before": before,
        "stretch": present.stretch(shown.period),
        "tiles": tiles,
        "stages": _stages(shown, asked),
        "due": _due(by, shown, DUE_ROWS),
        "due_count": shown.due_count,
        "due_over": shown.due_over,
        "due_href": asked.href("due_soon"),
        "on_time": [present.said(shown.figures[key], key, asked) for key in boards.ON_TIME],
        "ratios": [present.said(shown.figures[key], key, asked) for key in boards.RATIOS],
        "apart": [
            present.said(shown.figures[key], key, asked)
            for key in ("overdue_unhandled", "suspended_cases", "answered", "force_closed")
        ],
        "flow": _flow(shown, asked),
        "flow_by_hour": shown.span == "today",
        "flow_before": _("昨日") if shown.span == "today" else before,
        "area_columns": _columns("areas", sorts, here),
        "area_rows": _sorted(shown.areas, sorts["areas"], lambda row: _area_line(row, shown, asked)),
        "department_columns": _columns("departments", sorts, here),
        "department_rows": _sorted(
            shown.departments, sorts["departments"],
            lambda row: _department_line(row, asked),
        ),
        "board_level": str(Level(shown.board_level).label),
        "definitions": {key: str(words) for key, words in boards.DEFINITIONS.items()},
        "seconds": SECONDS,
        "map": json.dumps(_map(by, shown), ensure_ascii=False),
        "map_values": json.dumps(_values(shown)),
        **(_wall(shown, asked, tiles) if wall else {}),
        "wall_href": f"?{urlencode(here | {'wall': 1})}",
        "desk_href": f"?{urlencode(here)}",
    }  # fmt: skip


# --- where ----------------------------------------------------------------------------------------------------------


def trail(by: Actor, area_id: int | None, span: str) -> list[tuple[str, str]]:
    """The areas above, with their address where the person may see them, down to the area itself."""
    record = areas.find(area_id)
    if record is None:
        return []
    held = {area.id for area in areas_held(by)}
    found = []
    for ancestor_id in record.ancestors:
        above = areas.get(ancestor_id)
        may = bool(held & set(above.ancestors))
        found.append((above.name, f"?{urlencode({'area': ancestor_id, 'span': span})}" if may else ""))
    return found


def _others(by: Actor, shown: Dashboard) -> list[tuple[str, str]]:
    """The areas that the person holds elsewhere."""
    record = areas.find(shown.area_id)
    above = set(record.ancestors) if record else set()
    return [
        (area.name, f"?{urlencode({'area': area.id, 'span': shown.span})}")
        for area in areas_held(by)
        if area.id not in above and not (record and record.id in area.ancestors)
    ]


# --- figures --------------------------------------------------------------------------------------------------------


def _tiles(shown: Dashboard, asked: Asked, before: str, short: str) -> list[Said]:
    days = [f"{clock.local(shown.at - timedelta(days=n)):%m-%d}" for n in reversed(range(selectors.SPARK_DAYS))]

    def line(key: str) -> present.Spark:
        return present.spark(shown.sparks[key], days)

    def explained(one: Said, more: str) -> Said:
        return replace(one, definition=f"{one.definition}{boards.definition(more)}")

    def counted(key: str, words: str) -> Said:
        trend = shown.counters[key][shown.span]
        one = present.said(trend.now, key, asked, label=words % {"span": short}, stretch=shown.span)
        return explained(replace(one, note=present.step(trend, before), spark=line(key)), "trend")

    def ratio(key: str) -> Said:
        trend = shown.ratios[key]
        one = present.said(trend.now, key, asked)
        return explained(replace(one, note=present.points(trend, before), spark=line(key)), "daily_ratio")

    standing, overdue = shown.figures["open_cases"], shown.figures["overdue_cases"]
    part = _("占在办 %(share)s") % {"share": f"{overdue.count / standing.count:.1%}"} if standing.count else ""
    return [
        counted("reported", _("%(span)s上报")),
        counted("closed", _("%(span)s办结")),
        explained(
            replace(
                present.said(standing, "open_cases", asked, label=_("在办")),
                note=present.step(shown.standing, _("昨日同时")), spark=line("open_cases"),
            ),
            "trend",
        ),
        explained(
            replace(
                present.said(overdue, "overdue_cases", asked, label=_("已超"), tone="over"),
                note=part or _("没有在办案件"),
                share=round(100 * overdue.count / standing.count) if standing.count else None,
            ),
            "overdue_share",
        ),
        ratio("closing_on_time_ratio"),
        ratio("satisfaction_ratio"),
    ]  # fmt: skip


def _name_of(stage: LoopStage) -> str:
    """The stage; of the last one what stands there: closed cases, which no limit presses any more."""
    return _("已结案待评价") if stage is LoopStage.EVALUATE else str(stage.label)


def _stages(shown: Dashboard, asked: Asked) -> list[Stage]:
    # what is closed is no work of the loop: it is counted, and its bar would dwarf the others
    open_ = [row.standing.count for row in shown.funnel if row.stage is not LoopStage.EVALUATE]
    most = max([*open_, 1])

    def part(figure: Any, key: str, row: boards.StageRow, definition: str, tone: str = "") -> Said:
        one = present.said(figure, key, asked, tone=tone, stage=row.stage.value)
        return replace(one, definition=boards.definition(definition))

    rows = []
    for row in shown.funnel:
        whole_, over, soon = (f.count for f in (row.standing, row.overdue, row.due_soon))
        rows.append(
            Stage(
                _name_of(row.stage),
                part(row.standing, "standing", row, "stage_open"),
                part(row.overdue, "overdue", row, "stage_overdue", "over"),
                part(row.due_soon, "due_soon", row, "stage_due_soon", "soon"),
                0 if row.stage is LoopStage.EVALUATE else round(100 * whole_ / most),
                round(100 * over / most, 1),
                round(100 * soon / most, 1),
            )
        )
    return rows


def _wall(shown: Dashboard, asked: Asked, tiles: Sequence[Said]) -> dict[str, Any]:
    """What the wall shows beside the page."""
    rows = _sorted(shown.departments, "-overdue_cases", lambda row: row)[:WALL_DEPARTMENTS]
    return {
        "hero": tiles[0],
        "standing": [
            tiles[2], tiles[3],
            present.said(shown.figures["suspended_cases"], "suspended_cases", asked, label=_("挂账")),
        ],
        "counter_rows": [
            (words[0], [
                present.said(shown.counters[key][span].now, key, asked, stretch=span)
                for key in ("reported", "filed", "closed")
            ])
            for span, words in SPANS.items()
        ],
        "wall_departments": [
            (
                department_tree().name(row.id),
                present.said(row.figures["on_time_handle"], "on_time_handle", asked, department=row.id),
                present.said(row.figures["overdue_cases"], "overdue_cases", asked, tone="over", department=row.id),
            )
            for row in rows
        ],
    }  # fmt: skip


def _due(by: Actor, shown: Dashboard, limit: int) -> list[Due]:
    """The first rows of the list, with what the case is about. One statement.

    Those that ``by`` may not see any more are left out: the list may be some minutes old.
    """
    first = shown.due_soon[: 2 * limit]
    about = {
        number: about
        for number, *about in cases_of(by).filter(number__in=[due.number for due in first]).order_by().values_list(
            "number", "category_id", "address", "supervision_level"
        )
    }  # fmt: skip
    rows = []
    for due in [due for due in first if due.number in about][:limit]:
        category_id, address, level = about[due.number]
        category = catalogue().category(category_id)
        rows.append(
            Due(
                due.number, category.name if category else due.number, address, str(ClockKind(due.kind).label),
                due_chip(due.due_at, now=shown.at, level=level if due.is_overdue else 0),
            )
        )  # fmt: skip
    return rows


def _flow(shown: Dashboard, asked: Asked) -> list[dict[str, Any]]:
    rows = []
    for row in shown.flow:
        start = clock.local(row.period.start)
        is_to_come = row.period.start > shown.at
        label = f"{start:%-H}" if shown.span == "today" else f"{start:%m-%d}"
        between = {"from": row.period.start.isoformat(), "to": row.period.end.isoformat()}
        rows.append(
            {
                "label": label,
                "title": f"{start:%H:%M}–{start + timedelta(hours=1):%H:%M}" if shown.span == "today" else label,
                "reported": None if is_to_come else present.said(row.reported, "reported", asked, **between),
                "closed": None if is_to_come else present.said(row.closed, "closed", asked, **between),
                "before": row.before.count,
                "is_now": row.period.start <= shown.at < row.period.end
                or row.period.end > shown.at >= row.period.start,
            }
        )
    return rows


# --- boards ---------------------------------------------------------------------------------------------------------


def _cells(row: boards.BoardRow, asked: Asked, keys: Sequence[str], **more: object) -> tuple[Said, ...]:
    late = {"overdue_cases", "overdue_unhandled"}
    return tuple(present.said(row.figures[key], key, asked, tone="over" if key in late else "", **more) for key in keys)


def _area_line(row: boards.BoardRow, shown: Dashboard, asked: Asked) -> Line:
    href = f"?{urlencode({'area': row.id, 'span': shown.span})}" if row.id != shown.area_id else ""
    return Line(row.id, areas.name(row.id), href, _cells(row, asked, boards.AREA_COLUMNS, area=row.id))


def _department_line(row: boards.BoardRow, asked: Asked) -> Line:
    cells = _cells(row, asked, boards.DEPARTMENT_COLUMNS, department=row.id)
    return Line(row.id, department_tree().name(row.id), "", cells)


def _columns(board: str, sorts: Mapping[str, str], here: Mapping[str, Any]) -> list[Column]:
    """The heads; a first press sorts by the greatest, a second by the least, a third by code again."""
    chosen = sorts[board]
    others = {name: value for name, value in sorts.items() if value and name != board}
    columns = []
    for key in SORTED_BY[board]:
        following, order = (f"-{key}", "")
        if chosen == f"-{key}":
            following, order = key, "descending"
        elif chosen == key:
            following, order = "", "ascending"
        query = {**here, **others, **({board: following} if following else {})}
        columns.append(Column(key, present.name(key), boards.definition(key), f"?{urlencode(query)}#{board}", order))
    return columns


def _sorted(rows: Sequence[boards.BoardRow], by: str, line: Any) -> list[Line]:
    """In the order of the codes, or by a column; what has no value comes last."""
    key = by.lstrip("-")
    if rows and key in rows[0].figures:
        known = [row for row in rows if row.figures[key].exact is not None]
        known.sort(key=lambda row: row.figures[key].exact, reverse=by.startswith("-"))
        rows = [*known, *(row for row in rows if row.figures[key].exact is None)]
    return [line(row) for row in rows]


# --- map ------------------------------------------------------------------------------------------------------------


def _map(by: Actor, shown: Dashboard) -> dict[str, Any]:
    above = trail(by, shown.area_id, shown.span)[-2:-1]
    return {
        **maps.configuration(by),
        "area": shown.area_id,
        "level": shown.board_level,
        "inner": _inner(shown),
        "span": shown.span,
        "up": above[0][1] if above else "",
    }


def _inner(shown: Dashboard) -> int | None:
    """The deepest level whose lines are few enough to be drawn within the areas of the map."""
    counts = Counter(r.level for r in areas.index().subtree(shown.area_id)) if shown.area_id is not None else Counter()
    fitting = [level for level, count in counts.items() if level > shown.board_level and count <= MOST_INNER]
    return max(fitting, default=None)


def _values(shown: Dashboard) -> dict[int, tuple[int, int]]:
    return {value.area_id: (value.standing.count, value.overdue.count) for value in shown.map}


def parsed_instant(text: str, now: datetime) -> datetime:
    """An instant out of an address, not after ``now``. NotFound for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise NotFound(_("没有这个时刻")) from None
    if at.tzinfo is None or not 2000 <= at.year <= 2200 or at > now:
        raise NotFound(_("没有这个时刻"))
    return at
