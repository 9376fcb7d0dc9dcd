"""A database that does not answer is answered with 503, wherever it leaves; a fault of ours stays a 500."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import Error, connection, connections
from django.test import Client

from gridgov.common import outages, problems
from gridgov.common.outages import Outage, outage
from gridgov.sqlite.base import DatabaseWrapper
from tests.worlds import make_world

pytestmark = pytest.mark.django_db(transaction=True)

on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="only there connections can be ended")
on_sqlite = pytest.mark.skipif("connection.vendor == 'postgresql'", reason="of SQLite's own errors")


@pytest.fixture
def world(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    world = make_world()
    world.report()
    return world


@contextmanager
def away() -> Iterator[None]:
    """Nobody answers where the database was."""
    connection.close()
    where = connection.settings_dict
    changed = {"NAME": "/nowhere/at/all"} if connection.vendor == "sqlite" else {"HOST": "127.0.0.1", "PORT": "1"}
    before = {name: where[name] for name in changed}
    where.update(changed)
    try:
        yield
    finally:
        connection.close()
        where.update(before)


def error_of(statement: str) -> Error:
    with pytest.raises(Error) as caught, connection.cursor() as cursor:
        cursor.execute(statement)
    return caught.value


def is_told(answer, path: str) -> None:
    assert (path, answer.status_code) == (path, 503)
    assert answer["Retry-After"] == "5"
    if path.startswith("/api/"):
        assert answer["Content-Type"] == problems.MEDIA_TYPE
        assert answer.json()["code"] in set(Outage)
    else:
        assert "系统繁忙" in answer.content.decode()


PAGES = ("/", "/work/accept/", "/admin/", "/account/", "/dashboard/")
ADDRESSES = ("/api/v1/incidents/", "/api/v1/areas/")


@pytest.mark.parametrize("path", PAGES)
def test_page_without_a_database_is_a_503(world, path):
    client = Client(raise_request_exception=False)
    client.force_login(world.people["leader"])
    with away():
        is_told(client.get(path), path)
    assert client.get(path).status_code in (200, 302, 403)


@pytest.mark.parametrize("path", ADDRESSES)
def test_address_of_the_api_without_a_database_is_a_503(world, path):
    by_token, by_session = world.client("acceptor"), Client(raise_request_exception=False)
    by_session.force_login(world.people["acceptor"])
    by_token.raise_request_exception = False
    with away():
        for client in (by_token, by_session):
            is_told(client.get(path), path)
    assert by_token.get(path).status_code == 200


def test_what_is_sent_to_no_database_is_a_503_and_done_the_next_time(world):
    client = world.client("acceptor")
    client.raise_request_exception = False
    lon, lat = world.point()
    body = {"category": "0201", "description": "井盖", "lon": lon, "lat": lat}
    with away():
        is_told(client.post("/api/v1/incidents/", body, format="json"), "/api/v1/incidents/")
    assert client.post("/api/v1/incidents/", body, format="json").status_code == 201


@on_postgresql
@pytest.mark.parametrize("path", ["/work/accept/", "/dashboard/", "/api/v1/incidents/"])
def test_connection_that_ends_before_any_statement_of_a_request_is_a_503(world, path):
    """As when PostgreSQL is restarted: the first statement, the second, and so on, find it gone."""
    client = Client(raise_request_exception=False)
    client.force_login(world.people["leader"])
    for place in range(200):
        left = [place]

        def ended(execute, sql, params, many, context, left=left):
            if left[0] == 0:
                _end(connection.connection.info.backend_pid)
            left[0] -= 1
            return execute(sql, params, many, context)

        with connection.execute_wrapper(ended):
            found = client.get(path)
        connection.close()
        if left[0] >= 0:
            assert found.status_code in (200, 403)
            assert place > 1
            return
        is_told(found, path)
    raise AssertionError("no request has so many statements")


def _end(backend: int) -> None:
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    finally:
        other.close()


@on_postgresql
def test_errors_of_postgresql_are_told_apart(db):
    assert outage(error_of("SELECT 1 FROM nowhere")) is None
    assert outage(error_of("SELECT 1/0")) is None
    assert outage(error_of("SET statement_timeout = 1; SELECT pg_sleep(5)")) == Outage.BUSY
    for code, kind in (("40P01", Outage.BUSY), ("40001", Outage.BUSY), ("57P01", Outage.AWAY), ("08006", Outage.AWAY)):
        said = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$"
        assert outage(error_of(said)) == kind
    with connection.cursor() as cursor:
        cursor.close()
        with pytest.raises(Error) as caught:
            cursor.execute("SELECT 1")
    assert outage(caught.value) is None  # a fault of ours
    connection.connection.close()
    gone = error_of("SELECT 1")
    connection.close()
    assert outage(gone) == Outage.AWAY


@on_sqlite
def test_errors_of_sqlite_are_told_apart(tmp_path):
    assert outage(error_of("SELECT 1 FROM nowhere")) is None
    where = {**connection.settings_dict, "NAME": str(tmp_path / "x.sqlite3"), "OPTIONS": {"timeout": 0.05}}
    one, other = (DatabaseWrapper(where, "default") for _connection in range(2))
    try:
        with one.cursor() as cursor:
            cursor.execute("CREATE TABLE t (a)")
        one.set_autocommit(False)
        with one.cursor() as cursor:
            cursor.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Error) as caught, other.cursor() as cursor:
            cursor.execute("INSERT INTO t VALUES (1)")
        assert outage(caught.value) == Outage.BUSY
    finally:
        one.close()
        other.close()


def test_other_errors_are_no_outage():
    assert outages.outage(None) is None
    assert outages.outage(ValueError("server closed the connection")) is None
    assert outages.outage(Error("made by hand")) is None
