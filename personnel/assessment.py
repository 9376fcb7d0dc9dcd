"""The score of a month (pure): what a scheme makes of the facts.

Only outcomes are scored: nothing counts how often somebody was seen, signed in or moved, and nobody is
ranked (国办函 2026 年 12 号, 政务移动互联网应用程序规范化管理办法). What has no data says nothing: its weight is shared
out over the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

#: The weights of a scheme add up to this, and so does the highest score.
FULL = 100


@dataclass(frozen=True, slots=True)
class Item:
    """One indicator of a scheme: at ``zero_at`` of its ratio and below it gives nothing, at ``full_at`` its weight.

    Linear between. ``zero_at`` above ``full_at`` is for a ratio that should be small.
    """

    key: str
    weight: Fraction
    zero_at: Fraction = Fraction(0)
    full_at: Fraction = Fraction(1)

    def share(self, ratio: Fraction) -> Fraction:
        """The part of the weight earned, 0 to 1."""
        part = (ratio - self.zero_at) / (self.full_at - self.zero_at)
        return min(Fraction(1), max(Fraction(0), part))


@dataclass(frozen=True, slots=True)
class Scheme:
    """What is scored, and how far a leader's mark may move it (points either way)."""

    items: tuple[Item, ...]
    mark_cap: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if not self.items or len({item.key for item in self.items}) != len(self.items):
            raise ValueError("a scheme has at least one indicator, each once")
        if any(item.weight <= 0 for item in self.items) or sum(item.weight for item in self.items) != FULL:
            raise ValueError(f"weights are above 0 and add up to {FULL}")
        if any(item.zero_at == item.full_at for item in self.items):
            raise ValueError("zero_at and full_at differ")
        if not 0 <= self.mark_cap <= FULL:
            raise ValueError("the cap of a mark is within the score")


@dataclass(frozen=True, slots=True)
class Measured:
    """What was counted of one indicator: ``hits`` of ``total``. Nothing counted: no data."""

    hits: int
    total: int

    @property
    def ratio(self) -> Fraction | None:
        return Fraction(self.hits, self.total) if self.total else None


@dataclass(frozen=True, slots=True)
class Line:
    """One indicator in the score. ``weight``: with its part of what had no data, 0 where it has none itself."""

    key: str
    ratio: Fraction | None
    weight: Fraction
    points: Fraction | None


@dataclass(frozen=True, slots=True)
class Score:
    """Points out of 100 with the lines that add up to them; ``total`` None ("—") where there are no data at all."""

    lines: Sequence[Line]
    total: Fraction | None


NOTHING = Measured(0, 0)


def score(scheme: Scheme, facts: Mapping[str, Measured]) -> Score:
    """What the scheme makes of the facts, exactly. An indicator without facts, or with none counted, has no data."""
    ratios = {item.key: facts.get(item.key, NOTHING).ratio for item in scheme.items}
    counted = sum((item.weight for item in scheme.items if ratios[item.key] is not None), Fraction(0))
    lines = []
    for item in scheme.items:
        ratio = ratios[item.key]
        weight = item.weight * FULL / counted if ratio is not None else Fraction(0)
        lines.append(Line(item.key, ratio, weight, None if ratio is None else weight * item.share(ratio)))
    total = sum((line.points for line in lines if line.points is not None), Fraction(0)) if counted else None
    return Score(tuple(lines), total)


def hundredths(value: Fraction) -> int:
    """The value in hundredths, half a hundredth away from zero: how points are stored, the same everywhere."""
    sign = -1 if value < 0 else 1
    return sign * int(abs(value) * 100 + Fraction(1, 2))


def final(total: int | None, mark: int) -> int | None:
    """The score with a leader's mark, both in hundredths, kept within 0 and 100 points."""
    return None if total is None else min(FULL * 100, max(0, total + mark))
