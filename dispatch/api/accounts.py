"""Signing in and knowing oneself."""

from django.contrib.auth import authenticate
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import throttling
from rest_framework.authtoken.models import Token
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from dispatch import sign_in
from dispatch.api import answers, bodies, shapes
from dispatch.selectors import role_label
from dispatch.sign_in import Step
from gridgov.accounts import lockouts, second_factor
from gridgov.common import address, audit
from gridgov.common.api import answer, check
from gridgov.common.problems import problem
from personnel.selectors import department_tree


class _PerAddress(throttling.SimpleRateThrottle):
    """Sign-ins from one address."""

    scope = "token_address"
    rate = "120/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class _PerLogin(throttling.SimpleRateThrottle):
    """Sign-ins to one account from one address: guessing a password takes years."""

    scope = "token_login"
    rate = "10/min"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        login = request.data.get("login") if isinstance(request.data, dict) else None
        if not isinstance(login, str):
            return None
        return self.cache_format % {"scope": self.scope, "ident": f"{self.get_ident(request)}:{login[:150]!r}"}


_WANTED = {
    Step.CODE: _("此账号设有动态验证码，请在code项给出"),
    Step.ENROL: _("此岗位须先在网页登录并绑定动态验证码"),
    Step.PASSWORD: _("须先在网页登录并更换密码"),
}


class ObtainToken(APIView):
    """A token for a login and its password."""

    authentication_classes: list[type] = []
    permission_classes = [AllowAny]
    throttle_classes = [_PerAddress, _PerLogin]

    @extend_schema(
        operation_id="auth_token",
        summary=_("以账号和密码取得访问令牌"),
        auth=[],
        request=bodies.TokenBody,
        responses={200: answers.TokenAnswer, **answers.problems(400, 401, 403, 429)},
    )
    def post(self, request: Request) -> HttpResponse:
        given = check(bodies.TokenBody, request.data)
        user = authenticate(request._request, username=given["login"], password=given["password"])
        if user is None:
            # the same answer for an unknown login, a wrong password and a closed account
            return problem(401, _("账号或密码不对，或账号已停用"), code="credentials")
        step = sign_in.next_step(user, code_given=False)
        if step == Step.CODE and "code" in given:
            if second_factor.check(user=user, code=given["code"]):
                step = sign_in.next_step(user, code_given=True)
            else:
                lockouts.failed(request._request, user=user)
                return problem(401, _("验证码不对，或已用过"), code="second_factor")
        if step is not None:
            return problem(403, _WANTED[step], code=f"wanted:{step.value}", missing=step.value)
        token, created = Token.objects.get_or_create(user=user)
        if created:
            audit.record(action="token.issue", actor=user, obj=user, address=address.of(request._request))
        response = answer({"token": token.key, "user": {"id": user.pk, "name": user.get_full_name()}})
        response["Cache-Control"] = "no-store"
        return response


class Me(APIView):
    """Who one is, what one is posted to, and what that allows."""

    @extend_schema(
        operation_id="me",
        summary=_("我的任职、席位和权限"),
        responses={200: answers.MeAnswer, **answers.problems(401)},
    )
    def get(self, request: Request) -> HttpResponse:
        by = request.actor
        tree = department_tree()
        capabilities: dict[str, list[int]] = {}
        for capability, area_id in sorted(by.grants):
            capabilities.setdefault(str(capability), []).append(area_id)
        return answer(
            {
                "id": by.user_id,
                "name": by.name,
                "login": request.user.get_username(),
                "desk": shapes.area_of(by.desk_area_id),
                "postings": [
                    {
                        "role": role,
                        "label": role_label(role),
                        "area": shapes.area_of(area_id),
                        "department": (
                            {"department": department_id, "name": tree.full_name(department_id)}
                            if department_id is not None
                            else None
                        ),
                    }
                    for role, area_id, department_id in by.postings
                ],
                "capabilities": capabilities,
            }
        )
