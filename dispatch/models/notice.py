"""Who is told what, and by which means."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from incidents.models import Clock, ClockKind, Incident


class EscalationTarget(models.Model):
    """Whom a step of a ladder tells: looked up by step key (and clock kind), by role up the levels.

    ``side`` handler: the people of the live lead ticket (role within the department); side centre: the role at the
    holder, else at the nearest centre above, ``levels_up`` more. Reference data, saved by ``dispatch.escalation``.
    """

    class Side(models.TextChoices):
        HANDLER = "handler", _("处置方")
        CENTRE = "centre", _("中心")

    step = models.CharField(_("步骤"), max_length=30)
    clock = models.CharField(_("时钟"), max_length=10, choices=ClockKind, blank=True)
    side = models.CharField(_("对象方"), max_length=10, choices=Side)
    role = models.CharField(_("角色"), max_length=30)
    levels_up = models.PositiveSmallIntegerField(_("再上几级"), default=0)
    channel = models.CharField(_("渠道"), max_length=20, default="in_app")
    supervision_level = models.PositiveSmallIntegerField(_("自动督办级别"), default=0)

    class Meta:
        verbose_name = _("升级对象")
        verbose_name_plural = _("升级对象")
        ordering = ["step", "clock", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["step", "clock", "side", "role", "levels_up", "channel"], name="escalationtarget_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step}→{self.role}"


class LadderPause(models.Model):
    """The ladder of one clock is held by a person, with a reason: its steps fire when it is released."""

    clock = models.ForeignKey(Clock, on_delete=models.PROTECT, related_name="ladder_pauses")
    paused_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    paused_at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    released_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("阶梯暂停")
        verbose_name_plural = _("阶梯暂停")
        constraints = [
            models.UniqueConstraint(
                fields=["clock"], condition=Q(released_at__isnull=True), name="ladderpause_one_open"
            ),
        ]

    def __str__(self) -> str:
        return str(self.clock_id)


class Notice(models.Model):
    """One message to one person, made once for each (journal entry, person, topic)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    incident = models.ForeignKey(Incident, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    entry_seq = models.PositiveIntegerField(null=True)
    topic = models.CharField(_("主题"), max_length=40)
    text = models.CharField(_("内容"), max_length=300)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("通知")
        verbose_name_plural = _("通知")
        ordering = ["-id"]
        constraints = [
            # receivers may run twice, a person is told once
            models.UniqueConstraint(fields=["incident", "entry_seq", "user", "topic"], name="notice_once"),
        ]
        indexes = [models.Index(fields=["user", "-id"], condition=Q(read_at__isnull=True), name="notice_unread")]

    def __str__(self) -> str:
        return f"{self.user_id}:{self.topic}"


class NoticeDelivery(models.Model):
    """One try to bring a notice by one channel, sent or visibly failed."""

    class State(models.TextChoices):
        PENDING = "pending", _("待发送")
        SENT = "sent", _("已发送")
        FAILED = "failed", _("失败")

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("通知送达")
        verbose_name_plural = _("通知送达")
        constraints = [
            models.UniqueConstraint(fields=["notice", "channel"], name="noticedelivery_once"),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_at__isnull=False), name="noticedelivery_sent_has_time"
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(state="pending"), name="noticedelivery_pending"),
            models.Index(fields=["id"], condition=Q(state="failed"), name="noticedelivery_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id}:{self.channel}"
