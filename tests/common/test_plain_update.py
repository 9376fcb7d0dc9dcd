"""Updates past the ORM's expressions store what the ORM would have stored, on both databases."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from gridgov.common import clock, plain_update
from gridgov.common.plain_update import update_rows, update_where
from incidents.models import Attachment, Clock, IdempotencyKey, Incident, JournalEntry

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


def test_whole_instances_are_stored_as_the_orm_stores_them_and_have_their_keys(world):
    case = world.case(world.report())
    fields = [f.attname for f in Clock._meta.concrete_fields if f.attname != "id"]
    given = {name: getattr(Clock.objects.filter(incident=case).first(), name) for name in fields} | {
        "policy": {"说": "'\"%s; --"}, "state": Clock.State.MET, "next_step_at": None, "steps": [],
        "stopped_at": clock.now(),
    }  # fmt: skip
    clocks = [Clock(**given | {"kind": "handle", "cycle": cycle}) for cycle in (11, 12)]
    plain_update.insert_new(clocks)
    theirs = Clock.objects.create(**given | {"kind": "handle", "cycle": 13})
    for new in clocks:
        assert not new._state.adding
        stored = Clock.objects.get(pk=new.pk)
        assert stored.cycle == new.cycle
        assert {f: getattr(stored, f) for f in fields if f != "cycle"} == {
            f: getattr(Clock.objects.get(pk=theirs.pk), f) for f in fields if f != "cycle"
        }
    clocks[0].minutes = 17
    clocks[0].save()
    assert Clock.objects.get(pk=clocks[0].pk).minutes == 17


def test_whole_instances_of_other_kinds_of_fields_are_stored_too(world):
    key = {"key": "a" * 32, "digest": "d", "number": "6209012026112700001", "created_at": clock.now()}
    row = IdempotencyKey(**key)
    plain_update.insert_new([row])
    assert {name: getattr(IdempotencyKey.objects.get(pk=row.pk), name) for name in key} == key


def test_model_whose_values_are_made_up_on_the_way_is_refused(world):
    with pytest.raises(TypeError, match="Attachment"):
        plain_update.insert_new([Attachment()])


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
