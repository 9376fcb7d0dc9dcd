"""Signing in and out, and where each role begins."""

import hashlib
from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from dispatch.actors import actor_of
from dispatch.views import limits
from dispatch.views.desk_table import HOME
from dispatch.views.shell import desk_url, guarded, home_of, is_field_worker, page, refused
from gridgov.common import clock
from gridgov.common.errors import NotPermitted
from grids.capabilities import Capability

WRONG_PASSWORDS = 8


class SignInForm(AuthenticationForm):
    """Django's, in our words."""

    error_messages = {
        "invalid_login": _("账号或密码不对。"),
        "inactive": _("此账号已停用。"),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("账号")
        self.fields["password"].label = _("密码")
        for name, message in (("username", _("请输入账号。")), ("password", _("请输入密码。"))):
            self.fields[name].error_messages["required"] = message
            self.fields[name].widget.attrs["class"] = "form-control"


class SignIn(LoginView):
    template_name = "pages/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return guarded(super().dispatch(request, *args, **kwargs))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"now": clock.now()}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if limits.counted(self._key()) >= WRONG_PASSWORDS:
            # unbound: no password is tried any more
            form = SignInForm(request, initial={"username": request.POST.get("username", "")})
            context = self.get_context_data(form=form, problem=_("输错太多次，请十分钟后再试。"))
            return self.render_to_response(context, status=429)
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: Any) -> HttpResponse:
        limits.count(self._key())
        return self.render_to_response(self.get_context_data(form=form), status=400)

    def _key(self) -> str:
        """Of the account and the address: nobody can lock somebody else out from elsewhere."""
        login = self.request.POST.get("username", "").strip().lower()[:150]
        return "sign_in:" + hashlib.sha256(f"{login}\n{limits.address(self.request)}".encode()).hexdigest()


class AdminSignIn(SignIn):
    """The same for the admin pages, so that a password is not guessed there without end.

    Who is signed in and may not be there is told so, and neither asked again who he is nor sent round in a circle.
    """

    redirect_authenticated_user = False
    next_page = "admin:index"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return super().dispatch(request, *args, **kwargs)
        if request.user.is_active and request.user.is_staff:
            return redirect(self.next_page)
        request.actor = actor_of(request.user, channel="desk")
        words = _("管理后台是系统、安全、审计管理员的；你的岗位在这里没有可以办的事。")
        return refused(request, NotPermitted(words, missing=Capability.MANAGE_RULES))


class SignOut(LogoutView):
    http_method_names = ["post"]


@page
def home(request: HttpRequest) -> HttpResponse:
    """To the person's first queue; to the notices for somebody who has none."""
    actor = request.actor
    if (elsewhere := home_of(actor)) is not None:
        return redirect(elsewhere)
    for role, desk in HOME:
        if role.value in actor.roles:
            return redirect(desk_url(desk))
    if actor.department_ids:
        return redirect("pages:inbox")
    if is_field_worker(actor):
        return redirect("pages:tasks")
    if actor.may_somewhere(Capability.OPERATE_LOOP):
        return redirect("pages:ops")
    if request.user.is_staff:
        return redirect("admin:index")
    return redirect("pages:notices")
