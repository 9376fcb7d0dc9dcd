"""One digest in place of many steps, after an outage: one a person, however many batches the outage is told in."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from dispatch.models import Notice
from dispatch.notify.message import Told

#: A person told of more than this many steps in one batch gets one digest instead.
DIGEST_OVER = 5
STEP = "step"
DIGEST = "step_digest"
#: What follows so soon, while the digest is unread, is added to it.
TOGETHER = timedelta(minutes=10)
SHOWN = 5


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
    numbers = tuple(dict.fromkeys(one.number for one in found))
    said = _said(len(numbers), len(found), numbers[:SHOWN])
    return Told(user_id, None, None, _topic(len(numbers), len(found)), said, channel, _("、").join(numbers[:SHOWN]))


def is_digest(topic: str) -> bool:
    """Whether a notice of that topic is a digest."""
    return topic.startswith(f"{DIGEST}:")


def _topic(cases: int, steps: int) -> str:
    """The topic carries the counts, so that they can be added to."""
    return f"{DIGEST}:{cases}:{steps}"


def _counts(topic: str) -> tuple[int, int]:
    _name, cases, steps = topic.split(":")
    return int(cases), int(steps)


def _said(cases: int, steps: int, shown: Sequence[str]) -> str:
    text = _("%(cases)d件案件共有%(steps)d个时限节点到期或超时：%(shown)s") % {
        "cases": cases, "steps": steps, "shown": _("、").join(shown),
    }  # fmt: skip
    return text + (_("等") if cases > len(shown) else "")


def store(digests: Iterable[Told], *, at: datetime) -> dict[int, int]:
    """Each person has one digest, a fresh one or the unread one of the last minutes added to; its id by user.

    Call inside a transaction. The rows that are added to are locked.
    """
    by_user = {one.user_id: one for one in digests}
    if not by_user:
        return {}
    recent = (
        Notice.objects.filter(
            user__in=by_user, read_at__isnull=True, created_at__gt=at - TOGETHER, topic__startswith=f"{DIGEST}:"
        )
        .order_by("pk")
        .select_for_update()
    )
    found: dict[int, int] = {}
    for notice in recent:
        if notice.user_id in found:
            continue
        one = by_user[notice.user_id]
        counts = zip(_counts(notice.topic), _counts(one.topic), strict=True)
        cases, steps = (before + now for before, now in counts)
        notice.topic, notice.text = _topic(cases, steps), _said(cases, steps, one.number.split("、"))
        found[notice.user_id] = notice.pk
        notice.save(update_fields=["topic", "text"])
    fresh = [
        Notice(user_id=user_id, topic=one.topic, text=one.text, created_at=at)
        for user_id, one in by_user.items()
        if user_id not in found
    ]
    return found | {notice.user_id: notice.pk for notice in Notice.objects.bulk_create(fresh)}
