"""When the city works: weekly hours, seasons, statutory holidays and make-up days, as one immutable value."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from gridgov.common.business_time.units import NOMINAL_DAY_MINUTES

Interval = tuple[int, int]
"""Working time of a day in minutes after local midnight, [from, to), to at most 1440."""
Weekly = Sequence[Sequence[Interval]]
"""Seven lists of intervals, Monday first."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LAST_YEAR = 2400
"""No limit reaches so far: a computation that does has lost its working time."""


class OutsideCalendar(Exception):
    """The calendar has no working time left on the way to the instant asked for."""


class DayKind(StrEnum):
    """What a day is in a calendar."""

    ORDINARY = "ordinary"  # works by the weekly pattern
    MAKE_UP = "make_up"  # works by exception (调休上班)
    WEEKEND = "weekend"  # rests by the weekly pattern
    HOLIDAY = "holiday"  # rests by exception (法定节假日及调休放假)

    @property
    def works(self) -> bool:
        return self in (DayKind.ORDINARY, DayKind.MAKE_UP)


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """An exception. ``intervals`` of a working day; None means the hours of an ordinary working day then."""

    works: bool
    name: str = ""
    intervals: tuple[Interval, ...] | None = None


@dataclass(frozen=True, slots=True)
class Season:
    """Other weekly hours from one (month, day) to another, both inclusive; it may run over New Year."""

    first: tuple[int, int]
    last: tuple[int, int]
    weekly: tuple[tuple[Interval, ...], ...]
    name: str = ""

    def contains(self, on: date) -> bool:
        day = (on.month, on.day)
        if self.first <= self.last:
            return self.first <= day <= self.last
        return day >= self.first or day <= self.last


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970 in UTC. ValueError for an instant without a zone."""
    if instant.tzinfo is None:
        raise ValueError(_("时间缺少时区"))
    return (instant - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def wall_to_micros(on: date, minutes: int, tz: ZoneInfo) -> int:
    """The instant at which local clocks have shown ``minutes`` after midnight of ``on``, non-decreasing in both.

    A wall time that the clocks skip is the instant of the change; one that they show twice is the first.
    """
    wall = datetime.combine(on, time()) + timedelta(minutes=minutes)
    local = wall.replace(tzinfo=tz)
    before = to_micros(local.astimezone(UTC))
    if from_micros(before).astimezone(tz).replace(tzinfo=None) == wall:
        return before
    low, high = to_micros(local.replace(fold=1).astimezone(UTC)), before
    offset = local.utcoffset()
    while high - low > 1:  # the clocks change at one instant between the two readings
        middle = (low + high) // 2
        if from_micros(middle).astimezone(tz).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


def _checked(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    done: list[Interval] = []
    for first, last in intervals:
        if not 0 <= first < last <= 1440 or (done and first < done[-1][1]):
            raise ValueError(_("工作时段须在一日之内、先后有序且不重叠"))
        done.append((first, last))
    return tuple(done)


def _checked_week(weekly: Weekly) -> tuple[tuple[Interval, ...], ...]:
    if len(weekly) != 7:
        raise ValueError(_("每周作息须有七天"))
    return tuple(_checked(day) for day in weekly)


@dataclass(frozen=True, slots=True)
class _Track:
    """Working intervals of the years ``first`` to ``last`` as instants, with running sums, all microseconds."""

    first: int
    last: int
    begins: int
    ends: int
    starts: tuple[int, ...]
    stops: tuple[int, ...]
    before: tuple[int, ...]
    """Working time up to the start of each interval."""
    through: tuple[int, ...]
    """Working time up to the end of each interval."""

    def worked(self, at: int) -> int:
        """Working time from the beginning of the track to ``at``."""
        index = bisect_right(self.starts, at) - 1
        if index < 0:
            return 0
        return self.before[index] + min(at, self.stops[index]) - self.starts[index]

    def instant(self, worked: int) -> int | None:
        """The earliest instant by which ``worked`` has passed, None if the track ends before."""
        index = bisect_left(self.through, worked)
        if index == len(self.through):
            return None
        return self.starts[index] + worked - self.before[index]


@dataclass(frozen=True, eq=False)
class WorkCalendar:
    """A version of a calendar. Wall times are in ``tz``.

    From ``covers_from`` to ``covers_to`` (inclusive, None: without end) the statutory holidays are known; outside,
    the weekly pattern and the seasons alone count, and ``explain`` says so.
    ValueError if the hours are not in order or the week has no working time.
    """

    tz: ZoneInfo
    weekly: Weekly
    seasons: Sequence[Season] = ()
    days: Mapping[date, SpecialDay] = field(default_factory=dict)
    nominal_day_minutes: int = NOMINAL_DAY_MINUTES
    label: str | Promise = ""
    covers_from: date | None = None
    covers_to: date | None = None
    _tracks: dict[str, _Track] = field(default_factory=dict, init=False, repr=False)
    _hours: dict[date, tuple[Interval, ...]] = field(default_factory=dict, init=False, repr=False)
    _midnights: dict[date, int] = field(default_factory=dict, init=False, repr=False)
    _instants: dict[date, tuple[tuple[int, int], ...]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        weekly = _checked_week(self.weekly)
        if not any(weekly):
            raise ValueError(_("每周作息没有工作时间"))
        if self.nominal_day_minutes <= 0:
            raise ValueError(_("每工作日折合分钟须为正数"))
        object.__setattr__(self, "weekly", weekly)
        seasons = tuple(Season(s.first, s.last, _checked_week(s.weekly), s.name) for s in self.seasons)
        object.__setattr__(self, "seasons", seasons)
        for special in self.days.values():
            _checked(special.intervals or ())

    def covers(self, on: date) -> bool:
        """Whether the statutory holidays of that day are known."""
        return (self.covers_from is None or self.covers_from <= on) and (self.covers_to is None or on <= self.covers_to)

    def week_of(self, on: date) -> Weekly:
        """The weekly pattern in force on that day."""
        for season in self.seasons:
            if season.contains(on):
                return season.weekly
        return self.weekly

    def hours_of(self, on: date) -> tuple[Interval, ...]:
        """The working intervals of that day in minutes after local midnight; empty if it rests."""
        hours = self._hours.get(on)
        if hours is None:
            hours = self._hours[on] = self._find_hours(on)
        return hours

    def _find_hours(self, on: date) -> tuple[Interval, ...]:
        week = self.week_of(on)
        special = self.days.get(on)
        if special is None:
            return tuple(week[on.weekday()])
        if not special.works:
            return ()
        if special.intervals is not None:
            return special.intervals
        # a make-up Saturday has the hours of the season's first working weekday
        return tuple(week[on.weekday()]) or next((tuple(day) for day in week if day), ())

    def kind_of(self, on: date) -> DayKind:
        special = self.days.get(on)
        if special is not None:
            return DayKind.MAKE_UP if special.works else DayKind.HOLIDAY
        return DayKind.ORDINARY if self.hours_of(on) else DayKind.WEEKEND

    def name_of(self, on: date) -> str:
        """The name of a special day, else empty."""
        special = self.days.get(on)
        return special.name if special else ""

    def works_on(self, on: date) -> bool:
        """Whether the day has any working time."""
        return bool(self.hours_of(on))

    def works_at(self, instant: datetime) -> bool:
        """Whether the instant lies in working time (an interval's end does not)."""
        at = to_micros(instant)
        return any(first <= at < last for first, last in self.instants_of(self.date_of(instant)))

    def date_of(self, instant: datetime) -> date:
        """The civil date of an instant."""
        return instant.astimezone(self.tz).date()

    def midnight(self, on: date) -> int:
        """The beginning of a civil day, in microseconds since 1970."""
        found = self._midnights.get(on)
        if found is None:
            found = self._midnights[on] = wall_to_micros(on, 0, self.tz)
        return found

    def instants_of(self, on: date) -> tuple[tuple[int, int], ...]:
        """The working intervals of a day as instants in microseconds since 1970."""
        found = self._instants.get(on)
        if found is None:
            walls = ((wall_to_micros(on, a, self.tz), wall_to_micros(on, b, self.tz)) for a, b in self.hours_of(on))
            found = self._instants[on] = tuple((a, b) for a, b in walls if a < b)
        return found

    def worked_between(self, start: int, end: int) -> int:
        """Working microseconds from ``start`` to ``end`` (not before it)."""
        track = self._track(start, end)
        return track.worked(end) - track.worked(start)

    def instant_after(self, start: int, worked: int) -> int:
        """The earliest instant from ``start`` on with ``worked`` microseconds of working time between.

        OutsideCalendar if there is none before the year 2400.
        """
        if worked <= 0:
            return start
        track = self._track(start, start)
        while True:
            found = track.instant(track.worked(start) + worked)
            if found is not None:
                return found
            if track.last >= LAST_YEAR:
                words = _("%(calendar)s在%(year)s年之前没有足够的工作时间")
                raise OutsideCalendar(words % {"calendar": self.label, "year": LAST_YEAR})
            track = self._grown(track.first, min(LAST_YEAR, track.last + max(2, track.last - track.first)))

    def _track(self, start: int, end: int) -> _Track:
        track = self._tracks.get("")
        if track is not None and track.begins <= start and end < track.ends:
            return track
        first, last = from_micros(start).year - 1, from_micros(end).year + 1
        if track is not None:
            first, last = min(first, track.first), max(last, track.last)
        return self._grown(first, last)

    def _grown(self, first: int, last: int) -> _Track:
        # A track is never changed, only replaced: threads may use an older one meanwhile.
        starts: list[int] = []
        stops: list[int] = []
        before: list[int] = []
        through: list[int] = []
        total = 0
        day, end = date(first, 1, 1), date(last + 1, 1, 1)
        while day < end:
            for begin, stop in self.instants_of(day):
                starts.append(begin)
                stops.append(stop)
                before.append(total)
                total += stop - begin
                through.append(total)
            day += timedelta(days=1)
        track = _Track(
            first, last, self.midnight(date(first, 1, 1)), self.midnight(end),
            tuple(starts), tuple(stops), tuple(before), tuple(through),
        )  # fmt: skip
        self._tracks[""] = track
        return track
