"""Pictures of dashboards are counted in slices, once, killed or not, and shown to those with the same sight alone."""

import os
import signal
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from dispatch.actors import SYSTEM, Actor
from gridgov.common import clock
from gridgov.common.errors import NotFound
from incidents.models import NamedAccess
from reporting import facts, pictures, renewal, selectors, shared, tasks
from reporting.models import Picture
from reporting.sights import Sight
from tests import processes
from tests.reporting.instants import met_before
from tests.reporting.kills import spawn
from tests.reporting.processes import stopped_counter
from tests.reporting.walks import Walk
from tests.worlds import World, make_world

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def large(monkeypatch):
    """Every scope with a case is one of many, and read case by case."""
    monkeypatch.setattr(shared, "FEW_CASES", 0)
    monkeypatch.setattr(shared, "QUICK_SECONDS", 0)
    monkeypatch.setattr(facts, "CHUNK", 2)


def run(patience: float = 60.0, limit: int = 100) -> int:
    slices = 0
    while renewal.run_slice(patience=patience):
        slices += 1
        assert slices < limit
    return slices


def pictured(by: Actor, span: str = "month") -> selectors.Dashboard:
    with pytest.raises(shared.Pending):
        shared.dashboard(by, span=span)
    run()
    return shared.dashboard(by, span=span)


def test_picture_is_asked_for_by_looking_and_shows_what_is_computed(world: World, large):
    Walk(world, 81, now=clock.now() - timedelta(days=9)).run(80, cases=7)
    by = world.actor("leader")
    for span in selectors.SPANS:
        with pytest.raises(shared.Pending):
            shared.dashboard(by, span=span)
    assert Picture.objects.count() == 1
    assert run() == 1
    for span in selectors.SPANS:
        shown = shared.dashboard(by, span=span)
        at_once = pictures.without_evidence(selectors.dashboard(by, at=shown.at, span=span))
        assert pictures.to_json(shown) == pictures.to_json(selectors.in_order(at_once))
    with pytest.raises(NotFound):
        shared.dashboard(by, span="year")


def test_slices_go_on_where_the_last_one_ended(world: World, large):
    for _case in range(5):
        world.report()
    by = world.actor("leader")
    with pytest.raises(shared.Pending):
        shared.dashboard(by)
    assert run(patience=0) == 4  # two, two, one, and that nothing is left
    shown = shared.dashboard(by)
    assert shown.figures["open_cases"].count == 5
    picture = Picture.objects.get()
    assert (picture.part, picture.part_at, picture.mark, picture.lease) == (None, None, 0, "")
    # all of it is as of the instant at which the first slice began
    assert shown.at == picture.at


def test_picture_is_not_renewed_before_its_time_nor_when_nobody_looks(world: World, large):
    world.report()
    by = world.actor("leader")
    first = pictured(by)
    world.report()
    assert run() == 0
    assert shared.dashboard(by).at == first.at
    Picture.objects.update(due_at=Now() - MINUTE)
    assert run() == 1
    assert shared.dashboard(by).figures["open_cases"].count == 2
    Picture.objects.update(due_at=Now() - MINUTE, looked_at=Now() - renewal.WATCHED - MINUTE)
    assert run() == 0
    shared.dashboard(by)  # somebody looks again
    assert run() == 1


def test_pace_is_a_sixth_of_the_time_that_it_takes(world: World, large, monkeypatch):
    world.report()
    monkeypatch.setattr(renewal, "LEAST", timedelta())
    pictured(world.actor("leader"))
    Picture.objects.update(seconds=0)
    picture = Picture.objects.get()
    assert picture.due_at is not None
    monkeypatch.setattr(renewal, "LEAST", timedelta(hours=1))
    Picture.objects.update(due_at=Now() - MINUTE)
    run()
    assert Picture.objects.get().due_at > clock.now() + timedelta(minutes=58)


def test_looking_is_written_down_once_a_minute(world: World, large):
    world.report()
    by = world.actor("leader")
    pictured(by)
    with CaptureQueriesContext(connection) as queries:
        shared.dashboard(by)
    assert not any(query["sql"].startswith("UPDATE") for query in queries)
    assert len(queries) == 2
    Picture.objects.update(looked_at=Now() - 2 * MINUTE)
    with CaptureQueriesContext(connection) as queries:
        shared.dashboard(by)
    assert sum(query["sql"].startswith("UPDATE") for query in queries) == 1


def test_two_workers_never_count_one_picture(world: World, large):
    world.report()
    with pytest.raises(shared.Pending):
        shared.dashboard(world.actor("leader"))
    taken = renewal._take()
    assert taken is not None
    assert renewal._take() is None
    assert not renewal.run_slice()
    # its worker is dead: another one takes it, and what the first one says then is not heard
    Picture.objects.update(lease_until=Now() - MINUTE)
    assert run() == 1
    with pytest.raises(renewal._Stopped):
        renewal._write(taken, part_seconds=9.0)


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_look_in_one_instant_count_one_picture(large):
    world = make_world()
    world.report()
    for login in ("leader", "supervisor"):
        with pytest.raises(shared.Pending):
            shared.dashboard(world.actor(login))
    assert Picture.objects.count() == 2
    mine, other = met_before("UPDATE", "reporting_picture", renewal._take, renewal._take)
    assert mine is not None
    assert other is None


def test_failure_is_written_down_and_tried_again_later(world: World, large, monkeypatch):
    world.report()
    by = world.actor("leader")
    with pytest.raises(shared.Pending):
        shared.dashboard(by)

    def fail(*_given, **_more):
        raise RuntimeError("no such thing")

    with monkeypatch.context() as broken:
        broken.setattr(selectors, "pieces", fail)
        assert renewal.run_slice()
    assert "no such thing" in Picture.objects.get().last_error
    assert not renewal.run_slice()
    Picture.objects.update(lease_until=Now() - MINUTE)
    assert run() == 1
    assert Picture.objects.get().last_error == ""
    assert shared.dashboard(by).figures["open_cases"].count == 1


def test_part_of_another_revision_of_the_areas_is_begun_anew(world: World, large):
    for _case in range(3):
        world.report()
    with pytest.raises(shared.Pending):
        shared.dashboard(world.actor("leader"))
    renewal.run_slice(patience=0)
    picture = Picture.objects.get()
    assert picture.mark > 0
    Picture.objects.update(part=picture.part | {"revision": -1})
    run()
    assert shared.dashboard(world.actor("leader")).figures["open_cases"].count == 3


def test_pictures_nobody_looked_at_for_a_day_are_gone(world: World, large):
    world.report()
    pictured(world.actor("leader"))
    tasks.discard_boards()
    assert Picture.objects.count() == 1
    Picture.objects.update(looked_at=Now() - timedelta(days=1, minutes=1))
    tasks.discard_boards()
    assert not Picture.objects.exists()


def test_scope_that_became_small_is_computed_at_once_again(world: World, large, monkeypatch):
    world.report()
    by = world.actor("leader")
    pictured(by)
    monkeypatch.setattr(shared, "FEW_CASES", 10)
    monkeypatch.setattr(shared, "QUICK_SECONDS", 3600)
    world.report()
    assert shared.dashboard(by).figures["open_cases"].count == 2


def test_task_sends_itself_again_while_there_is_more(world: World, large, monkeypatch):
    world.report()
    with pytest.raises(shared.Pending):
        shared.dashboard(world.actor("leader"))
    sent = []
    monkeypatch.setattr(tasks.renew_boards, "apply_async", lambda **options: sent.append(options))
    tasks.renew_boards()
    tasks.renew_boards()
    assert sent == [{"expires": 10}]
    assert shared.dashboard(world.actor("leader")).figures["open_cases"].count == 1


# --- killed ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_killed_counter_costs_a_slice_and_the_picture_is_right(large):
    from tests.worlds import make_world  # noqa: PLC0415 - committed, so that the other process sees it

    world = make_world()
    for _case in range(5):
        world.report()
    by = world.actor("leader")
    with pytest.raises(shared.Pending):
        shared.dashboard(by)
    renewal.run_slice(patience=0)
    mark = Picture.objects.get().mark
    reached = spawn.Event()
    process = spawn.Process(target=stopped_counter, args=(processes.database_name(), reached))
    process.start()
    assert reached.wait(180)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    picture = Picture.objects.get()
    assert picture.lease
    assert picture.mark == mark
    assert not renewal.run_slice()  # until its lease is over
    Picture.objects.update(lease_until=Now() - MINUTE)
    assert run() == 1
    assert shared.dashboard(by).figures["open_cases"].count == 5


# --- who sees which -------------------------------------------------------------------------------------------------


def test_picture_is_shown_to_those_with_the_same_sight_alone(world: World, large):
    world.report()
    world.report(by="acceptor_b", grid="620902001001001")
    city = pictured(world.actor("leader"))
    assert shared.dashboard(world.actor("duty_chief_city")) == city
    for login in ("duty_chief", "duty_chief_b", "grid_leader"):
        with pytest.raises(shared.Pending):
            shared.dashboard(world.actor(login))
    # the same district, asked for by somebody who sees the city: another sight than that of who sees it alone
    district = world.areas["620901"].pk
    run()
    own = shared.dashboard(world.actor("duty_chief"))
    assert own.area_id == district
    with pytest.raises(shared.Pending):
        shared.dashboard(world.actor("leader"), area_id=district)


def test_picture_of_who_is_named_is_his_own(world: World, large):
    world.report()
    world.report(category="0302")  # confidential: the acceptor is named on it
    counts = {}
    for login in ("supervisor", "acceptor", "acceptor_2"):
        by = world.actor(login)
        try:
            shown = shared.dashboard(by)
        except shared.Pending:
            run()
            shown = shared.dashboard(by)
        counts[login] = shown.figures["open_cases"].count
    assert counts["supervisor"] == 1
    assert counts["acceptor"] == 2
    assert {row.sight["person"] for row in Picture.objects.all()} >= {None, world.people["acceptor"].pk}


def test_sights_differ_in_whatever_makes_one_see_more(world: World):
    leader, head = world.actor("leader"), world.actor("department_head")
    sights = [
        Sight.of(leader, is_named=False), Sight.of(leader, is_named=True), Sight.of(head, is_named=False),
        Sight.of(world.actor("duty_chief"), is_named=False), Sight.of(world.actor("nobody"), is_named=False),
        Sight.of(world.actor("department_handler"), is_named=False),
    ]  # fmt: skip
    assert len({sight.key(1) for sight in sights}) == len(sights)
    assert sights[0].key(1) != sights[0].key(2) != sights[0].key(None)
    assert [Sight.from_json(sight.as_json()) for sight in sights] == sights
    for nobody in (SYSTEM, Actor(user_id=None)):
        with pytest.raises(ValueError, match="see no figures"):
            Sight.of(nobody, is_named=False)


def test_actor_of_a_sight_sees_what_the_person_sees(world: World):
    world.report()
    world.report(category="0302")
    world.carry("handling")
    for login in ("leader", "duty_chief", "duty_chief_b", "supervisor", "acceptor", "department_head", "nobody"):
        by = world.actor(login)
        named = NamedAccess.objects.filter(user=by.user_id).exists()
        seen = {
            who: set(selectors.cases_of(one).values_list("number", flat=True))
            for who, one in (("person", by), ("sight", Sight.of(by, is_named=named).actor))
        }
        assert seen["sight"] == seen["person"], login


# --- invariants -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"shown": {}}, {"at": "now"}, {"mark": 3}, {"part": {}}, {"lease": "x"}])
def test_picture_that_says_half_is_refused(world: World, large, wrong):
    world.report()
    with pytest.raises(shared.Pending):
        shared.dashboard(world.actor("leader"))
    given = {"at": clock.now()} if wrong == {"at": "now"} else wrong
    with pytest.raises(IntegrityError), transaction.atomic():
        Picture.objects.update(**given)
