"""Addresses of files that carry their own permission, for what cannot send a token: an image of an app, a download.

Signed for one person and one file, good for minutes; whether that person may see the file is asked again each time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext as _

from dispatch.actors import Actor, actors_of
from dispatch.selectors import attachment_for
from gridgov.common import clock
from gridgov.common.errors import NotFound
from incidents.models import Attachment

_SALT = "gridgov.media"


@dataclass(frozen=True, slots=True)
class Link:
    """``signed`` is the last part of the address."""

    signed: str
    expires_at: datetime


def make(*, attachment_id: Any, by: Actor) -> Link:
    """A link to the file for ``by``. NotFound where he may not see it."""
    found = attachment_for(attachment_id, by)
    now = clock.now()
    expires_at = now + timedelta(minutes=settings.MEDIA_LINK_MINUTES)
    signed = signing.dumps([str(found.pk), by.user_id, int(expires_at.timestamp())], salt=_SALT)
    return Link(signed, datetime.fromtimestamp(int(expires_at.timestamp()), tz=now.tzinfo))


def read(signed: str) -> tuple[Attachment, Actor]:
    """The file and for whom it is. NotFound for what is forged or over, and for who may not see it (any more)."""
    try:
        attachment_id, user_id, expires_at = signing.loads(signed, salt=_SALT)
    except signing.BadSignature as error:
        raise NotFound(_("这个链接无效，或已过期。")) from error
    people = actors_of([user_id])
    if not people or clock.now().timestamp() > expires_at:
        raise NotFound(_("这个链接无效，或已过期。"))
    by = people[0][1]
    return attachment_for(attachment_id, by), by
