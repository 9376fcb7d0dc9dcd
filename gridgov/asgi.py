"""What an ASGI server runs: raw streams first, everything else as WSGI in threads.

A stream is a bare ASGI callable, because a Django async view costs a thread an open connection. Background parts
(``manage.py serve``) live exactly as long as the server: its lifespan starts and stops them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from a2wsgi import WSGIMiddleware

from gridgov.wsgi import application as pages_

# isort: split
# Reads models, which the line above made ready.
from gridgov.live import Live

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

live = Live()
# Exact path: raw ASGI callable. It must check the session itself.
STREAMS: dict[str, ASGIApp] = live.paths()


class Part(Protocol):
    """Something that runs beside the pages. ``start`` returns when it runs, ``stop`` when it is over."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Application:
    """The site. ``threads`` requests are answered at once; more wait. Without ``pages`` the streams alone."""

    def __init__(
        self,
        *,
        streams: Mapping[str, ASGIApp] = STREAMS,
        parts: Sequence[Part] = (),
        pages: Any = pages_,
        threads: int = 8,
    ) -> None:
        self._streams = streams
        self._parts = parts
        self._pages: ASGIApp = _nothing if pages is None else WSGIMiddleware(pages, workers=threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._streams.get(scope["path"], self._pages)(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        started: list[Part] = []
        try:
            for part in self._parts:
                # In a thread: they use the ORM, which refuses to run in the event loop.
                await asyncio.to_thread(part.start)
                started.append(part)
        except Exception as error:
            logger.exception("a background part did not start")
            await _stop(started)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await _stop(started)
        await send({"type": "lifespan.shutdown.complete"})


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def _stop(parts: Sequence[Part]) -> None:
    for part in reversed(parts):
        try:
            await asyncio.to_thread(part.stop)
        except Exception:
            logger.exception("a background part did not stop")


application = Application(parts=[live])
