"""What goes around every request: its id, its line, its metrics, and the answer where the database gave up."""

import json
import logging

import pytest
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from prometheus_client import REGISTRY

from dispatch.api import health
from gridgov.common.observability import middleware, slow
from gridgov.common.observability.middleware import Observed

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="gridgov.request")
    return lambda: [r for r in caplog.records if r.name == "gridgov.request"]


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_request_keeps_the_id_it_was_given_and_gets_one_otherwise(client):
    assert client.get("/login/", headers={"X-Request-ID": "from-proxy-0001"})["X-Request-ID"] == "from-proxy-0001"
    made = client.get("/login/", headers={"X-Request-ID": "bad id\t{}"})["X-Request-ID"]
    assert len(made) == 32
    assert made != client.get("/login/")["X-Request-ID"]


def test_line_names_route_and_case_but_no_address_token_or_person(world, lines):
    number = world.report(reporter_name="王女士", reporter_phone="13893122716")
    token = world.case(number).reporter.token
    client = world.client("acceptor")
    client.get(f"/api/v1/incidents/{number}/", headers={"X-Request-ID": "case-request"})
    Client().get(f"/r/{token}/")
    case, link = lines()[-2:]
    assert case.status == 200
    assert case.getMessage().startswith("GET api/v1/incidents/<")
    assert case.user_id == world.people["acceptor"].pk
    assert case.statements >= 1
    assert token not in link.getMessage() + json.dumps(link.__dict__, default=str)


def test_line_has_the_case_where_the_address_names_it(world, caplog):
    number = world.report()
    seen = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(middleware.context.current().case)
    middleware.logger.addHandler(handler)
    caplog.set_level(logging.INFO, logger="gridgov.request")
    try:
        world.client("acceptor").get(f"/api/v1/incidents/{number}/")
    finally:
        middleware.logger.removeHandler(handler)
    assert seen == [number]


def test_requests_are_counted_by_route_method_and_status(world):
    labels = {"route": "login/", "method": "GET", "status": "200"}
    before = count("gridgov_requests_total", **labels)
    timed = count("gridgov_request_seconds_count", route="login/", method="GET")
    Client().get("/login/")
    Client().get("/login/")
    assert count("gridgov_requests_total", **labels) == before + 2
    assert count("gridgov_request_seconds_count", route="login/", method="GET") == timed + 2
    wrong = {"route": "-", "method": "other", "status": "404"}
    before = count("gridgov_requests_total", **wrong)
    Client().generic("BREW", "/nowhere/at-all/")
    assert count("gridgov_requests_total", **wrong) == before + 1


def test_machines_that_ask_every_few_seconds_leave_no_line(client, lines):
    client.get("/livez")
    client.get("/readyz")
    client.get("/static/css/base.css")
    assert lines() == []


def test_slow_request_is_a_warning_even_where_requests_are_not_logged(client, caplog, settings):
    settings.SLOW_REQUEST_MS = 0.0001
    caplog.set_level(logging.WARNING, logger="gridgov.request")
    client.get("/login/")
    assert [r.levelname for r in caplog.records if r.name == "gridgov.request"] == ["WARNING"]


class Cancelled(Exception):
    """As psycopg2 says it."""

    pgcode = "57014"


def gave_up(cause: Exception) -> OperationalError:
    error = OperationalError("canceling statement due to statement timeout")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(("path", "kind"), [("/api/v1/incidents/", "application/problem+json"), ("/ops/", "text/html")])
def test_statement_that_ran_into_its_timeout_is_a_503(path, kind):
    request = RequestFactory().get(path)
    observed = Observed(lambda request: None)
    answer = observed.process_exception(request, gave_up(Cancelled()))
    assert answer.status_code == 503
    assert answer["Content-Type"].startswith(kind)
    assert answer["Retry-After"] == "5"
    assert observed.process_exception(request, gave_up(ValueError())) is None
    assert observed.process_exception(request, ValueError()) is None


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has statement timeouts")
def test_timeout_of_a_real_statement_is_answered_with_503(client, monkeypatch):
    def waits():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '20ms'")
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr(health.health, "report", waits)
    client.raise_request_exception = False
    assert client.get("/healthz").status_code == 503


def test_slow_statement_is_counted_with_its_route_and_without_its_values(world, settings):
    settings.SLOW_STATEMENT_MS = 0.00001
    slow.write()
    world.client("acceptor").get("/api/v1/incidents/?q=13893122716")
    settings.SLOW_STATEMENT_MS = 0
    assert slow.write() > 0
    found = slow.SlowStatement.objects.filter(place="api/v1/incidents/")
    assert found.exists()
    assert all("13893122716" not in one.sql for one in slow.SlowStatement.objects.all())
    one = found.first()
    before = one.count
    slow.note(one.sql, ms=1e6, where="elsewhere")
    slow.write()
    one.refresh_from_db()
    assert (one.count, one.worst_ms, one.place) == (before + 1, 1e6, "elsewhere")


def test_table_of_slow_statements_stays_small(db, monkeypatch):
    monkeypatch.setattr(slow, "KEPT", 5)
    for n in range(12):
        slow.note(f"SELECT {n}", ms=300, where="x")
    slow.write()
    assert slow.SlowStatement.objects.count() == 5
