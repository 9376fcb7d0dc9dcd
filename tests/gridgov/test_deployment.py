"""The files around the code: pinned requirements, containers with health checks and no secret in them."""

import re

import pytest
import yaml
from django.conf import settings

COMPOSE = yaml.safe_load((settings.BASE_DIR / "docker-compose.yml").read_text())


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_exactly(name):
    lines = [line for line in (settings.BASE_DIR / name).read_text().splitlines() if line and line[0] not in "#-"]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+(\[[a-z]+\])?==[\w.]+", line)] == []


def test_compose_has_its_services_with_health_checks_and_limits():
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "redis", "migrate", "web", "live", "worker", "beat"}
    for name in set(services) - {"migrate"}:
        assert services[name]["healthcheck"]["test"], name
        assert services[name]["ulimits"]["nofile"]["soft"] >= 65536, name
        assert services[name]["volumes"], name


def test_compose_holds_no_secret():
    for name, service in COMPOSE["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search("KEY|PASSWORD$|SECRET", variable):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), (name, variable)


def test_web_live_worker_and_beat_are_one_deployment():
    environments = [COMPOSE["services"][name]["environment"] for name in ("migrate", "web", "live", "worker", "beat")]
    assert all(environment == environments[0] for environment in environments)
    assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "JOURNAL_KEY"} <= environments[0].keys()


def test_makefile_has_its_targets():
    targets = re.findall(r"^([a-z-]+):", (settings.BASE_DIR / "Makefile").read_text(), re.MULTILINE)
    assert {"setup", "demo", "test", "test-services", "test-slow", "lint", "bench"} <= set(targets)
