"""/healthz says whether every part works, /readyz whether this process can serve, /livez that it lives."""

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from kombu import Connection

from dispatch import health
from gridgov.common import heartbeat

pytestmark = pytest.mark.django_db


def test_health_is_ill_without_a_worker_and_well_with_all_parts(client: Client) -> None:
    ill = client.get("/healthz")
    assert ill.status_code == 503
    assert ill.json()["parts"]["worker"]["status"] == "failed"
    assert ill.json()["parts"]["database"]["status"] == "ok"
    for name in ("worker", "beat", "sweep"):
        heartbeat.beat(name)
    well = client.get("/healthz")
    assert (well.status_code, well.json()["healthy"]) == (200, True)
    assert "no-cache" in well["Cache-Control"]
    assert set(well.json()["parts"]) >= {"database", "broker", "worker", "beat", "index", "sweep_lag", "parked"}
    assert client.post("/healthz").status_code == 405


def test_process_is_ready_while_the_database_answers_and_is_migrated(client: Client, monkeypatch) -> None:
    monkeypatch.setattr(health, "_is_migrated", False)
    answer = client.get("/readyz")
    parts = answer.json()["parts"]
    assert answer.status_code == 200
    assert {name: part["status"] for name, part in parts.items()} == {
        "database": "ok", "redis": "ok", "migrations": "ok", "worker": "warning", "beat": "warning", "sweep": "warning",
    }  # fmt: skip
    assert client.get("/readyz?strict=1").status_code == 503
    for name in ("worker", "beat", "sweep"):
        heartbeat.beat(name)
    assert client.get("/readyz?strict=1").status_code == 200


def test_process_is_not_ready_before_the_database_is_migrated(client: Client, monkeypatch) -> None:
    monkeypatch.setattr(health, "_is_migrated", False)
    newest = MigrationLoader(connection).graph.leaf_nodes("common")[0]
    MigrationRecorder(connection).record_unapplied(*newest)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["migrations"]["status"] == "failed"
    MigrationRecorder(connection).record_applied(*newest)
    assert client.get("/readyz").status_code == 200


def test_process_lives_though_the_database_does_not_answer(client: Client, monkeypatch) -> None:
    def gone() -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(health, "_database", gone)
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 503
    assert client.get("/livez").json() == {"alive": True}


def test_dead_redis_is_told_and_takes_no_process_out_of_service(client: Client, settings, monkeypatch) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(health.current_app, "connection_for_write", lambda: Connection("redis://127.0.0.1:1/0"))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["parts"]["redis"]["status"]) == (200, "warning")
    assert client.get("/readyz?strict=1").status_code == 503
