"""What is journalled without moving a case: a request asked, a joint ticket done, a step fired, a phone shown.

The version stays, so nobody's open form grows stale. May be used by dispatch; it writes neither status nor clocks.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from incidents import journal
from incidents.models import Incident, JournalEntry
from incidents.signals import announce

#: Everything that may be journalled this way; transitions have their own names.
KINDS = frozenset(
    {
        "request_asked", "request_refused", "request_raised", "request_lapsed",
        "joint_signed", "joint_done", "joint_refused", "joint_waived",
        "step", "placed_again", "phone_revealed", "recomputed",
        "ladder_paused", "ladder_released", "entry_released", "notice_resent", "access_named", "exempted",
        "claim_seized", "appeal_asked", "appeal_forwarded", "appeal_refused",
    }
)  # fmt: skip


def append(
    incident: Incident,
    *,
    kind: str,
    user_id: int | None,
    role: str = "",
    channel: str = "",
    at: datetime,
    recorded_at: datetime,
    payload: Mapping[str, Any],
    text: str = "",
    changes: Mapping[str, Any] | None = None,
) -> JournalEntry | None:
    """One entry is at the end of the case's journal; None, with nothing written, if the case moved meanwhile.

    Call inside a transaction, read again and retry on None. Of ``changes`` only columns that no transition owns.
    """
    if kind not in KINDS:
        raise ValueError(kind)
    entry = journal.draft(
        number=incident.number,
        head_seq=incident.head_seq,
        head_mac=incident.head_mac,
        action=kind,
        status_from=incident.status,
        status_to=incident.status,
        actor_id=user_id,
        actor_role=role,
        channel=channel,
        version=incident.version,
        at=at,
        recorded_at=recorded_at,
        payload=payload,
        text=text,
    )
    moved = Incident.objects.filter(
        pk=incident.pk, version=incident.version, head_seq=incident.head_seq, status=incident.status
    ).update(head_seq=entry.seq, head_mac=entry.mac, **(changes or {}))
    if not moved:
        return None
    row = journal.row(incident.pk, entry)
    row.save(force_insert=True)
    announce(incident.pk, entry.seq)
    return row
