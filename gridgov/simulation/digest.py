"""One figure for a whole journal: the same for two databases in which the same people did the same at the same time.

Of each entry it takes the canonical text but for what is drawn at random by design: the key's digest of the free text
(the text itself stands in) and the ids of photos (the digests of their pictures do). Ids of accounts, areas and
departments belong to a database: their names and codes stand in where an entry names its actor.
"""

import hashlib

import orjson

from incidents.models import Attachment, JournalEntry


def journal_digest() -> str:
    """SHA-256 over all entries in the order of case numbers and sequence."""
    pictures = {str(pk): sha for pk, sha in Attachment.objects.values_list("pk", "sha256")}
    digest = hashlib.sha256()
    rows = JournalEntry.objects.order_by("incident__number", "seq").values_list("canonical", "text", "actor__username")
    for canonical, text, login in rows.iterator(chunk_size=2_000):
        said = orjson.loads(canonical) | {"text": text, "actor": login}
        if "attachments" in said["payload"]:
            said["payload"]["attachments"] = [pictures.get(pk, "") for pk in said["payload"]["attachments"]]
        digest.update(orjson.dumps(said, option=orjson.OPT_SORT_KEYS) + b"\n")
    return digest.hexdigest()
