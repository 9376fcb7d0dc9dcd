"""Updates past the ORM's expressions store what the ORM would have stored, on both databases."""

from datetime import timedelta

import pytest
from django.db.models import F

from gridgov.common import clock
from gridgov.common.plain_update import update_rows, update_where
from incidents.models import Clock, Incident

pytestmark = pytest.mark.django_db


def test_only_rows_that_have_all_the_values_are_written(world):
    one, other = world.report(), world.report()
    case = world.case(one)
    assert update_where(Incident, {"pk": case.pk, "version": case.version + 1}, {"rework_count": 3}) == 0
    assert update_where(Incident, {"pk": case.pk, "version": case.version}, {"rework_count": 3}) == 1
    assert (world.case(one).rework_count, world.case(other).rework_count) == (3, 0)


def test_values_are_stored_as_the_orm_stores_them(world):
    case = world.case(world.report())
    values = {
        "status_at": clock.now() - timedelta(days=1), "suspended_until": None, "address": "西固中路'\"%s; --",
        "is_urgent": True, "lon": 103.64547, "holder": world.areas["620901"],
    }  # fmt: skip
    assert update_where(Incident, {"pk": case.pk}, values) == 1
    case.refresh_from_db()
    assert {name: getattr(case, name) for name in values} == values


def test_expressions_go_the_orms_way(world):
    case = world.case(world.report())
    assert update_where(Incident, {"pk": case.pk}, {"return_count": F("return_count") + 2}) == 1
    case.refresh_from_db()
    assert case.return_count == 2


@pytest.mark.parametrize("count", [0, 1, 3])
def test_many_rows_have_each_their_own_values(world, count):
    for _case in range(2):
        world.report()
    before = {c.pk: c.due_at for c in Clock.objects.order_by("pk")}
    chosen = list(before)[:count]
    now = clock.now()
    given = [(pk, now + timedelta(hours=n), None if n % 2 else now, n) for n, pk in enumerate(chosen)]
    update_rows(Clock, ("due_at", "next_step_at", "due_revision"), given)
    for pk, due_at, next_step_at, revision in given:
        row = Clock.objects.get(pk=pk)
        assert (row.due_at, row.next_step_at, row.due_revision) == (due_at, next_step_at, revision)
    assert all(Clock.objects.get(pk=pk).due_at == due for pk, due in before.items() if pk not in chosen)
