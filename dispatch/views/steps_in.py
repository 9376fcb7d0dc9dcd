"""Between the right password and being signed in: the code, setting the second factor up, a new password.

Who is on the way stands in the session for ten minutes, signed in to nothing.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django import forms
from django.contrib.auth import login
from django.contrib.auth.password_validation import password_validators_help_texts
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from dispatch import sign_in
from dispatch.sign_in import Step
from dispatch.views.shell import show
from gridgov.accounts import lockouts, passwords, second_factor
from gridgov.common import address, audit, clock
from gridgov.common.errors import FieldError
from gridgov.common.models import User

_KEY = "signing_in"
HOLDS = timedelta(minutes=10)
PAGES = {Step.CODE: "pages:sign_in_code", Step.ENROL: "pages:sign_in_enrol", Step.PASSWORD: "pages:sign_in_password"}
View = Callable[..., HttpResponse]


class CodeForm(forms.Form):
    """The six figures, or a recovery code."""

    code = forms.CharField(
        label=gettext_lazy("验证码"),
        max_length=20,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "one-time-code", "autofocus": True}),
        error_messages={"required": gettext_lazy("请输入验证码。")},
    )


class NewPasswordForm(forms.Form):
    """A new password, twice."""

    new = forms.CharField(
        label=gettext_lazy("新密码"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "new-password"}),
        error_messages={"required": gettext_lazy("请输入新密码。")},
    )
    again = forms.CharField(
        label=gettext_lazy("再输一次"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "new-password"}),
        error_messages={"required": gettext_lazy("请再输一次。")},
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "new" in data and "again" in data and data["new"] != data["again"]:
            self.add_error("again", _("两次输入的不一样。"))
        return data


def begin(request: HttpRequest, user: User, step: Step, *, goes_to: str) -> HttpResponse:
    """The person is on the way in, at ``step``; ``goes_to`` is where he wants to be (already checked)."""
    request.session.cycle_key()
    request.session[_KEY] = {
        "user": user.pk,
        "backend": user.backend,  # type: ignore[attr-defined]
        "hash": user.get_session_auth_hash(),
        "at": clock.now().isoformat(),
        "to": goes_to,
        "factor": False,
    }
    return redirect(PAGES[step])


def _on_the_way(step: Step) -> Callable[[View], View]:
    """A view of that step, given the person; who is not at it goes to where he is, or to the beginning."""

    def decorator(view: View) -> View:
        @wraps(view)
        def shown(request: HttpRequest) -> HttpResponse:
            user = _person(request)
            if user is None:
                request.session.pop(_KEY, None)
                return redirect("pages:sign_in")
            wanted = sign_in.next_step(user, code_given=request.session[_KEY]["factor"])
            if wanted != step:
                return redirect(PAGES[wanted]) if wanted else _enter(request, user)
            return view(request, user)

        return never_cache(shown)

    return decorator


def _person(request: HttpRequest) -> User | None:
    found = request.session.get(_KEY)
    if not found or clock.now() - datetime.fromisoformat(found["at"]) > HOLDS:
        return None
    user = User.objects.filter(pk=found["user"], is_active=True).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), found["hash"]):
        return None
    user.backend = found["backend"]  # type: ignore[attr-defined]
    return user


def _go_on(request: HttpRequest, user: User) -> HttpResponse:
    step = sign_in.next_step(user, code_given=request.session[_KEY]["factor"])
    return redirect(PAGES[step]) if step else _enter(request, user)


def _enter(request: HttpRequest, user: User) -> HttpResponse:
    found = request.session.pop(_KEY)
    login(request, user)
    return redirect(found["to"])


def _passed_factor(request: HttpRequest) -> None:
    request.session[_KEY] |= {"factor": True}
    request.session.modified = True


@_on_the_way(Step.CODE)
def code(request: HttpRequest, user: User) -> HttpResponse:
    """The figures of the app."""
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        until = lockouts.until(request, login=user.get_username())
        if until is not None:
            # wrong ones locked the account: no code is tried any more, as no password is
            form.add_error("code", lockouts.message(until))
            return show(request, "pages/sign_in_code.html", {"form": form}, status=429)
        if used := second_factor.check(user=user, code=form.cleaned_data["code"]):
            if used == "recovery":
                audit.record(action="second_factor.recovery", actor=user, obj=user, address=address.of(request))
            _passed_factor(request)
            return _go_on(request, user)
        lockouts.failed(request, user=user)
        form.add_error("code", _("验证码不对，或已用过。请等应用换一个，再输入。"))
    return show(request, "pages/sign_in_code.html", {"form": form}, status=400 if form.errors else 200)


@_on_the_way(Step.ENROL)
def enrol(request: HttpRequest, user: User) -> HttpResponse:
    """The app is set up, because the role demands it; then the recovery codes are shown once."""
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            codes = second_factor.confirm(
                user=user, code=form.cleaned_data["code"], by=user, address=address.of(request)
            )
        except FieldError as error:
            form.add_error("code", error.message)
        else:
            _passed_factor(request)
            step = sign_in.next_step(user, code_given=True)
            goes_to = PAGES[step] if step else "pages:sign_in_go"
            return show(request, "pages/recovery_codes.html", {"codes": codes, "goes_to": goes_to, "is_gate": True})
    offered = second_factor.offer(user)
    context = {"form": form, "offer": offered, "login": user.get_username()}
    return show(request, "pages/sign_in_enrol.html", context, status=400 if form.errors else 200)


@_on_the_way(Step.PASSWORD)
def password(request: HttpRequest, user: User) -> HttpResponse:
    """A new password, because the present one was chosen by somebody else or is old."""
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            passwords.set_password(user=user, new=form.cleaned_data["new"], by=user, address=address.of(request))
        except FieldError as error:
            form.add_error("new", error.message)
        else:
            request.session[_KEY] |= {"hash": user.get_session_auth_hash()}
            request.session.modified = True
            return _go_on(request, user)
    reason = passwords.is_due(user, at=clock.now())
    context = {"form": form, "reason": reason, "rules": password_validators_help_texts()}
    return show(request, "pages/sign_in_password.html", context, status=400 if form.errors else 200)


def go(request: HttpRequest) -> HttpResponse:
    """Whoever has done every step is let in; anybody else goes to where he is."""
    user = _person(request)
    return redirect("pages:sign_in") if user is None else _go_on(request, user)
