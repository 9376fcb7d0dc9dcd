"""A browser without a screen, signed in as somebody of the world."""

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gridgov.common.models import ReferenceRevision
from tests.worlds import World


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def sign_in(world: World) -> Callable[[str], Client]:
    def signed_in(login: str) -> Client:
        client = Client()
        client.force_login(world.people[login])
        return client

    return signed_in


@pytest.fixture
def statements() -> Callable[[Client, str], int]:
    """How many statements a page takes, without the look at the tokens of reference data (once a second a process)."""

    def counted(client: Client, path: str) -> int:
        assert client.get(path).status_code == 200  # what the process keeps is loaded
        with CaptureQueriesContext(connection) as found:
            assert client.get(path).status_code == 200
        return sum(ReferenceRevision._meta.db_table not in query["sql"] for query in found)

    return counted
