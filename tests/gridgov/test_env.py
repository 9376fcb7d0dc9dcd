"""Reading the environment and the checks of what was read."""

import stat

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from gridgov import env
from gridgov.checks import check_deployment, check_secrets


def test_empty_variable_counts_as_absent(monkeypatch):
    monkeypatch.setenv("GRIDGOV_X", "  ")
    assert env.text("GRIDGOV_X", "else") == "else"
    assert env.flag("GRIDGOV_X", default=True) is True
    assert env.number("GRIDGOV_X", 7) == 7
    assert env.words("GRIDGOV_X", ["a"]) == ["a"]


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False), ("off", False)]
)
def test_flag_reads_the_usual_words(monkeypatch, value, expected):
    monkeypatch.setenv("GRIDGOV_X", value)
    assert env.flag("GRIDGOV_X") is expected


def test_flag_names_the_variable_it_cannot_read(monkeypatch):
    monkeypatch.setenv("GRIDGOV_X", "maybe")
    with pytest.raises(ImproperlyConfigured, match="GRIDGOV_X"):
        env.flag("GRIDGOV_X")


def test_number_names_the_variable_it_cannot_read(monkeypatch):
    monkeypatch.setenv("GRIDGOV_X", "12a")
    with pytest.raises(ImproperlyConfigured, match="GRIDGOV_X"):
        env.number("GRIDGOV_X", 1)


def test_words_are_split_at_commas(monkeypatch):
    monkeypatch.setenv("GRIDGOV_X", "a, b,,c ")
    assert env.words("GRIDGOV_X") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///var/a.sqlite3", "var/a.sqlite3"),
        ("sqlite:////srv/a.sqlite3", "/srv/a.sqlite3"),
        ("sqlite:////srv/%E7%BD%91%20%E6%A0%BC.sqlite3", "/srv/网 格.sqlite3"),
    ],
)
def test_sqlite_address_gives_our_backend(url, name):
    found = env.database(url)
    assert (found["ENGINE"], found["NAME"]) == ("gridgov.sqlite", name)
    assert found["CONN_MAX_AGE"] > 0


def test_postgresql_address_is_taken_apart():
    found = env.database("postgres://gov:p%40ss%2F@db.example:5433/grid?sslmode=require")
    assert found["ENGINE"] == "gridgov.postgres"
    assert [found[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        "grid",
        "gov",
        "p@ss/",
        "db.example",
        "5433",
    ]
    options = "-c jit=off -c random_page_cost=1.1"
    assert found["OPTIONS"] == {"sslmode": "require", "connect_timeout": "5", "options": options}
    assert found["CONN_MAX_AGE"] > 0


def test_patience_with_a_server_that_does_not_answer_can_be_set():
    assert env.database("postgres://gov@db/grid?connect_timeout=2")["OPTIONS"]["connect_timeout"] == "2"


def test_address_has_the_last_word_on_the_servers_own_settings():
    found = env.database("postgres://gov@db/grid?options=-c%20jit%3Don", statement_timeout_ms=9)["OPTIONS"]
    assert found["options"] == "-c jit=off -c random_page_cost=1.1 -c jit=on -c statement_timeout=9"


@pytest.mark.parametrize(
    "url", ["", "mysql://a/b", "sqlite://", "sqlite:///", "postgres://host", "postgres://host:port/name"]
)
def test_other_address_is_refused(url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        env.database(url)


def test_stored_secret_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "deep" / "key"
    first = env.stored_secret(path)
    assert env.stored_secret(path) == first
    assert len(first) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key"]


def test_two_stored_secrets_differ(tmp_path):
    assert env.stored_secret(tmp_path / "a") != env.stored_secret(tmp_path / "b")


LONG = "k" * 50


@pytest.mark.parametrize(
    ("secret", "journal", "ids"),
    [
        (LONG, "j" * 32, []),
        ("", "j" * 32, ["gridgov.E001"]),
        (LONG, "", ["gridgov.E002"]),
        ("", "", ["gridgov.E001", "gridgov.E002"]),
        (LONG, "j" * 31, ["gridgov.E003"]),
        (LONG, LONG, ["gridgov.E004"]),
    ],
)
def test_secrets_are_checked(secret, journal, ids):
    missing = [] if secret else ["SECRET_KEY"]
    with override_settings(SECRET_KEY=secret or LONG, JOURNAL_KEY=journal, MISSING_SECRETS=missing):
        found = check_secrets()
    assert [message.id for message in found] == ids
    assert all(message.hint for message in found)


@pytest.mark.parametrize(
    ("embedded", "redis", "ids"), [(True, "", []), (False, "redis://r/0", []), (False, "", ["gridgov.E005"])]
)
def test_postgresql_needs_redis(embedded, redis, ids):
    with override_settings(EMBEDDED=embedded, REDIS_URL=redis, TESTING=False):
        assert [message.id for message in check_deployment()] == ids


def test_tile_sources_are_read_and_others_than_cgcs2000_refused(monkeypatch):
    source = '{"name": "自建", "url": "/tiles/{z}/{x}/{y}.png", "attribution": "审图号", "datum": "%s"}'
    monkeypatch.setenv("GRIDGOV_X", "")
    assert env.tile_sources("GRIDGOV_X") == []
    monkeypatch.setenv("GRIDGOV_X", f"[{source % 'wgs84'}]")
    assert [(s.name, s.datum, s.max_zoom) for s in env.tile_sources("GRIDGOV_X")] == [("自建", "wgs84", 18)]
    for wrong in (
        f"[{source % 'gcj02'}]",
        "{}[",
        '[{"name": "x"}]',
        '[{"name": "x", "url": "ftp://x", "attribution": "y"}]',
        '[{"name": "x", "url": "https://x/{z}", "attribution": ""}]',
    ):
        monkeypatch.setenv("GRIDGOV_X", wrong)
        with pytest.raises(ImproperlyConfigured, match="GRIDGOV_X"):
            env.tile_sources("GRIDGOV_X")
