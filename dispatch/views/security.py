"""The security administrator's page: who is locked out, who is signed in where, and the accounts themselves."""

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from dispatch.actors import Actor
from dispatch.views.shell import page, show
from gridgov.accounts import accounts, demo, lockouts, sessions
from gridgov.common import address
from gridgov.common.errors import FieldError, NotFound, NotPermitted
from gridgov.common.models import User
from grids.capabilities import Capability

MOST = 100


def _required(actor: Actor) -> None:
    if not actor.may_somewhere(Capability.MANAGE_SECURITY):
        raise NotPermitted(
            _("此页需要：%(needed)s") % {"needed": Capability.MANAGE_SECURITY.label},
            missing=Capability.MANAGE_SECURITY.value,
        )


@page
def security(request: HttpRequest) -> HttpResponse:
    """Lockouts, sessions, and the accounts that a search finds."""
    _required(request.actor)
    return _security(request)


@page
@require_POST
def unlock(request: HttpRequest, key: str) -> HttpResponse:
    """The account may be tried again from that address."""
    _required(request.actor)
    found = lockouts.unlock(key=key, by=request.user, from_address=address.of(request))
    messages.success(request, _("已解锁：%(login)s") % {"login": found.login})
    return redirect("pages:security")


@page
@require_POST
def end_session(request: HttpRequest, public_id: str) -> HttpResponse:
    """Somebody's session is over."""
    _required(request.actor)
    try:
        accounts.end_session(
            public_id=public_id, reason=request.POST.get("reason", ""), by=request.user, address=address.of(request)
        )
        messages.success(request, _("该登录已退出。"))
    except FieldError as error:
        messages.error(request, error.message)
    return redirect("pages:security")


@page
@never_cache
@require_POST
def act_on_account(request: HttpRequest, user_id: int, step: str) -> HttpResponse:
    """``close``, ``reopen``, ``password`` (a new initial one, shown once) or ``factor`` (it is set up anew)."""
    _required(request.actor)
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound(_("没有这个账号。"))
    if user.pk == request.user.pk:
        raise NotPermitted(_("不能在这里处理自己的账号。"), missing="not_oneself")
    if user.is_superuser and not request.user.is_superuser:
        # whoever sets its password is it
        raise NotPermitted(_("超级用户的账号只由超级用户处理。"), missing="superuser")
    where, reason = address.of(request), request.POST.get("reason", "")
    initial = ""
    try:
        if step == "close":
            accounts.close(user=user, reason=reason, by=request.user, address=where)
            messages.success(request, _("账号已停用，其登录和接口令牌已作废。"))
        elif step == "reopen":
            accounts.reopen(user=user, reason=reason, by=request.user, address=where)
            messages.success(request, _("账号已启用。"))
        elif step == "password":
            initial = accounts.password_by_hand(user=user, reason=reason, by=request.user, address=where)
        elif step == "factor":
            if accounts.clear_factor(user=user, reason=reason, by=request.user, address=where):
                messages.success(request, _("动态验证码已清除，下次登录时重新绑定。"))
            else:
                messages.info(request, _("此账号没有绑定动态验证码，没有可清除的。"))
        else:
            raise NotFound(_("没有这个操作。"))
    except FieldError as error:
        messages.error(request, error.message)
    if initial:
        return _security(request, initial={"login": user.get_username(), "password": initial})
    return redirect("pages:security")


def _security(request: HttpRequest, *, initial: dict[str, str] | None = None) -> HttpResponse:
    text = request.GET.get("text", "").strip()[:60]
    open_now = sessions.open_sessions()
    if text:
        open_now = open_now.filter(Q(user__username__icontains=text) | Q(user__name__icontains=text))
    context: dict[str, Any] = {
        "lockouts": lockouts.current(),
        "sessions": list(open_now[: MOST + 1]),
        "current": sessions.public_id(request.session),
        "text": text,
        "accounts": _accounts(text) if text else [],
        "initial": initial,
        "is_demo": initial is not None and demo.is_demo(),
        "most": MOST,
    }
    return show(request, "pages/security.html", context)


def _accounts(text: str) -> list[User]:
    found = User.objects.filter(Q(username__icontains=text) | Q(name__icontains=text)).select_related("worker")
    return list(found.order_by("username")[:MOST])
