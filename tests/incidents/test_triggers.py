"""The append-only tables refuse changes in the database itself, after migrate and after an altered table."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction

from gridgov.common import audit, clock
from gridgov.common.models import AuditEntry
from incidents import checks, journal, triggers
from incidents.models import Checkpoint, Incident, JournalEntry
from tests.worlds import make_world

pytestmark = pytest.mark.django_db

BITES = pytest.mark.django_db(transaction=True)


@pytest.fixture
def entry():
    number = make_world().report()
    return JournalEntry.objects.get(incident__number=number)


def refused(statement: str, *parameters: object) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def forged(column: str) -> str:
    """An expression that gives the column another value than it has."""
    if column in ("at", "recorded_at", "made_at"):
        return "'2001-01-01 00:00:00+00:00'"
    if column in ("payload", "detail"):
        return "'{\"a\": 1}'"
    if column in ("id", "incident_id", "actor_id", "seq", "version", "number", "entry_count"):
        return "987654"
    return "'10.9.8.7'" if column == "address" else "'forged'"


@pytest.mark.parametrize("column", triggers.FROZEN["incidents_journalentry"])
def test_no_column_of_an_entry_can_be_changed(entry, column):
    refused(f'UPDATE incidents_journalentry SET "{column}" = {forged(column)} WHERE id = %s', entry.pk)


def test_entry_cannot_be_deleted(entry):
    refused("DELETE FROM incidents_journalentry WHERE id = %s", entry.pk)


def test_entry_cannot_be_replaced(entry):
    if connection.vendor != "sqlite":
        pytest.skip("INSERT OR REPLACE is SQLite's")
    same = "SELECT * FROM incidents_journalentry WHERE id = %s"
    refused(f"INSERT OR REPLACE INTO incidents_journalentry {same}", entry.pk)


@BITES
def test_table_cannot_be_truncated(entry):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    refused("TRUNCATE incidents_journalentry CASCADE")


def test_delivery_and_the_seal_can_be_written(entry):
    at = clock.now()
    JournalEntry.objects.filter(pk=entry.pk).update(
        delivered_at=at, attempt_count=3, next_try_at=None, parked_at=at, last_error="x"
    )
    checkpoint = journal.make_checkpoint(at=at)
    assert JournalEntry.objects.get(pk=entry.pk).checkpoint_id == checkpoint.pk
    refused("UPDATE incidents_journalentry SET checkpoint_id = NULL WHERE id = %s", entry.pk)


def test_text_can_be_blanked_and_not_rewritten(entry):
    refused("UPDATE incidents_journalentry SET text = 'other' WHERE id = %s", entry.pk)
    assert JournalEntry.objects.filter(pk=entry.pk).update(text="") == 1


@pytest.mark.parametrize("column", triggers.FROZEN["incidents_checkpoint"])
def test_no_column_of_a_checkpoint_can_be_changed(entry, column):
    checkpoint = journal.make_checkpoint(at=clock.now())
    refused(f'UPDATE incidents_checkpoint SET "{column}" = {forged(column)} WHERE id = %s', checkpoint.pk)
    refused("DELETE FROM incidents_checkpoint WHERE id = %s", checkpoint.pk)


@pytest.mark.parametrize("column", triggers.FROZEN["common_auditentry"])
def test_no_column_of_the_audit_can_be_changed(column):
    row = audit.record(action="test", object_type="x", object_id="1", detail={"a": 0}, address="10.0.0.1")
    refused(f'UPDATE common_auditentry SET "{column}" = {forged(column)} WHERE id = %s', row.pk)
    refused("DELETE FROM common_auditentry WHERE id = %s", row.pk)


def test_every_model_column_is_frozen_or_meant_to_change():
    changes = {
        JournalEntry: {
            "text", "checkpoint_id", "delivered_at", "attempt_count", "next_try_at", "parked_at", "last_error",
        },
        Checkpoint: set(),
        AuditEntry: set(),
    }  # fmt: skip
    for model, free in changes.items():
        columns = {field.column for field in model._meta.concrete_fields}
        assert columns - free == set(triggers.FROZEN[model._meta.db_table])


def test_nothing_is_missing_after_migrate():
    assert triggers.missing(connection) == []
    assert checks.check_triggers(databases=["default"]) == []


def test_check_names_a_missing_trigger():
    name = triggers.names(triggers.JOURNAL)[0]
    with transaction.atomic(), connection.cursor() as cursor:
        where = f" ON {triggers.JOURNAL}" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER {name}{where}")
        (found,) = checks.check_triggers(databases=["default"])
        transaction.set_rollback(True)
    assert found.id == "incidents.E003"
    assert name in found.msg


def test_tables_of_the_loop_are_sound():
    assert checks.check_tables() == []


@BITES
def test_triggers_bite_after_an_altered_table(entry):
    """The schema editor rebuilds a SQLite table, which drops its triggers without a word; migrate brings them back."""
    before = models.CharField(max_length=300, blank=True)
    after = models.CharField(max_length=301, blank=True)
    for field in (before, after):
        field.set_attributes_from_name("last_error")
        field.model = JournalEntry
    for old, new in ((before, after), (after, before)):
        with connection.schema_editor() as editor:
            editor.alter_field(JournalEntry, old, new, strict=False)
        if connection.vendor == "sqlite":
            assert "incidents_journalentry_no_update" in triggers.missing(connection)
        call_command("migrate", verbosity=0, interactive=False)
        assert triggers.missing(connection) == []
        refused("UPDATE incidents_journalentry SET mac = 'forged' WHERE id = %s", entry.pk)
        refused("DELETE FROM incidents_journalentry WHERE id = %s", entry.pk)
    assert JournalEntry.objects.get(pk=entry.pk).mac == entry.mac


@BITES
def test_triggers_bite_on_what_was_committed(entry):
    refused("UPDATE incidents_journalentry SET at = %s WHERE id = %s", clock.now() - timedelta(days=1), entry.pk)
    with pytest.raises(IntegrityError, match="append-only"):
        entry.delete()
    assert Incident.objects.get(pk=entry.incident_id).head_mac == entry.mac


def test_app_installs_them_for_every_append_only_table():
    assert {model._meta.db_table for model in apps.get_models()} >= set(triggers.FROZEN)
