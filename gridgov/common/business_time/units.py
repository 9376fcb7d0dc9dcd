"""The units in which a limit is counted, and an amount of one of them."""

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

NOMINAL_DAY_MINUTES = 480
"""One working day in minutes of working time, unless a calendar says otherwise (8 工作时)."""


class Unit(StrEnum):
    """How time passes for a limit. The Chinese names are those of the filing standards (GB/T 30428.8).

    Invertible units are measured: ``elapsed(start, due_at(start, a)) == a``. Civil units are counted by the day
    (民法典 art. 200 to 204) and have their own worked examples.
    """

    URGENT = "urgent"
    NATURAL = "natural"
    WORK_HOURS = "work_hours"
    WORK_DAYS = "work_days"
    CIVIL_WORK_DAYS = "civil_work_days"
    CIVIL_DAYS = "civil_days"
    CIVIL_MONTHS = "civil_months"

    @property
    def label(self) -> str:
        """The name in the active language."""
        return _(_NAMES_OF_STANDARDS[self])

    @property
    def standard_name(self) -> str:
        """The Chinese name, as the standards, files and :meth:`parse` know it."""
        return _NAMES_OF_STANDARDS[self]

    @property
    def is_continuous(self) -> bool:
        """It runs at all hours."""
        return self in (Unit.URGENT, Unit.NATURAL)

    @property
    def is_working(self) -> bool:
        """It runs inside the calendar's intervals."""
        return self in (Unit.WORK_HOURS, Unit.WORK_DAYS)

    @property
    def is_civil(self) -> bool:
        """It is counted in whole days or months."""
        return self in (Unit.CIVIL_WORK_DAYS, Unit.CIVIL_DAYS, Unit.CIVIL_MONTHS)

    @classmethod
    def parse(cls, text: "str | Unit") -> "Unit":
        """The unit of a code (``work_hours``) or a Chinese name (工作时). ValueError if there is none such."""
        word = str(text).strip()
        found = _NAMES.get(word)
        if found is None:
            raise ValueError(_("未知的时限单位：%(text)s") % {"text": word})
        return found


_NAMES_OF_STANDARDS = {
    Unit.URGENT: gettext_noop("紧急工作时"),
    Unit.NATURAL: gettext_noop("自然日"),
    Unit.WORK_HOURS: gettext_noop("工作时"),
    Unit.WORK_DAYS: gettext_noop("工作日"),
    Unit.CIVIL_WORK_DAYS: gettext_noop("个工作日"),
    Unit.CIVIL_DAYS: gettext_noop("日"),
    Unit.CIVIL_MONTHS: gettext_noop("个月"),
}
_NAMES = (
    {unit.value: unit for unit in Unit}
    | {label: unit for unit, label in _NAMES_OF_STANDARDS.items()}
    | {"紧急工作日": Unit.NATURAL, "月": Unit.CIVIL_MONTHS}
)
_AMOUNT = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<measure>[a-z]*|分钟?|小?时|日|天)")
_MEASURES = {
    "m": 1, "min": 1, "minutes": 1, "分": 1, "分钟": 1,
    "h": 60, "hours": 60, "时": 60, "小时": 60,
}  # fmt: skip


def _number(value: Decimal | float) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much time a limit gives: ``minutes`` of an invertible unit's time, or ``count`` of a civil unit.

    A working day became minutes when the allowance was built. ValueError for the wrong pair or a negative amount.
    """

    unit: Unit
    minutes: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.unit, Unit):
            object.__setattr__(self, "unit", Unit.parse(self.unit))
        if self.minutes < 0 or self.count < 0:
            raise ValueError(_("时限不能为负"))
        if self.unit.is_civil and self.minutes:
            raise ValueError(_("“%(unit)s”按个数计，不按分钟计") % {"unit": self.unit.label})
        if not self.unit.is_civil and self.count:
            raise ValueError(_("“%(unit)s”按分钟计，不按个数计") % {"unit": self.unit.label})

    @classmethod
    def parse(
        cls, value: str | int | float | Decimal, unit: str | Unit, *, nominal_day_minutes: int = NOMINAL_DAY_MINUTES
    ) -> "Allowance":
        """``value`` in the unit's own measure: hours for urgent and work_hours, days or months for the others.

        A string may say minutes or hours instead (``"30m"``, ``"30分钟"``, ``"1.5h"``), but not for civil units.
        ValueError if it is no number, is not whole minutes, or not a whole count of a civil unit.
        """
        kind = Unit.parse(unit)
        match = _AMOUNT.fullmatch(str(value).strip().lower())
        if match is None:
            raise ValueError(_("看不懂的时限：%(text)s") % {"text": value})
        try:
            number = Decimal(match["number"])
        except InvalidOperation as error:  # pragma: no cover - the pattern lets only numbers through
            raise ValueError(_("看不懂的时限：%(text)s") % {"text": value}) from error
        measure = match["measure"]
        if kind.is_civil:
            if measure not in ("", "日", "天", "d") or number % 1:
                raise ValueError(_("“%(unit)s”只能是整数：%(text)s") % {"unit": kind.label, "text": value})
            return cls(kind, count=int(number))
        day = 1440 if kind is Unit.NATURAL else nominal_day_minutes
        if measure in ("d", "日", "天"):
            factor = day
        elif measure:
            if measure not in _MEASURES:
                raise ValueError(_("看不懂的时限：%(text)s") % {"text": value})
            factor = _MEASURES[measure]
        else:
            factor = 60 if kind in (Unit.URGENT, Unit.WORK_HOURS) else day
        minutes = number * factor
        if minutes % 1:
            raise ValueError(_("时限须为整分钟：%(text)s") % {"text": value})
        return cls(kind, minutes=int(minutes))

    @classmethod
    def covering(cls, unit: Unit, span: timedelta) -> "Allowance":
        """The least allowance of whole minutes (civil units: whole days) that is not under ``span``."""
        if unit.is_civil:
            day_unit = Unit.CIVIL_DAYS if unit is Unit.CIVIL_MONTHS else unit
            return cls(day_unit, count=math.ceil(span / timedelta(days=1)))
        return cls(unit, minutes=-(-span // timedelta(minutes=1)))

    @property
    def span(self) -> timedelta:
        """The time of the unit that passes until due (invertible units only)."""
        if self.unit.is_civil:
            raise ValueError(_("“%(unit)s”没有固定的时长") % {"unit": self.unit.label})
        return timedelta(minutes=self.minutes)

    @property
    def is_zero(self) -> bool:
        return not self.minutes and not self.count

    def describe(self, nominal_day_minutes: int = NOMINAL_DAY_MINUTES) -> str:
        """In the active language: 2紧急工作时, 30分钟, 5工作日, 3个月."""
        minutes, unit = self.minutes, self.unit
        if unit.is_civil:
            return _amount(unit, Decimal(self.count))
        if unit is Unit.NATURAL and minutes % 720 == 0:
            return _amount(unit, Decimal(minutes) / 1440)
        if unit is Unit.WORK_DAYS and minutes % nominal_day_minutes in (0, nominal_day_minutes / 2):
            return _amount(unit, Decimal(minutes) / nominal_day_minutes)
        # not a number of half days: natural days are said in hours, which pass at all times as well
        return _hours(minutes, Unit.WORK_HOURS if unit.is_working else unit)


def _amount(unit: Unit, amount: Decimal) -> str:
    """So many of the unit; natural days, which are no hours, as days."""
    many = 1 if amount == 1 else 2
    words = {
        Unit.URGENT: ngettext("%(n)s紧急工作时", "%(n)s紧急工作时", many),
        Unit.NATURAL: ngettext("%(n)s自然日", "%(n)s自然日", many),
        Unit.WORK_HOURS: ngettext("%(n)s工作时", "%(n)s工作时", many),
        Unit.WORK_DAYS: ngettext("%(n)s工作日", "%(n)s工作日", many),
        Unit.CIVIL_WORK_DAYS: ngettext("%(n)s个工作日", "%(n)s个工作日", many),
        Unit.CIVIL_DAYS: ngettext("%(n)s日", "%(n)s日", many),
        Unit.CIVIL_MONTHS: ngettext("%(n)s个月", "%(n)s个月", many),
    }
    return words[unit] % {"n": _number(amount)}


def _hours(minutes: int, unit: Unit) -> str:
    if minutes < 60:
        if unit is Unit.WORK_HOURS:
            return ngettext("%(n)s工作分钟", "%(n)s工作分钟", minutes) % {"n": minutes}
        return ngettext("%(n)s分钟", "%(n)s分钟", minutes) % {"n": minutes}
    if minutes % 30 == 0:
        amount = Decimal(minutes) / 60
        if unit is Unit.NATURAL:
            return ngettext("%(n)s小时", "%(n)s小时", 1 if amount == 1 else 2) % {"n": _number(amount)}
        return _amount(unit, amount)
    words = {
        Unit.URGENT: _("%(h)s紧急工作时%(m)s分"),
        Unit.NATURAL: _("%(h)s小时%(m)s分"),
        Unit.WORK_HOURS: _("%(h)s工作时%(m)s分"),
    }
    return words[unit] % {"h": minutes // 60, "m": minutes % 60}


def extend(allowance: Allowance, more: Allowance) -> Allowance:
    """``allowance`` with ``more`` granted on top, in the unit of ``allowance``.

    Working units add up with each other, continuous ones too, civil ones only with their own.
    ValueError otherwise.
    """
    first, second = allowance.unit, more.unit
    if first.is_civil and first is second:
        return Allowance(first, count=allowance.count + more.count)
    if (first.is_working and second.is_working) or (first.is_continuous and second.is_continuous):
        return Allowance(first, minutes=allowance.minutes + more.minutes)
    raise ValueError(_("“%(second)s”不能加到“%(first)s”上") % {"second": second.label, "first": first.label})


def share_of(allowance: Allowance, share: float) -> Allowance:
    """The least allowance of whole minutes (civil: days; a month taken as 30) not under ``share`` of it."""
    if not 0 <= share <= 1:
        raise ValueError(_("比例须在 0 与 1 之间"))
    if allowance.unit is Unit.CIVIL_MONTHS:
        return Allowance(Unit.CIVIL_DAYS, count=math.ceil(round(allowance.count * 30 * share, 6)))
    if allowance.unit.is_civil:
        return Allowance(allowance.unit, count=math.ceil(round(allowance.count * share, 6)))
    return Allowance(allowance.unit, minutes=math.ceil(round(allowance.minutes * share, 6)))
