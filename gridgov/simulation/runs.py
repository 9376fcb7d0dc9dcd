"""The ways to play: the first weeks of a demo, any span of the past, and what happened while the server was off."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from dispatch.models import Notice
from gridgov.common import clock, work_calendar
from gridgov.common.errors import Conflict, FieldError
from gridgov.simulation import demo, review, span
from gridgov.simulation.city import City
from gridgov.simulation.duty import Town
from gridgov.simulation.upkeep import Upkeep

#: Reports of an ordinary day: a district under review, and the first weeks of a demo.
PER_DAY = 110.0
SEED_PER_DAY = 17.0
#: A pause shorter than this is not made up for; of a longer one new reports come in for the last part of it only.
SHORT_PAUSE = timedelta(minutes=5)
LONG_PAUSE = timedelta(hours=100)
UNREAD = timedelta(hours=8)


def town(*, pace: float = 1.0, is_show: bool = False) -> Town:
    """The city's hours, by its work calendar."""
    calendar = work_calendar.current()
    return Town(calendar.tz, calendar.works_on, pace, is_show)


def seed_cases(seed: int, *, end: datetime, tell: Callable[[datetime], None] | None = None) -> City | None:
    """The first weeks of the demo are played, and the last month in them assessed; None if they were before.

    They begin with the first day of the month before ``end``. Goes on where it was broken off.

    FieldError for an end in the future, Conflict where the database has cases and is no demo.
    """
    end = end.replace(microsecond=0)
    if end > clock.now():
        raise FieldError("until", _("只演到现在为止，不演未来"))
    zone = town().zone
    mark = demo.mark(seed=seed, start=span.last_month(end, zone)[0], end=end)
    if demo.is_seeded() or mark.start is None or mark.end is None:
        return None
    start = max(mark.start, demo.last_moment() or mark.start)
    city = City(seed=mark.seed, town=town(), per_day=SEED_PER_DAY, upkeep=Upkeep())
    with clock.played(start):
        city.adopt(start)
    for stretch in span.first_weeks(mark.end, zone):
        if stretch.end > start:
            city.expect_reports(max(start, stretch.start), stretch.end, per_day=stretch.per_day)
    city.play(mark.end, before=tell)
    review.assess(mark.end)
    # people have read what they were told but for the last hours
    Notice.objects.filter(read_at__isnull=True, created_at__lt=mark.end - UNREAD).update(read_at=mark.end)
    demo.note_seeded()
    return city


def play(
    *,
    start: datetime,
    end: datetime,
    seed: int,
    per_day: float = PER_DAY,
    speed: float = 0.0,
    tell: Callable[[datetime], None] | None = None,
) -> City:
    """The span is played: what comes in, and what becomes of it and of every case that was there.

    ``speed``: played seconds a second; 0 for as fast as it goes. FieldError for a span that is not in the past or lies
    before what happened already, Conflict where the database is no demo or a server runs on it.
    """
    demo.needed()
    start, end = start.replace(microsecond=0), end.replace(microsecond=0)
    if demo.server_runs():
        raise Conflict(_("serve 正在运行，请先停止它再补演过去"), code="server_runs")
    if end > clock.now():
        raise FieldError("to", _("只演到现在为止，不演未来"))
    if start >= end:
        raise FieldError("from", _("起点须早于终点"))
    last = demo.last_moment()
    if last is not None and start < last:
        said = f"{clock.local(last):%Y-%m-%d %H:%M:%S}"
        raise FieldError("from", _("%(at)s 之前已有记录，只能接着演") % {"at": said})
    city = City(seed=seed, town=town(), per_day=per_day, upkeep=Upkeep())
    with clock.played(start):
        city.adopt(start)
    city.expect_reports(start, end)
    pacing = _Pace(start, speed, tell)
    city.play(end, before=pacing if speed > 0 or tell else None)
    return city


def make_up(*, now: datetime, tell: Callable[[datetime], None] | None = None) -> City | None:
    """What happened while the server was off: people went on with their work, and some reports came in.

    Steps that were missed are stated at the end in one batch, so that each person gets one digest. None after a pause
    too short to speak of.
    """
    mark, start = demo.needed(), demo.last_moment()
    now = now.replace(microsecond=0)
    if start is None or now - start < SHORT_PAUSE:
        return None
    city = City(seed=mark.seed, town=town(), per_day=SEED_PER_DAY, upkeep=Upkeep(steps_last=True))
    start = (start + timedelta(seconds=1)).replace(microsecond=0)
    with clock.played(start):
        city.adopt(start)
    city.expect_reports(max(start, now - LONG_PAUSE), now)
    city.play(now, before=tell)
    return city


class _Pace:
    """Keeps the played time from running ahead of ``speed`` times the real one."""

    def __init__(self, start: datetime, speed: float, tell: Callable[[datetime], None] | None) -> None:
        self._start, self._speed, self._tell = start, speed, tell
        self._began = time.monotonic()

    def __call__(self, at: datetime) -> None:
        if self._speed > 0:
            ahead = (at - self._start).total_seconds() / self._speed - (time.monotonic() - self._began)
            if ahead > 0:
                time.sleep(ahead)
        if self._tell is not None:
            self._tell(at)
