"""The catalogue in the process: categories, filing standards, ladders and limits, read without a statement.

It is at most a second old. ``incidents.catalogue_services`` is its only writer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gridgov.common.business_time import Allowance, Unit
from gridgov.common.reference import Reference
from incidents.models import Category, ClockKind, FilingStandard, Ladder, LadderStep, Limit

#: The name under which changes of the catalogue are announced to every process.
CATALOGUE = "catalogue"


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step of a ladder: at a share of the allowance left, at due, or minutes (of the unit's time) after due."""

    key: str
    anchor: str
    share: float | None = None
    minutes: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {"key": self.key, "anchor": self.anchor, "share": self.share, "minutes": self.minutes}


@dataclass(frozen=True, slots=True)
class LimitSpec:
    """How long one clock may take, or one milestone of it. ``minutes`` or, for civil units, ``count``."""

    id: int
    clock: str
    key: str
    label: str
    unit: Unit
    minutes: int
    count: int
    calendar: str
    evidence: str
    ladder: str
    steps: tuple[StepSpec, ...]
    version: int
    certainty: str
    source: str

    @property
    def allowance(self) -> Allowance:
        return Allowance(self.unit, minutes=self.minutes, count=self.count)

    def as_json(self) -> dict[str, Any]:
        """As it is frozen into the policy of a clock."""
        return {
            "id": self.id,
            "key": self.key,
            "label": self.label,
            "unit": self.unit.value,
            "minutes": self.minutes or None,
            "count": self.count or None,
            "calendar": self.calendar,
            "evidence": self.evidence,
            "ladder": self.ladder,
            "steps": [step.as_json() for step in self.steps],
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class CategorySpec:
    """A 大类 (no parent) or 小类."""

    id: int
    code: str
    name: str
    kind: str
    parent_id: int | None
    is_answerable: bool
    is_must_report: bool
    is_confidential: bool
    is_urgent: bool
    holder_level: int
    duplicate_radius_m: int
    duplicate_hours: int
    is_active: bool

    @property
    def is_reportable(self) -> bool:
        """What is reported is an active 小类."""
        return self.parent_id is not None and self.is_active


@dataclass(frozen=True, slots=True)
class StandardSpec:
    """A 立案条件 of a 小类."""

    id: int
    category_id: int
    code: str
    condition: str
    closing_condition: str
    before_photo_count: int
    after_photo_count: int
    verification_photo_count: int
    system_steps: tuple[str, ...]
    evaluate_days: int
    reopen_days: int
    law: str
    certainty: str
    source: str
    version: int
    is_active: bool


_CATEGORY_FIELDS = tuple(CategorySpec.__slots__)
_STANDARD_FIELDS = tuple(StandardSpec.__slots__)


class Catalogue:
    """All categories, standards, ladders and live limits as of one moment; nothing in it changes."""

    def __init__(
        self,
        categories: Iterable[CategorySpec],
        standards: Iterable[StandardSpec],
        ladders: Mapping[str, tuple[StepSpec, ...]],
        limits: Mapping[tuple[str, str, int | None], tuple[LimitSpec, ...]],
    ) -> None:
        """``limits``: by (scope, clock, id), scope ``standard``, ``category`` or ``default``."""
        self._categories = {category.id: category for category in categories}
        self._category_codes = {category.code: category for category in self._categories.values()}
        self._standards = {standard.id: standard for standard in standards}
        self._standard_codes = {standard.code: standard for standard in self._standards.values()}
        self._by_category: dict[int, list[StandardSpec]] = {}
        for standard in sorted(self._standards.values(), key=lambda s: s.code):
            if standard.is_active:
                self._by_category.setdefault(standard.category_id, []).append(standard)
        self.ladders = ladders
        self._limits = limits

    def category(self, category_id: int | None) -> CategorySpec | None:
        """The category, inactive ones too, or None."""
        return self._categories.get(category_id) if category_id is not None else None

    def category_by_code(self, code: str) -> CategorySpec | None:
        """The category with that code, inactive ones too, or None."""
        return self._category_codes.get(code)

    def category_of_component(self, type_code: str) -> CategorySpec | None:
        """The 小类 that a component of the type is reported under: of the type's code, or of that after a C."""
        for code in (type_code, f"C{type_code}"):
            found = self._category_codes.get(code)
            if found is not None and found.is_reportable:
                return found
        return None

    def categories(self, parent_id: int | None = None) -> list[CategorySpec]:
        """The active 大类, or the active 小类 of one, by code."""
        found = [c for c in self._categories.values() if c.parent_id == parent_id and c.is_active]
        return sorted(found, key=lambda category: category.code)

    def category_name(self, category_id: int | None) -> str:
        """大类／小类, empty where unknown."""
        category = self.category(category_id)
        if category is None:
            return ""
        parent = self.category(category.parent_id)
        return f"{parent.name}／{category.name}" if parent else category.name

    def standard(self, standard_id: int | None) -> StandardSpec | None:
        """The standard, inactive ones too, or None."""
        return self._standards.get(standard_id) if standard_id is not None else None

    def standard_by_code(self, code: str) -> StandardSpec | None:
        """The standard with that code, inactive ones too, or None."""
        return self._standard_codes.get(code)

    def standards_of(self, category_id: int) -> tuple[StandardSpec, ...]:
        """The active standards of a 小类, by code."""
        return tuple(self._by_category.get(category_id, ()))

    def system_standard(self, category_id: int) -> StandardSpec | None:
        """Under which the system files a case of an urgent 小类 without a click: its first with system steps."""
        category = self.category(category_id)
        if category is None or not category.is_urgent:
            return None
        return next((s for s in self.standards_of(category_id) if "file" in s.system_steps), None)

    def limit_for(self, clock: str, category_id: int | None, standard_id: int | None) -> tuple[LimitSpec, ...]:
        """The limits of a clock: the standard's, else the 小类's, else its 大类's, else the default.

        Several are milestones in order, the last one stops the clock; none means that the clock has no limit.
        """
        category = self.category(category_id)
        for scope, key in (
            ("standard", standard_id),
            ("category", category_id),
            ("category", category.parent_id if category else None),
            ("default", None),
        ):
            found = self._limits.get((scope, clock, key)) if key is not None or scope == "default" else None
            if found:
                return found
        return ()

    def own_limits(self, scope: str, key: int | None) -> tuple[LimitSpec, ...]:
        """The limits given for exactly that standard, category or (None) by default, in the clocks' order."""
        return tuple(limit for clock in ClockKind.values for limit in self._limits.get((scope, clock, key), ()))


def _load() -> Catalogue:
    ladders: dict[int, list[StepSpec]] = {}
    for ladder_id, *step in LadderStep.objects.order_by("ladder", "id").values_list(
        "ladder", "key", "anchor", "share_left_ratio", "after_minutes"
    ):
        ladders.setdefault(ladder_id, []).append(StepSpec(*step))
    codes = dict(Ladder.objects.values_list("id", "code"))
    limits: dict[tuple[str, str, int | None], list[LimitSpec]] = {}
    for row in Limit.objects.filter(superseded_at__isnull=True).order_by("order", "id"):
        scope, key = _scope(row)
        limits.setdefault((scope, row.clock, key), []).append(
            LimitSpec(
                id=row.pk,
                clock=row.clock,
                key=row.milestone,
                label=row.label,
                unit=Unit(row.unit),
                minutes=row.minutes or 0,
                count=row.count or 0,
                calendar=row.calendar,
                evidence=row.evidence,
                ladder=codes.get(row.ladder_id, ""),
                steps=tuple(ladders.get(row.ladder_id, ())),
                version=row.version,
                certainty=row.certainty,
                source=row.source,
            )
        )
    standards = FilingStandard.objects.values(*_STANDARD_FIELDS)
    return Catalogue(
        (CategorySpec(**row) for row in Category.objects.values(*_CATEGORY_FIELDS)),
        (StandardSpec(**(row | {"system_steps": tuple(row["system_steps"])})) for row in standards),
        {codes[ladder_id]: tuple(steps) for ladder_id, steps in ladders.items()},
        {key: tuple(found) for key, found in limits.items()},
    )


def _scope(row: Limit) -> tuple[str, int | None]:
    if row.standard_id is not None:
        return "standard", row.standard_id
    return ("category", row.category_id) if row.category_id is not None else ("default", None)


_catalogue: Reference[Catalogue] = Reference(CATALOGUE, _load)


def catalogue() -> Catalogue:
    """The catalogue as of at most a second ago. Several answers that must agree: take it once and ask that."""
    return _catalogue.get()


def limit_for(clock: str, category_id: int | None, standard_id: int | None) -> tuple[LimitSpec, ...]:
    """:meth:`Catalogue.limit_for` of the current catalogue."""
    return catalogue().limit_for(clock, category_id, standard_id)
