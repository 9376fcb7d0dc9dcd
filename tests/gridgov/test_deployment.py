"""The files around the code: pinned requirements, containers with health checks and no secret in them."""

import re
from uuid import uuid4

import pytest
import yaml
from django.conf import settings
from django.urls import reverse

COMPOSE = yaml.safe_load((settings.BASE_DIR / "docker-compose.yml").read_text())


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-fuzz.txt"])
def test_every_requirement_is_pinned_exactly(name):
    lines = [line for line in (settings.BASE_DIR / name).read_text().splitlines() if line and line[0] not in "#-"]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+(\[[a-z]+\])?==[\w.]+", line)] == []


def test_compose_has_its_services_with_health_checks_and_limits():
    services = COMPOSE["services"]
    assert set(services) == {
        "proxy", "postgres", "postgres-replica", "redis", "migrate", "web", "files", "live", "worker", "beat",
    }  # fmt: skip
    for name in set(services) - {"migrate"}:
        assert services[name]["healthcheck"]["test"], name
        assert services[name]["ulimits"]["nofile"]["soft"] >= 65536, name
        assert services[name]["volumes"], name
        assert services[name]["logging"]["options"]["max-size"], name


def test_only_the_proxy_is_reached_from_outside_and_sends_streams_to_their_process():
    services = COMPOSE["services"]
    assert [name for name, service in services.items() if service.get("ports")] == ["proxy"]
    rules = COMPOSE["configs"]["caddyfile"]["content"]
    live = rules[rules.index("handle /live/*") : rules.index("handle {")]
    assert "dynamic a live 8001" in live
    assert "flush_interval -1" in live
    assert "encode" not in live
    # a handle of its own: Caddy puts every handle before every respond, whatever their order in the file
    assert re.search(r"handle /metrics \{\n\s+respond 404\n", rules)


def taken(paths, path):
    """Whether a matcher of Caddy's takes the path: a star within is one step, one at the end whatever follows."""
    return any(
        path.startswith(rule[:-1])
        if rule.endswith("/*") and rule.count("*") == 1
        else re.fullmatch(rule.replace("*", "[^/]*"), path)
        for rule in paths
    )


def test_what_is_long_on_the_line_does_not_hold_a_process_of_the_pages():
    rules = COMPOSE["configs"]["caddyfile"]["content"]
    paths = re.search(r"@files path (.*)", rules)[1].split()
    some = str(uuid4())
    for name, given in (
        ("pages:file", [some]), ("pages:link_file", ["a" * 22, some]), ("api:attachments", []),
        ("api:attachment", [some]), ("reporting:export_file", [some]), ("pages:audit_export", []),
    ):  # fmt: skip
        assert taken(paths, reverse(name, args=given)), name
    assert not any(taken(paths, path) for path in ("/", "/exports/", "/report/", "/r/abc/", "/api/v1/incidents/"))
    assert re.search(r"@large header_regexp Content-Length \^\\d\{6,\}\$\$\n", rules)
    assert rules.count("import files") == 3
    pages = rules[rules.rindex("handle {") :]
    assert "request_buffers" in pages
    assert "gthread" in COMPOSE["services"]["files"]["command"]
    assert '"sync"' in (settings.BASE_DIR / "Dockerfile").read_text()


def test_two_workers_run_and_pages_give_up_waiting_before_workers_do():
    services = COMPOSE["services"]
    assert services["worker"]["deploy"]["replicas"] == "${WORKERS:-2}"
    timeouts = [
        int(re.search(r":-(\d+)\}", services[name]["environment"]["STATEMENT_TIMEOUT_MS"])[1])
        for name in ("web", "worker")
    ]
    assert 0 < timeouts[0] < timeouts[1]
    assert "STATEMENT_TIMEOUT_MS" not in services["migrate"]["environment"]


def test_compose_holds_no_secret():
    for name, service in COMPOSE["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search("KEY|PASSWORD$|SECRET", variable):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), (name, variable)


def test_web_live_worker_and_beat_are_one_deployment():
    own = {"STATEMENT_TIMEOUT_MS", "METRICS_PORT", "PROMETHEUS_MULTIPROC_DIR"}
    environments = [
        COMPOSE["services"][name]["environment"] for name in ("migrate", "web", "files", "live", "worker", "beat")
    ]
    shared = [{k: v for k, v in environment.items() if k not in own} for environment in environments]
    assert all(environment == shared[0] for environment in shared)
    assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "JOURNAL_KEY", "DATABASE_REPLICA_URL"} <= shared[0].keys()


def test_image_has_the_clients_of_the_database_server():
    """pg_dump refuses a newer server, and a server what a newer pg_restore sends."""
    debian = {"bookworm": "15", "trixie": "17"}
    base = re.search(r"^FROM python:[\d.]+-slim-(\w+)$", (settings.BASE_DIR / "Dockerfile").read_text(), re.MULTILINE)
    assert COMPOSE["services"]["postgres"]["image"] == f"postgres:{debian[base[1]]}"


def test_settings_of_the_table_reach_the_containers():
    """Whatever docs/operations.md lists can be set in .env, but for what the image or a service settles."""
    table = (settings.BASE_DIR / "docs/operations.md").read_text().split("Read by others than the settings file")[0]
    settled = {
        "GRIDGOV_DATA_DIR", "MEDIA_ROOT", "CHECKPOINT_FILE", "STATIC_ROOT", "EXPORT_ROOT", "STATEMENT_TIMEOUT_MS",
        "METRICS_PORT", "DEBUG",
    }  # fmt: skip
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE))
    assert len(listed) > 30
    assert listed - settled <= COMPOSE["services"]["web"]["environment"].keys()


def test_makefile_has_its_targets():
    targets = re.findall(r"^([a-z-]+):", (settings.BASE_DIR / "Makefile").read_text(), re.MULTILINE)
    assert {"setup", "demo", "test", "test-services", "test-slow", "lint", "bench"} <= set(targets)


def test_proxy_before_the_proxy_is_believed_only_where_it_is_named():
    rules = COMPOSE["configs"]["caddyfile"]["content"]
    assert "trusted_proxies static ${TRUSTED_PROXIES:-127.0.0.1/32}" in rules
    # one address reaches the application, which takes the last
    assert rules.count("header_up X-Forwarded-For {client_ip}") == rules.count("reverse_proxy {") == 3
    assert "TRUSTED_PROXIES=" in (settings.BASE_DIR / ".env.example").read_text()


def test_copy_that_is_away_does_not_fill_the_disk():
    command = COMPOSE["services"]["postgres"]["command"]
    assert command == ["postgres", "-c", "max_slot_wal_keep_size=${SLOT_WAL_KEEP:-8GB}"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/livez"])
def test_machines_ask_a_container_by_its_address(client, settings, path):
    settings.ALLOWED_HOSTS = ["grid.example.gov.cn"]
    settings.SECURE_SSL_REDIRECT = True
    for host in ("172.18.0.5:8000", "web:8000"):
        assert client.get(path, headers={"host": host}).status_code in (200, 503)
        assert client.get("/login/", headers={"host": host}, secure=True).status_code == 400
