"""Before a report is saved: what its clocks would be, where it would lie, and which cases may be the same one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch.actors import Actor
from dispatch.visibility import cases_of
from gridgov.common import business_time, work_calendar
from gridgov.common.coordinates import box_around, distance_m, to_wgs84
from gridgov.common.errors import FieldError
from grids.spatial import areas
from incidents import duplicates, sla
from incidents.catalogue import CategorySpec, StandardSpec, catalogue
from incidents.clocks import allowance_of
from incidents.models import ClockKind
from incidents.workflow import Status

#: From when each clock counts. Accept and total run from the report.
FROM: Mapping[str, Any] = {
    "accept": gettext_lazy("自收到上报"), "total": gettext_lazy("自收到上报"), "file": gettext_lazy("自受理"),
    "dispatch": gettext_lazy("自立案"), "sign": gettext_lazy("自派遣"), "handle": gettext_lazy("自派遣"),
    "send": gettext_lazy("自反馈"), "verify": gettext_lazy("自发核查"), "close": gettext_lazy("自核查通过"),
}  # fmt: skip
AT_REPORT = frozenset({"accept", "total"})


@dataclass(frozen=True, slots=True)
class Deadline:
    """A clock that the case would have. ``due_at``: if it began at the instant asked for; None without a limit."""

    clock: str
    label: str
    milestone: str
    starts: str
    is_running_at_once: bool
    allowance: str
    due_at: datetime | None
    explain: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a point lies, and which centre would hold the case. Ids None outside every area."""

    area_id: int | None
    area: str
    holder_id: int | None
    holder: str


def _category(code: Any) -> CategorySpec:
    found = catalogue().category_by_code(code) if isinstance(code, str) else None
    if found is None or not found.is_reportable:
        raise FieldError("category", _("没有这个类别：%(code)s") % {"code": str(code)[:40]})
    return found


def _standard(code: Any, category: CategorySpec) -> StandardSpec | None:
    """The standard named; where none is, the one by which the system would file, or the category's only one."""
    book = catalogue()
    if code in (None, ""):
        own = book.standards_of(category.id)
        return book.system_standard(category.id) or (own[0] if len(own) == 1 else None)
    found = book.standard_by_code(code) if isinstance(code, str) else None
    if found is None or not found.is_active or found.category_id != category.id:
        raise FieldError("standard", _("不是本类别在用的立案条件：%(code)s") % {"code": str(code)[:40]})
    return found


def deadlines(*, category: Any, standard: Any = None, at: datetime) -> list[Deadline]:
    """The clocks of a case of that category (code) and standard (code, or the likely one) reported at ``at``.

    In the loop's order, with each milestone of a limit; a clock without a limit is left out. FieldError. No statement.
    """
    kind = _category(category)
    chosen = _standard(standard, kind)
    policy_for = sla.policies_of(kind.id, chosen.id if chosen else None)
    found: list[Deadline] = []
    for clock_kind, starts in FROM.items():
        policy = policy_for(clock_kind)
        if policy.calendar_version_id is None:
            continue
        calendar = work_calendar.load(policy.calendar_version_id)
        for limit in policy.limits:
            allowance = allowance_of(limit)
            try:
                due_at = business_time.due_at(at, allowance, calendar)
                words = business_time.explain(((at, None),), allowance, calendar)
            except business_time.OutsideCalendar:
                due_at, words = None, ""
            found.append(
                Deadline(
                    clock=clock_kind, label=str(ClockKind(clock_kind).label), milestone=limit.get("label") or "",
                    starts=str(starts), is_running_at_once=clock_kind in AT_REPORT,
                    allowance=allowance.describe(calendar.nominal_day_minutes), due_at=due_at, explain=words,
                )
            )  # fmt: skip
    return found


def place(*, category: Any, lon: float, lat: float, crs: str = "wgs84") -> Place:
    """Where a case of that category at the point would lie, and who would hold it. FieldError. No statement."""
    kind = _category(category)
    found = areas.locate(*_point(lon, lat, crs))
    if found is None:
        return Place(None, "", None, "")
    centre = areas.centre_for(found.area_id, kind.holder_level)
    return Place(
        found.area_id, areas.full_name(found.area_id), centre.id if centre else None, centre.name if centre else ""
    )


def _point(lon: float, lat: float, crs: str) -> tuple[float, float]:
    try:
        return to_wgs84(lon, lat, crs)
    except ValueError as error:
        raise FieldError("lon", str(error)) from error


def alike(
    by: Actor, *, category: Any, lon: float, lat: float, crs: str = "wgs84", now: datetime
) -> list[dict[str, Any]]:
    """The open cases that ``by`` sees and that may be what is being reported: by the formula of
    ``incidents.duplicates``, the likeliest first, at most five. FieldError. One statement."""
    kind = _category(category)
    x, y = _point(lon, lat, crs)
    west, south, east, north = box_around(x, y, kind.duplicate_radius_m)
    near = (
        cases_of(by)
        .filter(
            ended_at__isnull=True, lon__gte=west, lon__lte=east, lat__gte=south, lat__lte=north, category=kind.id,
            received_at__gte=now - timedelta(hours=kind.duplicate_hours),
        )
        .order_by("-pk")
        .values("number", "status", "address", "description", "lon", "lat", "received_at")[: duplicates.COMPARED]
    )  # fmt: skip
    found = []
    for row in near:
        distance = distance_m(x, y, row["lon"], row["lat"])
        gap = abs(now - row["received_at"])
        value = duplicates.score(distance, gap, radius_m=kind.duplicate_radius_m, hours=kind.duplicate_hours)
        if value is not None:
            found.append(
                row
                | {
                    "status_label": str(Status(row["status"]).label), "description": row["description"][:120],
                    "score": round(value, 4), "distance_m": round(distance, 1),
                    "gap_minutes": round(gap.total_seconds() / 60),
                }
            )  # fmt: skip
    return sorted(found, key=lambda row: -row["score"])[: duplicates.KEPT]
