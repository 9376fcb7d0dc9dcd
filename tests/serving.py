"""The site as ``serve`` runs it, in a thread of the test: real sockets, real streams."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.test import Client

from gridgov.asgi import Application
from gridgov.live import Live
from gridgov.management.serving import Server


@dataclass
class Site:
    """A running server."""

    url: str
    port: int
    live: Live
    server: Server


@contextlib.contextmanager
def serving(*, pages: bool = True, **options: Any) -> Iterator[Site]:
    """The site answers inside the block; after it no thread of it runs. ``options`` are those of ``Live``."""
    live = Live(**options)
    more = {} if pages else {"pages": None}
    ready = threading.Event()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = Server(
            Application(streams=live.paths(), parts=[live], **more), live=live, host="127.0.0.1", port=port,
            ready=ready.set,
        )  # fmt: skip
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="site", daemon=True)
        thread.start()
        try:
            assert ready.wait(30)
            yield Site(f"http://127.0.0.1:{port}", port, live, server)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def cookie_of(user: Any) -> str:
    """The session key of somebody who has just signed in."""
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


class EventStream:
    """A stream as a browser holds it; waits for events, never for a time."""

    def __init__(self, site: Site, session: str, *, last: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
        headers = {"Cookie": f"sessionid={session}", "Accept": "text/event-stream"}
        if last:
            headers["Last-Event-ID"] = last
        self._connection.request("GET", "/live/stream", headers=headers)
        self.answer = self._connection.getresponse()
        self.status = self.answer.status
        self.place = last

    def next(self) -> tuple[str, Any] | None:
        """The next event as (kind, data); None when the stream has ended."""
        kind, data, said = "", None, False
        while line := self.answer.readline().decode():
            line = line.rstrip("\n")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("id: "):
                self.place = line[4:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            if line:
                said = True
            elif said:
                return kind, data
        return None

    def until(self, kind: str) -> Any:
        """The data of the next event of the kind; all others are passed over."""
        while (found := self.next()) is not None:
            if found[0] == kind:
                return found[1]
        raise AssertionError(f"the stream ended before {kind}")

    def ended(self) -> bool:
        """Reads to the end of the stream."""
        while self.next() is not None:
            pass
        return True

    def close(self) -> None:
        self._connection.close()


def get(site: Site, path: str, session: str = "") -> tuple[int, bytes]:
    """Status and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    try:
        connection.request("GET", path, headers={"Cookie": f"sessionid={session}"} if session else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
