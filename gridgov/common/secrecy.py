"""Keeps out of the log what is not for it: phone numbers, passwords, tokens, codes, cookies, keys, and the links that
let somebody in.

A filter of the handlers, so that no logger goes round it: what is written is the sentence with its secrets masked.
"""

import logging
import re
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings

MASK = "***"
_NAMES = (
    r"[\w-]*passw(?:or)?d|pwd|[\w-]*secret[\w-]*|[\w-]*token|code|cookie|sessionid|signature|"
    r"(?:secret|journal|private|api|access)[_-]?key|otp|authorization"
)
_PATTERNS = (
    # Authorization: Token 73df…
    (re.compile(r"(?i)\b(authorization['\"]?\s*[:=]\s*['\"]?)(?:\w+\s+)?[^\s'\",;}\)]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(token|bearer|basic)(\s+)[A-Za-z0-9+/._~=-]{16,}"), rf"\1\2{MASK}"),
    # Cookie: everything in it
    (re.compile(r"(?i)\b((?:set-)?cookie['\"]?\s*:\s*)[^\r\n]+"), rf"\1{MASK}"),
    # password=…, "password": "…", 'code': '…'
    (re.compile(rf"(?i)(['\"]?\b(?:{_NAMES})\b['\"]?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s&,;'\"}}\)]+)"), rf"\1{MASK}"),
    # postgres://user:password@host
    (re.compile(r"(?i)\b([a-z][a-z0-9+]*://[^\s:/@]*:)[^\s@/]+@"), rf"\1{MASK}@"),
    # the reporter's link opens his case, a component's code lets anybody report on it
    (re.compile(r"(/r/|/c/|/files/signed/)[A-Za-z0-9_:-]{6,300}(?=[/\s?\"']|$)"), rf"\1{MASK}"),
    (re.compile(r"(otpauth://)[^\s'\"]+"), rf"\1{MASK}"),
)
_MOBILE = re.compile(r"(?<![0-9A-Za-z])(?:\+?86[- ]?)?(1[3-9]\d)\d{4}(\d{4})(?![0-9A-Za-z])")
_LANDLINE = re.compile(r"(?<![0-9A-Za-z.:-])(0\d{2,3})-?\d{3,4}(\d{4})(?![0-9A-Za-z.:-])")


def without_phones(text: str) -> str:
    """``text`` with the middle of each phone number masked."""
    return _LANDLINE.sub(r"\1****\2", _MOBILE.sub(r"\1****\2", text))


def masked(text: str) -> str:
    """``text`` without phone numbers, what looks like a secret, and the secrets of this deployment."""
    for value in _own():
        text = text.replace(value, MASK)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return without_phones(text)


@lru_cache(maxsize=1)
def _own() -> tuple[str, ...]:
    databases = [str(database.get("PASSWORD") or "") for database in settings.DATABASES.values()]
    redis = urlsplit(settings.REDIS_URL).password or ""
    own = (settings.SECRET_KEY, settings.JOURNAL_KEY, settings.METRICS_TOKEN, redis, *databases)
    return tuple(value for value in own if len(value) >= 8)


class WithoutSecrets(logging.Filter):
    """Lets every record pass, with message and traceback masked."""

    _plain = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            said = record.getMessage()
        except (TypeError, ValueError):
            said = str(record.msg)  # a faulty call of the logger is still worth a line
        record.msg, record.args = masked(said), None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._plain.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = masked(record.exc_text)
        if record.stack_info:
            record.stack_info = masked(record.stack_info)
        return True
