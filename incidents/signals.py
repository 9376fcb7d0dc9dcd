"""The one signal of this app."""

from django.db import transaction
from django.dispatch import Signal

#: Sent after the commit that wrote a journal entry, with ``incident_id`` and ``seq``. It says "look", nothing more:
#: the journal is the message, and a receiver that fails or is never called loses nothing (the sweep finds it).
incident_changed = Signal()


def announce(incident_id: int, seq: int) -> None:
    """After the commit the deliverer is told to look. A failure there is the sweep's to mend, never the caller's."""
    transaction.on_commit(
        lambda: incident_changed.send(sender="incidents", incident_id=incident_id, seq=seq), robust=True
    )
