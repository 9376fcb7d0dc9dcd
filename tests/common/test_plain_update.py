"""Updates past the ORM's expressions store what the ORM would have stored, on both databases."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from gridgov.common import clock, plain_update
from gridgov.common.plain_update import update_rows, update_where
from incidents.models import Clock, Incident, JournalEntry

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


def test_new_rows_are_stored_as_the_orm_stores_them(world, monkeypatch):
    entry = JournalEntry.objects.get(incident=world.case(world.report()))
    names = [f.attname for f in JournalEntry._meta.concrete_fields if f.attname not in ("id", "checkpoint_id")]
    given = {name: getattr(entry, name) for name in names} | {
        "payload": {"说": "'\"%s; --", "list": [1, None, 2.5]}, "text": "西固中路'\"%s; --", "actor_id": None,
    }  # fmt: skip
    rows = [tuple((given | {"seq": seq}).values()) for seq in range(2, 9)]
    monkeypatch.setattr(plain_update, "_VALUES", 3 * len(names))
    plain_update.insert_rows(JournalEntry, names, rows)
    plain_update.insert_rows(JournalEntry, names, [])
    JournalEntry.objects.create(**given | {"seq": 9})
    stored = JournalEntry.objects.filter(incident=entry.incident_id, seq__gt=1).order_by("seq")
    assert [e.seq for e in stored] == list(range(2, 10))
    for new in stored:
        assert {name: getattr(new, name) for name in names} == given | {"seq": new.seq}
    with connection.cursor() as cursor:  # also as it lies in the table
        cursor.execute("SELECT DISTINCT payload, at, next_try_at FROM incidents_journalentry WHERE seq > 1")
        assert len(cursor.fetchall()) == 1


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
