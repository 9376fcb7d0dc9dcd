"""Triggers that make the journal, its checkpoints and the audit append-only in the database.

Installed after every ``migrate`` (rebuilding a SQLite table drops its triggers without a word). On SQLite they need
``PRAGMA recursive_triggers``, because INSERT OR REPLACE walks round them otherwise; the backend sets it. There is no
switch to turn them off.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

# what may change: delivery, the seal once, and the blanking of the text
FROZEN = {
    "incidents_journalentry": (
        "id", "incident_id", "seq", "action", "status_from", "status_to", "actor_id", "actor_role", "channel",
        "version", "at", "recorded_at", "payload", "canonical", "mac",
    ),
    "incidents_checkpoint": ("id", "number", "entry_count", "digest", "previous_digest", "made_at"),
    "common_auditentry": ("id", "actor_id", "action", "object_type", "object_id", "detail", "address", "at"),
}  # fmt: skip
JOURNAL = "incidents_journalentry"


def names(table: str) -> tuple[str, ...]:
    """The triggers of a table."""
    return (f"{table}_no_update", f"{table}_no_delete", f"{table}_no_truncate")


def install(connection: BaseDatabaseWrapper) -> None:
    """The triggers of all append-only tables that exist are there and are these. Idempotent."""
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table, columns in FROZEN.items():
            if table in tables:
                for statement in _statements(connection.vendor, table, columns):
                    cursor.execute(statement)


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The triggers that should be in the database and are not."""
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
        kinds = ("no_update", "no_delete", "no_truncate")
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        kinds = ("no_update", "no_delete")
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {name for (name,) in cursor.fetchall()}
    tables = set(connection.introspection.table_names())
    return [
        f"{table}_{kind}" for table in FROZEN if table in tables for kind in kinds if f"{table}_{kind}" not in present
    ]


def _changed(columns: tuple[str, ...], differs: str, table: str) -> str:
    tests = [f'NEW."{column}" {differs} OLD."{column}"' for column in columns]
    if table == JOURNAL:
        tests.append(f"""(NEW."text" {differs} OLD."text" AND NEW."text" <> '')""")
        tests.append(f'(OLD."checkpoint_id" IS NOT NULL AND NEW."checkpoint_id" {differs} OLD."checkpoint_id")')
    return " OR ".join(tests)


def _statements(vendor: str, table: str, columns: tuple[str, ...]) -> list[str]:
    # table and column names are the constants above
    if vendor == "postgresql":
        changed = _changed(columns, "IS DISTINCT FROM", table)
        return [
            "CREATE OR REPLACE FUNCTION gridgov_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME "
            "USING ERRCODE = 'integrity_constraint_violation'; "
            "END $$",
            f"CREATE OR REPLACE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
            f"FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION gridgov_append_only()",
            f"CREATE OR REPLACE TRIGGER {table}_no_delete BEFORE DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION gridgov_append_only()",
            f"CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION gridgov_append_only()",
        ]
    changed = _changed(columns, "IS NOT", table)
    return [
        f"DROP TRIGGER IF EXISTS {table}_no_update",
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW WHEN {changed} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END",
        f"DROP TRIGGER IF EXISTS {table}_no_delete",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END",
    ]
