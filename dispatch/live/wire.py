""" "Look" between processes, by Redis: said after a commit, heard by the processes that carry streams.

The word carries nothing: the journal is the message. One that is lost is made good by the reader's next look.
"""

import logging
from collections.abc import Callable

import redis
from django.conf import settings

from dispatch.delivery import Poker
from gridgov.common.background import Background

logger = logging.getLogger(__name__)

CHANNEL = "gridgov:live"
_PAUSES = (1.0, 2.0, 5.0, 10.0)


class Teller:
    """Says "look" to all who listen at the channel. The connection is made at the first word."""

    def __init__(self) -> None:
        self._client: redis.Redis | None = None

    def tell(self) -> None:
        if self._client is None:
            self._client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)
        self._client.publish(CHANNEL, b"")


#: Told by ``incident_changed``: at most once each 100 ms a process, by a thread of its own, never in the caller's time.
poker = Poker(Teller().tell)


class Ear(Background):
    """A thread that hears the word and calls ``heard``; it comes back by itself after Redis was away."""

    def __init__(self, url: str, heard: Callable[[], object]) -> None:
        self._url = url
        self._heard = heard
        super().__init__("live-ear")

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            client = redis.Redis.from_url(self._url, socket_connect_timeout=2, socket_timeout=5)
            try:
                with client.pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(CHANNEL)
                    # what was said while nobody listened
                    self._heard()
                    while not self._stop.is_set():
                        if channel.get_message(timeout=0.5) is not None:
                            failures = 0
                            self._heard()
            except redis.RedisError as error:
                if not failures:
                    logger.warning("Redis does not answer; the journal is looked at every few seconds: %s", error)
                self._stop.wait(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
            finally:
                client.close()
