"""A number with its unit, and the cases behind it where they are known (pure)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from reporting.history import Ref


class Unit(StrEnum):
    """What a figure is counted in."""

    CASES = "cases"  # 件
    RATIO = "ratio"  # 0 to 1
    WORK_HOURS = "work_hours"  # 工作时


class Number(ABC):
    """What is read off a figure, with its evidence or without: ``unit``, ``count``, ``missed`` and ``total``."""

    __slots__ = ()
    unit: Unit
    total: Fraction

    @property
    @abstractmethod
    def count(self) -> int:
        """How many were counted; of a ratio those that count for it."""

    @property
    @abstractmethod
    def missed(self) -> int:
        """Of a ratio how many count against it."""

    @property
    def denominator(self) -> int:
        return self.count + self.missed

    @property
    def exact(self) -> Fraction | None:
        """The value without rounding; None ("—") where there is nothing to divide by."""
        if self.unit is Unit.CASES:
            return Fraction(self.count)
        if not self.denominator:
            return None
        return (self.total if self.unit is Unit.WORK_HOURS else Fraction(self.count)) / self.denominator

    @property
    def value(self) -> float | None:
        exact = self.exact
        return None if exact is None else float(exact)


@dataclass(frozen=True, slots=True)
class Figure(Number):
    """A value and its evidence. A count has ``hits`` alone; of a ratio ``misses`` are counted and not hits.

    An average has ``total`` over the number of hits.
    """

    unit: Unit
    hits: tuple[Ref, ...]
    misses: tuple[Ref, ...] = ()
    total: Fraction = Fraction(0)

    @property
    def count(self) -> int:
        return len(self.hits)

    @property
    def missed(self) -> int:
        return len(self.misses)

    @property
    def refs(self) -> tuple[Ref, ...]:
        """All the evidence, in the order of case numbers."""
        return tuple(sorted((*self.hits, *self.misses)))

    @property
    def numbers(self) -> list[str]:
        """The cases behind the figure, each once."""
        return sorted({ref.number for ref in self.refs})
