"""What ``/ops/`` shows: how the machinery of the loop is doing, in the areas where the person operates it.

Numbers, kinds and times only: nothing of what a case is about. Each list is bounded; each count is of live rows.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q

from dispatch.actors import Actor
from dispatch.models import LadderPause, NoticeDelivery, Request
from dispatch.selectors import entry_label
from dispatch.views.words import clock_chip, due_chip
from gridgov.common import heartbeat
from grids import permissions
from grids.capabilities import Capability
from incidents.models import Clock, ClockKind, JournalEntry
from incidents.workflow import RequestKind

ROWS = 20
HOUR = timedelta(hours=1)
#: After how many seconds a part that runs all the time is taken for dead.
LATE = {"worker": 60, "beat": 60, "sweep": 120}


def _here(actor: Actor, prefix: str = "incident__") -> Q:
    return permissions.area_filter(actor.grants, Capability.OPERATE_LOOP, prefix=prefix)


def parts() -> list[dict[str, Any]]:
    """Worker, beat and sweep with the seconds since they last said that they live."""
    ages = heartbeat.ages()
    return [
        {"name": name, "seconds": round(ages[name]) if name in ages else None,
         "is_late": name not in ages or ages[name] > limit}
        for name, limit in LATE.items()
    ]  # fmt: skip


def stages(actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """The live clocks by kind: armed, due within the hour, overdue, paused, held by a person."""
    held = Exists(LadderPause.objects.filter(clock=OuterRef("pk"), released_at__isnull=True))
    running = Q(state="running")
    rows = (
        Clock.objects.filter(_here(actor), state__in=Clock.LIVE)
        .annotate(is_held=held)
        .values("kind")
        .annotate(
            armed=Count("pk", filter=Q(next_step_at__isnull=False)),
            running=Count("pk", filter=running),
            soon=Count("pk", filter=running & Q(due_at__gte=now, due_at__lt=now + HOUR)),
            over=Count("pk", filter=running & Q(due_at__lt=now)),
            paused=Count("pk", filter=Q(state="paused")),
            held=Count("pk", filter=Q(is_held=True)),
        )
    )
    by_kind = {row["kind"]: row for row in rows}
    nothing = {"armed": 0, "running": 0, "soon": 0, "over": 0, "paused": 0, "held": 0}
    return [{"label": str(kind.label), **nothing, **by_kind.get(kind.value, {})} for kind in ClockKind]


def clocks(actor: Actor, now: datetime, *, overdue: bool) -> list[dict[str, Any]]:
    """The running clocks that are overdue, or due within the hour, the longest due first."""
    when = Q(due_at__lt=now) if overdue else Q(due_at__gte=now, due_at__lt=now + HOUR)
    held = Exists(LadderPause.objects.filter(clock=OuterRef("pk"), released_at__isnull=True))
    rows = (
        Clock.objects.filter(_here(actor), when, state="running")
        .annotate(is_held=held)
        .order_by("due_at", "id")
        .values(
            "id", "kind", "cycle", "due_at", "started_at", "is_held", "next_step_at", "incident__number",
            "incident__is_confidential",
        )[:ROWS]
    )  # fmt: skip
    return [
        row
        | {
            "number": row["incident__number"],
            "label": str(ClockKind(row["kind"]).label),
            "chip": clock_chip(
                state="running", due_at=row["due_at"], started_at=row["started_at"], stopped_at=None,
                suspended_until=None, cured=False, now=now,
            ),
        }
        for row in rows
    ]  # fmt: skip


def held_clocks(actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """The clocks whose ladder a person holds, with who, since when and why."""
    rows = (
        LadderPause.objects.filter(_here(actor, "clock__incident__"), released_at__isnull=True)
        .order_by("paused_at")
        .values(
            "clock_id", "paused_at", "reason", "paused_by__name", "clock__kind", "clock__due_at", "clock__started_at",
            "clock__incident__number",
        )[:ROWS]
    )  # fmt: skip
    return [
        row
        | {
            "number": row["clock__incident__number"],
            "label": str(ClockKind(row["clock__kind"]).label),
            "chip": due_chip(row["clock__due_at"], now=now, started_at=row["clock__started_at"]),
        }
        for row in rows
    ]


def undelivered(actor: Actor, *, parked: bool) -> tuple[int, list[dict[str, Any]]]:
    """How many journal entries are parked, or steps fired and not delivered; and the oldest of them."""
    found = JournalEntry.objects.filter(_here(actor), delivered_at__isnull=True)
    found = found.filter(parked_at__isnull=False) if parked else found.filter(parked_at__isnull=True, action="step")
    rows = found.order_by("id").values(
        "id", "seq", "action", "at", "attempt_count", "next_try_at", "parked_at", "last_error", "incident__number"
    )[:ROWS]
    shown = [row | {"number": row["incident__number"], "label": entry_label(row["action"])} for row in rows]
    return found.count(), shown


def requests_waiting(actor: Actor, now: datetime) -> tuple[int, list[dict[str, Any]]]:
    """How many requests wait for a decision, and those to be decided first."""
    found = Request.objects.filter(_here(actor), state=Request.State.PENDING)
    rows = found.order_by("decide_by_at", "id").values(
        "id", "kind", "asked_at", "decide_by_at", "level", "incident__number"
    )[:ROWS]
    shown = [
        row
        | {
            "number": row["incident__number"],
            "label": str(RequestKind(row["kind"]).label),
            "chip": due_chip(row["decide_by_at"], now=now, started_at=row["asked_at"]),
        }
        for row in rows
    ]
    return found.count(), shown


def failed_notices(actor: Actor) -> tuple[int, list[dict[str, Any]]]:
    """How many notices could not be brought, and the oldest of them."""
    found = NoticeDelivery.objects.filter(_here(actor, "notice__incident__"), state=NoticeDelivery.State.FAILED)
    rows = found.order_by("id").values(
        "id", "channel", "attempt_count", "last_error", "notice__user__name", "notice__topic",
        "notice__incident__number", "notice__created_at",
    )[:ROWS]  # fmt: skip
    return found.count(), [row | {"number": row["notice__incident__number"]} for row in rows]
