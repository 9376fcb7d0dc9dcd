"""Requests: who may ask for what when, what is judged at ``asked_at``, who decides, and when they lapse."""

from datetime import timedelta

import pytest

from dispatch import requests
from dispatch.models import Request
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from incidents.models import Attachment, Clock, JournalEntry
from tests.common.calendars import local
from tests.flows.journey import Journey
from tests.worlds import World


def test_asking_is_journalled_and_moves_nothing(world: World) -> None:
    case = Journey(world).to("handling")
    version, due = case.case.version, case.clock("handle").due_at
    photo = world.photo("department_handler")
    pk = case.ask("return", "department_handler", reason="属水务职责", attachments=[photo])
    request = case.request(pk)
    assert (request.state, request.level, request.asked_at) == ("pending", 0, case.at)
    assert request.ticket_id == case.tickets()[0].pk
    assert (case.case.version, case.clock("handle").due_at) == (version, due)  # no clock stops while it waits
    entry = case.entry("request_asked")
    assert (entry.seq, entry.text, entry.payload["kind"]) == (request.asked_seq, "属水务职责", "return")
    assert "属水务职责" not in entry.canonical
    assert Attachment.objects.get(pk=photo).entry_seq == entry.seq


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        ("return", {"reason": ""}, "reason"),
        ("return", {"reason": "  "}, "reason"),
        ("return", {"reason": "长" * 501}, "reason"),
        ("return", {"reason": "a\x00b"}, "reason"),
        ("return", {"reason": 5}, "reason"),
        ("return", {"until": local("2026-04-01 09:00")}, "until"),
        ("suspend", {}, "until"),
        ("suspend", {"until": "明天"}, "until"),
        ("suspend", {"until": local("2026-03-10 08:00")}, "until"),
        ("suspend", {"until": local("2028-03-10 08:00")}, "until"),
        ("return", {"attachments": ["x"]}, "attachments"),
        ("holiday", {}, "kind"),
    ],
)
def test_wrong_request_names_its_field_and_writes_nothing(world: World, kind: str, payload: dict, field: str) -> None:
    case = Journey(world).to("handling")
    before = JournalEntry.objects.count()
    with pytest.raises(FieldError) as refused:
        case.ask(kind, "department_handler", **({"reason": "需要"} | payload))
    assert refused.value.field == field
    assert not Request.objects.exists()
    assert JournalEntry.objects.count() == before


def test_only_the_handler_asks_for_his_ticket_and_only_desks_for_the_case(world: World) -> None:
    case = Journey(world).to("handling")
    for kind in ("return", "extend", "suspend"):
        for by in ("dispatcher", "acceptor", "duty_chief"):
            with pytest.raises(NotPermitted) as refused:
                case.ask(kind, by, until=case.at + timedelta(days=3) if kind == "suspend" else None)
            assert refused.value.missing == "lead_handler"
        with pytest.raises(NotFound):
            case.ask(kind, "department_handler_b")
    for kind in ("void", "force_close"):
        with pytest.raises(NotPermitted):
            case.ask(kind, "duty_chief")  # who decides does not ask
        with pytest.raises(NotPermitted):
            case.ask(kind, "department_handler")


def test_extension_is_for_handling_only_and_for_a_clock_with_a_limit(world: World) -> None:
    signed = Journey(world).to("dispatched")
    with pytest.raises(Conflict) as refused:
        signed.ask("extend", "department_handler")
    assert refused.value.code == "not_open"
    case = Journey(world).to("handling")
    Clock.objects.filter(pk=case.clock("handle").pk).update(
        due_at=None, unit="", minutes=None, steps=[], next_step_at=None
    )
    with pytest.raises(Conflict) as without:
        requests.ask(number=case.number, kind="extend", by=world.actor("department_handler"), reason="要")
    assert without.value.code == "no_limit"


def test_suspension_was_asked_for_in_time_even_if_granted_weeks_later(world: World) -> None:
    case = Journey(world).to("handling")
    asked = case.at
    pk = case.ask("suspend", "department_handler", until=local("2026-03-30 09:00"))
    case.at = local("2026-03-25 09:00")
    case.decide(pk, "duty_chief")
    assert case.clock("handle").segments.get(kind="paused").started_at == asked
    assert case.clock("total").segments.get(kind="paused").started_at == asked
    late = Journey(world).to("handling")
    pk = late.ask("suspend", "department_handler", until=local("2026-03-20 09:00"))
    late.at = local("2026-03-25 09:00")
    with pytest.raises(FieldError) as over:
        late.decide(pk, "duty_chief")  # its date is past: it can only be refused
    assert over.value.field == "until"
    late.decide(pk, "duty_chief", grant=False, reason="已过期限")
    assert late.request(pk).state == "refused"


def test_requests_lapse_with_their_ticket_and_with_the_case(world: World) -> None:
    case = Journey(world).to("handling")
    about_ticket = case.ask("extend", "department_handler")
    about_case = case.ask("void", "acceptor")
    case.do("recall", "dispatcher", reason="派错")
    states = {pk: case.request(pk).state for pk in (about_ticket, about_case)}
    assert states == {about_ticket: "lapsed", about_case: "pending"}
    lapsed = case.request(about_ticket)
    assert (lapsed.decided_by_id, lapsed.decided_at) == (None, case.at)
    assert case.entry("recall").payload["lapsed"] == [about_ticket]
    second = case.ask("force_close", "dispatcher")
    case.decide(second, "leader")
    assert case.request(about_case).state == "lapsed"
    assert case.request(second).state == "granted"
    for pk in (about_ticket, about_case, second):
        with pytest.raises(Conflict) as decided:
            case.decide(pk, "leader")
        assert decided.value.code == "decided_before"


@pytest.mark.parametrize(("span", "level"), [(timedelta(days=30), 1), (timedelta(days=30, minutes=1), 2)])
def test_suspension_of_over_30_days_is_the_leaders_to_grant(world: World, span: timedelta, level: int) -> None:
    case = Journey(world).to("handling")
    pk = case.ask("suspend", "department_handler", until=case.at + span)
    assert case.request(pk).level == level


def test_signing_and_suspending_let_the_others_wait_on(world: World) -> None:
    case = Journey(world).to("dispatched")
    returning = case.ask("return", "department_handler")
    case.do("sign", "department_handler")
    assert case.request(returning).state == "pending"
    pausing = case.ask("suspend", "department_handler", until=case.at + timedelta(days=3))
    case.decide(pausing, "duty_chief")
    assert case.request(returning).state == "pending"
    with pytest.raises(Conflict) as refused:
        case.decide(returning, "dispatcher")  # not open while suspended
    assert refused.value.code == "not_open"
    case.do("resume", "dispatcher")
    case.decide(returning, "dispatcher")
    assert case.status == "filed"


def test_decision_of_a_request_that_nobody_knows_or_may_see(world: World) -> None:
    case = Journey(world).to("handling")
    pk = case.ask("return", "department_handler")
    for by in ("dispatcher_b", "nobody", "department_handler_b"):
        with pytest.raises(NotFound):
            case.decide(pk, by)
    with pytest.raises(NotFound):
        requests.decide(request_id=pk + 99, grant=True, by=world.actor("dispatcher"))
    with pytest.raises(FieldError) as unclear:
        requests.decide(request_id=pk, grant="yes", by=world.actor("dispatcher"))  # type: ignore[arg-type]
    assert unclear.value.field == "grant"
    for by in ("acceptor", "supervisor", "department_handler"):
        with pytest.raises(NotPermitted):
            case.decide(pk, by)
    assert case.request(pk).state == "pending"


def test_two_kinds_may_wait_at_once_and_each_has_its_own_time(world: World) -> None:
    case = Journey(world).to("handling")
    first = case.ask("extend", "department_handler")
    case.later(minutes=30)
    second = case.ask("return", "department_handler")
    assert [case.request(pk).decide_by_at for pk in (first, second)] == [
        local("2026-03-10 11:04"),
        local("2026-03-10 11:34"),
    ]
    assert requests.raise_due(at=local("2026-03-10 11:04")) == 1
    assert [case.request(pk).level for pk in (first, second)] == [1, 0]


def test_time_to_decide_is_working_time(world: World) -> None:
    case = Journey(world, at=local("2026-03-13 17:00")).to("handling")  # a Friday
    pk = case.ask("extend", "department_handler")
    assert case.request(pk).decide_by_at == local("2026-03-16 09:04")


def test_extension_granted_moves_the_tickets_too(world: World) -> None:
    case = Journey(world).to("handling", joint=("ZJ",))
    case.decide(case.ask("extend", "department_handler"), "dispatcher")
    due = case.clock("handle").due_at
    assert due == local("2026-03-11 09:03")
    assert {ticket.due_at for ticket in case.tickets()} == {due}
    assert case.entry("extend").payload["request"] == Request.objects.get().pk
