"""Fixtures of the whole suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django import conf
from django.core.cache import caches
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase
from hypothesis import settings

from gridgov.common import reference
from incidents import triggers
from reporting import shared
from tests.worlds import World, make_world

# How long one example takes says something about the machine, not about the code.
settings.register_profile("gridgov", deadline=None)
settings.load_profile("gridgov")


#: What `migrate` writes and no test changes. Emptied, it would have to be written anew after every committing test.
KEPT = {"django_content_type", "auth_permission"}


def _empty(connection: BaseDatabaseWrapper) -> None:
    """No table but those kept has a row: what `flush` does, at a small part of its cost.

    `flush` truncates, which makes new files for every table and index, and then fills the tables kept once more.
    """
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = sorted(set(names) - KEPT)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # neither foreign keys nor the journal's triggers, in this session alone
            deletions = "; ".join(f'DELETE FROM "{table}"' for table in tables)
            cursor.execute(f"BEGIN; SET LOCAL session_replication_role = replica; {deletions}; COMMIT")
            return
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for table in triggers.FROZEN:
            for name in triggers.names(table):
                cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"')
        for table in tables:
            cursor.execute(f'DELETE FROM "{table}"')
        triggers.install(connection)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that ask for no database say the same on each: they run beside SQLite alone."""
    if conf.settings.EMBEDDED:
        return
    wanted = [item for item in items if _asks_for_a_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if not _asks_for_a_database(item)])
    items[:] = wanted


def _asks_for_a_database(item: pytest.Item) -> bool:
    asked = {"db", "transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    return bool(asked or item.get_closest_marker("django_db") or item.get_closest_marker("services"))


@pytest.fixture(autouse=True, scope="session")
def _flush_past_the_journal() -> Iterator[None]:
    """A test that really commits is cleaned up by emptying every table, which the journal's triggers refuse.

    They are lifted for that moment alone, here and nowhere else: production code has no switch.
    """
    flush = TransactionTestCase._fixture_teardown

    def emptied(case: TransactionTestCase) -> None:
        for alias in case._databases_names(include_mirrors=False):
            _empty(connections[alias])

    TransactionTestCase._fixture_teardown = emptied
    yield
    TransactionTestCase._fixture_teardown = flush


@pytest.fixture(autouse=True)
def _fresh_reference_data() -> None:
    """What the process keeps of the database is of the test before, whose data are gone."""
    reference.forget()
    shared.forget()
    caches["process"].clear()
    Path(conf.settings.CHECKPOINT_FILE).unlink(missing_ok=True)


@pytest.fixture
def world(db: None) -> World:
    """The test city with its people (see ``tests.worlds``)."""
    return make_world()
