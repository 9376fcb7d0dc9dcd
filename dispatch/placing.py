"""Where a case belongs: who verifies it, and its areas after the map changed."""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from dispatch.cases import Case, read_by_id
from dispatch.parties import barred_from_verifying
from gridgov.common import clock
from grids.models import LEVEL_NAMES
from grids.spatial import AreaIndex, areas
from incidents.catalogue import catalogue
from incidents.models import Incident
from incidents.services import entry
from personnel.models import Worker
from personnel.roles import Role
from personnel.selectors import departments_of, nearest_holders

logger = logging.getLogger(__name__)

BATCH = 500
ATTEMPTS = 5


# --- the verifier -------------------------------------------------------------------------------------------------


def verifier_for(case: Case, *, at: datetime) -> int | None:
    """Who should verify: the worker posted to the grid, else to its community, else the community's leader.

    Never who handled, dispatched or resolved it on the spot. None: the 核查 queue, as for a confidential case, which
    people named on it alone may see.
    """
    incident, on = case.incident, clock.local_date(at)
    if incident.is_confidential:
        return None
    barred: set[int] = set()
    nearby = (incident.community_id, incident.grid_id)
    for role, chain in ((Role.GRID_WORKER, nearby), (Role.GRID_LEADER, (incident.community_id,))):
        while found := nearest_holders(role, chain, on, exclude=barred):
            for user_id in found:
                if not _bar(case, user_id, on):
                    return user_id
            barred.update(found)
    return None


def _bar(case: Case, user_id: int, on: Any) -> str:
    worker_id = Worker.objects.filter(user=user_id).values_list("pk", flat=True).first()
    return barred_from_verifying(case, user_id=user_id, department_ids=departments_of(user_id, on), worker_id=worker_id)


# --- after the map changed ----------------------------------------------------------------------------------------


def place_again(*, at: datetime, limit_seconds: float = 5.0) -> int:
    """Open cases placed under an older revision of the areas lie where the present one says; how many moved.

    A case whose areas are others gets an entry ``placed_again``; its version stays. Its centre changes only if it no
    longer has the place, to the one that the category's level gives. A point that now lies in no city keeps its areas.
    """
    index = areas.index()
    moved, last_id, started = 0, 0, time.monotonic()
    while time.monotonic() - started < limit_seconds:
        rows = list(
            Incident.objects.filter(
                ended_at__isnull=True, is_placed=True, placed_revision__lt=index.revision, pk__gt=last_id
            )
            .order_by("pk")
            .values("pk", "lon", "lat", "holder_id", "category_id", *(f"{name}_id" for name in LEVEL_NAMES.values()))[
                :BATCH
            ]
        )
        if not rows:
            break
        last_id = rows[-1]["pk"]
        placements = index.locate_many([(row["lon"], row["lat"]) for row in rows])
        same: list[int] = []
        for row, placement in zip(rows, placements, strict=True):
            before = tuple(row[f"{name}_id"] for name in LEVEL_NAMES.values())
            if placement is None or placement.chain == before:
                same.append(row["pk"])
                continue
            moved += _move(row, index, placement.chain)
        if same:
            Incident.objects.filter(pk__in=same, placed_revision__lt=index.revision).update(
                placed_revision=index.revision
            )
    return moved


def _move(row: Mapping[str, Any], index: AreaIndex, chain: Sequence[int | None]) -> bool:
    changes: dict[str, Any] = {f"{name}_id": area_id for name, area_id in zip(LEVEL_NAMES.values(), chain, strict=True)}
    changes["placed_revision"] = index.revision
    for _attempt in range(ATTEMPTS):
        case = read_by_id(row["pk"])
        incident = case.incident
        if incident.ended_at is not None or (incident.lon, incident.lat) != (row["lon"], row["lat"]):
            return False  # it ended, or was amended, which placed it anew
        holder_id = _holder(incident, index, chain)
        now = clock.now()
        facts = {
            "revision": index.revision,
            "from": list(case.place_chain),
            "areas": list(chain),
            "holder": holder_id,
        }
        with transaction.atomic():
            written = entry.append(
                incident, kind="placed_again", user_id=None, channel="system", at=now, recorded_at=now, payload=facts,
                changes=changes | {"holder_id": holder_id},
            )  # fmt: skip
        if written is not None:
            return True
    logger.warning("case %d is moving all the time and is placed again later", row["pk"])
    return False


def _holder(incident: Incident, index: AreaIndex, chain: Sequence[int | None]) -> int:
    """The centre in whose queue it is, unless that no longer has the place or a desk."""
    record = index.find(incident.holder_id)
    if record is not None and record.active and record.has_desk and incident.holder_id in chain:
        return incident.holder_id
    deepest = next(area_id for area_id in reversed(chain) if area_id is not None)
    category = catalogue().category(incident.category_id)
    centre = index.centre_for(deepest, category.holder_level) if category else None
    return centre.id if centre is not None else incident.holder_id
