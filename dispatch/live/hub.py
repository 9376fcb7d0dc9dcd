"""Who listens, who may hear what, and what was said lately (no database).

An event names a case and what kind of thing happened to it, never more: the browser then asks for what it shows by
the ordinary way, permissions and all. Still nobody hears of a case that he could not open. A viewer is the set of what
gives him sight (areas, departments, himself); a case's audience is the same from the other side; they meet or do not.
"""

import json
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Key = tuple[str, int]

#: What is said to everybody who is signed in.
ALL: Key = ("all", 0)
#: So many events are kept for those who were away.
KEPT = 4000
#: Whoever missed more is told to fetch everything; so is a stream in which more than this waits to be sent.
LIMIT = 100
#: A time of another process, or of a page, is taken to be right within so many milliseconds.
SLACK_MS = 30_000
PAGE_SLACK_MS = 5_000

_PLACE = re.compile(r"([0-9a-f]{1,8})-(\d{1,12})-(\d{1,14})")
_PAGE = "0"


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person as of now: what lets him see a case. ``ALL`` and ("user", his id) are always among his keys."""

    user_id: int
    keys: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may open a case: who has one of ``keys``, and where ``named`` is given only if he is named as well."""

    keys: frozenset[Key]
    named: frozenset[int] | None = None

    def includes(self, viewer: Viewer) -> bool:
        if self.named is not None and viewer.user_id not in self.named:
            return False
        return not self.keys.isdisjoint(viewer.keys)


EVERYBODY = Audience(frozenset({ALL}))


@dataclass(frozen=True, slots=True)
class Message:
    """What is said. ``subject``: the thing that it is about, of which the last word is enough."""

    kind: str
    data: Mapping[str, Any]
    subject: tuple[str, Any]
    audience: Audience
    at_ms: int


class Listener(Protocol):
    """A stream. ``viewer`` is set by the hub alone."""

    viewer: Viewer

    def offer(self, payloads: list[bytes]) -> None: ...

    def end(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Said:
    place: int
    message: Message
    payload: bytes


def payload(kind: str, data: Mapping[str, Any], place: str) -> bytes:
    """An event as it goes over the wire."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\nid: {place}\ndata: {text}\n\n".encode()


class Hub:
    """Safe to use from any thread. Listeners are called where the streams live, in one go."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._lock = threading.Lock()
        self._boot = secrets.token_hex(4)
        self._said: deque[_Said] = deque(maxlen=kept)
        self._last: dict[tuple[str, Any], _Said] = {}
        self._place = 0
        self._at_ms = 0
        #: everything said since then is kept
        self._whole_since_ms = 0
        self._listeners: dict[Key, set[Listener]] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many listen."""
        return self._count

    def place(self) -> str:
        """Where the tale now stands, for a later ``missed``."""
        with self._lock:
            return self._name(self._place, self._at_ms)

    def _name(self, place: int, at_ms: int) -> str:
        return f"{self._boot}-{place}-{at_ms}"

    # --- listening ---

    def join(self, listener: Listener, last: str) -> tuple[str, list[bytes] | None]:
        """The listener hears everything from now on: (where we are, what it missed since ``last``).

        None in place of a list: it missed more than is known here, and must fetch everything.
        """
        with self._lock:
            self._enter(listener)
            return self._name(self._place, self._at_ms), self._payloads(self._missed(listener.viewer, last))

    def leave(self, listener: Listener) -> None:
        """The listener hears nothing more. Twice is as once."""
        with self._lock:
            self._remove(listener)

    def revise(self, listener: Listener, viewer: Viewer) -> None:
        """From now on the listener hears what ``viewer`` may."""
        with self._lock:
            if self._remove(listener):
                listener.viewer = viewer
                self._enter(listener)

    def listeners(self) -> list[Listener]:
        """All of them."""
        with self._lock:
            return list(self._listeners.get(ALL, ()))

    def missed(self, viewer: Viewer, last: str) -> tuple[str, list[Message] | None]:
        """As :meth:`join`, for somebody who only asks."""
        with self._lock:
            found = self._missed(viewer, last)
            return self._name(self._place, self._at_ms), None if found is None else [said.message for said in found]

    def _enter(self, listener: Listener) -> None:
        for key in listener.viewer.keys:
            self._listeners.setdefault(key, set()).add(listener)
        self._count = len(self._listeners[ALL])

    def _remove(self, listener: Listener) -> bool:
        if listener not in self._listeners.get(ALL, ()):
            return False
        for key in listener.viewer.keys:
            held = self._listeners[key]
            held.discard(listener)
            if not held and key != ALL:
                del self._listeners[key]
        self._count = len(self._listeners[ALL])
        return True

    def _missed(self, viewer: Viewer, last: str) -> list[_Said] | None:
        if not last:
            return []
        match = _PLACE.fullmatch(last)
        if match is None:
            return None
        boot, place, at_ms = match[1], int(match[2]), int(match[3])
        if boot == self._boot:
            if place > self._place or (self._said and self._said[0].place > place + 1):
                return None
            later = [said for said in self._said if said.place > place]
        else:
            since = at_ms - (PAGE_SLACK_MS if boot == _PAGE else SLACK_MS)
            if since < self._whole_since_ms:
                return None
            later = [said for said in self._said if said.message.at_ms >= since]
        # The last word on each thing, by whoever may know of it *now*: the case may have moved away since.
        found = [
            said
            for said in later
            if self._last.get(said.message.subject) is said and said.message.audience.includes(viewer)
        ]
        return found if len(found) <= LIMIT else None

    @staticmethod
    def _payloads(found: list[_Said] | None) -> list[bytes] | None:
        return None if found is None else [said.payload for said in found]

    # --- saying ---

    def say(self, messages: Iterable[Message], call: Callable[[Callable[[], None]], object]) -> int:
        """Everybody who may hear of it has been offered each message, in order; to how many streams.

        ``call`` is given one function, to be run where the streams live.
        """
        offers: dict[Listener, list[bytes]] = {}
        with self._lock:
            for message in messages:
                said = self._keep(message)
                for listener in self._hearing(message.audience):
                    offers.setdefault(listener, []).append(said.payload)
        if offers:
            call(lambda: _offer(offers))
        return len(offers)

    def remember(self, messages: Iterable[Message], *, whole_since_ms: int) -> None:
        """What was said before this process began, for those who come from another; nobody is told."""
        with self._lock:
            for message in messages:
                self._keep(message)
            self._whole_since_ms = max(self._whole_since_ms, whole_since_ms)

    def forget(self, at_ms: int) -> None:
        """Who comes back from before ``at_ms`` must fetch everything: more happened than was read."""
        with self._lock:
            self._said.clear()
            self._last.clear()
            self._boot = secrets.token_hex(4)
            self._whole_since_ms = at_ms

    def _keep(self, message: Message) -> _Said:
        self._place += 1
        self._at_ms = max(self._at_ms, message.at_ms)
        if len(self._said) == self._said.maxlen:
            dropped = self._said[0]
            self._whole_since_ms = max(self._whole_since_ms, dropped.message.at_ms + 1)
            if self._last.get(dropped.message.subject) is dropped:
                del self._last[dropped.message.subject]
        said = _Said(self._place, message, payload(message.kind, message.data, self._name(self._place, message.at_ms)))
        self._said.append(said)
        self._last[message.subject] = said
        return said

    def _hearing(self, audience: Audience) -> set[Listener]:
        if audience.named is not None:
            near = (self._listeners.get(("user", user_id), ()) for user_id in audience.named)
            return {one for held in near for one in held if audience.includes(one.viewer)}
        return {one for key in audience.keys for one in self._listeners.get(key, ())}


def _offer(offers: Mapping[Listener, list[bytes]]) -> None:
    for listener, payloads in offers.items():
        listener.offer(payloads)
