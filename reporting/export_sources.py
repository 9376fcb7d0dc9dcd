"""What an export is made of: columns, and rows in keyset chunks that can be gone on with from any mark.

A source holds one chunk at a time. It looks with the sight that the person had when the export was asked for.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.queue_query import cases_in, desk_of
from dispatch.visibility import cases_of
from gridgov.common import clock
from gridgov.common.secrecy import without_phones
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import Incident
from incidents.workflow import Status
from reporting import selectors
from reporting.history import Period
from reporting.models import Export

CHUNK = 5000
EVIDENCE_CHUNK = 500
#: A spreadsheet would take the cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


class Source(Protocol):
    """Rows by marks: 0 is the beginning."""

    def columns(self) -> Sequence[str]: ...

    def count(self) -> int: ...

    def chunk(self, mark: int) -> tuple[list[list[str]], int]:
        """The rows after ``mark``, and the mark of the last of them; no rows: the end."""
        ...


def scope_of(actor: Actor) -> dict[str, Any]:
    """What the person may see now, to be kept with the export."""
    return {
        "grants": sorted([str(capability), area_id] for capability, area_id in actor.grants),
        "departments": sorted(actor.department_ids),
        "worker": actor.worker_id,
    }


def source_of(export: Export) -> Source:
    """Where the rows of the export come from. FieldError, NotFound where its query means nothing any more."""
    scope = export.scope
    actor = Actor(
        user_id=export.user_id,
        grants=frozenset((capability, area_id) for capability, area_id in scope["grants"]),
        department_ids=frozenset(scope["departments"]),
        worker_id=scope["worker"],
        channel="export",
    )
    if export.kind == Export.Kind.FIGURE:
        return FigureSource(actor, export.query)
    return CaseSource(_cases(export, actor), export.last_id)


def _cases(export: Export, actor: Actor) -> QuerySet[Incident]:
    query = dict(export.query)
    if export.kind == Export.Kind.QUEUE:
        desk, component = desk_of(query.pop("desk")), query.pop("component", "")
        found = cases_in(desk, query, actor, now=export.at)
        return found.filter(component__code=component) if component else found
    found = cases_of(actor)
    if query.get("from"):
        found = found.filter(received_at__gte=datetime.fromisoformat(query["from"]))
    if query.get("until"):
        found = found.filter(received_at__lt=datetime.fromisoformat(query["until"]))
    return found


class CaseSource:
    """Cases by id, oldest first, up to the newest that there was when the export was asked for."""

    FIELDS = (
        "id", "number", "status", "category_id", "source", "is_urgent", "supervision_level", "district_id", "street_id",
        "community_id", "grid_id", "address", "description", "lon", "lat", "received_at", "due_at", "closed_at",
        "return_count", "rework_count",
    )  # fmt: skip

    def __init__(self, cases: QuerySet[Incident], last_id: int) -> None:
        self._cases = cases.filter(pk__lte=last_id).order_by("pk")
        self._statuses = {status.value: str(status.label) for status in Status}
        self._sources = {value: str(label) for value, label in Incident.Source.choices}
        self._known = catalogue()

    def columns(self) -> Sequence[str]:
        return (
            _("案件编号"), _("状态"), _("大类"), _("小类"), _("来源"), _("紧急"), _("督办级别"), _("区县"), _("街道"),
            _("社区"), _("网格"), _("地址"), _("描述"), _("经度"), _("纬度"), _("收到时间"), _("到期时间"),
            _("结案时间"), _("退单次数"), _("返工次数"),
        )  # fmt: skip

    def count(self) -> int:
        return self._cases.order_by().count()

    def chunk(self, mark: int) -> tuple[list[list[str]], int]:
        rows = list(self._cases.filter(pk__gt=mark).values_list(*self.FIELDS)[:CHUNK])
        return [self._shown(row) for row in rows], rows[-1][0] if rows else mark

    def _shown(self, row: Sequence[Any]) -> list[str]:
        (
            _id, number, status, category_id, source, urgent, level, district, street, community, grid, address, words,
            lon, lat, received, due, closed, returns, reworks,
        ) = row  # fmt: skip
        category = self._known.category(category_id)
        parent = self._known.category(category.parent_id) if category and category.parent_id else None
        return [
            number,
            self._statuses[status],
            cell(parent.name) if parent else "",
            cell(category.name) if category else "",
            self._sources.get(source, source),
            _("是") if urgent else "",
            str(level or ""),
            *(cell(areas.name(pk)) if pk else "" for pk in (district, street, community, grid)),
            cell(address),
            # people write numbers into what they tell
            cell(without_phones(words)),
            "" if lon is None else f"{lon:.6f}",
            "" if lat is None else f"{lat:.6f}",
            *(_moment(at) for at in (received, due, closed)),
            str(returns),
            str(reworks),
        ]


class FigureSource:
    """The cases behind a number of the dashboard, as they were when it was counted."""

    def __init__(self, actor: Actor, query: Mapping[str, Any]) -> None:
        asked = dict(query)
        self._actor, self._part = actor, asked.pop("part", "all")
        between = asked.pop("between", None)
        if between:
            asked["between"] = Period(*(datetime.fromisoformat(end) for end in between))
        # the same at each look: all of it is as of one instant
        self._asked = selectors.Asked(asked.pop("key"), datetime.fromisoformat(asked.pop("at")), **asked)
        self._titles = catalogue()
        self._mark, self._pieces = -1, iter(())  # type: ignore[var-annotated]

    def columns(self) -> Sequence[str]:
        return (_("案件编号"), _("类别"), _("计入的一步"), _("当时状态"), _("时间"), _("地址"))

    def count(self) -> int:
        """How many there may be; that fewer count is known at the end."""
        return selectors.drilled(self._actor, self._asked)

    def chunk(self, mark: int) -> tuple[list[list[str]], int]:
        if mark != self._mark:
            self._pieces = selectors.drill_pieces(self._actor, self._asked, after=mark, size=EVIDENCE_CHUNK)
        for reached, found in self._pieces:
            self._mark = reached
            refs = {"hits": found.hits, "misses": found.misses}.get(self._part, found.refs)
            rows, _unseen = selectors.evidence(self._actor, refs)
            if rows:
                return [self._shown(row) for row in rows], self._mark
        return [], mark

    def _shown(self, row: selectors.Evidence) -> list[str]:
        category = self._titles.category(row.category_id)
        return [
            row.number, cell(category.name) if category else "", row.label, row.status_label, _moment(row.at),
            cell(row.address),
        ]  # fmt: skip


def cell(text: str) -> str:
    """``text`` as a spreadsheet may have it: no control characters, and never a formula."""
    text = _CONTROL.sub("", text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{clock.local(at):%Y-%m-%d %H:%M:%S}"


def newest_id() -> int:
    """The id of the newest case."""
    return Incident.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
