"""Who hears what, and what is told to those who come back."""

import pytest

from dispatch.live.hub import ALL, EVERYBODY, LIMIT, PAGE_SLACK_MS, SLACK_MS, Audience, Hub, Message, Viewer


class Ear:
    """Keeps what it was offered."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.heard: list[str] = []

    def offer(self, payloads: list[bytes]) -> None:
        self.heard += [one.decode().split("data: ")[1].strip() for one in payloads]

    def end(self) -> None:
        raise AssertionError("nobody ends it")


def viewer(user_id: int = 1, *areas: int, more: tuple = ()) -> Viewer:
    return Viewer(user_id, frozenset({ALL, ("user", user_id), *(("area", a) for a in areas), *more}))


def case(number: int, *areas: int, named=None, at_ms: int = 1_000_000, more: tuple = ()) -> Message:
    keys = frozenset({*(("area", a) for a in areas), *more})
    audience = Audience(keys, None if named is None else frozenset(named))
    return Message("case", {"n": number}, ("case", number), audience, at_ms)


def say(hub: Hub, *messages: Message) -> int:
    return hub.say(messages, lambda function: function())


@pytest.fixture
def hub() -> Hub:
    return Hub(kept=200)


def joined(hub: Hub, who: Viewer, last: str = "") -> Ear:
    ear = Ear(who)
    hub.join(ear, last)
    return ear


def test_event_reaches_who_has_one_of_its_areas_and_nobody_else(hub):
    city, street, sibling, nobody = (joined(hub, viewer(n, *a)) for n, a in enumerate([(1,), (12,), (13,), ()], 1))
    assert say(hub, case(7, 1, 11, 12)) == 2
    assert city.heard == street.heard == ['{"n":7}']
    assert sibling.heard == nobody.heard == []


def test_event_reaches_a_person_once_however_many_ways_he_may_see_it(hub):
    ear = joined(hub, viewer(5, 1, 12, more=(("department", 3), ("worker", 9))))
    say(hub, case(7, 1, 12, more=(("department", 3), ("worker", 9), ("user", 5))))
    assert ear.heard == ['{"n":7}']


def test_department_and_own_cases_are_heard_without_an_area(hub):
    staff = joined(hub, viewer(1, more=(("department", 3),)))
    other = joined(hub, viewer(2, more=(("department", 4),)))
    checker = joined(hub, viewer(3))
    say(hub, case(7, 1, more=(("department", 3), ("user", 3))))
    assert staff.heard == checker.heard == ['{"n":7}']
    assert other.heard == []


def test_confidential_event_wants_a_name_and_a_reason(hub):
    named, unnamed, named_without_sight = joined(hub, viewer(1, 1)), joined(hub, viewer(2, 1)), joined(hub, viewer(3))
    say(hub, case(7, 1, named={1, 3}))
    assert named.heard == ['{"n":7}']
    assert unnamed.heard == named_without_sight.heard == []


def test_word_to_everybody_reaches_everybody(hub):
    ears = [joined(hub, viewer(n)) for n in range(3)]
    assert say(hub, Message("reference", {"name": "areas"}, ("reference", "areas"), EVERYBODY, 1)) == 3
    assert all(ear.heard for ear in ears)


def test_who_left_or_lost_his_area_hears_nothing_more(hub):
    left, lost = joined(hub, viewer(1, 1)), joined(hub, viewer(2, 1))
    hub.leave(left)
    hub.leave(left)
    hub.revise(lost, viewer(2, 13))
    say(hub, case(7, 1))
    assert left.heard == lost.heard == []
    say(hub, case(8, 13))
    assert lost.heard == ['{"n":8}']
    hub.revise(left, viewer(1, 13))
    assert len(hub) == 1


def test_who_comes_back_gets_the_last_word_on_each_thing_he_missed(hub):
    say(hub, case(1, 1))
    last = hub.place()
    say(hub, case(2, 1), case(3, 13), case(2, 1), case(4, 1))
    ear = Ear(viewer(1, 1))
    _place, missed = hub.join(ear, last)
    assert missed is not None
    assert [one.decode().split('"n":')[1][0] for one in missed] == ["2", "4"]


def test_missed_event_is_not_told_to_who_lost_sight_of_the_case_since(hub):
    last = hub.place()
    say(hub, case(7, 1))
    say(hub, case(7, 13))
    assert hub.missed(viewer(1, 1), last)[1] == []
    assert [m.data["n"] for m in hub.missed(viewer(2, 13), last)[1] or ()] == [7]
    say(hub, case(7, 13, named={9}))
    assert hub.missed(viewer(2, 13), last)[1] == []


def test_gap_is_told_when_more_was_missed_than_is_kept(hub):
    last = hub.place()
    say(hub, *(case(n, 1) for n in range(201)))
    assert hub.missed(viewer(1, 1), last)[1] is None
    assert hub.missed(viewer(1, 1), "rubbish")[1] is None
    assert hub.missed(viewer(1, 1), hub.place())[1] == []


def test_gap_is_told_when_more_was_missed_than_a_stream_takes(hub):
    last = hub.place()
    say(hub, *(case(n, 1) for n in range(LIMIT + 1)))
    assert hub.missed(viewer(1, 1), last)[1] is None
    assert hub.missed(viewer(2, 13), last)[1] == []


def test_place_of_another_process_is_answered_by_its_time(hub):
    now = 10_000_000
    say(hub, case(1, 1, at_ms=now - SLACK_MS - 1), case(2, 1, at_ms=now - SLACK_MS), case(3, 1, at_ms=now + 50))
    found = hub.missed(viewer(1, 1), f"0123abcd-99-{now}")[1]
    assert [m.data["n"] for m in found or ()] == [2, 3]
    page = hub.missed(viewer(1, 1), f"0-0-{now}")[1]
    assert [m.data["n"] for m in page or ()] == [3]
    assert hub.missed(viewer(1, 1), f"0-0-{now + 50 + PAGE_SLACK_MS + 1}")[1] == []


def test_place_from_before_all_that_is_kept_is_a_gap(hub):
    hub.remember([case(1, 1, at_ms=5_000_000)], whole_since_ms=5_000_000)
    assert hub.missed(viewer(1, 1), "0-0-4000000")[1] is None
    assert hub.missed(viewer(1, 1), "0-0-5100000")[1] == []
    hub.forget(6_000_000)
    assert hub.missed(viewer(1, 1), "0-0-5100000")[1] is None
