"""What the auditor of the loop found, run by run."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class LoopAudit(models.Model):
    """One look at the loop as a whole. Written by ``dispatch.loop_audit`` only.

    Invariants: ``findings`` has one row for each check that found something, with its key, the count and the first
    numbers of cases; ``fault_count`` and ``waiting_count`` are sums of them. ``last_entry_id`` is where the journal
    ended when the run began: the next run that looks at what has changed begins there.
    """

    started_at = models.DateTimeField(_("开始"))
    seconds = models.FloatField(_("用时（秒）"))
    is_full = models.BooleanField(_("全部流转记录"))
    last_entry_id = models.BigIntegerField()
    case_count = models.PositiveIntegerField(_("核对案件数"))
    fault_count = models.PositiveIntegerField(_("不符"))
    waiting_count = models.PositiveIntegerField(_("待人工处理"))
    findings = models.JSONField(default=list)

    class Meta:
        verbose_name = _("流程核对")
        verbose_name_plural = _("流程核对")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"#{self.pk}"
