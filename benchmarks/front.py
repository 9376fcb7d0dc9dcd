"""What a reverse proxy does, for the benchmarks: one address, ``/live/`` to the streams, the rest to the web server.

A connection a request, as a proxy on its defaults has towards the servers behind it. Runs in a thread of its own.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

HEAD_LIMIT = 64 * 1024


@contextlib.contextmanager
def front(web: str, streams: str) -> Iterator[str]:
    """The address at which both are one, inside the block."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    found: list[int] = []

    async def serve() -> None:
        server = await asyncio.start_server(lambda r, w: _pass(r, w, web, streams), "127.0.0.1", 0, limit=HEAD_LIMIT)
        found.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    task = loop.create_task(serve())
    thread = threading.Thread(target=run, name="front", daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield f"http://127.0.0.1:{found[0]}"
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, web: str, streams: str) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        path = first.split(b" ")[1]
        address = urlsplit(streams if path.startswith(b"/live/") else web)
        kept = [line for line in lines if not line.lower().startswith((b"connection:", b"keep-alive:"))]
        behind_reader, behind = await asyncio.open_connection(address.hostname, address.port)
        behind.write(b"\r\n".join([first, *kept, b"Connection: close", b"", b""]))
        await asyncio.gather(_pour(reader, behind), _pour(behind_reader, writer, close=True))
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
        writer.close()


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, close: bool = False) -> None:
    try:
        while data := await source.read(HEAD_LIMIT):
            target.write(data)
            await target.drain()
    except OSError:
        pass
    finally:
        if close:
            target.close()
        elif target.can_write_eof():
            # the browser has left: the server behind hears of it
            with contextlib.suppress(OSError):
                target.close()
