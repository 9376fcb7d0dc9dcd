"""The monthly assessment of grids: schemes, months and the rows of the grids in them.

Points are stored in hundredths (whole numbers): 8840 is 88.40. Written by ``personnel.assessment_services`` only.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from gridgov.common.models import WriteOnce
from grids.models import Area


class AssessmentScheme(WriteOnce):
    """What is scored and with which weight; one version, for ever. A change is a new version.

    ``items``: [{"key", "weight", "zero_at", "full_at"}], as ``personnel.assessment.Item``, numbers as text.
    ``from_month``: the first day of the first month it holds for; of several the highest version does.
    """

    code = models.SlugField(_("编码"), max_length=40)
    version = models.PositiveIntegerField(_("版本"))
    name = models.CharField(_("名称"), max_length=80)
    items = models.JSONField(_("指标与权重"))
    mark_cap = models.PositiveIntegerField(_("人工加减分上限（百分之一分）"))
    reply_days = models.PositiveSmallIntegerField(_("答复期（天）"), default=7)
    from_month = models.DateField(_("适用月份起"))
    source = models.TextField(_("依据"), blank=True)
    created_at = models.DateTimeField(_("保存时间"))

    class Meta:
        verbose_name = _("考核方案")
        verbose_name_plural = _("考核方案")
        ordering = ["code", "-version"]
        constraints = [
            # a version means one content
            models.UniqueConstraint(fields=["code", "version"], name="assessmentscheme_version_unique"),
            models.CheckConstraint(condition=Q(mark_cap__lte=10_000), name="assessmentscheme_cap_within_score"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class AssessmentMonth(models.Model):
    """One computation of a month in a city: the first (version 1) of all grids, a later one corrects some of them.

    ``on``: the first day of the month. ``known_at``: exemptions granted by then count; all else is as it stood at the
    end of the month. Fixed when the computation begins, so that one that was broken off ends with the same result.
    ``grid_ids``: the grids it is of, in order. ``computed_at`` is set when every one has its row.
    """

    root = models.ForeignKey(Area, verbose_name=_("城市"), on_delete=models.PROTECT, related_name="+")
    on = models.DateField(_("月份"))
    version = models.PositiveIntegerField(_("版本"))
    scheme = models.ForeignKey(AssessmentScheme, on_delete=models.PROTECT, related_name="+")
    grid_ids = models.JSONField()
    known_at = models.DateTimeField()
    reason = models.CharField(_("更正原因"), max_length=500, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("提出人")
    )
    computed_at = models.DateTimeField(_("计算完成"), null=True)

    class Meta:
        verbose_name = _("月度考核")
        verbose_name_plural = _("月度考核")
        ordering = ["root", "-on", "-version"]
        constraints = [
            # a version of a month is computed once
            models.UniqueConstraint(fields=["root", "on", "version"], name="assessmentmonth_version_unique"),
            # a correction says why
            models.CheckConstraint(condition=Q(version=1) | ~Q(reason=""), name="assessmentmonth_correction_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.on:%Y-%m} {self.version}"


class Assessment(models.Model):
    """One grid in one month and version: computed → reviewed → replied → published.

    ``lines``: [{"key", "hits", "misses", "ratio", "weight", "points"}] with hits and misses as pairs [case number,
    journal sequence number], the evidence of each number. Invariants: one row for each (month, version, grid); the
    score never changes once computed; a mark has a reason and a reviewer; a published row is changed no more, it is
    corrected by the row of a new version. ``worker`` is who covered the grid on the last day of the month.
    """

    class State(models.TextChoices):
        COMPUTED = "computed", _("待审核")
        REVIEWED = "reviewed", _("待答复")
        REPLIED = "replied", _("已答复")
        PUBLISHED = "published", _("已公布")

    month = models.ForeignKey(AssessmentMonth, on_delete=models.PROTECT, related_name="rows")
    grid = models.ForeignKey(Area, verbose_name=_("网格"), on_delete=models.PROTECT, related_name="+")
    worker = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("网格员")
    )
    lines = models.JSONField(_("指标"))
    score = models.PositiveIntegerField(_("得分（百分之一分）"), null=True)
    state = models.CharField(_("状态"), max_length=10, choices=State, default=State.COMPUTED)

    mark = models.IntegerField(_("人工加减分（百分之一分）"), default=0)
    mark_reason = models.CharField(_("加减分理由"), max_length=500, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("审核人")
    )
    reviewed_at = models.DateTimeField(_("审核时间"), null=True)
    reply = models.CharField(_("答复"), max_length=1000, blank=True)
    replied_at = models.DateTimeField(_("答复时间"), null=True)
    final_score = models.PositiveIntegerField(_("公布得分（百分之一分）"), null=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("公布人")
    )
    published_at = models.DateTimeField(_("公布时间"), null=True)

    class Meta:
        verbose_name = _("网格考核")
        verbose_name_plural = _("网格考核")
        ordering = ["month", "grid"]
        constraints = [
            # a grid is assessed once in a version of a month, however often the computation is started
            models.UniqueConstraint(fields=["month", "grid"], name="assessment_grid_once"),
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__lte=10_000), name="assessment_score_within"
            ),
            # a mark has a reason
            models.CheckConstraint(condition=Q(mark=0) | ~Q(mark_reason=""), name="assessment_mark_reason"),
            # what has no score has no mark either
            models.CheckConstraint(condition=Q(score__isnull=False) | Q(mark=0), name="assessment_mark_on_score"),
            # whatever is past computed was reviewed
            models.CheckConstraint(
                condition=Q(state="computed", reviewed_at__isnull=True)
                | (~Q(state="computed") & Q(reviewed_at__isnull=False)),
                name="assessment_reviewed",
            ),
            # published is published at an instant
            models.CheckConstraint(
                condition=Q(state="published", published_at__isnull=False)
                | (~Q(state="published") & Q(published_at__isnull=True)),
                name="assessment_published",
            ),
            # the worker does not review himself
            models.CheckConstraint(
                condition=Q(worker__isnull=True) | Q(reviewed_by__isnull=True) | ~Q(worker=F("reviewed_by")),
                name="assessment_not_by_himself",
            ),
        ]
        indexes = [
            models.Index(fields=["grid", "-month"], name="assessment_grid"),
            models.Index(fields=["worker", "-month"], name="assessment_worker"),
        ]

    def __str__(self) -> str:
        return f"{self.month_id}:{self.grid_id}"
