"""When people of the played city are at work, and how long they take. Pure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from random import Random
from zoneinfo import ZoneInfo


class Shift(Enum):
    """Hours of a working day and of a rest day (local minutes), and how many of the tasks a rest day's crew takes."""

    DESK = (450, 1290, 450, 1290, 1.0)
    FIELD = (450, 1200, 480, 1170, 1.0)
    DEPARTMENT = (480, 1110, 540, 1020, 0.5)
    CHIEF = (480, 1200, 510, 1140, 1.0)
    ANYTIME = (0, 1440, 0, 1440, 1.0)


@dataclass(frozen=True, slots=True)
class Town:
    """The clock on the wall: zone and working days. ``pace``: what everything takes of its usual time.

    ``is_show``: somebody watches, so that everybody is on duty round the clock.
    """

    zone: ZoneInfo
    works_on: Callable[[date], bool]
    pace: float = 1.0
    is_show: bool = False

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone)

    def on_duty(self, instant: datetime, shift: Shift, rng: Random) -> datetime:
        """``instant``, or soon after the next beginning of the shift where it falls outside."""
        if self.is_show or shift is Shift.ANYTIME:
            return instant
        first, last, rest_first, rest_last, crew = shift.value
        local = self.local(instant)
        rests = rng.random() >= crew
        for ahead in range(15):
            day = local.date() + timedelta(days=ahead)
            works = self.works_on(day)
            begin, end = (first, last) if works else (rest_first, rest_last)
            if rests and not works:
                continue
            opening, closing = self._at(day, begin), self._at(day, end)
            if instant < opening:
                return opening + timedelta(seconds=rng.randint(60, 3_000))
            if instant < closing:
                return instant
        return instant

    def _at(self, day: date, minutes: int) -> datetime:
        return datetime.combine(day, time(minutes // 60, minutes % 60), tzinfo=self.zone)

    def after(self, now: datetime, minutes: float, shift: Shift, rng: Random, *, spread: float = 0.7) -> datetime:
        """Some time from ``now``: ``minutes`` is the median, long waits are rarer than short ones."""
        drawn = minutes * math.exp(rng.gauss(0.0, spread)) * self.pace
        return self.on_duty(now + timedelta(seconds=max(2, round(drawn * 60))), shift, rng)
