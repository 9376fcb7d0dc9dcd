"""Event streams of several processes: a commit anywhere is heard everywhere, through Redis or without it."""

import threading
import urllib.error
import urllib.request

import pytest
from django.conf import settings

from dispatch.live import wire
from gridgov.live import Live
from incidents.signals import incident_changed
from tests.serving import EventStream, cookie_of, serving
from tests.worlds import make_world

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def test_process_of_the_streams_is_well_and_lets_nobody_in_without_a_session(stream_url):
    with urllib.request.urlopen(stream_url + "/live/health") as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(stream_url + "/live/stream")
    assert refused.value.code == 401


def test_word_told_after_a_commit_is_heard_by_who_listens(redis_url, monkeypatch):
    monkeypatch.setattr(settings, "REDIS_URL", redis_url)
    heard = threading.Semaphore(0)
    ear = wire.Ear(redis_url, heard.release)
    ear.start()
    try:
        assert heard.acquire(timeout=20)  # it listens
        teller = wire.Teller()
        teller.tell()
        assert heard.acquire(timeout=20)
        teller.tell()
        assert heard.acquire(timeout=20)
    finally:
        ear.stop()


def test_two_processes_of_streams_hear_the_same_case_by_redis(redis_url, monkeypatch):
    monkeypatch.setattr(settings, "REDIS_URL", redis_url)
    world = make_world()
    session = cookie_of(world.people["acceptor"])
    poker = wire.Poker(wire.Teller().tell)
    # so long a poll that only the word from Redis can wake the readers
    with serving(pages=False, poll=600) as one, serving(pages=False, poll=600) as two:
        # as in the web process, which carries no stream: only the teller hears the signal
        deaf(one.live)
        deaf(two.live)
        incident_changed.connect(poker.poke, weak=False, dispatch_uid="test")
        try:
            streams = [EventStream(site, session) for site in (one, two)]
            for stream in streams:
                stream.until("hello")
            number = world.report()
            assert [stream.until("case")["n"] for stream in streams] == [number, number]
        finally:
            incident_changed.disconnect(dispatch_uid="test")
            for stream in streams:
                stream.close()


def deaf(live: Live) -> None:
    """The live parts no longer hear commits of this process directly."""
    assert incident_changed.disconnect(dispatch_uid=live)


def test_without_redis_the_readers_look_by_themselves(monkeypatch):
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    world = make_world()
    with serving(pages=False, poll=0.2) as site:
        deaf(site.live)
        stream = EventStream(site, cookie_of(world.people["acceptor"]))
        stream.until("hello")
        number = world.report()
        assert stream.until("case")["n"] == number
        stream.close()
