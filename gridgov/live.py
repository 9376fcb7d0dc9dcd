"""The event streams as bare ASGI callables: ``/live/stream`` (Server-Sent Events), ``/live/changes`` (the same asked
for, where streams cannot pass) and ``/live/health``.

An open stream is one task that waits for the browser to leave, and nothing else: what there is to send is handed to
the server at once, and only where that has to wait for the browser does a task wait with it. A browser that reads too
slowly has at most :data:`dispatch.live.hub.LIMIT` events waiting; then they are dropped and it is told to fetch
everything (``gap``).
"""

import asyncio
import json
import logging
import time
import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.http import parse_cookie

from dispatch.claims import claim_changed
from dispatch.live.door import AGAIN_SECONDS, Door, viewers_of
from dispatch.live.hub import LIMIT, Hub, Viewer, payload
from dispatch.live.reader import Reader
from dispatch.live.wire import Ear
from gridgov.common import clock, wake
from incidents.signals import incident_changed

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_STREAMS = 20_000
#: The reader looks every two seconds; silent for this long, it is ill.
SILENT_SECONDS = 30
#: An event, because a page is never told of a comment: it finds out that the connection is dead.
HEARTBEAT = b"event: beat\ndata: {}\n\n"
RETRY_MS = 3000


class Stream:
    """One open stream. Lives in its loop; the hub calls ``offer`` and ``end`` there."""

    __slots__ = ("__weakref__", "_ending", "_loop", "_send", "_task", "_waiting", "hub", "is_over", "session", "viewer")

    def __init__(self, viewer: Viewer, session: str, hub: Hub, send: Send) -> None:
        self.viewer = viewer
        self.session = session
        self.hub = hub
        self.is_over = False
        self._ending = False
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None

    def offer(self, payloads: list[bytes]) -> None:
        """The payloads are sent in order, or, if too many wait already, all that wait are dropped for a ``gap``."""
        if self._ending or self.is_over:
            return
        if len(self._waiting) + len(payloads) > LIMIT:
            self._waiting.clear()
            payloads = [payload("gap", {}, self.hub.place())]
        self._waiting.extend(payloads)
        self._flush()

    def beat(self) -> None:
        """The connection is kept open by whoever stands between, and found out if it is not."""
        if not self._waiting and self._task is None:
            self.offer([HEARTBEAT])

    def end(self) -> None:
        """Nothing more is sent but the end of the answer."""
        if not self._ending:
            self._ending = True
            self._waiting.clear()
            self._flush()

    def over(self) -> None:
        """The browser has left."""
        self.is_over = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def _flush(self) -> None:
        if self._task is None:
            self._task = _begun(self._sending(), self._loop)

    async def _sending(self) -> None:
        try:
            while self._waiting:
                body = b"".join(self._waiting)
                self._waiting.clear()
                await self._send({"type": "http.response.body", "body": body, "more_body": True})
            if self._ending:
                # whoever waits for the browser to leave is told so by the server
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            self.is_over = True
        finally:
            self._task = None


def _begun(sending: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
    """Runs it up to where it first has to wait, now and here; a task for the rest, None if nothing is left.

    Of ten thousand streams hardly one has to wait: a task for each would cost as much as the sending itself.
    """
    try:
        waits = sending.send(None)
    except StopIteration:
        return None
    return loop.create_task(_continued(sending, waits))


async def _continued(begun: Coroutine[Any, Any, None], waits: Any) -> None:
    await _rest(begun, waits)


@types.coroutine
def _rest(begun: Coroutine[Any, Any, None], waits: Any) -> Generator[Any, Any, None]:
    """Waits for what it waits for, and hands on to it whatever is sent or thrown in."""
    try:
        while True:
            try:
                yield waits
            except BaseException as error:
                waits = begun.throw(error)
            else:
                waits = begun.send(None)
    except StopIteration:
        return


class Live:
    """The streams of a process: a background part that reads and looks after them, and the callables by path."""

    def __init__(self, *, most: int = MOST_STREAMS, again: float = AGAIN_SECONDS, **reading: Any) -> None:
        self.hub = Hub()
        self._most = most
        self._again = again
        self._reading = reading
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader: Reader | None = None
        self._ear: Ear | None = None
        self._door = Door(self._look_again, every=min(1.0, again))
        self._turn = 0
        self._is_closing = False

    def paths(self) -> dict[str, ASGIApp]:
        """What to mount where."""
        return {"/live/stream": self.stream, "/live/changes": self.changes, "/live/health": self.health}

    def figures(self) -> dict[str, int]:
        """How many streams are open, for the process's sign of life."""
        return {"streams": len(self.hub)}

    # --- a background part ---

    def start(self) -> None:
        """What is committed from now on is heard."""
        self._is_closing = False
        self._reader = Reader(self.hub, self._call, **self._reading)
        self._reader.start()
        self._door.start()
        wake.on_change(self._reader.poke)
        for signal in (incident_changed, claim_changed):
            signal.connect(self._reader.poke, weak=False, dispatch_uid=self)
        if settings.REDIS_URL:
            self._ear = Ear(settings.REDIS_URL, self._reader.poke)
            self._ear.start()

    def stop(self) -> None:
        """No thread of ours runs, no stream is open."""
        self._call(self.close)
        if self._ear is not None:
            self._ear.stop()
        if self._reader is not None:
            for signal in (incident_changed, claim_changed):
                signal.disconnect(dispatch_uid=self)
            wake.forget(self._reader.poke)
            self._reader.stop()
        self._door.stop()

    def close(self) -> None:
        """Every stream is told its end, and none is opened any more. Called in the loop, when the server goes down."""
        self._is_closing = True
        for listener in self.hub.listeners():
            listener.end()

    def poke(self) -> None:
        """The journal is looked at soon."""
        if self._reader is not None:
            self._reader.poke()

    def _call(self, function: Callable[[], None]) -> None:
        """Runs in the loop of the streams; without streams there is nobody to call."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:
            logger.debug("the server's loop is over")

    def _look_again(self) -> None:
        """A share of the streams gets its heartbeat and is looked at again; each comes round in ``again`` seconds."""
        shares = max(1, int(self._again))
        self._turn = (self._turn + 1) % shares
        mine = [one for one in self.hub.listeners() if isinstance(one, Stream) and id(one) // 64 % shares == self._turn]
        if not mine:
            return
        self._call(lambda: [one.beat() for one in mine] and None)
        for start in range(0, len(mine), 500):
            chunk = mine[start : start + 500]
            viewers = viewers_of({one.session for one in chunk})
            gone = []
            for one in chunk:
                viewer = viewers.get(one.session)
                if viewer is None or viewer.user_id != one.viewer.user_id:
                    self.hub.leave(one)
                    gone.append(one)
                elif viewer != one.viewer:
                    self.hub.revise(one, viewer)
            if gone:
                self._call(lambda gone=gone: [one.end() for one in gone] and None)

    # --- ASGI ---

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Events until the browser leaves, the session ends or the server does."""
        asked = await self._admitted(scope, send)
        if asked is None:
            return
        viewer, session, last = asked
        if len(self.hub) >= self._most:
            await _refuse(send, 503, "too many streams")
            return
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream; charset=utf-8"),
                    (b"cache-control", b"no-store"),
                    (b"x-accel-buffering", b"no"),
                ],
            }
        )
        stream = Stream(viewer, session, self.hub, send)
        place, missed = self.hub.join(stream, last)
        first = payload("hello", {"now": _now_ms()}, place)
        stream.offer([f"retry: {RETRY_MS}\n".encode() + first])
        stream.offer([payload("gap", {}, place)] if missed is None else missed)
        if self._is_closing:
            stream.end()
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self.hub.leave(stream)
            stream.over()

    async def changes(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What came since the place ``last``, as one JSON document: place, now, gap, events."""
        asked = await self._admitted(scope, send)
        if asked is None:
            return
        viewer, _session, last = asked
        place, missed = self.hub.missed(viewer, last)
        document = {
            "id": place,
            "now": _now_ms(),
            "gap": missed is None,
            "events": [{"kind": message.kind, **message.data} for message in missed or ()],
        }
        await _answer(send, 200, json.dumps(document, ensure_ascii=False).encode(), b"application/json")

    async def health(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 while the journal is read, else 503; how many streams are open."""
        reader = self._reader
        is_well = reader is not None and time.monotonic() - reader.looked_at < SILENT_SECONDS
        document = {"status": "ok" if is_well else "fail", "streams": len(self.hub)}
        await _answer(send, 200 if is_well else 503, json.dumps(document).encode(), b"application/json")

    async def _admitted(self, scope: Scope, send: Send) -> tuple[Viewer, str, str] | None:
        """Who asks, by which session and since when; None if he was refused."""
        self._loop = asyncio.get_running_loop()
        if scope["method"] != "GET":
            await _refuse(send, 405, "GET only")
            return None
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
        session = cookies.get(settings.SESSION_COOKIE_NAME, "")
        if self._is_closing:
            await _refuse(send, 503, "closing")
            return None
        try:
            viewer = await self._door.admit(session) if len(session) <= 64 and session.isalnum() else None
        except OSError:
            await _refuse(send, 503, "not ready")
            return None
        if viewer is None:
            await _refuse(send, 401, "sign in")
            return None
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        last = headers.get(b"last-event-id", b"").decode("latin-1") or query.get("last", [""])[0]
        return viewer, session, last


def _now_ms() -> int:
    return int(clock.now().timestamp() * 1000)


async def _refuse(send: Send, status: int, words: str) -> None:
    await _answer(send, status, words.encode(), b"text/plain")


async def _answer(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"cache-control", b"no-store"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
