"""Tasks of the common package."""

from datetime import UTC, datetime

from celery import shared_task

from gridgov.common.heartbeat import beat


@shared_task(name="common.heartbeat")
def heartbeat(sent_at: float | None = None) -> None:
    """The worker is alive now; beat was when it sent this, ``sent_at`` in seconds since 1970 UTC."""
    beat("worker")
    if sent_at is not None:
        beat("beat", at=datetime.fromtimestamp(sent_at, tz=UTC))
