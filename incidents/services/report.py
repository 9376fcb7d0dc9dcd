"""Receiving a report: the case is made, placed, given to a centre and its clocks start."""

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.coordinates import to_wgs84
from gridgov.common.errors import Conflict, FieldError, FieldErrors
from gridgov.common.plain_update import insert_new
from gridgov.common.text import is_storable
from grids.models import Component
from grids.spatial import areas
from incidents import clocks, journal, sla
from incidents.attachments import claim
from incidents.catalogue import CategorySpec, catalogue
from incidents.clock_table import REPORT
from incidents.models import Attachment, IdempotencyKey, Incident, NamedAccess, Reporter
from incidents.numbers import next_number
from incidents.signals import announce

DESCRIPTION_LIMIT = 2_000
ADDRESS_LIMIT = 200
PHONE = re.compile(r"^\+?[0-9][0-9 \-]{4,24}$")
#: What a form gives the public to send along: nobody guesses another's, whose case it would show.
PUBLIC_KEY = re.compile(r"^[0-9a-f]{32}$")
CRS = ("wgs84", "cgcs2000", "gcj02", "bd09")
#: A phone's clock may be a little ahead of ours.
AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Report:
    """What came in, typed but not yet checked. ``lon``, ``lat``: degrees in ``crs``."""

    source: str
    category: str
    description: str = ""
    address: str = ""
    lon: float | None = None
    lat: float | None = None
    crs: str = "wgs84"
    accuracy_m: float | None = None
    occurred_at: datetime | None = None
    component: str = ""
    reporter_name: str = ""
    reporter_phone: str = ""
    attachments: Sequence[UUID] = field(default_factory=tuple)

    def digest(self) -> str:
        """What an idempotency key stands for: the whole body."""
        body = {name: getattr(self, name) for name in self.__dataclass_fields__}
        body["attachments"] = [str(a) for a in self.attachments]
        return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class Received:
    """The answer to a report. ``repeated``: the same request was carried out before, and this is its case.

    ``token``: the link of who reported from outside, said again to the public when the report is repeated.
    """

    number: str
    incident_id: int | None
    token: str = ""
    repeated: bool = False


def report(
    *,
    body: Report,
    user_id: int | None,
    role: str = "",
    channel: str,
    desk_area_id: int | None = None,
    idempotency_key: str = "",
    named_for: Callable[[Incident], Iterable[int]] | None = None,
    at: datetime | None = None,
) -> Received:
    """A new case ``reported``, placed and with its holder, accept and total clocks running from ``at``.

    ``desk_area_id``: the centre of the person at the desk, which receives a case without a place.
    ``named_for``: who is named on a confidential case; it is asked before the transaction.
    Raises FieldError(s) naming each wrong field, Conflict for a key used with another body; then nothing is written.
    """
    now = clock.now()
    at = at or now
    category, component = _check(body, at)
    if user_id is None and not PUBLIC_KEY.match(idempotency_key):
        idempotency_key = ""
    if len(idempotency_key) > 100:
        raise FieldError("Idempotency-Key", _("幂等键最长100个字符"))
    digest = _digest(body, user_id) if idempotency_key else ""
    incident = _case(body, category, component, user_id, desk_area_id, at)
    plan = _clocks(incident, category, at)
    incident.due_at = clocks.due_of(plan.started)
    entry = journal.draft(
        number=incident.number,
        head_seq=0,
        head_mac="",
        action=REPORT,
        status_from="",
        status_to=incident.status,
        actor_id=user_id,
        actor_role=role,
        channel=channel,
        version=1,
        at=at,
        recorded_at=now,
        payload=_facts(incident, category, component, body) | clocks.facts(plan),
        text=body.description,
    )
    incident.head_seq, incident.head_mac = entry.seq, entry.mac
    reporter = Reporter(name=body.reporter_name, phone=body.reporter_phone) if _has_reporter(body, user_id) else None
    named = sorted(set(named_for(incident))) if named_for is not None and incident.is_confidential else []
    try:
        with transaction.atomic():
            if idempotency_key:
                IdempotencyKey.objects.create(
                    user_id=user_id, key=idempotency_key, digest=digest, number=incident.number, created_at=at
                )
            if reporter is not None:
                insert_new([reporter])
                incident.reporter = reporter
            insert_new([incident])
            sla.write(plan, incident_id=incident.pk, entry_seq=entry.seq, actor_id=user_id)
            journal.insert([(incident.pk, entry)])
            if body.attachments:
                claim(body.attachments, incident_id=incident.pk, entry_seq=entry.seq, user_id=user_id)
            if named:
                NamedAccess.objects.bulk_create(NamedAccess(incident=incident, user_id=pk) for pk in named)
            announce(incident.pk, entry.seq)
    except IntegrityError:
        earlier = _earlier(user_id, idempotency_key)
        if earlier is None:
            raise
        if earlier.digest != digest:
            raise Conflict(_("幂等键已用于另一份内容"), code="idempotency_key_reused", number=earlier.number) from None
        token = _link_of(earlier.number) if user_id is None else ""
        return Received(earlier.number, None, token=token, repeated=True)
    return Received(incident.number, incident.pk, token=reporter.token if reporter else "")


def _earlier(user_id: int | None, key: str) -> IdempotencyKey | None:
    return IdempotencyKey.objects.filter(user=user_id, key=key).first() if key else None


def _digest(body: Report, user_id: int | None) -> str:
    """What the key stands for. The public sends photos with the form: sent again they are new files of old content."""
    if user_id is not None or not body.attachments:
        return body.digest()
    known = dict(Attachment.objects.filter(pk__in=body.attachments).values_list("pk", "sha256"))
    return replace(body, attachments=[known.get(pk, pk) for pk in body.attachments]).digest()


def _link_of(number: str) -> str:
    return Incident.objects.filter(number=number).values_list("reporter__token", flat=True).first() or ""


def _has_reporter(body: Report, user_id: int | None) -> bool:
    # somebody without an account gets a link of his own in any event
    return bool(body.reporter_name or body.reporter_phone or user_id is None)


# --- checking ---------------------------------------------------------------------------------------------------


def _check(body: Report, at: datetime) -> tuple[CategorySpec, Component | None]:
    errors: list[FieldError] = []

    def refuse(name: str, message: str) -> None:
        errors.append(FieldError(name, message))

    category = None
    if not body.category:
        refuse("category", _("请选择类别"))
    else:
        category = catalogue().category_by_code(body.category)
        if category is None or not category.is_active:
            category = None
            refuse("category", _("没有这个类别：%(code)s") % {"code": body.category[:40]})
        elif category.parent_id is None:
            category = None
            refuse("category", _("请选到小类"))
    if body.source not in Incident.Source.values:
        refuse("source", _("没有这个来源：%(code)s") % {"code": body.source[:40]})
    if len(body.description) > DESCRIPTION_LIMIT:
        refuse("description", _("描述最长%(limit)s字") % {"limit": DESCRIPTION_LIMIT})
    if len(body.address) > ADDRESS_LIMIT:
        refuse("address", _("地址最长%(limit)s字") % {"limit": ADDRESS_LIMIT})
    texts = {
        "description": body.description, "address": body.address, "reporter.name": body.reporter_name,
        "reporter.phone": body.reporter_phone, "component": body.component,
    }  # fmt: skip
    for name, text in texts.items():
        if not is_storable(text):
            refuse(name, _("文字中有不可用的字符"))
    if len(body.reporter_name) > 60:
        refuse("reporter.name", _("称呼最长60字"))
    if body.reporter_phone and not PHONE.match(body.reporter_phone):
        refuse("reporter.phone", _("电话号码不对"))
    if body.occurred_at is not None and body.occurred_at > at + AHEAD:
        refuse("occurred_at", _("发生时间晚于现在"))
    if body.accuracy_m is not None and not (math.isfinite(body.accuracy_m) and 0 <= body.accuracy_m <= 100_000):
        refuse("accuracy_m", _("定位精度须在0到100000米之间"))
    component = _component(body, refuse)
    errors += _position_errors(body)
    if errors:
        raise errors[0] if len(errors) == 1 else FieldErrors(errors)
    return category, component


def _component(body: Report, refuse: Any) -> Component | None:
    if not body.component or not is_storable(body.component):
        return None
    found = Component.objects.filter(
        Q(code=body.component) | Q(short_code=body.component) | Q(qr_token=body.component)
    ).first()
    if found is None:
        refuse("component", _("没有这个部件：%(code)s") % {"code": body.component[:40]})
    return found


def _position_errors(body: Report) -> list[FieldError]:
    if body.lon is None and body.lat is None:
        return []
    if body.lon is None or body.lat is None:
        missing = "lon" if body.lon is None else "lat"
        return [FieldError(missing, _("经度和纬度须一起给出"))]
    if body.crs not in CRS:
        return [FieldError("crs", _("没有这个坐标系：%(crs)s") % {"crs": body.crs[:20]})]
    if not (math.isfinite(body.lon) and -180 <= body.lon <= 180):
        return [FieldError("lon", _("经度须在-180到180之间"))]
    if not (math.isfinite(body.lat) and -90 <= body.lat <= 90):
        return [FieldError("lat", _("纬度须在-90到90之间，经纬度可能写反了"))]
    lon, lat = to_wgs84(body.lon, body.lat, body.crs)
    if areas.locate(lon, lat) is None:
        if areas.looks_swapped(lon, lat):
            return [FieldError("lon", _("经纬度写反了：请先写经度，再写纬度"), code="swapped")]
        return [FieldError("lon", _("该位置不在任何城市的范围内"), code="outside")]
    return []


# --- making -----------------------------------------------------------------------------------------------------


def _case(
    body: Report,
    category: CategorySpec,
    component: Component | None,
    user_id: int | None,
    desk_area_id: int | None,
    at: datetime,
) -> Incident:
    index = areas.index()
    lon = lat = None
    if body.lon is not None and body.lat is not None:
        lon, lat = to_wgs84(body.lon, body.lat, body.crs)
    elif component is not None:
        lon, lat = component.lon, component.lat
    placement = index.locate(lon, lat) if lon is not None and lat is not None else None
    area_id = placement.area_id if placement else desk_area_id
    if area_id is None:
        raise FieldError("lon", _("请给出位置或部件"), code="required")
    centre = index.centre_for(area_id, category.holder_level)
    if centre is None:
        raise FieldError("lon", _("该位置没有承办的指挥中心"), code="no_centre")
    chain = placement.chain if placement else index.chain(centre.id)
    return Incident(
        number=next_number(place_code=_place_code(index, chain), on=clock.local_date(at)),
        source=body.source,
        category_id=category.id,
        description=body.description,
        address=body.address,
        lon=lon,
        lat=lat,
        raw_lon=body.lon,
        raw_lat=body.lat,
        raw_crs=body.crs if body.lon is not None else "",
        accuracy_m=body.accuracy_m,
        occurred_at=body.occurred_at,
        received_at=at,
        status_at=at,
        component=component,
        reported_by_id=user_id,
        city_id=chain[0],
        district_id=chain[1],
        street_id=chain[2],
        community_id=chain[3],
        grid_id=chain[4],
        is_placed=placement is not None,
        placed_revision=placement.revision if placement else 0,
        holder_id=centre.id,
        first_receiver_id=centre.id,
        is_urgent=category.is_urgent,
        is_confidential=category.is_confidential,
    )


def _place_code(index: Any, chain: Sequence[int | None]) -> str:
    record = index.find(chain[1]) or index.find(chain[0])
    return record.code if record else ""


def _clocks(incident: Incident, category: CategorySpec, at: datetime) -> clocks.Plan:
    move = clocks.Move(
        action=REPORT,
        source=None,
        target=incident.status,  # type: ignore[arg-type]
        at=at,
        effective_at=at,
        holder_id=incident.holder_id,
    )
    return clocks.plan(move, (), sla.policies_of(category.id, None), sla.calendars)


def _facts(incident: Incident, category: CategorySpec, component: Component | None, body: Report) -> Mapping[str, Any]:
    return {
        "category": category.code,
        "source": body.source,
        "holder": incident.holder_id,
        "areas": [
            incident.city_id, incident.district_id, incident.street_id, incident.community_id, incident.grid_id,
        ],
        "revision": incident.placed_revision,
        "component": component.pk if component else None,
        "attachments": [str(a) for a in body.attachments],
    }  # fmt: skip
