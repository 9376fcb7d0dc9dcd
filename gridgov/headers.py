"""Headers of every answer that did not set its own: what it may load, and which of the machine's senses it may use."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

#: Photos are taken and places are found on pages of ours; nothing else of the machine is asked for.
PERMISSIONS = (
    "accelerometer=(), autoplay=(), camera=(self), display-capture=(), geolocation=(self), gyroscope=(), hid=(), "
    "magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()"
)
#: For what the pages' own policy (dispatch.views.shell) does not reach: the API, the admin pages, errors.
CONTENT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Headers:
    """Middleware, outermost."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Content-Security-Policy", CONTENT)
        return response
