"""Fixtures of the whole suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django import conf
from django.db import connections
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


def _lift_triggers(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for table in triggers.FROZEN:
            for name in triggers.names(table):
                if connection.vendor == "postgresql":
                    cursor.execute(f'DROP TRIGGER IF EXISTS "{name}" ON "{table}"')
                else:
                    cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"')


@pytest.fixture(autouse=True, scope="session")
def _flush_past_the_journal() -> Iterator[None]:
    """A test that really commits is cleaned up by emptying every table, which the journal's triggers refuse.

    They are lifted for that moment alone, here and nowhere else: production code has no switch.
    """
    flush = TransactionTestCase._fixture_teardown

    def lifted(case: TransactionTestCase) -> None:
        aliases = list(case._databases_names(include_mirrors=False))
        for alias in aliases:
            _lift_triggers(connections[alias])
        try:
            flush(case)
        finally:
            for alias in aliases:
                triggers.install(connections[alias])

    TransactionTestCase._fixture_teardown = lifted
    yield
    TransactionTestCase._fixture_teardown = flush


@pytest.fixture(autouse=True)
def _fresh_reference_data() -> None:
    """What the process keeps of the database is of the test before, whose data are gone."""
    reference.forget()
    shared.forget()
    Path(conf.settings.CHECKPOINT_FILE).unlink(missing_ok=True)


@pytest.fixture
def world(db: None) -> World:
    """The test city with its people (see ``tests.worlds``)."""
    return make_world()
