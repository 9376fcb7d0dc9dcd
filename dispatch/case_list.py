"""Cases for lists and maps, in one statement whose SQL is worked out once for each *kind* of question.

To build and compile the query of a list costs the ORM more than PostgreSQL takes to answer it. So what is asked comes
in parts: each says what kind of condition it is (``shape``), its values, and how the condition is made of any values
of that kind. Lists of the same shapes share their SQL (``gridgov.common.prepared``), and only the values change.
"""

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Now

from dispatch.actors import Actor
from dispatch.cases import Hold
from dispatch.selectors import ROW_FIELDS, with_lead
from dispatch.visibility import cases_of, in_areas, named_or_open
from gridgov.common.prepared import PreparedRows
from grids import permissions
from grids.models import LEVEL_NAMES
from grids.spatial import AreaRecord, areas
from incidents.models import Incident

#: So many kinds of lists are kept; more have come from nobody's pages.
KEPT = 512
#: A prepared query tells its values apart by markers, of which there are so many.
MOST_VALUES = 24

Build = Callable[..., QuerySet[Incident]]


@dataclass(frozen=True, slots=True)
class Part:
    """A condition. ``build(cases, *values)`` narrows ``cases`` and looks at none of the values.

    ``shape`` None: it has no fixed SQL, and the whole list is asked the ORM's way.
    """

    shape: Hashable
    values: tuple[Any, ...]
    build: Build


def in_area(record: AreaRecord) -> Part:
    """The cases that lie in the area."""
    column = f"{LEVEL_NAMES[record.level]}_id"
    return Part(("area", column), (record.id,), lambda cases, pk: cases.filter(**{column: pk}))


_CLAIM = ("claim_user", "claim_name", "claim_at", "claim_until", "claim_holds")
_COLUMNS = (*ROW_FIELDS, *_CLAIM)


def scope_of_lists(by: Actor, *, wide: bool = False) -> Part:
    """The cases that ``by`` sees in lists, as ``dispatch.visibility.cases_of`` says it."""
    held: dict[int, list[int]] = {}
    for area_id in permissions.visible_area_ids(by.grants):
        record = areas.find(area_id)
        if record is not None:
            held.setdefault(record.level, []).append(area_id)
    if wide or by.is_system or by.user_id is None or not held:
        return Part(None, (), lambda cases: cases_of(by, wide=wide))
    levels = [(LEVEL_NAMES[level], len(ids)) for level, ids in sorted(held.items())]

    def build(cases: QuerySet[Incident], user_id: int, *ids: int) -> QuerySet[Incident]:
        found, at = Q(), 0
        for name, count in levels:
            found |= in_areas(name, ids[at : at + count])
            at += count
        return cases.filter(found).filter(named_or_open(user_id))

    values = [pk for _level, ids in sorted(held.items()) for pk in sorted(ids)]
    return Part(("scope", *levels), (by.user_id, *values), build)


def rows_of(
    parts: Sequence[Part], order: Hashable, ordered: Callable[[QuerySet[Any]], QuerySet[Any]], limit: int
) -> list[dict[str, Any]]:
    """At most ``limit`` cases that fit all parts, in order: their ROW_FIELDS, and ``hold``, who is at work on each.

    ``order`` names what ``ordered`` does. One statement.
    """
    found = tuples_of(parts, ("rows", order, limit), lambda cases: ordered(_columns(cases))[:limit])
    return [_row(row) for row in found]


def tuples_of(
    parts: Sequence[Part], kind: Hashable, finish: Callable[[QuerySet[Incident]], QuerySet[Any]]
) -> Iterable[tuple[Any, ...]]:
    """What ``finish``, named by ``kind``, makes of the cases that fit all parts: a ``values_list``. One statement."""
    values = [value for part in parts for value in part.values]
    shapes = tuple(part.shape for part in parts)
    if None in shapes or len(values) > MOST_VALUES:
        cases = Incident.objects.all()
        for part in parts:
            cases = part.build(cases, *part.values)
        return finish(cases)
    prepared = _prepared((shapes, kind), parts, finish, values)
    return prepared.rows(**{f"v{n}": value for n, value in enumerate(values)})


def _columns(cases: QuerySet[Incident]) -> QuerySet[Any]:
    holds = Case(
        When(claim__until__gt=Now(), claim__status_at=F("status_at"), then=Value(True)),
        default=Value(False), output_field=BooleanField(),
    )  # fmt: skip
    return (
        with_lead(cases)
        .annotate(
            claim_user=F("claim__claimed_by_id"), claim_name=F("claim__claimed_by__name"),
            claim_at=F("claim__claimed_at"), claim_until=F("claim__until"), claim_holds=holds,
        )
        .values_list(*_COLUMNS)
    )  # fmt: skip


def _row(values: tuple[Any, ...]) -> dict[str, Any]:
    # the claim comes last
    row = dict(zip(ROW_FIELDS, values, strict=False))
    *hold, holds = values[len(ROW_FIELDS) :]
    row["hold"] = Hold(*hold) if holds else None
    return row


_held: dict[Hashable, PreparedRows] = {}
_guard = threading.Lock()


def _prepared(
    key: Hashable, parts: Sequence[Part], finish: Callable[[QuerySet[Incident]], QuerySet[Any]], values: Sequence[Any]
) -> PreparedRows:
    known = _held.get(key)
    if known is not None:
        return known
    steps = [(part.build, len(part.values)) for part in parts]

    def build(**markers: Any) -> QuerySet[Any]:
        given = [markers[f"v{n}"] for n in range(len(values))]
        cases, at = Incident.objects.all(), 0
        for step, count in steps:
            cases = step(cases, *given[at : at + count])
            at += count
        return finish(cases)

    made = PreparedRows(build, planned=False, **{f"v{n}": _kind(value) for n, value in enumerate(values)})
    with _guard:
        if len(_held) >= KEPT:
            _held.clear()
        return _held.setdefault(key, made)


def _kind(value: Any) -> type:
    return next(kind for kind in (datetime, str, float, int) if isinstance(value, kind))
