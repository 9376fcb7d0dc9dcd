"""The server of ``serve`` and ``live``: says when it is ready, and ends its streams before it waits for requests."""

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from gridgov.asgi import Application
from gridgov.live import Live

#: Seconds that open requests are given at the end.
GRACE_SECONDS = 5


class Server(uvicorn.Server):
    """uvicorn with our application. ``ready`` is called once it listens."""

    def __init__(
        self, application: Application, *, live: Live, host: str, port: int, ready: Callable[[], object]
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                host=host,
                port=port,
                lifespan="on",
                interface="asgi3",
                access_log=False,
                log_level="warning",
                timeout_graceful_shutdown=GRACE_SECONDS,
                backlog=4096,
            )
        )
        self._live = live
        self._say_ready = ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._say_ready()

    async def shutdown(self, sockets: Any = None) -> None:
        # A stream never ends by itself: uvicorn would wait for it as long as for any request.
        self._live.close()
        await super().shutdown(sockets=sockets)


def run(server: Server) -> None:
    """Serves until SIGINT or SIGTERM, then ends the process with 0."""
    # The server ends in good order on these two and then raises the signal once more for us.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    server.run()


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
