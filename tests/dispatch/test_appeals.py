"""The appeal against a breach: who may ask, who decides, what it sets and what it never changes."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from dispatch import appeals, receivers
from dispatch.models import Appeal, Notice
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from incidents.models import Clock, JournalEntry
from tests.dispatch.audit import audit
from tests.flows.journey import Journey
from tests.worlds import World

pytestmark = pytest.mark.django_db


def late_case(world: World) -> Journey:
    """Closed, and fed back two days late."""
    case = Journey(world).to("handling")
    case.later(days=2)
    return case.to("closed")


def actions_of(number: str) -> list[str]:
    return list(JournalEntry.objects.filter(incident__number=number).order_by("seq").values_list("action", flat=True))


def handle_of(number: str) -> Clock:
    return Clock.objects.get(incident__number=number, kind="handle")


def ask(case: Journey, by: str = "department_handler") -> int:
    return appeals.ask(number=case.number, by=case.world.actor(by), reason="道路封闭，无法进场", at=case.at)


def decide(case: Journey, pk: int, by: str, grant: bool = True, reason: str = "情况属实") -> Appeal.State:
    return appeals.decide(appeal_id=pk, grant=grant, reason=reason, by=case.world.actor(by), at=case.at)


def test_granted_appeal_exempts_the_late_clocks_and_leaves_them_late(world: World) -> None:
    case = late_case(world)
    before = handle_of(case.number)
    assert (before.state, before.is_exempt) == ("late", False)
    version = case.case.version
    pk = ask(case)
    assert decide(case, pk, "dispatcher") == "forwarded"
    assert not handle_of(case.number).is_exempt
    assert decide(case, pk, "acceptor") == "granted"
    after = handle_of(case.number)
    assert (after.state, after.is_exempt, after.stopped_at, after.due_at) == (
        "late", True, before.stopped_at, before.due_at,
    )  # fmt: skip
    assert actions_of(case.number)[-3:] == ["appeal_asked", "appeal_forwarded", "exempted"]
    said = JournalEntry.objects.get(incident__number=case.number, action="exempted")
    asker = world.people["department_handler"].pk
    assert said.payload == {"appeal": pk, "clock": "handle", "cycle": 1, "asked_by": asker}
    assert said.actor_role == "acceptor"
    assert audit(case.number).version == version


def test_asking_in_threes(world: World) -> None:
    case = late_case(world)
    with pytest.raises(NotPermitted) as refused:
        ask(case, "acceptor")
    assert refused.value.missing == "lead_handler"
    with pytest.raises(NotFound):
        ask(case, "department_handler_b")
    with pytest.raises(FieldError):
        appeals.ask(number=case.number, by=world.actor("department_handler"), reason=" ", at=case.at)
    assert "appeal_asked" not in actions_of(case.number)
    ask(case)
    with pytest.raises(Conflict) as again:
        ask(case, "department_head")
    assert again.value.code == "appealed_before"
    assert Appeal.objects.count() == 1
    assert actions_of(case.number).count("appeal_asked") == 1


def test_appeal_is_of_a_closed_and_late_case_within_its_days(world: World) -> None:
    case = Journey(world).to("handling")
    with pytest.raises(Conflict) as still_open:
        ask(case)
    assert still_open.value.code == "not_open"
    case.to("closed")
    with pytest.raises(Conflict) as in_time:
        ask(case)
    assert in_time.value.code == "not_late"
    late = late_case(world)
    late.later(days=appeals.DAYS, minutes=1)
    with pytest.raises(Conflict) as too_late:
        ask(late)
    assert too_late.value.code == "not_open"
    assert not Appeal.objects.exists()


def test_deciding_in_threes(world: World) -> None:
    case = late_case(world)
    pk = ask(case)
    with pytest.raises(NotPermitted) as refused:
        decide(case, pk, "acceptor")
    assert refused.value.missing == "dispatch"
    with pytest.raises(NotFound):
        decide(case, pk, "dispatcher_b")
    assert decide(case, pk, "dispatcher_2") == "forwarded"
    with pytest.raises(NotPermitted) as again:
        decide(case, pk, "dispatcher_2")
    assert again.value.missing == "accept"
    assert decide(case, pk, "acceptor_2") == "granted"
    with pytest.raises(Conflict) as over:
        decide(case, pk, "acceptor")
    assert (over.value.code, over.value.extra["actor"]) == ("decided_before", "受理甲二")


def test_refusal_at_either_step_needs_a_reason_and_exempts_nothing(world: World) -> None:
    case = late_case(world)
    pk = ask(case)
    with pytest.raises(FieldError):
        decide(case, pk, "dispatcher", grant=False, reason="")
    assert decide(case, pk, "dispatcher", grant=False, reason="未提供证明") == "refused"
    other = late_case(world)
    pk = ask(other)
    decide(other, pk, "dispatcher")
    assert decide(other, pk, "acceptor", grant=False, reason="封路已提前通知") == "refused"
    for number in (case.number, other.number):
        assert not handle_of(number).is_exempt
        assert actions_of(number)[-1] == "appeal_refused"
        audit(number)
    with pytest.raises(Conflict):
        ask(other)


def test_who_waits_sees_it_and_nobody_else(world: World) -> None:
    case = late_case(world)

    def waiting(login: str) -> list[str]:
        return list(appeals.waiting_for(world.actor(login)).values_list("incident__number", flat=True))

    pk = ask(case)
    assert waiting("dispatcher") == [case.number]
    assert waiting("acceptor") == waiting("dispatcher_b") == waiting("department_handler") == []
    decide(case, pk, "dispatcher")
    assert waiting("acceptor") == [case.number]
    assert waiting("dispatcher") == waiting("acceptor_b") == []
    decide(case, pk, "acceptor")
    assert waiting("acceptor") == []


def test_each_step_is_told_to_who_is_next(world: World) -> None:
    case = late_case(world)
    receivers.deliver_pending()
    Notice.objects.all().delete()
    told: list[tuple[str, list[str]]] = []

    def hear() -> None:
        receivers.deliver_pending()
        people = Notice.objects.filter(topic__startswith="appeal").order_by("user__username")
        told.append((people[0].topic, [notice.user.username for notice in people]))
        Notice.objects.all().delete()

    pk = ask(case)
    hear()
    decide(case, pk, "dispatcher")
    hear()
    decide(case, pk, "acceptor")
    hear()
    assert told == [
        ("appeal", ["dispatcher", "dispatcher_2", "two_hats"]), ("appeal", ["acceptor", "acceptor_2"]),
        ("appeal_decided", ["department_handler"]),
    ]  # fmt: skip


def test_nobody_decides_his_own_nor_both_steps(world: World) -> None:
    case = late_case(world)
    row = Appeal.objects.get(pk=ask(case))
    now, asker = clock.now(), row.asked_by
    other = world.people["dispatcher"]
    for values in (
        {"state": "forwarded", "first_by": asker, "first_at": now},
        {"state": "granted", "first_by": other, "first_at": now, "second_by": other, "second_at": now},
        {"state": "forwarded"},
        {"state": "granted", "first_by": other, "first_at": now},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Appeal.objects.filter(pk=row.pk).update(**values)
    assert row.asked_at - case.at == timedelta(0)
