"""The search of the bar: the command line's finder as a page, from wherever one is and without a script."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy

from dispatch import finding
from dispatch.actors import Actor
from dispatch.finding import Hit
from dispatch.views.keys import FINDABLE
from dispatch.views.shell import desk_url, desks_of, page, show
from gridgov.common import clock
from gridgov.common.errors import FieldError
from grids.capabilities import Capability

#: As static/js/palette.js says it.
KINDS = {
    "case": gettext_lazy("案件"), "area": gettext_lazy("区域"), "category": gettext_lazy("类别"),
    "component": gettext_lazy("部件"),
}  # fmt: skip
WHY = {
    "phone": gettext_lazy("电话尾号"), "address": gettext_lazy("地址"), "code": gettext_lazy("编码"),
    "number": gettext_lazy("编号"), "name": gettext_lazy("名称"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """A hit as a row: what it is, why it is one, and where it leads."""

    url: str
    label: str
    hint: str
    kind: str
    kind_label: str
    why: str
    key: str


@page
def find(request: HttpRequest) -> HttpResponse:
    """What the text may mean to the person; on to the case where it can mean no other. 404 where nothing is found."""
    actor: Actor = request.actor
    text = request.GET.get("text", "").strip()
    problem, hits = "", []
    try:
        hits = finding.find(actor, text, now=clock.now())
    except FieldError as error:
        problem = error.message
    rows = [row for hit in _each_once(hits) if (row := _row(hit, actor)) is not None]
    if only := _only(rows, text):
        return redirect("pages:case", only)
    context = {"asked_text": text[: finding.TEXT_LIMIT], "rows": rows, "problem": problem, "findable": FINDABLE}
    return show(request, "pages/find.html", context, status=400 if problem else 200 if rows else 404)


def _each_once(hits: list[Hit]) -> list[Hit]:
    """A case that is found by its number and by a phone is one; the surer reason stands."""
    return list({(hit.kind, hit.key): hit for hit in reversed(hits)}.values())[::-1]


def _only(rows: list[Found], text: str) -> str:
    """The number of the case that is meant: written whole, or all that was found; empty where there is a choice."""
    if len(rows) == 1 and rows[0].kind == "case":
        return rows[0].key
    return next((row.key for row in rows if row.key == text.upper() and row.kind == "case"), "")


def _row(hit: Hit, actor: Actor) -> Found | None:
    """Where the hit leads: a case to its page, anything else into the person's queue; None where there is no way."""
    if hit.kind == "case":
        url = reverse("pages:case", args=[hit.key])
    elif desk := next((key for key in desks_of(actor) if key != "approve"), None):
        url = f"{desk_url(desk)}?{urlencode({hit.kind: hit.key})}"
    elif hit.kind == "component" and actor.may_somewhere(Capability.REPORT_INCIDENT):
        url = f"{reverse('pages:report')}?{urlencode({'component': hit.key})}"
    else:
        return None
    return Found(url, hit.label, hit.hint, hit.kind, str(KINDS[hit.kind]), str(WHY[hit.why]), hit.key)
