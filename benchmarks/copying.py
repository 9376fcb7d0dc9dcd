"""Copies of played cases by COPY: rows of every table, with a journal of their own that ``verify_journal`` accepts.

A copy has its case's times, actors and clocks, and a number, place, reporter, photos and seals of its own. Only what
differs between two copies is worked out; the rest of each row is text that PostgreSQL gave us once.
"""

import hashlib
import io
import random
import re
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from queue import Queue
from typing import Any

import orjson
import psycopg2
from django.db import connection
from django.db.models import F, Model

from benchmarks.city import Cell, City
from benchmarks.played import Played
from dispatch.models import Request, Ticket
from incidents import journal
from incidents.models import (
    Attachment,
    Checkpoint,
    Clock,
    ClockSegment,
    FiredStep,
    Incident,
    JournalEntry,
    NumberBlock,
    Reporter,
)

CHUNK = 1_000  # cases; their entries are one checkpoint
#: Columns that a copy has of its own; they stand first in its line.
OWN: dict[type[Model], tuple[str, ...]] = {
    Reporter: ("id", "token"),
    Incident: (
        "id", "number", "head_mac", "lon", "lat", "raw_lon", "raw_lat", "street_id", "community_id", "grid_id",
        "reporter_id", "address",
    ),
    Clock: ("id", "incident_id"),
    ClockSegment: ("id", "clock_id"),
    FiredStep: ("id", "clock_id"),
    JournalEntry: ("id", "incident_id", "canonical", "payload", "mac", "checkpoint_id"),
    Ticket: ("id", "incident_id"),
    Request: ("id", "incident_id", "ticket_id"),
    Attachment: ("id", "incident_id"),
}  # fmt: skip
_NUMBER, _TEXT, _AREAS = "\ue000", "\ue001", "\ue002"
_SENTINEL = re.compile('"?([\ue000-\ue0ff])([0-9]*)\ue100"?')


@dataclass(slots=True)
class _Entry:
    """An entry of the journal with marks where a copy's own values go."""

    seq: int
    canonical: str
    payload: str
    text: str
    rest: str


@dataclass(slots=True)
class _Case:
    """A played case as text."""

    played: Played
    prefix: str
    incident: str = ""
    reporter: str = ""
    clocks: list[tuple[str, str]] = field(default_factory=list)  # (id, rest)
    segments: list[tuple[str, str]] = field(default_factory=list)  # (clock's id, rest)
    fired: list[tuple[str, str]] = field(default_factory=list)
    tickets: list[tuple[str, str]] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # (id, ticket's id, rest)
    photos: list[tuple[str, str]] = field(default_factory=list)
    entries: list[_Entry] = field(default_factory=list)
    armed: int = 0


# --- reading what was played --------------------------------------------------------------------------------------


def _rest(model: type[Model]) -> list[str]:
    own = OWN[model]
    return [f.column for f in model._meta.concrete_fields if f.column not in own]


def _lines(model: type[Model], key: str, own: Sequence[str], *, join: str = "", said: dict[str, str] | None = None):
    """(key, own columns, rest of the line) of every row, in the order of ids, as COPY writes them."""
    said = said or {}
    rest = [said.get(column, f't."{column}"') for column in _rest(model)]
    chosen = ", ".join([key, *(f't."{column}"' for column in own), *rest])
    query = f'COPY (SELECT {chosen} FROM "{model._meta.db_table}" t {join} ORDER BY t.id) TO STDOUT'  # noqa: S608 - names of ours
    buffer = io.StringIO()
    with connection.cursor() as cursor:
        cursor.copy_expert(query, buffer)
    for line in buffer.getvalue().splitlines():
        parts = line.split("\t", len(own) + 1)
        yield parts[0], parts[1:-1], parts[-1]


def read(played: Iterable[Played]) -> list[_Case]:
    """The played cases as text, in their order."""
    cases = {p.number: _Case(p, p.number[:14]) for p in played}
    ids: dict[str, _Case] = {}
    reporters: dict[str, _Case] = {}
    for pk, (number, reporter_id), rest in _lines(Incident, "t.id", ("number", "reporter_id")):
        case = cases[number]
        case.incident, ids[pk] = rest, case
        if reporter_id != r"\N":
            reporters[reporter_id] = case
    for pk, _own, rest in _lines(Reporter, "t.id", ()):
        reporters[pk].reporter = rest
    for pk, (clock_id, next_at), rest in _lines(Clock, "t.incident_id", ("id", "next_step_at")):
        ids[pk].clocks.append((clock_id, rest))
        ids[pk].armed += next_at != r"\N"
    of_clock = "JOIN incidents_clock c ON c.id = t.clock_id"
    for model, name in ((ClockSegment, "segments"), (FiredStep, "fired")):
        for pk, (clock_id,), rest in _lines(model, "c.incident_id", ("clock_id",), join=of_clock):
            getattr(ids[pk], name).append((clock_id, rest))
    for pk, (ticket_id,), rest in _lines(Ticket, "t.incident_id", ("id",)):
        ids[pk].tickets.append((ticket_id, rest))
    for pk, (request_id, ticket_id), rest in _lines(Request, "t.incident_id", ("id", "ticket_id")):
        ids[pk].requests.append((request_id, ticket_id, rest))
    for pk, (photo_id,), rest in _lines(Attachment, "t.incident_id", ("id",)):
        if pk in ids:
            ids[pk].photos.append((photo_id, rest))
    _read_entries(ids)
    return list(cases.values())


def _read_entries(ids: dict[str, _Case]) -> None:
    # the copies were recorded and delivered when they happened
    said = {"recorded_at": 't."at"', "delivered_at": 't."at"', "next_try_at": "NULL"}
    rests = {(pk, own[0]): rest for pk, own, rest in _lines(JournalEntry, "t.incident_id", ("seq",), said=said)}
    for pk, seq, canonical, text in JournalEntry.objects.order_by("incident_id", "seq").values_list(
        "incident_id", "seq", "canonical", "text"
    ):
        case = ids[str(pk)]
        stated = orjson.loads(canonical)
        stated["recorded"] = stated["at"]
        stated["number"] = _mark(_NUMBER)
        stated["text"] = _mark(_TEXT) if text else ""
        stated["payload"] = _marked(stated["payload"], case)
        case.entries.append(
            _Entry(seq, _as_format(stated), _as_format(stated["payload"]), text, rests[str(pk), str(seq)])
        )


def _mark(sign: str, number: int | str = "") -> str:
    return f"{sign}{number}\ue100"


def _marked(payload: dict[str, Any], case: _Case) -> dict[str, Any]:
    """The payload with marks for the ids that are the case's own."""
    tickets = {int(row[0]): n for n, row in enumerate(case.tickets)}
    requests = {int(row[0]): n for n, row in enumerate(case.requests)}
    photos = {row[0]: n for n, row in enumerate(case.photos)}
    found = dict(payload)
    if found.get("ticket") is not None:
        found["ticket"] = _mark("\ue003", tickets[found["ticket"]])
    if found.get("request") is not None:
        found["request"] = _mark("\ue004", requests[found["request"]])
    if "areas" in found:
        found["areas"] = _mark(_AREAS)
    if "attachments" in found:
        found["attachments"] = [_mark("\ue005", photos[pk]) for pk in found["attachments"]]
    if "lapsed" in found or "into" in found or "waived" in found:
        raise ValueError(f"a lane that cannot be copied: {payload}")
    return found


_NAMES = {_NUMBER: "n", _TEXT: "t", _AREAS: "a", "\ue003": "k", "\ue004": "r", "\ue005": "u"}
_QUOTED = {_NUMBER, _TEXT, "\ue005"}


def _as_format(stated: Any) -> str:
    """JSON with sorted keys, as a format of Python; marks of numbers and lists lose their quotes."""
    text = orjson.dumps(stated, option=orjson.OPT_SORT_KEYS).decode()
    if "\\" in text:
        raise ValueError(f"would have to be escaped: {text}")

    def slot(found: re.Match[str]) -> str:
        name = f"%({_NAMES[found[1]]}{found[2]})s"
        return f'"{name}"' if found[1] in _QUOTED else name

    return _SENTINEL.sub(slot, text.replace("%", "%%"))


# --- writing ------------------------------------------------------------------------------------------------------


class Copier:
    """Writes copies chunk by chunk: this thread makes the text, another one hands it to the database."""

    def __init__(self, city: City, *, at: datetime, seed: int) -> None:
        self._dice = random.Random(seed)
        self._at = at
        self._cells: dict[int, list[Cell]] = {}
        for cell in city.cells:
            self._cells.setdefault(cell.district_id, []).append(cell)
            self._cells.setdefault(cell.street_id, []).append(cell)
        self._city_id = city.root.pk
        self._serials = dict(NumberBlock.objects.values_list("prefix", "next_serial"))
        self._next = {model: _last_id(model) + 1 for model in OWN if model is not Attachment}
        self._checkpoint = Checkpoint.objects.order_by("-number").first()
        self._sealed: list[tuple[int, str]] = []
        self._buffers: dict[type[Model], list[str]] = {}

    def write(self, cases: Sequence[tuple[_Case, int]]) -> None:
        """So many copies of each case stand in the database, and the counters of numbers and ids go on after them."""
        queue: Queue[dict[type[Model], str] | None] = Queue(maxsize=2)
        failures: list[BaseException] = []
        writer = threading.Thread(target=_store, args=(queue, failures), daemon=True)
        writer.start()
        for chunk in self._chunks(cases):
            if failures:
                break
            queue.put(chunk)
        queue.put(None)
        writer.join()
        if failures:
            raise failures[0]
        self._go_on()

    def _chunks(self, cases: Sequence[tuple[_Case, int]]) -> Iterator[dict[type[Model], str]]:
        done = 0
        self._begin()
        for case, count in cases:
            for _ in range(count):
                self._copy(case)
                done += 1
                if done % CHUNK == 0:
                    yield self._end()
                    self._begin()
        if self._sealed:
            yield self._end()

    def _begin(self) -> None:
        self._buffers = {model: [] for model in OWN}
        self._sealed = []

    def _end(self) -> dict[type[Model], str]:
        self._seal()
        return {model: "".join(lines) for model, lines in self._buffers.items() if lines}

    def _seal(self) -> None:
        """The entries of the chunk are under a checkpoint, as ``incidents.journal.make_checkpoint`` would seal them."""
        last = self._checkpoint
        previous = last.digest if last else ""
        self._checkpoint = Checkpoint(
            pk=self._checkpoint_id, number=last.number + 1 if last else 1, entry_count=len(self._sealed),
            digest=journal._seal_digest(previous, self._sealed), previous_digest=previous, made_at=self._at,
        )  # fmt: skip
        self._checkpoint.save(force_insert=True)
        journal._append_to_file([self._checkpoint])

    @property
    def _checkpoint_id(self) -> int:
        return (self._checkpoint.pk if self._checkpoint else 0) + 1

    def _id(self, model: type[Model]) -> int:
        pk = self._next[model]
        self._next[model] = pk + 1
        return pk

    def _copy(self, case: _Case) -> None:
        buffers, dice = self._buffers, self._dice
        pk = self._id(Incident)
        serial = self._serials[case.prefix]
        self._serials[case.prefix] = serial + 1
        number = f"{case.prefix}{serial:05d}"
        played = case.played
        cell = dice.choice(self._cells[played.street_id or played.district_id])
        # a cell's edge is bent by less than a twentieth of it
        lon, lat = (round(at + dice.uniform(-0.002, 0.002), 7) for at in (cell.lon, cell.lat))
        own: dict[str, Any] = {
            "n": number,
            "a": f"[{self._city_id},{cell.district_id},{cell.street_id},{cell.community_id},{cell.grid_id}]",
        }
        clocks = {}
        for old, rest in case.clocks:
            clocks[old] = new = self._id(Clock)
            buffers[Clock].append(f"{new}\t{pk}\t{rest}\n")
        for old, rest in case.segments:
            buffers[ClockSegment].append(f"{self._id(ClockSegment)}\t{clocks[old]}\t{rest}\n")
        for old, rest in case.fired:
            buffers[FiredStep].append(f"{self._id(FiredStep)}\t{clocks[old]}\t{rest}\n")
        tickets = {}
        for n, (old, rest) in enumerate(case.tickets):
            tickets[old] = own[f"k{n}"] = self._id(Ticket)
            buffers[Ticket].append(f"{tickets[old]}\t{pk}\t{rest}\n")
        for n, (_old, ticket, rest) in enumerate(case.requests):
            own[f"r{n}"] = self._id(Request)
            buffers[Request].append(f"{own[f'r{n}']}\t{pk}\t{tickets.get(ticket, ticket)}\t{rest}\n")
        for n, (_old, rest) in enumerate(case.photos):
            own[f"u{n}"] = uuid.UUID(int=dice.getrandbits(128), version=4)
            buffers[Attachment].append(f"{own[f'u{n}']}\t{pk}\t{rest}\n")
        mac = self._chain(case, pk, number, own)
        reporter: Any = r"\N"
        if case.reporter:
            reporter = self._id(Reporter)
            buffers[Reporter].append(f"{reporter}\t{dice.getrandbits(96):024x}\t{case.reporter}\n")
        buffers[Incident].append(
            f"{pk}\t{number}\t{mac}\t{lon}\t{lat}\t{lon}\t{lat}\t{cell.street_id}\t{cell.community_id}\t{cell.grid_id}"
            f"\t{reporter}\t测试路{dice.randint(1, 999)}号\t{case.incident}\n"
        )

    def _chain(self, case: _Case, pk: int, number: str, own: dict[str, Any]) -> str:
        """The journal of the copy, linked and sealed; the last link."""
        mac, lines, checkpoint = "", self._buffers[JournalEntry], self._checkpoint_id
        for entry in case.entries:
            if entry.text:
                own["t"] = journal.text_digest(number, entry.seq, entry.text)
            canonical = entry.canonical % own
            mac = journal._mac(mac, canonical)
            entry_id = self._id(JournalEntry)
            self._sealed.append((entry_id, mac))
            lines.append(f"{entry_id}\t{pk}\t{canonical}\t{entry.payload % own}\t{mac}\t{checkpoint}\t{entry.rest}\n")
        return mac

    def _go_on(self) -> None:
        """The next number and the next id of everything come after the copies."""
        for prefix, serial in self._serials.items():
            NumberBlock.objects.filter(prefix=prefix).update(next_serial=serial)
        with connection.cursor() as cursor:
            for model in (*self._next, Checkpoint):
                table = model._meta.db_table
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT MAX(id) FROM {table}))"  # noqa: S608 - names of ours
                    if _last_id(model)
                    else "SELECT 1"
                )


def _last_id(model: type[Model]) -> int:
    return model._default_manager.order_by("-pk").values_list("pk", flat=True).first() or 0


def _store(queue: "Queue[dict[type[Model], str] | None]", failures: list[BaseException]) -> None:
    """Chunks are copied into their tables, each in one transaction.

    As a superuser without the triggers of foreign keys (the ids are our own and are checked at the end); unique and
    check constraints hold in any case. The triggers of the journal are about UPDATE, DELETE and TRUNCATE.
    """
    try:
        own = psycopg2.connect(**{k: v for k, v in connection.get_connection_params().items() if k in _CONNECTION})
        with own.cursor() as cursor:
            cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
            if cursor.fetchone() == (True,):
                cursor.execute("SET session_replication_role = replica")
            cursor.execute("SET TIME ZONE 'UTC'")
            own.commit()
            while (chunk := queue.get()) is not None:
                for model, text in chunk.items():
                    columns = ", ".join(f'"{c}"' for c in (*OWN[model], *_rest(model)))
                    cursor.copy_expert(f'COPY "{model._meta.db_table}" ({columns}) FROM STDIN', io.StringIO(text))
                own.commit()
        own.close()
    except BaseException as error:
        failures.append(error)
        while queue.get() is not None:
            pass


_CONNECTION = ("dbname", "user", "password", "host", "port")


# --- what has to hold ---------------------------------------------------------------------------------------------

#: child table, its column, the table it points into
LINKS = (
    ("incidents_clock", "incident_id", "incidents_incident"),
    ("incidents_clocksegment", "clock_id", "incidents_clock"),
    ("incidents_firedstep", "clock_id", "incidents_clock"),
    ("incidents_journalentry", "incident_id", "incidents_incident"),
    ("incidents_journalentry", "checkpoint_id", "incidents_checkpoint"),
    ("incidents_attachment", "incident_id", "incidents_incident"),
    ("incidents_incident", "reporter_id", "incidents_reporter"),
    ("incidents_incident", "grid_id", "grids_area"),
    ("dispatch_ticket", "incident_id", "incidents_incident"),
    ("dispatch_request", "ticket_id", "dispatch_ticket"),
)


def orphans() -> list[str]:
    """Foreign keys that point nowhere, as ``table.column: count``."""
    found = []
    with connection.cursor() as cursor:
        for table, column, target in LINKS:
            cursor.execute(
                f"SELECT COUNT(*) FROM {table} t LEFT JOIN {target} o ON o.id = t.{column} "  # noqa: S608 - names of ours
                f"WHERE t.{column} IS NOT NULL AND o.id IS NULL"
            )
            (count,) = cursor.fetchone()
            if count:
                found.append(f"{table}.{column}: {count}")
    return found


def delivered() -> None:
    """Nothing that was played waits for its receivers."""
    JournalEntry.objects.filter(delivered_at__isnull=True).update(delivered_at=F("recorded_at"), next_try_at=None)


def fingerprint() -> str:
    """A digest over all cases (number, status, grid, due time), for telling whether two fills are the same."""
    digest = hashlib.sha256()
    for row in Incident.objects.order_by("id").values_list("number", "status", "grid_id", "due_at").iterator():
        digest.update(repr(row).encode())
    return digest.hexdigest()
