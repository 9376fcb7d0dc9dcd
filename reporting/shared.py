"""One computation of a dashboard for everybody who sees the same cases, for some seconds.

Kept in the process: a dashboard names thousands of entries, and to hand it over costs more than to compute it. What is
kept says the instant it was computed at, and the page shows that instant.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from django.db.models import Exists

from dispatch.actors import Actor
from dispatch.visibility import scope_of
from gridgov.common import clock
from grids import permissions
from grids.spatial import areas
from incidents.models import JournalEntry, NamedAccess
from reporting import selectors
from reporting.selectors import Dashboard

#: So long it is shown although the journal has grown, and so long while it has not: clocks run out without an entry.
FRESH = timedelta(seconds=4)
STANDS = timedelta(seconds=15)
MANY = 64


@dataclass(slots=True)
class _Kept:
    lock: Lock
    newest: Any = None
    shown: Dashboard | None = None


_kept: dict[Any, _Kept] = {}
_guard = Lock()


def forget() -> None:
    """The next one who looks computes."""
    with _guard:
        _kept.clear()


def dashboard(by: Actor, *, area_id: int | None = None, span: str = "month") -> Dashboard:
    """:func:`reporting.selectors.dashboard` as of at most some seconds ago. One statement, or one more than there."""
    area_id = scope_of(by, area_id)
    named = NamedAccess.objects.filter(user=by.user_id)
    newest = (
        JournalEntry.objects.order_by("-pk")
        .annotate(is_named=Exists(named))
        .values_list("is_named", "pk", "mac")
        .first()
    )
    # who is named on confidential cases sees others than his colleagues
    person = by.user_id if newest is not None and newest[0] else None
    key = (permissions.visible_area_ids(by.grants), person, area_id, span, areas.index().revision)
    with _guard:
        if len(_kept) >= MANY and key not in _kept:
            _kept.clear()
        kept = _kept.setdefault(key, _Kept(Lock()))
    with kept.lock:
        now = clock.now()
        if kept.shown is None or not _holds(kept, newest, now):
            kept.shown = selectors.dashboard(by, at=now, area_id=area_id, span=span)
            kept.newest = newest
        return kept.shown


def _holds(kept: _Kept, newest: Any, now: datetime) -> bool:
    assert kept.shown is not None
    age = now - kept.shown.at
    same_day = clock.local_date(now) == clock.local_date(kept.shown.at)
    return same_day and timedelta(0) <= age < (STANDS if newest == kept.newest else FRESH)
