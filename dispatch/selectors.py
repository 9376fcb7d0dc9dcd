"""Reads for the API and the pages: a case whole, and the rows of lists. Nothing here writes.

A case is one statement whatever its journal, clocks, tickets, requests and photos number, with the names of the people
in it. Names of areas, categories, standards and departments come from the process.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from django.db.models import Exists, Expression, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.cases import Case, case_from, with_all
from dispatch.clock_words import ClockView, clock_view
from dispatch.component_words import Reported, reported
from dispatch.models import Request, RoutingProposal, Ticket
from dispatch.parties import label as party_label
from dispatch.steps import IMPOSE_AFTER_RETURNS
from dispatch.visibility import cases_of, may_see
from gridgov.common.errors import NotFound
from gridgov.common.json_rows import instant, rows, rows_subquery
from gridgov.common.prepared import Prepared
from grids import permissions
from grids.capabilities import Capability
from grids.models import LEVEL_NAMES
from grids.spatial import AreaIndex, areas
from incidents.case import as_json
from incidents.models import Attachment, DuplicateCandidate, Incident, JournalEntry, NamedAccess
from incidents.workflow import DECIDERS, Action, Party, Status
from personnel.roles import Role

JOURNAL_PAGE = 100

#: What a journal entry is called that is no action of the table.
ENTRY_LABELS: Mapping[str, Any] = {
    "report": pgettext_lazy("done", "上报"),
    "adopted": gettext_lazy("历史导入"),
    "request_asked": gettext_lazy("提出申请"),
    "request_refused": gettext_lazy("不同意申请"),
    "request_raised": gettext_lazy("申请转上级审批"),
    "request_lapsed": gettext_lazy("申请失效"),
    "joint_signed": gettext_lazy("协办签收"),
    "joint_done": gettext_lazy("协办办结"),
    "joint_refused": gettext_lazy("协办拒绝"),
    "joint_waived": gettext_lazy("协办免除"),
    "step": gettext_lazy("时限提醒"),
    "placed_again": gettext_lazy("重新定位"),
    "phone_revealed": gettext_lazy("查看完整电话"),
    "recomputed": gettext_lazy("重算期限"),
    "ladder_paused": gettext_lazy("暂停升级提醒"),
    "ladder_released": gettext_lazy("恢复升级提醒"),
    "entry_released": gettext_lazy("重新投递"),
    "notice_resent": gettext_lazy("重新发送通知"),
    "access_named": gettext_lazy("变更知情人"),
    "exempted": gettext_lazy("免责"),
    "claim_seized": gettext_lazy("接管认领"),
    "appeal_asked": gettext_lazy("超时申诉"),
    "appeal_forwarded": gettext_lazy("申诉审核同意"),
    "appeal_refused": gettext_lazy("申诉不予免责"),
}
_PARTIES = frozenset(party.value for party in Party)
# ``Action.values`` translates every label each time
_ACTIONS = frozenset(action.value for action in Action)
_ROLES = frozenset(role.value for role in Role)
#: What the journal calls somebody who acted without a role.
STANDING_LABELS: Mapping[str, Any] = {"joint_handler": gettext_lazy("协办单位人员")}


def entry_label(action: str) -> str:
    """What a journal entry's action is called."""
    return _entry_label(action, get_language())


@lru_cache(maxsize=512)
def _entry_label(action: str, _language: str | None) -> str:
    if action in _ACTIONS:
        return str(Action(action).label)
    return str(ENTRY_LABELS.get(action, action))


def role_label(role: str) -> str:
    """What a role, or what somebody is to a case, is called; empty for none."""
    return _role_label(role, get_language())


@lru_cache(maxsize=512)
def _role_label(role: str, _language: str | None) -> str:
    if role in _ROLES:
        return str(Role(role).label)
    if role in _PARTIES:
        return party_label(Party(role))
    return str(STANDING_LABELS.get(role, role))


@lru_cache(maxsize=64)
def _nobody(channel: str, _language: str | None) -> str:
    """Who wrote what no account wrote, by the channel; empty where that is not said."""
    return {"system": _("系统"), "link": _("上报人")}.get(channel, "")


def masked(phone: str) -> str:
    """138****2716: enough to recognise, not enough to call."""
    digits = phone.strip()
    if len(digits) < 7:
        return "*" * len(digits)
    return f"{digits[:3]}{'*' * (len(digits) - 7)}{digits[-4:]}"


# --- a case -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal entry as it is shown. ``mac`` is the first 12 characters of its seal."""

    seq: int
    action: str
    label: str
    status_from: str
    status_to: str
    actor_id: int | None
    actor: str
    role: str
    role_label: str
    channel: str
    version: int
    at: datetime
    text: str
    payload: Mapping[str, Any]
    mac: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with everything that is shown of it. ``names``: user id → name; ``worker_names``: worker id → name."""

    case: Case
    clocks: list[ClockView]
    journal: list[Entry]
    attachments: list[dict[str, Any]]
    duplicates: list[dict[str, Any]]
    merged: list[str]
    routing: dict[str, Any] | None
    reporter_name: str
    reporter_phone: str
    parent: str
    component: Reported | None
    names: Mapping[int, str]
    worker_names: Mapping[int, str]

    @property
    def journal_next(self) -> int | None:
        """The seq after which the next page of the journal begins, None where this one has the last entry."""
        last = self.journal[-1].seq if self.journal else 0
        return last if last and last < self.case.incident.head_seq else None


_ENTRY_FIELDS = (
    "seq", "action", "status_from", "status_to", "actor_id", "actor_role", "channel", "version", "at", "text",
    "payload", "mac",
)  # fmt: skip
_ATTACHMENT_FIELDS = (
    "id", "kind", "name", "size", "sha256", "width", "height", "taken_at", "lon", "lat", "uploaded_by_id",
    "uploaded_at", "entry_seq",
)  # fmt: skip


def case_view(number: str, by: Actor, *, at: datetime, journal_after: int = 0) -> CaseView:
    """The case with its journal's entries after ``journal_after`` (at most JOURNAL_PAGE). One statement.

    NotFound if ``by`` may not see it. ``at``: the present, for what is overdue.
    """
    row = _VIEW.first(number=number, after=journal_after, until=journal_after + JOURNAL_PAGE)
    case = case_from(row) if row is not None else None
    if row is None or case is None or not may_see(case, by):
        raise NotFound(_("没有这个案件"))
    journal = rows(row.entry_rows)
    attachments = rows(row.attachment_rows)
    names, worker_names = _names(row, journal, attachments)
    exempt = {r["id"] for r in rows(row.clock_rows) if r["is_exempt"]}
    routing = rows(row.routing_rows)
    language = get_language()
    return CaseView(
        case=case,
        clocks=[clock_view(clock, at, language, is_exempt=clock.id in exempt) for clock in case.clocks],
        journal=sorted((_entry(r, names, language) for r in journal), key=lambda entry: entry.seq),
        attachments=sorted(
            (_with_instants(a) for a in attachments), key=lambda a: (a["entry_seq"], a["uploaded_at"], a["id"])
        ),
        duplicates=_alike(rows(row.duplicate_rows), by),
        merged=sorted(r["number"] for r in rows(row.merged_rows)),
        routing=routing[0] | {"joint": as_json(routing[0]["joint"])} if routing else None,
        reporter_name=row.reporter_said or "",
        reporter_phone=masked(row.reporter_number or ""),
        parent=row.parent_number or "",
        component=reported(row.component_code, row.component_name, row.component_address, row.component_area),
        names=names,
        worker_names=worker_names,
    )


#: The people that a case itself names.
_PEOPLE = ("reported_by", "checker", "verifier", "on_site_by")


def _called(person: str) -> Expression:
    """What the user behind the relation is called: the name, else the login; NULL where there is none."""
    return Coalesce(NullIf(F(f"{person}__name"), Value("")), F(f"{person}__username"))


def _with_view(*, number: Any, after: Any, until: Any) -> QuerySet[Incident]:
    this = OuterRef("pk")
    return with_all(Incident.objects.filter(number=number)).annotate(
        entry_rows=rows_subquery(
            JournalEntry.objects.filter(incident=this, seq__gt=after, seq__lte=until),
            link="incident",
            fields=_ENTRY_FIELDS,
            actor=_called("actor"),
        ),
        attachment_rows=rows_subquery(
            Attachment.objects.filter(incident=this),
            link="incident",
            fields=_ATTACHMENT_FIELDS,
            uploaded_by=_called("uploaded_by"),
        ),
        ticket_people=rows_subquery(
            Ticket.objects.filter(incident=this),
            link="incident",
            fields=("dispatched_by_id", "signed_by_id", "worker_id"),
            dispatched_by=_called("dispatched_by"),
            signed_by=_called("signed_by"),
            worker=_called("worker__user"),
        ),
        request_people=rows_subquery(
            Request.objects.filter(incident=this),
            link="incident",
            fields=("asked_by_id", "decided_by_id"),
            asked_by=_called("asked_by"),
            decided_by=_called("decided_by"),
        ),
        duplicate_rows=rows_subquery(
            DuplicateCandidate.objects.filter(incident=this, other__is_confidential=False),
            link="incident",
            fields=("score", "distance_m", "gap_minutes"),
            number=F("other__number"),
            status=F("other__status"),
            category_id=F("other__category_id"),
            **{level: F(f"other__{level}_id") for level in LEVEL_NAMES.values()},
        ),
        merged_rows=rows_subquery(
            Incident.objects.filter(parent=this, is_confidential=False), link="parent", fields=("number",)
        ),
        routing_rows=rows_subquery(
            RoutingProposal.objects.filter(incident=this),
            link="incident",
            fields=("lead_id", "joint", "reason", "rule_id", "made_at"),
        ),
        reporter_said=F("reporter__name"),
        reporter_number=F("reporter__phone"),
        parent_number=F("parent__number"),
        component_code=F("component__code"),
        component_name=F("component__name"),
        component_address=F("component__address"),
        component_area=F("component__area_id"),
        **{f"{person}_called": _called(person) for person in _PEOPLE},
    )


_VIEW = Prepared(_with_view, number=str, after=int, until=int)


def _alike(found: Iterable[dict[str, Any]], by: Actor) -> list[dict[str, Any]]:
    """The candidates, best first, without those that lie where ``by`` may not look."""
    seen = (d for d in found if by.may(Capability.VIEW_INCIDENT, [d[level] for level in LEVEL_NAMES.values()]))
    return sorted(seen, key=lambda d: -d["score"])


def _names(
    row: Any, journal: Iterable[Mapping[str, Any]], attachments: Iterable[Mapping[str, Any]]
) -> tuple[dict[int, str], dict[int, str]]:
    """Of the users and of the workers who are in the case, by id."""
    tickets = rows(row.ticket_people)
    found = {getattr(row, f"{person}_id"): getattr(row, f"{person}_called") for person in _PEOPLE}
    for told, people in (
        (journal, ("actor",)),
        (attachments, ("uploaded_by",)),
        (tickets, ("dispatched_by", "signed_by")),
        (rows(row.request_people), ("asked_by", "decided_by")),
    ):
        found |= {one[f"{person}_id"]: one[person] for one in told for person in people}
    found.pop(None, None)
    return found, {one["worker_id"]: one["worker"] for one in tickets if one["worker_id"] is not None}


def _entry(row: Mapping[str, Any], names: Mapping[int, str], language: str | None) -> Entry:
    actor_id, channel = row["actor_id"], row["channel"]
    return Entry(
        seq=row["seq"],
        action=row["action"],
        label=_entry_label(row["action"], language),
        status_from=row["status_from"],
        status_to=row["status_to"],
        actor_id=actor_id,
        actor=names.get(actor_id, "") if actor_id is not None else _nobody(channel, language),
        role=row["actor_role"],
        role_label=_role_label(row["actor_role"], language),
        channel=channel,
        version=row["version"],
        at=instant(row["at"]),  # type: ignore[arg-type]
        text=row["text"],
        payload=as_json(row["payload"]),
        mac=row["mac"][:12],
    )


def _with_instants(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "taken_at": instant(row["taken_at"]), "uploaded_at": instant(row["uploaded_at"])}


# --- lists ------------------------------------------------------------------------------------------------------

#: The columns of a case in a list, and ``lead_id``, the department of its live lead ticket.
ROW_FIELDS = (
    "id", "number", "status", "version", "source", "category_id", "description", "address", "lon", "lat", "received_at",
    "due_at", "status_at", "closed_at", "holder_id", "city_id", "district_id", "street_id", "community_id", "grid_id",
    "is_urgent", "is_confidential", "supervision_level", "rework_count", "suspended_until", "lead_id", "lead_worker",
)  # fmt: skip


def with_lead(cases: QuerySet[Incident]) -> QuerySet[Incident]:
    """``cases`` with the department, or the worker's name, of the live lead ticket."""
    lead = Ticket.objects.filter(incident=OuterRef("pk"), is_lead=True, state__in=Ticket.LIVE)
    return cases.annotate(
        lead_id=Subquery(lead.values("department_id")[:1]), lead_worker=Subquery(lead.values("worker__user__name")[:1])
    )


def _tickets_held(by: Actor) -> Q | None:
    mine = Q(worker=by.worker_id) if by.worker_id is not None else Q()
    if by.department_ids:
        mine |= Q(department__in=sorted(by.department_ids))
    return mine or None


TICKET_FIELDS = (
    "id", "incident__number", "incident__status", "incident__version", "incident__category_id", "incident__address",
    "incident__description", "incident__is_urgent", "assignment", "is_lead", "is_final", "department_id",
    "worker__user__name", "state", "round", "due_at", "dispatched_at", "signed_at", "ended_at", "result",
)  # fmt: skip


def tickets_of(by: Actor) -> QuerySet[Ticket]:
    """The tickets of ``by``'s departments and his own, of cases that he may know of."""
    mine = _tickets_held(by)
    if mine is None or by.user_id is None:
        return Ticket.objects.none()
    return Ticket.objects.filter(mine).filter(_not_secret(by, "incident"))


REQUEST_FIELDS = (
    "id", "incident__number", "incident__status", "incident__category_id", "incident__address", "kind", "state",
    "asked_by__name", "asked_at", "reason", "until", "level", "decide_by_at",
)  # fmt: skip


def requests_waiting_for(by: Actor) -> QuerySet[Request]:
    """The pending requests of others that ``by`` may decide: at his level or below it, of centres in his areas."""
    index = areas.index()
    able = Q()
    for level, capability in enumerate(DECIDERS):
        held = permissions.visible_area_ids(by.grants, capability)
        centres = {record.id for area_id in held for record in index.subtree(area_id) if record.has_desk}
        if centres:
            able |= Q(level__lte=level, incident__holder__in=sorted(centres))
    if not able or by.user_id is None:
        return Request.objects.none()
    waiting = Request.objects.filter(able, state=Request.State.PENDING).exclude(asked_by=by.user_id)
    return waiting.filter(_not_secret(by, "incident"))


def rulings_waiting_for(by: Actor) -> QuerySet[Incident]:
    """The filed cases of the centres in ``by``'s areas that were given back so often that he rules on them."""
    held = permissions.visible_area_ids(by.grants, Capability.IMPOSE)
    centres = {record.id for area_id in held for record in areas.index().subtree(area_id) if record.has_desk}
    return cases_of(by).filter(holder__in=sorted(centres), status=Status.FILED, return_count__gte=IMPOSE_AFTER_RETURNS)


def _not_secret(by: Actor, prefix: str) -> Q:
    named = NamedAccess.objects.filter(incident=OuterRef(prefix), user=by.user_id)
    return Q(**{f"{prefix}__is_confidential": False}) | Exists(named)


def attachment_for(attachment_id: Any, by: Actor) -> Attachment:
    """The file, if it belongs to a case that ``by`` may see or is his own upload. NotFound otherwise. One statement."""
    seen = Q(incident__in=cases_of(by, wide=True).order_by().values("pk"))
    if by.user_id is not None:
        seen |= Q(uploaded_by=by.user_id, incident__isnull=True)
    found = Attachment.objects.filter(seen, pk=attachment_id).first()
    if found is None:
        raise NotFound(_("没有这个附件"))
    return found


_chains: tuple[Any, dict[tuple[int | None, ...], list[dict[str, Any]]]] = (None, {})


_chain_columns = itemgetter(*(f"{level}_id" for level in LEVEL_NAMES.values()))


def chain_names(row: Mapping[str, Any], index: AreaIndex | None = None) -> list[dict[str, Any]]:
    """The areas of a case from the city down, skipped levels left out. Shared between answers: not to be changed.

    ``index``: that of the answer, where it has many cases.
    """
    global _chains
    index = index or areas.index()
    held = _chains
    if held[0] is not index:
        held = _chains = (index, {})  # another index, other names
    ids = _chain_columns(row)
    known = held[1].get(ids)
    if known is None:
        found = (index.find(area_id) for area_id in ids)
        known = [{"id": r.id, "level": r.level, "code": r.code, "name": r.name} for r in found if r is not None]
        held[1][ids] = known
    return known


def may_reveal(case: Case, by: Actor) -> bool:
    """Whether ``by`` may see the reporter's phone whole."""
    return by.may(Capability.REVEAL_PHONE, (*case.holder_chain, *case.place_chain))
