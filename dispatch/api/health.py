"""What machines ask: whether the product works, whether this process can serve and whether it lives. No sign-in.

``/healthz`` is for whoever is on call, ``/readyz`` for load balancers, ``/livez`` for whoever restarts processes.
"""

import ipaddress
import secrets

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import health, measures
from gridgov.common.api import answer
from gridgov.common.observability import metrics as told


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Each part with its state: 200 while nothing has failed, 503 otherwise. No personal data, no settings."""
    found = health.report()
    return answer(found.as_json(), 200 if found.is_healthy else 503)


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 while this process can serve pages, 503 otherwise; with ``?strict=1`` also where there is a warning."""
    found = health.readiness()
    has_warning = any(part["status"] == health.WARNING for part in found.parts.values())
    is_ready = found.is_healthy and not (request.GET.get("strict") == "1" and has_warning)
    return answer({"ready": is_ready, "parts": found.parts}, 200 if is_ready else 503)


@never_cache
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """200: this process answers. Nothing else is asked, so that a database that is down restarts no web process."""
    return answer({"alive": True})


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus. 404 for who may not read them, as if there were none."""
    if not _may_read(request):
        raise Http404
    return HttpResponse(told.exposition(measures.gauges()), content_type=told.CONTENT_TYPE)


def _may_read(request: HttpRequest) -> bool:
    """By the token, or by the address of who asks; that of a proxy says nothing about who is behind it."""
    keyword, _blank, given = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and keyword.lower() == "bearer":
        return secrets.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip")):
        return False
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in network for network in settings.METRICS_ALLOW)
