"""A claim is one person's for a while: who gets it, whom it bars, and how it ends."""

import multiprocessing
import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from dispatch import claims, loop, receivers, requests, tasks
from dispatch.models import Claim, Notice
from dispatch.views.desk_table import DESKS
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.models import User
from incidents.models import Incident, JournalEntry
from tests.dispatch import racers
from tests.dispatch.audit import audit
from tests.processes import database_name
from tests.statements import at_most
from tests.worlds import World, make_world

pytestmark = pytest.mark.django_db


def actions_of(number: str) -> list[str]:
    return list(JournalEntry.objects.filter(incident__number=number).order_by("seq").values_list("action", flat=True))


def run_out(number: str) -> None:
    """The lease has ended, as the database's clock sees it."""
    moved = Claim.objects.filter(incident__number=number).update(
        claimed_at=F("claimed_at") - timedelta(hours=1), until=F("until") - timedelta(hours=1)
    )
    assert moved == 1


def test_claimed_case_is_acted_on_by_its_holder_alone(world: World) -> None:
    number = world.report()
    hold = claims.claim(number=number, by=world.actor("acceptor"))
    assert (hold.user_id, hold.name) == (world.people["acceptor"].pk, "受理甲")
    assert timedelta(minutes=9) < hold.until - hold.claimed_at <= timedelta(minutes=10)
    with pytest.raises(Conflict) as refused:
        world.perform(number, "accept", "acceptor_2")
    assert refused.value.code == "claimed"
    assert (refused.value.extra["actor"], refused.value.extra["until"]) == ("受理甲", hold.until)
    assert world.case(number).status == "reported"
    world.perform(number, "accept", "acceptor")
    assert audit(number).status == "accepted"


def test_claiming_in_threes(world: World) -> None:
    number = world.report()
    with pytest.raises(NotPermitted) as refused:
        claims.claim(number=number, by=world.actor("dispatcher"))
    assert refused.value.missing == "accept"
    with pytest.raises(NotFound):
        claims.claim(number=number, by=world.actor("acceptor_b"))
    assert not Claim.objects.exists()
    claims.claim(number=number, by=world.actor("acceptor"))
    with pytest.raises(Conflict) as taken:
        claims.claim(number=number, by=world.actor("acceptor_2"))
    assert (taken.value.code, taken.value.extra["actor"]) == ("claimed", "受理甲")
    assert Claim.objects.get().claimed_by == world.people["acceptor"]
    assert actions_of(number) == ["report"]


def test_claim_is_only_of_what_is_at_a_desk(world: World) -> None:
    number = world.carry("handling")
    with pytest.raises(Conflict) as refused:
        claims.claim(number=number, by=world.actor("dispatcher"))
    assert refused.value.code == "not_at_desk"


def test_every_status_of_a_desk_is_claimed_by_those_who_work_there() -> None:
    for desk in DESKS.values():
        if desk.key != "supervise":
            assert set(desk.statuses) <= set(claims.AT_DESK), desk.key
    worked = {status for desk in DESKS.values() if desk.key != "supervise" for status in desk.statuses}
    assert set(claims.AT_DESK) == worked


def test_claim_bars_neither_system_nor_field_nor_words(world: World) -> None:
    number = world.report()
    checker = world.people["grid_worker"].pk
    world.perform(number, "request_check", "acceptor", checker=checker)
    claims.claim(number=number, by=world.actor("acceptor_2"))
    world.perform(number, "note", "acceptor", note="已电话联系")
    world.perform(number, "supervise", "supervisor", note="请尽快")
    world.perform(number, "confirm_check", "grid_worker", note="属实", attachments=[world.photo("grid_worker")])
    assert audit(number).status == "accepted"


def test_decision_on_a_request_is_not_barred(world: World) -> None:
    number = world.carry("filed")
    claims.claim(number=number, by=world.actor("dispatcher"))
    pk = requests.ask(number=number, kind="void", by=world.actor("acceptor"), reason="重复录入")
    requests.decide(request_id=pk, grant=True, by=world.actor("duty_chief"))
    assert audit(number).status == "voided"


def test_claim_ends_when_the_case_moves_on_and_does_not_come_back_with_it(world: World) -> None:
    number = world.report()
    claims.claim(number=number, by=world.actor("acceptor"))
    world.perform(number, "accept", "acceptor")
    claims.claim(number=number, by=world.actor("duty_chief"))
    assert Claim.objects.get().claimed_by == world.people["duty_chief"]
    world.perform(number, "send_back", "duty_chief", reason="请补充")
    assert loop.read(number, world.actor("acceptor")).claim is None
    world.perform(number, "accept", "acceptor_2")
    assert audit(number).status == "accepted"


def test_claim_ends_with_its_lease(world: World) -> None:
    number = world.report()
    claims.claim(number=number, by=world.actor("acceptor"))
    run_out(number)
    assert loop.read(number, world.actor("acceptor_2")).claim is None
    claims.claim(number=number, by=world.actor("acceptor_2"))
    with pytest.raises(Conflict) as refused:
        claims.renew(number=number, by=world.actor("acceptor"))
    assert (refused.value.code, refused.value.extra["actor"]) == ("claimed", "受理甲二")


def test_claim_is_prolonged_by_its_holder_and_released_once(world: World) -> None:
    number, by = world.report(), world.actor("acceptor")
    first = claims.claim(number=number, by=by)
    assert claims.renew(number=number, by=by).until >= first.until
    assert claims.claim(number=number, by=by).user_id == by.user_id
    assert not claims.release(number=number, by=world.actor("acceptor_2"))
    assert claims.release(number=number, by=by)
    assert not claims.release(number=number, by=by)
    with pytest.raises(Conflict) as refused:
        claims.renew(number=number, by=by)
    assert refused.value.code == "not_claimed"


def test_seizing_in_threes_is_journalled_with_its_reason(world: World) -> None:
    number = world.report()
    with pytest.raises(Conflict) as nothing:
        claims.seize(number=number, by=world.actor("supervisor"), reason="无人认领")
    assert nothing.value.code == "not_claimed"
    claims.claim(number=number, by=world.actor("acceptor"))
    with pytest.raises(NotPermitted) as refused:
        claims.seize(number=number, by=world.actor("acceptor_2"), reason="我来办")
    assert refused.value.missing == "supervise"
    with pytest.raises(NotFound):
        claims.seize(number=number, by=world.actor("supervisor_b"), reason="我来办")
    with pytest.raises(FieldError):
        claims.seize(number=number, by=world.actor("duty_chief"), reason="  ")
    assert actions_of(number) == ["report"]
    version = world.case(number).version
    hold = claims.seize(number=number, by=world.actor("duty_chief"), reason="值班员离岗")
    assert hold.user_id == world.people["duty_chief"].pk
    entry = JournalEntry.objects.get(incident__number=number, action="claim_seized")
    assert (entry.text, entry.actor_role) == ("值班员离岗", "duty_chief")
    assert entry.payload == {"from": world.people["acceptor"].pk}
    assert audit(number).version == version
    with pytest.raises(Conflict):
        world.perform(number, "accept", "acceptor")
    receivers.deliver_pending()
    assert [n.user.username for n in Notice.objects.filter(topic="claim_seized")] == ["acceptor"]


def test_holders_of_a_list_take_one_statement(world: World) -> None:
    numbers = [world.report() for _ in range(3)]
    for number in numbers[:2]:
        claims.claim(number=number, by=world.actor("acceptor"))
    run_out(numbers[1])
    ids = dict(Incident.objects.values_list("number", "pk"))
    with at_most(1):
        found = claims.of_cases(ids.values())
    assert {pk: hold.name for pk, hold in found.items()} == {ids[numbers[0]]: "受理甲"}
    with at_most(0):
        assert claims.of_cases([]) == {}


def test_one_claim_a_case_and_it_has_an_end(world: World) -> None:
    incident, now = world.case(world.report()), clock.now()
    row = {"claimed_by": world.people["acceptor"], "claimed_at": now, "status_at": now}
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.create(incident=incident, until=now, **row)
    Claim.objects.create(incident=incident, until=now + timedelta(minutes=1), **row)
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.create(incident=incident, until=now + timedelta(minutes=1), **row)


def test_ended_claims_are_swept_away(world: World) -> None:
    kept, gone = world.report(), world.report()
    for number in (kept, gone):
        claims.claim(number=number, by=world.actor("acceptor"))
    Claim.objects.filter(incident__number=gone).update(
        claimed_at=clock.now() - timedelta(days=3), until=clock.now() - timedelta(days=2)
    )
    assert tasks.tidy_desks() == 1
    assert Claim.objects.get().incident.number == kept


@pytest.mark.django_db(transaction=True)
def test_many_sessions_in_processes_have_one_winner() -> None:
    """As many sessions as ``CLAIM_SESSIONS`` says, in four processes; each has connections of its own."""
    world = make_world()
    number = world.report()
    count = int(os.environ.get("CLAIM_SESSIONS", "40"))
    users = User.objects.bulk_create([User(username=f"racer{n}", name=f"坐席{n}") for n in range(count)])
    people = [(user.pk, replace(world.actor("acceptor"), user_id=user.pk, name=user.name)) for user in users]
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(count), context.Queue()
    processes = [
        context.Process(target=racers.claim, args=(database_name(), number, people[n::4], start, results))
        for n in range(4)
    ]
    for process in processes:
        process.start()
    found: list[Any] = [results.get(timeout=180) for _ in people]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    codes = [code for _pk, code, _extra in found]
    assert sorted(set(codes)) == ["claimed", "ok"], set(codes)
    assert codes.count("ok") == 1
    winner = next(pk for pk, code, _extra in found if code == "ok")
    row = Claim.objects.get()
    assert row.claimed_by_id == winner
    name = User.objects.get(pk=winner).name
    assert {(extra["actor"], extra["until"]) for _pk, code, extra in found if code != "ok"} == {(name, row.until)}
