"""When each long-running part last gave a sign of life, for /healthz and /ops/.

Names in use: ``worker`` and ``beat`` (written by the task ``common.heartbeat``), ``sweep`` (by whoever sweeps the
clocks). A part that never ran has no row.
"""

from datetime import datetime

from gridgov.common.clock import now
from gridgov.common.models import Heartbeat


def beat(name: str, *, at: datetime | None = None) -> None:
    """``name`` was alive at ``at`` (now); an earlier instant than the one on record changes nothing."""
    at = at or now()
    if Heartbeat.objects.filter(name=name, beat_at__lt=at).update(beat_at=at):
        return
    # New, or not newer: the insert of a name that exists is ignored.
    Heartbeat.objects.bulk_create([Heartbeat(name=name, beat_at=at)], ignore_conflicts=True)


def ages() -> dict[str, float]:
    """Seconds since each part's last sign of life, by name; 0 where its machine's clock is ahead. One statement."""
    at = now()
    signs = Heartbeat.objects.values_list("name", "beat_at")
    return {name: max(0.0, (at - beat_at).total_seconds()) for name, beat_at in signs}
