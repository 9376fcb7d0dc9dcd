"""Where a request comes from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def of(request: HttpRequest) -> str | None:
    """The sender's address; behind our own TLS proxy the one that the proxy saw. None where none can be read."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_TLS else ""
    return normal(forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", ""))


def normal(text: str) -> str | None:
    """The address as it is stored; None where the text is none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
