"""The clocks of a case as ledgers. ``incidents.sla`` is the only writer."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gridgov.common.models import CalendarVersion
from grids.models import Area

from .catalogue import ClockKind
from .incident import Incident


class Clock(models.Model):
    """One clock in one cycle, with its policy frozen at the start.

    Invariants: one row for each (case, kind, cycle); one running or paused row for each (case, kind); a live clock
    has no end, an ended one has. A clock runs from ``started_at`` to ``stopped_at`` but for its paused segments
    (:class:`ClockSegment`): never an added number of seconds. ``due_at`` is derived from the ledger, the allowance
    and the calendar version, and ``due_revision`` rises when it moves. ``steps`` are the coming steps of its ladder
    as ``[{"key", "at", "fence"}]`` in order; ``next_step_at`` is the first of them and NULL while nothing is to fire.
    ``milestones`` are the due times inside the clock (停工 4 工作时, 拆除 20 工作日) as ``[{"key", "label", "due_at",
    "met_at"}]``; the last one is the clock's own due time and not listed.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("计时中")
        PAUSED = "paused", _("已暂停")
        MET = "met", _("按时")
        LATE = "late", _("超时")
        CANCELLED = "cancelled", _("已取消")

    LIVE = ("running", "paused")

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="clocks", db_index=False)
    kind = models.CharField(_("时钟"), max_length=10, choices=ClockKind)
    cycle = models.PositiveIntegerField(_("轮次"), default=1)
    assignment = models.PositiveIntegerField(_("所属派遣"), default=0)
    state = models.CharField(_("状态"), max_length=10, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField(_("起算"))
    stopped_at = models.DateTimeField(_("停表"), null=True, blank=True)
    due_at = models.DateTimeField(_("到期"), null=True, blank=True)
    due_revision = models.PositiveIntegerField(_("到期修订"), default=1)
    unit = models.CharField(_("单位"), max_length=20, blank=True)
    minutes = models.PositiveIntegerField(_("限额（分钟）"), null=True, blank=True)
    count = models.PositiveIntegerField(_("限额（天/月）"), null=True, blank=True)
    calendar_version = models.ForeignKey(CalendarVersion, null=True, on_delete=models.PROTECT, related_name="+")
    policy = models.JSONField(_("起算时的规则"), default=dict)
    steps = models.JSONField(default=list, blank=True)
    milestones = models.JSONField(_("节点"), default=list, blank=True)
    next_step_at = models.DateTimeField(_("下一步骤"), null=True, blank=True)
    holder = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+", db_index=False)
    breached_at = models.DateTimeField(_("超时于"), null=True, blank=True)
    breach_cured_at = models.DateTimeField(_("超时已消除于"), null=True, blank=True)
    is_exempt = models.BooleanField(_("免责"), default=False)

    class Meta:
        verbose_name = _("时钟")
        verbose_name_plural = _("时钟")
        ordering = ["incident", "id"]
        constraints = [
            # each cycle of a clock is counted once
            models.UniqueConstraint(fields=["incident", "kind", "cycle"], name="clock_cycle_unique"),
            # a case never has two live clocks of one kind
            models.UniqueConstraint(
                fields=["incident", "kind"], condition=Q(state__in=["running", "paused"]), name="clock_one_live"
            ),
            # a live clock has not stopped, an ended one has and fires nothing more
            models.CheckConstraint(
                condition=Q(state__in=["running", "paused"], stopped_at__isnull=True)
                | (~Q(state__in=["running", "paused"]) & Q(stopped_at__isnull=False, next_step_at__isnull=True)),
                name="clock_stopped_iff_ended",
            ),
            # a paused clock fires nothing
            models.CheckConstraint(
                condition=~Q(state="paused") | Q(next_step_at__isnull=True), name="clock_paused_fires_nothing"
            ),
            # met and late are statements about a limit
            models.CheckConstraint(condition=~Q(state="late") | Q(due_at__isnull=False), name="clock_late_has_due"),
        ]
        indexes = [
            models.Index(fields=["next_step_at"], condition=Q(next_step_at__isnull=False), name="clock_armed"),
            models.Index(fields=["kind", "due_at"], name="clock_due"),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id}:{self.kind}:{self.cycle}"


class ClockSegment(models.Model):
    """A stretch of a clock that is not plain running: paused, or held by another centre than before.

    Running stretches are what lies between; together they are the ledger. Invariant: one open pause a clock.
    """

    class Kind(models.TextChoices):
        PAUSED = "paused", _("暂停")
        HELD = "held", _("转交")

    clock = models.ForeignKey(Clock, on_delete=models.PROTECT, related_name="segments")
    kind = models.CharField(max_length=10, choices=Kind)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    holder = models.ForeignKey(Area, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    entry_seq = models.PositiveIntegerField(_("流转序号"))

    class Meta:
        verbose_name = _("时钟区段")
        verbose_name_plural = _("时钟区段")
        ordering = ["clock", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["clock"], condition=Q(kind="paused", ended_at__isnull=True), name="clocksegment_one_open_pause"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("started_at")),
                name="clocksegment_forward",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.clock_id}:{self.kind}"


class FiredStep(models.Model):
    """A step of a ladder that has fired. Unique: that a step fires once is held here, whoever sweeps.

    ``fence`` is the clock's due revision for steps before and at due (they come again after an extension), and 0
    for steps after due, which fire once a cycle. ``due_at`` is when the step was due, ``fired_at`` when it was claimed.
    """

    clock = models.ForeignKey(Clock, on_delete=models.PROTECT, related_name="fired")
    fence = models.PositiveIntegerField()
    key = models.CharField(max_length=60)
    due_at = models.DateTimeField()
    fired_at = models.DateTimeField()
    entry_seq = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("已触发步骤")
        verbose_name_plural = _("已触发步骤")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["clock", "fence", "key"], name="firedstep_once"),
        ]

    def __str__(self) -> str:
        return f"{self.clock_id}:{self.fence}:{self.key}"
