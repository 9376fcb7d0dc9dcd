"""What reporting keeps: exports, and pictures of dashboards that are too large to be counted while somebody waits."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from grids.models import Area


class Export(models.Model):
    """A list of cases on its way into a file, for the person who asked and for nobody else.

    What it may hold was settled when it was asked for: ``scope`` is the person's sight of then, ``at`` the instant and
    ``last_id`` the newest case of it. ``mark`` and ``sure_bytes`` say up to where the file is right: whoever goes on
    after a killed worker cuts it there. Written by ``reporting.exports`` only.
    """

    class Kind(models.TextChoices):
        QUEUE = "queue", _("队列")
        CASES = "cases", pgettext_lazy("many", "案件")
        FIGURE = "figure", _("指标")

    class Form(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel"

    class State(models.TextChoices):
        WAITING = "waiting", _("排队中")
        COLLECTING = "collecting", _("导出中")
        PACKING = "packing", _("生成表格")
        DONE = "done", _("已完成")
        FAILED = "failed", _("失败")
        CANCELLED = "cancelled", _("已取消")
        EXPIRED = "expired", _("已过期")

    UNFINISHED = (State.WAITING, State.COLLECTING, State.PACKING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("导出人")
    )
    kind = models.CharField(_("内容"), max_length=10, choices=Kind)
    form = models.CharField(_("格式"), max_length=4, choices=Form)
    title = models.CharField(_("名称"), max_length=120)
    query = models.JSONField(default=dict)
    scope = models.JSONField(default=dict)
    at = models.DateTimeField(_("截至"))
    last_id = models.PositiveBigIntegerField(default=0)

    state = models.CharField(_("状态"), max_length=10, choices=State, default=State.WAITING)
    total_count = models.PositiveIntegerField(_("总行数"), null=True)
    row_count = models.PositiveIntegerField(_("已导出行数"), default=0)
    packed_count = models.PositiveIntegerField(default=0)
    mark = models.PositiveBigIntegerField(default=0)
    sure_bytes = models.PositiveBigIntegerField(default=0)
    size = models.PositiveBigIntegerField(_("字节"), default=0)
    lease = models.CharField(max_length=32, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(_("完成时间"), null=True)
    expires_at = models.DateTimeField(_("失效时间"), null=True)

    class Meta:
        verbose_name = _("导出")
        verbose_name_plural = _("导出")
        ordering = ["-at"]
        constraints = [
            # a file that can be fetched says until when
            models.CheckConstraint(
                condition=~Q(state="done") | Q(finished_at__isnull=False, expires_at__isnull=False),
                name="export_done_expires",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-at"], name="export_user"),
            models.Index(
                fields=["lease_until"],
                condition=Q(state__in=["waiting", "collecting", "packing"]),
                name="export_unfinished",
            ),
            models.Index(fields=["expires_at"], condition=Q(state="done"), name="export_expires"),
        ]

    def __str__(self) -> str:
        return self.title


class Picture(models.Model):
    """What the dashboard last showed of an area to those with one sight, without the cases behind its numbers.

    ``key`` is of the sight, the area and the shape of what is stored: nobody with another sight is ever shown it.
    ``shown`` has each of the three spans as of ``at``; ``part`` is the one that is being counted, up to the case
    ``mark``, so that a killed worker costs a slice. ``due_at``: not renewed before. Leases, ``looked_at`` and
    ``due_at`` are of the database's clock. Written by ``reporting.renewal`` only.
    """

    key = models.CharField(max_length=64, unique=True, editable=False)
    sight = models.JSONField(editable=False)
    area = models.ForeignKey(Area, null=True, on_delete=models.CASCADE, related_name="+", verbose_name=_("区域"))
    shown = models.JSONField(null=True, editable=False)
    at = models.DateTimeField(_("截至"), null=True)
    seconds = models.FloatField(_("用时（秒）"), default=0)
    looked_at = models.DateTimeField(_("最近查看"))
    due_at = models.DateTimeField(null=True, editable=False)
    part = models.JSONField(null=True, editable=False)
    part_at = models.DateTimeField(null=True, editable=False)
    part_seconds = models.FloatField(default=0, editable=False)
    mark = models.PositiveBigIntegerField(default=0, editable=False)
    lease = models.CharField(max_length=32, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("态势快照")
        verbose_name_plural = _("态势快照")
        constraints = [
            # what is shown says of when it is
            models.CheckConstraint(
                condition=Q(shown__isnull=True, at__isnull=True) | Q(shown__isnull=False, at__isnull=False),
                name="picture_shown_has_at",
            ),
            # a part says of when it is and up to where; without one there is nothing to go on from
            models.CheckConstraint(
                condition=Q(part__isnull=True, part_at__isnull=True, mark=0)
                | Q(part__isnull=False, part_at__isnull=False),
                name="picture_part_whole",
            ),
            # whoever has it has it for a time
            models.CheckConstraint(condition=Q(lease="") | Q(lease_until__isnull=False), name="picture_lease_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.area_id}@{self.at}"
