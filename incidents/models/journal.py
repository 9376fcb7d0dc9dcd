"""The journal (流转记录): history and outbox in one, append-only, tamper-evident."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .incident import Incident


class Checkpoint(models.Model):
    """A seal over the entries not sealed before; each chains the digest of the one before it.

    Also appended to a file outside the database (``settings.CHECKPOINT_FILE``). Written by ``incidents.journal``.
    """

    number = models.PositiveIntegerField(unique=True)
    entry_count = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    previous_digest = models.CharField(max_length=64, blank=True)
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = _("校验点")
        verbose_name_plural = _("校验点")
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"#{self.number}"


class JournalEntry(models.Model):
    """One thing that happened to a case. Written by ``incidents.journal`` only, in the transaction that did it.

    Invariants: (incident, seq) without gaps; ``mac`` is an HMAC over ``canonical`` and the entry before; triggers
    refuse UPDATE of anything but the delivery and checkpoint columns and the blanking of ``text``, and refuse DELETE
    and TRUNCATE. ``canonical`` holds ids, codes and field names, never personal data or free text: of ``text`` it
    holds a salted digest, so that the text can be blanked and the chain still proves what stood there.
    """

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="journal", db_index=False)
    seq = models.PositiveIntegerField(_("序号"))
    action = models.CharField(_("操作"), max_length=30)
    status_from = models.CharField(_("原状态"), max_length=12, blank=True)
    status_to = models.CharField(_("新状态"), max_length=12)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("操作人"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    actor_role = models.CharField(_("身份"), max_length=30, blank=True)
    channel = models.CharField(_("渠道"), max_length=20, blank=True)
    version = models.PositiveIntegerField(_("版本"))
    at = models.DateTimeField(_("时间"))
    recorded_at = models.DateTimeField(_("记录时间"))
    payload = models.JSONField(_("内容"), default=dict)
    text = models.TextField(_("文字"), blank=True)
    canonical = models.TextField()
    mac = models.CharField(max_length=64)
    checkpoint = models.ForeignKey(Checkpoint, null=True, on_delete=models.PROTECT, related_name="entries")

    delivered_at = models.DateTimeField(_("送达时间"), null=True)
    attempt_count = models.PositiveSmallIntegerField(_("尝试次数"), default=0)
    next_try_at = models.DateTimeField(_("下次尝试"), null=True)
    parked_at = models.DateTimeField(_("搁置时间"), null=True)
    last_error = models.CharField(_("最近错误"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("流转记录")
        verbose_name_plural = _("流转记录")
        ordering = ["incident", "seq"]
        constraints = [
            # the journal of a case is one chain
            models.UniqueConstraint(fields=["incident", "seq"], name="journalentry_seq_unique"),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"],
                condition=Q(delivered_at__isnull=True, parked_at__isnull=True),
                name="journalentry_outbox",
            ),
            models.Index(fields=["id"], condition=Q(checkpoint__isnull=True), name="journalentry_unsealed"),
            models.Index(fields=["id"], condition=Q(parked_at__isnull=False), name="journalentry_parked"),
            models.Index(fields=["action", "at"], name="journalentry_action"),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id}#{self.seq} {self.action}"
