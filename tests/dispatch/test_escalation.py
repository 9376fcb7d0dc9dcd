"""Whom the steps tell, up the levels; ladders held by a person; digests and supervision."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from dispatch import escalation, receivers
from dispatch.escalation import Target, load_file, save_targets, targets_of
from dispatch.models import EscalationTarget, LadderPause, Notice
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from gridgov.common.models import AuditEntry
from incidents import journal
from incidents.models import Clock, FiredStep, JournalEntry
from personnel.roles import AREA_ROLES, DEPARTMENT_ROLES

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 1, tzinfo=UTC)  # a Monday, 9:00 in Lanzhou
LATER = START + timedelta(days=30)
CENTRE, HANDLER = EscalationTarget.Side.CENTRE, EscalationTarget.Side.HANDLER


def handling(world, at: datetime = START) -> str:
    number = world.report(at=at)
    world.perform(number, "accept", "acceptor", at=at)
    world.perform(number, "file", "duty_chief", standard="0201-1", at=at)
    world.perform(number, "dispatch", "dispatcher", lead=world.lead(), at=at)
    world.perform(number, "sign", "department_handler", at=at)
    return number


def sweep(now: datetime) -> int:
    total = 0
    while fired := escalation.sweep(now=now):
        total += fired
    return total


def deliver() -> None:
    while receivers.deliver_pending().delivered:
        pass
    assert not JournalEntry.objects.filter(attempt_count__gt=0).exists()


def told(number: str, topic: str) -> list[str]:
    found = Notice.objects.filter(incident__number=number, topic=topic)
    return sorted(found.values_list("user__username", flat=True))


# --- targets ------------------------------------------------------------------------------------------------------


def test_most_exact_target_wins_and_a_milestone_is_looked_up_by_its_step(world):
    save_targets(step="*", targets=[Target(CENTRE, "supervisor")])
    save_targets(step="warn", targets=[Target(CENTRE, "duty_chief")])
    save_targets(step="warn", clock_kind="handle", targets=[Target(HANDLER, "department_handler")])
    assert targets_of("warn", "handle") == targets_of("stop:warn", "handle") == (Target(HANDLER, "department_handler"),)
    assert targets_of("warn", "accept") == (Target(CENTRE, "duty_chief"),)
    assert targets_of("due", "accept") == (Target(CENTRE, "supervisor"),)


def test_nobody_is_told_where_nothing_is_said(world):
    assert targets_of("warn", "handle") == ()


@pytest.mark.parametrize(
    ("field", "target"),
    [
        ("role", Target(CENTRE, "king")),
        ("role", Target(CENTRE, "department_head")),
        ("role", Target(HANDLER, "dispatcher")),
        ("side", Target("other", "dispatcher")),
        ("levels_up", Target(CENTRE, "dispatcher", levels_up=5)),
        ("supervision_level", Target(CENTRE, "dispatcher", supervision_level=5)),
    ],
)
def test_wrong_target_is_refused(world, field, target):
    with pytest.raises(FieldError) as refused:
        save_targets(step="warn", targets=[target])
    assert refused.value.field == field
    assert not EscalationTarget.objects.exists()


def test_saving_is_audited_and_used_at_once(world):
    save_targets(step="warn", targets=[Target(CENTRE, "dispatcher")], by=world.people["system_admin"])
    assert targets_of("warn", "accept") == (Target(CENTRE, "dispatcher"),)
    save_targets(step="warn", targets=[Target(CENTRE, "acceptor")], by=world.people["system_admin"])
    assert targets_of("warn", "accept") == (Target(CENTRE, "acceptor"),)
    entry = AuditEntry.objects.filter(action="escalation.save_targets").latest("id")
    assert (entry.actor, entry.object_id) == (world.people["system_admin"], "warn/")


def test_file_covers_every_clock_and_loading_twice_takes_nothing_back(world):
    assert load_file() > 0
    for kind in ("accept", "check", "file", "dispatch", "sign", "handle", "send", "verify", "close", "total"):
        for step in ("warn", "breach", "overdue_15", "overdue_60", "overdue_240", "anything"):
            found = targets_of(step, kind)
            assert found, (step, kind)
            assert all(t.role in (DEPARTMENT_ROLES if t.side == HANDLER else AREA_ROLES) for t in found)
    save_targets(step="warn", clock_kind="handle", targets=[])
    save_targets(step="breach", clock_kind="handle", targets=[Target(CENTRE, "leader")])
    call_command("load_escalation", verbosity=0)
    assert targets_of("breach", "handle") == (Target(CENTRE, "leader"),)
    load_file(replace=True)
    assert len(targets_of("breach", "handle")) == 4


# --- up the levels ------------------------------------------------------------------------------------------------


def test_steps_tell_the_handlers_and_the_desks_each_at_his_step(world):
    load_file()
    number = handling(world)
    sweep(START + timedelta(hours=9))
    deliver()
    assert told(number, "step:handle:warn") == ["department_handler", "department_handler_2"]
    assert told(number, "step:handle:breach") == [
        "department_handler", "department_handler_2", "department_head", "dispatcher", "dispatcher_2", "supervisor",
        "two_hats",
    ]  # fmt: skip
    text = Notice.objects.filter(incident__number=number, topic="step:handle:breach").first().text
    assert text == f"{number} 市容环境／暴露垃圾：处置已于03-02 15:00超时"


def test_role_is_looked_for_at_the_holder_then_above_then_further_up(world):
    save_targets(
        step="breach", clock_kind="accept",
        targets=[Target(CENTRE, "duty_chief"), Target(CENTRE, "verifier"), Target(CENTRE, "leader")],
    )  # fmt: skip
    save_targets(step="due", clock_kind="accept", targets=[Target(CENTRE, "duty_chief", levels_up=1)])
    save_targets(step="after_4h", clock_kind="accept", targets=[Target(CENTRE, "duty_chief", levels_up=2)])
    number = world.report(category="0203", at=START)  # held by the street
    sweep(LATER)
    deliver()
    assert told(number, "step:accept:breach") == ["duty_chief_street", "leader", "verifier", "verifier_2"]
    assert told(number, "step:accept:due") == ["duty_chief", "duty_chief_2"]
    assert told(number, "step:accept:after_4h") == ["duty_chief_city"]


def test_handlers_side_goes_up_the_department_and_stops_with_the_ticket(world):
    save_targets(step="warn", targets=[Target(HANDLER, "department_head")])
    save_targets(step="breach", targets=[Target(HANDLER, "department_handler", levels_up=3)])
    number = handling(world)
    sweep(START + timedelta(hours=9))
    world.perform(number, "recall", "dispatcher", reason="派错")
    deliver()
    assert told(number, "step:handle:warn") == []
    number = handling(world)
    sweep(START + timedelta(hours=9))
    deliver()
    assert told(number, "step:handle:warn") == ["department_head"]
    assert told(number, "step:handle:breach") == []


def test_step_raises_the_supervision_and_never_lowers_it(world):
    save_targets(step="breach", clock_kind="handle", targets=[Target(CENTRE, "supervisor", supervision_level=2)])
    save_targets(step="due", clock_kind="handle", targets=[Target(CENTRE, "supervisor", supervision_level=1)])
    number = handling(world)
    version = world.case(number).version
    sweep(START + timedelta(hours=9))
    deliver()
    case = world.case(number)
    assert (case.supervision_level, case.version) == (2, version)


def test_outage_is_one_digest_a_person(world):
    load_file()
    numbers = [world.report(at=START) for _ in range(8)]
    sweep(LATER)
    deliver()
    digests = Notice.objects.filter(topic__startswith="step_digest:")
    assert sorted(digests.values_list("user__username", flat=True)) == [
        "acceptor", "acceptor_2", "duty_chief", "duty_chief_2", "supervisor",
    ]  # fmt: skip
    assert digests.get(user__username="duty_chief").text.startswith("8件案件共有")
    assert not Notice.objects.filter(topic__startswith="step:").exists()
    assert numbers[0] in digests.get(user__username="acceptor").text


# --- ladders held by a person -------------------------------------------------------------------------------------


def accept_clock(number: str) -> Clock:
    return Clock.objects.get(incident__number=number, kind="accept")


def test_held_ladder_fires_nothing_until_it_is_released(world):
    number = world.report(at=START)
    clock_id = accept_clock(number).pk
    pause = escalation.pause_ladder(clock_id=clock_id, by=world.actor("duty_chief"), reason="系统迁移", at=START)
    assert accept_clock(number).next_step_at is None
    sweep(LATER)
    assert not FiredStep.objects.filter(clock=clock_id).exists()
    escalation.release_ladder(clock_id=clock_id, by=world.actor("duty_chief_2"), reason="迁移完成", at=LATER)
    sweep(LATER)
    assert FiredStep.objects.filter(clock=clock_id).count() == 4
    pause.refresh_from_db()
    assert (pause.released_by, pause.released_at) == (world.people["duty_chief_2"], LATER)
    said = JournalEntry.objects.filter(incident__number=number, action__startswith="ladder").order_by("seq")
    assert [(e.action, e.text, e.payload) for e in said] == [
        ("ladder_paused", "系统迁移", {"clock": "accept", "cycle": 1}),
        ("ladder_released", "迁移完成", {"clock": "accept", "cycle": 1}),
    ]
    assert world.case(number).version == 1
    assert journal.verify(number=number).faults == []


def test_held_ladder_stays_held_when_its_clock_is_armed_again(world):
    number = handling(world)
    handle = Clock.objects.get(incident__number=number, kind="handle")
    escalation.pause_ladder(clock_id=handle.pk, by=world.actor("duty_chief"), reason="协调中", at=START)
    Clock.objects.filter(pk=handle.pk).update(next_step_at=handle.due_at)  # as an extension does
    sweep(START + timedelta(hours=9))
    assert not FiredStep.objects.filter(clock=handle.pk).exists()
    escalation.release_ladder(clock_id=handle.pk, by=world.actor("duty_chief"), reason="已协调")
    sweep(START + timedelta(hours=9))
    assert FiredStep.objects.filter(clock=handle.pk).count() == 3


def test_ladder_of_an_ended_clock_or_a_held_one_cannot_be_held(world):
    number = world.report(at=START)
    clock_id = accept_clock(number).pk
    with pytest.raises(Conflict) as early:
        escalation.release_ladder(clock_id=clock_id, by=world.actor("duty_chief"), reason="x")
    assert early.value.code == "not_paused"
    escalation.pause_ladder(clock_id=clock_id, by=world.actor("duty_chief"), reason="x")
    with pytest.raises(Conflict) as again:
        escalation.pause_ladder(clock_id=clock_id, by=world.actor("duty_chief"), reason="x")
    assert again.value.code == "paused_before"
    world.perform(number, "accept", "acceptor", at=START)
    escalation.release_ladder(clock_id=clock_id, by=world.actor("duty_chief"), reason="x")
    with pytest.raises(Conflict) as ended:
        escalation.pause_ladder(clock_id=clock_id, by=world.actor("duty_chief"), reason="x")
    assert ended.value.code == "clock_ended"
    assert LadderPause.objects.count() == 1


def test_ladder_is_held_by_who_operates_the_loop_there(world):
    clock_id = accept_clock(world.report(at=START)).pk
    for login in ("acceptor", "duty_chief_b"):
        with pytest.raises(NotPermitted) as refused:
            escalation.pause_ladder(clock_id=clock_id, by=world.actor(login), reason="x")
        assert refused.value.missing == "operate_loop"
    with pytest.raises(FieldError):
        escalation.pause_ladder(clock_id=clock_id, by=world.actor("duty_chief"), reason="  ")
    with pytest.raises(NotFound):
        escalation.pause_ladder(clock_id=0, by=world.actor("duty_chief"), reason="x")
    assert not LadderPause.objects.exists()
    assert not JournalEntry.objects.filter(action="ladder_paused").exists()
