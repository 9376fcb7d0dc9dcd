"""Who is signed in comes with his session; that he is there is noted, what pages do by themselves does not count."""

from collections.abc import Callable

from django.contrib import auth
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from gridgov.accounts import sessions


class SignedIn(AuthenticationMiddleware):
    """Django's, but that ``request.user`` is read in the statement that reads the session, as soon as one asks."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: sessions.owner_of(request.session) or auth.get_user(request))


class NoteActivity:
    """Middleware, inside the sessions': a page that is opened or sent by its reader prolongs the session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        session = request.session
        # a request that did not look at its session (by token, public) does not make it be read
        if session.accessed and auth.SESSION_KEY in session and _is_by_hand(request):
            sessions.note_here(session)
        return response


def _is_by_hand(request: HttpRequest) -> bool:
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == "navigate"
    # a browser on plain HTTP does not say that; but it sends this with what it opens, and with nothing a script fetches
    return request.headers.get("Upgrade-Insecure-Requests") == "1"
