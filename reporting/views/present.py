"""How figures are said on a page (pure): value, unit, count, cause of a gap, definition, and where the cases are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from gridgov.common import clock
from reporting import boards
from reporting.figures import Number, Unit
from reporting.history import Period
from reporting.indicators import INDICATORS

GAP = "—"


@dataclass(frozen=True, slots=True)
class Said:
    """A figure for the page. ``value`` is GAP where there is none, then ``cause`` says why."""

    key: str
    label: str
    definition: str
    value: str
    unit: str
    count: str = ""
    cause: str = ""
    href: str = ""
    share: int | None = None
    tone: str = ""
    note: str = ""
    spark: "Spark | None" = None


@dataclass(frozen=True)
class Asked:
    """What every link of one dashboard repeats, so that it leads to the very cases that were counted."""

    at: datetime
    area_id: int | None
    span: str

    def href(self, key: str, **more: object) -> str:
        """The address of the cases behind the figure ``key``."""
        if not more:
            return self._page.replace(_KEY, key) + self._query
        query = {"at": self.at.isoformat(), "area": self.area_id, "span": self.span, **more}
        return self._page.replace(_KEY, key) + _query(query)

    @cached_property
    def _page(self) -> str:
        return reverse("reporting:figure", args=[_KEY])

    @cached_property
    def _query(self) -> str:
        return _query({"at": self.at.isoformat(), "area": self.area_id, "span": self.span})


_KEY = "-key-"


def _query(told: Mapping[str, object]) -> str:
    return "?" + urlencode({name: str(value) for name, value in told.items() if value not in (None, "")})


def said(figure: Number, key: str, asked: Asked, *, label: str = "", tone: str = "", **more: object) -> Said:
    """The figure with its name and definition."""
    value, unit = number(figure)
    missing = figure.exact is None
    return Said(
        key=key,
        label=label or name(key),
        definition=boards.definition(key),
        value=value,
        unit="" if missing else unit,
        count=count(figure),
        cause=cause(key) if missing else "",
        href="" if missing else asked.href(key, **more),
        share=share(figure),
        tone=tone if figure.count else "",
    )


def name(key: str) -> str:
    """The label of an indicator."""
    return str(INDICATORS[key].label) if key in INDICATORS else str(_NAMES.get(key, lambda: key)())


_NAMES = {
    "standing": lambda: _("停在该环节"), "overdue": lambda: _("已超期"), "due_soon": lambda: _("将到期与已超"),
}  # fmt: skip


def number(figure: Number) -> tuple[str, str]:
    """The value in words and its unit."""
    exact = figure.exact
    if exact is None:
        return GAP, ""
    if figure.unit is Unit.RATIO:
        return _rounded(float(exact) * 100), "%"
    if figure.unit is Unit.WORK_HOURS:
        return f"{float(exact):.1f}", _("工作时")
    return f"{figure.count:,}", _("件")


def _rounded(percent: float) -> str:
    """One decimal; what is not all is never said to be all, nor what is something to be nothing."""
    text = f"{percent:.1f}"
    if text == "100.0":
        return "100" if percent >= 100 else "99.9"
    if text == "0.0":
        return "0" if percent <= 0 else "0.1"
    return text


def count(figure: Number) -> str:
    """What a ratio is of: 178/188; of an average how many; nothing for a count."""
    if figure.unit is Unit.RATIO:
        return f"{figure.count:,}/{figure.denominator:,}" if figure.denominator else ""
    if figure.unit is Unit.WORK_HOURS and figure.count:
        return _("%(count)s 件") % {"count": f"{figure.count:,}"}
    return ""


def share(figure: Number) -> int | None:
    """Of 100, for a bar; None for what is no ratio."""
    return round(float(figure.exact) * 100) if figure.unit is Unit.RATIO and figure.exact is not None else None


def cause(key: str) -> str:
    """Why there is no value."""
    if key.startswith("on_time") or key in ("closing_ratio", "closing_on_time_ratio", "extension_ratio"):
        return _("本期没有到期的")
    if key == "satisfaction_ratio":
        return _("本期没有评价")
    if key == "rework_ratio":
        return _("本期没有核查")
    if key == "return_ratio":
        return _("本期没有派遣")
    return _("本期没有可计的案件")


def step(trend: boards.Trend, words: str) -> str:
    """↑ 12（+7%）较昨日同时."""
    change = trend.difference
    if change == 0:
        return _("与%(before)s持平") % {"before": words}
    arrow = "↑" if change > 0 else "↓"
    relative = f"（{abs(trend.change):.0%}）" if trend.change is not None else ""
    return _("%(arrow)s %(change)s%(relative)s 较%(before)s") % {
        "arrow": arrow, "change": abs(change), "relative": relative, "before": words,
    }  # fmt: skip


def points(trend: boards.RatioTrend, words: str) -> str:
    """↓ 0.4 个点较上期; why not where one of them is missing."""
    change = trend.difference
    if change is None:
        return _("%(before)s无可比") % {"before": words}
    if abs(change) < 0.05:
        return _("与%(before)s持平") % {"before": words}
    return _("%(arrow)s %(change)s 个点 较%(before)s") % {
        "arrow": "↑" if change > 0 else "↓", "change": f"{abs(change):.1f}", "before": words,
    }  # fmt: skip


# --- a line without axes ------------------------------------------------------------------------------------------

WIDTH, HEIGHT, EDGE = 84, 30, 3


@dataclass(frozen=True, slots=True)
class Spark:
    """SVG paths in a box of WIDTH × HEIGHT; ``words`` says the same."""

    line: str
    fill: str
    last: tuple[float, float] | None
    words: str
    width: int = WIDTH
    height: int = HEIGHT


def spark(figures: Sequence[Number], days: Sequence[str]) -> Spark:
    """The values day by day; a day without one is a gap in the line."""
    values = [figure.value for figure in figures]
    is_share = any(figure.unit is Unit.RATIO for figure in figures)
    known = [value for value in values if value is not None]
    if not known:
        return Spark("", "", None, _("近 14 天没有数据"))
    low, high = min(known) if is_share else 0.0, max(known)
    reach = (high - low) or 1.0
    wide = (WIDTH - 2 * EDGE) / max(1, len(values) - 1)
    at = [
        None
        if value is None
        else (round(EDGE + i * wide, 1), round(HEIGHT - EDGE - (value - low) / reach * (HEIGHT - 2 * EDGE), 1))
        for i, value in enumerate(values)
    ]
    line, fill = "", ""
    run: list[tuple[float, float]] = []
    for point in [*at, None]:
        if point is not None:
            run.append(point)
            continue
        if run:
            steps = "L".join(f"{x} {y}" for x, y in run)
            line += f"M{steps}" + ("h0.1" if len(run) == 1 else "")
            fill += f"M{run[0][0]} {HEIGHT}L{steps}L{run[-1][0]} {HEIGHT}Z"
        run = []
    words = _("近 14 天：") + "、".join(
        f"{day} {GAP if value is None else f'{value:.1%}' if is_share else f'{value:.0f}'}"
        for day, value in zip(days, values, strict=True)
    )
    return Spark(line, fill, at[-1], words)


# --- time ---------------------------------------------------------------------------------------------------------


#: What is older than this says so in words.
OLD = timedelta(minutes=5)


def time(at: datetime, now: datetime | None = None) -> str:
    """14:05:30; with the date where it is not of the day of ``now``."""
    local = clock.local(at)
    return f"{local:%H:%M:%S}" if now is None or local.date() == clock.local_date(now) else f"{local:%m-%d %H:%M:%S}"


def old(at: datetime, now: datetime) -> str:
    """That what is shown is not of now, in words; empty where it is."""
    if now - at < OLD and clock.local_date(now) == clock.local_date(at):
        return ""
    minutes = int((now - at).total_seconds() // 60)
    words = _("%(count)s 分钟") % {"count": minutes}
    if minutes >= 120:
        words = _("%(count)s 小时") % {"count": minutes // 60}
    return _("以下是 %(age)s前（%(time)s）的数据。案件较多，由后台重新统计，统计好后自动更新。") % {
        "age": words,
        "time": time(at, now),
    }


def stretch(period: Period) -> str:
    """11-20 00:00–11-26 14:05, in one day without the second date."""
    start, end = clock.local(period.start), clock.local(period.end)
    if start.date() == (end - timedelta(microseconds=2)).date():
        return f"{start:%m-%d} {start:%H:%M}–{end:%H:%M}"
    return f"{start:%m-%d %H:%M}–{end:%m-%d %H:%M}"
