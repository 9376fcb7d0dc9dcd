"""Admin of departments, people, postings and duties. The rules live in ``personnel.services``."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from gridgov.common.errors import NotPermitted
from gridgov.common.read_only import ShownInline
from gridgov.common.service_admin import ServiceAdmin
from grids import effects
from grids.admin_scope import CityFilter, ScopedAdmin, held_areas, within
from grids.capabilities import Capability as Cap
from grids.effects import Effect, Redrawn
from grids.models import Area
from grids.spatial import areas
from personnel import admin_assessment, services
from personnel.models import ComponentDuty, Department, Posting, Worker
from personnel.roles import ADMINISTRATORS, Role
from personnel.rules import today
from personnel.selectors import department_tree

__all__ = ["admin_assessment"]

_PEOPLE = frozenset({Cap.MANAGE_PEOPLE})
_POSTINGS = frozenset({Cap.MANAGE_PEOPLE, Cap.MANAGE_SECURITY})


@effects.tell
def posted(redrawn: Redrawn) -> Effect:
    """How many postings of today are to the areas that are drawn anew: they stay, what they reach changes."""
    now = Q(starts_on__lte=today()) & (Q(ends_on__isnull=True) | Q(ends_on__gte=today()))
    count = Posting.objects.filter(now, area__in=redrawn.ids).count()
    return Effect(_t("任职于这些区域"), count, (_t("岗位不变，管辖范围随边界改变"),) if count else ())


def _holds(request: HttpRequest, capability: Cap) -> bool:
    """Whether the person has it anywhere; where he has it the services ask again."""
    held = held_areas(request.user, {capability})
    return held is None or bool(held)


def _roles_given(request: HttpRequest) -> frozenset[Role]:
    people = frozenset(Role) - ADMINISTRATORS if _holds(request, Cap.MANAGE_PEOPLE) else frozenset()
    return people | ADMINISTRATORS if _holds(request, Cap.MANAGE_SECURITY) else people


class _PeopleAdmin(ScopedAdmin, ServiceAdmin):
    capabilities = _PEOPLE


class PostingInline(ShownInline):
    """Postings to the department or of the worker, those that are over too."""

    model = Posting
    fields = readonly_fields = ["who", "role", "place", "starts_on", "ends_on"]
    verbose_name_plural = _("任职")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        return super().get_queryset(request).select_related("worker__user").order_by("-starts_on", "role")

    @admin.display(description=_("人员"))
    def who(self, posting: Posting) -> str:
        return str(posting.worker)

    @admin.display(description=_("区域或部门"))
    def place(self, posting: Posting) -> str:
        return areas.full_name(posting.area_id) or department_tree().full_name(posting.department_id)


class WorkerInline(ShownInline):
    model = Worker
    fields = readonly_fields = ["number", "user", "is_active"]
    verbose_name_plural = _("所属人员")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        return super().get_queryset(request).select_related("user")


class SectionInline(ShownInline):
    model = Department
    fk_name = "parent"
    fields = readonly_fields = ["code", "name", "kind", "is_active"]
    verbose_name_plural = _("下级部门")


@admin.register(Department)
class DepartmentAdmin(_PeopleAdmin):
    about = _("处置案件的部门、科室、网格队伍和指挥中心。停用而不删除，因为工单上写着它们。")
    area_lookup = "area"
    root_lookup = "root"
    list_display = ["code", "full_name", "kind", "place", "is_active"]
    list_display_links = ["code", "full_name"]
    list_filter = [CityFilter, "kind", "is_active"]
    search_fields = ["code", "name"]
    fields = ["root", "code", "name", "kind", "parent", "area", "is_active"]
    autocomplete_fields = ["parent", "area"]
    ordering = ["path"]

    @admin.display(description=_("名称"), ordering="path")
    def full_name(self, department: Department) -> str:
        return department_tree().full_name(department.pk) or department.name

    @admin.display(description=_("区域"))
    def place(self, department: Department) -> str:
        return areas.full_name(department.area_id) or areas.name(department.root_id)

    def get_inlines(self, request: HttpRequest, obj: Department | None) -> list[type[admin.TabularInline]]:
        return [SectionInline, WorkerInline, PostingInline] if obj else []

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
    password = forms.CharField(label=_("密码"), widget=forms.PasswordInput, required=False)
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
    about = _("账号背后的人。录用、调动、离职在此办理；能做什么只由任职决定。")
    capabilities = _POSTINGS
    list_display = ["number", "called", "login", "unit", "is_active"]
    list_display_links = ["number", "called"]
    list_filter = ["is_active", ("department", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["number", "user__name", "user__username"]
    list_select_related = ["user"]
    autocomplete_fields = ["department"]
    field_names = {"on": "left_on"}

    def scope(self, user: Any, capabilities: Iterable[Cap] | None = None) -> Q:
        """Those of departments or with a posting in the areas held; who has neither is anybody's who holds a city."""
        wanted = capabilities or self.capabilities
        held = held_areas(user, wanted)
        if held is None:
            return Q()
        theirs = Posting.objects.filter(worker=OuterRef("pk"))
        here = theirs.filter(within(user, wanted, area="area"))
        inside = within(user, wanted, area="department__area", root="department__root") | Exists(here)
        if any(record.parent_id is None for record in held):
            inside |= Q(department__isnull=True) & ~Exists(theirs)
        return inside

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and _holds(request, Cap.MANAGE_PEOPLE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _holds(request, Cap.MANAGE_PEOPLE)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        if not _holds(request, Cap.MANAGE_PEOPLE):
            raise NotPermitted(_t("工作人员由系统管理员录入、调动和办理离职。"), missing=Cap.MANAGE_PEOPLE.value)
        return super().add_view(request, form_url, extra_context)

    @admin.display(description=_("所属部门"), ordering="department")
    def unit(self, worker: Worker) -> str:
        return department_tree().full_name(worker.department_id) or "—"

    @admin.display(description=_("姓名"), ordering="user__name")
    def called(self, worker: Worker) -> str:
        return str(worker.user)

    @admin.display(description=_("账号"), ordering="user__username")
    def login(self, worker: Worker) -> str:
        return worker.user.get_username()

    def get_inlines(self, request: HttpRequest, obj: Worker | None) -> list[type[admin.TabularInline]]:
        return [PostingInline] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, form=WorkerForm if obj else HireForm, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Worker | None = None) -> list[str]:
        if obj is None:
            return ["login", "name", "phone", "number", "department", "root", "password"]
        shown = ["called", "login", "number", "is_active", "department"]
        return [*shown, "left_on", "reason"] if self.has_change_permission(request, obj) else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Worker | None = None) -> list[str]:
        return ["called", "login", "number", "is_active"] if obj else []

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

    about = _("谁在哪里任什么职、从何时到何时。权限由任职产生；任职只开始和结束，从不修改。")
    capabilities = _POSTINGS
    list_display = ["worker", "role", "area_name", "unit", "starts_on", "ends_on"]
    list_filter = ["role", ("ends_on", admin.EmptyFieldListFilter)]
    search_fields = ["worker__number", "worker__user__name", "worker__user__username", "area__name", "department__name"]
    autocomplete_fields = ["worker", "area", "department"]
    field_names = {"reason": "ended_reason"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        return super().get_queryset(request).select_related("worker__user")

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Of the roles those that the person may give; for another it is said who gives it."""
        field = super().formfield_for_choice_field(db_field, request, **kwargs)
        if db_field.name == "role" and field is not None:
            given = _roles_given(request)
            field.choices = [(code, label) for code, label in field.choices if not code or code in given]
            field.error_messages["invalid_choice"] = _("管理员的任职由安全管理员给予，其他任职由系统管理员给予。")
        return field

    def scope(self, user: Any, capabilities: Iterable[Cap] | None = None) -> Q:
        """Those to the areas held, and to departments there."""
        wanted = capabilities or self.capabilities
        in_areas = within(user, wanted, area="area")
        return in_areas | within(user, wanted, area="department__area", root="department__root")

    @admin.display(description=_("区域"))
    def area_name(self, posting: Posting) -> str:
        return areas.full_name(posting.area_id)

    @admin.display(description=_("部门"))
    def unit(self, posting: Posting) -> str:
        return department_tree().full_name(posting.department_id)

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
    about = _("每个部件由谁主管、权属、养护；派遣时据此建议处置部门。")
    capabilities = frozenset({Cap.MANAGE_RULES})
    area_lookup = "component__area"
    list_display = ["component", "kind", "department"]
    list_filter = ["kind", ("department", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["component__code", "component__short_code"]
    list_select_related = ["component", "department"]
    autocomplete_fields = ["component"]

    def get_readonly_fields(self, request: HttpRequest, obj: ComponentDuty | None = None) -> list[str]:
        return ["component", "kind"] if obj else []

    def save_by_service(self, request: HttpRequest, obj: ComponentDuty, data: dict[str, Any], change: bool) -> Model:
        duty = services.assign_duty(component=obj.component, kind=obj.kind, department=obj.department, by=request.user)
        assert duty is not None  # a department was given
        return duty
