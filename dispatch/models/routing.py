"""Who handles what where."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from grids.models import Area, ServiceZone
from incidents.models import Category, FilingStandard, Incident
from personnel.models import Department


class RoutingRule(models.Model):
    """权责: filing standard (or category) × area × zone × calendar class → lead and joint handlers.

    Read through ``dispatch.routing`` (in process); saved by its services as a new version, never changed in place.
    The most specific rule wins; the order is in ``dispatch.routing.rank``.
    """

    class CalendarClass(models.TextChoices):
        ANY = "any", _("不限")
        WORKING = "working", _("工作时间内")
        RESTING = "resting", _("工作时间外")

    standard = models.ForeignKey(
        FilingStandard, verbose_name=_("立案条件"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    category = models.ForeignKey(
        Category, verbose_name=_("类别"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    area = models.ForeignKey(Area, verbose_name=_("区域"), on_delete=models.PROTECT, related_name="+")
    zone = models.ForeignKey(
        ServiceZone, verbose_name=_("专属网格"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    calendar_class = models.CharField(_("时段"), max_length=10, choices=CalendarClass, default=CalendarClass.ANY)
    lead = models.ForeignKey(Department, verbose_name=_("主办"), on_delete=models.PROTECT, related_name="+")
    joint = models.ManyToManyField(Department, verbose_name=_("协办"), blank=True, related_name="+")
    priority = models.SmallIntegerField(_("优先级"), default=0)
    note = models.CharField(_("依据"), max_length=200, blank=True)
    version = models.PositiveIntegerField(_("版本"), default=1)
    superseded_at = models.DateTimeField(_("被取代时间"), null=True, blank=True)

    class Meta:
        verbose_name = _("派遣规则")
        verbose_name_plural = _("派遣规则")
        ordering = ["area", "category", "standard", "-priority"]
        constraints = [
            # a rule is about a standard or a category, or about all
            models.CheckConstraint(
                condition=Q(standard__isnull=True) | Q(category__isnull=True), name="routingrule_one_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} v{self.version}"


class RoutingProposal(models.Model):
    """What routing proposes for a filed case, with the reason. One a case; written by the routing receiver."""

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, related_name="routing")
    rule = models.ForeignKey(RoutingRule, null=True, on_delete=models.PROTECT, related_name="+")
    lead = models.ForeignKey(Department, null=True, on_delete=models.PROTECT, related_name="+")
    joint = models.JSONField(default=list, blank=True)
    reason = models.CharField(_("理由"), max_length=300)
    entry_seq = models.PositiveIntegerField()
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = _("派遣建议")
        verbose_name_plural = _("派遣建议")

    def __str__(self) -> str:
        return f"{self.incident_id}→{self.lead_id}"
