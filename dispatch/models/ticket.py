"""The order to a handler (工单)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from incidents.models import Incident
from personnel.models import Department, Worker


class Ticket(models.Model):
    """What one handler has to do for a case. Written by ``dispatch.tickets`` within ``dispatch.loop`` only.

    open → signed → done | returned | recalled; a joint ticket may also be refused or waived. Invariants: one handler,
    a department (bureau, team or lower centre) or a worker; one live lead ticket a case. ``assignment`` counts the
    case's dispatches and ties the ticket to its handle clocks. Joint tickets carry the lead's due time and no clock.
    """

    class State(models.TextChoices):
        OPEN = "open", _("待签收")
        SIGNED = "signed", _("处置中")
        DONE = "done", _("已办结")
        RETURNED = "returned", _("已退回")
        RECALLED = "recalled", _("已撤回")
        REFUSED = "refused", _("协办已拒绝")
        WAIVED = "waived", _("协办已免除")

    LIVE = ("open", "signed")

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="tickets", db_index=False)
    assignment = models.PositiveIntegerField(_("派遣序"))
    is_lead = models.BooleanField(_("主办"), default=True)
    is_final = models.BooleanField(_("裁定（不得退单）"), default=False)
    department = models.ForeignKey(
        Department,
        verbose_name=_("部门"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    worker = models.ForeignKey(
        Worker,
        verbose_name=_("人员"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    state = models.CharField(_("状态"), max_length=10, choices=State, default=State.OPEN)
    round = models.PositiveIntegerField(_("轮次"), default=1)
    due_at = models.DateTimeField(_("到期"), null=True, blank=True)
    dispatched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("派遣人"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    dispatched_at = models.DateTimeField(_("派遣时间"))
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("签收人"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    signed_at = models.DateTimeField(_("签收时间"), null=True, blank=True)
    ended_at = models.DateTimeField(_("结束时间"), null=True, blank=True)
    result = models.TextField(_("处置结果"), blank=True)

    class Meta:
        verbose_name = _("工单")
        verbose_name_plural = _("工单")
        ordering = ["-id"]
        constraints = [
            # one handler, never two, never none
            models.CheckConstraint(
                condition=Q(department__isnull=False, worker__isnull=True)
                | Q(department__isnull=True, worker__isnull=False),
                name="ticket_one_handler",
            ),
            # a case has one live lead ticket at most
            models.UniqueConstraint(
                fields=["incident"],
                condition=Q(is_lead=True, state__in=["open", "signed"]),
                name="ticket_one_live_lead",
            ),
            # one lead for each dispatch
            models.UniqueConstraint(
                fields=["incident", "assignment"], condition=Q(is_lead=True), name="ticket_one_lead_per_assignment"
            ),
            # a ticket has an end exactly when it is no longer live
            models.CheckConstraint(
                condition=Q(state__in=["open", "signed"], ended_at__isnull=True)
                | (~Q(state__in=["open", "signed"]) & Q(ended_at__isnull=False)),
                name="ticket_ended_iff_not_live",
            ),
            # refused and waived are for joint tickets; returned is for the lead
            models.CheckConstraint(
                condition=~Q(state__in=["refused", "waived"]) | Q(is_lead=False), name="ticket_refused_is_joint"
            ),
        ]
        indexes = [
            models.Index(fields=["incident", "id"], name="ticket_incident"),
            models.Index(fields=["department", "state", "due_at"], name="ticket_inbox"),
            # a handler's cases, and those that are on him now, newest first
            models.Index(fields=["department", "-incident"], name="ticket_department"),
            models.Index(
                fields=["department", "-incident"],
                condition=Q(state__in=["open", "signed"]),
                name="ticket_department_live",
            ),
            models.Index(fields=["worker", "-incident"], name="ticket_worker"),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id}/{self.assignment}"
