"""/healthz says whether every part works."""

import pytest
from django.test import Client

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
