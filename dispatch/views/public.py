"""For people without an account: a report by the QR code on a component, and the link to follow it."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from dispatch import loop
from dispatch.actors import Actor, actor_by_link
from dispatch.cases import Case
from dispatch.component_words import titled
from dispatch.forms import ActionForm, ReportForm
from dispatch.offers import open_actions
from dispatch.selectors import Entry, case_view
from dispatch.views.files import answer
from dispatch.views.limits import too_often
from dispatch.views.report import add_as_another, body, categories
from dispatch.views.shell import refused, show
from dispatch.visibility import cases_of
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, FieldErrors, NotFound, NotPermitted
from grids.models import Component
from grids.spatial import areas
from incidents.catalogue import catalogue
from incidents.models import Incident
from incidents.workflow import ENDED, REJECT_REASONS, Status

PUBLIC = Actor(user_id=None, channel="link")
#: What the reporter may do by his link, and what he is asked for.
OF_THE_REPORTER = {"evaluate": ("result", "note"), "reopen": ("reason",)}
SAID = {
    Status.REPORTED: gettext_lazy("已收到，等待受理。"),
    Status.CHECKING: gettext_lazy("已收到，正在现场核实。"),
    Status.ACCEPTED: gettext_lazy("已受理，等待立案。"),
    Status.FILED: gettext_lazy("已立案，正在安排处置单位。"),
    Status.DISPATCHED: gettext_lazy("已派给处置单位。"),
    Status.HANDLING: gettext_lazy("处置单位正在处理。"),
    Status.SUSPENDED: gettext_lazy("因故暂缓处理，到期后继续。"),
    Status.HANDLED: gettext_lazy("处置单位已反馈，等待核查。"),
    Status.VERIFYING: gettext_lazy("正在现场核查处理结果。"),
    Status.VERIFIED: gettext_lazy("核查通过，等待结案。"),
    Status.REJECTED: gettext_lazy("不予受理。"),
    Status.DECLINED: gettext_lazy("不予立案。"),
    Status.VOIDED: gettext_lazy("已作废。"),
    Status.MERGED: gettext_lazy("与另一件相同的案件合并办理。"),
    Status.CLOSED: gettext_lazy("已办结，请评价。"),
    Status.EVALUATED: gettext_lazy("已办结。"),
}
STEPS: dict[str, Any] = {
    "report": gettext_lazy("收到"),
    "accept": pgettext_lazy("done", "受理"),
    "confirm_check": pgettext_lazy("done", "受理"),
    "file": pgettext_lazy("done", "立案"),
    "dispatch": gettext_lazy("派给处置单位"),
    "impose": gettext_lazy("派给处置单位"),
    "sign": gettext_lazy("开始处理"),
    "feed_back": gettext_lazy("处理完毕"),
    "pass": gettext_lazy("核查通过"),
    "fail": gettext_lazy("核查未通过，返工"),
    "close": pgettext_lazy("done", "结案"),
    "answer": gettext_lazy("答复"),
    "reject": gettext_lazy("不予受理"),
    "decline": gettext_lazy("不予立案"),
    "reopen": gettext_lazy("重新办理"),
    "evaluate": pgettext_lazy("done", "评价"),
    "merge": gettext_lazy("合并办理"),
}
View = Callable[..., HttpResponse]


def public(view: View) -> View:
    """``view`` for anybody: not indexed, no address passed on; refusals as pages."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except (NotFound, NotPermitted, Conflict) as refusal:
            response = refused(request, refusal)
        response["Referrer-Policy"] = "same-origin"
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return never_cache(shown)


# --- by QR code -------------------------------------------------------------------------------------------------


@public
def scan(request: HttpRequest, qr_token: str) -> HttpResponse:
    """The public's report about the component whose code was scanned; then on to the link that follows it.

    Sent twice, by a double tap or a reload, it is one case: the form's key says so, and both lead to the same link.
    """
    component = Component.objects.filter(qr_token=qr_token).first()
    if component is None:
        raise NotFound(_("没有这个二维码。请核对地址，或拨打 12345。"))
    sources = {"qr": Incident.Source.QR.label}
    if request.method != "POST":
        category = catalogue().category_of_component(component.type_code)
        initial = {"source": "qr", "key": uuid.uuid4().hex, "category": category.code if category else ""}
        form = ReportForm(sources=sources, public=True, uploader_id=None, initial=initial)
        return _scan_page(request, component, form)
    form = ReportForm(request.POST, request.FILES, sources=sources, public=True, uploader_id=None)
    if too_often(request, "scan"):
        form.is_valid()
        form.errors.clear()
        form.add_error(None, _("上报太频繁了，请十分钟后再试。填写的内容还在。"))
        return _scan_page(request, component, form, status=429)
    if not form.is_valid():
        form.rescue_files("attachments")
        return _scan_page(request, component, form, status=400)
    try:
        files = form.store_files("attachments")
        report = body(form, files, component=qr_token, source="qr")
        received = loop.report(body=report, by=PUBLIC, idempotency_key=form.cleaned_data.get("key", ""))
    except (FieldError, FieldErrors) as error:
        form.add_domain_error(error)
        return _scan_page(request, component, form, status=400)
    except Conflict as conflict:
        add_as_another(form, conflict)
        return _scan_page(request, component, form, status=409)
    return redirect("pages:link", received.token)


def _scan_page(request: HttpRequest, component: Component, form: ReportForm, *, status: int = 200) -> HttpResponse:
    book, place = catalogue(), areas.full_name(component.area_id)
    own = book.category_of_component(component.type_code)
    # the one that the code stands for need not be looked for; nor the one that was chosen in its place
    chosen = book.category_by_code(str(form["category"].value() or "")) if own is not None else None
    centre = areas.index().centre_for(component.area_id)
    context = {
        "component": component,
        "title": component.name or (own.name if own is not None else ""),
        "place": place,
        "address": "" if component.address in place else component.address,
        "chosen": chosen.name if chosen is not None and chosen.is_reportable else "",
        "centre": centre.name if centre is not None else "",
        "form": form,
        "categories": categories(),
    }
    return show(request, "pages/scan.html", context, status=status)


# --- by link ----------------------------------------------------------------------------------------------------


@public
def link(request: HttpRequest, token: str) -> HttpResponse:
    """The case of the link in plain words, with what its reporter may do."""
    return _link_page(request, token)


@public
@require_POST
def link_act(request: HttpRequest, token: str, action: str) -> HttpResponse:
    """The reporter judges the result, or asks that the case be taken up again."""
    if action not in OF_THE_REPORTER:
        raise NotFound(_("没有这个操作。"))
    if too_often(request, "link"):
        return _link_page(request, token, problem=_("操作太频繁了，请十分钟后再试。"), status=429)
    actor, number = _by_link(token)
    case = loop.read(number, actor)
    offer = next((o for o in open_actions(case, actor) if o.action == action), None)
    if offer is None:
        return _link_page(request, token, problem=_("现在不能这样做：情况可能已变。"), status=409)
    form = ActionForm(offer, case, request.POST)
    if not form.is_valid():
        return _link_page(request, token, bound=form, status=400)
    given = {k: v for k, v in form.payload().items() if k in OF_THE_REPORTER[action]}
    try:
        loop.perform(number=number, action=action, by=actor, version=form.cleaned_data.get("version"), **given)
    except (FieldError, FieldErrors) as error:
        form.add_domain_error(error)
        return _link_page(request, token, bound=form, status=400)
    except Conflict as conflict:
        return _link_page(request, token, problem=str(conflict.message), status=409)
    return redirect("pages:link", token)


@public
def link_file(request: HttpRequest, token: str, attachment_id: str) -> HttpResponse:
    """A photo of the case, for its reporter."""
    actor, _number = _by_link(token)
    return answer(request, attachment_id, actor)


def _by_link(token: str) -> tuple[Actor, str]:
    actor = actor_by_link(token)
    number = cases_of(actor).values_list("number", flat=True).first() if actor else None
    if actor is None or number is None:
        raise NotFound(_("这个链接无效，或已过期。"))
    return actor, number


def _link_page(
    request: HttpRequest, token: str, *, bound: ActionForm | None = None, problem: str = "", status: int = 200
) -> HttpResponse:
    actor, number = _by_link(token)
    now = clock.now()
    view = case_view(number, actor, at=now)
    case = view.case
    forms = []
    for offer in open_actions(case, actor):
        wanted = OF_THE_REPORTER.get(offer.action)
        if wanted is None or (offer.action == "reopen" and now > reopen_until(case)):
            continue
        form = bound if bound is not None and bound.offer.action == offer.action else ActionForm(offer, case)
        forms.append((offer, form, [form[name] for name in wanted if name in form.fields]))
    # how it ended last: what was said before it was taken up again is no answer any more
    ended = next((e for e in reversed(view.journal) if e.action != "evaluate" and _ended(e)), None)
    ended = ended if ended is not None and ended.action in ("reject", "decline", "answer") else None
    reply = (
        ended.text
        if ended is not None and case.incident.status in ("rejected", "declined", "closed", "evaluated")
        else ""
    )
    reason = REJECT_REASONS.get(str((ended.payload or {}).get("reason", "")), "") if ended else ""
    category = catalogue().category(case.incident.category_id)
    return show(
        request,
        "pages/link.html",
        {
            "now": now,
            "token": token,
            "incident": case.incident,
            "title": titled(category.name if category else "", view.component),
            "component": view.component,
            "words": _own_words(view.journal),
            "said": SAID[Status(case.incident.status)],
            "reply": reply,
            "reason": reason,
            "place": areas.full_name(case.incident.street_id or case.incident.district_id or case.incident.city_id),
            "steps": [(STEPS[e.action], e.at) for e in view.journal if e.action in STEPS],
            "photos": [UUID(str(a["id"])) for a in view.attachments if a["kind"] == "image"],
            "forms": forms,
            "reopen_until": reopen_until(case) if case.incident.closed_at else None,
            "problem": problem,
        },
        status=status,
    )


def _own_words(journal: list[Entry]) -> str:
    """What the reporter wrote himself: not what the desk wrote down for a caller, nor what it corrected since."""
    return next((e.text for e in journal if e.action == "report" and e.channel == PUBLIC.channel), "")


def _ended(entry: Entry) -> bool:
    return entry.status_to != entry.status_from and entry.status_to in ENDED


def reopen_until(case: Case) -> Any:
    """Until when the reporter may ask that the case be taken up again."""
    standard = catalogue().standard(case.incident.standard_id)
    days = standard.reopen_days if standard else 15
    return (case.incident.closed_at or clock.now()) + timedelta(days=days)
