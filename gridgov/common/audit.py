"""The audit trail of rules, accounts and protected data: append only (GB/T 22239-2019 8.1.4.3, kept ≥ 6 months)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from gridgov.common import clock
from gridgov.common.models import AuditEntry, User


def record(
    *,
    action: str,
    actor: User | None = None,
    actor_id: int | None = None,
    obj: Any = None,
    object_type: str = "",
    object_id: object = "",
    detail: dict[str, Any] | None = None,
    address: str | None = None,
    at: datetime | None = None,
) -> AuditEntry:
    """An entry stands in the audit trail, in the caller's transaction.

    ``obj`` (a saved model instance) gives ``object_type`` (its label, ``app.Model``) and ``object_id``; without
    it both are taken as given. ``actor`` (or his id, ``actor_id``) None is the system. ``at`` defaults to now.
    """
    if obj is not None:
        object_type = obj._meta.label
        object_id = obj.pk
    if actor is not None and not actor.is_authenticated:
        actor = None
    return AuditEntry.objects.create(
        actor_id=actor.pk if actor is not None else actor_id,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        detail=detail or {},
        address=address or None,
        at=at or clock.now(),
    )


def record_all(
    *, action: str, rows: Iterable[tuple[Any, dict[str, Any]]], actor: User | None = None, at: datetime | None = None
) -> None:
    """:func:`record` of one action for each (saved object, detail) of ``rows``, in the caller's transaction."""
    moment, by = at or clock.now(), actor if actor is not None and actor.is_authenticated else None
    AuditEntry.objects.bulk_create(
        AuditEntry(
            actor=by, action=action, object_type=obj._meta.label, object_id=str(obj.pk), detail=detail, at=moment
        )
        for obj, detail in rows
    )
