"""Sessions with their owner, and the passwords that an account had."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.translation import gettext_lazy as _


class Session(AbstractBaseSession):
    """A browser's session. ``user`` and what follows is empty until somebody signs in.

    ``public_id`` names it in pages: the key itself would let its reader in. Ends at ``expire_date``, which is
    ``seen_at`` and the idle time; deleting the row ends it at once. Written by ``sessions.SessionStore`` only.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("账号"), null=True, on_delete=models.CASCADE, related_name="+"
    )
    public_id = models.CharField(max_length=32, null=True, unique=True)
    address = models.GenericIPAddressField(_("来源地址"), null=True)
    agent = models.CharField(_("浏览器"), max_length=200, blank=True)
    begun_at = models.DateTimeField(_("登录时间"), null=True)
    seen_at = models.DateTimeField(_("最近操作"), null=True)

    class Meta:
        verbose_name = _("会话")
        verbose_name_plural = _("会话")
        ordering = ["-begun_at"]
        constraints = [
            # whoever is signed in has a session that can be named and ended
            models.CheckConstraint(
                condition=models.Q(user__isnull=True)
                | models.Q(public_id__isnull=False, begun_at__isnull=False, seen_at__isnull=False),
                name="session_of_somebody_is_named",
            ),
        ]

    @classmethod
    def get_session_store_class(cls) -> Any:
        return import_module("gridgov.accounts.sessions").SessionStore


class PasswordRecord(models.Model):
    """A password that the account has or had, hashed as it stood there. ``is_initial``: chosen by somebody else.

    Written by ``passwords.NotUsedBefore`` whenever an account with a new password is saved; the newest is the one
    that counts. Old ones are cleared by ``passwords.forget_old``.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    password = models.CharField(max_length=128)
    set_at = models.DateTimeField()
    is_initial = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("历史口令")
        verbose_name_plural = _("历史口令")
        ordering = ["-id"]
        indexes = [models.Index(fields=["user", "-id"], name="passwordrecord_user")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.set_at:%Y-%m-%d}"
