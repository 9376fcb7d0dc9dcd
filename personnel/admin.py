"""Admin of departments, people, postings and duties. The rules live in ``personnel.services``."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gridgov.common.service_admin import ServiceAdmin
from grids.models import Area
from personnel import services
from personnel.models import ComponentDuty, Department, Posting, Worker


class _PeopleAdmin(ServiceAdmin):
    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.remote_field.model is Area:
            # boundaries are large and nobody reads them here
            found = Area.objects.filter(valid_to=None).defer("boundary").order_by("level", "code")
            kwargs["queryset"] = found.filter(parent=None) if db_field.name == "root" else found
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(Department)
class DepartmentAdmin(_PeopleAdmin):
    list_display = ["code", "name", "kind", "parent", "is_active"]
    list_filter = ["kind", "is_active"]
    search_fields = ["code", "name"]
    list_select_related = ["parent"]
    fields = ["root", "code", "name", "kind", "parent", "area", "is_active"]
    ordering = ["path"]

    def get_readonly_fields(self, request: HttpRequest, obj: Department | None = None) -> list[str]:
        return ["root", "code"] if obj else []

    def save_by_service(self, request: HttpRequest, obj: Department, data: dict[str, Any], change: bool) -> Model:
        return services.save_department(
            root=obj.root, code=obj.code, name=obj.name, kind=obj.kind, parent=obj.parent, area=obj.area,
            is_active=obj.is_active, by=request.user,
        )  # fmt: skip


class HireForm(forms.ModelForm):
    """The worker and the account."""

    login = forms.CharField(label=_("账号"), max_length=150)
    name = forms.CharField(label=_("姓名"), max_length=60)
    phone = forms.CharField(label=_("电话"), max_length=32, required=False)
    password = forms.CharField(label=_("口令"), widget=forms.PasswordInput, required=False)
    root = forms.ModelChoiceField(Area.objects.filter(parent=None).defer("boundary"), label=_("城市"), required=False)

    class Meta:
        model = Worker
        fields = ["number", "department"]


class WorkerForm(forms.ModelForm):
    """The worker is moved, or leaves."""

    left_on = forms.DateField(label=_("离职日期"), required=False)
    reason = forms.CharField(label=_("离职原因"), max_length=200, required=False)

    class Meta:
        model = Worker
        fields = ["department"]


@admin.register(Worker)
class WorkerAdmin(_PeopleAdmin):
    list_display = ["number", "user", "department", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["number", "user__name", "user__username"]
    list_select_related = ["user", "department"]
    field_names = {"on": "left_on"}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, form=WorkerForm if obj else HireForm, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Worker | None = None) -> list[str]:
        if obj is None:
            return ["login", "name", "phone", "number", "department", "root", "password"]
        return ["user", "number", "is_active", "department", "left_on", "reason"]

    def get_readonly_fields(self, request: HttpRequest, obj: Worker | None = None) -> list[str]:
        return ["user", "number", "is_active"] if obj else []

    def save_by_service(self, request: HttpRequest, obj: Worker, data: dict[str, Any], change: bool) -> Model:
        if not change:
            return services.hire(
                login=data["login"], name=data["name"], number=data["number"], phone=data["phone"],
                department=data["department"], root=data["root"], password=data["password"] or None, by=request.user,
            )  # fmt: skip
        worker = Worker.objects.get(pk=obj.pk)
        if worker.department_id != obj.department_id:
            worker = services.transfer_worker(worker=worker, department=obj.department, by=request.user)
        if data["left_on"]:
            worker = services.leave(worker=worker, on=data["left_on"], reason=data["reason"], by=request.user)
        return worker


@admin.register(Posting)
class PostingAdmin(_PeopleAdmin):
    """A posting is begun and ended, never changed."""

    list_display = ["worker", "role", "area_name", "department", "starts_on", "ends_on"]
    list_filter = ["role", ("ends_on", admin.EmptyFieldListFilter)]
    search_fields = ["worker__number", "worker__user__name", "worker__user__username"]
    autocomplete_fields = ["worker"]
    field_names = {"reason": "ended_reason"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        found = super().get_queryset(request).select_related("worker__user", "area", "department")
        return found.defer("area__boundary")

    @admin.display(description=_("区域"))
    def area_name(self, posting: Posting) -> str:
        return posting.area.name if posting.area else ""

    def get_fields(self, request: HttpRequest, obj: Posting | None = None) -> list[str]:
        begun = ["worker", "role", "area", "department", "starts_on", "ends_on"]
        return [*begun, "ended_reason"] if obj else begun

    def get_readonly_fields(self, request: HttpRequest, obj: Posting | None = None) -> list[str]:
        return ["worker", "role", "area", "department", "starts_on"] if obj else []

    def save_by_service(self, request: HttpRequest, obj: Posting, data: dict[str, Any], change: bool) -> Model:
        if not change:
            return services.post(
                worker=obj.worker, role=obj.role, area=obj.area, department=obj.department, starts_on=obj.starts_on,
                ends_on=obj.ends_on, by=request.user,
            )  # fmt: skip
        if data["ends_on"] is None:
            raise services.FieldError("ends_on", _("请填写结束日期"))
        return services.end_posting(posting=obj, ends_on=data["ends_on"], reason=data["ended_reason"], by=request.user)


@admin.register(ComponentDuty)
class ComponentDutyAdmin(_PeopleAdmin):
    list_display = ["component", "kind", "department"]
    list_filter = ["kind"]
    search_fields = ["component__code", "component__short_code"]
    list_select_related = ["component", "department"]
    raw_id_fields = ["component"]

    def get_readonly_fields(self, request: HttpRequest, obj: ComponentDuty | None = None) -> list[str]:
        return ["component", "kind"] if obj else []

    def save_by_service(self, request: HttpRequest, obj: ComponentDuty, data: dict[str, Any], change: bool) -> Model:
        duty = services.assign_duty(component=obj.component, kind=obj.kind, department=obj.department, by=request.user)
        assert duty is not None  # a department was given
        return duty
