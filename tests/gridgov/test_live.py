"""The streams over real sockets: who is let in, what he hears, when it ends."""

import json
import socket
import threading
import time
from contextlib import closing
from datetime import timedelta

import pytest

from gridgov import live as module
from gridgov.accounts.models import Session
from gridgov.common import clock
from incidents.models import Incident
from personnel.models import Posting
from personnel.services import end_posting
from tests.serving import EventStream, cookie_of, get, serving
from tests.worlds import make_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def site(world):
    with serving(pages=False, again=0.05) as running:
        yield running


@pytest.fixture
def listen(world, site):
    opened = []

    def listening(login: str, *, last: str = "", session: str = "") -> EventStream:
        stream = EventStream(site, session or cookie_of(world.people[login]), last=last)
        opened.append(stream)
        assert stream.status == 200
        stream.until("hello")
        return stream

    yield listening
    for stream in opened:
        stream.close()


def until(condition, seconds: float = 20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def test_new_case_is_heard_on_an_open_stream_of_its_district_and_not_of_the_next(world, site, listen):
    here, there = listen("acceptor"), listen("acceptor_b")
    first = world.report()
    assert here.until("case") == {"n": first, "seq": 1, "action": "report", "from": "", "to": "reported"}
    second = world.report(by="acceptor_b", grid="620902001001001")
    assert there.until("case")["n"] == second


def test_stream_is_refused_without_a_session_and_given_with_one(world, site):
    assert get(site, "/live/stream")[0] == 401
    assert get(site, "/live/stream", "made-up")[0] == 401
    assert get(site, "/live/changes")[0] == 401
    assert get(site, "/live/changes", cookie_of(world.people["nobody"]))[0] == 200
    assert get(site, "/live/health")[0] == 200
    assert get(site, "/")[0] == 404


def test_stream_of_an_ended_session_or_a_closed_account_is_refused(world, site):
    ended, closed = cookie_of(world.people["acceptor"]), cookie_of(world.people["verifier"])
    Session.objects.filter(session_key=ended).update(expire_date=clock.now() - timedelta(seconds=1))
    type(world.people["verifier"]).objects.filter(username="verifier").update(is_active=False)
    assert get(site, "/live/stream", ended)[0] == get(site, "/live/stream", closed)[0] == 401


@pytest.mark.parametrize("how", ["logout", "password", "closed"])
def test_stream_ends_with_the_session(world, site, listen, how):
    session = cookie_of(world.people["acceptor"])
    stream = listen("acceptor", session=session)
    user = world.people["acceptor"]
    if how == "logout":
        Session.objects.filter(session_key=session).delete()
    elif how == "password":
        user.set_password("xin-mima-2026")
        user.save()
    else:
        user.is_active = False
        user.save()
    assert stream.ended()
    until(lambda: len(site.live.hub) == 0)


def test_stream_hears_by_what_its_person_may_see_now(world, site, listen):
    stream = listen("acceptor_street")
    worker = world.workers["acceptor_street"]
    yesterday = clock.local_date(clock.now()) - timedelta(days=1)
    for posting in Posting.objects.filter(worker=worker):
        end_posting(posting=posting, ends_on=yesterday, reason="调离")
    until(lambda: not any(kind == "area" for one in site.live.hub.listeners() for kind, _id in one.viewer.keys))
    world.report()
    witness = listen("acceptor", last="0-0-" + str(int(clock.now().timestamp() * 1000)))
    witness.until("case")
    site.live._call(site.live.close)  # in the loop, as the server does
    heard = []
    while (event := stream.next()) is not None:
        heard.append(event[0])
    assert "case" not in heard


def test_confidential_case_is_heard_by_the_named_alone(world, site, listen):
    named, unnamed = listen("acceptor"), listen("supervisor")
    secret = world.report(category="0302")
    plain = world.report()
    assert named.until("case")["n"] == secret
    assert unnamed.until("case")["n"] == plain


def test_case_that_moved_out_of_the_area_is_heard_there_no_more(world, site, listen):
    stream = listen("acceptor_street")
    number = world.report(by="acceptor_city")
    assert stream.until("case")["n"] == number
    there = world.areas
    Incident.objects.filter(number=number).update(
        district=there["620902"], street=there["620902001"], community=there["620902001001"],
        grid=there["620902001001001"], holder=there["620902"],
    )  # fmt: skip
    world.perform(number, "accept", "acceptor_b")
    other = world.report()
    assert stream.until("case")["n"] == other


def test_who_was_cut_off_is_told_what_he_missed(world, site, listen):
    stream = listen("acceptor")
    stream.close()
    until(lambda: len(site.live.hub) == 0)
    number = world.report()
    until(lambda: site.live.hub.place() != stream.place)
    again = listen("acceptor", last=stream.place)
    assert again.until("case")["n"] == number
    assert listen("acceptor", last="0badcafe-7-1000").next() is not None


def test_who_comes_from_another_process_is_told_what_he_missed(world, site, listen):
    stream = listen("acceptor")
    number = world.report()
    stream.until("case")
    with serving(pages=False) as second:
        again = EventStream(second, cookie_of(world.people["acceptor"]), last=stream.place)
        assert again.until("case")["n"] == number
        again.close()


def test_gap_is_told_to_who_was_away_too_long(world, site, listen):
    site.live.hub.forget(int(clock.now().timestamp() * 1000))
    stream = listen("acceptor", last="0badcafe-7-1000")
    assert stream.until("gap") == {}


def test_changes_are_told_without_a_stream(world, site):
    session = cookie_of(world.people["acceptor"])
    begun = json.loads(get(site, "/live/changes", session)[1])
    assert begun["events"] == []
    assert begun["gap"] is False
    number = world.report()
    until(lambda: json.loads(get(site, f"/live/changes?last={begun['id']}", session)[1])["events"])
    document = json.loads(get(site, f"/live/changes?last={begun['id']}", session)[1])
    assert [(event["kind"], event["n"]) for event in document["events"] if event["kind"] == "case"] == [
        ("case", number)
    ]
    assert json.loads(get(site, f"/live/changes?last={document['id']}", session)[1])["events"] == []
    assert json.loads(get(site, "/live/changes?last=nonsense", session)[1])["gap"] is True
    other = json.loads(get(site, f"/live/changes?last={begun['id']}", cookie_of(world.people["acceptor_b"]))[1])
    assert [event for event in other["events"] if event["kind"] == "case"] == []


def test_stream_gets_a_sign_of_life(world, site, listen):
    assert listen("nobody").until("beat") == {}


def test_client_that_never_reads_is_dropped_to_a_gap_and_keeps_nobody_waiting(world, site, listen):
    session = cookie_of(world.people["acceptor"])
    with closing(socket.socket()) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", site.port))
        deaf.sendall(f"GET /live/stream HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid={session}\r\n\r\n".encode())
        until(lambda: len(site.live.hub) == 1)
        (slow,) = site.live.hub.listeners()
        padding = module.payload("case", {"n": "x" * 20_000}, "0-0-0")
        offered = threading.Event()

        def flood():
            for _count in range(40):
                slow.offer([padding] * 10)
            offered.set()

        for _round in range(30):
            offered.clear()
            site.live._call(flood)
            assert offered.wait(20)
            assert len(slow._waiting) <= module.LIMIT
        brisk = listen("acceptor")
        number = world.report()
        assert brisk.until("case")["n"] == number
        received = b""
        deaf.settimeout(20)
        while b"event: gap" not in received:
            received = received[-100:] + deaf.recv(1 << 20)


def test_too_many_streams_are_refused(world):
    session = cookie_of(world.people["acceptor"])
    with serving(pages=False, most=1) as site:
        first = EventStream(site, session)
        first.until("hello")
        assert get(site, "/live/stream", session)[0] == 503
        first.close()


def test_server_ends_at_once_with_streams_open(world):
    with serving(pages=False) as site:
        stream = EventStream(site, cookie_of(world.people["acceptor"]))
        stream.until("hello")
        site.server.should_exit = True
        assert stream.ended()
    assert not site.server.server_state.tasks
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("live-")]


def test_streams_take_no_thread_each(world, site, listen):
    session = cookie_of(world.people["acceptor"])
    listen("acceptor", session=session)
    before = threading.active_count()
    streams = [listen("acceptor", session=session) for _count in range(40)]
    assert len(site.live.hub) == 41
    assert threading.active_count() == before
    number = world.report()
    assert {stream.until("case")["n"] for stream in streams} == {number}
