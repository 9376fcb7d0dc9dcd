"""One's own account: password, second factor, where one is signed in, and the token of the API."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import password_validators_help_texts
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from dispatch import sign_in
from dispatch.views.shell import page, show
from dispatch.views.steps_in import CodeForm, NewPasswordForm
from gridgov.accounts import lockouts, passwords, second_factor, sessions
from gridgov.common import address
from gridgov.common.errors import FieldError, NotPermitted


class PasswordForm(NewPasswordForm):
    """The present password, and a new one twice."""

    old = forms.CharField(
        label=gettext_lazy("现在的密码"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "current-password"}),
        error_messages={"required": gettext_lazy("请输入现在的密码。")},
    )
    field_order = ["old", "new", "again"]


@page
def account(request: HttpRequest) -> HttpResponse:
    """What there is, with a form for each."""
    return _account(request)


@page
@sensitive_post_parameters()
@require_POST
def change_password(request: HttpRequest) -> HttpResponse:
    """The password is a new one; all other sessions are over."""
    form = PasswordForm(request.POST)
    if form.is_valid():
        _ask_old(request, form)
    if form.is_valid():
        try:
            passwords.set_password(
                user=request.user, new=form.cleaned_data["new"], by=request.user, address=address.of(request),
                keep_session=sessions.public_id(request.session),
            )  # fmt: skip
        except FieldError as error:
            form.add_error("new", error.message)
        else:
            update_session_auth_hash(request, request.user)
            messages.success(request, _("密码已更改，其他地方的登录已退出。"))
            return redirect("pages:account")
    return _account(request, password=form, status=400)


def _ask_old(request: HttpRequest, form: PasswordForm) -> None:
    """The present password is tried as at the sign-in: wrong ones count, and who is locked out is not asked."""
    login = request.user.get_username()
    if lockouts.until(request, login=login) is None:
        if request.user.check_password(form.cleaned_data["old"]):
            return
        lockouts.failed(request, user=request.user)
    locked_until = lockouts.until(request, login=login)
    form.add_error("old", lockouts.message(locked_until) if locked_until else _("现在的密码不对。"))


@page
@require_POST
def end_session(request: HttpRequest, public_id: str) -> HttpResponse:
    """One of one's own sessions is over."""
    sessions.end(public_id=public_id, by=request.user, owner=request.user, address=address.of(request))
    messages.success(request, _("该登录已退出。"))
    return redirect("pages:account")


@page
@require_POST
def drop_token(request: HttpRequest) -> HttpResponse:
    """There is no token of the API any more."""
    passwords.drop_token(user=request.user, by=request.user, address=address.of(request))
    messages.success(request, _("接口令牌已作废。"))
    return redirect("pages:account")


@page
@never_cache
def factor(request: HttpRequest) -> HttpResponse:
    """A second factor of one's own will."""
    if second_factor.is_set_up(request.user):
        return redirect("pages:account")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            codes = second_factor.confirm(
                user=request.user, code=form.cleaned_data["code"], by=request.user, address=address.of(request)
            )
        except FieldError as error:
            form.add_error("code", error.message)
        else:
            return show(request, "pages/recovery_codes.html", {"codes": codes, "goes_to": "pages:account"})
    context = {"form": form, "offer": second_factor.offer(request.user), "login": request.user.get_username()}
    return show(request, "pages/sign_in_enrol.html", context, status=400 if form.errors else 200)


@page
@never_cache
@require_POST
def renew_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes, for who shows the app once more."""
    if not second_factor.check(user=request.user, code=request.POST.get("code", "")):
        return _account(request, problem=_("验证码不对，或已用过。"), status=400)
    codes = second_factor.renew_codes(user=request.user, address=address.of(request))
    return show(request, "pages/recovery_codes.html", {"codes": codes, "goes_to": "pages:account"})


@page
@require_POST
def remove_factor(request: HttpRequest) -> HttpResponse:
    """No second factor any more, where the role does not demand one."""
    if sign_in.must_have_second_factor(request.user):
        raise NotPermitted(_("你的岗位必须使用动态验证码。"), missing="second_factor")
    if not second_factor.check(user=request.user, code=request.POST.get("code", "")):
        return _account(request, problem=_("验证码不对，或已用过。"), status=400)
    second_factor.remove(user=request.user, by=request.user, address=address.of(request))
    messages.success(request, _("已停用动态验证码。"))
    return redirect("pages:account")


def _account(
    request: HttpRequest, *, password: PasswordForm | None = None, problem: str = "", status: int = 200
) -> HttpResponse:
    user: Any = request.user
    has_factor = second_factor.is_set_up(user)
    context = {
        "password": password or PasswordForm(),
        "rules": password_validators_help_texts(),
        "sessions": list(sessions.open_sessions(users=[user.pk])),
        "current": sessions.public_id(request.session),
        "has_factor": has_factor,
        "codes_left": second_factor.codes_left(user) if has_factor else 0,
        "must_have_factor": sign_in.must_have_second_factor(user),
        "token": getattr(user, "auth_token", None),
        "problem": problem,
        "account": user,
    }
    return show(request, "pages/account.html", context, status=status)
