"""Photos and files of a case."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .incident import Incident


class Attachment(models.Model):
    """A checked file. Images are re-encoded and carry no metadata: position and time stand in columns.

    Written by ``incidents.attachments``. Invariant: linked to at most one case, once, with the seq of the entry that
    brought it. ``lon``, ``lat``: WGS-84 degrees from the camera, ``taken_at`` the camera's time, both unproven.
    """

    class Kind(models.TextChoices):
        IMAGE = "image", _("照片")
        PDF = "pdf", _("PDF")
        VIDEO = "video", _("视频")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("类型"), max_length=10, choices=Kind)
    file = models.FileField(_("文件"), upload_to="attachments/%Y/%m/%d")
    name = models.CharField(_("原文件名"), max_length=120, blank=True)
    sha256 = models.CharField(max_length=64, db_index=True)
    size = models.PositiveIntegerField(_("字节"))
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    taken_at = models.DateTimeField(_("拍摄时间"), null=True)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()
    incident = models.ForeignKey(Incident, null=True, on_delete=models.PROTECT, related_name="attachments")
    entry_seq = models.PositiveIntegerField(null=True)

    class Meta:
        verbose_name = _("附件")
        verbose_name_plural = _("附件")
        constraints = [
            # a file is in a case exactly when an entry of that case brought it
            models.CheckConstraint(
                condition=Q(incident__isnull=True, entry_seq__isnull=True)
                | Q(incident__isnull=False, entry_seq__isnull=False),
                name="attachment_linked_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)
