"""Correcting category, standard, place or words of a case (更正), and what that does to its clocks.

Before dispatch only clocks not yet started change. After it the person says: keep what has passed, or restart; both
due times can be seen before saving (:func:`preview`), and both are journalled.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from dispatch.cases import Case
from dispatch.steps import Asked, Step
from gridgov.common.coordinates import to_wgs84
from gridgov.common.errors import FieldError
from grids.spatial import areas
from incidents import sla
from incidents.catalogue import catalogue
from incidents.clocks import Move, Plan, amended
from incidents.services.report import CRS
from incidents.workflow import Action, Status

CHOICES = ("keep", "restart")


@dataclass(frozen=True, slots=True)
class Preview:
    """When handling is due now, and would be after the amendment: on what has passed, or restarted."""

    now: datetime | None
    keep: datetime | None
    restart: datetime | None


def step(asked: Asked) -> tuple[Step, Plan]:
    """The amendment's changes and what becomes of the clocks. Raises what is wrong with the payload."""
    found = Step()
    given = asked.given
    if not set(given) - {"reason", "clocks", "crs"}:
        raise FieldError("category", _("请写明更正哪一项"), code="required")
    category_id, standard_id = _subject(asked, found)
    _place(asked, found)
    for name in ("address", "description"):
        if name in given:
            found.changes[name] = given[name].strip()
            found.facts.setdefault("fields", []).append(name)
    incident = asked.case.incident
    if (category_id, standard_id) == (incident.category_id, incident.standard_id) or not _has_handle(asked.case):
        if "clocks" in given:
            raise FieldError("clocks", _("这次更正不影响处置时限"), code="unexpected")
        return found, Plan()
    both = preview(asked.case, category_id=category_id, standard_id=standard_id, at=asked.at)
    choice = given.get("clocks")
    if choice not in CHOICES:
        raise FieldError(
            "clocks", _("请选择：保留已用时间，或重新起算"), code="required", choices=list(CHOICES),
            keep=_iso(both.keep), restart=_iso(both.restart), now=_iso(both.now),
        )  # fmt: skip
    found.facts |= {"clock_choice": choice, "due_kept": _iso(both.keep), "due_restarted": _iso(both.restart)}
    return found, _plan(asked.case, category_id, standard_id, asked.at, restart=choice == "restart")


def preview(case: Case, *, category_id: int, standard_id: int | None, at: datetime) -> Preview:
    """Both due times of handle after an amendment at ``at``, beside the present one."""
    handle = case.live_clock("handle")

    def due(restart: bool) -> datetime | None:
        live = _plan(case, category_id, standard_id, at, restart=restart).live_after(case.clocks)
        return next((clock.due_at for clock in live if clock.kind == "handle"), None)

    return Preview(handle.due_at if handle else None, due(restart=False), due(restart=True))


def _has_handle(case: Case) -> bool:
    return case.live_clock("handle") is not None


def _plan(case: Case, category_id: int, standard_id: int | None, at: datetime, *, restart: bool) -> Plan:
    incident = case.incident
    status = Status(incident.status)
    move = Move(Action.AMEND.value, status, status, at, at, incident.holder_id, incident.assignment)
    return amended(case.clocks, sla.policies_of(category_id, standard_id), sla.calendars, restart=restart, move=move)


def _subject(asked: Asked, found: Step) -> tuple[int, int | None]:
    incident, given = asked.case.incident, asked.given
    category_id, standard_id = incident.category_id, incident.standard_id
    if "category" in given:
        category = catalogue().category_by_code(str(given["category"]))
        if category is None or not category.is_reportable:
            raise FieldError("category", _("没有这个类别：%(code)s") % {"code": str(given["category"])[:40]})
        category_id = category.id
        found.changes |= {
            "category_id": category.id,
            "is_urgent": category.is_urgent,
            "is_confidential": incident.is_confidential or category.is_confidential,
        }
        found.facts["category"] = category.code
    if "standard" in given:
        standard = catalogue().standard_by_code(str(given["standard"]))
        if standard is None or not standard.is_active or standard.category_id != category_id:
            raise FieldError(
                "standard", _("不是本类别在用的立案条件：%(code)s") % {"code": str(given["standard"])[:40]}
            )
        standard_id = standard.id
        found.changes["standard_id"] = standard.id
        found.facts |= {"standard": standard.code, "standard_version": standard.version}
    elif category_id != incident.category_id and standard_id is not None:
        raise FieldError("standard", _("换了类别，请一并选择新类别的立案条件"), code="required")
    if standard_id is not None and incident.standard_id is None and incident.status in ("reported", "checking"):
        raise FieldError("standard", _("立案时才选择立案条件"), code="unexpected")
    return category_id, standard_id


def _place(asked: Asked, found: Step) -> None:
    given, incident = asked.given, asked.case.incident
    if "lon" not in given and "lat" not in given:
        if "crs" in given:
            raise FieldError("lon", _("经度和纬度须一起给出"), code="required")
        return
    for name in ("lon", "lat"):
        if name not in given:
            raise FieldError(name, _("经度和纬度须一起给出"), code="required")
        if isinstance(given[name], bool) or not isinstance(given[name], int | float):
            raise FieldError(name, _("须是数字"))
    crs = given.get("crs", "wgs84")
    if crs not in CRS:
        raise FieldError("crs", _("没有这个坐标系：%(crs)s") % {"crs": str(crs)[:20]})
    if not (-180 <= given["lon"] <= 180 and -90 <= given["lat"] <= 90):
        raise FieldError("lon", _("经纬度超出范围，可能写反了"))
    raw: tuple[Any, Any] = (float(given["lon"]), float(given["lat"]))
    lon, lat = to_wgs84(*raw, crs)
    index = areas.index()
    placement = index.locate(lon, lat)
    if placement is None or placement.root_id != incident.city_id:
        swapped = index.looks_swapped(lon, lat)
        raise FieldError(
            "lon", _("经纬度写反了：请先写经度，再写纬度") if swapped else _("该位置不在本城市范围内"),
            code="swapped" if swapped else "outside",
        )  # fmt: skip
    if incident.holder_id not in placement.chain:
        # its desk would lose sight of it: whose it is to be is said by a transfer, not by a correction
        raise FieldError("lon", _("该位置不在承办中心的辖区内，请先上报或交办"), code="outside_holder")
    found.changes |= {
        "lon": lon, "lat": lat, "raw_lon": raw[0], "raw_lat": raw[1], "raw_crs": crs, "is_placed": True,
        "placed_revision": placement.revision,
        **dict(zip(("city_id", "district_id", "street_id", "community_id", "grid_id"), placement.chain, strict=True)),
    }  # fmt: skip
    found.facts |= {"areas": list(placement.chain), "revision": placement.revision}


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
