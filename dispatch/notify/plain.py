"""Notices that are about no case: what the machinery has to say to those who operate it."""

from collections.abc import Sequence
from datetime import datetime

from dispatch.models import Notice, NoticeDelivery
from dispatch.notify import in_app


def store(user_ids: Sequence[int], *, topic: str, text: str, at: datetime) -> int:
    """Each of the people has one notice of that topic, with a delivery that waits; how many are new.

    Call inside the transaction that makes what the topic names, so that it is told once.
    """
    told = set(Notice.objects.filter(user__in=user_ids, topic=topic).values_list("user_id", flat=True))
    fresh = Notice.objects.bulk_create(
        Notice(user_id=user_id, topic=topic[:40], text=text[:300], created_at=at)
        for user_id in user_ids
        if user_id not in told
    )
    NoticeDelivery.objects.bulk_create(
        NoticeDelivery(notice=notice, channel=in_app.NAME, next_try_at=at) for notice in fresh
    )
    return len(fresh)
