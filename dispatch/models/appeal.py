"""A department's appeal against a breach that it says was not its own (超时申诉)."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from incidents.models import Incident

from .ticket import Ticket


def _person(label: object, **options: object) -> models.ForeignKey:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=label, on_delete=models.PROTECT, related_name="+", **options
    )


class Appeal(models.Model):
    """Asked by the department that was late, after closing, once a ticket; written by ``dispatch.appeals`` only.

    asked → forwarded (派遣员 agrees) → granted (受理员 agrees), or refused at either. Invariants: one a ticket; the
    two who decide are different people and neither is the asker; granted sets ``is_exempt`` on the late clocks of the
    ticket and never changes what the clocks say.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("待派遣员审核")
        FORWARDED = "forwarded", _("待受理员审定")
        GRANTED = "granted", _("已免责")
        REFUSED = "refused", _("未同意")

    PENDING = ("asked", "forwarded")

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="appeals")
    ticket = models.OneToOneField(Ticket, on_delete=models.PROTECT, related_name="appeal")
    state = models.CharField(_("状态"), max_length=10, choices=State, default=State.ASKED)
    reason = models.TextField(_("理由"))
    asked_by = _person(_("申诉人"))
    asked_at = models.DateTimeField(_("申诉时间"))
    first_by = _person(_("审核人"), null=True, blank=True)
    first_at = models.DateTimeField(_("审核时间"), null=True, blank=True)
    first_reason = models.TextField(_("审核意见"), blank=True)
    second_by = _person(_("审定人"), null=True, blank=True)
    second_at = models.DateTimeField(_("审定时间"), null=True, blank=True)
    second_reason = models.TextField(_("审定意见"), blank=True)

    class Meta:
        verbose_name = _("超时申诉")
        verbose_name_plural = _("超时申诉")
        ordering = ["-id"]
        constraints = [
            # each step was taken by somebody at some time, the second after the first
            models.CheckConstraint(
                condition=Q(state="asked", first_by__isnull=True, first_at__isnull=True, second_by__isnull=True)
                | Q(state="forwarded", first_by__isnull=False, first_at__isnull=False, second_by__isnull=True)
                | Q(state="granted", first_by__isnull=False, second_by__isnull=False, second_at__isnull=False)
                | Q(state="refused", first_by__isnull=False, first_at__isnull=False),
                name="appeal_decided_whole",
            ),
            # nobody decides what he asked for, and the two who decide are two
            models.CheckConstraint(
                condition=(Q(first_by__isnull=True) | ~Q(first_by=F("asked_by")))
                & (Q(second_by__isnull=True) | (~Q(second_by=F("asked_by")) & ~Q(second_by=F("first_by")))),
                name="appeal_three_people",
            ),
        ]
        indexes = [models.Index(fields=["state"], condition=Q(state__in=["asked", "forwarded"]), name="appeal_waiting")]

    def __str__(self) -> str:
        return f"{self.incident_id}:{self.state}"
