"""Capabilities come from postings, one by one, on their days."""

import datetime as dt

import pytest
from django.db import connection
from guardian.shortcuts import get_perms

from gridgov.common import clock
from gridgov.common.models import User
from grids import permissions
from grids.capabilities import Capability as Cap
from grids.models import AreaMembership, AreaUserObjectPermission
from grids.permissions import Holder, grants_from, grants_of, grants_subquery, may
from grids.spatial import areas
from tests.grids.cities import area, make_city

pytestmark = pytest.mark.django_db

ROLES = {"dispatcher": {Cap.VIEW_INCIDENT, Cap.DISPATCH}, "verifier": {Cap.VIEW_INCIDENT, Cap.VERIFY}}
A, B = "110101001", "110101002"  # two streets


def today() -> dt.date:
    return clock.local_date(clock.now())


@pytest.fixture
def user() -> User:
    make_city()
    return User.objects.create_user("wang")


def post(user, role, code, *, ref="1", starts=-10, ends=None):
    return permissions.grant(
        user=user, role=role, area=area(code), capabilities=ROLES[role], posting_ref=ref,
        starts_on=today() + dt.timedelta(starts), ends_on=None if ends is None else today() + dt.timedelta(ends),
    )  # fmt: skip


def test_two_postings_never_add_up(user):
    post(user, "dispatcher", A, ref="1")
    post(user, "verifier", B, ref="2")
    grants = grants_of(user, today())
    in_a, in_b = (areas.chain(area(f"{street}001001").pk) for street in (A, B))
    assert may(grants, Cap.DISPATCH, in_a)
    assert may(grants, Cap.VERIFY, in_b)
    assert not may(grants, Cap.DISPATCH, in_b)
    assert not may(grants, Cap.VERIFY, in_a)


def test_grant_counts_below_its_area_and_not_above(user):
    post(user, "dispatcher", A)
    grants = grants_of(user, today())
    assert may(grants, Cap.DISPATCH, areas.chain(area(A).pk))
    assert not may(grants, Cap.DISPATCH, areas.chain(area("110101").pk))
    assert not may(grants, Cap.CLOSE, areas.chain(area(A).pk))


@pytest.mark.parametrize(
    ("starts", "ends", "holds"),
    [(0, 0, True), (-1, None, True), (1, None, False), (-2, -1, False), (-2, 0, True)],
)
def test_posting_holds_on_its_days_both_included(user, starts, ends, holds):
    post(user, "dispatcher", A, starts=starts, ends=ends)
    assert bool(grants_of(user, today())) is holds
    assert user.groups.filter(name=f"dispatcher@{area(A).pk}").exists() is holds
    assert ("dispatch" in get_perms(User.objects.get(pk=user.pk), area(A))) is holds


def test_grants_are_one_statement(user, django_assert_num_queries):
    post(user, "dispatcher", A, ref="1")
    post(user, "verifier", B, ref="2")
    with django_assert_num_queries(1):
        grants = grants_of(user, today())
    assert grants == {
        ("view_incident", area(A).pk), ("dispatch", area(A).pk),
        ("view_incident", area(B).pk), ("verify", area(B).pk),
    }  # fmt: skip


def test_user_and_grants_are_one_statement(user, django_assert_num_queries):
    post(user, "dispatcher", A, ref="1")
    post(user, "verifier", B, ref="2", ends=-1)
    other = User.objects.create_user("li")
    assert connection.features.supports_json_field  # found out once a connection, by a query of its own
    with django_assert_num_queries(1):
        found = dict(User.objects.annotate(grants=grants_subquery(today())).values_list("username", "grants"))
    assert grants_from(found["wang"]) == grants_of(user, today())
    assert grants_from(found["li"]) == grants_of(other, today()) == frozenset()


def test_overlapping_memberships_do_not_double(user):
    post(user, "dispatcher", A, ref="1")
    post(user, "dispatcher", A, ref="2")
    assert len(grants_of(user, today())) == 2
    permissions.end(posting_ref="1", ends_on=today() - dt.timedelta(1))
    assert len(grants_of(user, today())) == 2
    assert user.groups.count() == 1
    permissions.end(posting_ref="2", ends_on=today() - dt.timedelta(1))
    assert grants_of(user, today()) == frozenset()
    assert user.groups.count() == 0


def test_inactive_user_holds_nothing(user):
    post(user, "dispatcher", A)
    user.is_active = False
    user.save()
    assert grants_of(user, today()) == frozenset()
    assert permissions.holders(on=today(), areas_in=[area(A).pk], role="dispatcher") == []


def test_posting_said_again_is_corrected(user):
    post(user, "dispatcher", A)
    post(user, "dispatcher", B)
    assert AreaMembership.objects.count() == 1
    assert permissions.visible_area_ids(grants_of(user, today())) == {area(B).pk}
    assert list(user.groups.values_list("name", flat=True)) == [f"dispatcher@{area(B).pk}"]


def test_posting_moved_to_another_person_leaves_the_first(user):
    post(user, "dispatcher", A)
    other = User.objects.create_user("li")
    post(other, "dispatcher", A)
    assert grants_of(user, today()) == frozenset()
    assert user.groups.count() == 0
    assert other.groups.count() == 1


def test_posting_that_never_began_leaves_nothing(user):
    post(user, "dispatcher", A, starts=5)
    permissions.end(posting_ref="1", ends_on=today())
    assert not AreaMembership.objects.exists()


def test_role_change_reaches_every_group_of_it(user):
    post(user, "dispatcher", A, ref="1")
    post(user, "dispatcher", B, ref="2")
    assert permissions.set_role(role="dispatcher", capabilities={Cap.VIEW_INCIDENT, Cap.IMPOSE}) == 2
    assert {name for name, _ in grants_of(user, today())} == {"view_incident", "impose"}
    assert permissions.set_role(role="dispatcher", capabilities={Cap.VIEW_INCIDENT, Cap.IMPOSE}) == 0


def test_sync_moves_members_with_the_days(user):
    post(user, "dispatcher", A, ref="1", starts=-5, ends=2)
    post(user, "verifier", B, ref="2", starts=3)
    assert set(user.groups.values_list("name", flat=True)) == {f"dispatcher@{area(A).pk}"}
    assert permissions.sync_members(today() + dt.timedelta(3)) == (1, 1)
    assert set(user.groups.values_list("name", flat=True)) == {f"verifier@{area(B).pk}"}
    assert permissions.sync_members(today() + dt.timedelta(3)) == (0, 0)


def test_holders_by_role_and_by_capability(user):
    post(user, "dispatcher", A, ref="1")
    post(user, "verifier", B, ref="2")
    other = User.objects.create_user("li")
    post(other, "verifier", A, ref="3", starts=1)
    ids = [area(A).pk, area(B).pk]
    assert permissions.holders(on=today(), areas_in=ids, role="verifier") == [
        Holder(user.pk, area(B).pk, "verifier", "2")
    ]
    assert permissions.holders(on=today(), areas_in=ids, capability=Cap.DISPATCH) == [
        Holder(user.pk, area(A).pk, "dispatcher", "1")
    ]
    assert permissions.holders(on=today(), areas_in=[area("110101").pk], capability=Cap.DISPATCH) == []


def test_area_filter_is_an_equality_on_the_level(user):
    post(user, "dispatcher", A)
    condition = permissions.area_filter(grants_of(user, today()))
    assert condition.children == [("street_id__in", [area(A).pk])]
    assert permissions.area_filter(frozenset()).children == [("pk__in", [])]
    prefixed = permissions.area_filter(grants_of(user, today()), prefix="incident__")
    assert prefixed.children == [("incident__street_id__in", [area(A).pk])]


def test_no_single_user_permissions_are_written(user):
    post(user, "dispatcher", A)
    assert not AreaUserObjectPermission.objects.exists()


def test_capabilities_have_codename_and_label():
    assert Cap("dispatch") is Cap.DISPATCH
    assert Cap.DISPATCH.label == "派遣"
    assert len({cap.value for cap in Cap}) == len(Cap)
