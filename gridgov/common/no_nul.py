"""NUL in a query or a form is refused, once for all pages, the admin and the API: no database stores it."""

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _

from gridgov.common import problems
from gridgov.common.errors import FieldError

_NUL = "\x00"


class Refused:
    """Middleware: such a request is answered with 400, which names the field, before any view sees it.

    Bodies in JSON are checked by the serializers of the API, field by field; a path with NUL fits no address.
    """

    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        name = _first(request.GET) if "%00" in request.META.get("QUERY_STRING", "") else None
        is_api = request.path.startswith("/api/")
        # the API reads its bodies itself; of a page's, whether it is ours has been asked by now, which reads it
        if name is None and request.method == "POST" and not is_api:
            name = _first(request.POST)
        if name is None:
            return None
        error = FieldError(name.replace(_NUL, "")[:60], _("内容中有不能保存的字符"), code="null_characters_not_allowed")
        if is_api:
            return problems.of_domain(error)
        return render(request, "400.html", {"refusal": error}, status=400)


def _first(given: QueryDict) -> str | None:
    """The first field that has NUL in its name or in one of its values."""
    return next(
        (name for name, values in given.lists() if _NUL in name or any(_NUL in value for value in values)), None
    )
