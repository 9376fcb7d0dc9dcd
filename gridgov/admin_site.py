"""The site of the admin pages: in the house's design, under its content policy, and saying why it is closed.

What each person may open is told by ``gridgov.admin_access``; here is only how it looks.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from dispatch.actors import actor_signed_in
from dispatch.views import maps
from dispatch.views.shell import refused
from gridgov.common.errors import DomainError, NotFound, NotPermitted
from grids.models import Area
from grids.spatial import areas
from personnel.models import Department
from personnel.selectors import department_tree

#: Title and the models under it, in the order of the index. Models that are registered and not here come last.
CHAPTERS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (
        gettext_lazy("受理与时限"),
        ("incidents.category", "incidents.filingstandard", "incidents.limit", "incidents.ladder",
         "dispatch.escalationtarget", "common.workcalendar", "common.calendarversion"),
    ),
    (gettext_lazy("派遣与考核"), ("dispatch.routingrule", "personnel.assessmentscheme", "personnel.componentduty")),
    (gettext_lazy("工作台"), ("dispatch.cannedtext", "dispatch.savedview")),
    (
        pgettext_lazy("many", "人员"),
        ("personnel.department", "personnel.worker", "personnel.posting", "grids.areamembership"),
    ),
    (
        gettext_lazy("区域与部件"),
        ("grids.area", "grids.servicezone", "grids.component", "grids.place", "grids.codepattern"),
    ),
    (gettext_lazy("审计"), ("common.auditentry",)),
)  # fmt: skip


class Site(AdminSite):
    """Django's admin; a refusal is a page that says what is missing, and nothing runs but what is ours."""

    site_header = site_title = gettext_lazy("网格治理 · 管理后台")
    index_title = gettext_lazy("规则、人员与审计")
    enable_nav_sidebar = False

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        inner = super().admin_view(view, cacheable)

        def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                return _refused(request, NotPermitted(_("管理后台只对系统、安全和审计管理员开放，你没有这些任职。")))
            try:
                response = inner(request, *args, **kwargs)
            except (NotPermitted, NotFound) as refusal:
                return _refused(request, refusal)
            except PermissionDenied:
                return _refused(request, NotPermitted(_closed(request)))
            except Http404 as missing:
                words = str(missing.args[0]) if missing.args and isinstance(missing.args[0], str) else ""
                return _refused(request, NotFound(words or _("没有这一页，或不在你负责的区域内。")))
            response["Content-Security-Policy"] = maps.policy()
            response.setdefault("Cache-Control", "private, no-cache")
            return response

        return shown

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        return _Choices.as_view(admin_site=self)(request)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """By what they are for, where the whole index is asked for; the models of one app where that is."""
        found = super().get_app_list(request, app_label)
        for app in found:
            for model in app["models"]:
                model["about"] = getattr(self._registry[model["model"]], "about", "")
        if app_label is not None:
            return found
        models = {model["model"]._meta.label_lower: model for app in found for model in app["models"]}
        chapters = []
        for number, (title, labels) in enumerate(CHAPTERS):
            here = [models.pop(label) for label in labels if label in models]
            if here:
                chapters.append(_chapter(f"chapter-{number}", title, here))
        if models:
            chapters.append(_chapter("chapter-rest", _("案件与运行（只读）"), list(models.values())))
        return chapters


class _Choices(AutocompleteJsonView):
    """What a field offers: areas and departments by their full names, for several have the same short one."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        answer = super().serialize_result(obj, to_field_name)
        if isinstance(obj, Area):
            return answer | {"text": f"{areas.full_name(obj.pk)} ({obj.code})"}
        if isinstance(obj, Department):
            return answer | {"text": department_tree().full_name(obj.pk) or obj.name}
        return answer


def _chapter(label: str, title: Any, models: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": title, "app_label": label, "app_url": "", "has_module_perms": True, "models": models}


def _closed(request: HttpRequest) -> str:
    match = request.resolver_match
    name = (match.url_name or "") if match is not None else ""
    if name.endswith(("_add", "_change", "_delete")):
        return _("这一页由具有相应管理任职的人使用；有些内容只能查看，由流程或导入产生。")
    return _("你的管理任职不包括这一页：系统管理员管规则和人员，安全管理员管管理员的任职，审计管理员看审计。")


def _refused(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    request.actor = actor_signed_in(request.user)
    return refused(request, refusal)
