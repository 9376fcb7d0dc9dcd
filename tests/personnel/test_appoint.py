"""Appointing many people at once: the same as hiring and posting each."""

import pytest
from django.contrib.auth import authenticate
from django.db import connection
from django.http import HttpRequest
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock
from gridgov.common.errors import FieldError, NotPermitted
from gridgov.common.models import AuditEntry, User
from grids import permissions
from grids.capabilities import Capability
from grids.models import AreaMembership
from personnel import services
from personnel.models import Worker


def today():
    return clock.local_date(clock.now())


def appoint(world, *people, **options):
    return services.appoint(newcomers=[services.Newcomer(**person) for person in people], starts_on=today(), **options)


def some(world):
    grid = world.areas["620901001001001"]
    return [
        {"login": "many_1", "name": "甲", "number": "M1", "role": "grid_worker", "area": grid},
        {"login": "many_2", "name": "乙", "number": "M2", "role": "department_handler",
         "department": world.departments["SW"], "password": "long-enough-2026"},
        {"login": "many_3", "name": "丙", "number": "M3", "role": "audit_admin", "area": world.root},
        {"login": "many_4", "name": "丁", "number": "M4", "role": "grid_worker", "area": grid},
    ]  # fmt: skip


def traces(login):
    """All that stands of a person: account, worker, posting, permissions and groups, audit; without ids of rows."""
    worker = Worker.objects.get(user__username=login)
    user, posting = worker.user, worker.postings.get()
    trail = AuditEntry.objects.filter(
        object_type__in=["personnel.Worker", "personnel.Posting"], object_id__in=[worker.pk, posting.pk]
    ).order_by("id")
    own = {"worker": worker.pk}
    return {
        "account": (user.has_usable_password(), user.is_active, user.is_staff),
        "department": worker.department_id,
        "posting": (posting.role, posting.area_id, posting.department_id, posting.starts_on, posting.ends_on),
        "grants": permissions.grants_of(user, today()),
        "groups": sorted(user.groups.values_list("name", flat=True)),
        "members": list(
            AreaMembership.objects.filter(user=user, posting_ref=posting.reference).values_list(
                "role", "area", "group__name", "starts_on", "ends_on"
            )
        ),
        "audit": [
            (e.action, e.object_type, e.actor_id, {k: v for k, v in e.detail.items() if (k, v) not in own.items()})
            for e in trail
            if e.object_id == str(worker.pk if e.object_type == "personnel.Worker" else posting.pk)
        ],
    }


def test_appointing_many_leaves_what_hiring_and_posting_each_does(world):
    people = some(world)
    assert [worker.number for worker in appoint(world, *people)] == ["M1", "M2", "M3", "M4"]
    for person in people:
        kept = {"login": f"{person['login']}_by_hand", "number": f"{person['number']}H", "name": person["name"]}
        worker = services.hire(**kept, department=person.get("department"), password=person.get("password"))
        services.post(
            worker=worker, role=person["role"], area=person.get("area"), department=person.get("department"),
            starts_on=today(),
        )  # fmt: skip
        assert traces(person["login"]) == traces(f"{person['login']}_by_hand")
    assert authenticate(HttpRequest(), username="many_2", password="long-enough-2026") is not None
    assert permissions.sync_members(today()) == (0, 0)


def test_appointing_many_takes_as_many_statements_as_a_few(world):
    def people(prefix, count):
        place = world.areas["620901001001001"]
        return [
            {"login": f"{prefix}{i}", "name": "某", "number": f"{prefix}{i}", "role": "grid_worker", "area": place}
            for i in range(count)
        ]

    appoint(world, *people("warm", 1))
    with CaptureQueriesContext(connection) as few:
        appoint(world, *people("few", 2))
    with CaptureQueriesContext(connection) as many:
        appoint(world, *people("many", 40))
    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"login": " "}, "login"),
        ({"login": "many_1"}, "login"),
        ({"login": "acceptor"}, "login"),
        ({"number": "M1"}, "number"),
        ({"role": "mayor"}, "role"),
        ({"role": "department_head"}, "department"),
        ({"area": None}, "area"),
        ({"password": "12345678"}, "password"),
    ],
)
def test_appointing_many_is_refused_whole_for_one(world, change, field):
    people = some(world)
    before = (User.objects.count(), AuditEntry.objects.count())
    with pytest.raises(FieldError) as caught:
        appoint(world, *people[:3], people[3] | change)
    assert caught.value.field == field
    assert (User.objects.count(), AuditEntry.objects.count()) == before


def test_appointing_many_needs_what_posting_each_needs(world):
    people = some(world)
    with pytest.raises(NotPermitted):
        appoint(world, people[0], by=world.people["acceptor"])
    appoint(world, people[0], by=world.people["system_admin"])
    with pytest.raises(NotPermitted) as caught:
        appoint(world, people[2], by=world.people["system_admin"])
    assert caught.value.missing == Capability.MANAGE_SECURITY
    hired = AuditEntry.objects.filter(action="worker.hire").order_by("id").last()
    assert hired.actor == world.people["system_admin"]
