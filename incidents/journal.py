"""Writing and proving the journal. The only writer of JournalEntry and Checkpoint.

An entry's ``canonical`` is JSON with sorted keys: number, seq, action, statuses, actor, role, version, instants and
payload, and of the free text only a salted digest. ``mac`` = HMAC-SHA256(key, previous mac + newline + canonical).
Tampering can be found, not prevented: whoever holds the key and the database can write another history, but not
one that agrees with the checkpoint file kept elsewhere.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import Max

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


# --- checkpoints ------------------------------------------------------------------------------------------------

SEAL_LIMIT = 20_000


def _seal_digest(previous: str, macs: list[tuple[int, str]]) -> str:
    digest = hashlib.sha256(previous.encode())
    for pk, mac in macs:
        digest.update(f"\n{pk}:{mac}".encode())
    return hmac.new(_key(), digest.digest(), hashlib.sha256).hexdigest()


def make_checkpoint(*, at: datetime) -> Checkpoint | None:
    """The entries not yet sealed (at most SEAL_LIMIT) are sealed by a new checkpoint, also written to the file.

    None where there is nothing to seal. Two processes at once: the unique number lets one of them win.
    """
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
            ids = [pk for pk, _mac_ in unsealed[start : start + 500]]
            JournalEntry.objects.filter(id__in=ids).update(checkpoint=checkpoint)
    _append_to_file(checkpoint)
    return checkpoint


def _append_to_file(checkpoint: Checkpoint) -> None:
    path = Path(settings.CHECKPOINT_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{checkpoint.number} {checkpoint.entry_count} {_iso(checkpoint.made_at)} {checkpoint.digest}\n")


# --- proof ------------------------------------------------------------------------------------------------------


def _faults_of_case(number: str, head: tuple[int, str], entries: list[JournalEntry]) -> Iterator[Fault]:
    previous = ""
    for position, entry in enumerate(entries, start=1):
        if entry.seq != position:
            yield Fault(number, position, "缺少记录")
            return
        if not hmac.compare_digest(_mac(previous, entry.canonical), entry.mac):
            yield Fault(number, entry.seq, "校验码不符")
        said = orjson.loads(entry.canonical)
        if said["text"] != text_digest(number, entry.seq, entry.text) and entry.text:
            yield Fault(number, entry.seq, "文字与摘要不符")
        if said != _restated(number, entry, said["text"]):
            yield Fault(number, entry.seq, "字段与校验文本不符")
        previous = entry.mac
    if head != (len(entries), previous):
        yield Fault(number, len(entries), "案件记录的末条与流转记录不符")


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


def verify(*, number: str | None = None, batch: int = 500) -> Verdict:
    """Every chain, every text and (for the whole journal) every checkpoint is worked out again and compared."""
    verdict = Verdict()
    cases = Incident.objects.order_by("id")
    if number is not None:
        cases = cases.filter(number=number)
    last_id = 0
    while True:
        heads = list(cases.filter(id__gt=last_id).values_list("id", "number", "head_seq", "head_mac")[:batch])
        if not heads:
            break
        last_id = heads[-1][0]
        by_case: dict[int, list[JournalEntry]] = {pk: [] for pk, *_ in heads}
        for entry in JournalEntry.objects.filter(incident__in=list(by_case)).order_by("incident_id", "seq"):
            by_case[entry.incident_id].append(entry)
        for pk, case_number, seq, mac in heads:
            verdict.incident_count += 1
            verdict.entry_count += len(by_case[pk])
            verdict.faults += _faults_of_case(case_number, (seq, mac), by_case[pk])
    if number is None:
        _verify_checkpoints(verdict)
    return verdict


def _verify_checkpoints(verdict: Verdict) -> None:
    on_file = _file_lines()
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


def _file_lines() -> dict[int, str]:
    path = Path(settings.CHECKPOINT_FILE)
    if not path.exists():
        return {}
    found: dict[int, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        parts = line.split()
        if len(parts) == 4 and parts[0].isdigit():
            # the first line of a number counts: a later one would be how a rewritten history agrees with the file
            found.setdefault(int(parts[0]), parts[3])
    return found
