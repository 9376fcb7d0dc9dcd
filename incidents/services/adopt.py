"""The second door: cases that another system carried come in as they stand there (docs/adr/0012).

No transition, no clock, no ticket, no notice: an ended case is ``closed``, any other ``accepted``, and its journal
begins with one entry ``adopted`` that holds the digest of the source's row. Written in sets.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain
from typing import Any

import numpy as np
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, models, transaction
from django.utils.translation import gettext as _

from gridgov.common import audit, clock
from gridgov.common.errors import FieldError, FieldErrors
from grids.models import Area
from grids.spatial import AreaIndex, AreaRecord, Placement, areas
from incidents import journal
from incidents.catalogue import Catalogue, CategorySpec, catalogue
from incidents.importing import OldCase, Reject, Warn
from incidents.models import Incident, NamedAccess
from incidents.numbers import next_numbers
from incidents.workflow import Status

ADOPTED = "adopted"
CHANNEL = "import"
ATTEMPTS = 3
# rows in one statement: of fifty columns, below SQLite's limit of 32,766 parameters
_STATEMENT = 100


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the cases come from: the city they belong to, the other system's name, the source they are given."""

    root_id: int
    system: str
    source: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row: a case, a repeat of an earlier one (no ``incident``), or a reject."""

    case: OldCase
    incident: Incident | None = None
    warnings: tuple[Warn, ...] = ()
    reject: Reject | None = None

    @property
    def is_repeat(self) -> bool:
        return self.incident is None and self.reject is None


def check_ready(*, root: str, codes: Iterable[str]) -> int:
    """The id of the city ``root``. Raises FieldError(s): no such city, no centre in it, codes not in the catalogue."""
    index = areas.index()
    root_id = index.root_id(root)
    if root_id is None:
        raise FieldError("root", _("没有编码为 %(code)s 的城市") % {"code": root})
    if not any(area.has_desk for area in index.subtree(root_id)):
        raise FieldError("root", _("%(city)s还没有指挥中心，案件无处可放") % {"city": index.name(root_id)})
    book = catalogue()
    unknown = sorted({code for code in codes if _category(book, code) is None})
    if unknown:
        raise FieldErrors(
            [FieldError("mapping.categories", _("目录中没有这个小类：%(code)s") % {"code": code}) for code in unknown]
        )
    return root_id


def adopt(
    cases: Sequence[OldCase],
    *,
    origin: Origin,
    user_id: int | None = None,
    named_for: Callable[[int], Iterable[int]] | None = None,
    at: datetime | None = None,
    dry_run: bool = False,
) -> list[Outcome]:
    """Each case of the set stands with its journal entry, or is a repeat or a reject; in the order given.

    All that are written are written in one transaction, so a run that is broken off goes on where it stopped: what
    stands is a repeat. ``named_for``: who is named on a confidential case, by the id of its centre. ``dry_run``: the
    same answer without numbers, and nothing written. Placing and hashing are done before the transaction.
    """
    now = clock.now()
    index, book = areas.index(), catalogue()
    placed = _place(cases, index, origin.root_id)
    for attempt in range(1, ATTEMPTS + 1):
        drafts = [_draft(*pair, index, book, origin, at or now) for pair in zip(cases, placed, strict=True)]
        outcomes = _without_repeats(drafts, origin)
        new = [one for one in outcomes if one.incident is not None]
        if dry_run or not new:
            return outcomes
        _number([one.incident for one in new], index)
        entries = [_entry(one, origin, user_id, at or now, now) for one in new]
        named = _named(new, named_for)
        try:
            _write(new, entries, named)
        except IntegrityError:
            # somebody imports the same file beside us: what he was faster with is a repeat now
            if attempt == ATTEMPTS:
                raise
            continue
        return outcomes
    raise AssertionError("unreachable")


def record_run(*, origin: Origin, file: str, counts: dict[str, int]) -> None:
    """The run stands in the audit trail."""
    audit.record(
        action="incident.adopt", object_type=Area._meta.label, object_id=origin.root_id,
        detail={"system": origin.system, "file": file, **counts},
    )  # fmt: skip


# --- working out ------------------------------------------------------------------------------------------------


def _category(book: Catalogue, code: str) -> CategorySpec | None:
    found = book.category_by_code(code)
    return found if found is not None and found.parent_id is not None else None


def _place(cases: Sequence[OldCase], index: AreaIndex, root_id: int) -> list[Placement | None]:
    """Where each case lies in the city; None without a position or outside of it."""
    found: list[Placement | None] = [None] * len(cases)
    which = [i for i, case in enumerate(cases) if case.lon is not None]
    if which:
        points = np.array([(cases[i].lon, cases[i].lat) for i in which], dtype=float)
        for i, placement in zip(which, index.locate_many(points), strict=True):
            found[i] = placement if placement is not None and placement.root_id == root_id else None
    return found


def _draft(
    case: OldCase,
    placement: Placement | None,
    index: AreaIndex,
    book: Catalogue,
    origin: Origin,
    at: datetime,
) -> Outcome:
    """The case as a row without a number, or why there is none."""
    category = _category(book, case.category)
    if category is None or not (category.is_active or case.is_closed):
        reason = _("目录中没有这个小类：%(code)s") % {"code": case.category[:40]}
        return Outcome(case, reject=Reject(case.row, "category", reason))
    centre = index.centre_for(placement.area_id if placement else origin.root_id, category.holder_level)
    if centre is None:
        reason = _("该位置没有承办的指挥中心") if placement else _("没有位置，而城市一级没有指挥中心")
        return Outcome(case, reject=Reject(case.row, "lon", reason))
    warnings = case.warnings
    if placement is None and case.lon is not None and case.lat is not None:
        swapped = index.looks_swapped(case.lon, case.lat)
        warnings = (*warnings, Warn.SWAPPED if swapped else Warn.OUTSIDE)
    return Outcome(case, _incident(case, category, placement, index, centre, origin, at), warnings)


def _incident(
    case: OldCase,
    category: CategorySpec,
    placement: Placement | None,
    index: AreaIndex,
    centre: AreaRecord,
    origin: Origin,
    at: datetime,
) -> Incident:
    levels = placement.chain if placement else index.chain(centre.id)
    # a closing that is not known was not before the receipt: that, not today, is the lower bound
    ended_at = (case.closed_at or case.received_at) if case.is_closed else None
    return Incident(
        status=Status.CLOSED if case.is_closed else Status.ACCEPTED,
        source=origin.source,
        category_id=category.id,
        description=case.description,
        address=case.address,
        lon=case.lon,
        lat=case.lat,
        raw_lon=case.raw_lon,
        raw_lat=case.raw_lat,
        raw_crs=case.raw_crs,
        received_at=case.received_at,
        status_at=ended_at or at,
        closed_at=case.closed_at,
        ended_at=ended_at,
        city_id=levels[0],
        district_id=levels[1],
        street_id=levels[2],
        community_id=levels[3],
        grid_id=levels[4],
        is_placed=placement is not None,
        placed_revision=placement.revision if placement else 0,
        holder_id=centre.id,
        first_receiver_id=centre.id,
        is_urgent=category.is_urgent,
        is_confidential=category.is_confidential,
        is_adopted=True,
        external_system=origin.system,
        external_id=case.external_id,
    )


def _without_repeats(drafts: list[Outcome], origin: Origin) -> list[Outcome]:
    """The outcomes with those as repeats whose id stands already or came earlier in the set."""
    ids = [one.case.external_id for one in drafts if one.incident is not None]
    seen = set(
        Incident.objects.filter(
            is_adopted=True, city=origin.root_id, external_system=origin.system, external_id__in=ids
        ).values_list("external_id", flat=True)
    )
    outcomes = []
    for one in drafts:
        if one.incident is not None and one.case.external_id in seen:
            one = replace(one, incident=None, warnings=())
        elif one.incident is not None:
            seen.add(one.case.external_id)
        outcomes.append(one)
    return outcomes


def _number(incidents: Sequence[Incident], index: AreaIndex) -> None:
    wanted: list[tuple[str, date]] = []
    for incident in incidents:
        record = index.find(incident.district_id) or index.get(incident.city_id)
        wanted.append((record.code, clock.local_date(incident.received_at)))
    for incident, number in zip(incidents, next_numbers(wanted), strict=True):
        incident.number = number


def _entry(one: Outcome, origin: Origin, user_id: int | None, at: datetime, now: datetime) -> journal.Draft:
    incident, case = one.incident, one.case
    assert incident is not None
    entry = journal.draft(
        number=incident.number,
        head_seq=0,
        head_mac="",
        action=ADOPTED,
        status_from="",
        status_to=incident.status,
        actor_id=user_id,
        actor_role="",
        channel=CHANNEL,
        version=1,
        at=at,
        recorded_at=now,
        payload={
            "system": origin.system,
            "external_id": case.external_id,
            "row": row_digest(incident.number, case.content),
            "category": case.category,
            "source": origin.source,
            "agency": case.agency,
            "holder": incident.holder_id,
            "areas": [
                incident.city_id, incident.district_id, incident.street_id, incident.community_id, incident.grid_id,
            ],
            "revision": incident.placed_revision,
            "received_at": case.received_at,
            "closed_at": case.closed_at,
            "warnings": [str(warning) for warning in one.warnings],
        },
    )  # fmt: skip
    incident.head_seq, incident.head_mac = entry.seq, entry.mac
    return entry


def row_digest(number: str, content: str) -> str:
    """What stands in the journal for the source's row: salted, because a row may be guessed from a plain digest."""
    return journal.text_digest(number, 1, content)


def _named(
    new: Sequence[Outcome], named_for: Callable[[int], Iterable[int]] | None
) -> list[tuple[Incident, list[int]]]:
    confidential = [one.incident for one in new if one.incident is not None and one.incident.is_confidential]
    holders = {incident.holder_id for incident in confidential} if named_for is not None else set()
    people = {holder_id: sorted(set(named_for(holder_id))) for holder_id in holders} if named_for is not None else {}
    return [(incident, people.get(incident.holder_id, [])) for incident in confidential]


# --- writing ----------------------------------------------------------------------------------------------------


def _write(
    new: Sequence[Outcome], entries: Sequence[journal.Draft], named: Sequence[tuple[Incident, list[int]]]
) -> None:
    incidents = [one.incident for one in new if one.incident is not None]
    with transaction.atomic():
        _insert(incidents)
        rows = []
        for incident, entry in zip(incidents, entries, strict=True):
            row = journal.row(incident.pk, entry)
            # it tells nobody anything: it is no message for the deliverer
            row.delivered_at, row.next_try_at = entry.recorded_at, None
            rows.append(row)
        _insert(rows)
        NamedAccess.objects.bulk_create(
            [NamedAccess(incident=incident, user_id=pk) for incident, people in named for pk in people]
        )


def _insert(rows: Sequence[models.Model]) -> None:
    """The rows stand and have their keys: bulk_create in a quarter to half of its time.

    Most of that goes into preparing the same few values of fifty columns for each row again.
    """
    meta, wrapper = rows[0]._meta, connections[DEFAULT_DB_ALIAS]
    names, marks, columns = [], [], []
    for field in meta.concrete_fields:
        values = [getattr(row, field.attname) for row in rows]
        # a column left out is NULL, as is the key, which the database gives
        if all(value is None for value in values):
            continue
        names.append(wrapper.ops.quote_name(field.column))
        if isinstance(field, models.JSONField):
            mark, column = "%s", [field.get_db_prep_save(value, wrapper) for value in values]
        else:
            prepared = {value: field.get_db_prep_save(value, wrapper) for value in set(values)}
            mark, column = _mark(prepared), [prepared[value] for value in values]
        marks.append(mark)
        if mark == "%s":
            columns.append(column)
    line = f"({', '.join(marks)})"
    statement = "INSERT INTO {} ({}) VALUES {{}} RETURNING {}".format(  # noqa: S608 - names of columns
        wrapper.ops.quote_name(meta.db_table), ", ".join(names), wrapper.ops.quote_name(meta.pk.column)
    )
    given = list(zip(*columns, strict=True))
    with wrapper.cursor() as cursor:
        for start in range(0, len(rows), _STATEMENT):
            part = given[start : start + _STATEMENT]
            cursor.execute(statement.format(", ".join([line] * len(part))), list(chain.from_iterable(part)))
            for row, (pk,) in zip(rows[start : start + _STATEMENT], cursor.fetchall(), strict=True):
                row.pk = pk


def _mark(prepared: dict[Any, Any]) -> str:
    """What stands for a column in the statement: its value where all rows have the same number or the empty text."""
    if len(prepared) > 1:
        return "%s"
    (value,) = prepared.values()
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int):
        return str(int(value))
    return "''" if value == "" else "%s"
