"""Writing and proving the journal. The only writer of JournalEntry and Checkpoint.

An entry's ``canonical`` is JSON with sorted keys: number, seq, action, statuses, actor, role, version, instants and
payload, and of the free text only a salted digest. ``mac`` = HMAC-SHA256(key, previous mac + newline + canonical).
Tampering can be found, not prevented: whoever holds the key and the database can write another history, but not
one that agrees with the checkpoint file kept elsewhere.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, QuerySet

from gridgov.common import deadlocks
from gridgov.common.plain_update import insert_rows
from incidents.models import Checkpoint, Incident, JournalEntry


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry worked out before the transaction that writes it; ``mac`` follows the case's head."""

    seq: int
    action: str
    status_from: str
    status_to: str
    actor_id: int | None
    actor_role: str
    channel: str
    version: int
    at: datetime
    recorded_at: datetime
    payload: Mapping[str, Any]
    text: str
    canonical: str
    mac: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not agree. ``number`` is the case's, empty for checkpoints."""

    number: str
    seq: int
    what: str


@dataclass(slots=True)
class Verdict:
    """What ``verify`` found."""

    incident_count: int = 0
    entry_count: int = 0
    checkpoint_count: int = 0
    unsealed_count: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.faults


def _key() -> bytes:
    return settings.JOURNAL_KEY.encode()


def _mac(previous: str, canonical: str) -> str:
    return hmac.new(_key(), f"{previous}\n{canonical}".encode(), hashlib.sha256).hexdigest()


def text_digest(number: str, seq: int, text: str) -> str:
    """The salted digest that stands for a free text in the chain; empty for no text."""
    if not text:
        return ""
    return hmac.new(_key(), f"text\n{number}\n{seq}\n{text}".encode(), hashlib.sha256).hexdigest()


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def _canonical(number: str, fields: Mapping[str, Any]) -> str:
    return orjson.dumps({"number": number, **fields}, option=orjson.OPT_SORT_KEYS).decode()


def draft(
    *,
    number: str,
    head_seq: int,
    head_mac: str,
    action: str,
    status_from: str,
    status_to: str,
    actor_id: int | None,
    actor_role: str,
    channel: str,
    version: int,
    at: datetime,
    recorded_at: datetime,
    payload: Mapping[str, Any],
    text: str = "",
) -> Draft:
    """The next entry of a case, hashed. ``payload``: ids, codes and field names only; free text goes to ``text``."""
    seq = head_seq + 1
    # through JSON once, so that what is hashed is what is read back
    payload = orjson.loads(orjson.dumps(payload, option=orjson.OPT_UTC_Z))
    canonical = _canonical(
        number,
        {
            "seq": seq,
            "action": str(action),
            "from": str(status_from),
            "to": str(status_to),
            "actor": actor_id,
            "role": actor_role,
            "channel": channel,
            "version": version,
            "at": _iso(at),
            "recorded": _iso(recorded_at),
            "payload": payload,
            "text": text_digest(number, seq, text),
        },
    )
    return Draft(
        seq, str(action), str(status_from), str(status_to), actor_id, actor_role, channel, version, at, recorded_at,
        payload, text, canonical, _mac(head_mac, canonical),
    )  # fmt: skip


def row(incident_id: int, entry: Draft) -> JournalEntry:
    """The entry as a row, not yet delivered."""
    return JournalEntry(
        incident_id=incident_id,
        seq=entry.seq,
        action=entry.action,
        status_from=entry.status_from,
        status_to=entry.status_to,
        actor_id=entry.actor_id,
        actor_role=entry.actor_role,
        channel=entry.channel,
        version=entry.version,
        at=entry.at,
        recorded_at=entry.recorded_at,
        payload=entry.payload,
        text=entry.text,
        canonical=entry.canonical,
        mac=entry.mac,
        next_try_at=entry.recorded_at,
    )


_WRITTEN = (
    "seq", "action", "status_from", "status_to", "actor_id", "actor_role", "channel", "version", "at", "recorded_at",
    "payload", "text", "canonical", "mac",
)  # fmt: skip
_values = attrgetter(*_WRITTEN)


def insert(entries: Sequence[tuple[int, Draft]]) -> None:
    """The entries (id of the case, draft) stand as rows, not yet delivered: as :func:`row` says. One statement."""
    names = ("incident_id", *_WRITTEN, "next_try_at", "attempt_count", "last_error")
    rows = [(incident_id, *_values(entry), entry.recorded_at, 0, "") for incident_id, entry in entries]
    insert_rows(JournalEntry, names, rows)


# --- checkpoints ------------------------------------------------------------------------------------------------

SEAL_LIMIT = 20_000
#: The fifth word of a line that was written later than its checkpoint: whoever wrote it saw the database of then.
MENDED = "afterwards"
#: How much of the end of the file is looked at for missing lines: some 600 checkpoints, ten hours.
TAIL_BYTES = 65_536
DIGEST_LENGTH = 64


def _seal_digest(previous: str, macs: list[tuple[int, str]]) -> str:
    digest = hashlib.sha256(previous.encode())
    for pk, mac in macs:
        digest.update(f"\n{pk}:{mac}".encode())
    return hmac.new(_key(), digest.digest(), hashlib.sha256).hexdigest()


def make_checkpoint(*, at: datetime) -> Checkpoint | None:
    """The entries not yet sealed (at most SEAL_LIMIT) are sealed by a new checkpoint, also written to the file.

    None where there is nothing to seal. Two processes at once: the unique number lets one of them win. Lines that a
    process killed after its commit did not write any more are written now (:func:`mend_file`).
    """
    mend_file()
    unsealed = list(
        JournalEntry.objects.filter(checkpoint__isnull=True).order_by("id").values_list("id", "mac")[:SEAL_LIMIT]
    )
    if not unsealed:
        return None
    last = Checkpoint.objects.order_by("-number").first()
    previous = last.digest if last else ""
    with transaction.atomic():
        checkpoint = Checkpoint.objects.create(
            number=last.number + 1 if last else 1,
            entry_count=len(unsealed),
            digest=_seal_digest(previous, unsealed),
            previous_digest=previous,
            made_at=at,
        )
        for start in range(0, len(unsealed), 500):
            entries = JournalEntry.objects.filter(id__in=[pk for pk, _mac_ in unsealed[start : start + 500]])
            # deliverers stamp the same rows
            deadlocks.lock(entries)
            entries.update(checkpoint=checkpoint)
    _append_to_file([checkpoint])
    return checkpoint


def without_line(*, made_before: datetime | None = None) -> QuerySet[Checkpoint]:
    """The checkpoints of late that have no line in the file, in order.

    Of late: as far back as the last TAIL_BYTES of the file go; all of them where there is no file.
    """
    lines = checkpoint_lines(TAIL_BYTES)
    found = Checkpoint.objects.order_by("number").exclude(number__in=list(lines))
    if lines and _size() > TAIL_BYTES:
        found = found.filter(number__gt=min(lines))
    return found if made_before is None else found.filter(made_at__lte=made_before)


def mend_file() -> int:
    """Each of :func:`without_line` has its line, marked as written afterwards; how many."""
    missing = list(without_line()[:SEAL_LIMIT])
    if missing:
        _append_to_file(missing, mark=f" {MENDED}")
    return len(missing)


def _append_to_file(checkpoints: Sequence[Checkpoint], *, mark: str = "") -> None:
    """One write, on the disk when this returns. What a killed process left half-written is a line of its own."""
    path = Path(settings.CHECKPOINT_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{c.number} {c.entry_count} {_iso(c.made_at)} {c.digest}{mark}\n" for c in checkpoints)
    with path.open("ab") as file:
        if file.tell() and not _tail(1).endswith(b"\n"):
            text = f"\n{text}"
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


# --- proof ------------------------------------------------------------------------------------------------------


def _faults_of_case(number: str, head: tuple[int, str], entries: list[JournalEntry]) -> Iterator[Fault]:
    previous = ""
    for position, entry in enumerate(entries, start=1):
        if entry.seq != position:
            yield Fault(number, position, "缺少记录")
            return
        if not hmac.compare_digest(_mac(previous, entry.canonical), entry.mac):
            yield Fault(number, entry.seq, "校验码不符")
        said = _said(entry.canonical)
        digest = said.get("text", "")
        if digest != text_digest(number, entry.seq, entry.text) and entry.text:
            yield Fault(number, entry.seq, "文字与摘要不符")
        if said != _restated(number, entry, digest):
            yield Fault(number, entry.seq, "字段与校验文本不符")
        previous = entry.mac
    if head != (len(entries), previous):
        yield Fault(number, len(entries), "案件记录的末条与流转记录不符")


def _said(canonical: str) -> dict[str, Any]:
    """What the text says; nothing where somebody put another in its place that says nothing."""
    try:
        said = orjson.loads(canonical)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _restated(number: str, entry: JournalEntry, digest: str) -> dict[str, Any]:
    return {
        "number": number,
        "seq": entry.seq,
        "action": entry.action,
        "from": entry.status_from,
        "to": entry.status_to,
        "actor": entry.actor_id,
        "role": entry.actor_role,
        "channel": entry.channel,
        "version": entry.version,
        "at": _iso(entry.at),
        "recorded": _iso(entry.recorded_at),
        "payload": entry.payload,
        "text": digest,
    }


def verify(*, number: str | None = None, cases: QuerySet[Incident] | None = None, batch: int = 500) -> Verdict:
    """Every chain, every text and (for the whole journal) every checkpoint is worked out again and compared.

    Of one case by its number, of ``cases``, or of all. Cases may go on meanwhile.
    """
    verdict = Verdict()
    whole = number is None and cases is None
    cases = (Incident.objects.all() if cases is None else cases).order_by("id")
    if number is not None:
        cases = cases.filter(number=number)
    last_id = 0
    while True:
        heads = list(cases.filter(id__gt=last_id).values_list("id", "number", "head_seq", "head_mac")[:batch])
        if not heads:
            break
        last_id = heads[-1][0]
        by_case: dict[int, list[JournalEntry]] = {pk: [] for pk, *_ in heads}
        # the head again, by the statement that reads the entries: the case may have grown since the first
        found = JournalEntry.objects.filter(incident__in=list(by_case)).annotate(
            case_seq=F("incident__head_seq"), case_mac=F("incident__head_mac")
        )
        for entry in found.order_by("incident_id", "seq"):
            by_case[entry.incident_id].append(entry)
        for pk, case_number, seq, mac in heads:
            entries = by_case[pk]
            head = (entries[-1].case_seq, entries[-1].case_mac) if entries else (seq, mac)
            verdict.incident_count += 1
            verdict.entry_count += len(entries)
            verdict.faults += _faults_of_case(case_number, head, entries)
    if whole:
        _verify_checkpoints(verdict)
    return verdict


def _verify_checkpoints(verdict: Verdict) -> None:
    on_file = checkpoint_lines()
    previous = ""
    for checkpoint in Checkpoint.objects.order_by("number"):
        verdict.checkpoint_count += 1
        if checkpoint.number != verdict.checkpoint_count:
            verdict.faults.append(Fault("", checkpoint.number, "缺少校验点"))
        macs = list(checkpoint.entries.order_by("id").values_list("id", "mac"))
        if len(macs) != checkpoint.entry_count or checkpoint.digest != _seal_digest(previous, macs):
            verdict.faults.append(Fault("", checkpoint.number, "校验点与所封记录不符"))
        if on_file and on_file.get(checkpoint.number, checkpoint.digest) != checkpoint.digest:
            verdict.faults.append(Fault("", checkpoint.number, "校验点与外部文件不符"))
        previous = checkpoint.digest
    if on_file and max(on_file) > (Checkpoint.objects.aggregate(m=Max("number"))["m"] or 0):
        verdict.faults.append(Fault("", max(on_file), "外部文件中的校验点在数据库里不存在"))
    verdict.unsealed_count = JournalEntry.objects.filter(checkpoint__isnull=True).count()


def checkpoint_lines(last_bytes: int | None = None) -> dict[int, str]:
    """The digest of each checkpoint in the file, or in so many of its last bytes; nothing where there is no file."""
    found: dict[int, str] = {}
    for line in _tail(last_bytes).decode(errors="replace").splitlines():
        parts = line.split()
        if parts[4:] not in ([], [MENDED]) or len(parts) < 4:
            continue
        number, digest = parts[0], parts[3]
        # half a line, as a killed process leaves it, says nothing
        if number.isdecimal() and len(digest) == DIGEST_LENGTH:
            # the first line of a number counts: a later one would be how a rewritten history agrees with the file
            found.setdefault(int(number), digest)
    return found


def _size() -> int:
    path = Path(settings.CHECKPOINT_FILE)
    return path.stat().st_size if path.exists() else 0


def _tail(last_bytes: int | None) -> bytes:
    """The end of the file from the beginning of a line on; all of it for None."""
    try:
        with Path(settings.CHECKPOINT_FILE).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if last_bytes is None or last_bytes >= size:
                file.seek(0)
                return file.read()
            file.seek(size - last_bytes)
            text = file.read()
            return text if last_bytes == 1 else text.partition(b"\n")[2]
    except FileNotFoundError:
        return b""
