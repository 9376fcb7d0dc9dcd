"""The API's last address: what none of the others took."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.views import APIView

from gridgov.common.errors import NotFound


class NoSuchPath(APIView):
    """Answers 404 to everybody and every method.

    Who asks is not looked at: nobody is told to sign in first, or that his form is too old, for what does not exist.
    """

    authentication_classes = permission_classes = throttle_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        hint = "" if request.path.endswith("/") else _("，地址须以“/”结尾")
        raise NotFound(_("没有这个地址") + hint)
