"""A browser without a screen, signed in as somebody of the world."""

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client

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
