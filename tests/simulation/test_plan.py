"""What the played people do next: pure, so looked at without a city."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from gridgov.simulation import plan, reports
from gridgov.simulation.duty import Shift, Town
from gridgov.simulation.words import SAID, TOPICS
from incidents.workflow import REJECT_REASONS, RESULTS, Action, RequestKind, Status, find

ZONE = ZoneInfo("Asia/Shanghai")
#: A Tuesday, ten in the morning.
NOW = datetime(2026, 3, 10, 10, 0, tzinfo=ZONE).astimezone(UTC)
TOWN = Town(ZONE, lambda on: on.weekday() < 5)
SHOW = replace(TOWN, pace=0.1, is_show=True)
SEEDS = range(300)


def view(status: str, **values: object) -> plan.View:
    given = {
        "id": 1, "number": "6201042026031000001", "status": status, "version": 1, "status_at": NOW - timedelta(hours=1),
        "source": "hotline", "category": "E0102", "standards": ("E0102-1",), "received_at": NOW - timedelta(hours=1),
    }  # fmt: skip
    return plan.View(**(given | values))


def moves(case: plan.View, town: Town = TOWN) -> list[plan.Move]:
    """What happens next under each of many seeds."""
    found = [plan.next_move(case, plan.fate_of(s, case.number), town, NOW, Random(s)) for s in SEEDS]
    return [move for move in found if move is not None]


VARIANTS = [
    view("reported"),
    view("reported", is_reported_by_worker=True, source="worker", category="E0201"),
    view("reported", is_answerable=True, category="S0101"),
    view("reported", version=3),
    view("reported", system_steps=frozenset({"accept", "file", "dispatch"})),
    view("checking", version=2),
    view("accepted", version=2, standards=("C0102-1", "C0102-2")),
    view("accepted", version=2, has_centre_above=True),
    view("accepted", version=3, transferred="up"),
    view("accepted", version=2, system_steps=frozenset({"file"}), status_at=NOW),
    view("filed", version=3),
    view("filed", version=9, returns=2, assignment=2),
    view("dispatched", version=4, assignment=1, has_ticket=True, due={"sign": NOW + timedelta(minutes=30)}),
    view("dispatched", version=4, assignment=1, has_ticket=True, is_wrong_lead=True),
    view("handling", version=5, assignment=1, has_ticket=True, due={"handle": NOW + timedelta(hours=6)}),
    view("handling", version=5, assignment=1, has_ticket=True, joints=((7, "open"), (8, "signed"))),
    view("handling", version=5, assignment=1, has_ticket=True, milestones=(("stop", True), ("clear", False))),
    view("handling", version=5, assignment=1, has_ticket=True, pending=(3, "extend", 0)),
    view("suspended", version=6, has_ticket=True, suspended_until=NOW + timedelta(days=2), was_suspended=True),
    view("handled", version=6, has_ticket=True),
    view("handled", version=2, has_ticket=False, is_reported_by_worker=True),
    view("verifying", version=7, has_ticket=True, has_verifier=True, due={"verify": NOW + timedelta(hours=2)}),
    view("verifying", version=7, has_ticket=True),
    view("verified", version=8, has_ticket=True),
    view("closed", version=9, has_ticket=True, has_link=True),
    view("rejected", version=2),
]


@pytest.mark.parametrize("case", VARIANTS, ids=lambda case: f"{case.status}-{VARIANTS.index(case)}")
def test_every_move_is_open_in_the_table_and_says_what_the_action_needs(case):
    found = moves(case)
    assert found
    for move in found:
        assert move.at > NOW
        if move.kind == "act":
            line = find(Action(move.name), Status(case.status))
            assert line is not None, move
            assert not line.granted
            given = set(move.payload) | ({"attachments"} if move.photos else set())
            assert set(line.requires) <= given, move
            assert given <= {*line.requires, *line.optional}, move
        elif move.kind == "ask":
            line = find(RequestKind(move.name).action, Status(case.status))
            assert line is not None
            assert move.payload["reason"]
            assert ("until" in move.payload) == (move.name == "suspend")
        else:
            assert move.kind in ("decide", "joint", "wait")


def test_the_same_case_seed_and_moment_give_the_same_move():
    for case in VARIANTS:
        assert moves(case) == moves(case)


def test_nobody_asks_twice_for_what_was_refused():
    asked = frozenset({"return", "suspend", "void", "force_close", "extend0"})
    case = view("handling", version=5, has_ticket=True, is_wrong_lead=True, asked=asked)
    due = {"handle": NOW + timedelta(hours=6)}
    assert {move.kind for move in moves(replace(case, due=due))} == {"act"}
    assert {move.kind for move in moves(replace(case, due=due, asked=frozenset()))} == {"ask"}


def test_after_two_returns_the_chief_imposes():
    assert {move.name for move in moves(view("filed", version=9, returns=2))} == {"impose"}


def test_a_request_is_decided_by_its_level():
    levels = {level: {m.who for m in moves(view("handling", pending=(3, "return", level)))} for level in range(3)}
    assert levels == {0: {"dispatcher"}, 1: {"duty_chief"}, 2: {"leader"}}


def test_some_are_late_and_some_are_wrong_and_most_are_not():
    fates = [plan.fate_of(s, "6201042026031000001") for s in range(2_000)]

    def share(name: str) -> float:
        return sum(bool(getattr(fate, name)) for fate in fates) / len(fates)

    for name in ("wrong_routes", "suspends", "extends", "fails", "late"):
        assert 0.05 < share(name) < 0.2, name


def test_what_is_said_is_within_the_lists_of_the_workflow():
    rejected = {m.payload["reason"] for m in moves(view("reported")) if m.name == "reject"}
    assert rejected
    assert rejected <= set(REJECT_REASONS)
    rated = {m.payload["result"] for m in moves(view("closed", has_link=True)) if m.name == "evaluate"}
    assert rated == set(RESULTS) - {"not_rated"}
    assert all(texts and all(texts) for texts in SAID.values())


# --- duty ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [s for s in Shift if s is not Shift.ANYTIME])
def test_nobody_acts_off_duty(shift):
    first, last, rest_first, rest_last, _crew = shift.value
    for hour in range(24 * 9):
        at = TOWN.on_duty(NOW + timedelta(hours=hour), shift, Random(hour))
        local = TOWN.local(at)
        begin, end = (first, last) if TOWN.works_on(local.date()) else (rest_first, rest_last)
        assert begin <= local.hour * 60 + local.minute < end + 60
        assert at >= NOW + timedelta(hours=hour)


def test_a_rest_days_crew_takes_half():
    sunday = datetime(2026, 3, 8, 11, 0, tzinfo=ZONE)
    days = [TOWN.local(TOWN.on_duty(sunday, Shift.DEPARTMENT, Random(s))).date() for s in range(400)]
    assert set(days) == {date(2026, 3, 8), date(2026, 3, 9)}
    assert 0.4 < days.count(date(2026, 3, 8)) / 400 < 0.6


def test_in_a_show_everybody_is_there():
    midnight = datetime(2026, 3, 8, 3, 0, tzinfo=ZONE)
    assert SHOW.on_duty(midnight, Shift.DEPARTMENT, Random(1)) == midnight
    assert SHOW.after(midnight, 60, Shift.CHIEF, Random(1)) < midnight + timedelta(hours=1)


# --- reports ------------------------------------------------------------------------------------------------------


def instants(start: datetime, end: datetime, town: Town = TOWN) -> list[datetime]:
    return list(reports.instants(5, start, end, 110.0, town))


def test_reports_of_two_halves_are_those_of_the_whole():
    middle, end = NOW + timedelta(hours=7, minutes=13), NOW + timedelta(hours=20)
    assert instants(NOW, middle) + instants(middle, end) == instants(NOW, end)


def test_about_as_many_reports_come_as_were_asked_for():
    found = instants(NOW, NOW + timedelta(days=10))
    assert found == sorted(found)
    assert 950 < len(found) < 1_250
    night = [at for at in found if TOWN.local(at).hour < 5]
    assert len(night) < len(found) / 10


def test_whoever_watches_sees_a_report_within_half_a_minute():
    found = instants(NOW, NOW + timedelta(hours=1), SHOW)
    gaps = [(b - a).total_seconds() for a, b in zip([NOW, *found], found, strict=False)]
    assert max(gaps) < 30


def test_an_echo_is_the_same_thing_again_in_other_words():
    drafts = [
        reports.draft(5, at, topics=TOPICS, places=tuple(range(1, 10)), order=0)
        for at in instants(NOW, NOW + timedelta(days=5))
    ]
    first = next(d for d in drafts if d.echo_minutes is not None)
    again = reports.echo(first)
    assert (again.grid, again.category) == (first.grid, first.category)
    assert first.description in again.description
    assert again.description != first.description
    assert again.at == first.at + timedelta(minutes=first.echo_minutes)
    assert again.echo_minutes is None


def test_no_phone_number_is_anybodys():
    drafts = [
        reports.draft(5, at, topics=TOPICS, places=tuple(range(1, 10)), order=0)
        for at in instants(NOW, NOW + timedelta(days=5))
    ]
    phones = {d.reporter_phone for d in drafts} - {""}
    assert phones
    assert all(phone.startswith("000-") for phone in phones)


def parts(cumulative: list[float]) -> list[float]:
    return [b - a for a, b in zip([0.0, *cumulative], cumulative, strict=False)]


def test_home_has_most_of_the_reports_and_every_other_place_some():
    districts = ["home"] * 4 + ["east"] * 12 + ["west"] * 2
    found = parts(reports.shares(districts, [False] * 18, "home"))
    assert sum(found[:4]) == pytest.approx(reports.HOME_SHARE)
    assert sum(found) == pytest.approx(1)
    assert sum(found[4:16]) == pytest.approx(6 * sum(found[16:]))
    assert min(found) > 0


def test_a_city_of_one_district_has_all_reports_there_and_more_where_somebody_leads():
    found = parts(reports.shares(["home"] * 3, [False, True, False], "home"))
    assert found[1] == pytest.approx(found[0] * reports.LED_WEIGHT)
    assert found[0] == found[2] > 0
    assert parts(reports.shares([None, None], [False, False], None)) == [1, 1]


def test_a_case_goes_up_at_most_once_and_is_given_back_at_most_once():
    case = view("accepted", version=2, has_centre_above=True)
    up = [m for m in moves(case) if m.name == "transfer"]
    assert up
    assert {(m.who, m.payload["target"]) for m in up} == {("duty_chief", "up")}
    back = {m.payload["target"] for m in moves(replace(case, transferred="up")) if m.name == "transfer"}
    assert back == {"down"}
    for done in (replace(case, transferred="back"), replace(case, has_centre_above=False)):
        assert not [m for m in moves(done) if m.name == "transfer"]
