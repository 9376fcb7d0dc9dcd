"""The errors that services raise and that the API and the pages turn into answers.

Each carries a sentence in the interface's language and, where one is to blame, the name of the field.
The API renders them as RFC 9457 problem details, pages as form errors: nothing below the views knows HTTP,
but each class says which status it stands for.
"""

from typing import Any


class DomainError(Exception):
    """Base of all refusals. ``status`` is the HTTP status an outer layer should answer with."""

    status = 400
    code = "invalid"

    def __init__(self, message: str, *, code: str | None = None, **extra: Any) -> None:
        # what was sent may be quoted in it, half a surrogate pair included: the sentence itself can always be sent
        self.message = str(message).encode("utf-8", "replace").decode()
        super().__init__(self.message)
        self.code = code or self.code
        self.extra = extra


class FieldError(DomainError):
    """One field of the input is wrong (400). ``field`` is its name as the caller sent it."""

    def __init__(self, field: str, message: str, *, code: str | None = None, **extra: Any) -> None:
        super().__init__(message, code=code, **extra)
        self.field = field


class FieldErrors(DomainError):
    """Several fields are wrong at once (400)."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("；".join(str(e.message) for e in errors))
        self.errors = errors


class NotPermitted(DomainError):
    """The person is known but lacks something (403). ``missing`` names it: a capability or a rule."""

    status = 403
    code = "not_permitted"

    def __init__(self, message: str, *, missing: str = "", **extra: Any) -> None:
        super().__init__(message, **extra)
        self.missing = missing


class NotFound(DomainError):
    """It does not exist, or the person may not know that it does (404)."""

    status = 404
    code = "not_found"


class Conflict(DomainError):
    """The thing has moved on (409). ``extra`` says who, when and what: ``actor``, ``at``, ``action``, ``version``."""

    status = 409
    code = "conflict"
