"""A bounded load on loopback: so many clients in a closed loop, each request on a connection of its own.

One connection a request is what a reverse proxy on its defaults makes, and it leaves to the kernel which worker
answers: kept connections of two clients may both end at one of two workers.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 30
#: A request as bytes and what to do with its answer (status, body), by the number of the client.
Next = Callable[[int], tuple[bytes, Callable[[int, bytes], None] | None]]


@dataclass
class Loaded:
    """What came of it: seconds of each request, statuses, bytes of the bodies, and how long all took."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    size: int = 0
    took: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.took if self.took else 0.0


def request(
    method: str, path: str, *, token: str = "", cookie: str = "", body: bytes = b"", accept: str = "application/json"
) -> bytes:
    """The bytes of one request after which the server closes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Accept: {accept}", "Connection: close"]
    if token:
        lines.append(f"Authorization: Token {token}")
    if cookie:
        lines.append(f"Cookie: {cookie}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join((*lines, "", "")).encode() + body


def ask(address: tuple[str, int], sent: bytes) -> tuple[int, bytes]:
    """Status and body of the answer, read to its end."""
    with socket.create_connection(address, timeout=TIMEOUT_SECONDS) as one:
        one.sendall(sent)
        parts = []
        while part := one.recv(262_144):
            parts.append(part)
    head, _blank, body = b"".join(parts).partition(b"\r\n\r\n")
    if not head:
        return 0, b""
    if b"transfer-encoding: chunked" in head.lower():
        body = _joined(body)
    return int(head[9:12]), body


def _joined(body: bytes) -> bytes:
    found = []
    while body:
        size, _end, body = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        found.append(body[:length])
        body = body[length + 2 :]
    return b"".join(found)


def run(url: str, following: Next, *, clients: int, seconds: float, most: int = 100_000) -> Loaded:
    """``clients`` ask one after the other for ``seconds``, and not more than ``most`` times in all."""
    parts = urlsplit(url)
    if parts.hostname != "127.0.0.1" or parts.port is None:
        raise SystemExit("a load runs against this machine only")
    address = ("127.0.0.1", parts.port)
    done = [Loaded() for _ in range(clients)]
    until = time.perf_counter() + seconds

    def work(number: int) -> None:
        mine = done[number]
        while time.perf_counter() < until and len(mine.seconds) < most // clients:
            sent, then = following(number)
            begun = time.perf_counter()
            try:
                status, body = ask(address, sent)
            except OSError:
                status, body = 0, b""
            mine.seconds.append(time.perf_counter() - begun)
            mine.statuses[status] += 1
            mine.size += len(body)
            if then is not None:
                then(status, body)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Loaded(took=time.perf_counter() - begun)
    for mine in done:
        whole.seconds += mine.seconds
        whole.statuses += mine.statuses
        whole.size += mine.size
    return whole
