"""The case page: all that is known of a case, and one form for each thing that the person may do to it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.decorators.vary import vary_on_headers

from dispatch import loop, reporters, requests, tickets
from dispatch.actors import Actor
from dispatch.cases import Case, RequestState, TicketState
from dispatch.forms import ActionForm, DecisionForm
from dispatch.offers import OpenAction, open_actions
from dispatch.parties import chain_for, is_handler
from dispatch.selectors import CaseView, case_view, may_reveal
from dispatch.views import case_parts as parts
from dispatch.views import panel
from dispatch.views.clash import Clash, clash_of
from dispatch.views.keys import key_of
from dispatch.views.minimap import minimap
from dispatch.views.shell import guarded, page, show
from dispatch.views.words import stamp
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, FieldErrors, NotFound, NotPermitted
from incidents.workflow import RequestKind

#: What one usually does next in a status: its form stands open.
MAIN = {
    "reported": ("accept", "resolve_on_site"), "checking": ("confirm_check",), "accepted": ("file",),
    "filed": ("dispatch", "impose"), "dispatched": ("sign",), "handling": ("feed_back",), "suspended": ("resume",),
    "handled": ("request_verification", "approve_on_site"), "verifying": ("pass",), "verified": ("close",),
    "closed": ("evaluate",),
}  # fmt: skip
#: What is seldom done stands below.
ASIDE = frozenset({"note", "amend", "supervise", "transfer", "merge", "send_back", "recall", "cancel_check"})


@dataclass(slots=True)
class Shown:
    """A form on the page: open or folded, the usual next step or not."""

    offer: OpenAction
    form: ActionForm
    is_open: bool = False
    is_main: bool = False

    @property
    def key(self) -> str:
        return key_of(self.offer.action) if not self.offer.request else ""


@page
@vary_on_headers("X-Panel")
def case(request: HttpRequest, number: str) -> HttpResponse:
    """The page of a case that the person may see, or its panel; 404 for any other."""
    return _shown(request, number)


def _shown(
    request: HttpRequest,
    number: str,
    *,
    bound: ActionForm | None = None,
    decision: tuple[int, DecisionForm] | None = None,
    clash: Clash | None = None,
    problem: str = "",
    phone: str = "",
    status: int = 200,
) -> HttpResponse:
    now = clock.now()
    actor: Actor = request.actor
    view = case_view(number, actor, at=now)
    acts, asks = _forms(view, actor, bound)
    asked = _requests(view, actor, decision)
    context = {
        "now": now,
        "view": view,
        "incident": view.case.incident,
        "subject": parts.subject(view),
        "title": parts.title(view),
        "kind": parts.kind(view),
        "group": parts.group(view),
        "place": parts.place(view),
        "where": parts.where(view),
        "component": parts.component(view),
        "opening": parts.opening(view),
        "facts": parts.facts(view),
        "rail": parts.rail(view),
        "chip": parts.chip(view, now),
        "lease": panel.lease_of(view.case, actor),
        "badges": parts.badges(view),
        "map": minimap(view.case.incident),
        "clocks": (clocks := parts.clocks(view, now)),
        "live_clocks": [shown for shown in clocks if shown["is_live"]],
        "source": view.case.incident.get_source_display(),
        "journal": parts.journal(view),
        "photos": (photos := parts.photos(view)),
        "compared": parts.compared(photos),
        "tickets": parts.tickets(view, now, actor),
        "requests": asked,
        "must_decide": any(row["form"] for row in asked),
        "duplicates": parts.duplicates(view),
        "proposal": parts.proposal(view),
        "acts": [a for a in acts if a.offer.action not in ASIDE],
        "aside": [a for a in acts if a.offer.action in ASIDE],
        "asks": asks,
        "clash": clash,
        "problem": problem,
        "phone": phone,
        "may_merge": any(a.offer.action == "merge" for a in acts),
        "may_reveal": bool(view.reporter_phone) and not phone and may_reveal(view.case, actor),
    }
    if panel.is_panel(request):
        return guarded(render(request, "parts/panel.html", context, status=status))
    return show(request, "pages/case.html", context, status=status)


def _forms(view: CaseView, actor: Actor, bound: ActionForm | None) -> tuple[list[Shown], list[Shown]]:
    case = view.case
    offers = open_actions(case, actor)
    main = next((a for a in MAIN.get(case.incident.status, ()) if any(o.action == a for o in offers)), "")
    found: tuple[list[Shown], list[Shown]] = ([], [])
    for offer in offers:
        is_bound = bound is not None and (bound.offer.action, bound.offer.request) == (offer.action, offer.request)
        form = bound if is_bound and bound is not None else ActionForm(offer, case, routing=view.routing)
        is_main = offer.action == main and not offer.request
        is_open = is_bound if bound is not None else is_main
        found[1 if offer.request else 0].append(Shown(offer, form, is_open, is_main))
    found[0].sort(key=lambda shown: not shown.is_main)
    return found


@page
@require_POST
def act(request: HttpRequest, number: str, action: str) -> HttpResponse:
    """The action is done, and the page of the case is shown again; or the page says why not, with all input kept."""
    actor: Actor = request.actor
    case = loop.read(number, actor)
    offer = next((o for o in open_actions(case, actor) if o.action == action and not o.request), None)
    if offer is None:
        return _not_open(request, case, action)
    form = ActionForm(offer, case, request.POST, request.FILES, uploader_id=actor.user_id)
    if not form.is_valid():
        form.rescue_files(form.file_field)
        return _shown(request, number, bound=form, status=400)

    def carry_out(payload: dict[str, Any]) -> None:
        loop.perform(number=number, action=action, by=actor, version=form.cleaned_data.get("version"), **payload)

    done = _("%(action)s：已完成。") % {"action": offer.label}
    return _try(request, case, form, carry_out, done=done, action=action)


@page
@require_POST
def ask(request: HttpRequest, number: str, kind: str) -> HttpResponse:
    """The request waits for its decision."""
    actor: Actor = request.actor
    case = loop.read(number, actor)
    offer = next((o for o in open_actions(case, actor) if o.action == kind and o.request), None)
    if offer is None:
        return _not_open(request, case, kind)
    form = ActionForm(offer, case, request.POST, request.FILES, uploader_id=actor.user_id)
    if not form.is_valid():
        form.rescue_files(form.file_field)
        return _shown(request, number, bound=form, status=400)

    def carry_out(payload: dict[str, Any]) -> None:
        requests.ask(number=number, kind=kind, by=actor, **payload)

    return _try(request, case, form, carry_out, done=_("%(kind)s：已提交，等待审批。") % {"kind": offer.label})


def _try(
    request: HttpRequest, case: Case, form: ActionForm, carry_out: Any, *, done: str, action: str = ""
) -> HttpResponse:
    number = case.incident.number
    try:
        payload = form.payload()
        if form.file_field:
            files = form.store_files(form.file_field)
            if files:
                payload["attachments"] = files
        carry_out(payload)
    except (FieldError, FieldErrors) as error:
        form.add_domain_error(_with_due_times(error))
        return _shown(request, number, bound=form, status=400)
    except Conflict as conflict:
        return _clashed(request, number, form, conflict)
    except NotPermitted as refusal:
        return _shown(request, number, bound=form, problem=str(refusal.message), status=403)
    return _done(request, number, done, action)


def _done(request: HttpRequest, number: str, words: str, action: str = "") -> HttpResponse:
    """It is done: said on the next page, or to the script that asked, with what takes ``action`` back."""
    if panel.is_panel(request):
        undo = panel.undo_of(number, request.actor, action) if action else None
        return guarded(JsonResponse({"done": words, "number": number, "undo": undo}))
    messages.success(request, words)
    return _onward(request, number)


def _onward(request: HttpRequest, number: str) -> HttpResponse:
    """Back to the case, or to the list that the form came from."""
    onward = request.POST.get("onward", "")
    if onward == "inbox":
        return redirect("pages:inbox")
    try:
        loop.read(number, request.actor)
    except NotFound:
        # a checker who has answered, a handler whose return was granted: no longer theirs to see
        return redirect("pages:home")
    return redirect("pages:case", number)


def _with_due_times(error: FieldError | FieldErrors) -> FieldError | FieldErrors:
    """An amendment that moves the handler's clock says both due times before anything is saved."""
    if isinstance(error, FieldError) and error.field == "clocks" and error.extra.get("keep"):
        now = clock.now()
        times = {k: stamp(parts.parsed(error.extra.get(k)), now) or "—" for k in ("now", "keep", "restart")}
        error.message = (
            _("更正会改变处置到期（现为 %(now)s）：保留已用时间则 %(keep)s，重新起算则 %(restart)s。请选择。") % times
        )
    return error


def _clashed(request: HttpRequest, number: str, form: ActionForm, conflict: Conflict) -> HttpResponse:
    """Who moved the case, when and how; what was written is kept, in the form if it is still open."""
    case = loop.read(number, request.actor)
    offers = open_actions(case, request.actor)
    same = next((o for o in offers if (o.action, o.request) == (form.offer.action, form.offer.request)), None)
    bound = None
    if same is not None:
        data = form.data.copy()
        data["version"] = str(case.incident.version)
        bound = ActionForm(same, case, data, uploader_id=form.uploader_id)
        bound.is_valid()
        bound.errors.clear()
    clash = clash_of(
        conflict, case, request.actor, given=form.data, typed=form.typed, version=form.cleaned_data.get("version"),
        is_still_open=same is not None,
    )  # fmt: skip
    return _shown(request, number, bound=bound, clash=clash, status=409)


def _not_open(request: HttpRequest, case: Case, action: str) -> HttpResponse:
    """The action is not offered: the loop says whether that is a conflict or a missing permission."""
    try:
        if action in RequestKind.values and "ask" in request.path:
            requests.ask(
                number=case.incident.number, kind=action, by=request.actor, reason=request.POST.get("reason", "")
            )
        else:
            loop.perform(
                number=case.incident.number,
                action=action,
                by=request.actor,
                version=_version(request),
            )
    except Conflict as conflict:
        number = case.incident.number
        now = loop.read(number, request.actor)
        clash = clash_of(conflict, now, request.actor, given=request.POST, version=_seen(now, _version(request)))
        return _shown(request, number, clash=clash, status=409)
    except (FieldError, FieldErrors) as error:
        return _shown(request, case.incident.number, problem=str(error), status=400)
    return _onward(request, case.incident.number)


def _seen(case: Case, version: int | None) -> int | None:
    """The version that the person had seen, if it is one that the case had."""
    return version if version is not None and 1 <= version <= case.incident.version else None


def _version(request: HttpRequest) -> int | None:
    text = request.POST.get("version", "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


# --- requests and joint tickets -------------------------------------------------------------------------------


def _requests(view: CaseView, actor: Actor, decision: tuple[int, DecisionForm] | None) -> list[dict[str, Any]]:
    """The requests of the case, newest first; those that the person may decide with their form."""
    found = []
    for asked in reversed(view.case.requests):
        form = None
        if may_decide(view.case, asked, actor):
            form = (
                decision[1] if decision and decision[0] == asked.id else DecisionForm(auto_id=f"request{asked.id}-%s")
            )
        found.append(parts.request(view, asked) | {"form": form})
    return found


def may_decide(case: Case, asked: RequestState, actor: Actor) -> bool:
    """Whether the person may decide the pending request of somebody else."""
    able = requests.deciders_of(asked)
    return (
        asked.is_pending
        and asked.asked_by_id != actor.user_id
        and any(actor.may(capability, chain_for(case, capability)) for capability in able)
    )


@page
@require_POST
def decide(request: HttpRequest, number: str, request_id: int) -> HttpResponse:
    """The request is granted, and what it asked for is done; or refused."""
    actor: Actor = request.actor
    case = loop.read(number, actor)
    if not any(r.id == request_id for r in case.requests):
        raise NotFound(_("没有这份申请。"))
    form = DecisionForm(request.POST, auto_id=f"request{request_id}-%s")
    grant = {"grant": True, "refuse": False}.get(request.POST.get("decision", ""))
    if not form.is_valid():
        return _shown(request, number, decision=(request_id, form), status=400)
    try:
        requests.decide(
            request_id=request_id,
            grant=grant,
            reason=form.cleaned_data["reason"],
            by=actor,  # type: ignore[arg-type]
        )
    except (FieldError, FieldErrors) as error:
        form.add_error("reason", str(error))
        return _shown(request, number, decision=(request_id, form), status=400)
    except Conflict as conflict:
        typed = [(_("审批意见"), form.cleaned_data["reason"])] if form.cleaned_data["reason"] else []
        clash = clash_of(conflict, loop.read(number, actor), actor, given=form.data, typed=typed)
        return _shown(request, number, clash=clash, status=409)
    return _done(request, number, _("已同意。") if grant else _("已答复：不同意。"))


@page
@require_POST
def joint(request: HttpRequest, number: str, ticket_id: int, step: str) -> HttpResponse:
    """The joint ticket is signed, done or refused by its handler."""
    actor: Actor = request.actor
    case = loop.read(number, actor)
    ticket = next((t for t in case.joint if t.id == ticket_id), None)
    if ticket is None or not _is_mine(ticket, actor):
        raise NotFound(_("没有这张协办工单。"))
    words = request.POST.get("words", "").strip()
    try:
        if step == "sign":
            tickets.sign_joint(ticket_id=ticket_id, by=actor)
        elif step == "done":
            tickets.finish_joint(ticket_id=ticket_id, by=actor, note=words)
        elif step == "refuse":
            tickets.refuse_joint(ticket_id=ticket_id, by=actor, reason=words)
        else:
            raise NotFound(_("没有这个操作。"))
    except (FieldError, FieldErrors) as error:
        return _shown(request, number, problem=str(error), status=400)
    except Conflict as conflict:
        clash = clash_of(conflict, loop.read(number, actor), actor, given={"note": words})
        return _shown(request, number, clash=clash, status=409)
    return _done(request, number, _("协办工单已更新。"))


@page
@require_POST
def phone(request: HttpRequest, number: str) -> HttpResponse:
    """The reporter's phone is shown whole, this once; the journal says who looked and why."""
    try:
        _name, shown = reporters.reveal_phone(number=number, by=request.actor, reason=request.POST.get("reason", ""))
    except FieldError as error:
        return _shown(request, number, problem=_("查看电话：%(why)s") % {"why": error.message}, status=400)
    return _shown(request, number, phone=shown)


def _is_mine(ticket: TicketState, actor: Actor) -> bool:
    return is_handler(ticket.department_id, ticket.worker_id, actor)
