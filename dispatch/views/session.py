"""Signing in and out, and where each role begins."""

from typing import Any

from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from dispatch import sign_in
from dispatch.actors import actor_signed_in
from dispatch.views import limits, steps_in
from dispatch.views.desk_table import HOME
from dispatch.views.shell import desk_url, guarded, home_of, is_field_worker, page, refused
from gridgov.accounts import lockouts, sessions
from gridgov.common import clock
from gridgov.common.errors import NotPermitted
from gridgov.common.problems import problem
from grids.capabilities import Capability
from personnel.roles import Role

#: Wrong passwords from one address in ten minutes, whosever: a whole office may sit behind one.
WRONG_FROM_ADDRESS = 60


class SignInForm(AuthenticationForm):
    """Django's, in our words."""

    error_messages = {
        "invalid_login": gettext_lazy("账号或密码不对。"),
        "inactive": gettext_lazy("此账号已停用。"),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = gettext_lazy("账号")
        self.fields["password"].label = gettext_lazy("密码")
        for name, message in (
            ("username", gettext_lazy("请输入账号。")),
            ("password", gettext_lazy("请输入密码。")),
        ):
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
        if limits.counted(_wrong(request)) >= WRONG_FROM_ADDRESS:
            return _not_now(request, _("本地址输错太多次，请十分钟后再试。"))
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        step = sign_in.next_step(user, code_given=False)
        if step is None:
            login(self.request, user)
            return redirect(self.get_success_url())
        return steps_in.begin(self.request, user, step, goes_to=self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        limits.count(_wrong(self.request))
        return self.render_to_response(self.get_context_data(form=form), status=400)


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
        request.actor = actor_signed_in(request.user)
        words = _("管理后台只对系统、安全和审计管理员开放，你没有这些任职。")
        return refused(request, NotPermitted(words, missing=Capability.MANAGE_RULES))


class SignOut(LogoutView):
    http_method_names = ["post"]


def locked_out(request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None) -> HttpResponse:
    """The answer to whoever is locked out: how long, and who unlocks (``AXES_LOCKOUT_CALLABLE``)."""
    until = lockouts.until(request, login=str((credentials or {}).get("username") or ""))
    match = request.resolver_match
    if match is not None and match.view_name == "pages:change_password":
        return response  # one's own page says it itself
    if until is None:
        return response  # it ran out this moment
    said = lockouts.message(until)
    if request.path.startswith("/api/"):
        answer = problem(429, said, code="locked_out")
    else:
        answer = _not_now(request, said)
    answer["Retry-After"] = str(lockouts.minutes_left(until) * 60)
    return answer


def _not_now(request: HttpRequest, said: str) -> HttpResponse:
    # unbound: no password is tried any more
    form = SignInForm(request, initial={"username": request.POST.get("username", "")})
    view = SignIn()
    view.setup(request)
    response = view.render_to_response(view.get_context_data(form=form, problem=said), status=429)
    return guarded(response.render())


def _wrong(request: HttpRequest) -> str:
    return f"sign_in:{limits.address(request)}"


@page
@require_http_methods(["GET", "POST"])
def here(request: HttpRequest) -> HttpResponse:
    """Whether the session still holds; POST: its owner is at work. The page that is open asks."""
    if request.method == "POST":
        sessions.note_here(request.session)
    response = HttpResponse(status=204)
    response["Cache-Control"] = "no-store"
    return response


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
    if Role.SECURITY_ADMIN.value in actor.roles:
        return redirect("pages:security")
    if Role.AUDIT_ADMIN.value in actor.roles:
        return redirect("pages:audit")
    if request.user.is_staff:
        return redirect("admin:index")
    return redirect("pages:notices")
