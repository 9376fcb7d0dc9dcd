"""What may be reported, under which conditions a case is filed, and how long each step may take.

Data, not constants: loaded by ``manage.py load_catalogue`` and saved by ``incidents.catalogue`` as new versions.
A running clock keeps the limit that it was started under. ``loaded_digest`` is the digest of the file row that a
row was last loaded from: a file that has not changed since never overwrites what was changed here by hand.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gridgov.common.business_time import Allowance, Unit
from grids.models import Level


class Certainty(models.TextChoices):
    """How sure a fact of the catalogue is. Nothing but ``verified`` may be shown as "per the standard"."""

    VERIFIED = "verified", _("见于规定原文")
    IMPLEMENTED = "implemented", _("见于同类系统")
    ASSUMED = "assumed", _("经验值")


class ClockKind(models.TextChoices):
    """The clocks of a case; ``incidents.clocks`` says which action starts, stops, cancels or pauses each."""

    ACCEPT = "accept", _("受理")
    CHECK = "check", _("核实")
    FILE = "file", _("立案")
    DISPATCH = "dispatch", _("派遣")
    SIGN = "sign", _("签收")
    HANDLE = "handle", _("处置")
    SEND = "send", _("发核查")
    VERIFY = "verify", _("核查")
    CLOSE = "close", _("结案")
    TOTAL = "total", _("总时限")


class Category(models.Model):
    """A kind of problem: 部件 or 事件, 大类 (no parent) or 小类. Saved by ``incidents.catalogue`` only.

    Invariant: two levels at most; what is reported is a 小类. ``holder_level`` is the level of the centre
    whose queue a new case enters; where that level is missing or has no desk, the next one up.
    """

    class Kind(models.TextChoices):
        COMPONENT = "component", _("部件")
        EVENT = "event", _("事件")
        SERVICE = "service", _("服务事项")

    code = models.CharField(_("代码"), max_length=20, unique=True)
    name = models.CharField(_("名称"), max_length=60)
    kind = models.CharField(_("类型"), max_length=10, choices=Kind)
    parent = models.ForeignKey(
        "self", verbose_name=_("大类"), null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    is_answerable = models.BooleanField(_("可直接答复"), default=False)
    is_must_report = models.BooleanField(_("须报告上级"), default=False)
    is_confidential = models.BooleanField(_("保密"), default=False)
    is_urgent = models.BooleanField(_("紧急"), default=False)
    holder_level = models.PositiveSmallIntegerField(_("首办层级"), choices=Level, default=Level.DISTRICT)
    duplicate_radius_m = models.PositiveIntegerField(_("疑似重复距离（米）"), default=50)
    duplicate_hours = models.PositiveIntegerField(_("疑似重复时间（小时）"), default=24)
    certainty = models.CharField(_("可信度"), max_length=12, choices=Certainty, default=Certainty.ASSUMED)
    source = models.CharField(_("出处"), max_length=200, blank=True)
    is_active = models.BooleanField(_("启用"), default=True)
    loaded_digest = models.CharField(max_length=16, blank=True, editable=False)

    class Meta:
        verbose_name = _("类别")
        verbose_name_plural = _("类别")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class FilingStandard(models.Model):
    """立案条件: the condition under which a case of a 小类 is filed, and what handling it right means.

    Invariant: (category, code) is unique; ``version`` rises with each save by ``incidents.catalogue``, the only
    writer. ``system_steps`` are the actions that the system takes without a click (urgent cases).
    """

    category = models.ForeignKey(Category, verbose_name=_("小类"), on_delete=models.PROTECT, related_name="standards")
    code = models.CharField(_("代码"), max_length=30, unique=True)
    condition = models.CharField(_("立案条件"), max_length=200)
    closing_condition = models.CharField(_("结案条件"), max_length=300)
    before_photo_count = models.PositiveSmallIntegerField(_("处置前照片"), default=0)
    after_photo_count = models.PositiveSmallIntegerField(_("处置后照片"), default=0)
    verification_photo_count = models.PositiveSmallIntegerField(_("核查照片"), default=1)
    system_steps = models.JSONField(_("系统自动步骤"), default=list, blank=True)
    evaluate_days = models.PositiveSmallIntegerField(_("评价期（天）"), default=7)
    reopen_days = models.PositiveSmallIntegerField(_("可重新立案（天）"), default=15)
    law = models.CharField(_("依据"), max_length=300, blank=True)
    certainty = models.CharField(_("可信度"), max_length=12, choices=Certainty, default=Certainty.ASSUMED)
    source = models.CharField(_("出处"), max_length=200, blank=True)
    version = models.PositiveIntegerField(_("版本"), default=1)
    is_active = models.BooleanField(_("启用"), default=True)
    loaded_digest = models.CharField(max_length=16, blank=True, editable=False)

    class Meta:
        verbose_name = _("立案条件")
        verbose_name_plural = _("立案条件")
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.code} {self.condition}"


class Ladder(models.Model):
    """A ladder of warnings and escalations. Its *times* are here, its targets and means are dispatch's."""

    code = models.CharField(_("代码"), max_length=30, unique=True)
    name = models.CharField(_("名称"), max_length=60)
    loaded_digest = models.CharField(max_length=16, blank=True, editable=False)

    class Meta:
        verbose_name = _("升级阶梯")
        verbose_name_plural = _("升级阶梯")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class LadderStep(models.Model):
    """One step: at a share of the allowance left, when due, or so long after due."""

    class Anchor(models.TextChoices):
        SHARE_LEFT = "share_left", _("剩余比例")
        AT_DUE = "at_due", _("到期时")
        AFTER_DUE = "after_due", _("到期后")

    ladder = models.ForeignKey(Ladder, verbose_name=_("阶梯"), on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(_("步骤"), max_length=30)
    anchor = models.CharField(_("时点"), max_length=10, choices=Anchor)
    share_left_ratio = models.FloatField(_("剩余比例"), null=True, blank=True)
    after_minutes = models.PositiveIntegerField(_("到期后（分钟，按时限的计时方式）"), null=True, blank=True)

    class Meta:
        verbose_name = _("阶梯步骤")
        verbose_name_plural = _("阶梯步骤")
        ordering = ["ladder", "id"]
        constraints = [
            # a step is one thing in its ladder
            models.UniqueConstraint(fields=["ladder", "key"], name="ladderstep_key_unique"),
            # a share belongs to share_left, minutes to after_due, and nothing else has either
            models.CheckConstraint(
                condition=(
                    Q(anchor="share_left", share_left_ratio__gt=0, share_left_ratio__lt=1, after_minutes__isnull=True)
                    | Q(anchor="at_due", share_left_ratio__isnull=True, after_minutes__isnull=True)
                    | Q(anchor="after_due", share_left_ratio__isnull=True, after_minutes__gt=0)
                ),
                name="ladderstep_anchor_has_its_value",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ladder_id}:{self.key}"


class Limit(models.Model):
    """How long one clock may take: of a standard, else of a category, else the city's default.

    Rows are never changed: a new version supersedes the old one. Several live rows of one (scope, clock) are
    milestones in the order of ``order``; the last one stops the clock. Amount: ``minutes`` in the unit's own time
    for units that can be turned back, ``count`` of days or months for civil units.
    """

    standard = models.ForeignKey(
        FilingStandard,
        verbose_name=_("立案条件"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="limits",
    )
    category = models.ForeignKey(
        Category, verbose_name=_("类别"), null=True, blank=True, on_delete=models.PROTECT, related_name="limits"
    )
    clock = models.CharField(_("时钟"), max_length=10, choices=ClockKind)
    order = models.PositiveSmallIntegerField(_("节点序"), default=1)
    milestone = models.CharField(_("节点"), max_length=30, blank=True)
    label = models.CharField(_("节点名称"), max_length=60, blank=True)
    unit = models.CharField(_("单位"), max_length=20, choices=[(u.value, _(u.standard_name)) for u in Unit])
    minutes = models.PositiveIntegerField(_("分钟"), null=True, blank=True)
    count = models.PositiveIntegerField(_("天/月数"), null=True, blank=True)
    calendar = models.CharField(_("工作日历"), max_length=30, default="default")
    ladder = models.ForeignKey(Ladder, verbose_name=_("阶梯"), null=True, blank=True, on_delete=models.PROTECT)
    evidence = models.CharField(_("节点证据"), max_length=100, blank=True)
    certainty = models.CharField(_("可信度"), max_length=12, choices=Certainty, default=Certainty.ASSUMED)
    source = models.CharField(_("出处"), max_length=200, blank=True)
    version = models.PositiveIntegerField(_("版本"), default=1)
    superseded_at = models.DateTimeField(_("被取代时间"), null=True, blank=True)
    loaded_digest = models.CharField(max_length=16, blank=True, editable=False)

    class Meta:
        verbose_name = _("时限")
        verbose_name_plural = _("时限")
        ordering = ["standard", "category", "clock", "order"]
        constraints = [
            # a limit has one scope at most
            models.CheckConstraint(
                condition=Q(standard__isnull=True) | Q(category__isnull=True), name="limit_one_scope"
            ),
            # civil units count days or months, the others minutes
            models.CheckConstraint(
                condition=(
                    Q(unit__startswith="civil", count__gt=0, minutes__isnull=True)
                    | (~Q(unit__startswith="civil") & Q(minutes__gt=0, count__isnull=True))
                ),
                name="limit_amount_fits_unit",
            ),
            # one live limit for each scope, clock and milestone
            models.UniqueConstraint(
                fields=["standard", "clock", "order"],
                condition=Q(superseded_at__isnull=True, standard__isnull=False),
                name="limit_one_live_per_standard",
            ),
            models.UniqueConstraint(
                fields=["category", "clock", "order"],
                condition=Q(superseded_at__isnull=True, category__isnull=False),
                name="limit_one_live_per_category",
            ),
            models.UniqueConstraint(
                fields=["clock", "order"],
                condition=Q(superseded_at__isnull=True, category__isnull=True, standard__isnull=True),
                name="limit_one_live_default",
            ),
        ]

    def __str__(self) -> str:
        allowed = Allowance(Unit(self.unit), minutes=self.minutes or 0, count=self.count or 0)
        return f"{self.get_clock_display()} {allowed.describe()}"
