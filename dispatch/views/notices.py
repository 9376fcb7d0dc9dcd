"""A person's notices."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dispatch.models import Notice
from dispatch.views.shell import page, show
from gridgov.common import clock
from gridgov.common.errors import NotFound

PAGE = 50


@page
def notices(request: HttpRequest) -> HttpResponse:
    """The newest first, unread ones marked."""
    found = Notice.objects.filter(user=request.actor.user_id)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    rows = list(
        found.order_by("-pk").values("id", "text", "topic", "created_at", "read_at", "incident__number")[: PAGE + 1]
    )
    following = rows[PAGE - 1]["id"] if len(rows) > PAGE else None
    return show(request, "pages/notices.html", {"rows": rows[:PAGE], "before": following, "is_first": not before})


@page
@require_POST
def read_notice(request: HttpRequest, notice_id: int) -> HttpResponse:
    """The notice is read; on to its case."""
    row = Notice.objects.filter(pk=notice_id, user=request.actor.user_id).values("incident__number").first()
    if row is None:
        raise NotFound(_("没有这条通知。"))
    _read(Notice.objects.filter(pk=notice_id))
    return redirect("pages:case", row["incident__number"]) if row["incident__number"] else redirect("pages:notices")


@page
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """All of the person's notices are read."""
    _read(Notice.objects.filter(user=request.actor.user_id))
    return redirect("pages:notices")


def _read(found) -> None:  # type: ignore[no-untyped-def]
    found.filter(read_at__isnull=True).update(read_at=clock.now())
