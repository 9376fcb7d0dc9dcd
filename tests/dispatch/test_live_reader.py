"""Everything that is committed is said once, to who may hear it."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from dispatch import claims
from dispatch.live import reader as module
from dispatch.live.audience import viewer_of
from dispatch.live.hub import Hub, Viewer
from dispatch.live.reader import Reader, Window
from dispatch.models import Claim, Notice
from dispatch.visibility import cases_of
from gridgov.common import clock, reference
from tests.dispatch.test_claims import run_out
from tests.dispatch.test_live_hub import Ear
from tests.statements import counted

pytestmark = pytest.mark.django_db


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def reader(world, hub) -> Reader:
    made = Reader(hub, lambda function: function())
    made.begin()
    return made


def number_is_seen(world, login: str, number: str) -> bool:
    return cases_of(world.actor(login)).filter(number=number).exists()


def listening(world, hub, login: str) -> Ear:
    ear = Ear(viewer_of(world.actor(login)))
    hub.join(ear, "")
    return ear


def test_window_takes_each_id_once_and_late_ones_within_its_overlap():
    window = Window(overlap=10)

    def fresh(ids: list[int], at: float) -> list[int]:
        new = window.fresh(ids)
        assert window.fresh(ids) == new  # until they are seen
        window.see(new, at=at)
        return new

    assert fresh([1, 2, 4], at=0) == [1, 2, 4]
    assert fresh([1, 2, 3, 4, 5], at=5) == [3, 5]  # 3 was committed after 4
    assert window.floor == 0
    assert fresh([], at=11) == []
    assert window.floor == 4
    assert fresh([5, 6], at=12) == [6]
    fresh([], at=16)
    assert window.floor == 5


def test_report_is_said_once_where_it_lies(world, hub, reader):
    here, beside = listening(world, hub, "acceptor"), listening(world, hub, "acceptor_b")
    number = world.report()
    reader.look()
    reader.look()
    assert here.heard == [f'{{"n":"{number}","seq":1,"action":"report","from":"","to":"reported"}}']
    assert beside.heard == []


def test_each_step_is_said_with_what_it_did(world, hub, reader):
    ear = listening(world, hub, "duty_chief")
    number = world.report()
    world.perform(number, "accept", "acceptor")
    reader.look()
    assert ear.heard[-1] == f'{{"n":"{number}","seq":2,"action":"accept","from":"reported","to":"accepted"}}'
    assert len(ear.heard) == 2


def test_event_holds_nothing_but_numbers_and_kinds(world, hub, reader):
    ear = listening(world, hub, "acceptor")
    world.report(description="三楼王女士家漏水", address="甲一街1号")
    reader.look()
    assert not any(word in ear.heard[0] for word in ("王女士", "甲一街", "路边"))


def test_what_was_there_before_the_start_is_said_to_nobody_and_known_to_who_comes_back(world, hub):
    number = world.report()
    reader = Reader(hub, lambda function: function())
    reader.begin()
    ear = listening(world, hub, "acceptor")
    reader.look()
    assert ear.heard == []
    before = int(world.case(number).received_at.timestamp() * 1000)
    missed = hub.missed(ear.viewer, f"0123abcd-5-{before}")[1]
    assert [message.data["n"] for message in missed or ()] == [number]
    assert hub.missed(viewer_of(world.actor("acceptor_b")), f"0123abcd-5-{before}")[1] == []


def test_notice_is_told_to_its_person_with_the_count(world, hub, reader):
    mine, other = listening(world, hub, "acceptor"), listening(world, hub, "acceptor_2")
    case = world.case(world.report(by="acceptor_b", grid="620902001001001"))
    for topic in ("one", "two"):
        Notice.objects.create(
            user=world.people["acceptor"], incident=case, entry_seq=1, topic=topic, text="…", created_at=clock.now()
        )
    reader.look()
    assert mine.heard == ['{"unread":2}']
    assert other.heard == []


def test_change_of_reference_data_is_told_to_everybody(world, hub, reader):
    ear = listening(world, hub, "nobody")
    reader.look()
    ear.heard.clear()
    reference.touch("catalogue")
    reader.look()
    assert ear.heard == ['{"name":"catalogue"}']


def test_flood_is_one_gap_and_another_when_its_late_ones_are_known(world, hub, monkeypatch):
    monkeypatch.setattr(module, "FLOOD", 2)
    monkeypatch.setattr(module, "FLOOD_SECONDS", 0)
    reader = Reader(hub, lambda function: function(), overlap=0)
    reader.begin()
    ear = listening(world, hub, "acceptor")
    last = hub.place()
    for _count in range(3):
        world.report()
    reader.look()
    assert ear.heard == ["{}"]
    assert hub.missed(ear.viewer, last)[1] is None
    reader.look()
    assert ear.heard == ["{}", "{}"]
    number = world.report()
    reader.look()
    assert number in ear.heard[-1]


def test_flood_that_goes_on_is_not_told_with_each_look(world, hub, monkeypatch):
    monkeypatch.setattr(module, "FLOOD", 1)
    reader = Reader(hub, lambda function: function())
    reader.begin()
    ear = listening(world, hub, "acceptor")
    for _round in range(3):
        world.report()
        world.report()
        reader.look()
    assert ear.heard == ["{}"]


def test_look_takes_the_same_statements_for_one_entry_and_many(world, hub, reader):
    def taken(count: int) -> int:
        for _count in range(count):
            world.report()
        with counted() as found:
            reader.look()
        return len(found)

    assert taken(1) == taken(5) <= 7


def test_look_with_nothing_new_is_four_statements(world, reader):
    with counted() as found:
        assert reader.look() == 0
    assert len(found) == 4


def test_each_change_of_who_holds_a_case_is_said_once_to_who_may_open_it(world, hub, reader):
    number = world.report()
    reader.look()
    here, beside = listening(world, hub, "acceptor_2"), listening(world, hub, "acceptor_b")
    said = f'{{"n":"{number}"}}'
    for change in (
        lambda: claims.claim(number=number, by=world.actor("acceptor")),
        lambda: claims.release(number=number, by=world.actor("acceptor")),
        lambda: claims.claim(number=number, by=world.actor("acceptor")),
        lambda: run_out(number),
    ):
        change()
        here.heard.clear()
        assert reader.look() == 1
        assert reader.look() == 0
        assert here.heard == [said]
    assert beside.heard == []


def test_seizure_is_said_as_a_change_of_holder_and_as_an_entry(world, hub, reader):
    number = world.report()
    claims.claim(number=number, by=world.actor("acceptor"))
    reader.look()
    ear = listening(world, hub, "acceptor")
    claims.seize(number=number, by=world.actor("supervisor"), reason="值班员离岗")
    reader.look()
    assert f'{{"n":"{number}"}}' in ear.heard
    assert any('"action":"claim_seized"' in heard for heard in ear.heard)
    assert not any("督办" in heard for heard in ear.heard)


def test_prolonged_claim_is_no_news(world, hub, reader):
    number = world.report()
    claims.claim(number=number, by=world.actor("acceptor"))
    reader.look()
    claims.renew(number=number, by=world.actor("acceptor"))
    assert reader.look() == 0


def test_claim_of_a_confidential_case_is_said_to_the_named_alone(world, hub, reader):
    number = world.report(category="0302")
    reader.look()
    ears = {login: listening(world, hub, login) for login in ("acceptor", "acceptor_2", "nobody")}
    named = {login for login in ears if number_is_seen(world, login, number)}
    assert named != set(ears)
    claims.claim(number=number, by=world.actor("acceptor"))
    reader.look()
    assert {login for login, ear in ears.items() if ear.heard} == named


def test_claims_take_the_same_statements_for_one_and_many(world, hub, reader):
    numbers = [world.report() for _count in range(4)]
    reader.look()

    def taken(some: list[str]) -> int:
        for number in some:
            claims.claim(number=number, by=world.actor("acceptor"))
        with counted() as found:
            reader.look()
        return len(found)

    assert taken(numbers[:1]) == taken(numbers[1:]) <= 6


def test_reader_looks_soon_after_a_lease_ends_and_no_later_than_usual(world, hub):
    reader = Reader(hub, lambda function: function(), poll=100)
    reader.begin()
    assert reader._patience() == 100
    number = world.report()
    claims.claim(number=number, by=world.actor("acceptor"))
    Claim.objects.filter(incident__number=number).update(until=clock.now() + timedelta(seconds=30))
    reader.look()
    assert 0 < reader._patience() <= 30 + module.PAUSE_SECONDS


def test_listening_viewer_is_compared_by_what_he_may_see(world):
    assert viewer_of(world.actor("acceptor")) == viewer_of(world.actor("acceptor"))
    assert isinstance(viewer_of(world.actor("acceptor")), Viewer)


@pytest.mark.parametrize("place", range(20))
def test_nothing_is_lost_where_the_database_leaves_in_the_middle_of_a_look(world, hub, reader, place):
    """Whichever statement of the look fails: the next one says what this one did not."""
    ear = listening(world, hub, "acceptor")
    number = world.report()
    claims.claim(number=number, by=world.actor("acceptor_2"))
    Notice.objects.create(
        user=world.people["acceptor"], incident=world.case(number), entry_seq=1, topic="x", text="请看",
        created_at=clock.now(),
    )  # fmt: skip
    reference.touch("catalogue")
    left = [place]

    def leaves(execute, sql, params, many, context):
        left[0] -= 1
        if left[0] < 0:
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(leaves):
        try:
            reader.look()
        except OperationalError:
            assert ear.heard == []
    reader.look()
    said = list(ear.heard)
    reader.look()
    assert ear.heard == said
    assert len(said) == 4
    assert [number in words for words in said[:2]] == [True, True]
