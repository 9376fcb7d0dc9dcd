"""Bringing journal entries to their receivers: at least once, in order for each case, visible where it fails.

The journal is the outbox. A deliverer takes a lease on cases with undelivered entries (a guarded UPDATE by the
database's clock, so that a process with a wrong clock harms nobody), hands the oldest entry of each to the receivers,
all of a round together, and stamps ``delivered_at`` in the transaction that stores what they said. Whoever dies
in between leaves the entries undelivered, and its lease runs out. There is no "last id read": ids commit out of order.

An entry whose receivers fail is tried eight times with growing pauses and then parked. **It keeps its place**: nothing
later of that case is delivered until a person releases it on /ops/, because receivers rely on the order (what a case's
verification is told must not come before its dispatch). The case itself moves on by hand meanwhile; only what follows
by itself waits, and /ops/ and /healthz say so.
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, OuterRef, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from dispatch import notify
from dispatch.actors import Actor
from dispatch.cases import case_from, with_all
from dispatch.entries import Delivered, of_row, with_cases
from gridgov.common import clock, deadlocks
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.json_rows import among, whole_numbers
from gridgov.common.prepared import Prepared
from grids.capabilities import Capability
from incidents.models import Incident, JournalEntry
from incidents.services import entry as entries

logger = logging.getLogger(__name__)

LIMIT = 200
TRIES = 8
FIRST_PAUSE = timedelta(seconds=5)
LEASE = timedelta(seconds=60)
#: At most so many entries of one case in one call: a case that makes entries without end must not keep the others.
ROUNDS = 20
ATTEMPTS = 5
REASON_LIMIT = 200

#: What receives: the entries of one round, at most one a case; returns who is to be told. ``dispatch.receivers``.
Receive = Callable[[Sequence[Delivered]], Iterable[notify.Told]]


@dataclass(slots=True)
class Delivery:
    """What a call came to."""

    delivered: int = 0
    failed: int = 0
    told: int = 0


class _Taken(Exception):
    """Another deliverer stamped one of the entries first: nothing of ours is stored."""


def deliver_pending(*, receive: Receive, limit: int = LIMIT) -> Delivery:
    """The undelivered entries of at most ``limit`` cases have been brought to ``receive``, in order for each case."""
    done = Delivery()
    incident_ids = _waiting(limit)
    if not incident_ids:
        return done
    lease = uuid.uuid4().hex
    leased, kept = _take(incident_ids, lease), time.monotonic()
    try:
        for _round in range(ROUNDS):
            batch = _oldest(leased)
            if not batch:
                break
            _deliver(batch, receive, done)
            kept = _keep(leased, lease, kept)
    finally:
        deadlocks.update(_held(leased, lease), deliver_lease="", deliver_until=None)
    return done


# --- taking -------------------------------------------------------------------------------------------------------


def _undelivered() -> Any:
    return JournalEntry.objects.filter(delivered_at__isnull=True)


def _waiting(limit: int) -> list[int]:
    """Cases with an entry that is due, none of whose earlier entries is parked or waits for its next try."""
    found = _due(limit * 4).rows(now=clock.now())
    return list(dict.fromkeys(row.incident_id for row in found))[:limit]


@cache
def _due(limit: int) -> Prepared:
    def entries_due(now: datetime) -> Any:
        ahead = _undelivered().filter(incident=OuterRef("incident"), seq__lt=OuterRef("seq"))
        held = ahead.filter(Q(parked_at__isnull=False) | Q(next_try_at__gt=now))
        due = Q(next_try_at__lte=now) | Q(next_try_at__isnull=True)
        found = _undelivered().filter(due, ~Exists(held), parked_at__isnull=True)
        return found.order_by("next_try_at", "id").only("incident_id")[:limit]

    return Prepared(entries_due, planned=False, now=datetime)


def _until() -> Any:
    return ExpressionWrapper(Now() + Value(LEASE), output_field=DateTimeField())


def _take(incident_ids: Sequence[int], lease: str) -> list[int]:
    """Those of the cases that no other deliverer holds, now ours. The locks are taken in the order of ids."""
    free = Q(deliver_until__isnull=True) | Q(deliver_until__lt=Now())
    with transaction.atomic():
        leased = list(
            Incident.objects.filter(free, pk__in=incident_ids)
            .order_by("pk")
            .select_for_update(skip_locked=True, no_key=True)
            .values_list("pk", flat=True)
        )
        if leased:
            Incident.objects.filter(pk__in=leased).update(deliver_lease=lease, deliver_until=_until())
    return leased


def _keep(leased: Sequence[int], lease: str, kept: float) -> float:
    """The lease has most of its length before it: a good part of it was used up before it is begun again."""
    if time.monotonic() - kept < LEASE.total_seconds() / 6:
        return kept
    deadlocks.update(_held(leased, lease), deliver_until=_until())
    return time.monotonic()


def _held(leased: Sequence[int], lease: str) -> Any:
    """Those of the cases that are still ours. A merge locks two cases at once: so they are locked in order."""
    return Incident.objects.filter(pk__in=leased, deliver_lease=lease)


def _oldest(incident_ids: Sequence[int]) -> list[Delivered]:
    """The oldest undelivered entry of each case, but for those that are parked or wait for their next try."""
    if not incident_ids:
        return []
    now = clock.now()
    return [
        one
        for one in map(of_row, _OLDEST.rows(ids=whole_numbers(incident_ids)))
        if not one.is_parked and (one.next_try_at is None or one.next_try_at <= now)
    ]


def _oldest_entries(ids: str) -> Any:
    earlier = _undelivered().filter(incident=OuterRef("incident"), seq__lt=OuterRef("seq"))
    rows = _undelivered().filter(~Exists(earlier), incident__in=among(ids))
    return with_cases(rows.order_by("incident_id"))


_OLDEST = Prepared(_oldest_entries, planned=False, ids=str)


# --- bringing -----------------------------------------------------------------------------------------------------


def _deliver(batch: Sequence[Delivered], receive: Receive, done: Delivery) -> None:
    """All together; if that fails each alone, so that only the one at fault waits."""
    try:
        _bring(batch, receive, done)
        return
    except _Taken:
        return
    except Exception:
        if len(batch) > 1:
            logger.warning("a batch of %d entries failed and is delivered one by one", len(batch), exc_info=True)
    for one in batch:
        try:
            _bring([one], receive, done)
        except _Taken:
            continue
        except Exception as error:
            done.failed += 1
            _note_failure(one, error)


def _bring(batch: Sequence[Delivered], receive: Receive, done: Delivery) -> None:
    told = notify.digested(receive(batch))
    now = clock.now()
    done.told += deadlocks.begun_again(lambda: _stamp([one.id for one in batch], told, now))
    done.delivered += len(batch)


def _stamp(ids: Sequence[int], told: Sequence[notify.Told], now: datetime) -> int:
    with transaction.atomic():
        mine = _undelivered().filter(pk__in=ids)
        # a checkpoint seals the same rows, in the order of their ids
        deadlocks.lock(mine)
        if mine.update(delivered_at=now, next_try_at=None) != len(ids):
            raise _Taken
        return notify.store(told, at=now)


def _note_failure(one: Delivered, error: Exception) -> None:
    now = clock.now()
    attempts = one.attempt_count + 1
    parked = attempts >= TRIES
    log = logger.error if parked else logger.warning
    log(
        "entry %s#%d was not delivered (try %d)%s", one.number, one.seq, attempts, ", parked" if parked else "",
        exc_info=error,
    )  # fmt: skip
    _undelivered().filter(pk=one.id, attempt_count=one.attempt_count).update(
        attempt_count=attempts,
        next_try_at=None if parked else now + FIRST_PAUSE * 2 ** (attempts - 1),
        parked_at=now if parked else None,
        last_error=f"{type(error).__name__}: {error}"[:300],
    )


def parked_count() -> int:
    """How many entries are parked and wait for a person."""
    return _undelivered().filter(parked_at__isnull=False).count()


def release(*, entry_id: int, by: Actor, reason: str, at: datetime | None = None) -> None:
    """The parked entry is tried again from the beginning, and what waits behind it after it. Journalled.

    Raises NotFound, NotPermitted (operate_loop), Conflict (it is not parked), FieldError (no reason).
    """
    if not isinstance(reason, str) or not reason.strip():
        raise FieldError("reason", _("请填写原因"), code="required")
    if len(reason) > REASON_LIMIT:
        raise FieldError("reason", _("最长%(limit)s字") % {"limit": REASON_LIMIT})
    now = clock.now()
    at = at or now
    for _attempt in range(ATTEMPTS):
        found = JournalEntry.objects.filter(pk=entry_id).values_list("incident_id", "seq").first()
        if found is None:
            raise NotFound(_("没有这条记录"))
        row = with_all(Incident.objects.filter(pk=found[0])).get()
        case = case_from(row)
        chain = (*case.holder_chain, *case.place_chain)
        if not by.is_system and not by.may(Capability.OPERATE_LOOP, chain):
            needed = Capability.OPERATE_LOOP
            raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": needed.label}, missing=needed.value)
        with transaction.atomic():
            written = entries.append(
                row, kind="entry_released", user_id=by.user_id, role=by.role_for(Capability.OPERATE_LOOP, chain),
                channel=by.channel, at=at, recorded_at=now, payload={"entry": found[1]}, text=reason.strip(),
            )  # fmt: skip
            if written is None:
                continue
            freed = _undelivered().filter(pk=entry_id, parked_at__isnull=False)
            if not freed.update(parked_at=None, attempt_count=0, next_try_at=now, last_error=""):
                transaction.set_rollback(True)
                raise Conflict(_("这条记录没有搁置"), code="not_parked")
        return
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")


# --- waking the deliverer -----------------------------------------------------------------------------------------


class Poker:
    """Says to the worker "look now", at most once each 100 ms a process, never in the caller's time.

    The broker is spoken to by a thread of its own: one that does not answer costs the caller nothing, and what it was
    to be told the sweep finds.
    """

    def __init__(self, send: Callable[[], object], *, pause: float = 0.1) -> None:
        self._send = send
        self._pause = pause
        self._wanted = threading.Event()
        self._guard = threading.Lock()
        self._pid = 0

    def poke(self, **_signal: Any) -> None:
        """Soon after this the worker is told to look. Fits a signal and a listener of ``gridgov.common.wake``."""
        if self._pid != os.getpid():
            self._start()
        self._wanted.set()

    def _start(self) -> None:
        with self._guard:
            # a forked child has the number of its parent and none of its threads
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="delivery-poker", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            try:
                self._send()
            except Exception:
                logger.warning("the worker could not be told to deliver; the sweep will find it", exc_info=True)
            threading.Event().wait(self._pause)
