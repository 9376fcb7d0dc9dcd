"""How instants and spans are said on a page (pure). One frozen ``now`` a page, so that two chips never disagree."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common.clock import local

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: Due soon: less than this share of the allowance left, or less than so many minutes.
SOON_SHARE = 0.3
SOON = timedelta(minutes=15)
WEEKDAYS = (
    gettext_noop("周一"), gettext_noop("周二"), gettext_noop("周三"), gettext_noop("周四"), gettext_noop("周五"),
    gettext_noop("周六"), gettext_noop("周日"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chip:
    """A time in words with its icon and kind (ok, soon, over, over2, paused, met, late, none).

    ``parts``: (text, is a figure). ``share``: what is left of 100, for the ring; None draws an icon. One that goes on
    by itself in the browser has ``due_at``, and what its words and kind depend on besides.
    """

    kind: str
    parts: tuple[tuple[str, bool], ...]
    icon: str = ""
    share: int | None = None
    title: str = ""
    due_at: datetime | None = None
    started_at: datetime | None = None
    level: int = 0
    label: str = ""

    @property
    def text(self) -> str:
        return "".join(text for text, _figure in self.parts)


def span(amount: timedelta) -> tuple[tuple[str, bool], ...]:
    """A span in its two largest units: 1 天 3 时, 1 时 20 分, 35 分. Rounded down to the minute."""
    amount = abs(amount)
    if amount < MINUTE:
        return ((_("不足"), False), (" 1 ", True), (_("分"), False))
    days, rest = divmod(amount, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes = rest // MINUTE
    pairs = [(days, _("天")), (hours, _("时")), (minutes, _("分"))]
    pairs = [pair for pair in (pairs[:2] if days else pairs[1:]) if pair[0]] or [(minutes, _("分"))]
    parts: list[tuple[str, bool]] = []
    for number, unit in pairs:
        parts += [(f" {number} ", True), (unit, False)]
    return tuple(parts)


def around(pattern: str, amount: timedelta) -> tuple[tuple[str, bool], ...]:
    """The pattern, which has ``{span}`` in it, with the span in its place: 剩{span}, {span} left."""
    before, _span, after = pattern.partition("{span}")
    parts = [*span(amount)]
    if not before:
        parts[0] = (parts[0][0].lstrip(), parts[0][1])
    return tuple(part for part in ((before, False), *parts, (after, False)) if part[0])


def stamp(at: datetime | None, now: datetime) -> str:
    """今天 14:05, 11-20 周五 14:05, 2025-11-20 14:05; empty for None."""
    if at is None:
        return ""
    here, today = local(at), local(now)
    if here.date() == today.date():
        return _("今天 %(time)s") % {"time": f"{here:%H:%M}"}
    if here.year == today.year:
        return f"{here:%m-%d} {_(WEEKDAYS[here.weekday()])} {here:%H:%M}"
    return f"{here:%Y-%m-%d %H:%M}"


def full_stamp(at: datetime | None) -> str:
    """2026-11-20 周五 14:05:32."""
    if at is None:
        return ""
    here = local(at)
    return f"{here:%Y-%m-%d} {_(WEEKDAYS[here.weekday()])} {here:%H:%M:%S}"


def due_chip(
    due_at: datetime | None, *, now: datetime, started_at: datetime | None = None, level: int = 0, label: str = ""
) -> Chip:
    """What is left until ``due_at``, or by how much it has passed. ``level``: of supervision, 2 and more is 严重."""
    if due_at is None:
        return Chip("none", ((_("不计时"), False),), "circle-dashed", title=_("本环节没有时限"))
    title = _("%(at)s 到期") % {"at": full_stamp(due_at)}
    head = ((label + " ", False),) if label else ()
    left = due_at - now
    whole = due_at - started_at if started_at is not None and started_at < due_at else None
    goes_on = {"due_at": due_at, "started_at": started_at if whole else None, "level": level, "label": label}
    if left < timedelta(0):
        kind = "over2" if level >= 2 else "over"
        return Chip(kind, (*head, *around(_("已超{span}"), left)), "alert-circle-filled", title=title, **goes_on)
    share = min(1.0, left / whole) if whole else None
    soon = left < SOON or (share is not None and share < SOON_SHARE)
    return Chip(
        "soon" if soon else "ok",
        (*head, *around(_("剩{span}"), left)),
        "alert-triangle-filled" if soon else "clock",
        share=None if soon or share is None else max(1, round(share * 100)),
        title=title,
        **goes_on,
    )


def paused_chip(until: datetime | None, *, now: datetime) -> Chip:
    """暂停至 12-01."""
    if until is None:
        return Chip("paused", ((_("已暂停"), False),), "player-pause-filled")
    here = local(until)
    text = f"{here:%m-%d}" if here.year == local(now).year else f"{here:%Y-%m-%d}"
    return Chip("paused", ((_("暂停至"), False), (f" {text}", True)), "player-pause-filled", title=full_stamp(until))


def case_chip(
    *, status: str, due_at: datetime | None, started_at: datetime | None, suspended_until: datetime | None,
    level: int, ended: bool, now: datetime,
) -> Chip:  # fmt: skip
    """The chip of a case in a list."""
    if ended:
        return Chip("none", ((_("已结束"), False),), "circle-check")
    if status == "suspended":
        return paused_chip(suspended_until, now=now)
    return due_chip(due_at, now=now, started_at=started_at, level=level)


def case_kind(*, status: str, due_at: datetime | None, started_at: datetime | None, now: datetime) -> str:
    """The kind of :func:`case_chip` for an open case that nobody supervises, without its words."""
    if status == "suspended":
        return "paused"
    if due_at is None:
        return "none"
    left = due_at - now
    if left < timedelta(0):
        return "over"
    whole = due_at - started_at if started_at is not None and started_at < due_at else None
    return "soon" if left < SOON or (whole is not None and min(1.0, left / whole) < SOON_SHARE) else "ok"


def clock_chip(
    *, state: str, due_at: datetime | None, started_at: datetime, stopped_at: datetime | None,
    suspended_until: datetime | None, cured: bool, now: datetime,
) -> Chip:  # fmt: skip
    """The chip of one clock: running, paused, met by so much, late by so much, cancelled."""
    if state == "paused":
        return paused_chip(suspended_until, now=now)
    if state == "cancelled":
        return Chip("none", ((_("已取消"), False),), "circle-dashed")
    if state == "running":
        return due_chip(due_at, now=now, started_at=started_at)
    if due_at is None or stopped_at is None:
        return Chip("none", ((_("不计时"), False),), "circle-dashed")
    title = _("%(at)s 停表") % {"at": full_stamp(stopped_at)}
    if state == "late" and not cured:
        return Chip("late", around(_("超{span}办结"), stopped_at - due_at), "circle-check", title=title)
    return Chip("met", around(_("提前{span}"), due_at - stopped_at), "circle-check-filled", title=title)
