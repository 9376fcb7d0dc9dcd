"""What a fresh process makes of its environment."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings

PRINT = (
    "import json; from django.conf import settings as s;"
    "print(json.dumps([s.DEBUG, s.EMBEDDED, len(s.SECRET_KEY), len(s.JOURNAL_KEY),"
    " s.DATABASES['default']['NAME'], s.SECRET_KEY]))"
)


def run(*command, data_dir, **variables):
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return subprocess.run(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env={
            **kept,
            "DJANGO_SETTINGS_MODULE": "gridgov.settings",
            "GRIDGOV_DATA_DIR": str(data_dir),
            "PYTHONIOENCODING": "utf-8",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_embedded_default_needs_nothing_and_keeps_its_secrets(tmp_path):
    first = run("-c", PRINT, data_dir=tmp_path)
    second = run("-c", PRINT, data_dir=tmp_path)
    assert first.returncode == 0, first.stderr
    debug, embedded, secret, journal, name, _ = json.loads(first.stdout)
    assert (debug, embedded, name) == (False, True, str(tmp_path / "gridgov.sqlite3"))
    assert min(secret, journal) >= 50
    assert second.stdout == first.stdout


def test_postgresql_without_secrets_fails_the_check_and_makes_none_up(tmp_path):
    result = run("manage.py", "check", data_dir=tmp_path, DATABASE_URL="postgres://u@nowhere/x")
    assert result.returncode == 1
    for identifier in ("gridgov.E001", "gridgov.E002", "gridgov.E005", "HINT"):
        assert identifier in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import gridgov.wsgi"],
        ["-c", "import gridgov.asgi"],
        ["-m", "celery", "-A", "gridgov", "worker"],
        ["-m", "celery", "-A", "gridgov", "beat"],
    ],
)
def test_process_does_not_start_without_secrets(tmp_path, command):
    result = run(*command, data_dir=tmp_path, DATABASE_URL="postgres://u@nowhere/x")
    assert result.returncode != 0
    assert "gridgov.E002" in result.stderr


COMPOSE = {
    "DATABASE_URL": "postgres://gridgov:x@postgres:5432/gridgov", "REDIS_URL": "redis://redis:6379/0",
    "SECRET_KEY": "k3Y-for-a-test-" + "aB3-" * 16, "JOURNAL_KEY": "j0urnal-" * 8,
    "ALLOWED_HOSTS": "grid.example.gov.cn,127.0.0.1", "BEHIND_TLS": "1",
}  # fmt: skip


def test_deployment_check_is_clean_under_the_settings_of_compose(tmp_path):
    result = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", data_dir=tmp_path, **COMPOSE)
    assert result.returncode == 0, result.stderr
    assert "no issues (1 silenced)" in result.stdout
    wanting = run("manage.py", "check", "--deploy", data_dir=tmp_path, **COMPOSE | {"BEHIND_TLS": "0"})
    assert "security.W011" in wanting.stderr  # its cookies go by plain HTTP


def test_totp_roles_may_be_none(tmp_path):
    code = "from django.conf import settings as s; print(s.TOTP_ROLES)"
    assert run("-c", code, data_dir=tmp_path, TOTP_ROLES="none").stdout == "[]\n"
    assert run("-c", code, data_dir=tmp_path, TOTP_ROLES="leader").stdout == "['leader']\n"


@pytest.mark.parametrize("server", ["import gridgov.wsgi", "from gridgov.celery import app; app.conf.broker_url"])
def test_server_need_not_be_told_which_settings_are_its_own(tmp_path, server):
    forget = "import os; os.environ.pop('DJANGO_SETTINGS_MODULE', None);"
    assert run("-c", forget + server, data_dir=tmp_path).returncode == 0


@pytest.mark.parametrize("command", [["manage.py", "check"], ["-c", "import gridgov.wsgi"]])
def test_misspelt_totp_role_keeps_every_process_from_starting(tmp_path, command):
    result = run(*command, data_dir=tmp_path, TOTP_ROLES="leader,security-admin")
    assert result.returncode != 0
    assert "no role: security-admin." in result.stderr
    assert "gridgov.E006" in result.stderr


def test_unreadable_variable_is_named(tmp_path):
    result = run("manage.py", "check", data_dir=tmp_path, DEBUG="perhaps")
    assert result.returncode != 0
    assert "DEBUG must be one of" in result.stderr
