"""One ticket at the department's desk: what is the matter, what is owed, what may be asked for, what happened."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from dispatch import appeals, drafts, handling
from dispatch.actors import Actor
from dispatch.cases import Case, TicketState
from dispatch.forms import ActionForm, KeepsFiles
from dispatch.models import Ticket
from dispatch.offers import OpenAction, open_actions
from dispatch.parties import is_handler
from dispatch.selectors import CaseView, case_view
from dispatch.views import case_parts as parts
from gridgov.common import clock
from gridgov.common.errors import NotFound
from incidents.attachments import limit
from incidents.models import Attachment, ClockKind
from incidents.workflow import Action, RequestKind, Status

LATELY = 6
#: What a department does besides signing and feeding back, in the order of the page.
OTHERS = (Action.REACH_MILESTONE.value, Action.RESUME.value)
SHORT = {"return": gettext_lazy("退单"), "extend": gettext_lazy("延期"), "suspend": pgettext_lazy("verb", "挂账")}
ASKED = (RequestKind.RETURN.value, RequestKind.EXTEND.value, RequestKind.SUSPEND.value)


@dataclass(frozen=True, slots=True)
class Ask:
    """Something that the department may ask for: how often still, the form where it may, what waits or why not."""

    kind: str
    label: str
    short: str
    words: str
    count: int
    is_pending: bool
    form: ActionForm | None
    url: str


def is_fragment(request: HttpRequest) -> bool:
    """Whether a script asks for the ticket beside its list, without the page around it."""
    return request.headers.get("X-Ticket") == "1"


def own_ticket(case: Case, actor: Actor) -> TicketState | None:
    """The person's ticket of the case: a live one before those that ended, the last of them."""
    own = [t for t in case.tickets if is_handler(t.department_id, t.worker_id, actor)]
    live = [t for t in own if t.is_live]
    return (live or own or [None])[-1]


def ticket_of(number: str, actor: Actor) -> dict[str, Any]:
    """What the page shows of the ticket. NotFound where the case is not to be seen, or no ticket of it is his.

    At most five statements, whatever hangs on the case.
    """
    now = clock.now()
    view = case_view(number, actor, at=now)
    case = view.case
    ticket = own_ticket(case, actor)
    if ticket is None:
        raise NotFound(_("没有你们的工单。"))
    offers = {(o.action, o.request): o for o in open_actions(case, actor)}
    is_lead = ticket.is_lead and ticket.is_live
    own = tuple(str(ClockKind(kind).label) for kind in appeals.OF_THE_DEPARTMENT)
    clocks = [c for c in parts.clocks(view, now) if c["label"].startswith(own)]
    photos = parts.photos(view)
    return {
        "view": view,
        "incident": case.incident,
        "ticket": ticket,
        "ticket_label": str(Ticket.State(ticket.state).label),
        "title": parts.title(view),
        "place": parts.place(view),
        "component": parts.component(view),
        "opening": parts.opening(view),
        "chip": parts.chip(view, now),
        "badges": parts.badges(view),
        "sent": _sent(view, ticket),
        "clocks": clocks,
        "photos": photos,
        "signed": _signed(view, ticket),
        "may_sign": (Action.SIGN.value, False) in offers,
        "owed": handling.checklist(case) if is_lead else [],
        "closing_condition": handling.closing_condition(case),
        "feedback": _feedback(case, actor, offers.get((Action.FEED_BACK.value, False))),
        "others": [_other(case, actor, offers[key, False]) for key in OTHERS if (key, False) in offers],
        "asks": _asks(case, actor, offers, now) if is_lead else [],
        "pending": [parts.request(view, r) for r in case.requests if r.is_pending],
        "tickets": [t for t in parts.tickets(view, now, actor) if t["id"] != ticket.id],
        "mine": next(t for t in parts.tickets(view, now, actor) if t["id"] == ticket.id),
        "lately": parts.journal(view)[:LATELY],
        "appeal": _appeal(case, actor, now),
        "limits": {kind: limit(kind) for kind in Attachment.Kind.values},
    }


def _sent(view: CaseView, ticket: TicketState) -> dict[str, Any]:
    by = view.names.get(ticket.dispatched_by_id, _("系统")) if ticket.dispatched_by_id else _("系统")
    return {"by": by, "at": ticket.dispatched_at}


def _signed(view: CaseView, ticket: TicketState) -> dict[str, Any] | None:
    if ticket.signed_at is None:
        return None
    return {"by": view.names.get(ticket.signed_by_id or 0, ""), "at": ticket.signed_at}


def draft_key(number: str, action: str) -> str:
    """What the form's draft is kept under."""
    return f"case/{number}/{action}"


def _feedback(case: Case, actor: Actor, offer: OpenAction | None) -> dict[str, Any] | None:
    """The form of the feedback with what was typed last time; None where none can be given."""
    if offer is None:
        return None
    key = draft_key(case.incident.number, offer.action)
    try:
        draft = drafts.of(actor, key)
    except NotFound:
        draft = None
    content = draft.content if draft else {}
    initial = {name: content[name] for name in ("note", "waive") if isinstance(content.get(name), str)}
    form = ActionForm(offer, case, uploader_id=actor.user_id, initial=initial)
    kept: list[dict[str, Any]] = []
    if isinstance(content.get("kept"), str) and content["kept"]:
        kept = KeepsFiles({"kept": content["kept"]}, uploader_id=actor.user_id).kept_files
    return {
        "form": form, "kept": kept, "kept_ids": " ".join(str(row["id"]) for row in kept), "key": key,
        "saved_at": draft.updated_at if draft else None, "has_waive": "waive" in form.fields,
        "url": reverse("pages:act", args=[case.incident.number, offer.action]),
    }  # fmt: skip


def _other(case: Case, actor: Actor, offer: OpenAction) -> dict[str, Any]:
    return {
        "offer": offer, "form": ActionForm(offer, case, uploader_id=actor.user_id),
        "url": reverse("pages:act", args=[case.incident.number, offer.action]),
    }  # fmt: skip


def _asks(case: Case, actor: Actor, offers: dict[tuple[str, bool], OpenAction], now: Any) -> list[Ask]:
    found = []
    for left in handling.left(case, at=now):
        offer = offers.get((left.kind, True))
        form = None
        if offer is not None and left.count and not left.is_pending:
            form = ActionForm(offer, case, uploader_id=actor.user_id)
        found.append(
            Ask(
                kind=left.kind, label=str(RequestKind(left.kind).label), short=str(SHORT[left.kind]), words=left.words,
                count=left.count, is_pending=left.is_pending, form=form,
                url=reverse("pages:ask", args=[case.incident.number, left.kind]),
            )
        )  # fmt: skip
    return sorted(found, key=lambda ask: ASKED.index(ask.kind))


def _appeal(case: Case, actor: Actor, now: Any) -> dict[str, Any] | None:
    """Where the department's appeal stands, or until when one may be made; nothing before the case is closed."""
    if case.incident.status not in (Status.CLOSED, Status.EVALUATED):
        return None
    made = appeals.of_case(case.incident)
    until = handling.may_appeal(case, actor, at=now, appealed={row.ticket_id for row in made})
    own = {t.id for t in case.tickets if is_handler(t.department_id, t.worker_id, actor)}
    mine = [row for row in made if row.ticket_id in own]
    return {"until": until, "made": mine} if until or mine else None
