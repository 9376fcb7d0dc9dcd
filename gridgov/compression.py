"""Compressing what is text on its way out."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.gzip import GZipMiddleware

KINDS = ("text/", "application/json", "application/javascript", "application/problem+json", "image/svg+xml")


class CompressText(GZipMiddleware):
    """Pages, JSON and, where they are not collected, static files are compressed for who can read it.

    Photos, videos and exports pass as they are: they are compressed already, or made while they are sent. Against
    BREACH Django varies the length of what it compresses, and the CSRF token is another on each page.
    """

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        is_text = response.headers.get("Content-Type", "").startswith(KINDS)
        if not is_text or (response.streaming and not request.path.startswith(settings.STATIC_URL)):
            return response
        return super().process_response(request, response)
