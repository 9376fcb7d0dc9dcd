"""The ASGI callable: streams first, pages as WSGI, background parts as long as the server lives."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from gridgov.asgi import Application


class Part:
    def __init__(self, name, log, *, fails=False):
        self.name, self.log, self.fails = name, log, fails

    def start(self):
        if self.fails:
            raise RuntimeError(f"{self.name} is broken")
        self.log.append(f"start {self.name}")

    def stop(self):
        self.log.append(f"stop {self.name}")


def talk(application, scope, *messages):
    """What the application sends when it receives ``messages``."""
    sent = []
    incoming = list(messages)

    async def receive():
        return incoming.pop(0)

    async def send(message):
        sent.append(message)

    # in a thread of its own: a browser test of the same process leaves a loop running in this one
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, application(scope, receive, send)).result()
    return sent


def test_parts_live_as_long_as_the_server_and_stop_in_reverse():
    log = []
    application = Application(parts=[Part("worker", log), Part("beat", log)])
    sent = talk(application, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert log == ["start worker", "start beat", "stop beat", "stop worker"]


def test_part_that_does_not_start_stops_the_server_and_those_before_it():
    log = []
    application = Application(parts=[Part("worker", log), Part("beat", log, fails=True), Part("watcher", log)])
    sent = talk(application, {"type": "lifespan"}, {"type": "lifespan.startup"})
    assert sent == [{"type": "lifespan.startup.failed", "message": "beat is broken"}]
    assert log == ["start worker", "stop worker"]


def test_stream_is_served_ahead_of_the_pages():
    async def stream(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data: 1\n\n"})

    application = Application(streams={"/stream/": stream})
    sent = talk(application, {"type": "http", "path": "/stream/"}, {"type": "http.request"})
    assert sent[1]["body"] == b"data: 1\n\n"


def test_websocket_is_refused():
    sent = talk(Application(), {"type": "websocket", "path": "/"}, {"type": "websocket.connect"})
    assert sent == [{"type": "websocket.close", "code": 1000}]
