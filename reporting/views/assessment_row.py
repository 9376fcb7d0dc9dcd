"""One grid's month: its page, and what leader and worker do to it."""

import unicodedata
from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dispatch.selectors import role_label
from dispatch.views.shell import page, show
from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError, NotFound
from incidents.catalogue import catalogue
from incidents.workflow import Status
from personnel import assessment_selectors as selectors
from personnel import assessment_services as services
from personnel.assessment_models import Assessment
from reporting import services as computing
from reporting.selectors import case_then, evidence
from reporting.views import assessment_words as words
from reporting.views.assessment import list_url
from reporting.views.assessment_panel import Typed, answer, is_beside, onward

State = Assessment.State


@page
def row(request: HttpRequest, assessment_id: int) -> HttpResponse:
    """The row for the leader of its grid, and for its worker once it was reviewed; 404 for anybody else."""
    return answer(request, _one(request, assessment_id))


def _one(request: HttpRequest, assessment_id: int) -> Assessment:
    return selectors.one(assessment_id, request.user, day=clock.local_date(clock.now()))


def _back(request: HttpRequest, one: Assessment) -> str:
    """To the row again: beside the table or on its page."""
    if is_beside(request):
        return list_url(one.month.on, tab=request.POST.get("tab", "")[:12], row=one.pk)
    return reverse("reporting:assessment", args=[one.pk])


def _words(request: HttpRequest, name: str) -> str:
    return str(request.POST.get(name, "")).replace("\r\n", "\n")


@page
@require_POST
def review(request: HttpRequest, assessment_id: int) -> HttpResponse:
    """Confirmed, or marked with a reason; then the next one that waits, or this one again.

    A fault is shown at its field with the words kept; what somebody else did meanwhile beside them (409).
    """
    one = _one(request, assessment_id)
    mark, reason = _words(request, "mark").strip(), _words(request, "reason")
    values = {"mark": mark, "reason": reason}
    try:
        done = services.review(
            assessment_id=one.pk,
            by=request.user,
            mark=_as_typed(mark) or "0",
            reason=reason,
            revision=request.POST.get("revision", ""),
        )
    except FieldError as error:
        return answer(request, one, Typed(values, {error.field: error.message}), status=400)
    except Conflict as error:
        typed = ((_("加减分"), mark or "0"), (_("理由"), reason))
        clash = Typed(values, clash=error.message, mine=tuple(pair for pair in typed if pair[1]))
        return answer(request, _one(request, one.pk), clash, status=409)
    messages.success(request, _("%(who)s：已确认，得分 %(score)s。") % {"who": _who(done), "score": _score(done)})
    following = _next(request, done) if request.POST.get("then") == "next" else done
    if following is None:
        messages.info(request, _("本月的待审核都处理完了。"))
        return onward(request, list_url(done.month.on))
    if is_beside(request) and following is not done:
        return onward(request, list_url(done.month.on, tab=State.COMPUTED.value, row=following.pk))
    return onward(request, _back(request, following) if following is not done else _stay(request, done))


def _stay(request: HttpRequest, one: Assessment) -> str:
    """The row where it now stands: in the tab of its new state."""
    if is_beside(request):
        return list_url(one.month.on, tab=one.state, row=one.pk)
    return reverse("reporting:assessment", args=[one.pk])


def _as_typed(text: str) -> str:
    """A number as a phone's keyboard may send it: full width, with a true minus sign."""
    return unicodedata.normalize("NFKC", text).replace(words.MINUS, "-").replace("–", "-")


def _next(request: HttpRequest, done: Assessment) -> Assessment | None:
    """The next row of the month that waits for this person, by the grids' codes, from the first again at the end."""
    rows = selectors.month_of(request.user, done.month.on, day=clock.local_date(clock.now()))
    place = next((n for n, other in enumerate(rows) if other.pk == done.pk), -1)
    waiting = [
        other for other in (*rows[place + 1 :], *rows[: max(place, 0)]) if services.may_confirm(other, request.user)
    ]
    return waiting[0] if waiting else None


@page
@require_POST
def publish(request: HttpRequest, assessment_id: int) -> HttpResponse:
    """The score is published."""
    one = _one(request, assessment_id)
    try:
        done = services.publish(assessment_id=one.pk, by=request.user, revision=request.POST.get("revision", ""))
    except Conflict as error:
        return answer(request, _one(request, one.pk), Typed(clash=error.message), status=409)
    messages.success(request, _("%(who)s：已公布，得分 %(score)s。") % {"who": _who(done), "score": _score(done)})
    return onward(request, _stay(request, done))


@page
@require_POST
def reply(request: HttpRequest, assessment_id: int) -> HttpResponse:
    """The worker's reply, once."""
    one = _one(request, assessment_id)
    text = _words(request, "reply")
    try:
        services.reply(assessment_id=one.pk, by=request.user, text=text, revision=request.POST.get("revision", ""))
    except FieldError as error:
        return answer(request, one, Typed({"reply": text}, {error.field: error.message}), status=400)
    except Conflict as error:
        clash = Typed({"reply": text}, clash=error.message, mine=((_("答复"), text),))
        return answer(request, _one(request, one.pk), clash, status=409)
    messages.success(request, _("答复已交给网格长。"))
    return onward(request, reverse("reporting:assessment", args=[one.pk]))


@page
@require_POST
def correct(request: HttpRequest, assessment_id: int) -> HttpResponse:
    """A new version of a published row is asked for with a reason, and computed at once."""
    one = _one(request, assessment_id)
    reason = _words(request, "correction")
    try:
        found = computing.correct(assessment=one, reason=reason, by=request.user)
    except FieldError as error:
        errors = {"correction": error.message}
        return answer(request, one, Typed({"correction": reason}, errors), status=400)
    except Conflict as error:
        clash = Typed({"correction": reason}, clash=error.message, mine=((_("更正原因"), reason),))
        return answer(request, _one(request, one.pk), clash, status=409)
    messages.success(request, _("已算出第 %(n)s 版，请审核。") % {"n": found.month.version})
    if is_beside(request):
        return onward(request, list_url(found.month.on, tab=State.COMPUTED.value, row=found.pk))
    return onward(request, reverse("reporting:assessment", args=[found.pk]))


def _who(one: Assessment) -> str:
    return words.person(one.worker) or one.grid.name


def _score(one: Assessment) -> str:
    return words.points(words.now_of(one))


# --- evidence -----------------------------------------------------------------------------------------------------


@page
def evidence_then(request: HttpRequest, assessment_id: int, number: str, seq: int) -> HttpResponse:
    """A case of the row's evidence as it was when it was counted; 404 for a case that is none of it."""
    one = _one(request, assessment_id)
    sides = {line["key"]: side for line in one.lines for side in ("hits", "misses") if [number, seq] in line[side]}
    if not sides:
        raise NotFound(_("这件案件不是这项考核的依据。"))
    items = map(services.item_of, one.month.scheme.items)
    reversed_ = {item.key for item in items if words.is_reversed(item)}
    then = case_then(request.actor, number, seq)
    cases, _hidden = evidence(request.actor, [(number, seq)])
    category = catalogue().category(cases[0].category_id) if cases else None
    context: dict[str, Any] = {
        "then": then,
        "one": one,
        "month_name": words.month_name(one.month.on),
        "worker": words.person(one.worker),
        "title": category.name if category else _("案件"),
        "address": cases[0].address if cases else "",
        "status_label": str(Status(then.status).label),
        "counted": [(words.label_of(key), (side == "hits") is not (key in reversed_)) for key, side in sides.items()],
        "entries": _entries(then.entries),
    }
    return show(request, "reporting/assessment_case.html", context)


def _entries(entries: Any) -> list[dict[str, Any]]:
    """The journal's lines, the newest first, with names."""
    ids = {entry["actor_id"] for entry in entries} - {None}
    people = {user.pk: words.person(user) for user in get_user_model().objects.filter(pk__in=sorted(ids))}
    return [
        {
            "label": entry["label"],
            "at": entry["at"],
            "who": people.get(entry["actor_id"], _("系统")),
            "role": role_label(entry["actor_role"]),
            "status": str(Status(entry["status_to"]).label)
            if entry["status_to"] and entry["status_to"] != entry["status_from"]
            else "",
        }
        for entry in reversed(entries)
    ]
