"""The second factor: six figures of an app (TOTP, RFC 6238), or one of ten recovery codes, each good for once.

The devices are django-otp's; of a recovery code only its digest is kept. Checking a code locks its device, so that
one code lets in one sign-in; wrong ones make the device wait 1, 2, 4 … seconds.
"""

import secrets
from base64 import b32encode
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import segno
from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from gridgov.common import audit
from gridgov.common.errors import FieldError
from gridgov.common.models import User

RECOVERY_CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_NAME = "gridgov"


@dataclass(frozen=True, slots=True)
class Offer:
    """What is shown to set an app up: the picture for its camera, and the key to type."""

    picture: str
    key: str


def is_set_up(user: User) -> bool:
    """Whether the account asks for a code."""
    return TOTPDevice.objects.filter(user=user.pk, confirmed=True).exists()


def codes_left(user: User) -> int:
    """How many recovery codes are not used yet."""
    return StaticToken.objects.filter(device__user=user.pk).count()


def offer(user: User) -> Offer:
    """A key for the account, the same until it is confirmed."""
    # a page that was opened twice at once makes two, which nothing in django-otp's table forbids: the older counts
    waiting = TOTPDevice.objects.filter(user=user, confirmed=False).order_by("pk")
    device = waiting.first() or TOTPDevice.objects.create(user=user, confirmed=False, name=_NAME)
    key = b32encode(device.bin_key).decode()
    label = quote(f"{settings.SITE_NAME}:{user.get_username()}")
    uri = f"otpauth://totp/{label}?" + urlencode({"secret": key, "issuer": settings.SITE_NAME}, quote_via=quote)
    picture = segno.make(uri, error="m").svg_data_uri(scale=4, border=2, dark="#000", light="#fff")
    return Offer(picture, " ".join(key[i : i + 4] for i in range(0, len(key), 4)))


def confirm(*, user: User, code: str, by: User, address: str | None = None) -> list[str]:
    """The app shows the right code: from now on the account asks for one. Its recovery codes, shown this once.

    FieldError(``code``) where it does not.
    """
    with transaction.atomic():
        waiting = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False)
        device = waiting.order_by("pk").first()
        if device is not None and not device.verify_is_allowed()[0]:
            raise FieldError("code", _("刚才的验证码不对。请等几秒，再输入应用上的六位数字。"))
        right = device is not None and device.verify_token(code.strip())
        if right:
            TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            audit.record(action="second_factor.set", actor=by, obj=user, address=address)
            return _new_codes(user)
    raise FieldError("code", _("验证码不对。请核对手机时间，再输入应用上现在的六位数字。"))


def renew_codes(*, user: User, address: str | None = None) -> list[str]:
    """Ten new recovery codes; the old ones are void."""
    with transaction.atomic():
        audit.record(action="second_factor.codes", actor=user, obj=user, address=address)
        return _new_codes(user)


def check(*, user: User, code: str) -> str:
    """``app`` or ``recovery`` if the code is right, and then it is used up; else empty."""
    text = "".join(code.split()).replace("-", "").lower()
    with transaction.atomic():
        if text.isascii() and text.isdecimal():
            for device in TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True):
                if device.verify_token(text):
                    return "app"
        elif text:
            for device in StaticDevice.objects.select_for_update().filter(user=user, confirmed=True):
                if device.verify_token(_digest(user, text)):
                    return "recovery"
    return ""


def remove(*, user: User, by: User, reason: str = "", address: str | None = None) -> bool:
    """The account asks for no code any more; whether it did."""
    with transaction.atomic():
        was_set_up = is_set_up(user)
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        if was_set_up:
            detail = {"reason": reason} if reason else {}
            audit.record(action="second_factor.remove", actor=by, obj=user, detail=detail, address=address)
    return was_set_up


def _new_codes(user: User) -> list[str]:
    device, _created = StaticDevice.objects.get_or_create(user=user, defaults={"name": _NAME})
    device.token_set.all().delete()
    codes = ["".join(secrets.choice(_LETTERS) for _i in range(10)) for _j in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=_digest(user, code)) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _digest(user: User, code: str) -> str:
    """What is kept of a recovery code. django-otp's column has 16 characters: 64 bits of a code of 49."""
    return salted_hmac(f"gridgov.recovery.{user.pk}", code, algorithm="sha256").hexdigest()[:16]
