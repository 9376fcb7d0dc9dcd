"""``GET /healthz``: whether the product works, for load balancers and for whoever is on call. No sign-in."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import health
from gridgov.common.api import answer


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Each part with its state: 200 while nothing has failed, 503 otherwise. No personal data, no settings."""
    found = health.report()
    return answer(found.as_json(), 200 if found.is_healthy else 503)
