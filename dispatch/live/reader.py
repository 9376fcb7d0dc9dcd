"""Finds what is new in the journal and in the claims, soon after each commit, and has it said.

Ids commit out of order on PostgreSQL, so that there is no "last id read": each look reads all ids of the last minute
again and takes those it has not seen. What wakes it (a commit of this process, the watcher of the file, Redis) says
"look" and nothing more; where nothing wakes it, it looks every two seconds. See docs/adr/0018-live-streams.md.

Claims leave no journal: those that count now are read each time and held against those of the last look, so that the
end of a lease, which nobody writes, is found like any other change.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db import connections
from django.db.models import Count

from dispatch import claims
from dispatch.live.audience import COLUMNS, audiences
from dispatch.live.hub import EVERYBODY, Audience, Hub, Message
from dispatch.models import Notice
from gridgov.common import clock
from gridgov.common.models import ReferenceRevision
from incidents.models import Incident, JournalEntry
from incidents.services.adopt import ADOPTED

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
#: Looks keep at least this distance, so that a flood of commits is read in sets.
PAUSE_SECONDS = 0.1
#: An entry is missed only if its transaction stays open this long after a later one was seen.
OVERLAP_SECONDS = 60.0
#: More at once than this, and imported cases, are not told one by one: everybody fetches everything, …
FLOOD = 2000
#: … but not more often than this.
FLOOD_SECONDS = 30.0
#: So many entries of before the start are known to those who come from another process.
BEFORE = 500

_ENTRY = ("id", "incident_id", "seq", "action", "status_from", "status_to", "incident__number")


class Window:
    """The ids of a growing table that were seen lately, of which late ones are still expected."""

    def __init__(self, *, overlap: float = OVERLAP_SECONDS) -> None:
        self.floor = 0
        self._overlap = overlap
        self._seen: set[int] = set()
        self._order: deque[tuple[float, int]] = deque()

    def fresh(self, ids: Iterable[int]) -> list[int]:
        """Those of ``ids`` (all above ``floor``) that were not seen; they stay so until :meth:`see`."""
        return [one for one in ids if one not in self._seen]

    def see(self, new: list[int], *, at: float) -> None:
        """These are seen from now on. ``at``: seconds of a steady clock."""
        self._seen.update(new)
        self._order.extend((at, one) for one in new)
        before = self.floor
        if len(new) > FLOOD:
            # as many again with each look would be dear; who calls says that latecomers were lost
            self.floor = max(self.floor, max(new))
            self._order.clear()
        while self._order and self._order[0][0] < at - self._overlap:
            self.floor = max(self.floor, self._order.popleft()[1])
        if self.floor != before:
            self._seen = {one for one in self._seen if one > self.floor}


class Reader:
    """A thread that looks and says. ``call`` runs a function where the streams live."""

    def __init__(
        self, hub: Hub, call: Callable[[Callable[[], None]], object], *, poll: float = POLL_SECONDS,
        overlap: float = OVERLAP_SECONDS,
    ) -> None:  # fmt: skip
        self._hub = hub
        self._call = call
        self._poll = poll
        self._entries = Window(overlap=overlap)
        self._notices = Window(overlap=overlap)
        self._overlap = overlap
        self._tokens: dict[str, str] = {}
        #: case → who held it at the last look, and when the first of those leases ends
        self._held: dict[int, int] = {}
        self._lease_ends: datetime | None = None
        #: when everybody is next told to fetch everything, and for the last time after a flood
        self._gap_due: float | None = None
        self._gap_final: float | None = None
        self._gap_told = float("-inf")
        self._wanted = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="live-reader", daemon=True)
        self.looked_at = time.monotonic()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nothing is read or said after this returns."""
        self._stopping = True
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def poke(self, **_signal: Any) -> None:
        """Soon after this it looks. Fits a signal and a listener of ``gridgov.common.wake``."""
        self._wanted.set()

    def _run(self) -> None:
        begun = False
        while not self._stopping:
            self._wanted.clear()
            try:
                if not begun:
                    self.begin()
                    begun = True
                self.look()
            except Exception:
                logger.exception("cannot read what is new; tried again")
                connections.close_all()
            ended = time.monotonic()
            if self._wanted.wait(self._patience()) and not self._stopping:
                # after a silence at once
                time.sleep(max(0.0, ended + PAUSE_SECONDS - time.monotonic()))
        connections.close_all()

    def _patience(self) -> float:
        """Seconds until it looks unasked: soon after the first lease ends, if that is earlier than usual.

        The end is the database's clock's; where ours is ahead of it, the usual look finds it.
        """
        if self._lease_ends is None:
            return self._poll
        left = (self._lease_ends - clock.now()).total_seconds()
        return min(self._poll, left + PAUSE_SECONDS) if left > 0 else self._poll

    # --- reading ---

    def begin(self) -> None:
        """What stands in the database is known; the last of it can be told to those who come from elsewhere."""
        at = time.monotonic()
        ids = list(JournalEntry.objects.order_by("-id").values_list("id", flat=True)[:BEFORE])
        self._entries.floor = ids[-1] - 1 if ids else 0
        self._entries.see(ids[::-1], at=at)
        latest = Notice.objects.order_by("-id").values_list("id", flat=True).first() or 0
        self._notices.floor = max(0, latest - BEFORE)
        self._notices.see(self._ids(Notice, self._notices), at=at)
        self._tokens = dict(ReferenceRevision.objects.values_list("name", "token"))
        noted: list[Callable[[], None]] = []
        self._of_claims(0, noted)
        noted[0]()
        known = self._of_entries(ids, at_ms=None)
        oldest = min((message.at_ms for message in known), default=int(clock.now().timestamp() * 1000))
        self._hub.remember(known, whole_since_ms=oldest if len(ids) == BEFORE else 0)

    def look(self) -> int:
        """Everything committed by now has been said to who may hear it; how many messages that were.

        Only then does it count as read: where the database leaves in the middle the next look reads and says it.
        """
        at = time.monotonic()
        now_ms = int(clock.now().timestamp() * 1000)
        noted: list[Callable[[], None]] = []
        fresh = self._entries.fresh(self._ids(JournalEntry, self._entries))
        noted.append(lambda: self._entries.see(fresh, at=at))
        messages = self._of_entries(fresh, at_ms=now_ms) if 0 < len(fresh) <= FLOOD else []
        if len(messages) < len(fresh):
            self._flood(at, now_ms)
        messages += self._gaps(at, now_ms, noted)
        messages += self._of_claims(now_ms, noted)
        messages += self._of_notices(at, now_ms, noted)
        messages += self._of_reference(now_ms, noted)
        if messages:
            self._hub.say(messages, self._call)
        for note in noted:
            note()
        self.looked_at = time.monotonic()
        return len(messages)

    def _flood(self, at: float, now_ms: int) -> None:
        """More happened than is told: whoever comes back must fetch everything, and who is here soon hears of it."""
        self._hub.forget(now_ms)
        self._gap_due = max(at, self._gap_told + FLOOD_SECONDS) if self._gap_due is None else self._gap_due
        # by then whatever of the flood came late is known
        self._gap_final = at + max(self._overlap, FLOOD_SECONDS)

    def _gaps(self, at: float, now_ms: int, noted: list[Callable[[], None]]) -> list[Message]:
        is_due = self._gap_due is not None and at >= self._gap_due
        if not is_due and (self._gap_final is None or at < self._gap_final):
            return []

        def note() -> None:
            if is_due:
                self._gap_due = None
            else:
                self._gap_final = None
            self._gap_told = at

        noted.append(note)
        return [Message("gap", {}, ("gap", 0), EVERYBODY, now_ms)]

    @staticmethod
    def _ids(model: Any, window: Window) -> list[int]:
        return list(model.objects.filter(id__gt=window.floor).order_by("id").values_list("id", flat=True))

    @staticmethod
    def _of_entries(ids: list[int], *, at_ms: int | None) -> list[Message]:
        """What is to be said of the entries. ``at_ms`` None: each at the time that it was written."""
        rows = list(
            JournalEntry.objects.filter(id__in=ids)
            .exclude(action=ADOPTED)
            .order_by("id")
            .values_list(*_ENTRY, "recorded_at", *(f"incident__{name}" for name in COLUMNS))
        )
        who = audiences({row[1]: row[len(_ENTRY) + 1 :] for row in rows}) if rows else {}
        return [
            Message(
                "case",
                {"n": number, "seq": seq, "action": action, "from": status_from, "to": status_to},
                ("case", incident_id),
                who[incident_id],
                int(recorded_at.timestamp() * 1000) if at_ms is None else at_ms,
            )
            for _id, incident_id, seq, action, status_from, status_to, number, recorded_at, *_case in rows
        ]

    def _of_claims(self, now_ms: int, noted: list[Callable[[], None]]) -> list[Message]:
        """The cases that another person holds than at the last look, or nobody any more: their numbers, no names."""
        standing = claims.standing()
        held = {incident_id: user_id for incident_id, (user_id, _until) in standing.items()}
        changed = [pk for pk in held.keys() | self._held.keys() if held.get(pk) != self._held.get(pk)]
        rows = list(Incident.objects.filter(pk__in=changed).values_list("pk", "number", *COLUMNS)) if changed else []
        who = audiences({row[0]: row[2:] for row in rows}) if rows else {}

        def note() -> None:
            self._held = held
            self._lease_ends = min((until for _user, until in standing.values()), default=None)

        noted.append(note)
        return [Message("claim", {"n": number}, ("claim", pk), who[pk], now_ms) for pk, number, *_case in sorted(rows)]

    def _of_notices(self, at: float, now_ms: int, noted: list[Callable[[], None]]) -> list[Message]:
        """Each person who got a notice hears how many wait."""
        fresh = self._notices.fresh(self._ids(Notice, self._notices))
        noted.append(lambda: self._notices.see(fresh, at=at))
        if not fresh or len(fresh) > FLOOD:
            return []
        users = set(Notice.objects.filter(id__in=fresh).values_list("user_id", flat=True))
        waiting = dict(
            Notice.objects.filter(user__in=users, read_at__isnull=True)
            .order_by()
            .values_list("user_id")
            .annotate(count=Count("id"))
        )
        return [
            Message(
                "notice", {"unread": waiting.get(user_id, 0)}, ("notice", user_id),
                Audience(frozenset({("user", user_id)})), now_ms,
            )
            for user_id in sorted(users)
        ]  # fmt: skip

    def _of_reference(self, now_ms: int, noted: list[Callable[[], None]]) -> list[Message]:
        tokens = dict(ReferenceRevision.objects.values_list("name", "token"))
        changed = [name for name, token in tokens.items() if self._tokens.get(name) != token]

        def note() -> None:
            self._tokens = tokens

        noted.append(note)
        return [
            Message("reference", {"name": name}, ("reference", name), EVERYBODY, now_ms) for name in sorted(changed)
        ]
