"""What `make test-services` started beside the tests."""

import os

import pytest


@pytest.fixture(scope="session")
def live_url() -> str:
    """Web server of a deployment on PostgreSQL and Redis with worker and beat processes; its database is migrated."""
    url = os.environ.get("GRIDGOV_LIVE_URL", "")
    if not url:
        pytest.skip("needs `make test-services`")
    return url


@pytest.fixture(scope="session")
def stream_url() -> str:
    """The event streams of that deployment."""
    url = os.environ.get("GRIDGOV_STREAM_URL", "")
    if not url:
        pytest.skip("needs `make test-services`")
    return url


@pytest.fixture(scope="session")
def live_database_url() -> str:
    """The database of that deployment."""
    url = os.environ.get("GRIDGOV_LIVE_DATABASE_URL", "")
    if not url:
        pytest.skip("needs `make test-services`")
    return url


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis that the tests share with that deployment."""
    url = os.environ.get("GRIDGOV_TEST_REDIS_URL", "")
    if not url:
        pytest.skip("needs `make test-services`")
    return url
