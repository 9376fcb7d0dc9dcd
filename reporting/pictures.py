"""A dashboard without its evidence (pure): what can be added up piece by piece, kept as JSON and shown later.

Evidence is not kept because a link behind a number says the instant, and the page behind it counts anew as of then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from incidents.workflow import Stage
from reporting import boards
from reporting.figures import Number, Unit
from reporting.history import Period, Ref
from reporting.selectors import Dashboard

#: Of what is written here; a release that writes it otherwise counts up, and reads none of the older ones.
SHAPE = 1
#: Rows of the list of what is due soon that are kept; the page shows fewer.
DUE_ROWS = 20


@dataclass(frozen=True, slots=True)
class Count(Number):
    """A figure without the cases behind it."""

    unit: Unit
    count: int = 0  # type: ignore[assignment]
    missed: int = 0  # type: ignore[assignment]
    total: Fraction = Fraction(0)


def without_evidence(shown: Dashboard) -> Dashboard:
    """The same numbers, and of the list of what is due soon its first rows."""
    bare: Dashboard = _over(lambda figure: Count(figure.unit, figure.count, figure.missed, figure.total), shown)
    return replace(bare, due_soon=tuple(shown.due_soon[:DUE_ROWS]))


def together(one: Dashboard, other: Dashboard) -> Dashboard:
    """What is shown of the cases of both, which have none in common, at the same instant of the same area."""
    departments = {row.id: row for row in one.departments}
    for row in other.departments:
        departments[row.id] = _over(_sum, departments[row.id], row) if row.id in departments else row
    due = sorted((*one.due_soon, *other.due_soon), key=lambda row: (row.due_at, row.number))
    added: Dashboard = _over(
        _sum, replace(one, departments=(), due_soon=()), replace(other, departments=(), due_soon=())
    )
    return replace(
        added,
        departments=tuple(departments.values()),
        due_soon=tuple(due[:DUE_ROWS]),
        due_count=one.due_count + other.due_count,
        due_over=one.due_over + other.due_over,
    )


def _sum(one: Number, other: Number) -> Count:
    return Count(one.unit, one.count + other.count, one.missed + other.missed, one.total + other.total)


def _over(change: Callable[..., Any], *parts: Any) -> Any:
    """``change`` of the figures that stand at the same place of each; all else is that of the first."""
    first = parts[0]
    if isinstance(first, Number):
        return change(*parts)
    if isinstance(first, Mapping):
        return {key: _over(change, *(part[key] for part in parts)) for key in first}
    if isinstance(first, list | tuple) and not isinstance(first, Ref):
        return tuple(_over(change, *row) for row in zip(*parts, strict=True))
    if is_dataclass(first) and not isinstance(first, Period):
        names = [field.name for field in fields(first)]
        return replace(first, **{name: _over(change, *(getattr(part, name) for part in parts)) for name in names})  # type: ignore[type-var]
    return first


# --- as JSON ------------------------------------------------------------------------------------------------------


def to_json(shown: Dashboard) -> dict[str, Any]:
    """What :func:`from_json` reads. ``shown`` is without evidence."""
    return {
        "at": shown.at.isoformat(),
        "area": shown.area_id,
        "level": shown.board_level,
        "span": shown.span,
        "period": _of_period(shown.period),
        "figures": _of_all(shown.figures),
        "funnel": [[row.stage.value, *_of_row(row.standing, row.overdue, row.due_soon)] for row in shown.funnel],
        "counters": {
            key: {name: _of_row(trend.now, trend.before) for name, trend in trends.items()}
            for key, trends in shown.counters.items()
        },
        "standing": _of_row(shown.standing.now, shown.standing.before),
        "ratios": {key: _of_row(trend.now, trend.before) for key, trend in shown.ratios.items()},
        "sparks": {key: _of_row(*line) for key, line in shown.sparks.items()},
        "flow": [[*_of_period(row.period), *_of_row(row.reported, row.closed, row.before)] for row in shown.flow],
        "areas": [[row.id, _of_all(row.figures)] for row in shown.areas],
        "departments": [[row.id, _of_all(row.figures)] for row in shown.departments],
        "map": [[value.area_id, *_of_row(value.standing, value.overdue)] for value in shown.map],
        "due": [[row.number, row.kind, row.due_at.isoformat(), row.is_overdue, row.ref.seq] for row in shown.due_soon],
        "due_count": shown.due_count,
        "due_over": shown.due_over,
    }


def from_json(told: Mapping[str, Any]) -> Dashboard:
    """The dashboard that was written."""
    return Dashboard(
        at=datetime.fromisoformat(told["at"]),
        area_id=told["area"],
        board_level=told["level"],
        span=told["span"],
        period=_period(*told["period"]),
        figures=_all(told["figures"]),
        funnel=[boards.StageRow(Stage(stage), *map(_count, row)) for stage, *row in told["funnel"]],
        counters={
            key: {name: boards.Trend(*map(_count, row)) for name, row in trends.items()}
            for key, trends in told["counters"].items()
        },
        standing=boards.Trend(*map(_count, told["standing"])),
        ratios={key: boards.RatioTrend(*map(_count, row)) for key, row in told["ratios"].items()},
        sparks={key: tuple(map(_count, line)) for key, line in told["sparks"].items()},
        flow=[boards.Flow(_period(start, end), *map(_count, row)) for start, end, *row in told["flow"]],
        areas=[boards.BoardRow(area_id, _all(figures)) for area_id, figures in told["areas"]],
        departments=[boards.BoardRow(department_id, _all(figures)) for department_id, figures in told["departments"]],
        map=[boards.MapValue(area_id, *map(_count, row)) for area_id, *row in told["map"]],
        due_soon=tuple(
            boards.DueSoon(number, kind, datetime.fromisoformat(due_at), is_overdue, Ref(number, seq))
            for number, kind, due_at, is_overdue, seq in told["due"]
        ),
        due_count=told["due_count"],
        due_over=told["due_over"],
    )


def _of(figure: Number) -> Any:
    """A count is a number, a ratio a pair, an average a number and a fraction in words."""
    if figure.unit is Unit.CASES:
        return figure.count
    return [figure.count, figure.missed if figure.unit is Unit.RATIO else str(figure.total)]


def _count(told: Any) -> Count:
    if isinstance(told, int):
        return Count(Unit.CASES, told)
    count, rest = told
    if isinstance(rest, str):
        return Count(Unit.WORK_HOURS, count, total=Fraction(rest))
    return Count(Unit.RATIO, count, rest)


def _of_row(*figures: Number) -> list[Any]:
    return [_of(figure) for figure in figures]


def _of_all(figures: Mapping[str, Number]) -> dict[str, Any]:
    return {key: _of(figure) for key, figure in figures.items()}


def _all(told: Mapping[str, Any]) -> dict[str, Count]:
    return {key: _count(figure) for key, figure in told.items()}


def _of_period(period: Period) -> Sequence[str]:
    return [period.start.isoformat(), period.end.isoformat()]


def _period(start: str, end: str) -> Period:
    return Period(datetime.fromisoformat(start), datetime.fromisoformat(end))
