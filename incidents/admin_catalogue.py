"""Admin of the catalogue. Each save is a new version by ``incidents.catalogue_services``; limits are edited as text."""

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from gridgov.common.business_time import NOMINAL_DAY_MINUTES, Unit
from gridgov.common.errors import FieldError
from gridgov.common.read_only import ShownInline
from gridgov.common.service_admin import ServiceAdmin
from incidents import catalogue_files as files
from incidents import catalogue_services as services
from incidents.catalogue import LimitSpec, StepSpec, catalogue
from incidents.models import Category, Certainty, ClockKind, FilingStandard, Ladder, LadderStep, Limit


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


def _in_words(limits: Iterable[LimitSpec]) -> str:
    """The limits of a category or standard for a list: 处置 4小时（工作时）."""
    found = []
    for spec in limits:
        clock = str(ClockKind(spec.clock).label)
        name = f"{clock}·{spec.label or spec.key}" if spec.key else clock
        amount = spec.count if spec.unit.is_civil else spec.minutes / _ONE.get(spec.unit, 60)
        found.append(f"{name} {amount:g} {spec.unit.label}")
    return "；".join(found) or "—"


#: Minutes of one of what a unit is called by: a nominal day, a natural day, else an hour.
_ONE = {Unit.WORK_DAYS: NOMINAL_DAY_MINUTES, Unit.NATURAL: 24 * 60}


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


class StandardInline(ShownInline):
    """The standards of a category with the limits of each, out of the catalogue in the process."""

    model = FilingStandard
    fields = readonly_fields = ["code", "condition", "closing_condition", "limits_in_words", "certainty", "is_active"]
    verbose_name_plural = _("立案条件与时限")

    @admin.display(description=_("时限"))
    def limits_in_words(self, standard: FilingStandard) -> str:
        return _in_words(catalogue().own_limits("standard", standard.pk))


class KindInline(ShownInline):
    """The 小类 of a 大类."""

    model = Category
    fk_name = "parent"
    fields = readonly_fields = ["code", "name", "holder_level", "is_urgent", "is_active"]
    verbose_name_plural = _("小类")


class LevelFilter(admin.SimpleListFilter):
    """大类 or 小类."""

    title = _("大小类")
    parameter_name = "size"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("large", _("大类")), ("small", _("小类"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {"large": True, "small": False}
        return queryset.filter(parent__isnull=known[self.value()]) if self.value() in known else queryset


@admin.register(Category)
class CategoryAdmin(ServiceAdmin):
    about = _("可上报的问题：部件和事件的大类、小类。时限先看立案条件，再看类别，最后是默认时限。")
    form = CategoryForm
    list_display = [
        "code", "name", "kind", "parent", "holder_level", "limits_in_words", "marks", "is_active",
    ]  # fmt: skip
    list_display_links = ["code", "name"]
    list_filter = [
        LevelFilter, "kind", ("parent", admin.RelatedOnlyFieldListFilter), "is_urgent", "is_confidential",
        "is_answerable", "is_active",
    ]  # fmt: skip
    search_fields = ["code", "name", "parent__name"]
    list_select_related = ["parent"]
    fields = [*CategoryForm.Meta.fields, "limits"]

    @admin.display(description=_("特别"))
    def marks(self, category: Category) -> str:
        marked = (
            (category.is_urgent, _("紧急")), (category.is_confidential, _("保密")),
            (category.is_answerable, _("可直接答复")), (category.is_must_report, _("须报告上级")),
        )  # fmt: skip
        return "、".join(str(word) for is_so, word in marked if is_so) or "—"

    @admin.display(description=_("自有时限"))
    def limits_in_words(self, category: Category) -> str:
        return _in_words(catalogue().own_limits("category", category.pk))

    def get_inlines(self, request: HttpRequest, obj: Category | None) -> list[type[admin.TabularInline]]:
        if obj is None:
            return []
        return [KindInline] if obj.parent_id is None else [StandardInline]

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
    about = _("每个小类在什么情形下立案、怎样算办结、要几张照片、各环节限时多少。“见于规定原文”的才按标准展示。")
    form = StandardForm
    list_display = ["code", "category", "condition", "limits_in_words", "photos", "certainty", "version", "is_active"]
    list_display_links = ["code", "condition"]
    list_filter = ["category__kind", ("category__parent", admin.RelatedOnlyFieldListFilter), "certainty", "is_active"]
    search_fields = ["code", "condition", "category__name"]
    list_select_related = ["category"]
    autocomplete_fields = ["category"]
    fields = [*StandardForm.Meta.fields, "limits", "version"]

    @admin.display(description=_("时限"))
    def limits_in_words(self, standard: FilingStandard) -> str:
        return _in_words(catalogue().own_limits("standard", standard.pk))

    @admin.display(description=_("照片：前/后/核查"))
    def photos(self, standard: FilingStandard) -> str:
        return f"{standard.before_photo_count}/{standard.after_photo_count}/{standard.verification_photo_count}"

    def get_readonly_fields(self, request: HttpRequest, obj: FilingStandard | None = None) -> list[str]:
        return ["code", "category", "version"] if obj else ["version"]

    def save_by_service(self, request: HttpRequest, obj: FilingStandard, data: dict[str, Any], change: bool) -> Model:
        steps = data["system_steps"] or []
        if not isinstance(steps, list):
            raise FieldError("system_steps", _("须为列表"))
        given = data | {"code": obj.code, "category": obj.category.code, "system_steps": steps}
        return services.save_standard(**given, by=request.user)


def _step_in_words(step: StepSpec) -> str:
    """A step for a list: when it comes, and its key."""
    if step.anchor == LadderStep.Anchor.SHARE_LEFT:
        when = _t("剩余%(share)s") % {"share": f"{(step.share or 0) * 100:g}%"}
    elif step.anchor == LadderStep.Anchor.AFTER_DUE:
        when = _t("超期%(minutes)s分钟") % {"minutes": step.minutes}
    else:
        when = _t("到期")
    return f"{when} {step.key}"


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


class StepInline(ShownInline):
    model = LadderStep
    show_change_link = False
    fields = readonly_fields = ["key", "anchor", "share_left_ratio", "after_minutes"]
    verbose_name_plural = _("步骤一览")


@admin.register(Ladder)
class LadderAdmin(ServiceAdmin):
    about = _("预警和升级在什么时候发生；每一步通知谁、怎样通知，见“升级对象”。")
    form = LadderForm
    list_display = ["code", "name", "steps_in_words"]
    list_display_links = ["code", "name"]
    search_fields = ["code", "name"]
    fields = ["code", "name", "steps"]

    @admin.display(description=_("步骤"))
    def steps_in_words(self, ladder: Ladder) -> str:
        return " → ".join(map(_step_in_words, catalogue().ladders.get(ladder.code, ()))) or "—"

    def get_inlines(self, request: HttpRequest, obj: Ladder | None) -> list[type[admin.TabularInline]]:
        return [StepInline] if obj else []

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

    about = _("生效过的全部时限。“增加”编辑默认时限；立案条件和类别自己的时限在各自页面修改。")
    form = DefaultLimitsForm
    list_display = ["clock", "standard", "category", "order", "unit", "minutes", "count", "version", "superseded_at"]
    list_filter = [("superseded_at", admin.EmptyFieldListFilter), "clock", "unit", "ladder", "certainty"]
    search_fields = ["standard__code", "category__code", "category__name"]
    list_select_related = ["standard", "category", "ladder"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Limit | None = None) -> list[str]:
        return [f.name for f in Limit._meta.fields if f.name != "loaded_digest"] if obj else ["limits"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"limits": [files.limit_row(limit) for limit in catalogue().own_limits("default", None)]}

    def save_by_service(self, request: HttpRequest, obj: Limit, data: dict[str, Any], change: bool) -> Model:
        services.save_default_limits(limits=data["limits"], by=request.user)
        return Limit.objects.filter(standard=None, category=None, superseded_at=None).latest("id")
