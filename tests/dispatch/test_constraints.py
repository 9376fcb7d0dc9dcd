"""The database refuses a case that contradicts itself, whoever writes past the services."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F, ProtectedError

from dispatch.models import Notice, NoticeDelivery, Request, RoutingRule, Ticket
from gridgov.common import clock
from incidents.models import (
    Attachment,
    Clock,
    ClockSegment,
    DuplicateCandidate,
    FiredStep,
    IdempotencyKey,
    Incident,
    JournalEntry,
    NamedAccess,
)
from tests.dispatch.audit import audit
from tests.worlds import World

Change = dict[str, Any]


@pytest.fixture
def handling(world: World) -> Incident:
    """A case in handling with a joint ticket and a request."""
    number = world.carry("filed")
    world.perform(number, "dispatch", "dispatcher", lead=world.lead(), joint=[world.lead("ZJ")])
    world.perform(number, "sign", "department_handler")
    return world.case(number)


def refused(write: Callable[[], Any], name: str = "") -> None:
    """The database refuses the write; on PostgreSQL it names the constraint."""
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        write()
    text = str(error.value)
    assert not name or name in text or "UNIQUE constraint failed" in text, text


INCIDENT: list[tuple[str, Change]] = [
    ("incident_ended_at_iff_ended", {"status": "closed", "lead_assignment": None}),
    ("incident_ended_at_iff_ended", {"ended_at": "NOW"}),
    ("incident_live_lead_iff_with_handler", {"lead_assignment": None}),
    ("incident_live_lead_iff_with_handler", {"status": "handled"}),
    ("incident_live_lead_iff_with_handler", {"status": "closed", "ended_at": "NOW"}),
    ("incident_merged_has_parent", {"status": "merged", "ended_at": "NOW", "lead_assignment": None}),
    ("incident_merged_has_parent", {"status_before": "filed"}),
    ("incident_suspended_until", {"status": "suspended"}),
    ("incident_suspended_until", {"suspended_until": "NOW"}),
    ("incident_position_whole", {"lon": None}),
    ("incident_position_whole", {"lon": 200.0}),
    ("incident_position_whole", {"lat": -91.0}),
    ("incident_filed_has_standard", {"standard": None}),
    ("incident_checking_has_checker", {"status": "checking", "lead_assignment": None}),
]


@pytest.mark.parametrize(("name", "change"), INCIDENT, ids=lambda value: value if isinstance(value, str) else "")
def test_case_that_contradicts_itself_is_refused(handling: Incident, name: str, change: Change) -> None:
    values = {field: clock.now() if value == "NOW" else value for field, value in change.items()}
    refused(lambda: Incident.objects.filter(pk=handling.pk).update(**values), name)
    audit(handling.number)


def test_merged_case_keeps_where_it_came_from(world: World) -> None:
    parent, child = world.report(), world.report()
    world.perform(child, "merge", "acceptor", into=parent)
    rows = Incident.objects.filter(number=child)
    for change in ({"parent": None}, {"status_before": ""}, {"status_before": "handling"}):
        refused(lambda change=change: rows.update(**change), "incident_merged_has_parent")
    refused(lambda: Incident.objects.filter(number=child).update(number=parent))
    with pytest.raises(ProtectedError):
        Incident.objects.get(number=parent).delete()


TICKET: list[tuple[str, Change]] = [
    ("ticket_one_handler", {"department": None}),
    ("ticket_one_handler", {"worker": "SOMEBODY"}),
    ("ticket_ended_iff_not_live", {"state": "done"}),
    ("ticket_ended_iff_not_live", {"ended_at": "NOW"}),
    ("ticket_refused_is_joint", {"state": "refused", "ended_at": "NOW"}),
    ("ticket_refused_is_joint", {"state": "waived", "ended_at": "NOW"}),
]


@pytest.mark.parametrize(("name", "change"), TICKET)
def test_ticket_that_contradicts_itself_is_refused(world: World, handling: Incident, name: str, change: Change) -> None:
    stand_ins = {"NOW": clock.now(), "SOMEBODY": world.workers["grid_worker"]}
    values = {field: stand_ins.get(value, value) for field, value in change.items()}
    lead = Ticket.objects.filter(incident=handling, is_lead=True)
    refused(lambda: lead.update(**values), name)


def test_second_live_lead_is_refused(world: World, handling: Incident) -> None:
    joint = Ticket.objects.filter(incident=handling, is_lead=False)
    refused(lambda: joint.update(is_lead=True, assignment=7), "ticket_one_live_lead")
    refused(lambda: joint.update(is_lead=True, state="done", ended_at=clock.now()), "ticket_one_lead_per_assignment")
    with pytest.raises(IntegrityError), transaction.atomic():
        Ticket.objects.create(
            incident=handling, assignment=9, department=world.departments["SW"], dispatched_at=clock.now()
        )


@pytest.fixture
def request_(world: World, handling: Incident) -> Request:
    asker = world.people["department_handler"]
    return Request.objects.create(
        incident=handling, kind="return", asked_by=asker, asked_at=clock.now(), reason="不归我", asked_seq=9
    )


REQUEST: list[tuple[str, Change]] = [
    ("request_decided_whole", {"state": "granted"}),
    ("request_decided_whole", {"state": "granted", "decided_at": "NOW"}),
    ("request_decided_whole", {"state": "refused", "decided_by": "dispatcher"}),
    ("request_decided_whole", {"decided_at": "NOW"}),
    ("request_decided_whole", {"state": "lapsed"}),
    ("request_decided_whole", {"state": "lapsed", "decided_at": "NOW", "decided_by": "dispatcher"}),
    ("request_not_own", {"state": "granted", "decided_at": "NOW", "decided_by": "department_handler"}),
    ("request_suspend_until", {"kind": "suspend"}),
]


@pytest.mark.parametrize(("name", "change"), REQUEST)
def test_request_that_contradicts_itself_is_refused(world: World, request_: Request, name: str, change: Change) -> None:
    stand_ins = {"NOW": clock.now()} | dict(world.people)
    values = {field: stand_ins.get(value, value) for field, value in change.items()}
    refused(lambda: Request.objects.filter(pk=request_.pk).update(**values), name)


def test_second_pending_request_of_a_kind_is_refused(request_: Request) -> None:
    def again() -> None:
        Request.objects.create(
            incident=request_.incident, kind="return", asked_by=request_.asked_by, asked_at=clock.now(), reason="再来",
            asked_seq=10,
        )  # fmt: skip

    refused(again, "request_one_pending")
    Request.objects.filter(pk=request_.pk).update(state="lapsed", decided_at=clock.now())
    again()


CLOCK: list[tuple[str, Change]] = [
    ("clock_stopped_iff_ended", {"stopped_at": "NOW"}),
    ("clock_stopped_iff_ended", {"state": "met"}),
    ("clock_stopped_iff_ended", {"state": "met", "stopped_at": "NOW"}),  # and fires on
    ("clock_paused_fires_nothing", {"state": "paused"}),
    ("clock_late_has_due", {"state": "late", "stopped_at": "NOW", "next_step_at": None, "due_at": None}),
]


@pytest.mark.parametrize(("name", "change"), CLOCK)
def test_clock_that_contradicts_itself_is_refused(handling: Incident, name: str, change: Change) -> None:
    values = {field: clock.now() if value == "NOW" else value for field, value in change.items()}
    refused(lambda: Clock.objects.filter(incident=handling, kind="handle").update(**values), name)


def test_second_live_clock_and_second_cycle_are_refused(handling: Incident) -> None:
    handle = Clock.objects.get(incident=handling, kind="handle")

    def another(**change: Any) -> None:
        values = {"kind": "handle", "cycle": 2, "state": "running", "started_at": clock.now(), "holder_id": 1}
        Clock.objects.create(incident=handling, **(values | {"holder_id": handle.holder_id} | change))

    refused(another, "clock_one_live")
    refused(lambda: another(state="paused"), "clock_one_live")
    refused(lambda: another(cycle=1, state="met", stopped_at=clock.now()), "clock_cycle_unique")


def test_segments_go_forward_and_one_pause_is_open(handling: Incident) -> None:
    handle = Clock.objects.get(incident=handling, kind="handle")
    now = clock.now()

    def pause(**change: Any) -> None:
        ClockSegment.objects.create(clock=handle, kind="paused", started_at=now, entry_seq=1, **change)

    refused(lambda: pause(ended_at=now - timedelta(seconds=1)), "clocksegment_forward")
    pause()
    refused(pause, "clocksegment_one_open_pause")


def test_step_fires_once(handling: Incident) -> None:
    handle = Clock.objects.get(incident=handling, kind="handle")
    now = clock.now()

    def fire() -> None:
        FiredStep.objects.create(clock=handle, fence=1, key="warn", due_at=now, fired_at=now, entry_seq=1)

    fire()
    refused(fire, "firedstep_once")


def test_journal_has_one_entry_a_number_and_is_not_changed(handling: Incident) -> None:
    entry = JournalEntry.objects.filter(incident=handling).latest("seq")
    twin = JournalEntry(**{f.attname: getattr(entry, f.attname) for f in JournalEntry._meta.fields if f.name != "id"})
    refused(lambda: twin.save(force_insert=True), "journalentry_seq_unique")
    for change in ({"action": "accept"}, {"seq": F("seq") + 1}, {"payload": {}}, {"actor": None}, {"mac": "0"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            JournalEntry.objects.filter(pk=entry.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        JournalEntry.objects.filter(pk=entry.pk)._raw_delete("default")
    audit(handling.number)


def test_smaller_tables_hold_their_own(world: World, handling: Incident) -> None:
    user, now = world.people["acceptor"], clock.now()
    other = world.case(world.report())

    def candidate(score: float, of: Incident) -> DuplicateCandidate:
        return DuplicateCandidate.objects.create(
            incident=handling, other=of, score=score, distance_m=1, gap_minutes=1, found_at=now
        )

    refused(lambda: candidate(1.2, other), "duplicatecandidate_score_ratio")
    refused(lambda: candidate(0.5, handling), "duplicatecandidate_two_cases")
    candidate(0.5, other)
    refused(lambda: candidate(0.6, other), "duplicatecandidate_once")
    NamedAccess.objects.create(incident=handling, user=user)
    refused(lambda: NamedAccess.objects.create(incident=handling, user=user), "namedaccess_once")
    IdempotencyKey.objects.create(user=user, key="k", digest="d", number="1", created_at=now)
    refused(
        lambda: IdempotencyKey.objects.create(user=user, key="k", digest="e", number="2", created_at=now),
        "idempotencykey_once",
    )
    photo = world.photo("acceptor")
    refused(lambda: Attachment.objects.filter(pk=photo).update(incident=handling), "attachment_linked_whole")
    notice = Notice.objects.create(user=user, incident=handling, entry_seq=1, topic="t", text="t", created_at=now)
    refused(
        lambda: Notice.objects.create(user=user, incident=handling, entry_seq=1, topic="t", text="u", created_at=now),
        "notice_once",
    )
    NoticeDelivery.objects.create(notice=notice, channel="app")
    refused(lambda: NoticeDelivery.objects.create(notice=notice, channel="app"), "noticedelivery_once")
    refused(lambda: NoticeDelivery.objects.update(state="sent"), "noticedelivery_sent_has_time")
    refused(
        lambda: RoutingRule.objects.create(
            area=world.root, lead=world.departments["CG"], standard_id=handling.standard_id,
            category_id=handling.category_id,
        ),
        "routingrule_one_subject",
    )  # fmt: skip
