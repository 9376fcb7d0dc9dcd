"""Which language the interface is in: Chinese, unless the person has chosen another one by the button in the bar.

Not what the browser asks for: an operator's desk does not change its language with the machine that she sits at.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation


class ChosenLanguage:
    """Middleware: the language of the cookie that ``django.views.i18n.set_language`` leaves, else the default."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        code = chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
        with translation.override(code):
            response = self._get_response(request)
        response.headers.setdefault("Content-Language", code)
        return response
