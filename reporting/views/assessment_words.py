"""How an assessment is said on a page (pure but for names of areas): points, ratios, the line of past months."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from gridgov.common.business_time.words import MONTHS
from grids.spatial import areas
from personnel.assessment import Item, final
from personnel.assessment_models import Assessment, AssessmentScheme
from personnel.assessment_selectors import mean
from personnel.assessment_services import item_of, may_confirm
from reporting.indicators import INDICATORS

NONE = "—"
MINUS = "\u2212"
#: A difference to the own mean that is no more than this, in hundredths of a point, says nothing.
NEAR = 100
WIDTH, HEIGHT, EDGE = 124, 28, 4
#: The least span of points that the height stands for, in hundredths: a tenth up and down is no mountain.
LEAST_SPAN = 800
STATE_BADGES = {"computed": "live", "reviewed": "", "replied": "soon", "published": "ok"}


def points(hundredths: int | None) -> str:
    """88.4, 92.0, 66.67; — where there is none."""
    if hundredths is None:
        return NONE
    sign = MINUS if hundredths < 0 else ""
    whole, rest = divmod(abs(hundredths), 100)
    text = f"{rest:02d}"
    return f"{sign}{whole}.{text[0] if text[1] == '0' else text}"


def plain(hundredths: int) -> str:
    """35, 23.33: a weight or a limit."""
    return f"{hundredths / 100:g}"


def signed(hundredths: int) -> str:
    """+3.6, 0; a loss with a true minus sign."""
    return f"+{points(hundredths)}" if hundredths > 0 else points(hundredths) if hundredths else "0"


def percent(hits: int, total: int) -> str:
    """82%; — of nothing. Half a point up; below all of them it is never 100%."""
    if not total:
        return NONE
    shown = int(Fraction(hits * 100, total) + Fraction(1, 2))
    return f"{min(shown, 99) if hits < total else 100}%"


def month_name(on: date) -> str:
    """2026 年 10 月."""
    return _("%(year)s 年 %(month)s 月") % {"year": on.year, "month": on.month}


def person(user: Any) -> str:
    """The name of a person, his login where he has none; empty for nobody."""
    return (user.name or user.username) if user is not None else ""


# --- the past -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spark:
    """A line of months for an SVG of WIDTH × HEIGHT: ``line`` of points, ``mean_y`` dashed, the last as a dot."""

    line: str
    mean_y: float | None
    last: tuple[float, float] | None
    label: str


@dataclass(frozen=True, slots=True)
class Delta:
    """The difference to the own mean: up, down or near."""

    text: str
    kind: str


def spark(past: Sequence[tuple[date, int | None]], on: date, now: int | None) -> Spark | None:
    """The line of the past months and this one, in hundredths; None where there is no past."""
    known = [(month, value) for month, value in past if value is not None]
    middle = mean(past)
    if not known or middle is None:
        return None
    everything = [*known, (on, now)] if now is not None else known
    low, high = (pick([v for _m, v in everything] + [middle]) for pick in (min, max))
    if high - low < LEAST_SPAN:
        low, high = (low + high - LEAST_SPAN) // 2, (low + high + LEAST_SPAN) // 2
    step = (WIDTH - 2 * EDGE) / max(1, len(known))

    def y(value: int) -> float:
        return round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / (high - low), 1)

    places = [(round(EDGE + n * step, 1), y(value)) for n, (_m, value) in enumerate(everything)]
    said = _("，").join(f"{_(MONTHS[month.month - 1])} {points(value)}" for month, value in everything)
    return Spark(
        line=" ".join(f"{x},{at}" for x, at in places),
        mean_y=y(middle),
        last=places[-1] if now is not None else None,
        label=_("%(months)s；往月均值 %(mean)s") % {"months": said, "mean": points(middle)},
    )


def delta(past: Sequence[tuple[date, int | None]], now: int | None) -> Delta | None:
    """How far this month lies from the own mean; None where either is missing."""
    middle = mean(past)
    if middle is None or now is None:
        return None
    by = now - middle
    if by == 0:
        return Delta(_("持平"), "near")
    arrow = "↑" if by > 0 else "↓"
    return Delta(f"{arrow} {points(abs(by))}", "near" if abs(by) <= NEAR else "up" if by > 0 else "down")


# --- rows and lines -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ratio:
    """An indicator in a row: 82%, 27/33."""

    label: str
    text: str
    counts: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """One grid in the table."""

    id: int
    worker: str
    grid: str
    code: str
    score: str
    hundredths: int | None
    spark: Spark | None
    delta: Delta | None
    ratios: tuple[Ratio, ...]
    mark: str
    state: str
    state_label: str
    state_badge: str
    version: int
    may_confirm: bool
    is_own: bool


def now_of(row: Assessment) -> int | None:
    """The score with the leader's mark as it stands, published or not."""
    return final(row.score, row.mark) if row.state != Assessment.State.PUBLISHED else row.final_score


def row_of(row: Assessment, past: Sequence[tuple[date, int | None]], keys: Sequence[str], user: Any) -> Row:
    """A row of the table, with the indicators ``keys``."""
    grid = areas.get(row.grid_id)
    lines = {line["key"]: line for line in row.lines}
    now = now_of(row)
    return Row(
        id=row.pk,
        worker=person(row.worker),
        grid=grid.name,
        code=grid.code,
        score=points(now),
        hundredths=now,
        spark=spark(past, row.month.on, now),
        delta=delta(past, now),
        ratios=tuple(_ratio(key, lines.get(key)) for key in keys),
        mark=signed(row.mark),
        state=row.state,
        state_label=str(row.get_state_display()),
        state_badge=STATE_BADGES[row.state],
        version=row.month.version,
        may_confirm=may_confirm(row, user),
        is_own=row.worker_id == user.pk,
    )


def _ratio(key: str, line: Mapping[str, Any] | None) -> Ratio:
    label = label_of(key)
    hits = len(line["hits"]) if line else 0
    total = hits + len(line["misses"]) if line else 0
    said = _("%(total)s 件中 %(hits)s 件") % {"total": total, "hits": hits} if total else _("本月没有可计的案件")
    return Ratio(label, percent(hits, total), f"{hits}/{total}" if total else "", f"{label}：{said}")


def label_of(key: str) -> str:
    """The name of an indicator."""
    return str(INDICATORS[key].label) if key in INDICATORS else key


@dataclass(frozen=True, slots=True)
class Line:
    """One indicator of a row with how it came about. ``weight`` as shared out, ``own_weight`` of the scheme.

    ``good`` and ``bad``: the cases that raised the points and those that lowered them.
    """

    key: str
    label: str
    definition: str
    formula: str
    points: str
    weight: str
    own_weight: str
    is_shared: bool
    ratio: Ratio
    good: list[Any]
    bad: list[Any]
    hidden: int
    spark: Spark | None


def lines_of(row: Assessment, past: Sequence[Assessment], shown: Mapping[tuple[str, int], Any]) -> list[Line]:
    """The indicators of a row in the scheme's order; ``shown``: the cases that may be shown, by (number, seq)."""
    items = {item["key"]: item_of(item) for item in row.month.scheme.items}
    found = []
    for line in row.lines:
        item = items[line["key"]]
        sides = ("misses", "hits") if is_reversed(item) else ("hits", "misses")
        good, bad = ([shown.get((ref[0], ref[1])) for ref in line[side]] for side in sides)
        own = _hundredths(item.weight)
        found.append(
            Line(
                key=line["key"],
                label=label_of(line["key"]),
                definition=str(INDICATORS[line["key"]].definition) if line["key"] in INDICATORS else "",
                formula=formula(item),
                points=points(line["points"]),
                weight=plain(line["weight"]),
                own_weight=plain(own),
                is_shared=line["points"] is not None and line["weight"] != own,
                ratio=_ratio(line["key"], line),
                good=[case for case in good if case is not None],
                bad=[case for case in bad if case is not None],
                hidden=sum(case is None for case in (*good, *bad)),
                spark=_line_spark(row, past, line),
            )
        )
    return found


def _line_spark(row: Assessment, past: Sequence[Assessment], line: Mapping[str, Any]) -> Spark | None:
    def share(one: Mapping[str, Any]) -> int | None:
        total = len(one["hits"]) + len(one["misses"])
        return 10_000 * len(one["hits"]) // total if total else None

    months = [(before.month.on, share(one)) for before in past for one in before.lines if one["key"] == line["key"]]
    return spark(months, row.month.on, share(line))


def is_reversed(item: Item) -> bool:
    """Whether the ratio should be small, so that a case among its hits lowers the points."""
    return item.zero_at > item.full_at


# --- schemes ------------------------------------------------------------------------------------------------------


def formula(item: Item) -> str:
    """How points come out of the ratio, in words."""

    def said(share: Fraction) -> str:
        return f"{float(share * 100):g}%"

    weight = f"{float(item.weight):g}"
    if item.zero_at == 0 and item.full_at == 1:
        return _("得分＝权重×比例：100%% 得 %(weight)s 分，每少 1 个百分点少 %(step)s 分") % {
            "weight": weight, "step": f"{float(item.weight / 100):g}",
        }  # fmt: skip
    words = _("比例 %(zero)s 及以下得 0 分，%(full)s 及以上得 %(weight)s 分，其间按直线计算")
    if is_reversed(item):
        words = _("比例 %(zero)s 及以上得 0 分，%(full)s 及以下得 %(weight)s 分，其间按直线计算")
    return words % {"zero": said(item.zero_at), "full": said(item.full_at), "weight": weight}


def scheme_words(row: AssessmentScheme) -> dict[str, Any]:
    """A version of the scheme for the page: each indicator with weight, definition and formula."""
    items = [item_of(item) for item in row.items]
    return {
        "row": row,
        "cap": plain(row.mark_cap),
        "items": [
            {
                "label": label_of(item.key),
                "weight": plain(_hundredths(item.weight)),
                "share": max(1, round(float(item.weight))),
                "definition": str(INDICATORS[item.key].definition) if item.key in INDICATORS else "",
                "formula": formula(item),
            }
            for item in items
        ],
    }


def _hundredths(weight: Fraction) -> int:
    return round(weight * 100)
