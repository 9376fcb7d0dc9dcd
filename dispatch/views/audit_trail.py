"""The audit administrator's page: who did what to accounts, permissions, rules and protected data, and when."""

import csv
from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, date
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.dateparse import parse_date
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from dispatch.actors import Actor
from dispatch.views.shell import page, show
from gridgov.common import address, audit, audit_words, clock
from gridgov.common.audit_actions import GROUPS
from gridgov.common.errors import NotPermitted
from gridgov.common.models import AuditEntry
from grids.capabilities import Capability
from incidents.importing import harmless

PAGE = 50
#: Rows that are put into words together.
TOGETHER = 500


class _Line:
    """A file that keeps nothing: what is written to it is returned."""

    def write(self, text: str) -> str:
        return text


def _required(actor: Actor) -> None:
    if not actor.may_somewhere(Capability.READ_AUDIT):
        raise NotPermitted(
            _("此页需要：%(needed)s") % {"needed": Capability.READ_AUDIT.label}, missing=Capability.READ_AUDIT.value
        )


@page
def trail(request: HttpRequest) -> HttpResponse:
    """The newest first, a page at a time, as the filters say."""
    _required(request.actor)
    asked = _asked(request)
    found = _found(asked)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    entries = list(found[: PAGE + 1])
    rows = [_shown(row, line) for row, line in zip(entries, audit_words.lines(entries), strict=True)]
    context = {
        "rows": rows[:PAGE],
        "before": rows[PAGE - 1]["id"] if len(rows) > PAGE else None,
        "is_first": not before,
        "asked": asked,
        "groups": [(key, label) for key, (label, _actions) in GROUPS.items()],
        "query": request.GET.copy(),
    }
    context["query"].pop("before", None)
    context["query"] = context["query"].urlencode()
    return show(request, "pages/audit.html", context)


@page
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """What the filters find as CSV, however much, row by row; that it was taken is an entry itself."""
    _required(request.actor)
    asked = _asked(request)
    audit.record(
        action="audit.export",
        actor=request.user,
        detail={key: str(value) for key, value in asked.items() if value and key != "text"},
        address=address.of(request),
    )
    found = _found(asked)
    response = StreamingHttpResponse(_lines(found, get_language()), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="audit-{clock.local(clock.now()):%Y%m%d-%H%M}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _lines(found: QuerySet[AuditEntry], language: str | None) -> Iterator[str]:
    """In ``language``: they are written when the request, and its language, are over."""
    writer = csv.writer(_Line())
    with override(language):
        heads = [
            _("编号"),
            _("时间"),
            _("操作人"),
            _("账号"),
            _("操作"),
            _("对象"),
            _("内容"),
            _("来源地址"),
            _("操作代码"),
        ]
    yield "\ufeff" + writer.writerow(heads)
    every = found.iterator(chunk_size=TOGETHER)
    while entries := list(islice(every, TOGETHER)):
        with override(language):
            lines = audit_words.lines(entries)
        for row, line in zip(entries, lines, strict=True):
            who = (str(row.actor), row.actor.get_username()) if row.actor else ("", "")
            words = [harmless(word) for word in (*who, line.action, line.object, line.detail)]
            yield writer.writerow(
                [row.pk, clock.local(row.at).isoformat(), *words, row.address or "", harmless(row.action)]
            )


def _asked(request: HttpRequest) -> dict[str, Any]:
    given = request.GET
    group = given.get("group", "")
    return {
        "group": group if group in GROUPS else "",
        "since": _day(given.get("since", "")),
        "until": _day(given.get("until", "")),
        "text": given.get("text", "").strip()[:60],
    }


def _day(text: str) -> date | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    # at both ends of the calendar there is no midnight in every zone
    return day if day is not None and MINYEAR < day.year < MAXYEAR else None


def _found(asked: dict[str, Any]) -> QuerySet[AuditEntry]:
    found = AuditEntry.objects.select_related("actor").order_by("-id")
    if asked["group"]:
        found = found.filter(action__in=list(GROUPS[asked["group"]][1]))
    if asked["since"]:
        found = found.filter(at__gte=clock.local_midnight(asked["since"]))
    if asked["until"]:
        found = found.filter(at__lt=clock.local_midnight(asked["until"], days=1))
    if asked["text"]:
        text = asked["text"]
        named = Q(actor__username=text) | Q(actor__name=text) | audit_words.meant(text)
        from_there = address.normal(text)
        found = found.filter(named | Q(address=from_there) if from_there else named)
    return found


def _shown(row: AuditEntry, line: audit_words.Line) -> dict[str, Any]:
    return {
        "id": row.pk,
        "at": row.at,
        "actor": str(row.actor) if row.actor else "",
        "login": row.actor.get_username() if row.actor else "",
        "action": row.action,
        "words": line.action,
        "is_bad": row.action in ("sign_in.failed", "sign_in.locked"),
        "object": line.object,
        "detail": line.detail,
        "address": row.address or "",
    }
