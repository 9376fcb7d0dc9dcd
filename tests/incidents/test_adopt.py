"""The second door: what another system carried stands here as it stood there, and goes on through the loop."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
import shapely
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from dispatch import delivery, timeouts
from dispatch.models import Notice, Ticket
from dispatch.visibility import cases_of
from gridgov.common import clock
from gridgov.common.errors import DomainError, FieldError, FieldErrors
from gridgov.common.reference import touch
from grids.models import Area
from grids.spatial import REFERENCE
from incidents import journal
from incidents.catalogue_services import save_category
from incidents.importing import OldCase, Warn
from incidents.models import Clock, Incident, JournalEntry, NamedAccess
from incidents.numbers import next_number
from incidents.services.adopt import Origin, adopt, check_ready, row_digest
from tests.worlds import ROOT, World

pytestmark = pytest.mark.django_db

AT = datetime(2020, 7, 1, 4, tzinfo=UTC)


def old(world: World, number: int = 1, *, grid: str = "620901001001001", **changes) -> OldCase:
    """A case closed a day after its report, in a grid of 甲区, but for what is given otherwise."""
    lon, lat = world.point(grid)
    given = {
        "row": number + 1, "external_id": f"A-{number}", "category": "0201", "is_closed": True, "received_at": AT,
        "closed_at": AT + timedelta(days=1), "lon": lon, "lat": lat, "raw_lon": lon, "raw_lat": lat,
        "raw_crs": "wgs84", "address": "某路1号", "description": "两袋垃圾", "agency": "CG",
        "content": json.dumps({"id": number}), "warnings": (),
    } | changes  # fmt: skip
    if "lon" in changes:
        given |= {"raw_lon": changes["lon"], "raw_lat": changes["lat"]}
    return OldCase(**given)


def take(world: World, *cases: OldCase, system: str = "old", **more):
    return adopt(cases, origin=Origin(world.root.pk, system, "hotline"), **more)


def stored(outcome) -> Incident:
    return Incident.objects.get(pk=outcome.incident.pk)


# --- what stands ------------------------------------------------------------------------------------------------


def test_closed_case_stands_as_it_was_closed(world):
    (outcome,) = take(world, old(world))
    case = stored(outcome)
    assert (case.status, case.version, case.source, case.is_adopted) == ("closed", 1, "hotline", True)
    assert (case.external_system, case.external_id) == ("old", "A-1")
    assert (case.received_at, case.closed_at, case.ended_at) == (AT, AT + timedelta(days=1), AT + timedelta(days=1))
    assert (case.address, case.description) == ("某路1号", "两袋垃圾")
    codes = [world.areas[code].pk for code in ("620900", "620901", "620901001", "620901001001", "620901001001001")]
    assert [case.city_id, case.district_id, case.street_id, case.community_id, case.grid_id] == codes
    assert (case.is_placed, case.holder_id, case.first_receiver_id) == (True, codes[1], codes[1])
    assert case.number == "6209012020070100001"


def test_open_case_is_accepted(world):
    now = clock.now()
    (outcome,) = take(world, old(world, is_closed=False, closed_at=None), at=now)
    case = stored(outcome)
    assert (case.status, case.closed_at, case.ended_at, case.due_at) == ("accepted", None, None, None)
    assert case.status_at == now


def test_journal_begins_with_one_entry_that_seals_the_row(world):
    (outcome,) = take(world, old(world, warnings=(Warn.NONEXISTENT_TIME,)))
    case = stored(outcome)
    entry = JournalEntry.objects.get(incident=case)
    assert (entry.seq, entry.action, entry.status_from, entry.status_to) == (1, "adopted", "", "closed")
    assert (entry.actor_id, entry.channel, entry.text) == (None, "import", "")
    assert entry.payload["row"] == row_digest(case.number, '{"id": 1}')
    assert entry.payload["row"] != row_digest(case.number, '{"id": 2}')
    said = {name: entry.payload[name] for name in ("system", "external_id", "category", "agency", "warnings")}
    assert said == {
        "system": "old", "external_id": "A-1", "category": "0201", "agency": "CG", "warnings": ["nonexistent_time"],
    }  # fmt: skip
    assert "某路" not in entry.canonical
    assert "两袋" not in entry.canonical
    assert (case.head_seq, case.head_mac) == (1, entry.mac)
    assert journal.verify().is_whole


def test_nothing_runs_and_nobody_is_told(world):
    take(world, old(world, 1), old(world, 2, is_closed=False, closed_at=None), old(world, 3, category="0101"))
    assert not Clock.objects.exists()
    assert not Ticket.objects.exists()

    def receive(entries):
        raise AssertionError(entries)

    done = delivery.deliver_pending(receive=receive)
    assert (done.delivered, done.failed) == (0, 0)
    assert not Notice.objects.exists()


def test_closing_that_is_not_known_ends_the_case_at_its_receipt(world):
    (outcome,) = take(world, old(world, closed_at=None, warnings=(Warn.CLOSED_BEFORE_CREATED,)))
    case = stored(outcome)
    assert (case.status, case.closed_at, case.ended_at) == ("closed", None, AT)


def test_holder_is_the_centre_that_the_category_names(world):
    (outcome,) = take(world, old(world, category="0203"))
    assert stored(outcome).holder_id == world.areas["620901001"].pk


# --- places -----------------------------------------------------------------------------------------------------


def test_case_without_position_is_held_by_the_city(world):
    (outcome,) = take(world, old(world, lon=None, lat=None))
    case = stored(outcome)
    assert (case.is_placed, case.lon, case.district_id, case.grid_id) == (False, None, None, None)
    assert (case.city_id, case.holder_id) == (world.root.pk, world.root.pk)
    assert case.number.startswith("62090020200701")
    assert outcome.warnings == ()


@pytest.mark.parametrize(
    ("lon", "lat", "warning"), [(104.0, 36.055, Warn.OUTSIDE), (36.055, 103.605 - 20, Warn.OUTSIDE)]
)
def test_position_outside_is_kept_and_the_case_unplaced(world, lon, lat, warning):
    (outcome,) = take(world, old(world, lon=lon, lat=lat))
    case = stored(outcome)
    assert (case.is_placed, case.lon, case.lat, case.raw_lon) == (False, lon, lat, lon)
    assert outcome.warnings == (warning,)
    assert JournalEntry.objects.get().payload["warnings"] == [warning.value]


def test_chain_equals_brute_force_on_random_points(world):
    dice = random.Random(7)
    grids = [area for area in world.areas.values() if area.level == 5]
    shapes = {area.pk: shapely.from_wkb(bytes(Area.objects.get(pk=area.pk).boundary)) for area in grids}
    points = [(103.595 + 0.05 * dice.random(), 36.045 + 0.05 * dice.random()) for _ in range(300)]
    outcomes = take(world, *(old(world, i, lon=lon, lat=lat) for i, (lon, lat) in enumerate(points)))
    inside = 0
    for outcome, point in zip(outcomes, points, strict=True):
        within = [pk for pk, shape in shapes.items() if shape.contains(shapely.Point(point))]
        case = outcome.incident
        assert [case.grid_id] == (within or [None])
        if within:
            inside += 1
            path = Area.objects.get(pk=within[0]).path.strip("/").split("/")
            assert [case.city_id, case.district_id, case.street_id, case.community_id, case.grid_id] == [
                int(part) for part in path
            ]
    assert 100 < inside < 300


# --- once -------------------------------------------------------------------------------------------------------


def test_case_is_adopted_once(world):
    first, second = take(world, old(world, 1), old(world, 1, row=9))
    assert (first.is_repeat, second.is_repeat) == (False, True)
    again, other = take(world, old(world, 1), old(world, 2))
    assert (again.is_repeat, other.is_repeat) == (True, False)
    assert Incident.objects.count() == 2
    assert JournalEntry.objects.count() == 2


def test_same_id_of_another_system_is_another_case(world):
    take(world, old(world))
    (outcome,) = take(world, old(world), system="older")
    assert not outcome.is_repeat
    assert Incident.objects.count() == 2


def test_database_refuses_what_the_door_would_not_write(world):
    (outcome,) = take(world, old(world))
    case = stored(outcome)
    case.pk, case.number = None, "X1"
    with pytest.raises(IntegrityError):
        case.save(force_insert=True)


def test_adopted_case_without_its_id_is_refused(world):
    (outcome,) = take(world, old(world))
    with pytest.raises(IntegrityError):
        Incident.objects.filter(pk=outcome.incident.pk).update(external_id="")


def test_numbers_are_unique_and_leave_room_for_reports(world):
    before = next_number(place_code="620901", on=AT.date())
    outcomes = take(world, *(old(world, i, received_at=AT + timedelta(hours=i)) for i in range(30)))
    numbers = [outcome.incident.number for outcome in outcomes]
    after = next_number(place_code="620901", on=AT.date())
    assert len({*numbers, before, after}) == 32
    # midnight in Lanzhou is four in the afternoon UTC: the case of hour 12 is of the next day
    assert [number[6:14] for number in numbers] == ["20200701"] * 12 + ["20200702"] * 18


def test_dry_run_answers_and_writes_nothing(world):
    take(world, old(world, 1))
    first, second, third = take(world, old(world, 1), old(world, 2), old(world, 3, category="99"), dry_run=True)
    assert first.is_repeat
    assert (second.incident.is_placed, second.incident.pk) == (True, None)
    assert third.reject.reason == "目录中没有这个小类：99"
    assert Incident.objects.count() == 1


def test_many_cases_take_as_many_statements_as_one(world):
    take(world, old(world, 0))
    counts = []
    for cases in ([old(world, 1)], [old(world, number) for number in range(2, 80)]):
        with CaptureQueriesContext(
            connection,
        ) as found:
            take(world, *cases)
        counts.append(len(found))
    assert counts[0] == counts[1]


# --- refused ----------------------------------------------------------------------------------------------------


def test_category_that_is_not_ours_is_rejected(world):
    outcomes = take(world, old(world, 1, category="02"), old(world, 2, category="99"), old(world, 3))
    assert [outcome.reject and outcome.reject.reason for outcome in outcomes] == [
        "目录中没有这个小类：02", "目录中没有这个小类：99", None,
    ]  # fmt: skip


def test_category_no_longer_in_use_is_good_for_history_only(world):
    save_category(code="0202", name="违法搭建", kind="event", parent="02", is_active=False)
    closed, open_ = take(
        world, old(world, 1, category="0202"), old(world, 2, category="0202", is_closed=False, closed_at=None)
    )
    assert closed.incident is not None
    assert open_.reject.reason == "目录中没有这个小类：0202"


def test_city_without_a_centre_takes_no_unplaced_case(world):
    Area.objects.filter(pk=world.root.pk).update(has_desk=False)
    touch(REFERENCE)
    placed, unplaced = take(world, old(world, 1), old(world, 2, lon=None, lat=None))
    assert placed.incident is not None
    assert (unplaced.reject.field, unplaced.reject.reason) == ("lon", "没有位置，而城市一级没有指挥中心")


def test_city_and_codes_are_checked_before_anything(world):
    assert check_ready(root=ROOT, codes=["0201"]) == world.root.pk
    with pytest.raises(FieldError, match="没有编码为 1 的城市"):
        check_ready(root="1", codes=[])
    with pytest.raises(FieldErrors) as caught:
        check_ready(root=ROOT, codes=["0201", "02", "99"])
    assert [error.message for error in caught.value.errors] == ["目录中没有这个小类：02", "目录中没有这个小类：99"]
    Area.objects.update(has_desk=False)
    touch(REFERENCE)
    with pytest.raises(FieldError, match="还没有指挥中心"):
        check_ready(root=ROOT, codes=[])


# --- who sees it ------------------------------------------------------------------------------------------------


def test_adopted_case_is_seen_by_its_centre_only(world):
    (outcome,) = take(world, old(world))
    seen = {login: cases_of(world.actor(login)).filter(pk=outcome.incident.pk).exists()
            for login in ("acceptor", "acceptor_b", "nobody")}  # fmt: skip
    assert seen == {"acceptor": True, "acceptor_b": False, "nobody": False}


def test_confidential_case_has_the_people_of_its_centre_named(world):
    chief = world.people["duty_chief"].pk
    named, _plain = take(world, old(world, 1, category="0302"), old(world, 2), named_for=lambda holder_id: [chief])
    assert named.incident.is_confidential
    assert list(NamedAccess.objects.values_list("incident", "user")) == [(named.incident.pk, chief)]


# --- on through the loop ----------------------------------------------------------------------------------------


def test_open_case_goes_on_to_its_closing(world):
    (outcome,) = take(world, old(world, is_closed=False, closed_at=None))
    number = outcome.incident.number
    world.perform(number, "file", "duty_chief", standard="0201-1")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead())
    world.perform(number, "sign", "department_handler")
    world.perform(
        number, "feed_back", "department_handler", note="已清理", attachments=[world.photo("department_handler")]
    )
    world.perform(number, "request_verification", "acceptor", verifier=world.people["verifier"].pk)
    world.perform(number, "pass", "verifier", note="属实", attachments=[world.photo("verifier")])
    world.perform(number, "close", "duty_chief_2")
    case = world.case(number)
    assert (case.status, case.is_adopted, case.version) == ("closed", True, 8)
    actions = list(JournalEntry.objects.filter(incident=case).order_by("seq").values_list("action", flat=True))
    assert actions == ["adopted", "file", "dispatch", "sign", "feed_back", "request_verification", "pass", "close"]
    kinds = dict(Clock.objects.filter(incident=case).values_list("kind", "state"))
    # from its filing each stage has its clock; the stages before, and the total, began elsewhere
    assert set(kinds) == {"dispatch", "sign", "handle", "send", "verify", "close"}
    assert set(kinds.values()) == {"met"}
    assert journal.verify(number=number).is_whole


def test_history_is_not_evaluated_and_what_was_closed_here_is(world):
    month_ago = clock.now() - timedelta(days=30)
    outcomes = take(world, old(world, 1), old(world, 2, category="0301", is_closed=False, closed_at=None), at=month_ago)
    history, question = (outcome.incident.number for outcome in outcomes)
    world.perform(question, "answer", "acceptor", note="已答复", at=month_ago)
    assert timeouts.evaluate_due(at=clock.now()) == 1
    assert (world.case(history).status, world.case(question).status) == ("closed", "evaluated")


def test_case_closed_lately_can_be_reopened_and_history_not(world):
    now = clock.now()
    recent, history = take(
        world,
        old(world, 1, received_at=now - timedelta(days=3), closed_at=now - timedelta(days=1)),
        old(world, 2),
    )
    world.perform(recent.incident.number, "reopen", "acceptor", reason="复发")
    case = world.case(recent.incident.number)
    assert (case.status, case.closed_at, case.reopen_count) == ("filed", None, 1)
    with pytest.raises(DomainError):
        world.perform(history.incident.number, "reopen", "acceptor", reason="复发")
