"""Who people are, when the city works, and what was done to the rules.

Identity only: everything else about a person (worker, department, posting) belongs to personnel.
"""

from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from gridgov.common import audit_actions, clock


class User(AbstractUser):
    """An account: login, name, phone. Never deleted once it has acted (``is_active`` goes off instead)."""

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    name = models.CharField(_("姓名"), max_length=60, blank=True)
    phone = models.CharField(_("电话"), max_length=32, blank=True)

    class Meta:
        verbose_name = _("用户")
        verbose_name_plural = _("用户")
        ordering = ["username"]

    def __str__(self) -> str:
        return self.name or self.username

    def get_full_name(self) -> str:
        return self.name or self.username

    def get_short_name(self) -> str:
        return self.name or self.username


class ImmutableError(Exception):
    """A row that is written once was about to be changed or deleted."""


class WriteOnceQuerySet(models.QuerySet):
    """Refuses changing and deleting in bulk; see :class:`WriteOnce`."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise ImmutableError(f"{self.model.__name__} rows are written once")

    def delete(self) -> NoReturn:
        raise ImmutableError(f"{self.model.__name__} rows are written once")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ImmutableError(f"{self.model.__name__} rows are written once")


class WriteOnce(models.Model):
    """A row is inserted and then neither changed nor deleted through the ORM."""

    objects = WriteOnceQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableError(f"{type(self).__name__} {self.pk} is written once")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ImmutableError(f"{type(self).__name__} {self.pk} is written once")


class WorkCalendar(models.Model):
    """A calendar by which limits are counted; its content stands in its versions.

    Written by ``work_calendar.save_version`` only.
    """

    code = models.SlugField(_("编码"), max_length=40, unique=True)
    name = models.CharField(_("名称"), max_length=80)

    class Meta:
        verbose_name = _("工作日历")
        verbose_name_plural = _("工作日历")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class CalendarVersion(WriteOnce):
    """One state of a calendar, for ever: clocks keep the version they started with.

    ``weekly`` is seven lists (Monday first) of ``["HH:MM", "HH:MM"]`` intervals; ``seasons`` a list of
    ``{"from": "MM-DD", "to": "MM-DD", "name": …, "weekly": […]}`` (inclusive; may wrap over New Year).
    ``covers_from`` to ``covers_to`` (inclusive) is where the statutory holidays are known; outside it the
    weekly pattern alone counts. Written by ``work_calendar.save_version`` only, together with its days.
    """

    calendar = models.ForeignKey(WorkCalendar, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("版本号"))
    weekly = models.JSONField(_("每周工作时段"))
    seasons = models.JSONField(_("季节作息"), default=list, blank=True)
    nominal_day_minutes = models.PositiveSmallIntegerField(_("每工作日折合分钟"), default=480)
    covers_from = models.DateField(_("节假日起"))
    covers_to = models.DateField(_("节假日止"))
    source = models.TextField(_("依据"), blank=True)
    created_at = models.DateTimeField(_("保存时间"))

    class Meta:
        verbose_name = _("日历版本")
        verbose_name_plural = _("日历版本")
        ordering = ["calendar", "-number"]
        constraints = [
            # a version number means one content
            models.UniqueConstraint(fields=["calendar", "number"], name="calendarversion_number_unique"),
            models.CheckConstraint(
                condition=models.Q(covers_from__lte=models.F("covers_to")), name="calendarversion_covers_ordered"
            ),
            models.CheckConstraint(
                condition=models.Q(nominal_day_minutes__gt=0), name="calendarversion_nominal_positive"
            ),
        ]

    def __str__(self) -> str:
        return str(self.label)

    @property
    def label(self) -> Promise:
        """As ``explain`` cites it, in the language that is active then: 日历2026版第2次修订.

        The first version of a calendar is no revision yet.
        """
        words = _("日历{year}版") if self.number == 1 else _("日历{year}版第{revision}次修订")
        return format_lazy(words, year=self.covers_to.year, revision=self.number - 1)


class CalendarDay(WriteOnce):
    """An exception to the weekly pattern in one version: a statutory holiday or a make-up working day.

    ``intervals`` of a working day replace the pattern's; null means the hours of an ordinary working day.
    Written with its version by ``work_calendar.save_version`` only.
    """

    class Kind(models.TextChoices):
        REST = "rest", _("休息")
        WORK = "work", _("上班")

    version = models.ForeignKey(CalendarVersion, on_delete=models.PROTECT, related_name="days")
    on = models.DateField(_("日期"))
    kind = models.CharField(_("类型"), max_length=4, choices=Kind)
    name = models.CharField(_("名称"), max_length=40)
    intervals = models.JSONField(_("工作时段"), null=True, blank=True)

    class Meta:
        verbose_name = _("特殊日")
        verbose_name_plural = _("特殊日")
        ordering = ["version", "on"]
        constraints = [
            # a day is one thing in a version
            models.UniqueConstraint(fields=["version", "on"], name="calendarday_on_unique"),
            models.CheckConstraint(
                condition=models.Q(kind="work") | models.Q(intervals__isnull=True), name="calendarday_rest_no_hours"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.on:%Y-%m-%d} {self.name}"


class AuditEntry(WriteOnce):
    """What was done to rules, accounts and protected data. Append only; written by ``audit.record`` only.

    ``detail`` holds ids, codes, reasons and, under ``changes``, what a field was and is; no phone number, nothing of
    a reporter. ``audit_words`` puts it into words. Cases have their own journal.
    """

    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("操作人"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    action = models.CharField(_("操作"), max_length=60)
    object_type = models.CharField(_("对象类型"), max_length=60, blank=True)
    object_id = models.CharField(_("对象"), max_length=64, blank=True)
    detail = models.JSONField(_("内容"), default=dict, blank=True)
    address = models.GenericIPAddressField(_("来源地址"), null=True, blank=True)
    at = models.DateTimeField(_("时间"))

    class Meta:
        verbose_name = _("审计记录")
        verbose_name_plural = _("审计记录")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["object_type", "object_id"], name="auditentry_object"),
            models.Index(fields=["at"], name="auditentry_at"),
        ]

    def __str__(self) -> str:
        return f"{clock.local(self.at):%Y-%m-%d %H:%M} {audit_actions.name(self.action)}"


class Heartbeat(models.Model):
    """When a long-running part (worker, beat, sweep, index) last said that it lives. Written by that part."""

    name = models.CharField(max_length=60, unique=True)
    beat_at = models.DateTimeField()

    class Meta:
        verbose_name = _("心跳")
        verbose_name_plural = _("心跳")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ProcessReport(models.Model):
    """A process of the deployment by its own word. Written by ``observability.processes``; removed when it ends."""

    kind = models.CharField(_("种类"), max_length=20)
    host = models.CharField(_("主机"), max_length=60)
    pid = models.PositiveIntegerField(_("进程号"))
    began_at = models.DateTimeField(_("启动时间"))
    beat_at = models.DateTimeField(_("最近信号"))
    figures = models.JSONField(_("数字"), default=dict)

    class Meta:
        verbose_name = _("进程")
        verbose_name_plural = _("进程")
        ordering = ["kind", "host", "pid"]
        # a process has one row
        constraints = [models.UniqueConstraint(fields=["kind", "host", "pid"], name="processreport_once")]

    def __str__(self) -> str:
        return f"{self.kind}@{self.host}:{self.pid}"


class SlowStatement(models.Model):
    """A statement, with placeholders for its values, that took long. Written by ``observability.slow`` only."""

    fingerprint = models.CharField(max_length=32, unique=True)
    sql = models.TextField(_("语句"))
    place = models.CharField(_("来处"), max_length=200, blank=True)
    count = models.PositiveIntegerField(_("次数"), default=0)
    total_ms = models.FloatField(_("总耗时（毫秒）"), default=0)
    worst_ms = models.FloatField(_("最长耗时（毫秒）"), default=0)
    last_at = models.DateTimeField(_("最近一次"))

    class Meta:
        verbose_name = _("慢语句")
        verbose_name_plural = _("慢语句")
        ordering = ["-total_ms"]

    def __str__(self) -> str:
        return self.sql[:60]


class ReferenceRevision(models.Model):
    """The token of a set of reference data; ``gridgov.common.reference.touch`` is its only writer."""

    name = models.CharField(max_length=64, unique=True)
    token = models.CharField(max_length=32)

    class Meta:
        verbose_name = _("参考数据修订")
        verbose_name_plural = _("参考数据修订")

    def __str__(self) -> str:
        return f"{self.name}:{self.token[:8]}"
