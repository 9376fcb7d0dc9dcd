"""What worker and beat do in a running server, done at the played instants at which they would."""

from datetime import datetime, timedelta

from dispatch import escalation, notify, receivers, timeouts
from gridgov.common import clock
from incidents import sweep
from incidents.journal import make_checkpoint

#: Entries are brought to their receivers at the latest so long after they were written, in played time.
BEAT = timedelta(minutes=40)
#: Steps that fall due so near each other are stated together.
TOGETHER = timedelta(minutes=5)


class Upkeep:
    """The world up to an instant: steps of ladders stated, entries delivered. ``steps_last``: steps only at the end."""

    def __init__(self, *, steps_last: bool = False) -> None:
        self._steps_last = steps_last
        self._moved_at: datetime | None = None

    def moved(self, at: datetime) -> None:
        """An entry was written at ``at`` that nobody was brought yet."""
        self._moved_at = self._moved_at or at

    def catch_up(self, at: datetime) -> None:
        """Everything that was due before ``at`` is done."""
        while self._moved_at is not None and self._moved_at + BEAT <= at:
            then = self._moved_at + BEAT
            self._fire(then)
            self.deliver(then)
        self._fire(at)

    def deliver(self, at: datetime) -> None:
        """Every entry is with its receivers, and what the system does by itself is done."""
        self._moved_at = None
        with clock.played(at):
            while receivers.deliver_pending().delivered:
                pass

    def _fire(self, at: datetime) -> None:
        if self._steps_last:
            return
        while (oldest := sweep.oldest_due(at)) is not None:
            now = min(at, oldest + TOGETHER)
            with clock.played(now):
                if not escalation.sweep(now=now):
                    return
            self.moved(now)

    def settle(self, end: datetime) -> None:
        """At the end nothing waits: missed steps stated in one batch, entries delivered, the journal sealed."""
        self.catch_up(end)
        with clock.played(end):
            while escalation.sweep(now=end):
                pass
            while timeouts.evaluate_due(at=end):
                pass
            self.deliver(end)
            while notify.send_due(now=end):
                pass
            while make_checkpoint(at=end) is not None:
                pass
