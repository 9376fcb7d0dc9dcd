"""What a client was told to be done, read from the journal it kept of its own: a line of JSON each.

``{"kind": "report", "user": login, "key": idempotency key, "number": case}`` for a report,
``{"kind": "move", "number": case, "action": action, "version": the case's afterwards}`` for a move.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from incidents.models import IdempotencyKey, Incident, JournalEntry

BATCH = 500


@dataclass(frozen=True, slots=True)
class Accepted:
    """One thing that was answered as done."""

    number: str
    user: str = ""
    key: str = ""
    action: str = ""
    version: int = 0

    @property
    def is_report(self) -> bool:
        return not self.action


def read_file(path: Path) -> Iterator[Accepted]:
    """The lines of the file that say that something was done; others are passed over. ValueError for bad JSON."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if row.get("kind") == "report":
                yield Accepted(row["number"], user=row["user"], key=row["key"])
            elif row.get("kind") == "move":
                yield Accepted(row["number"], action=row["action"], version=row["version"])


def unheld(accepted: Iterable[Accepted]) -> Iterator[str]:
    """The numbers of those that are not in the database as they were answered. Two or three statements a batch."""
    rest = iter(accepted)
    while batch := list(islice(rest, BATCH)):
        yield from _reports([one for one in batch if one.is_report])
        yield from _moves([one for one in batch if not one.is_report])


def _reports(batch: Sequence[Accepted]) -> Iterator[str]:
    if not batch:
        return
    keys = IdempotencyKey.objects.filter(key__in={one.key for one in batch})
    said = {(user, key): number for user, key, number in keys.values_list("user__username", "key", "number")}
    there = set(Incident.objects.filter(number__in={one.number for one in batch}).values_list("number", flat=True))
    for one in batch:
        if said.get((one.user, one.key)) != one.number or one.number not in there:
            yield one.number


def _moves(batch: Sequence[Accepted]) -> Iterator[str]:
    if not batch:
        return
    entries = JournalEntry.objects.filter(incident__number__in={one.number for one in batch})
    there = set(entries.values_list("incident__number", "action", "version"))
    for one in batch:
        if (one.number, one.action, one.version) not in there:
            yield one.number
