"""Admin of the catalogue. Each save is a new version by ``incidents.catalogue_services``; limits are edited as text."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gridgov.common.errors import FieldError
from gridgov.common.service_admin import ServiceAdmin
from incidents import catalogue_files as files
from incidents import catalogue_services as services
from incidents.catalogue import catalogue
from incidents.models import Category, Certainty, FilingStandard, Ladder, Limit


class RowsField(forms.CharField):
    """A list of rows as in the catalogue's files, one a line."""

    widget = forms.Textarea(attrs={"rows": 6, "cols": 110})

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return "\n".join(json.dumps(row, ensure_ascii=False) for row in value)
        return value

    def to_python(self, value: Any) -> list[Any]:
        rows = []
        for number, line in enumerate(str(value or "").splitlines(), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise forms.ValidationError(_("第%d行不是有效的JSON") % number) from error
            if not isinstance(row, dict):
                raise forms.ValidationError(_("第%d行须为一个对象") % number)
            rows.append(row)
        return rows


_LIMITS_HELP = _(
    '每行一个时限，同一时钟的几行为节点。例：{"clock": "handle", "limit": "4", "unit": "工作时", "ladder": "normal"}'
)
_STEPS_HELP = _('每行一个步骤。例：{"key": "warn", "at": "share_left", "share": 0.25}')


def _limits(given: list[files.Row], row: files.Row) -> list[services.LimitInput]:
    """Certainty and source are the standard's or category's own (``row``) where a limit names none."""
    row = {"certainty": row.get("certainty") or Certainty.ASSUMED.value, "source": row.get("source") or _("本地规定")}
    try:
        return [files.limit(limit, {name: str(value) for name, value in row.items()}) for limit in given]
    except FieldError as error:
        raise forms.ValidationError(f"{error.field}：{error.message}") from error


class _ScopedForm(forms.ModelForm):
    """With the limits of the category or standard."""

    scope = ""
    limits = RowsField(label=_("时限"), required=False, help_text=_LIMITS_HELP)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "limits" in self.fields:
            own = catalogue().own_limits(self.scope, self.instance.pk)
            self.fields["limits"].initial = [files.limit_row(limit) for limit in own]

    def clean_limits(self) -> list[services.LimitInput]:
        row = {name: self.data.get(name, "") for name in ("certainty", "source")}
        return _limits(self.cleaned_data["limits"], row)


class CategoryForm(_ScopedForm):
    scope = "category"

    class Meta:
        model = Category
        fields = [
            "code", "name", "kind", "parent", "is_answerable", "is_must_report", "is_confidential", "is_urgent",
            "holder_level", "duplicate_radius_m", "duplicate_hours", "certainty", "source", "is_active",
        ]  # fmt: skip


@admin.register(Category)
class CategoryAdmin(ServiceAdmin):
    form = CategoryForm
    list_display = ["code", "name", "kind", "parent", "holder_level", "is_urgent", "is_confidential", "is_active"]
    list_filter = ["kind", "is_urgent", "is_confidential", "is_answerable", "is_active"]
    search_fields = ["code", "name"]
    list_select_related = ["parent"]
    fields = [*CategoryForm.Meta.fields, "limits"]

    def get_readonly_fields(self, request: HttpRequest, obj: Category | None = None) -> list[str]:
        return ["code"] if obj else []

    def save_by_service(self, request: HttpRequest, obj: Category, data: dict[str, Any], change: bool) -> Model:
        given = data | {"code": obj.code, "parent": obj.parent.code if obj.parent else ""}
        return services.save_category(**given, by=request.user)


class StandardForm(_ScopedForm):
    scope = "standard"

    class Meta:
        model = FilingStandard
        fields = [
            "code", "category", "condition", "closing_condition", "before_photo_count", "after_photo_count",
            "verification_photo_count", "system_steps", "evaluate_days", "reopen_days", "law", "certainty", "source",
            "is_active",
        ]  # fmt: skip


@admin.register(FilingStandard)
class StandardAdmin(ServiceAdmin):
    form = StandardForm
    list_display = ["code", "category", "condition", "certainty", "version", "is_active"]
    list_filter = ["certainty", "is_active"]
    search_fields = ["code", "condition", "category__name"]
    list_select_related = ["category"]
    autocomplete_fields = ["category"]
    fields = [*StandardForm.Meta.fields, "limits", "version"]

    def get_readonly_fields(self, request: HttpRequest, obj: FilingStandard | None = None) -> list[str]:
        return ["code", "category", "version"] if obj else ["version"]

    def save_by_service(self, request: HttpRequest, obj: FilingStandard, data: dict[str, Any], change: bool) -> Model:
        steps = data["system_steps"] or []
        if not isinstance(steps, list):
            raise FieldError("system_steps", _("须为列表"))
        given = data | {"code": obj.code, "category": obj.category.code, "system_steps": steps}
        return services.save_standard(**given, by=request.user)


class LadderForm(forms.ModelForm):
    steps = RowsField(label=_("步骤"), help_text=_STEPS_HELP)

    class Meta:
        model = Ladder
        fields = ["code", "name"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "steps" in self.fields:
            steps = catalogue().ladders.get(self.instance.code, ())
            self.fields["steps"].initial = [files.step_row(step) for step in steps]

    def clean_steps(self) -> list[Any]:
        try:
            return [files.step(given) for given in self.cleaned_data["steps"]]
        except FieldError as error:
            raise forms.ValidationError(f"{error.field}：{error.message}") from error


@admin.register(Ladder)
class LadderAdmin(ServiceAdmin):
    form = LadderForm
    list_display = ["code", "name"]
    fields = ["code", "name", "steps"]

    def get_readonly_fields(self, request: HttpRequest, obj: Ladder | None = None) -> list[str]:
        return ["code"] if obj else []

    def save_by_service(self, request: HttpRequest, obj: Ladder, data: dict[str, Any], change: bool) -> Model:
        return services.save_ladder(code=obj.code, name=data["name"], steps=data["steps"], by=request.user)


class DefaultLimitsForm(forms.ModelForm):
    """All default limits at once."""

    limits = RowsField(label=_("默认时限"), help_text=_LIMITS_HELP)

    class Meta:
        model = Limit
        fields: list[str] = []

    def clean_limits(self) -> list[services.LimitInput]:
        return _limits(self.cleaned_data["limits"], {})


@admin.register(Limit)
class LimitAdmin(ServiceAdmin):
    """Every limit that was ever in force, with its version. "Add" edits the default limits; others at their scope."""

    form = DefaultLimitsForm
    list_display = ["clock", "standard", "category", "order", "unit", "minutes", "count", "version", "superseded_at"]
    list_filter = ["clock", "unit", ("superseded_at", admin.EmptyFieldListFilter)]
    search_fields = ["standard__code", "category__code", "category__name"]
    list_select_related = ["standard", "category"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Limit | None = None) -> list[str]:
        return [f.name for f in Limit._meta.fields if f.name != "loaded_digest"] if obj else ["limits"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"limits": [files.limit_row(limit) for limit in catalogue().own_limits("default", None)]}

    def save_by_service(self, request: HttpRequest, obj: Limit, data: dict[str, Any], change: bool) -> Model:
        services.save_default_limits(limits=data["limits"], by=request.user)
        return Limit.objects.filter(standard=None, category=None, superseded_at=None).latest("id")
