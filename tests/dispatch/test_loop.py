"""``perform`` on the database: sampled cells of the table, stale forms, payloads, and what a refusal leaves behind."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from dispatch import loop
from dispatch.actors import SYSTEM, actor_by_link
from dispatch.models import Ticket
from gridgov.common.errors import Conflict, DomainError, FieldError, FieldErrors, NotFound, NotPermitted
from incidents.models import Attachment, Clock, JournalEntry
from incidents.workflow import Action, Status, find
from tests.dispatch.audit import audit
from tests.dispatch.cases import LOGINS, cases_in_every_status, payload_for
from tests.dispatch.test_table import table
from tests.flows.journey import START, Journey, Quick
from tests.worlds import World

CELLS = 400
#: Who sees a case of his area; everybody else has to be something to it.
SEEING = {"acceptor", "duty_chief", "dispatcher", "supervisor", "verifier", "grid_leader", "grid_worker", "leader"}
#: Allowed by the table and refused here for a reason that the payload or the past gives: no right to it is missing.
BY_RULE = {Action.IMPOSE, Action.ANSWER, Action.REACH_MILESTONE}


def test_sampled_cells_on_the_database_answer_by_the_table(world: World) -> None:
    cases, book, dice = cases_in_every_status(world), table(), random.Random(2)
    assert {status for status, _ticket in cases} == set(Status)
    into = Quick(world).number
    subjects = [subject for subject in LOGINS if subject in world.people or LOGINS[subject] in world.people]
    actors = {subject: world.actor(LOGINS[subject]) for subject in subjects}
    allowed = [
        (status, ticket, action, subject)
        for (action, status, ticket), who in book.act.items()
        for subject in who
        if (status, ticket) in cases and subject in actors
    ]
    every = [(status, ticket, action, subject) for status, ticket in cases for action in Action for subject in actors]
    sample = dice.sample(allowed, min(len(allowed), CELLS // 2)) + dice.sample(every, CELLS)
    seen: Counter[str] = Counter()
    for status, ticket, name, subject in sample:
        action, number = Action(name), cases[status, ticket]
        expected = _expected(book.act, subject, action, status, ticket)
        if expected == "skip":
            continue
        payload = payload_for(world, action, status, LOGINS[subject], into)
        with transaction.atomic():
            answer = _answer(number, action, actors[subject], payload)
            transaction.set_rollback(True)
        assert answer == expected, (status, ticket, action, subject)
        seen[answer] += 1
    assert min(seen[answer] for answer in ("ok", "403", "404", "409")) >= 20, seen
    for number in cases.values():
        audit(number)


def _expected(
    allowed: dict[tuple[str, Status, bool], set[str]], subject: str, action: Action, status: Status, ticket: bool
) -> str:
    handling = status in (Status.DISPATCHED, Status.HANDLING, Status.SUSPENDED)
    is_party = {
        "the_checker": status is Status.CHECKING,
        "the_verifier": status is Status.VERIFYING,
        "the_handler": ticket,
        "the_worker": True,
    }.get(subject, subject in SEEING)
    if not is_party:
        # no longer or not yet: the checker and the verifier still see their grid, the handler nothing
        if subject in ("the_checker", "the_verifier"):
            return "skip"
        return "404"
    may = allowed.get((action.value, status, ticket), set())
    if subject == "the_handler" and not handling and action is Action.NOTE:
        return "skip"
    if subject in may:
        if action in BY_RULE:
            return "skip"
        if subject == "the_worker" and not ticket and action in (Action.EVALUATE,):
            return "403"  # it was he who did it on the spot
        return "ok"
    line = find(action, status)
    if line is None or line.granted:
        return "409"
    elsewhere = allowed.get((action.value, status, not ticket), set())
    return "409" if not may and subject in elsewhere else "403"


def _answer(number: str, action: Action, by: Any, payload: dict[str, Any]) -> str:
    try:
        loop.perform(number=number, action=action, by=by, at=START + timedelta(days=1), **payload)
    except (NotPermitted, NotFound, Conflict) as refusal:
        return str(refusal.status)
    return "ok"


# --- the order of the answers ---------------------------------------------------------------------------------------


def test_stale_form_is_told_who_did_what_when(world: World) -> None:
    case = Journey(world).to("filed")
    with pytest.raises(Conflict) as refused:
        case.do("dispatch", "dispatcher", version=2, lead=world.lead())
    filed = case.entry("file")
    extra = refused.value.extra
    assert refused.value.code == "stale_version"
    assert (extra["actor"], extra["action"], extra["at"]) == ("值班甲", "file", filed.at)
    assert (extra["version"], extra["status"]) == (3, "filed")
    case.do("dispatch", "dispatcher", version=3, lead=world.lead())


def test_notes_and_supervision_leave_every_form_fresh(world: World) -> None:
    case = Journey(world).to("handling")
    version = case.case.version
    case.do("note", "supervisor", note="请尽快")
    case.do("supervise", "supervisor", note="超时苗头")
    case.do("supervise", "leader", note="再催", level=3)
    case.ask("extend", "department_handler")
    assert (case.case.version, case.case.supervision_level) == (version, 3)
    case.do("feed_back", "department_handler", 1, note="已清理", version=version)
    case.to("closed")


def test_supervision_raises_by_one_and_never_lowers(world: World) -> None:
    case = Journey(world).to("handling")
    case.do("supervise", "supervisor", note="请尽快")
    assert case.case.supervision_level == 1
    case.do("supervise", "supervisor", note="请尽快", level=3)
    with pytest.raises(FieldError) as refused:
        case.do("supervise", "supervisor", note="请尽快", level=2)
    assert (refused.value.field, refused.value.code) == ("level", "lower")
    case.do("supervise", "supervisor", note="再催", level=3)
    assert case.case.supervision_level == 3
    for _more in range(2):
        case.do("supervise", "supervisor", note="请尽快")
    assert case.case.supervision_level == 4


def test_action_that_was_overtaken_says_where_the_case_stands(world: World) -> None:
    case = Journey(world).to("handling")
    with pytest.raises(Conflict) as refused:
        case.do("accept", "acceptor")
    assert refused.value.code == "not_open"
    assert refused.value.extra["status"] == "handling"
    assert "处置中" in refused.value.message
    with pytest.raises(FieldError) as unknown:
        case.do("explode", "acceptor")
    assert unknown.value.field == "action"
    with pytest.raises(Conflict) as only_asked:
        case.do("void", "duty_chief", reason="误报")
    assert only_asked.value.code == "needs_request"


def test_outsider_learns_nothing_not_even_that_it_is_stale(world: World) -> None:
    case = Journey(world)
    for by in ("acceptor_b", "nobody", "department_handler", "audit_admin"):
        for number in (case.number, "没有"):
            with pytest.raises(NotFound) as refused:
                loop.perform(number=number, action="accept", by=world.actor(by), version=99)
            assert str(refused.value) == "没有这个案件"


@pytest.mark.parametrize(
    ("payload", "fields"),
    [
        ({}, ["lead"]),
        ({"lead": "城管局"}, ["lead"]),
        ({"lead": {"department": "x"}}, ["lead"]),
        ({"lead": {"department": 2**70}}, ["lead"]),
        ({"lead": {"department": 999_999}}, ["lead"]),
        ({"lead": {"worker": 999_999}}, ["lead"]),
        ({"lead": {"department": 1, "worker": 1}}, ["lead"]),
        ({"lead": "LEAD", "joint": "ZJ"}, ["joint"]),
        ({"lead": "LEAD", "joint": ["LEAD"]}, ["joint"]),
        ({"lead": "LEAD", "note": "长" * 2_001}, ["note"]),
        ({"lead": "LEAD", "note": 7}, ["note"]),
        ({"lead": "LEAD", "note": "a\x00b"}, ["note"]),
        ({"lead": "LEAD", "reason": "不该有"}, ["reason"]),
        ({"reason": "不该有", "until": "x"}, ["reason", "until", "lead"]),
    ],
)
def test_wrong_payload_names_its_field_and_writes_nothing(
    world: World, payload: dict[str, Any], fields: list[str]
) -> None:
    case = Journey(world).to("filed")
    lead = world.lead()
    given = {
        name: lead if value == "LEAD" else [lead] if value == ["LEAD"] else value for name, value in payload.items()
    }
    before = (JournalEntry.objects.count(), Clock.objects.count(), case.case.version)
    with pytest.raises(DomainError) as refused:
        case.do("dispatch", "dispatcher", **given)
    error = refused.value
    assert error.status == 400
    named = [e.field for e in error.errors] if isinstance(error, FieldErrors) else [error.field]  # type: ignore[attr-defined]
    assert named == fields
    assert (JournalEntry.objects.count(), Clock.objects.count(), audit(case.number).version) == before
    assert not Ticket.objects.exists()


def test_photos_are_counted_linked_once_and_only_by_who_took_them(world: World) -> None:
    case = Journey(world).to("handling")
    for photos in ([], "x", ["no id"], [world.photo("grid_worker")]):
        with pytest.raises(FieldError) as refused:
            case.do("feed_back", "department_handler", note="已清理", attachments=photos)
        assert refused.value.field == "attachments"
    photo = world.photo("department_handler")
    case.do("feed_back", "department_handler", note="已清理", attachments=[photo, str(photo)])
    row = Attachment.objects.get(pk=photo)
    assert (row.incident_id, row.entry_seq) == (case.case.pk, case.entry("feed_back").seq)
    assert case.entry("feed_back").payload["attachments"] == [str(photo)]
    other = Journey(world).to("handling")
    with pytest.raises(FieldError):
        other.do("feed_back", "department_handler", note="已清理", attachments=[photo])
    assert other.status == "handling"


def test_case_without_a_place_is_not_accepted_before_it_has_one(world: World) -> None:
    case = Journey(world, lon=None, lat=None, address="政府广场附近")
    assert (case.case.is_placed, case.case.holder_id) == (False, world.areas["620901"].pk)
    with pytest.raises(FieldError) as refused:
        case.do("accept", "acceptor")
    assert refused.value.field == "lon"
    lon, lat = world.point("620901002002001")
    with pytest.raises(FieldError) as swapped:
        case.do("amend", "acceptor", lon=lat, lat=lon, reason="补位置")
    assert swapped.value.field == "lon"
    assert "写反" in swapped.value.message
    case.do("amend", "acceptor", lon=lon, lat=lat, reason="补位置")
    assert case.case.is_placed
    assert case.case.grid_id == world.areas["620901002002001"].pk
    case.do("accept", "acceptor")


def test_case_is_not_corrected_out_of_the_sight_of_its_desk(world: World) -> None:
    case = Journey(world)
    lon, lat = world.point("620902001001001")
    with pytest.raises(FieldError) as refused:
        case.do("amend", "acceptor", lon=lon, lat=lat, reason="在乙区")
    assert (refused.value.field, refused.value.code) == ("lon", "outside_holder")
    case.do("transfer", "duty_chief", target=world.root.pk, reason="在乙区")
    case.do("amend", "acceptor_city", lon=lon, lat=lat, reason="在乙区")
    case.do("transfer", "duty_chief_city", target=world.areas["620902"].pk, reason="属乙区")
    case.do("accept", "acceptor_b")


def test_reporter_by_link_sees_and_does_what_is_his_alone(world: World) -> None:
    case = Journey(world, reporter_name="王女士", reporter_phone="13900001111")
    other = Journey(world, reporter_name="李先生", reporter_phone="13900002222")
    with pytest.raises(NotPermitted):
        case.do("accept", "link")
    case.to("closed")
    stranger = actor_by_link(other.token)
    assert stranger is not None
    with pytest.raises(NotFound):
        loop.perform(number=case.number, action="evaluate", by=stranger, result="satisfied")
    case.do("evaluate", "link", result="very_satisfied")
    entry = case.entry("evaluate")
    assert (entry.actor_id, entry.actor_role, entry.channel) == (None, "reporter", "link")


def test_system_carries_no_grants_and_no_account(world: World) -> None:
    assert (SYSTEM.user_id, SYSTEM.grants, SYSTEM.department_ids) == (None, frozenset(), frozenset())
    case = Journey(world).to("handling")
    for action in ("feed_back", "recall", "note", "supervise", "amend"):
        with pytest.raises(NotPermitted):
            case.do(action, "system", note="x", reason="x")
