"""A limit's reckoning day by day, as a list for pages and as a sentence for people."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from gridgov.common.business_time import civil
from gridgov.common.business_time.calendars import DayKind, WorkCalendar, from_micros, to_micros
from gridgov.common.business_time.limits import Segments, checked_spans, due_over, elapsed_over, pauses_of
from gridgov.common.business_time.units import Allowance, Unit

Spans = tuple[tuple[int, int], ...]
SECOND = 1_000_000
SUNDAY = 6
MONTHS = (
    gettext_noop("1月"), gettext_noop("2月"), gettext_noop("3月"), gettext_noop("4月"), gettext_noop("5月"),
    gettext_noop("6月"), gettext_noop("7月"), gettext_noop("8月"), gettext_noop("9月"), gettext_noop("10月"),
    gettext_noop("11月"), gettext_noop("12月"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayUse:
    """What one civil day (of the calendar's zone) contributes to a limit, up to due.

    ``used`` is the time of the unit that ran; of civil units one day or nothing. ``intervals`` is when it ran (UTC).
    ``paused`` says that a pause touches the day; ``covered`` that its statutory holidays are known.
    """

    on: date
    kind: DayKind
    name: str
    used: timedelta
    intervals: tuple[tuple[datetime, datetime], ...]
    is_whole: bool
    paused: bool
    covered: bool

    @property
    def minutes(self) -> float:
        """Used minutes; a counted day of a civil unit is 1440."""
        return self.used / timedelta(minutes=1)


def explain_days(segments: Segments, allowance: Allowance, calendar: WorkCalendar) -> list[DayUse]:
    """Each civil day from the start to due, or to the last known instant if a pause without end comes before due."""
    return list(_days(segments, allowance, calendar))


def _days(segments: Segments, allowance: Allowance, calendar: WorkCalendar) -> Iterator[DayUse]:
    spans = checked_spans(segments)
    due = due_over(segments, allowance, calendar)
    last_known = spans[-1][1]
    if due is not None:
        end = to_micros(due)
    elif last_known is not None:
        end = last_known
    else:  # pragma: no cover - an open segment is always due
        raise AssertionError
    pauses = pauses_of(spans)
    first = calendar.date_of(from_micros(spans[0][0]))
    last = max(first, calendar.date_of(from_micros(end - 1)))  # midnight ends a day, it begins none
    unit = allowance.unit
    counted = _counted(first, allowance, calendar, pauses, last) if unit.is_civil else set()
    day = first
    while day <= last:
        begin, close = calendar.midnight(day), calendar.midnight(day + civil.ONE_DAY)
        if unit.is_civil:
            # a counted day passes whole; the day of start does not count at all
            windows = civil.windows(day, unit, calendar) if day in counted else ()
            used, is_whole = (civil.DAY if windows else 0), bool(windows)
            running: Spans = windows
        else:
            windows = calendar.instants_of(day) if unit.is_working else ((begin, close),)
            running = _within(windows, [(a, end if b is None else min(b, end)) for a, b in spans])
            used = sum(b - a for a, b in running)
            is_whole = bool(windows) and used == sum(b - a for a, b in windows)
        yield DayUse(
            on=day,
            kind=calendar.kind_of(day),
            name=calendar.name_of(day),
            used=timedelta(microseconds=used),
            intervals=tuple((from_micros(a), from_micros(b)) for a, b in running),
            is_whole=is_whole,
            paused=any(p < min(close, end) and begin < q for p, q in pauses),
            covered=calendar.covers(day),
        )
        day += civil.ONE_DAY


def _counted(first: date, allowance: Allowance, calendar: WorkCalendar, pauses: Spans, last: date) -> set[date]:
    """The counted days of a civil limit, without those to which its last day only moves on."""
    found = civil.due_day(first, allowance, calendar, pauses) if allowance.count else None
    if found is not None:
        last = found[0]
    elif allowance.is_zero:
        return set()
    days: set[date] = set()
    for day, _windows in civil.counted_days(first, allowance.unit, calendar, pauses):
        if day > last:
            break
        days.add(day)
    return days


def _within(windows: Spans, spans: Sequence[tuple[int, int]]) -> Spans:
    parts = ((max(a, p), min(b, q)) for a, b in windows for p, q in spans)
    return tuple((a, b) for a, b in parts if a < b)


def explain(
    segments: Segments,
    allowance: Allowance,
    calendar: WorkCalendar,
    *,
    tz: ZoneInfo | None = None,
    extensions: Sequence[Allowance] = (),
    at: datetime | None = None,
) -> str:
    """One sentence that says how the due time follows from the start: for people who doubt it. In the active language.

    ``allowance`` is all that is granted; ``extensions`` says which parts of it came later. With ``at`` (the present, or
    when the clock stopped) the sentence adds by how much it is overdue then. Instants are shown in ``tz`` (default:
    the calendar's), to the second, and years where they are not all the same.
    """
    return _Sentence(segments, allowance, calendar, tz or calendar.tz, extensions, at).text()


class _Sentence:
    def __init__(
        self,
        segments: Segments,
        allowance: Allowance,
        calendar: WorkCalendar,
        tz: ZoneInfo,
        extensions: Sequence[Allowance],
        at: datetime | None,
    ) -> None:
        self.segments = segments
        self.allowance = allowance
        self.unit = allowance.unit
        self.calendar = calendar
        self.tz = tz
        self.extensions = extensions
        self.at = at
        self.start = segments[0][0].astimezone(tz)
        self.due = due_over(segments, allowance, calendar)
        spans = checked_spans(segments)
        horizon = to_micros(self.due) if self.due is not None else civil.FOREVER
        self.pauses = [pause for pause in pauses_of(spans) if pause[0] < horizon]
        self.first = calendar.date_of(segments[0][0])
        self.days = explain_days(segments, allowance, calendar)
        self.last = self.days[-1].on
        years = {self.start.year, *(self._year(i) for i in (self.due, at) if i is not None)}
        years |= {self._year(from_micros(i)) for pause in self.pauses for i in pause if i != civil.FOREVER}
        # With all in one year it goes without saying; else it is said at the first date and where it changes.
        self.year: int | None = None if len(years) > 1 else self.start.year

    def text(self) -> str:
        words = {
            "start": self._instant(self.start),
            "limit": self._limit(),
            "reckoning": _("，").join([*self._reckoning(), *self._end()]),
            "citation": self._citation(),
        }
        return _("%(start)s起算，限%(limit)s；%(reckoning)s%(citation)s。") % words

    # -- the parts

    def _limit(self) -> str:
        nominal = self.calendar.nominal_day_minutes
        words = self.allowance.describe(nominal)
        notes = []
        if self.unit is Unit.WORK_DAYS:
            notes.append(_("合%(span)s") % {"span": _duration(self.allowance.span)})
        if self.extensions:
            original = self.allowance
            for more in self.extensions:
                original = Allowance(
                    self.unit, minutes=original.minutes - more.minutes, count=original.count - more.count
                )
            notes.append(_("原限%(limit)s") % {"limit": original.describe(nominal)})
            notes += [_("延期%(limit)s") % {"limit": more.describe(nominal)} for more in self.extensions]
        return _("%(limit)s（%(notes)s）") % {"limit": words, "notes": _("，").join(notes)} if notes else words

    def _reckoning(self) -> Iterator[str]:
        if self.unit.is_continuous:
            yield _("昼夜连续计时")
            yield from (self._pause(pause) for pause in self.pauses if pause[1] != civil.FOREVER)
        elif self.unit is Unit.CIVIL_WORK_DAYS:
            yield _("当日不计")
            yield from self._run_days(self.days[1:])
        elif self.unit.is_civil:
            yield _("当日不计")
            yield from self._civil_days()
        else:
            yield from self._run_days(self.days)

    def _run_days(self, days: Sequence[DayUse]) -> Iterator[str]:
        """Days in order, like ones together, each pause after the day on which it begins."""
        pauses = list(self.pauses)
        if self.unit.is_civil:  # one that begins on the day of start
            yield from self._pauses_until(self.first, pauses)
        for key, run in _joined([(key, list(group)) for key, group in groupby(days, key=self._likeness)]):
            yield from self._run(key, run)
            yield from self._pauses_until(run[-1].on, pauses)

    def _likeness(self, day: DayUse) -> tuple[object, ...]:
        begins = any(self.calendar.date_of(from_micros(pause[0])) == day.on for pause in self.pauses)
        if not day.kind.works:
            looks = "inside" if self._is_inside_pause(day.on) else "rest"
            return (looks, day.kind)
        if self.unit.is_civil:
            return ("counted" if day.used else "inside", day.kind, day.on if begins else None)
        if not day.used:
            return ("none", day.on)
        if day.is_whole and day.on != self.first:
            return ("whole", day.kind, day.used, day.on if begins else None)
        return ("part", day.on)

    def _run(self, key: tuple[object, ...], run: list[DayUse]) -> Iterator[str]:
        first, last = run[0], run[-1]
        looks = key[0]
        if looks == "rest":
            yield _RESTS[_rest(run)]() % {"days": self._range(first.on, last.on)}
        elif looks == "weeks":
            count = sum(day.kind.works for day in run)
            words = {"days": self._range(first.on, last.on), "count": count, "span": _duration(first.used)}
            if self.unit.is_civil:
                yield ngettext("%(days)s除周末外计%(count)s日", "%(days)s除周末外计%(count)s日", count) % words
            else:
                yield _("%(days)s除周末外每日计%(span)s（%(count)s日）") % words
        elif looks == "counted":
            yield _counting(_made_up(first, self._range(first.on, last.on)), len(run))
        elif looks == "none":
            if first.on == self.first and not first.paused and self.allowance.minutes:
                yield _("当日已下班不计")
        elif looks == "whole":
            words = {"days": _made_up(first, self._range(first.on, last.on)), "span": _duration(first.used)}
            yield (_("%(days)s每日计%(span)s") if len(run) > 1 else _("%(days)s计%(span)s")) % words
        elif looks == "part":
            day = _("当日") if first.on == self.first else self._range(first.on, first.on)
            words = {"days": _made_up(first, day), "span": _duration(first.used)}
            if first.is_whole:
                yield _("%(days)s计%(span)s") % words
            else:
                times = _("、").join(self._span(a, b) for a, b in first.intervals)
                yield _("%(days)s计%(span)s（%(times)s）") % (words | {"times": times})

    def _civil_days(self) -> Iterator[str]:
        counted = [day for day in self.days if day.used]
        pauses = list(self.pauses)
        if self.unit is Unit.CIVIL_MONTHS:
            target = civil.add_months(self.first, self.allowance.count)
            clamped = target.day != self.first.day
            words = _("无对应日，月末日为%(date)s") if clamped else _("对应日为%(date)s")
            yield words % {"date": self._date(target)}
            for pause in pauses:
                if pause[1] != civil.FOREVER:
                    yield self._pause(pause)
            if self.due is not None and counted and counted[-1].on != target:
                yield _("末日顺延至%(date)s") % {"date": self._date(counted[-1].on)}
        else:
            yield from self._pauses_until(self.first, pauses)
            for _index, group in groupby(enumerate(counted), key=lambda item: item[1].on.toordinal() - item[0]):
                run = [day for _, day in group]
                yield _counting(self._range(run[0].on, run[-1].on), len(run))
                yield from self._pauses_until(run[-1].on + civil.ONE_DAY, pauses)
        if self.due is not None and counted:
            nth = counted[-1]
            if nth.on != self.last:
                is_holiday = nth.kind is DayKind.HOLIDAY
                words = _("末日放假，顺延至%(date)s") if is_holiday else _("末日休息，顺延至%(date)s")
                yield words % {"date": self._date(self.last)}

    def _pauses_until(self, on: date, pauses: list[tuple[int, int]]) -> Iterator[str]:
        while pauses and self.calendar.date_of(from_micros(pauses[0][0])) <= on:
            pause = pauses.pop(0)
            if pause[1] != civil.FOREVER:
                yield self._pause(pause)

    def _pause(self, pause: tuple[int, int]) -> str:
        begin, end = from_micros(pause[0]).astimezone(self.tz), from_micros(pause[1]).astimezone(self.tz)
        first = self._instant(begin)
        last = self._time(end) if begin.date() == end.date() else self._instant(end)
        words = _("%(begin)s至%(end)s暂停") % {"begin": first, "end": last}
        if self.unit.is_civil:
            touched = self._touched(pause)
            if not touched:
                return words + _("（不影响计日）")
            if self.unit is Unit.CIVIL_WORK_DAYS:
                note = ngettext("（占%(count)s个工作日，不计）", "（占%(count)s个工作日，不计）", touched)
            else:
                note = ngettext("（占%(count)s日，不计）", "（占%(count)s日，不计）", touched)
            words += note % {"count": touched}
        elif self.unit.is_working and not self.calendar.worked_between(*pause):
            words += _("（不占工作时间）")
        return words

    def _touched(self, pause: tuple[int, int]) -> int:
        """Counted days that this pause takes, without those that one before it took."""
        before = tuple(other for other in self.pauses if other[0] < pause[0])
        last = self.calendar.date_of(from_micros(pause[1]))
        day, count = self.first, 0
        while day < last:
            day += civil.ONE_DAY
            windows = civil.windows(day, self.unit, self.calendar)
            count += civil.touches((pause,), windows) and not civil.touches(before, windows)
        return count

    def _end(self) -> Iterator[str]:
        if self.due is None:
            stop = self.segments[-1][1]
            assert stop is not None  # an open segment is always due
            yield _("%(at)s起暂停") % {"at": self._instant(stop.astimezone(self.tz))}
            passed = elapsed_over(self.segments, self.unit, self.calendar, stop)
            if self.unit.is_civil:
                count = sum(1 for day in self.days if day.used)
                yield ngettext("已计%(count)s日", "已计%(count)s日", count) % {"count": count}
            else:
                yield _("已计%(span)s") % {"span": _duration(passed)}
                yield _("余%(span)s") % {"span": _duration(self.allowance.span - passed)}
            yield _("恢复后续计")
            return
        yield _("应于%(at)s前完成") % {"at": self._instant(self.due.astimezone(self.tz))}
        if self.at is not None and self.at > self.due:
            late = self._overdue(self.due, self.at)
            yield _("已超时%(span)s") % {"span": late} if late else _("已超时")

    def _overdue(self, due: datetime, at: datetime) -> str:
        if self.unit.is_civil:
            days = (self.calendar.date_of(at) - self.last).days
            return ngettext("%(count)s日", "%(count)s日", days) % {"count": days} if days else ""
        late = elapsed_over([(due, at)], self.unit, self.calendar, at)
        if late < timedelta(seconds=1):
            return ""
        return _duration(late, is_working=self.unit.is_working)

    def _citation(self) -> str:
        if self.unit.is_continuous:
            return ""
        notes = [str(self.calendar.label)] if self.calendar.label else []
        unknown = [day.on for day in self.days if not day.covered]
        to, begin = self.calendar.covers_to, self.calendar.covers_from
        later = [on for on in unknown if to is not None and on > to]
        if later and to is not None:
            whole_year = to.month == 12 and to.day == 31
            goes_on = later[0].year != later[-1].year
            if whole_year:
                since = (_("%(year)s年起") if goes_on else _("%(year)s年")) % {"year": later[0].year}
            else:
                since = (_("%(date)s以后起") if goes_on else _("%(date)s以后")) % {"date": _date(to, with_year=True)}
            # holidays that stand in the law are known before the year's notice says which days are moved
            by = _("法定节日和每周作息") if any(on > to for on in self.calendar.days) else _("每周作息")
            notes.append(_("%(since)s放假调休安排尚未公布，暂按%(by)s推算") % {"since": since, "by": by})
        if any(begin is not None and on < begin for on in unknown):
            notes.append(_("%(year)s年节假日未录入，按每周作息推算") % {"year": unknown[0].year})
        return _("（%(notes)s）") % {"notes": _("；").join(notes)} if notes else ""

    # -- words for dates and times

    def _year(self, instant: datetime) -> int:
        return instant.astimezone(self.tz).year

    def _date(self, on: date) -> str:
        return _date(on, with_year=self._says_year(on))

    def _says_year(self, on: date) -> bool:
        """Whether the year is to be said here; from here on it goes without saying."""
        says, self.year = on.year != self.year, on.year
        return says

    def _range(self, first: date, last: date) -> str:
        if first == last:
            return self._date(first)
        if (first.year, first.month) == (last.year, last.month):
            words = {"month": _(MONTHS[first.month - 1]), "first": first.day, "last": last.day, "year": first.year}
            if self._says_year(first):
                return _("%(year)s年%(month)s%(first)s日至%(last)s日") % words
            return _("%(month)s%(first)s日至%(last)s日") % words
        begin = self._date(first)
        return _("%(first)s至%(last)s") % {"first": begin, "last": self._date(last)}

    def _instant(self, local: datetime) -> str:
        return _("%(date)s%(time)s") % {"date": self._date(local.date()), "time": self._time(local)}

    def _time(self, local: datetime) -> str:
        return f"{local.hour}:{local:%M:%S}" if local.second else f"{local.hour}:{local:%M}"

    def _span(self, start: datetime, end: datetime) -> str:
        begin, stop = start.astimezone(self.tz), end.astimezone(self.tz)
        at_midnight = stop.date() != begin.date() and not (stop.hour or stop.minute or stop.second)
        return f"{self._time(begin)}–{'24:00' if at_midnight else self._time(stop)}"

    def _is_inside_pause(self, on: date) -> bool:
        begin, end = self.calendar.midnight(on), self.calendar.midnight(on + civil.ONE_DAY)
        return any(p <= begin and end <= q for p, q in self.pauses)


Run = tuple[tuple[object, ...], list[DayUse]]


def _joined(runs: Sequence[Run]) -> Iterator[Run]:
    """Like working days parted only by weekends, over two weekends and more, as one run of weeks."""
    index = 0
    while index < len(runs):
        key, run = runs[index]
        end = index
        if key[0] in ("whole", "counted") and key[-1] is None:
            while end + 2 < len(runs) and _is_weekend(runs[end + 1]) and runs[end + 2][0] == key:
                end += 2
        if end - index >= 4:
            yield ("weeks",), [day for _, part in runs[index : end + 1] for day in part]
            index = end + 1
        else:
            yield key, run
            index += 1


def _is_weekend(run: Run) -> bool:
    key, days = run
    return key == ("rest", DayKind.WEEKEND) and _rest(days) == "weekend"


def _rest(run: Sequence[DayUse]) -> str:
    if run[0].kind is DayKind.HOLIDAY:
        return "holiday"
    return "weekend" if all(day.on.weekday() >= SUNDAY - 1 for day in run) else "rest"


_RESTS: Mapping[str, Callable[[], str]] = {
    "holiday": lambda: _("%(days)s放假"),
    "weekend": lambda: _("%(days)s周末"),
    "rest": lambda: _("%(days)s休息"),
}


def _made_up(day: DayUse, days: str) -> str:
    return _("%(days)s调休上班") % {"days": days} if day.kind is DayKind.MAKE_UP else days


def _counting(days: str, count: int) -> str:
    return ngettext("%(days)s计%(count)s日", "%(days)s计%(count)s日", count) % {"days": days, "count": count}


def _date(on: date, *, with_year: bool) -> str:
    words = {"year": on.year, "month": _(MONTHS[on.month - 1]), "day": on.day}
    return (_("%(year)s年%(month)s%(day)s日") if with_year else _("%(month)s%(day)s日")) % words


def _duration(span: timedelta, *, is_working: bool = False) -> str:
    """In hours, minutes and seconds, what is under a second left out: 1时, 59分37秒, 3时0分23秒; or 3工作时."""
    seconds = span // timedelta(seconds=1)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if not hours and not minutes:
        words = _("%(s)s秒")
    elif not hours:
        words = _("%(m)s分%(s)s秒") if seconds else _("%(m)s分")
    elif seconds:
        words = _("%(h)s工作时%(m)s分%(s)s秒") if is_working else _("%(h)s时%(m)s分%(s)s秒")
    elif minutes:
        words = _("%(h)s工作时%(m)s分") if is_working else _("%(h)s时%(m)s分")
    else:
        words = _("%(h)s工作时") if is_working else _("%(h)s时")
    return words % {"h": hours, "m": minutes, "s": seconds}
