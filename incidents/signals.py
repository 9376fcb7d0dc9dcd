"""The one signal of this app."""

from django.dispatch import Signal

#: Sent after the commit that wrote a journal entry, with ``incident_id`` and ``seq``. It says "look", nothing more:
#: the journal is the message, and a receiver that fails or is never called loses nothing (the sweep finds it).
incident_changed = Signal()
