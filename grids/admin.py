"""Admin of areas, zones, places and components. Rules live in ``grids.services``; boundaries come by import."""

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gridgov.common.errors import FieldError
from gridgov.common.read_only import BoundedPaginator, ReadOnlyAdmin
from grids import services
from grids.models import Area, AreaMembership, CodePattern, Component, Place, ServiceZone


class _Bounded(admin.ModelAdmin):
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50


class _RootFilter(admin.SimpleListFilter):
    title = _("城市")
    parameter_name = "root"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[int, str]]:
        return list(Area.objects.filter(parent=None).values_list("pk", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(root=self.value()) if self.value() else queryset


@admin.register(Area)
class AreaAdmin(_Bounded):
    """Name, kind, desk and attribution can be changed; everything else comes by import."""

    list_display = ["code", "name", "level", "kind", "has_desk", "area_m2", "valid_from", "valid_to"]
    list_filter = [_RootFilter, "level", "kind", "has_desk", ("valid_to", admin.EmptyFieldListFilter)]
    search_fields = ["code", "name"]
    ordering = ["root", "level", "code"]
    fields = [
        "name", "kind", "has_desk", "attribution", "code", "level", "parent", "path", "box", "area_m2", "valid_from",
        "valid_to", "revision",
    ]  # fmt: skip
    readonly_fields = ["code", "level", "parent", "path", "box", "area_m2", "valid_from", "valid_to", "revision"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Area]:
        return super().get_queryset(request).defer("boundary")

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


class _CityForm(forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "root" in self.fields:
            self.fields["root"].queryset = Area.objects.filter(parent=None).defer("boundary")


class PointForm(_CityForm):
    """The area is found from the point."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        root, lon, lat = data.get("root"), data.get("lon"), data.get("lat")
        if root is not None and lon is not None and lat is not None:
            try:
                self.instance.area_id = services.deepest_area(root_id=root.pk, lon=lon, lat=lat)
            except FieldError as error:
                self.add_error(error.field, str(error.message))
        return data


@admin.register(Place)
class PlaceAdmin(_Bounded):
    form = PointForm
    list_display = ["code", "name", "kind", "address", "organisation"]
    list_filter = [_RootFilter, "kind"]
    search_fields = ["code", "name", "address"]
    exclude = ["area"]


@admin.register(Component)
class ComponentAdmin(_Bounded):
    form = PointForm
    list_display = ["code", "type_code", "name", "state", "address", "short_code"]
    list_filter = [_RootFilter, "state"]
    search_fields = ["code", "short_code", "name", "address"]
    exclude = ["area"]
    readonly_fields = ["short_code", "qr_token"]


class ZoneForm(_CityForm):
    """Areas lie in the zone's own city."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        root, members = data.get("root"), data.get("areas")
        if root is not None and members is not None and members.exclude(root=root).exists():
            self.add_error("areas", _("区域不属于该城市"))
        return data


@admin.register(ServiceZone)
class ServiceZoneAdmin(_Bounded):
    form = ZoneForm
    list_display = ["code", "name", "kind", "root"]
    list_filter = [_RootFilter, "kind"]
    search_fields = ["code", "name"]
    autocomplete_fields = ["areas"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServiceZone]:
        return super().get_queryset(request).select_related("root").defer("root__boundary")

    def save_model(self, request: HttpRequest, obj: ServiceZone, form: forms.ModelForm, change: bool) -> None:
        """Nothing yet: the zone and its areas are saved together by ``save_related``."""
        if not change:
            obj.save()

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: Any, change: bool) -> None:
        members = form.cleaned_data["areas"].values_list("pk", flat=True)
        services.save_zone(zone=form.instance, members=members, by=request.user)


class PatternForm(_CityForm):
    """A pattern is a regular expression."""

    def clean_pattern(self) -> str:
        pattern = self.cleaned_data["pattern"]
        try:
            re.compile(pattern)
        except re.error as error:
            raise forms.ValidationError(_("不是正则表达式")) from error
        return pattern


@admin.register(CodePattern)
class CodePatternAdmin(admin.ModelAdmin):
    form = PatternForm
    list_display = ["level", "pattern"]
    list_filter = [_RootFilter]


@admin.register(AreaMembership)
class AreaMembershipAdmin(ReadOnlyAdmin):
    list_display = ["user", "role", "area_id", "starts_on", "ends_on"]
    list_filter = ["role"]
    search_fields = ["user__username", "user__name"]
    list_select_related = ["user"]
