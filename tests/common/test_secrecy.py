"""No secret reaches the log."""

import logging

import pytest
from django.conf import settings

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
