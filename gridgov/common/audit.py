"""The audit trail of rules, accounts and protected data: append only (GB/T 22239-2019 8.1.4.3, kept ≥ 6 months)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import models

from gridgov.common import address as addresses
from gridgov.common import clock
from gridgov.common.models import AuditEntry, User

#: What JSON takes as it is.
_PLAIN = (str, int, float, bool, list, dict, type(None))


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
    it both are taken as given. ``actor`` (or his id, ``actor_id``) None is the system. ``at`` defaults to now,
    ``address`` to the one of the request that is being answered. ``action`` is one of ``audit_actions.ACTIONS``.
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
        address=address or addresses.here(),
        at=at or clock.now(),
    )


def record_all(
    *, action: str, rows: Iterable[tuple[Any, dict[str, Any]]], actor: User | None = None, at: datetime | None = None
) -> None:
    """:func:`record` of one action for each (saved object, detail) of ``rows``, in the caller's transaction."""
    moment, by = at or clock.now(), actor if actor is not None and actor.is_authenticated else None
    here = addresses.here()
    AuditEntry.objects.bulk_create(
        AuditEntry(
            actor=by, action=action, object_type=obj._meta.label, object_id=str(obj.pk), detail=detail, address=here,
            at=moment,
        )
        for obj, detail in rows
    )  # fmt: skip


# --- what changed -------------------------------------------------------------------------------------------------

#: Whose values stand in no audit trail: that they changed does.
_UNSAID = frozenset({"phone"})


def state(row: models.Model) -> dict[str, Any]:
    """The row's fields that somebody may set, as JSON has them: keys of rows, dates in ISO; no bytes."""
    found: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if field.primary_key or not field.editable or isinstance(field, models.BinaryField):
            continue
        value = getattr(row, field.attname)
        found[field.name] = value if isinstance(value, _PLAIN) else str(value)
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs between two states, as the trail keeps it under ``changes``: field → [old, new]."""
    differing = [name for name in after if before.get(name) != after[name]]
    return {name: ["…", "…"] if name in _UNSAID else [before.get(name), after[name]] for name in differing}
