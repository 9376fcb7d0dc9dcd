"""Where a request comes from."""

import ipaddress
from collections.abc import Callable
from contextvars import ContextVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_here: ContextVar[str | None] = ContextVar("address", default=None)


class Remembered:
    """Middleware: while a request is answered, :func:`here` is its sender's address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _here.set(of(request))
        try:
            return self._get_response(request)
        finally:
            _here.reset(token)


class ByAnyName:
    """Middleware: what machines ask (``MACHINE_PATHS``) is answered under any host name or address.

    Prometheus asks each container by its address, which no list of hosts can know. Nothing in these answers depends on
    the name, so that there is nothing to gain by making one up.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.strip("/") in settings.MACHINE_PATHS:
            request.get_host = lambda: "localhost"  # type: ignore[method-assign]
        return self._get_response(request)


def here() -> str | None:
    """Where the request that is being answered comes from; None outside one (a task, a command)."""
    return _here.get()


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
