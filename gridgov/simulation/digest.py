"""One figure for a whole journal: the same for two databases in which the same people did the same at the same time.

Of each entry it takes the canonical text but for what is drawn at random by design: the key's digest of the free text
(the text itself stands in), the ids of photos (the digests of their pictures do), and the numbers that the database
gave to tickets and requests (their order in the case does). ``recorded`` is the played instant and so part of it.
"""

import hashlib
from collections import Counter
from typing import Any

import orjson

from dispatch.models import Request, Ticket
from incidents.models import Attachment, JournalEntry

_TICKETS = ("ticket", "waived")
_REQUESTS = ("request", "lapsed")


def journal_digest() -> str:
    """SHA-256 over all entries in the order of case numbers and sequence."""
    pictures = {str(pk): sha for pk, sha in Attachment.objects.values_list("pk", "sha256")}
    places = (dict.fromkeys(("attachments",), pictures) | dict.fromkeys(_TICKETS, _order(Ticket))) | dict.fromkeys(
        _REQUESTS, _order(Request)
    )
    digest = hashlib.sha256()
    rows = JournalEntry.objects.order_by("incident__number", "seq").values_list("canonical", "text", "actor__username")
    for canonical, text, login in rows.iterator(chunk_size=2_000):
        said = orjson.loads(canonical) | {"text": text, "actor": login}
        payload = said["payload"]
        for name in payload.keys() & places.keys():
            payload[name] = _replaced(payload[name], places[name])
        digest.update(orjson.dumps(said, option=orjson.OPT_SORT_KEYS) + b"\n")
    return digest.hexdigest()


def _order(model: Any) -> dict[Any, Any]:
    """The place of each row among those of its case, by id."""
    seen: Counter[int] = Counter()
    found = {}
    for pk, incident_id in model.objects.order_by("id").values_list("id", "incident_id"):
        seen[incident_id] += 1
        found[pk] = seen[incident_id]
    return found


def _replaced(value: Any, by: dict[Any, Any]) -> Any:
    return [by.get(one) for one in value] if isinstance(value, list) else by.get(value)
