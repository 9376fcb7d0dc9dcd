"""Admin of areas, zones, places and components. Rules live in ``grids.services``; boundaries by import or hand."""

import re
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from gridgov.common.errors import FieldError
from gridgov.common.read_only import BoundedPaginator, ReadOnlyAdmin, ShownInline
from grids import component_types, services
from grids.admin_map import MapPages
from grids.admin_plates import PlatePages
from grids.admin_scope import CityFilter, ScopedAdmin, held_areas, within
from grids.capabilities import Capability as Cap
from grids.models import Area, AreaMembership, CodePattern, Component, Level, Place, ServiceZone
from grids.spatial import areas

_RULES = frozenset({Cap.MANAGE_RULES})
#: Who chooses an area in a form of his own page, though the pages of areas are not his.
_CHOOSERS = frozenset({Cap.MANAGE_RULES, Cap.MANAGE_PEOPLE, Cap.MANAGE_SECURITY})


#: Areas that a name finds at most; a longer one finds fewer.
_NAMED_AT_MOST = 500


class DistrictFilter(admin.SimpleListFilter):
    """An area of the second level with all that lies in it."""

    title = _("区县")
    parameter_name = "district"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[int, str]]:
        held = held_areas(request.user, model_admin.capabilities)
        reached = None if held is None else {area_id for record in held for area_id in record.ancestors}
        tops = None if held is None else {record.root_id for record in held if record.parent_id is None}
        index = areas.index()
        return [
            (record.id, index.full_name(record.id))
            for record in sorted(index.all(), key=lambda record: record.code)
            if record.level == Level.DISTRICT and record.active
            and (reached is None or record.id in reached or record.root_id in tops)
        ]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Area]) -> QuerySet[Area]:
        value = self.value() or ""
        if not (value.isascii() and value.isdecimal() and len(value) < 18):
            return queryset
        record = areas.find(int(value))
        return queryset.filter(path__startswith=record.path) if record is not None else queryset.none()


class _Bounded(ScopedAdmin):
    capabilities = _RULES
    root_lookup = "root"
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50


class _DeletedWithReason(admin.ModelAdmin):
    """Deletes one row at a time, by the service, which keeps the reason that is asked for."""

    delete_confirmation_template = "admin/delete_with_reason.html"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without deleting many at once, where nobody would be asked why."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except FieldError as error:
            messages.error(request, str(error.message))
            return HttpResponseRedirect(request.get_full_path())

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.delete_by_hand(row=obj, reason=request.POST.get("reason", ""), by=request.user)


class MembershipInline(ShownInline):
    """Who holds which role here: told by postings, changed there."""

    model = AreaMembership
    fields = readonly_fields = ["who", "role_name", "starts_on", "ends_on"]
    verbose_name_plural = _("在此任职的人")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[AreaMembership]:
        return super().get_queryset(request).select_related("user").order_by("role", "starts_on")

    @admin.display(description=_("人员"))
    def who(self, row: AreaMembership) -> str:
        return str(row.user)

    @admin.display(description=_("角色"))
    def role_name(self, row: AreaMembership) -> str:
        return row.role


@admin.register(Area)
class AreaAdmin(MapPages, _Bounded):
    """Name, kind, desk and attribution can be changed, the boundary on its map; everything else comes by import."""

    about = _("城市的区县、街道、社区、网格。名称在此修改，边界在地图上调整，编码与上下级由导入产生。")
    root_lookup = ""
    # a city has some thousands of areas: they are counted whole, and every page of them is reached
    paginator = Paginator
    list_display = ["code", "full_name", "level", "kind", "has_desk", "hectares", "valid_from", "valid_to", "on_map"]
    list_display_links = ["code", "full_name"]
    list_filter = [CityFilter, DistrictFilter, "level", "kind", "has_desk", ("valid_to", admin.EmptyFieldListFilter)]
    inlines = [MembershipInline]
    change_form_template = "admin/grids/area/change_form.html"
    search_fields = ["code", "name"]
    ordering = ["root", "level", "code"]
    fields = [
        "name", "kind", "has_desk", "attribution", "code", "level", "parent", "path", "box", "area_m2", "valid_from",
        "valid_to", "revision",
    ]  # fmt: skip
    readonly_fields = ["code", "level", "parent", "path", "box", "area_m2", "valid_from", "valid_to", "revision"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Area]:
        if not _is_choosing(request):
            return super().get_queryset(request).defer("boundary")
        found = Area.objects.filter(within(request.user, _CHOOSERS), valid_to=None)
        return found.defer("boundary").order_by("level", "code")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """By code and name, and by the name as it is shown: 榆中县城关镇."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        shown = _shown_as("".join(search_term.split()))
        return (found | queryset.filter(pk__in=shown) if shown else found), may_repeat

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        chooses = _is_choosing(request) and Area.objects.filter(within(request.user, _CHOOSERS)).exists()
        return chooses or super().has_view_permission(request, obj)

    @admin.display(description=_("名称"), ordering="name")
    def full_name(self, area: Area) -> str:
        return areas.full_name(area.pk) or area.name

    @admin.display(description=_("面积（公顷）"), ordering="area_m2")
    def hectares(self, area: Area) -> str:
        return f"{area.area_m2 / 10_000:,.1f}"

    @admin.display(description=_("地图"))
    def on_map(self, area: Area) -> str:
        if area.parent_id is None or area.valid_to is not None:
            return "—"
        return format_html('<a href="{}">{}</a>', reverse("admin:grids_area_map", args=[area.pk]), _("调整边界"))

    @admin.display(description=_("外接矩形"))
    def box(self, area: Area) -> str:
        return f"{area.min_lon:.6f}, {area.min_lat:.6f} – {area.max_lon:.6f}, {area.max_lat:.6f}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Area, form: forms.ModelForm, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        services.change_area(area=Area.objects.defer("boundary").get(pk=obj.pk), by=request.user, **values)


def _shown_as(text: str) -> list[int]:
    """The areas whose full name has ``text`` in it and whose parent's has not, by level; those in use and ended."""
    if not text:
        return []
    index = areas.index()
    named = {record.id: index.full_name(record.id) for record in index.all()}
    found = [
        record for record in index.all() if text in named[record.id] and text not in named.get(record.parent_id, "")
    ]
    return [record.id for record in sorted(found, key=lambda record: record.level)[:_NAMED_AT_MOST]]


def _is_choosing(request: HttpRequest) -> bool:
    """Whether the request fills a choice of areas in another page's form."""
    return request.resolver_match is not None and request.resolver_match.url_name == "autocomplete"


class PointForm(forms.ModelForm):
    """The area is found from the point, and is one that the person administers (``scope``)."""

    scope: Any = None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        root, lon, lat = data.get("root"), data.get("lon"), data.get("lat")
        if root is not None and lon is not None and lat is not None:
            try:
                area_id = services.deepest_area(root_id=root.pk, lon=lon, lat=lat)
                if not Area.objects.filter(self.scope, pk=area_id).exists():
                    raise FieldError("lon", str(_("该位置不在你负责的区域内")))
                self.instance.area_id = area_id
            except FieldError as error:
                self.add_error(error.field, str(error.message))
        return data


class _PointAdmin(_DeletedWithReason, _Bounded):
    """Of what lies at a point: its area is where the rows are scoped."""

    form = PointForm
    area_lookup = "area"
    root_lookup = ""

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        services.save_by_hand(row=obj, by=request.user)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> type[forms.ModelForm]:
        form = super().get_form(request, obj, **kwargs)
        return type("Form", (form,), {"scope": within(request.user, self.capabilities)})


@admin.register(Place)
class PlaceAdmin(_PointAdmin):
    about = _("楼栋、商铺、工地等场所：地址、位置和责任单位，不含住户信息。所在区域由坐标得出。")
    list_display = ["code", "name", "kind", "address", "organisation"]
    list_filter = [CityFilter, "kind"]
    search_fields = ["code", "name", "address"]
    exclude = ["area"]


class ComponentForm(PointForm):
    """The type is one of the catalogue's. A code that came by import and is not there may stay as it is."""

    type_code = forms.ChoiceField(
        label=_("类别编码"),
        error_messages={"invalid_choice": _("类别目录里没有部件类别“%(value)s”，请从列表中选择。")},
        help_text=_("市民扫码时按它预选上报类别。"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "type_code" not in self.fields:  # who only looks has no field
            return
        groups: dict[str, list[tuple[str, str]]] = {}
        for one in component_types.known():
            groups.setdefault(one.group, []).append((one.code, f"{one.code} {one.name}"))
        held = self.instance.type_code
        if held and not any(held == code for listed in groups.values() for code, _name in listed):
            groups[str(_("不在类别目录中"))] = [(held, held)]
        self.fields["type_code"].choices = [("", "---------"), *groups.items()]


@admin.register(Component)
class ComponentAdmin(PlatePages, _PointAdmin):
    about = _(
        "带编码和二维码的城市部件。所在区域由坐标得出；主管、权属、养护单位见“部件责任”。"
        "勾选后用“打印二维码标识”印出标识。"
    )
    form = ComponentForm
    change_form_template = "admin/grids/component/change_form.html"
    list_display = ["code", "type_code", "name", "state", "place", "address", "short_code"]
    list_filter = [CityFilter, "state", "type_code"]
    search_fields = ["code", "short_code", "name", "address", "area__name"]
    exclude = ["area"]
    readonly_fields = ["short_code", "qr_token"]

    @admin.display(description=_("所在区域"))
    def place(self, component: Component) -> str:
        return areas.full_name(component.area_id)


class ZoneForm(forms.ModelForm):
    """Areas lie in the zone's own city."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        root, members = data.get("root"), data.get("areas")
        if root is not None and members is not None and members.exclude(root=root).exists():
            self.add_error("areas", _("区域不属于该城市"))
        return data


@admin.register(ServiceZone)
class ServiceZoneAdmin(_DeletedWithReason, _Bounded):
    about = _("市场监管、警务、景区等另划的网格，由若干区域组成；派遣规则和地图图层按它取用。")
    form = ZoneForm
    list_display = ["code", "name", "kind", "root"]
    list_filter = [CityFilter, "kind"]
    search_fields = ["code", "name"]
    autocomplete_fields = ["areas"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServiceZone]:
        return super().get_queryset(request).select_related("root").defer("root__boundary")

    def save_model(self, request: HttpRequest, obj: ServiceZone, form: forms.ModelForm, change: bool) -> None:
        """Nothing yet: the zone and its areas are saved together by ``save_related``."""

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: Any, change: bool) -> None:
        members = form.cleaned_data["areas"].values_list("pk", flat=True)
        services.save_zone(zone=form.instance, members=members, by=request.user)


class PatternForm(forms.ModelForm):
    """A pattern is a regular expression."""

    def clean_pattern(self) -> str:
        pattern = self.cleaned_data["pattern"]
        try:
            re.compile(pattern)
        except re.error as error:
            raise forms.ValidationError(_("不是正则表达式")) from error
        return pattern


@admin.register(CodePattern)
class CodePatternAdmin(_DeletedWithReason, _Bounded):
    about = _("各层级编码应符合的正则表达式，导入时逐条检查；没有规则的层级不检查。")
    form = PatternForm
    list_display = ["level", "city", "pattern"]
    list_filter = [CityFilter]

    def save_model(self, request: HttpRequest, obj: CodePattern, form: forms.ModelForm, change: bool) -> None:
        services.save_by_hand(row=obj, by=request.user)

    @admin.display(description=_("城市"))
    def city(self, row: CodePattern) -> str:
        return areas.name(row.root_id)


@admin.register(AreaMembership)
class AreaMembershipAdmin(ScopedAdmin, ReadOnlyAdmin):
    about = _("任职在各区域产生的权限，由“任职”自动生成，只读。")
    capabilities = frozenset({Cap.MANAGE_PEOPLE, Cap.MANAGE_SECURITY})
    area_lookup = "area"
    list_display = ["user", "role", "place", "starts_on", "ends_on"]
    list_filter = ["role"]
    search_fields = ["user__username", "user__name"]
    list_select_related = ["user"]

    @admin.display(description=_("区域"))
    def place(self, row: AreaMembership) -> str:
        return areas.full_name(row.area_id)
