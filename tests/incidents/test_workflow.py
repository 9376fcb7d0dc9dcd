"""The table itself: whole, closed and without dead ends."""

import pytest

from grids.capabilities import Capability
from incidents.workflow import (
    ASKED_BY,
    DECIDERS,
    ENDED,
    FIELD_LABELS,
    OPEN,
    STAGE_OF,
    TRANSITIONS,
    WITH_LIVE_TICKET,
    Action,
    Party,
    RequestKind,
    Status,
    TicketEffect,
    available,
    find,
    lines,
)
from personnel.roles import ROLE_CAPABILITIES


def _targets(status: Status) -> set[Status]:
    found = {line.target for line in available(status) if line.target is not None}
    if status is Status.MERGED:
        found |= {status for line in lines(Action.MERGE) for status in line.sources}
    return found - {status}


def _reached(start: Status, avoiding: frozenset[Action] = frozenset()) -> set[Status]:
    found, edge = {start}, [start]
    while edge:
        status = edge.pop()
        for line in available(status):
            if line.target is not None and line.action not in avoiding and line.target not in found:
                found.add(line.target)
                edge.append(line.target)
    return found


def test_ten_open_and_six_ended() -> None:
    assert (len(OPEN), len(ENDED)) == (10, 6)
    assert set(STAGE_OF) == set(Status)
    assert WITH_LIVE_TICKET < OPEN


def test_every_status_is_reached_and_every_open_one_can_be_closed() -> None:
    assert _reached(Status.REPORTED) == set(Status)
    for status in OPEN:
        assert Status.CLOSED in _reached(status), status
        assert Status.VOIDED in _targets(status)


def test_closed_is_reached_by_the_plain_way_without_any_request() -> None:
    granted = frozenset(line.action for line in TRANSITIONS if line.granted)
    assert Status.CLOSED in _reached(Status.REPORTED, avoiding=granted)


def test_action_is_open_by_one_line_at_most_in_each_status() -> None:
    for action in Action:
        for status in Status:
            assert sum(status in line.sources for line in lines(action)) <= 1
            assert find(action, status) in (None, *lines(action))


def test_nothing_is_allowed_by_default() -> None:
    held = set().union(*ROLE_CAPABILITIES.values())
    for line in TRANSITIONS:
        assert line.who, line.action
        for who in line.who:
            assert isinstance(who, Capability | Party)
            assert not isinstance(who, Capability) or who in held, f"nobody holds {who}"


def test_payloads_name_known_fields_each_once() -> None:
    for line in TRANSITIONS:
        names = [*line.requires, *line.optional]
        assert len(names) == len(set(names))
        assert set(names) <= set(FIELD_LABELS)


def test_every_action_that_undoes_or_refuses_says_why() -> None:
    undoing = {
        Action.CANCEL_CHECK, Action.REJECT, Action.REFUSE_ON_SITE, Action.DECLINE, Action.SEND_BACK, Action.IMPOSE,
        Action.RECALL, Action.RETURN, Action.SUSPEND, Action.EXTEND, Action.REFUSE_FEEDBACK, Action.FORCE_CLOSE,
        Action.REOPEN, Action.REINSTATE, Action.VOID, Action.UNMERGE, Action.TRANSFER, Action.AMEND,
    }  # fmt: skip
    for action in undoing:
        assert all("reason" in line.requires for line in lines(action)), action


@pytest.mark.parametrize("line", TRANSITIONS, ids=lambda line: line.action.value)
def test_tickets_live_exactly_where_the_status_says(line) -> None:
    makes = {TicketEffect.ISSUE, TicketEffect.ISSUE_FINAL, TicketEffect.REVIVE_LEAD, TicketEffect.REWORK_LEAD}
    ends = {TicketEffect.RETURN_LEAD, TicketEffect.FINISH_LEAD, TicketEffect.RECALL_ALL}
    for source in line.sources:
        target = line.target or source
        before, after = source in WITH_LIVE_TICKET, target in WITH_LIVE_TICKET
        if not before and after:
            assert line.tickets in makes
        if before and not after:
            assert line.tickets in ends
        if before and after:
            assert line.tickets in {TicketEffect.NONE, TicketEffect.SIGN_LEAD}


def test_requests_carry_out_granted_actions_and_no_other() -> None:
    assert {line.action for line in TRANSITIONS if line.granted} == {kind.action for kind in RequestKind}
    assert set(ASKED_BY) == set(RequestKind)
    for kind, who in ASKED_BY.items():
        assert not set(who) & set(DECIDERS), kind


def test_only_notes_and_supervision_leave_the_version() -> None:
    assert {line.action for line in TRANSITIONS if not line.bumps} == {Action.NOTE, Action.SUPERVISE}


def test_who_only_handles_or_verifies_ends_no_case() -> None:
    """A field worker alone does not end a citizen's case, nor does a handler or a verifier."""
    for line in TRANSITIONS:
        if line.target in ENDED and line.action is not Action.EVALUATE:
            assert not set(line.who) & {
                Party.CHECKER, Party.VERIFIER, Party.LEAD_HANDLER, Party.REPORTING_WORKER, Party.REPORTER,
                Capability.PATROL, Capability.VERIFY, Capability.HANDLE,
            }, line.action  # fmt: skip
