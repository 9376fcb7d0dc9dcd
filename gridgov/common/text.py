"""What of a person's words can be stored at all, and what is a reason (pure)."""

from django.utils.translation import gettext as _

from gridgov.common.errors import FieldError

REASON_LENGTH = 200


def given_reason(text: str) -> str:
    """The reason without blanks around it. FieldError(``reason``) for none, or one of more than 200 characters."""
    reason = text.strip()
    if not reason:
        raise FieldError("reason", _("请填写原因"))
    if len(reason) > REASON_LENGTH:
        raise FieldError("reason", _("原因不能超过200字"))
    if not is_storable(reason):
        raise FieldError("reason", _("原因中有不能保存的字符"))
    return reason


def is_storable(text: str) -> bool:
    """Whether both databases and UTF-8 take it: no NUL, no half of a surrogate pair, which JSON can smuggle in."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
