"""Who calls: by token (programs) or by session (browsers, with CSRF). Both leave the actor on the request."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from dispatch.actors import actor_by_token, actor_signed_in

KEYWORDS = ("token", "bearer")


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Token <key>`` (or ``Bearer``). Token, person, grants and departments in one statement."""

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        words = authentication.get_authorization_header(request).split()
        if not words or words[0].lower().decode("latin-1") not in KEYWORDS:
            return None
        try:
            key = words[1].decode("ascii") if len(words) == 2 else ""
        except UnicodeError:
            key = ""
        found = actor_by_token(key, channel="api") if 0 < len(key) <= 64 and key.isalnum() else None
        if found is None:
            raise exceptions.AuthenticationFailed(_("访问令牌无效或已停用"))
        user, actor = found
        request._request.actor = actor
        return user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Token realm="gridgov"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The session of a browser; what writes needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        found = super().authenticate(request)
        if found is not None:
            request._request.actor = actor_signed_in(found[0])
        return found


class TokenScheme(OpenApiAuthenticationExtension):
    """The token in the schema."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": str(_("以“Token ”开头的访问令牌，由 POST /api/v1/auth/token/ 取得")),
        }


class SessionScheme(OpenApiAuthenticationExtension):
    """The session cookie in the schema."""

    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
