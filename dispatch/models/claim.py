"""Who is at work on a case at a desk (认领)."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from incidents.models import Incident


class Claim(models.Model):
    """A case is held by one person at a desk for a while. Written by ``dispatch.claims`` only.

    Invariants: one row a case; it counts while ``until`` lies ahead **by the database's clock** and the case is still
    in the stay in its status that was claimed (``status_at`` is that of the case). So it ends by itself when the case
    moves on and when the lease runs out; a row that no longer counts is overtaken by the next claim or swept away.
    """

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, related_name="claim")
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("认领人"), on_delete=models.CASCADE, related_name="+"
    )
    claimed_at = models.DateTimeField(_("认领时间"))
    until = models.DateTimeField(_("至"))
    status_at = models.DateTimeField()

    class Meta:
        verbose_name = _("认领")
        verbose_name_plural = _("认领")
        constraints = [
            # a lease has an end, after its beginning
            models.CheckConstraint(condition=Q(until__gt=F("claimed_at")), name="claim_forward"),
        ]
        indexes = [models.Index(fields=["until"], name="claim_until")]

    def __str__(self) -> str:
        return f"{self.incident_id}:{self.claimed_by_id}"
