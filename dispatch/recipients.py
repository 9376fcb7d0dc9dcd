"""Who is told of an entry, and in which words: people of a round of entries found in sets, one statement a table.

A notice names the case by its number and category and says what happened, never what somebody wrote. Of a confidential
case only people named on it are told, and not even the category.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from dispatch import escalation
from dispatch.entries import Delivered
from dispatch.models import EscalationTarget, Request, Ticket
from dispatch.notify import STEP, Told
from gridgov.common import clock
from grids import permissions
from grids.capabilities import Capability
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import ClockKind, NamedAccess
from incidents.workflow import DECIDERS, Action, RequestKind, Status
from personnel.models import Posting
from personnel.roles import DEPARTMENT_ROLES, ROLE_CAPABILITIES, Role
from personnel.selectors import department_tree

People = set[int]
_TICKET = (
    "id", "incident_id", "assignment", "is_lead", "state", "department_id", "worker__user_id", "dispatched_by_id",
    "dispatched_at", "due_at",
)  # fmt: skip


def roles_with(capability: Capability) -> tuple[str, ...]:
    """The roles that give a capability."""
    return tuple(role.value for role, held in ROLE_CAPABILITIES.items() if capability in held)


class Book:
    """Everybody around the cases of one round; each table is read once, when first asked."""

    def __init__(self, entries: Sequence[Delivered], on: date) -> None:
        self._entries = entries
        self._on = on
        self._index = areas.index()

    # --- at the centres -----------------------------------------------------------------------------------

    @cached_property
    def _posted(self) -> Mapping[tuple[int, str], People]:
        """Users by (area, role), for all areas of the round."""
        wanted: set[int] = set()
        for entry in self._entries:
            wanted.update(self.upward(entry))
            wanted.update(area_id for area_id in entry.chain if area_id is not None)
        found: dict[tuple[int, str], People] = {}
        for holder in permissions.holders(on=self._on, areas_in=sorted(wanted)):
            found.setdefault((holder.area_id, holder.role), set()).add(holder.user_id)
        return found

    def upward(self, entry: Delivered) -> tuple[int, ...]:
        """The holding centre and the areas above it, nearest first."""
        record = self._index.find(entry.holder_id)
        return tuple(reversed(record.ancestors)) if record else (entry.holder_id,)

    def at_centre(self, entry: Delivered, roles: Iterable[str], levels_up: int = 0) -> People:
        """Who holds one of the roles at the holder, else at the nearest area above it; ``levels_up`` further up."""
        chain, roles = self.upward(entry), tuple(roles)
        for position, area_id in enumerate(chain):
            if self._at(area_id, roles):
                above = min(position + levels_up, len(chain) - 1)
                # further up there may be nobody: then whoever is next above, at last the nearest again
                return next((p for a in chain[above:] if (p := self._at(a, roles))), self._at(area_id, roles))
        return set()

    def _at(self, area_id: int, roles: Iterable[str]) -> People:
        return set().union(*(self._posted.get((area_id, role), set()) for role in roles))

    def able(self, entry: Delivered, capability: Capability) -> People:
        """Who holds the capability nearest to the holder."""
        return self.at_centre(entry, roles_with(capability))

    # --- at the handlers ----------------------------------------------------------------------------------

    @cached_property
    def _tickets(self) -> Mapping[int, list[dict[str, Any]]]:
        found: dict[int, list[dict[str, Any]]] = {}
        ids = [entry.incident_id for entry in self._entries]
        for row in Ticket.objects.filter(incident__in=ids).order_by("id").values(*_TICKET):
            found.setdefault(row["incident_id"], []).append(row)
        return found

    def tickets(self, entry: Delivered, *, live: bool = False, assignment: int | None = None) -> list[dict[str, Any]]:
        """The case's tickets: the live ones, or those of one dispatch."""
        return [
            ticket
            for ticket in self._tickets.get(entry.incident_id, ())
            if (not live or ticket["state"] in Ticket.LIVE) and assignment in (None, ticket["assignment"])
        ]

    @cached_property
    def _staff(self) -> Mapping[int, Mapping[str, People]]:
        """Users by department and role, for the departments of all tickets and those above them."""
        tree = department_tree()
        wanted: set[int] = set()
        for tickets in self._tickets.values():
            for ticket in tickets:
                record = tree.find(ticket["department_id"])
                wanted.update(record.ancestors if record else ())
        found: dict[int, dict[str, People]] = {}
        current = Q(starts_on__lte=self._on) & (Q(ends_on__isnull=True) | Q(ends_on__gte=self._on))
        rows = Posting.objects.filter(
            current, department__in=wanted, role__in=DEPARTMENT_ROLES, worker__user__is_active=True
        )
        for department_id, role, user_id in rows.values_list("department_id", "role", "worker__user_id"):
            found.setdefault(department_id, {}).setdefault(role, set()).add(user_id)
        return found

    def handlers(self, tickets: Iterable[dict[str, Any]], role: str | None = None, levels_up: int = 0) -> People:
        """The people of the tickets: the worker, or who holds the role in the department or the nearest one above.

        Without a role its handlers, else whoever is posted there.
        """
        people: People = set()
        for ticket in tickets:
            if ticket["worker__user_id"] is not None:
                people.add(ticket["worker__user_id"])
                continue
            record = department_tree().find(ticket["department_id"])
            chain = tuple(reversed(record.ancestors)) if record else ()
            chain = chain[min(levels_up, max(0, len(chain) - 1)) :]
            people |= next((p for d in chain if (p := self._staff_of(d, role))), set())
        return people

    def _staff_of(self, department_id: int, role: str | None) -> People:
        held = self._staff.get(department_id, {})
        if role is not None:
            return held.get(role, set())
        return held.get(Role.DEPARTMENT_HANDLER) or set().union(*held.values())

    # --- around requests, and confidential cases ------------------------------------------------------------

    @cached_property
    def _requests(self) -> Mapping[int, dict[str, Any]]:
        ids = [entry.incident_id for entry in self._entries]
        rows = Request.objects.filter(incident__in=ids).values(
            "id", "incident_id", "kind", "level", "asked_by_id", "asked_seq", "state"
        )
        return {row["id"]: row for row in rows}

    def request(self, request_id: int | None) -> dict[str, Any] | None:
        return self._requests.get(request_id) if request_id is not None else None

    def asked(self, entry: Delivered) -> dict[str, Any] | None:
        """The request that was asked with this entry."""
        found = (
            r for r in self._requests.values() if (r["incident_id"], r["asked_seq"]) == (entry.incident_id, entry.seq)
        )
        return next(found, None)

    @cached_property
    def _named(self) -> Mapping[int, People]:
        ids = [entry.incident_id for entry in self._entries if entry.is_confidential]
        found: dict[int, People] = {}
        rows = NamedAccess.objects.filter(incident__in=ids).values_list("incident_id", "user_id") if ids else ()
        for incident_id, user_id in rows:
            found.setdefault(incident_id, set()).add(user_id)
        return found

    def allowed(self, entry: Delivered, people: Iterable[int | None]) -> People:
        """Of the people those who may know of the case, but for who did it himself."""
        found = {user_id for user_id in people if user_id is not None and user_id != entry.actor_id}
        return found & self._named.get(entry.incident_id, set()) if entry.is_confidential else found


# --- words --------------------------------------------------------------------------------------------------------


def _named_case(entry: Delivered) -> str:
    return entry.number if entry.is_confidential else f"{entry.number} {catalogue().category_name(entry.category_id)}"


def _when(at: datetime | None) -> str:
    return f"{clock.local(at):%m-%d %H:%M}" if at is not None else _("无时限")


def _told(book: Book, entry: Delivered, topic: str, people: Iterable[int | None], text: str) -> list[Told]:
    said = f"{_named_case(entry)}：{text}"
    return [
        Told(user_id, entry.incident_id, entry.seq, topic, said, number=entry.number)
        for user_id in sorted(book.allowed(entry, people))
    ]


# --- one function an action ---------------------------------------------------------------------------------------

Rule = Callable[[Book, Delivered], list[Told]]


def _report(book: Book, entry: Delivered) -> list[Told]:
    category = catalogue().category(entry.category_id)
    if category is None or not category.is_must_report:
        return []
    people = book.able(entry, Capability.FILE) | book.at_centre(entry, [Role.LEADER.value])
    return _told(book, entry, "must_report", people, _("属须报告上级的事项"))


def _issued(book: Book, entry: Delivered) -> list[Told]:
    found: list[Told] = []
    for ticket in book.tickets(entry, live=True, assignment=entry.payload.get("assignment", entry.assignment)):
        what = _("主办工单") if ticket["is_lead"] else _("协办工单")
        text = _("新的%(what)s，%(due)s前办结") % {"what": what, "due": _when(ticket["due_at"])}
        found += _told(book, entry, f"ticket:{ticket['id']}", book.handlers([ticket]), text)
    return found


def _recalled(book: Book, entry: Delivered) -> list[Told]:
    tickets = [t for t in book.tickets(entry, assignment=entry.assignment) if t["state"] == "recalled"]
    return _told(book, entry, "recalled", book.handlers(tickets), _("工单已撤回"))


def _returned(book: Book, entry: Delivered) -> list[Told]:
    people = book.able(entry, Capability.DISPATCH)
    again = _told(book, entry, "returned", people, _("已退单，待重新派遣"))
    joint = [t for t in book.tickets(entry, assignment=entry.assignment) if not t["is_lead"]]
    return again + _told(book, entry, "recalled", book.handlers(joint), _("工单已撤回"))


def _reworked(book: Book, entry: Delivered) -> list[Told]:
    lead = [t for t in book.tickets(entry, live=True) if t["is_lead"]]
    due = _when(lead[0]["due_at"]) if lead else ""
    said = _("核查不通过，须返工") if entry.action == Action.FAIL else _("反馈被退回")
    text = _("%(said)s，%(due)s前办结") % {"said": said, "due": due}
    return _told(book, entry, "rework", book.handlers(lead), text)


def _asked(book: Book, entry: Delivered) -> list[Told]:
    request = book.asked(entry) if entry.action == "request_asked" else book.request(entry.payload.get("request"))
    if request is None or request["state"] != Request.State.PENDING:
        return []
    level = int(entry.payload.get("level", request["level"]))
    text = _("%(kind)s待审批") % {"kind": RequestKind(request["kind"]).label}
    return _told(book, entry, "request", book.able(entry, DECIDERS[level]), text)


def _decided(book: Book, entry: Delivered) -> list[Told]:
    request = book.request(entry.payload.get("request"))
    if request is None:
        return []
    said = _("未同意") if entry.action == "request_refused" else _("已同意")
    text = f"{RequestKind(request['kind']).label}{said}"
    return _told(book, entry, "decided", [request["asked_by_id"]], text)


def _supervised(book: Book, entry: Delivered) -> list[Told]:
    live = book.tickets(entry, live=True)
    people = book.handlers(live) if live else book.able(entry, Capability.ACCEPT) | book.able(entry, Capability.FILE)
    return _told(book, entry, "supervised", people, _("%(level)s级督办") % {"level": entry.payload.get("level", 1)})


def _to_verify(book: Book, entry: Delivered) -> list[Told]:
    if entry.status != Status.VERIFYING or entry.payload.get("verifier") != entry.verifier_id:
        return []  # somebody else was named since, and is told of that
    people = [entry.verifier_id] if entry.verifier_id is not None else book.able(entry, Capability.VERIFY)
    return _told(book, entry, "verify", people, _("待核查"))


def _to_check(book: Book, entry: Delivered) -> list[Told]:
    return _told(book, entry, "check", [entry.checker_id], _("待核实"))


def _reopened(book: Book, entry: Delivered) -> list[Told]:
    last = max((t["assignment"] for t in book.tickets(entry)), default=0)
    former = [t for t in book.tickets(entry, assignment=last) if t["is_lead"]]
    people = book.able(entry, Capability.DISPATCH) | book.handlers(former)
    return _told(book, entry, "reopened", people, _("已重新立案，待派遣"))


def _joint_refused(book: Book, entry: Delivered) -> list[Told]:
    refused = [t for t in book.tickets(entry) if t["id"] == entry.payload.get("ticket")]
    people: People = {t["dispatched_by_id"] for t in refused} - {None} or book.able(entry, Capability.DISPATCH)
    return _told(book, entry, "joint_refused", people, _("协办单位拒绝协办"))


def _joint_done(book: Book, entry: Delivered) -> list[Told]:
    lead = [t for t in book.tickets(entry, live=True) if t["is_lead"]]
    return _told(book, entry, "joint_done", book.handlers(lead), _("协办已办结"))


def _transferred(book: Book, entry: Delivered) -> list[Told]:
    capability = {Status.REPORTED: Capability.ACCEPT, Status.ACCEPTED: Capability.FILE}
    people = book.able(entry, capability.get(Status(entry.status_to), Capability.DISPATCH))
    return _told(book, entry, "transferred", people, _("已转交本中心"))


def _stepped(book: Book, entry: Delivered) -> list[Told]:
    found: list[Told] = []
    for step in entry.payload.get("steps") or ():
        topic = f"{STEP}:{step['clock']}:{step['key']}"
        text = _step_text(step)
        for target in escalation.targets_of(step["key"], step["clock"]):
            people = _addressed(book, entry, target)
            found += [
                Told(t.user_id, t.incident_id, t.entry_seq, topic, t.text, target.channel, t.number)
                for t in _told(book, entry, topic, people, text)
            ]
    return list(dict.fromkeys(found))


def _addressed(book: Book, entry: Delivered, target: escalation.Target) -> People:
    if target.side == EscalationTarget.Side.HANDLER:
        lead = [t for t in book.tickets(entry, live=True) if t["is_lead"]]
        return book.handlers(lead, target.role, target.levels_up)
    return book.at_centre(entry, [target.role], target.levels_up)


def _step_text(step: Mapping[str, Any]) -> str:
    milestone, _colon, key = step["key"].rpartition(":")
    kind = str(ClockKind(step["clock"]).label) + (f"（{milestone}）" if milestone else "")
    due = _when(datetime.fromisoformat(step["due"]))
    if key.startswith("warn"):
        return _("%(kind)s时限将到（%(due)s预警）") % {"kind": kind, "due": due}
    if key == "breach":
        return _("%(kind)s已于%(due)s超时") % {"kind": kind, "due": due}
    late = re.fullmatch(r"overdue_(\d+)", key)
    if late:
        return _("%(kind)s超时满 %(minutes)s 分钟，已升级（%(due)s）") % {"kind": kind, "minutes": late[1], "due": due}
    return _("%(kind)s时限升级：%(key)s（%(due)s）") % {"kind": kind, "key": key, "due": due}


def _appealed(book: Book, entry: Delivered) -> list[Told]:
    if entry.action == "appeal_asked":
        return _told(book, entry, "appeal", book.able(entry, Capability.DISPATCH), _("超时申诉待审核"))
    return _told(book, entry, "appeal", book.able(entry, Capability.ACCEPT), _("超时申诉待审定"))


def _appeal_decided(book: Book, entry: Delivered) -> list[Told]:
    said = _("超时申诉未同意") if entry.action == "appeal_refused" else _("超时申诉已同意，不计超时")
    return _told(book, entry, "appeal_decided", [entry.payload.get("asked_by")], said)


def _seized(book: Book, entry: Delivered) -> list[Told]:
    return _told(book, entry, "claim_seized", [entry.payload.get("from")], _("你认领的案件已由他人接管"))


RULES: Mapping[str, Rule] = {
    "report": _report,
    Action.DISPATCH: _issued,
    Action.IMPOSE: _issued,
    Action.RECALL: _recalled,
    Action.RETURN: _returned,
    Action.REFUSE_FEEDBACK: _reworked,
    Action.FAIL: _reworked,
    Action.SUPERVISE: _supervised,
    Action.REQUEST_VERIFICATION: _to_verify,
    Action.REASSIGN_VERIFICATION: _to_verify,
    Action.REQUEST_CHECK: _to_check,
    Action.REOPEN: _reopened,
    Action.TRANSFER: _transferred,
    "request_asked": _asked,
    "request_raised": _asked,
    "request_refused": _decided,
    "joint_refused": _joint_refused,
    "joint_done": _joint_done,
    "appeal_asked": _appealed,
    "appeal_forwarded": _appealed,
    "appeal_refused": _appeal_decided,
    "exempted": _appeal_decided,
    "claim_seized": _seized,
    STEP: _stepped,
}
_GRANTED = frozenset(kind.value for kind in RequestKind)


def told_of(entries: Sequence[Delivered], *, at: datetime) -> list[Told]:
    """Who is told what of the entries; nobody twice the same. A handful of statements, whatever their number."""
    book = Book(entries, clock.local_date(at))
    found: list[Told] = []
    for entry in entries:
        rule = RULES.get(entry.action)
        if rule is not None:
            found += rule(book, entry)
        if entry.action in _GRANTED and entry.payload.get("request") is not None:
            found += _decided(book, entry)
    return list(dict.fromkeys(found))


def supervision_of(entries: Iterable[Delivered]) -> dict[int, int]:
    """To which level of supervision the steps that fired raise their cases, where that is more than they have."""
    levels: dict[int, int] = {}
    for entry in entries:
        if entry.action != STEP:
            continue
        for step in entry.payload.get("steps") or ():
            for target in escalation.targets_of(step["key"], step["clock"]):
                if target.supervision_level > max(entry.supervision_level, levels.get(entry.incident_id, 0)):
                    levels[entry.incident_id] = target.supervision_level
    return levels
