"""Which database may be played in: one that says of itself, in its audit trail, that it is a demo.

The mark is an audit entry, so that nobody takes it away unseen, and is only made where there is no case yet.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _

from gridgov.accounts.demo import MARKED, TYPE
from gridgov.common import audit, clock
from gridgov.common.errors import Conflict
from gridgov.common.models import AuditEntry, Heartbeat
from incidents.models import Incident, JournalEntry

SEEDED = "demo.seeded"
#: A server that gave a sign of life so recently runs; its clock is now, so that the past cannot be played beside it.
ALIVE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Mark:
    """How the demo was begun: its seed, and the span of its first cases (None where it was begun without)."""

    seed: int
    start: datetime | None
    end: datetime | None


def _entries(action: str) -> Any:
    return AuditEntry.objects.filter(object_type=TYPE, action=action).order_by("id")


def mark_of() -> Mark | None:
    """The mark of this database; None if it is no demo."""
    detail = _entries(MARKED).values_list("detail", flat=True).first()
    if detail is None:
        return None
    span = (datetime.fromisoformat(detail[name]) if detail.get(name) else None for name in ("start", "end"))
    return Mark(int(detail["seed"]), *span)


def mark(*, seed: int, start: datetime | None = None, end: datetime | None = None) -> Mark:
    """The database is a demo from now on, and was before if it says so. Conflict where it has cases of its own."""
    found = mark_of()
    if found is not None:
        return found
    if Incident.objects.exists():
        raise Conflict(_("这个数据库已有案件，不能作为演示库"), code="not_empty")
    detail = {"seed": seed, "start": start.isoformat() if start else None, "end": end.isoformat() if end else None}
    audit.record(action=MARKED, object_type=TYPE, detail=detail)
    return Mark(seed, start, end)


def needed() -> Mark:
    """The mark. Conflict in a database that is no demo."""
    found = mark_of()
    if found is None:
        raise Conflict(_("这不是演示库，不能模拟。请先在空库上运行 manage.py seed_demo"), code="not_a_demo")
    return found


def is_seeded() -> bool:
    """Whether the first cases are all there."""
    return bool(_entries(SEEDED).exists())


def note_seeded() -> None:
    """The first cases are all there."""
    audit.record(action=SEEDED, object_type=TYPE)


def last_moment() -> datetime | None:
    """When anything happened last to any case."""
    return JournalEntry.objects.aggregate(at=Max("at"))["at"]


def server_runs() -> bool:
    """Whether worker or beat of a server gave a sign of life just now."""
    beat = Heartbeat.objects.aggregate(at=Max("beat_at"))["at"]
    return beat is not None and (clock.now() - beat).total_seconds() < ALIVE_SECONDS
