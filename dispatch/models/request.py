"""What somebody asked for and somebody else has to decide (申请)."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from incidents.models import Incident
from incidents.workflow import RequestKind

from .ticket import Ticket


class Request(models.Model):
    """A return, extension, suspension, voiding or forced closing that waits for its decision, or had it.

    Written by ``dispatch.requests`` only. Invariants: one pending for each (case, kind); a decided one has a decider
    and a time, who is not the asker; timeliness is judged at ``asked_at``. ``level`` is the step of
    ``workflow.DECIDERS`` that has to decide now; at ``decide_by_at`` (2 working hours) the next one does.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("待审批")
        GRANTED = "granted", _("已同意")
        REFUSED = "refused", _("未同意")
        LAPSED = "lapsed", _("已失效")

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="requests", db_index=False)
    ticket = models.ForeignKey(Ticket, null=True, blank=True, on_delete=models.PROTECT, related_name="requests")
    kind = models.CharField(_("种类"), max_length=12, choices=RequestKind)
    state = models.CharField(_("状态"), max_length=10, choices=State, default=State.PENDING)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("申请人"), on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(_("申请时间"))
    reason = models.TextField(_("理由"))
    until = models.DateTimeField(_("至"), null=True, blank=True)
    level = models.PositiveSmallIntegerField(_("审批级"), default=0)
    decide_by_at = models.DateTimeField(_("应于何时前审批"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("审批人"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    decided_at = models.DateTimeField(_("审批时间"), null=True, blank=True)
    decision_reason = models.TextField(_("审批意见"), blank=True)
    asked_seq = models.PositiveIntegerField(_("流转序号"))

    class Meta:
        verbose_name = _("申请")
        verbose_name_plural = _("申请")
        ordering = ["-id"]
        constraints = [
            # one of a kind waits at a time
            models.UniqueConstraint(
                fields=["incident", "kind"], condition=Q(state="pending"), name="request_one_pending"
            ),
            # granted and refused were decided by somebody at some time; pending was not
            models.CheckConstraint(
                condition=Q(state="pending", decided_at__isnull=True, decided_by__isnull=True)
                | Q(state__in=["granted", "refused"], decided_at__isnull=False, decided_by__isnull=False)
                | Q(state="lapsed", decided_at__isnull=False, decided_by__isnull=True),
                name="request_decided_whole",
            ),
            # nobody decides what he asked for
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("asked_by")), name="request_not_own"
            ),
            # a suspension says until when
            models.CheckConstraint(condition=~Q(kind="suspend") | Q(until__isnull=False), name="request_suspend_until"),
        ]
        indexes = [
            models.Index(fields=["incident", "id"], name="request_incident"),
            models.Index(fields=["decide_by_at"], condition=Q(state="pending"), name="request_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id}:{self.kind}:{self.state}"
