"""The month's assessments: the leader's table, the worker's own, the scheme."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from dispatch.views.shell import page, show
from gridgov.common import clock
from gridgov.common.errors import Conflict, NotFound, NotPermitted
from grids import permissions
from grids.capabilities import Capability
from grids.spatial import areas
from personnel import assessment_selectors as selectors
from personnel import assessment_services as services
from personnel.assessment_models import Assessment, AssessmentMonth, AssessmentScheme
from reporting.views import assessment_words as words
from reporting.views.assessment_panel import drawn

State = Assessment.State
ALL = "all"
TABS = (
    (State.COMPUTED.value, gettext_lazy("待审核"), gettext_lazy("都审核过了。")),
    (State.REVIEWED.value, gettext_lazy("待答复"), gettext_lazy("没有在等网格员答复的。")),
    (State.REPLIED.value, gettext_lazy("有答复"), gettext_lazy("网格员的答复会出现在这里，看过后公布。")),
    (State.PUBLISHED.value, gettext_lazy("已公布"), gettext_lazy("公布后的考核会出现在这里。")),
    (ALL, gettext_lazy("全部"), gettext_lazy("这个月没有你负责的网格。")),
)


def list_url(on: date, **more: Any) -> str:
    """The address of the table of a month."""
    return f"{reverse('reporting:assessments')}?{urlencode({'month': f'{on:%Y-%m}', **more})}"


@page
def assessments(request: HttpRequest) -> HttpResponse:
    """The month of the grids that the person leads; a worker is sent to his own."""
    actor = request.actor
    if not actor.may_somewhere(Capability.LEAD_GRID):
        if actor.may_somewhere(Capability.PATROL):
            return redirect("reporting:assessments_mine")
        raise NotPermitted(_("考核由网格长审核、网格员查看，你的岗位没有考核。"), missing=Capability.LEAD_GRID)
    now = clock.now()
    led = sorted(permissions.visible_area_ids(actor.grants, Capability.LEAD_GRID))
    known = selectors.computations_of(areas.get(area_id).root_id for area_id in led)
    on = _asked_month(request.GET.get("month", "")) or (known[0].on if known else None)
    context: dict[str, Any] = {
        "now": now,
        "area": led_name(led),
        "months": [(f"{m:%Y-%m}", words.month_name(m)) for m in _months(known, on)],
        "month": f"{on:%Y-%m}" if on else "",
        "month_name": words.month_name(on) if on else "",
        "is_over": on is None or on < today_of(now).replace(day=1),
        "is_known": any(computation.on == on for computation in known),
    }
    rows = selectors.month_of(request.user, on, day=today_of(now)) if on and context["is_known"] else []
    rows = [row for row in rows if actor.may(Capability.LEAD_GRID, areas.chain(row.grid_id))]
    context |= _table(request, rows, now)
    context |= _computing(known, on, led, rows)
    return show(request, "reporting/assessment_list.html", context)


def today_of(now: datetime) -> date:
    """The civil day."""
    return clock.local_date(now)


def led_name(led: Iterable[int]) -> str:
    """The names of the areas, those within another of them left out, by code."""
    held = {area_id: areas.get(area_id) for area_id in led}
    tops = [record for record in held.values() if not any(above in held for above in record.ancestors[:-1])]
    return "、".join(record.name for record in sorted(tops, key=lambda record: record.code))


def _asked_month(text: str) -> date | None:
    """2026-10; None where nothing is asked. NotFound for what is no month."""
    if not text:
        return None
    found = re.fullmatch(r"(20[0-9]{2})-(0[1-9]|1[0-2])", text)
    if found is None:
        raise NotFound(_("没有这个月份。"))
    return date(int(found[1]), int(found[2]), 1)


def _months(known: Sequence[AssessmentMonth], on: date | None) -> list[date]:
    """For the picker, the newest first: the months that were begun, and the one that is shown."""
    return sorted({computation.on for computation in known} | ({on} if on else set()), reverse=True)


def _computing(
    known: Sequence[AssessmentMonth], on: date | None, led: Sequence[int], rows: Sequence[Assessment]
) -> dict[str, Any]:
    """How far the month's computation is, while it goes on."""
    begun = [computation for computation in known if computation.on == on and computation.computed_at is None]
    if not begun:
        return {"computing": None}
    index = areas.index()
    mine = {record.id for area_id in led for record in index.subtree(area_id)}
    of = sum(grid_id in mine for computation in begun for grid_id in computation.grid_ids)
    return {"computing": {"done": len(rows), "of": of}}


def _table(request: HttpRequest, rows: Sequence[Assessment], now: datetime) -> dict[str, Any]:
    counts = Counter(row.state for row in rows)
    counts[ALL] = len(rows)
    asked = request.GET.get("tab", "")
    tab = asked if asked in {key for key, _l, _e in TABS} else next((k for k, _l, _e in TABS if counts[k]), ALL)
    chosen = [row for row in rows if tab in (ALL, row.state)]
    keys = [item["key"] for item in chosen[0].month.scheme.items] if chosen else []
    past = selectors.history_of(chosen)
    shown = [words.row_of(row, past[row.pk], keys, request.user) for row in chosen]
    asked_row = request.GET.get("row", "")
    beside = next((row for row in chosen if str(row.pk) == asked_row), chosen[0] if chosen else None)
    deadlines = [until for row in rows if (until := services.reply_until(row)) is not None and until > now]
    return {
        "tabs": [(key, label, counts[key]) for key, label, _empty in TABS],
        "tab": tab,
        "empty": next(empty for key, _label, empty in TABS if key == tab),
        "counts": counts,
        "rows": shown,
        "row_count": len(rows),
        "columns": [words.label_of(key) for key in keys],
        "scheme": rows[0].month.scheme if rows else None,
        "next_deadline": min(deadlines, default=None),
        "may_confirm_some": any(row.may_confirm for row in shown),
        "beside_id": beside.pk if beside else None,
        "panel_html": drawn(request, beside, now, tab=tab) if beside else "",
    }


@page
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """The chosen rows are confirmed as they are; said without ``sure``, what would happen is shown, and nothing done.

    A row with a reply or a mark, or the person's own, cannot be among them: then nothing is done either.
    """
    now = clock.now()
    if not request.actor.may_somewhere(Capability.LEAD_GRID):
        raise NotPermitted(_("只有网格长审核考核。"), missing=Capability.LEAD_GRID)
    on = _asked_month(request.POST.get("month", ""))
    if on is None:
        raise NotFound(_("没有这个月份。"))
    ids = {int(text) for text in request.POST.getlist("row") if text.isdecimal() and len(text) < 19}
    status = 200 if ids else 400
    if request.POST.get("sure") and ids:
        try:
            done = services.confirm(assessment_ids=ids, by=request.user)
        except (Conflict, NotPermitted):
            status = 409
        else:
            messages.success(request, _("已确认 %(count)s 个网格，网格员现在可以看到并答复。") % {"count": done})
            return redirect(list_url(on, tab=State.COMPUTED.value))
    rows = [row for row in selectors.month_of(request.user, on, day=today_of(now)) if row.pk in ids]
    if len(rows) != len(ids):
        raise NotFound(_("没有这项考核"))
    able = [row for row in rows if services.may_confirm(row, request.user)]
    refused = [row for row in rows if not services.may_confirm(row, request.user)]
    scores = [row.score for row in able if row.score is not None]
    context = {
        "now": now,
        "month": f"{on:%Y-%m}",
        "month_name": words.month_name(on),
        "back": list_url(on, tab=State.COMPUTED.value),
        "able": [words.row_of(row, [], [], request.user) for row in able],
        "refused": [words.row_of(row, [], [], request.user) for row in refused],
        "low": words.points(min(scores, default=None)),
        "high": words.points(max(scores, default=None)),
        "unscored": len(able) - len(scores),
        "is_late": status == 409,
    }
    return show(request, "reporting/assessment_confirm.html", context, status=status)


@page
def mine(request: HttpRequest) -> HttpResponse:
    """The person's own months after their review, the newest first."""
    now = clock.now()
    rows = selectors.own_of(request.user)
    if not rows and not request.actor.may_somewhere(Capability.PATROL):
        raise NotPermitted(_("考核的是网格员，你没有本人的考核。"), missing=Capability.PATROL)
    past = selectors.history_of(rows)
    cards = [
        {
            "row": row,
            "month": words.month_name(row.month.on),
            "words": words.row_of(row, past[row.pk], [i["key"] for i in row.month.scheme.items], request.user),
            "base": words.points(row.score),
            "reply_until": services.reply_until(row),
            "reply_waits": services.reply_waits(row, now),
            "may_reply": row.state == State.REVIEWED,
        }
        for row in rows
    ]
    waiting = sum(card["reply_waits"] for card in cards)
    context = {
        "now": now,
        "cards": cards,
        "waiting": waiting,
        "late": sum(card["may_reply"] for card in cards) - waiting,
        "is_leader": request.actor.may_somewhere(Capability.LEAD_GRID),
    }
    return show(request, "reporting/assessment_mine.html", context)


@page
def scheme(request: HttpRequest) -> HttpResponse:
    """Every version of the scheme, for those who are assessed and those who review."""
    actor = request.actor
    allowed = (Capability.LEAD_GRID, Capability.PATROL, Capability.MANAGE_RULES)
    if not any(actor.may_somewhere(capability) for capability in allowed):
        raise NotPermitted(_("考核方案给网格长和网格员看。"), missing=Capability.PATROL)
    rows = AssessmentScheme.objects.order_by("-from_month", "-version", "-pk")
    context = {"schemes": [words.scheme_words(row) for row in rows]}
    return show(request, "reporting/assessment_scheme.html", context)
