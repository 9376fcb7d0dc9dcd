"""Notices: one row a person and thing to be told, one delivery for each channel that brings it.

A channel is a module of this package with ``NAME`` and ``send(messages)``, named in :data:`CHANNELS`; SMS or WeCom
follow by adding theirs. Storing a notice never sends: ``send_due`` does, so that a dead gateway holds up nothing but
itself. At least once: a process killed between sending and noting so sends again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.models import Notice, NoticeDelivery
from dispatch.notify import in_app
from dispatch.notify.message import Message
from gridgov.common import audit, clock
from gridgov.common.errors import Conflict, NotFound, NotPermitted
from grids.capabilities import Capability

CHANNELS: Mapping[str, ModuleType] = {in_app.NAME: in_app}
#: After so many tries a delivery has failed, visibly; a person may send it again.
TRIES = 6
FIRST_PAUSE = timedelta(seconds=10)
TEXT_LIMIT = 300
#: A person told of more than this many steps in one batch gets one digest instead.
DIGEST_OVER = 5
STEP = "step"
DIGEST = "step_digest"


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody is to be told something of a case's entry."""

    user_id: int
    incident_id: int | None
    entry_seq: int | None
    topic: str
    text: str
    channel: str = in_app.NAME
    number: str = ""


def digested(told: Iterable[Told]) -> list[Told]:
    """``told``, but for a person with more than DIGEST_OVER steps in it one digest of them (pure but for the words)."""
    told = list(dict.fromkeys(told))
    steps: dict[tuple[int, str], list[Told]] = {}
    for one in told:
        if one.topic.startswith(f"{STEP}:"):
            steps.setdefault((one.user_id, one.channel), []).append(one)
    many = {key: found for key, found in steps.items() if len(found) > DIGEST_OVER}
    kept = [t for t in told if not (t.topic.startswith(f"{STEP}:") and (t.user_id, t.channel) in many)]
    return kept + [_digest(user_id, channel, found) for (user_id, channel), found in many.items()]


def _digest(user_id: int, channel: str, found: Sequence[Told]) -> Told:
    numbers = list(dict.fromkeys(one.number for one in found))
    shown = "、".join(numbers[:5])
    text = _("%(cases)d件案件共有%(steps)d个时限节点到期或超时：%(shown)s") % {
        "cases": len(numbers), "steps": len(found), "shown": shown,
    }  # fmt: skip
    return Told(user_id, None, None, DIGEST, text + (_("等") if len(numbers) > 5 else ""), channel)


def store(told: Iterable[Told], *, at: datetime) -> int:
    """The notices stand, each with a delivery that waits; who was told before is not told again. How many waits.

    Call inside the transaction that stamps what they are about. Three statements, none for nobody.
    """
    told = [one for one in told if one.channel in CHANNELS]
    if not told:
        return 0
    rows = [
        Notice(
            user_id=one.user_id,
            incident_id=one.incident_id,
            entry_seq=one.entry_seq,
            topic=one.topic[:40],
            text=one.text[:TEXT_LIMIT],
            created_at=at,
        )
        for one in told
    ]
    about = [row for row in rows if row.incident_id is not None]
    digests = Notice.objects.bulk_create([row for row in rows if row.incident_id is None])
    Notice.objects.bulk_create(about, ignore_conflicts=True)
    ids = {(None, None, row.user_id, row.topic): row.pk for row in digests}
    if about:
        stored = Notice.objects.filter(
            incident__in={row.incident_id for row in about}, entry_seq__in={row.entry_seq for row in about}
        )
        ids |= {tuple(key): pk for pk, *key in stored.values_list("pk", "incident_id", "entry_seq", "user_id", "topic")}
    deliveries = [
        NoticeDelivery(
            notice_id=ids[(one.incident_id, one.entry_seq, one.user_id, one.topic[:40])],
            channel=one.channel,
            next_try_at=at,
        )
        for one in told
    ]
    NoticeDelivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    return len(deliveries)


# --- sending ------------------------------------------------------------------------------------------------------


def send_due(*, now: datetime, limit: int = 500) -> int:
    """The deliveries that wait and are due have been tried once each; how many arrived.

    Two senders at once may both send; each notes only what is still as it was read.
    """
    waiting = (
        NoticeDelivery.objects.filter(state=NoticeDelivery.State.PENDING, next_try_at__lte=now)
        .order_by("next_try_at", "id")
        .values_list("pk", "channel", "attempt_count", "notice_id", "notice__user_id", "notice__topic", "notice__text")
    )[:limit]
    by_channel: dict[str, list[Message]] = {}
    for pk, channel, attempts, *notice in waiting:
        by_channel.setdefault(channel, []).append(Message(pk, attempts, *notice))
    return sum(_send(channel, messages, now) for channel, messages in by_channel.items())


def _send(channel: str, messages: list[Message], now: datetime) -> int:
    module = CHANNELS.get(channel)
    if module is None:
        failed = dict.fromkeys((message.delivery_id for message in messages), _("没有这个渠道：%s") % channel)
    else:
        try:
            failed = dict(module.send(messages))
        except Exception as error:
            failed = dict.fromkeys((message.delivery_id for message in messages), f"{type(error).__name__}: {error}")
    arrived = [message.delivery_id for message in messages if message.delivery_id not in failed]
    waiting = NoticeDelivery.objects.filter(state=NoticeDelivery.State.PENDING)
    if arrived:
        waiting.filter(pk__in=arrived).update(state=NoticeDelivery.State.SENT, sent_at=now, next_try_at=None)
    for (attempts, reason), ids in _alike(messages, failed).items():
        lost = attempts + 1 >= TRIES
        waiting.filter(pk__in=ids, attempt_count=attempts).update(
            attempt_count=attempts + 1,
            last_error=reason[:300],
            state=NoticeDelivery.State.FAILED if lost else NoticeDelivery.State.PENDING,
            next_try_at=None if lost else now + FIRST_PAUSE * 2**attempts,
        )
    return len(arrived)


def _alike(messages: Iterable[Message], failed: Mapping[int, str]) -> dict[tuple[int, str], list[int]]:
    found: dict[tuple[int, str], list[int]] = {}
    for message in messages:
        if message.delivery_id in failed:
            found.setdefault((message.attempt_count, failed[message.delivery_id]), []).append(message.delivery_id)
    return found


def resend(*, delivery_id: int, by: Actor, at: datetime | None = None) -> None:
    """A delivery that failed waits to be sent again, from the first try on. Audited.

    Raises NotFound, NotPermitted (operate_loop), Conflict (it has not failed).
    """
    if not by.is_system and not by.may_somewhere(Capability.OPERATE_LOOP):
        needed = Capability.OPERATE_LOOP
        raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": needed.label}, missing=needed.value)
    at = at or clock.now()
    delivery = NoticeDelivery.objects.filter(pk=delivery_id).first()
    if delivery is None:
        raise NotFound(_("没有这条通知"))
    with transaction.atomic():
        again = NoticeDelivery.objects.filter(pk=delivery_id, state=NoticeDelivery.State.FAILED)
        if not again.update(state=NoticeDelivery.State.PENDING, attempt_count=0, next_try_at=at):
            raise Conflict(_("这条通知没有失败"), code="not_failed")
        actor = get_user_model().objects.filter(pk=by.user_id).first()
        audit.record(action="notice.resend", actor=actor, obj=delivery, detail={"error": delivery.last_error}, at=at)
