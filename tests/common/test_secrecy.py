"""No secret reaches the log."""

import logging

import pytest
from django.conf import settings

from gridgov.common import secrecy
from gridgov.common.secrecy import MASK, WithoutSecrets, masked


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("POST /login/ username=wang&password=Lanzhou-2027&next=/", "Lanzhou-2027"),
        ('body {"login": "wang", "password": "Lan zhou, 2027"}', "Lan zhou, 2027"),
        ("given {'new_password': 'Lanzhou-2027', 'x': 1}", "Lanzhou-2027"),
        ("Authorization: Token 73df0a21c0ffee73df0a21c0ffee73df0a21c0ff", "73df0a21"),
        ("bearer 73df0a21c0ffee73df0a21c0ffee refused", "73df0a21"),
        ("Cookie: csrftoken=abc123; sessionid=0123456789abcdef", "0123456789abcdef"),
        ("csrfmiddlewaretoken=h3mmeligh3mmelig", "h3mmelig"),
        ('"GET /r/svUuMQ2lnJaPf_src3BbrRjE/ HTTP/1.1" 200', "svUuMQ2lnJaPf"),
        ("cannot reach postgres://gridgov:g3heim@db:5432/gridgov", "g3heim"),
        ("otpauth://totp/gridgov:wang?secret=JBSWY3DPEHPK3PXP", "JBSWY3DP"),
        ("login code: 123456 was wrong", "123456"),
        (f"signed with {settings.SECRET_KEY}", settings.SECRET_KEY),
        (f"chained with {settings.JOURNAL_KEY}!", settings.JOURNAL_KEY),
    ],
)
def test_secret_is_masked(said: str, secret: str) -> None:
    assert secret not in masked(said)
    assert MASK in masked(said)


def test_secrets_of_the_copy_and_of_the_metrics_are_masked(monkeypatch) -> None:
    monkeypatch.setitem(settings.DATABASES, "replica", {"PASSWORD": "geheim-der-kopie"})
    monkeypatch.setattr(settings, "METRICS_TOKEN", "geheim-der-figuren")
    secrecy._own.cache_clear()
    try:
        assert masked("geheim-der-kopie und geheim-der-figuren") == f"{MASK} und {MASK}"
    finally:
        secrecy._own.cache_clear()


@pytest.mark.parametrize(
    "said",
    [
        "case 6201042026112200014 accepted by 7 in 12 ms",
        '"GET /cases/6201042026112200014/ HTTP/1.1" 200 4711',
        "status code 404 for /api/v1/incidents/",
        "keyset page after 2026-11-26T10:00:00+08:00",
    ],
)
def test_what_is_no_secret_stays(said: str) -> None:
    assert masked(said) == said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("来电 13893122716 王女士", "来电 138****2716 王女士"),
        ("+86 138-9312", "+86 138-9312"),
        ("+8613893122716", "138****2716"),
        ("座机0931-8267123", "座机0931****7123"),
        ("案件 62090120261126000017", "案件 62090120261126000017"),
        ("id a13893122716b", "id a13893122716b"),
        ("postgres://gridgov:geheim@db:5432/x", "postgres://gridgov:***@db:5432/x"),
        ("redis://:geheim@redis:6379/0", "redis://:***@redis:6379/0"),
        ("Authorization: Token abcdef0123", "Authorization: ***"),
        ('{"password": "geheim", "username": "a"}', '{"password": ***, "username": "a"}'),
        ("SECRET_KEY=abc JOURNAL_KEY=def", "SECRET_KEY=*** JOURNAL_KEY=***"),
        ("Not Found: /r/Ab3_-xyz012345/", "Not Found: /r/***/"),
        ("Not Found: /reports/2026/", "Not Found: /reports/2026/"),
    ],
)
def test_text_has_no_phone_number_and_keeps_what_is_beside_secrets(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_handler_of_the_settings_masks_arguments_and_tracebacks(capsys) -> None:
    logger = logging.getLogger("tests.secrecy")
    handler = logging.StreamHandler()
    handler.addFilter(WithoutSecrets())
    logger.addHandler(handler)
    try:
        try:
            raise ValueError("password=Lanzhou-2027")
        except ValueError:
            logger.exception("failed with %s and %s", {"token": "73df0a21c0ffee"}, "password=Geheim-2027")
        logger.warning("%d", "not a number, password=Geheim-2027")
    finally:
        logger.removeHandler(handler)
    said = capsys.readouterr().err
    assert "failed with" in said
    for secret in ("Lanzhou-2027", "73df0a21c0ffee", "Geheim-2027"):
        assert secret not in said


def test_every_handler_of_the_settings_has_the_filter() -> None:
    for name, handler in settings.LOGGING["handlers"].items():
        assert "secrets" in handler["filters"], name
