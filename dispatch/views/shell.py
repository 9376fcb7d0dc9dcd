"""What every page shares: who looks at it, the bar, and how refusals are shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from dispatch.actors import Actor, actor_signed_in
from dispatch.models import Notice
from dispatch.views.desk_table import DESKS
from gridgov.common import clock
from gridgov.common.errors import Conflict, DomainError, NotFound, NotPermitted
from grids.capabilities import Capability
from grids.spatial import areas
from personnel.roles import Role
from personnel.selectors import department_tree

MANY_UNREAD = 99
#: Tabler draws its arrows as data: images; nothing is inline, nothing comes from elsewhere.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
View = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the bar."""

    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that an app above puts into the bar. ``place``: see ``_nav``; ``begins``: roles whose home it is."""

    label: str | Promise
    url_name: str
    allowed: Callable[[Actor], bool]
    place: int
    begins: frozenset[Role] = frozenset()


_entries: list[Entry] = []


def add_entry(entry: Entry) -> None:
    """The bar has the page from now on. Called once, when the app is ready."""
    if entry not in _entries:
        _entries.append(entry)


def home_of(actor: Actor) -> str | None:
    """The address of a page above this app at which one of the person's roles begins; None for the desks' own."""
    roles = {Role(role) for role in actor.roles}
    return next((reverse(e.url_name) for e in _entries if e.begins & roles and e.allowed(actor)), None)


def page(view: View) -> View:
    """``view`` for signed-in people: ``request.actor`` is who looks; refusals become pages of their own status."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        request.actor = actor_signed_in(request.user)
        try:
            response = view(request, *args, **kwargs)
        except (NotFound, NotPermitted, Conflict) as refusal:
            return refused(request, refusal)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # somebody came back to where a form was sent to: a page of ours, with what the answer must have
            told = show(request, "405.html", {}, status=response.status_code)
            told["Allow"] = response["Allow"]
            return told
        return response

    return shown


def show(request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """The page within the bar. ``now`` is read once, unless the view already read it."""
    filled = {"now": clock.now(), **context}
    actor = getattr(request, "actor", None)
    if actor is not None:
        filled |= bar(request, actor)
    return guarded(render(request, template, filled, status=status))


def guarded(response: HttpResponse) -> HttpResponse:
    """The page runs and shows only what is ours, and no cache on the way keeps it."""
    response["Content-Security-Policy"] = CONTENT_POLICY
    response["Cache-Control"] = "private, no-cache"
    return response


def refused(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    """The page that says why not: 403, 404 or 409."""
    return show(request, f"{refusal.status}.html", {"refusal": refusal}, status=refusal.status)


def bar(request: HttpRequest, actor: Actor) -> dict[str, Any]:
    """The bar: whose house it is, where the person may go, and how many notices wait. One statement."""
    unread = Notice.objects.filter(user=actor.user_id, read_at__isnull=True)[: MANY_UNREAD + 1].count()
    return {
        "actor": actor,
        "idle_minutes": settings.IDLE_MINUTES,
        "house": _house(actor),
        "nav": _nav(request.path, actor) + _administration(request),
        "role_names": _("、").join(str(Role(role).label) for role in actor.roles),
        "unread": f"{MANY_UNREAD}+" if unread > MANY_UNREAD else unread,
    }


def desks_of(actor: Actor) -> list[str]:
    """The keys of the queues that the person works in."""
    return [desk.key for desk in DESKS.values() if any(actor.may_somewhere(c) for c in desk.capabilities)]


def desk_url(key: str) -> str:
    """Where the desk is worked: the workbench, or the list of the requests that wait."""
    return reverse("pages:queue" if key == "approve" else "pages:workbench", args=[key])


def is_field_worker(actor: Actor) -> bool:
    """Whether the person works outside: reports, checks and verifies on foot."""
    return actor.may_somewhere(Capability.PATROL)


def _nav(path: str, actor: Actor) -> list[Link]:
    """By place: tasks 10, queues 20, tickets 30, appeals 35, reporting 40, what apps above add, administration 90."""
    found: list[tuple[int, str, str]] = []
    if is_field_worker(actor):
        found.append((10, _("我的任务"), reverse("pages:tasks")))
    found += [(20, str(DESKS[key].label), desk_url(key)) for key in desks_of(actor)]
    if actor.department_ids or is_field_worker(actor):
        found.append((30, pgettext("many", "工单"), reverse("pages:inbox")))
    if actor.department_ids or actor.may_somewhere(Capability.ACCEPT) or actor.may_somewhere(Capability.DISPATCH):
        found.append((35, _("申诉"), reverse("pages:appeals")))
    if actor.may_somewhere(Capability.REPORT_INCIDENT):
        found.append((40, _("上报"), reverse("pages:report")))
    found += [(e.place, str(e.label), reverse(e.url_name)) for e in _entries if e.allowed(actor)]
    if actor.may_somewhere(Capability.OPERATE_LOOP):
        found.append((90, _("运维"), reverse("pages:ops")))
    if actor.may_somewhere(Capability.MANAGE_SECURITY):
        found.append((91, _("账号安全"), reverse("pages:security")))
    if actor.may_somewhere(Capability.READ_AUDIT):
        found.append((92, _("审计"), reverse("pages:audit")))
    found.sort(key=lambda link: link[0])
    return [Link(label, url, path.startswith((url, url.replace("/work/", "/queue/")))) for _place, label, url in found]


def _administration(request: HttpRequest) -> list[Link]:
    """The way to the admin pages, last, for who may enter them."""
    if not (request.user.is_active and request.user.is_staff):
        return []
    url = reverse("admin:index")
    return [Link(_("管理后台"), url, request.path.startswith(url))]


def _house(actor: Actor) -> str:
    centre = areas.name(actor.desk_area_id) if actor.postings else ""
    if centre:
        return _("%(area)s网格治理指挥中心") % {"area": centre}
    own = next((d for _role, _area, d in actor.postings if d is not None), None)
    return department_tree().name(own) or _("网格治理")
