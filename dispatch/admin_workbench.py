"""Admin of what a centre shares at its desks: canned texts and views, saved through their services."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from dispatch import canned, canned_texts, saved_views
from dispatch.actors import actor_of
from dispatch.models import Appeal, CannedText, SavedView
from gridgov.common.read_only import ReadOnlyAdmin
from gridgov.common.service_admin import ServiceAdmin
from grids.admin_scope import ScopedAdmin, within
from grids.capabilities import Capability
from grids.spatial import areas
from incidents.workflow import Action
from personnel.roles import AREA_ROLES, Role

_RULES = frozenset({Capability.MANAGE_RULES})


class CannedTextForm(forms.ModelForm):
    action = forms.ChoiceField(label=_("操作"), required=False, choices=[("", _("该环节全部操作")), *Action.choices])

    class Meta:
        model = CannedText
        fields = ["stage", "action", "category", "area", "title", "text", "position", "is_active"]
        help_texts = {
            "area": _("空为全部区域共用。"),
            "text": _("变量：%(names)s") % {"names": _("、").join(f"{{{name}}}" for name in canned.VARIABLES)},
        }


@admin.register(CannedText)
class CannedTextAdmin(ScopedAdmin, ServiceAdmin):
    """The shared texts; what somebody keeps for himself is not shown here."""

    about = _("各环节常用的答复和说明，全部区域或某一区域共用；个人的文本不在这里。")
    capabilities = _RULES
    form = CannedTextForm
    list_display = ["title", "stage", "action_name", "category", "place", "position", "is_active"]
    list_filter = ["stage", ("category", admin.RelatedOnlyFieldListFilter), "is_active"]
    list_select_related = ["category"]
    search_fields = ["title", "text"]
    autocomplete_fields = ["area", "category"]

    def scope(self, user: Any, capabilities: Iterable[Capability] | None = None) -> Q:
        """Those of the areas held, and those that all areas share."""
        return within(user, capabilities or self.capabilities, area="area") | Q(area__isnull=True)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(owner__isnull=True)

    @admin.display(description=_("操作"))
    def action_name(self, row: CannedText) -> str:
        return str(Action(row.action).label) if row.action in Action.values else "—"

    @admin.display(description=_("共享区域"))
    def place(self, row: CannedText) -> str:
        return areas.full_name(row.area_id) if row.area_id else "—"

    def save_by_service(self, request: HttpRequest, obj: CannedText, data: dict[str, Any], change: bool) -> Model:
        given = dict(data)
        area = given.pop("area", None)
        by = actor_of(request.user)
        row = CannedText.objects.get(pk=obj.pk) if change else None
        # to take a text out of an area one must be able to share there as well
        places = [area.pk if area else None, *([row.area_id] if row is not None else [])]
        allowed = request.user.is_superuser or all(canned_texts.may_share(by, place) for place in places)
        return canned_texts.save_shared(by=request.user, given=given, area=area, row=row, allowed=allowed)


class SavedViewForm(forms.ModelForm):
    desk = forms.ChoiceField(label=_("队列"))
    role = forms.ChoiceField(label=_("默认角色"), required=False)

    class Meta:
        model = SavedView
        fields = ["area", "role", "desk", "name", "query", "position"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["area"].required = True
        self.fields["desk"].choices = [(d.key, d.label) for d in saved_views.DESKS.values() if d.statuses]
        roles = [(r.value, r.label) for r in Role if r in AREA_ROLES]
        self.fields["role"].choices = [("", _("区域内共享")), *roles]


@admin.register(SavedView)
class SavedViewAdmin(ScopedAdmin, ServiceAdmin):
    """The shared views and the defaults of roles."""

    about = _("区域内共享的视图，以及各角色打开工作台时的默认视图。")
    capabilities = _RULES
    area_lookup = "area"
    form = SavedViewForm
    list_display = ["name", "desk", "place", "role", "position", "saved_by", "saved_at"]
    list_filter = ["desk", "role"]
    list_select_related = ["saved_by"]
    search_fields = ["name"]
    autocomplete_fields = ["area"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(owner__isnull=True)

    @admin.display(description=_("共享区域"))
    def place(self, row: SavedView) -> str:
        return areas.full_name(row.area_id)

    def save_by_service(self, request: HttpRequest, obj: SavedView, data: dict[str, Any], change: bool) -> Model:
        return saved_views.save(
            by=actor_of(request.user), desk=data["desk"], name=data["name"], query=data["query"] or {},
            area_id=data["area"].pk, role=data["role"], position=data["position"] or 0,
            view_id=obj.pk if change else None,
        )  # fmt: skip

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: SavedView) -> None:
        saved_views.delete(by=actor_of(request.user), view_id=obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SavedView]) -> None:
        for pk in queryset.values_list("pk", flat=True):
            saved_views.delete(by=actor_of(request.user), view_id=pk)


@admin.register(Appeal)
class AppealAdmin(ReadOnlyAdmin):
    """What was appealed and decided, without confidential cases."""

    list_display = ["incident", "state", "asked_by", "asked_at", "first_by", "second_by"]
    list_filter = ["state"]
    list_select_related = ["incident", "asked_by", "first_by", "second_by"]
    search_fields = ["=incident__number"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).exclude(incident__is_confidential=True).order_by("-id")
