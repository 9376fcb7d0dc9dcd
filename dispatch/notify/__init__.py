"""Notices: one row a person and thing to be told, one delivery for each channel that brings it.

A channel is a module of this package with ``NAME`` and ``send(messages)``, named in :data:`CHANNELS`; SMS or WeCom
follow by adding theirs. Storing a notice never sends: ``send_due`` does, so that a dead gateway holds up nothing but
itself. At least once: a process killed between sending and noting so sends again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import ModuleType

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.models import Notice, NoticeDelivery
from dispatch.notify import digest, in_app
from dispatch.notify.digest import DIGEST_OVER, STEP, digested
from dispatch.notify.message import Message, Told
from gridgov.common import audit, clock
from gridgov.common.errors import Conflict, FieldError, NotFound, NotPermitted
from grids.capabilities import Capability
from grids.models import LEVEL_NAMES
from grids.spatial import areas
from incidents.models import Incident
from incidents.services import entry as entries

__all__ = ["CHANNELS", "DIGEST_OVER", "STEP", "Message", "Told", "digested", "resend", "send_due", "store"]

CHANNELS: Mapping[str, ModuleType] = {in_app.NAME: in_app}
#: After so many tries a delivery has failed, visibly; a person may send it again.
TRIES = 6
FIRST_PAUSE = timedelta(seconds=10)
TEXT_LIMIT = 300
TOPIC_LIMIT = 40
REASON_LIMIT = 200
#: Times a moving case is read again before somebody is told to try later.
ATTEMPTS = 5


def store(told: Iterable[Told], *, at: datetime) -> int:
    """The notices stand, each with a delivery that waits; who was told before is not told again. How many waits.

    Call inside the transaction that stamps what they are about. Three statements, none for nobody.
    """
    told = [one for one in told if one.channel in CHANNELS]
    if not told:
        return 0
    about = [one for one in told if one.incident_id is not None]
    ids = _store_notices(about, at)
    digests = digest.store((one for one in told if digest.is_digest(one.topic)), at=at)
    deliveries = [NoticeDelivery(notice_id=ids[_key(one)], channel=one.channel, next_try_at=at) for one in about] + [
        NoticeDelivery(notice_id=digests[one.user_id], channel=one.channel, next_try_at=at)
        for one in told
        if digest.is_digest(one.topic)
    ]
    NoticeDelivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    return len(deliveries)


def _key(one: Told) -> tuple[int | None, int | None, int, str]:
    return (one.incident_id, one.entry_seq, one.user_id, one.topic[:TOPIC_LIMIT])


def _store_notices(told: Sequence[Told], at: datetime) -> dict[tuple[int | None, int | None, int, str], int]:
    if not told:
        return {}
    Notice.objects.bulk_create(
        [
            Notice(
                user_id=one.user_id,
                incident_id=one.incident_id,
                entry_seq=one.entry_seq,
                topic=one.topic[:TOPIC_LIMIT],
                text=one.text[:TEXT_LIMIT],
                created_at=at,
            )
            for one in told
        ],
        ignore_conflicts=True,
    )
    stored = Notice.objects.filter(
        incident__in={one.incident_id for one in told}, entry_seq__in={one.entry_seq for one in told}
    )
    return {tuple(key): pk for pk, *key in stored.values_list("pk", "incident_id", "entry_seq", "user_id", "topic")}


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


def resend(*, delivery_id: int, by: Actor, reason: str, at: datetime | None = None) -> None:
    """A delivery that failed waits to be sent again, from the first try on. Audited and, of a case, journalled.

    Raises NotFound, NotPermitted (operate_loop), FieldError (no reason), Conflict (it has not failed).
    """
    _may_operate(None, by)
    if not isinstance(reason, str) or not reason.strip():
        raise FieldError("reason", _("请填写原因"), code="required")
    if len(reason) > REASON_LIMIT:
        raise FieldError("reason", _("最长%(limit)s字") % {"limit": REASON_LIMIT})
    now = clock.now()
    at = at or now
    for _attempt in range(ATTEMPTS):
        delivery = NoticeDelivery.objects.select_related("notice__incident").filter(pk=delivery_id).first()
        if delivery is None:
            raise NotFound(_("没有这条通知"))
        case = delivery.notice.incident
        _may_operate(case, by)
        with transaction.atomic():
            # the case first, as everywhere
            if case is not None and not entries.append(
                case, kind="notice_resent", user_id=by.user_id, channel=by.channel, at=at, recorded_at=now,
                payload={"delivery": delivery.pk, "user": delivery.notice.user_id, "channel": delivery.channel},
                text=reason.strip(),
            ):  # fmt: skip
                continue
            again = NoticeDelivery.objects.filter(pk=delivery_id, state=NoticeDelivery.State.FAILED)
            if not again.update(state=NoticeDelivery.State.PENDING, attempt_count=0, next_try_at=at):
                raise Conflict(_("这条通知没有失败"), code="not_failed")
            actor = get_user_model().objects.filter(pk=by.user_id).first()
            detail = {"error": delivery.last_error, "reason": reason.strip()}
            audit.record(action="notice.resend", actor=actor, obj=delivery, detail=detail, at=at)
        return
    raise Conflict(_("案件正在变动，请再试一次"), code="busy")


def _may_operate(case: Incident | None, by: Actor) -> None:
    """Nothing where ``by`` operates the loop at the case (anywhere, for what is of no case), else NotPermitted."""
    needed = Capability.OPERATE_LOOP
    if by.is_system:
        return
    if case is None:
        able = by.may_somewhere(needed)
    else:
        place = (getattr(case, f"{level}_id") for level in LEVEL_NAMES.values())
        able = by.may(needed, (*areas.get(case.holder_id).ancestors, *place))
    if not able:
        raise NotPermitted(_("此操作需要：%(needed)s") % {"needed": needed.label}, missing=needed.value)
