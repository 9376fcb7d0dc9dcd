"""When a limit is due, what of it has passed and what is left: the algebra of the clocks.

Instants are aware and come back in UTC, exact to the microsecond. A clock's running time is a sequence of segments
``(start, end)``, in order and not overlapping, of which only the last may be open (``end`` None): between them it is
paused, and after a closed last one too. ValueError for segments that are not so, or an instant without a zone.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

from django.utils.translation import gettext as _

from gridgov.common.business_time import civil
from gridgov.common.business_time.calendars import WorkCalendar, from_micros, to_micros
from gridgov.common.business_time.units import Allowance, Unit

Segment = tuple[datetime, datetime | None]
Segments = Sequence[Segment]
Span = tuple[int, int | None]

MINUTE = 60_000_000


def due_at(start: datetime, allowance: Allowance, calendar: WorkCalendar) -> datetime:
    """The earliest instant at which the allowance has passed since ``start``, with no pause.

    Civil units: the end of business of the last day (see ``civil``). An allowance of nothing is due at ``start``.
    """
    due = due_over([(start, None)], allowance, calendar)
    assert due is not None  # an open segment is always long enough
    return due


def due_over(segments: Segments, allowance: Allowance, calendar: WorkCalendar) -> datetime | None:
    """The earliest instant in the segments at which the allowance has passed; None if the last closes before."""
    spans = checked_spans(segments)
    if allowance.is_zero:
        return from_micros(spans[0][0])
    if allowance.unit.is_civil:
        due = civil.due(_first_day(segments, calendar), allowance, calendar, pauses_of(spans))
    else:
        due = _reach(spans, allowance.unit, calendar, allowance.minutes * MINUTE)
    return None if due is None else from_micros(due)


def elapsed(start: datetime, end: datetime, unit: Unit, calendar: WorkCalendar) -> timedelta:
    """The time of that unit between two instants; of civil units the days counted, as days."""
    return elapsed_over([(start, end)], unit, calendar, end)


def elapsed_over(segments: Segments, unit: Unit, calendar: WorkCalendar, until: datetime) -> timedelta:
    """The time of that unit that ran by ``until``; of civil units the days counted, as days.

    What the segments say after ``until`` does not matter. Civil units can lose a part of a day when it is paused.
    """
    moment = to_micros(until)
    spans = _known(checked_spans(segments), moment)
    if not spans:
        return timedelta()
    if unit.is_civil:
        first = _first_day(segments, calendar)
        return timedelta(microseconds=civil.elapsed(first, unit, calendar, pauses_of(spans), moment))
    passed = (_passed(start, moment if end is None else end, unit, calendar) for start, end in spans)
    return timedelta(microseconds=sum(passed))


def remaining(segments: Segments, allowance: Allowance, calendar: WorkCalendar, at: datetime) -> Allowance:
    """What is left at an instant, up to the next whole minute (civil units: day); nothing if it is overdue.

    Of months what is left is days.
    """
    if allowance.unit.is_civil:
        whole = _civil_whole(segments, allowance, calendar, at)
    else:
        whole = allowance.span
    left = whole - elapsed_over(segments, allowance.unit, calendar, at)
    return Allowance.covering(allowance.unit, max(left, timedelta()))


def ratio_left(segments: Segments, allowance: Allowance, calendar: WorkCalendar, at: datetime) -> float:
    """The share of the allowance that is left at an instant, 1 to 0; 0 from due on."""
    if allowance.unit.is_civil:
        whole = _civil_whole(segments, allowance, calendar, at)
    else:
        whole = allowance.span
    if not whole:
        return 0.0
    left = whole - elapsed_over(segments, allowance.unit, calendar, at)
    return min(1.0, max(0.0, left / whole))


def instant_at_share_left(
    segments: Segments, allowance: Allowance, calendar: WorkCalendar, share: float
) -> datetime | None:
    """The earliest instant in the segments at which only ``share`` (0 to 1) of the allowance is left.

    Share 0 is due, share 1 the start. None if a pause without end comes before it. ValueError outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(_("比例须在 0 与 1 之间"))
    spans = checked_spans(segments)
    if share == 0:
        return due_over(segments, allowance, calendar)
    if share == 1 or allowance.is_zero:
        return from_micros(spans[0][0])
    if allowance.unit.is_civil:
        due = due_over(segments, allowance, calendar)
        if due is None:
            return None
        first, pauses = _first_day(segments, calendar), pauses_of(spans)
        whole = civil.elapsed(first, allowance.unit, calendar, pauses, to_micros(due))
        found = civil.instant(first, allowance.unit, calendar, pauses, round(whole * (1 - share)))
    else:
        found = _reach(spans, allowance.unit, calendar, round(allowance.minutes * MINUTE * (1 - share)))
    return None if found is None else from_micros(found)


def after(due: datetime, minutes: int, unit: Unit, calendar: WorkCalendar) -> datetime:
    """The instant ``minutes`` of the unit's time after ``due``, for steps after due.

    For 个工作日 these are minutes of working time, for 日 and 个月 minutes of any time. ValueError if negative.
    """
    if minutes < 0:
        raise ValueError(_("分钟数不能为负"))
    start = to_micros(due)
    if unit.is_working or unit is Unit.CIVIL_WORK_DAYS:
        return from_micros(calendar.instant_after(start, minutes * MINUTE))
    return from_micros(start + minutes * MINUTE)


def pauses_of(spans: Sequence[Span]) -> civil.Spans:
    """The time between the spans, and after a closed last one for ever."""
    pauses = [(end, start) for (_, end), (start, _) in pairwise(spans) if end is not None and end < start]
    last = spans[-1][1]
    if last is not None:
        pauses.append((last, civil.FOREVER))
    return tuple(pauses)


def checked_spans(segments: Segments) -> list[Span]:
    """The segments as microseconds; ValueError if they are not as the module says."""
    if not segments:
        raise ValueError(_("计时没有起点"))
    spans: list[Span] = []
    for start, end in segments:
        span = (to_micros(start), None if end is None else to_micros(end))
        if spans and (spans[-1][1] is None or spans[-1][1] > span[0]):
            raise ValueError(_("计时段须先后有序且不重叠，只有最后一段可以未结束"))
        if span[1] is not None and span[1] < span[0]:
            raise ValueError(_("计时段的终点早于起点"))
        spans.append(span)
    return spans


def _known(spans: list[Span], moment: int) -> list[Span]:
    """What is known of the spans at a moment: the one that runs then is open."""
    return [(start, None if end is None or end >= moment else end) for start, end in spans if start <= moment]


def _first_day(segments: Segments, calendar: WorkCalendar) -> date:
    return calendar.date_of(segments[0][0])


def _passed(start: int, end: int, unit: Unit, calendar: WorkCalendar) -> int:
    return calendar.worked_between(start, end) if unit.is_working else end - start


def _reach(spans: list[Span], unit: Unit, calendar: WorkCalendar, needed: int) -> int | None:
    if needed <= 0:
        return spans[0][0]
    for start, end in spans:
        if end is not None:
            passed = _passed(start, end, unit, calendar)
            if passed < needed:
                needed -= passed
                continue
        return calendar.instant_after(start, needed) if unit.is_working else start + needed
    return None


def _civil_whole(segments: Segments, allowance: Allowance, calendar: WorkCalendar, at: datetime) -> timedelta:
    """The counted days from start to due as known at ``at``; a clock then paused is taken to go on at once."""
    if allowance.is_zero:
        return timedelta()
    spans = checked_spans(segments)
    moment = to_micros(at)
    known = _known(spans, moment) or [(spans[0][0], None)]
    if known[-1][1] is not None:
        known.append((moment, None))
    pauses = pauses_of(known)
    first = _first_day(segments, calendar)
    due = civil.due(first, allowance, calendar, pauses)
    assert due is not None  # the last span is open
    return timedelta(microseconds=civil.elapsed(first, allowance.unit, calendar, pauses, due))
