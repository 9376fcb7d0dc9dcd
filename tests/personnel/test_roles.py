"""The table of roles: what each gives, and that it covers the loop."""

import pytest

from grids.capabilities import Capability as Cap
from incidents.workflow import ASKED_BY, DECIDERS, TRANSITIONS
from personnel.roles import ADMINISTRATORS, AREA_ROLES, DEPARTMENT_ROLES, ROLE_CAPABILITIES, Role, area_capabilities

#: Written by hand from the column "who" of the loop's table: which roles may take a step by posting.
HOLDERS = {
    Cap.ACCEPT: {"acceptor"},
    Cap.FILE: {"duty_chief"},
    Cap.DISPATCH: {"dispatcher"},
    Cap.IMPOSE: {"duty_chief"},
    Cap.DECIDE_FIRST: {"dispatcher"},
    Cap.DECIDE_SECOND: {"duty_chief"},
    Cap.DECIDE_LEADER: {"leader"},
    Cap.FORCE_CLOSE: {"leader"},
    Cap.VERIFY: {"verifier"},
    Cap.CLOSE: {"duty_chief"},
    Cap.EVALUATE: {"acceptor"},
    Cap.MERGE: {"acceptor", "dispatcher"},
    Cap.VOID_REQUEST: {"acceptor", "dispatcher"},
    Cap.TRANSFER: {"duty_chief"},
    Cap.SUPERVISE: {"supervisor", "duty_chief", "leader"},
    Cap.AMEND: {"acceptor", "duty_chief"},
    Cap.NOTE: {"acceptor", "duty_chief", "dispatcher", "supervisor", "verifier", "grid_leader", "leader"},
    Cap.REPORT_INCIDENT: {"acceptor", "grid_leader", "grid_worker"},
    Cap.REVEAL_PHONE: {"acceptor", "duty_chief"},
    Cap.MANAGE_PEOPLE: {"system_admin"},
    Cap.MANAGE_RULES: {"system_admin"},
    Cap.MANAGE_SECURITY: {"security_admin"},
    Cap.READ_AUDIT: {"audit_admin"},
    Cap.OPERATE_LOOP: {"duty_chief", "system_admin"},
}


@pytest.mark.parametrize("capability", sorted(HOLDERS))
def test_capability_is_held_by_exactly_these_roles(capability):
    held = {role.value for role, given in ROLE_CAPABILITIES.items() if capability in given}
    assert held == HOLDERS[capability]


def test_every_role_has_its_line_and_every_capability_a_role():
    assert set(ROLE_CAPABILITIES) == set(Role)
    assert frozenset().union(*ROLE_CAPABILITIES.values()) == set(Cap)
    assert len(Role) == 13


def test_everybody_the_table_names_exists():
    named = {who for line in TRANSITIONS for who in line.who if isinstance(who, Cap)}
    named |= {who for group in ASKED_BY.values() for who in group if isinstance(who, Cap)} | set(DECIDERS)
    given = frozenset().union(*(area_capabilities(role) for role in AREA_ROLES))
    assert named <= given


def test_department_roles_give_nothing_in_an_area():
    for role in DEPARTMENT_ROLES:
        assert area_capabilities(role) == frozenset()
        assert Cap.VIEW_INCIDENT not in ROLE_CAPABILITIES[role]


def test_who_dispatches_neither_verifies_nor_closes_nor_amends():
    assert not ROLE_CAPABILITIES[Role.DISPATCHER] & {Cap.VERIFY, Cap.CLOSE, Cap.AMEND, Cap.FILE}


def test_administrators_see_no_case_and_share_nothing():
    seen = set()
    for role in ADMINISTRATORS:
        given = ROLE_CAPABILITIES[role]
        assert not given & {Cap.VIEW_INCIDENT, Cap.REVEAL_PHONE, Cap.CONFIDENTIAL}
        assert not given & seen
        seen |= given
