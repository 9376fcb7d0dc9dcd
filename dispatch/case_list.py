"""Cases for lists and maps, in one statement whose SQL is worked out once for each *kind* of question.

To build and compile the query of a list costs the ORM more than PostgreSQL takes to answer it. So what is asked comes
in parts: each says what kind of condition it is (``shape``), its values, and how the condition is made of any values
of that kind. Lists of the same shapes share their SQL (``gridgov.common.prepared``), and only the values change.
"""

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now

from dispatch.actors import Actor
from dispatch.cases import Hold
from dispatch.models import Ticket
from dispatch.selectors import ROW_FIELDS, with_lead
from dispatch.visibility import cases_of, in_areas, named_or_open
from gridgov.common.prepared import PreparedRows
from grids import permissions
from grids.models import LEVEL_NAMES, Level
from grids.spatial import AreaRecord, areas
from incidents.models import Incident

#: So many kinds of lists are kept; more have come from nobody's pages.
KEPT = 512
#: A prepared query tells its values apart by markers, of which there are so many.
MOST_VALUES = 24
#: The order of a list in which the newest case comes first.
NEWEST = "newest"
#: A condition of more alternatives is walked through.
MOST_BRANCHES = 16

Build = Callable[..., QuerySet[Incident]]


@dataclass(frozen=True, slots=True)
class Part:
    """A condition. ``build(cases, *values)`` narrows ``cases`` and looks at none of the values.

    ``shape`` None: it has no fixed SQL, and the whole list is asked the ORM's way.

    ``either``: the same said as conditions of which a case fits at least one, each served by an index, newest first:
    then the newest of each are looked up by themselves (:func:`_newest_of_each`). ``few``: so few cases fit that they
    can be walked through; ``indexed_in_areas``: ``either`` has indexes within each area, too.
    """

    shape: Hashable
    values: tuple[Any, ...]
    build: Build
    either: tuple["Part", ...] = ()
    few: bool = False
    indexed_in_areas: bool = False


def in_area(record: AreaRecord) -> Part:
    """The cases that lie in the area."""
    column = f"{LEVEL_NAMES[record.level]}_id"
    few = record.level >= Level.STREET
    return Part(("area", column), (record.id,), lambda cases, pk: cases.filter(**{column: pk}), few=few)


def one_of(column: str, values: Sequence[Any], *, indexed_in_areas: bool = False) -> Part:
    """The cases that have one of the values in that column."""
    if len(values) == 1:
        return Part((column, 1), tuple(values), lambda cases, value: cases.filter(**{column: value}))

    def build(cases: QuerySet[Incident], *given: Any) -> QuerySet[Incident]:
        return cases.filter(**{f"{column}__in": list(given)})

    either = tuple(one_of(column, [value]) for value in values)
    return Part((column, len(values)), tuple(values), build, either, indexed_in_areas=indexed_in_areas)


def handled_by(department_ids: Iterable[int]) -> Part:
    """The cases with a live ticket of one of the departments."""
    ids = tuple(sorted(department_ids))

    def build(cases: QuerySet[Incident], *given: int) -> QuerySet[Incident]:
        live = Ticket.objects.filter(incident=OuterRef("pk"), state__in=Ticket.LIVE, department__in=list(given))
        return cases.filter(Exists(live))

    return Part(("handled", len(ids)), ids, build, tuple(_with_ticket("department", pk, live=True) for pk in ids))


def own(by: Actor) -> Part:
    """The cases that are ``by``'s own: to check, to verify, on a live ticket of his, or reported by him."""
    return _own(by, live=True)


def _own(by: Actor, *, live: bool) -> Part:
    if by.user_id is None:
        return Part(None, (), lambda cases: cases.none())
    either = [one_of(f"{person}_id", [by.user_id]) for person in ("reported_by", "checker", "verifier")]
    either += [_with_ticket("department", pk, live=live) for pk in sorted(by.department_ids)]
    if by.worker_id is not None:
        either.append(_with_ticket("worker", by.worker_id, live=live))

    def build(cases: QuerySet[Incident], *given: int) -> QuerySet[Incident]:
        # as one set of ids: of conditions joined by "or" no index can be used, and all cases were walked through
        ids = [
            part.build(Incident.objects.order_by(), pk).order_by().values("pk")
            for part, pk in zip(either, given, strict=True)
        ]
        return cases.filter(pk__in=ids[0].union(*ids[1:]))

    values = tuple(value for part in either for value in part.values)
    return Part(("own", *(part.shape for part in either)), values, build, tuple(either))


def _with_ticket(handler: str, pk: int, *, live: bool) -> Part:
    conditions = {"tickets__state__in": Ticket.LIVE} if live else {}

    def build(cases: QuerySet[Incident], value: int) -> QuerySet[Incident]:
        # a join, for which the tickets' index gives the cases in order; a case may have two tickets of one handler
        return cases.filter(**{f"tickets__{handler}_id": value, **conditions}).distinct()

    return Part(("ticket", handler, live), (pk,), build)


_CLAIM = ("claim_user", "claim_name", "claim_at", "claim_until", "claim_holds")
_COLUMNS = (*ROW_FIELDS, *_CLAIM)


def scope_of_lists(by: Actor) -> Part:
    """The cases that ``by`` sees in lists, as ``dispatch.visibility.cases_of`` says it."""
    held: dict[int, list[int]] = {}
    for area_id in permissions.visible_area_ids(by.grants):
        record = areas.find(area_id)
        if record is not None:
            held.setdefault(record.level, []).append(area_id)
    if by.is_system or by.user_id is None:
        return Part(None, (), lambda cases: cases_of(by))
    if not held:
        concerned, open_to = _own(by, live=False), not_secret(by)
        either = tuple(_both(part, open_to) for part in concerned.either)
        return replace(_both(concerned, open_to), either=either)
    levels = [(LEVEL_NAMES[level], len(ids)) for level, ids in sorted(held.items())]

    def build(cases: QuerySet[Incident], user_id: int, *ids: int) -> QuerySet[Incident]:
        found, at = Q(), 0
        for name, count in levels:
            found |= in_areas(name, ids[at : at + count])
            at += count
        return cases.filter(found).filter(named_or_open(user_id))

    values = [pk for _level, ids in sorted(held.items()) for pk in sorted(ids)]
    return Part(("scope", *levels), (by.user_id, *values), build)


def not_secret(by: Actor) -> Part:
    """The cases that are not confidential, and those on which ``by`` is named."""
    return Part(("named",), (by.user_id,), lambda cases, user_id: cases.filter(named_or_open(user_id)))


def _both(one: Part, other: Part) -> Part:
    first = len(one.values)

    def build(cases: QuerySet[Incident], *given: Any) -> QuerySet[Incident]:
        return other.build(one.build(cases, *given[:first]), *given[first:])

    return Part(("both", one.shape, other.shape), (*one.values, *other.values), build)


def rows_of(
    parts: Sequence[Part], order: Hashable, ordered: Callable[[QuerySet[Any]], QuerySet[Any]], limit: int
) -> list[dict[str, Any]]:
    """At most ``limit`` cases that fit all parts, in order: their ROW_FIELDS, and ``hold``, who is at work on each.

    ``order`` names what ``ordered`` does. One statement.
    """
    if order == NEWEST:
        parts = _newest_of_each(parts, ordered, limit)
    found = tuples_of(parts, ("rows", order, limit), lambda cases: ordered(_columns(cases))[:limit])
    return [_row(row) for row in found]


def _newest_of_each(
    parts: Sequence[Part], ordered: Callable[[QuerySet[Any]], QuerySet[Any]], limit: int
) -> Sequence[Part]:
    """The parts in such a form that an index finds the newest ``limit`` cases that fit, whichever they are.

    Of several values (or "or") with an order by newest PostgreSQL walks back from the newest case of all until it has
    found enough, and cannot know that the handful that fit are old: a second for a million cases. Asked for the newest
    ``limit`` of each value, it goes to each in the index; together they are the ids in which the list is looked for.
    """
    is_few = any(part.few for part in parts)
    fit = [part for part in parts if 0 < len(part.either) <= MOST_BRANCHES and (part.indexed_in_areas or not is_few)]
    if not fit or not connection.features.supports_slicing_ordering_in_compound:
        return parts
    split = fit[-1]
    others = [part for part in parts if part is not split]

    def build(cases: QuerySet[Incident], *given: Any) -> QuerySet[Incident]:
        at = sum(len(part.values) for part in others)
        branches = []
        for one in split.either:
            found = one.build(_applied(others, given), *given[at : at + len(one.values)])
            branches.append(ordered(found).values("pk")[:limit])
            at += len(one.values)
        ids = branches[0].union(*branches[1:], all=True) if len(branches) > 1 else branches[0]
        return cases.filter(pk__in=ids)

    shapes = [part.shape for part in (*others, *split.either)]
    shape = None if None in shapes else ("newest of each", len(others), limit, *shapes)
    values = tuple(value for part in (*others, *split.either) for value in part.values)
    return [Part(shape, values, build)]


def _applied(parts: Sequence[Part], values: Sequence[Any]) -> QuerySet[Incident]:
    cases, at = Incident.objects.all(), 0
    for part in parts:
        cases = part.build(cases, *values[at : at + len(part.values)])
        at += len(part.values)
    return cases


def tuples_of(
    parts: Sequence[Part], kind: Hashable, finish: Callable[[QuerySet[Incident]], QuerySet[Any]]
) -> Iterable[tuple[Any, ...]]:
    """What ``finish``, named by ``kind``, makes of the cases that fit all parts: a ``values_list``. One statement."""
    values = [value for part in parts for value in part.values]
    shapes = tuple(part.shape for part in parts)
    if None in shapes or len(values) > MOST_VALUES:
        return finish(_applied(parts, values))
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

    def build(**markers: Any) -> QuerySet[Any]:
        return finish(_applied(parts, [markers[f"v{n}"] for n in range(len(values))]))

    made = PreparedRows(build, planned=False, **{f"v{n}": _kind(value) for n, value in enumerate(values)})
    with _guard:
        if len(_held) >= KEPT:
            _held.clear()
        return _held.setdefault(key, made)


def _kind(value: Any) -> type:
    return next(kind for kind in (datetime, str, float, int) if isinstance(value, kind))
