"""Admin of calendars (a change is a new version, saved by the service) and of the audit trail (read only)."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gridgov.common import address, audit_actions, audit_words, work_calendar
from gridgov.common.calendar_year import year_of
from gridgov.common.errors import FieldError
from gridgov.common.models import AuditEntry, CalendarDay, CalendarVersion, WorkCalendar
from gridgov.common.read_only import ReadOnlyAdmin, ShownInline

#: A version that covers decades is shown by its last years.
SHOWN_YEARS = 5


def _line(on: date, day: Mapping[str, Any]) -> str:
    hours = ",".join("-".join(pair) for pair in day.get("intervals") or ())
    return " ".join(part for part in (str(on), day["kind"], day["name"], hours) if part)


class CalendarVersionForm(forms.ModelForm):
    """The next version of a calendar. Its errors are the service's, at the field that they name."""

    days = forms.CharField(
        label=_("特殊日"),
        widget=forms.Textarea(attrs={"rows": 24, "cols": 60}),
        required=False,
        help_text=_(
            "每行一日：日期、rest（休息）或 work（上班）、名称，上班日可另加时段。"
            "例：2026-10-10 work 国庆节调休上班 08:00-12:00,14:00-17:00"
        ),
    )

    class Meta:
        model = CalendarVersion
        fields = ["calendar", "weekly", "seasons", "nominal_day_minutes", "covers_from", "covers_to", "source"]
        labels = {"calendar": _("工作日历")}

    def clean_days(self) -> dict[date, dict[str, Any]]:
        days: dict[date, dict[str, Any]] = {}
        for number, line in enumerate(self.cleaned_data["days"].splitlines(), start=1):
            parts = line.split()
            if not parts:
                continue
            try:
                on = date.fromisoformat(parts[0])
            except ValueError as error:
                raise forms.ValidationError(_("第%d行：“%s”不是日期") % (number, parts[0])) from error
            if len(parts) not in (3, 4):
                raise forms.ValidationError(_("第%d行：应为日期、类型、名称，上班日可另加时段") % number)
            if on in days:
                raise forms.ValidationError(_("第%d行：%s 出现了两次") % (number, on))
            hours = [pair.split("-") for pair in parts[3].split(",")] if len(parts) == 4 else None
            days[on] = {"kind": parts[1], "name": parts[2], "intervals": hours}
        return days

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.content().as_calendar()
            except FieldError as error:
                self.add_error(error.field if error.field in self.fields else None, error.message)
        return data

    def content(self) -> work_calendar.Content:
        data = self.cleaned_data
        return work_calendar.Content(
            data["weekly"],
            data["seasons"] or [],
            data["nominal_day_minutes"],
            data["covers_from"],
            data["covers_to"],
            data["days"],
        )


class CalendarDayInline(ShownInline):
    model = CalendarDay
    classes = ["collapse"]
    show_change_link = False
    fields = readonly_fields = ["on", "kind", "name", "intervals"]


@admin.register(WorkCalendar)
class WorkCalendarAdmin(ReadOnlyAdmin):
    about = _("时限按哪本日历数工作时间。内容在“日历版本”里，每次修改是一个新版本。")
    list_display = ["code", "name", "current"]
    list_display_links = ["code", "name"]
    search_fields = ["code", "name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkCalendar]:
        return super().get_queryset(request).prefetch_related("versions")

    @admin.display(description=_("当前版本"))
    def current(self, row: WorkCalendar) -> str:
        return max((v for v in row.versions.all()), key=lambda v: v.number).label if row.versions.all() else "—"


@admin.register(CalendarVersion)
class CalendarVersionAdmin(ReadOnlyAdmin):
    """Versions are never changed; "add" starts from the current one and saves through the service."""

    about = _("工作时段、法定节假日和调休。点开一个版本看全年；“增加”从当前版本开始编辑，只影响之后开始的时限。")
    change_form_template = "admin/common/calendarversion/change_form.html"
    form = CalendarVersionForm
    search_fields = ["calendar__name", "source"]
    list_display = ["label", "calendar", "number", "covers_from", "covers_to", "nominal_day_minutes", "created_at"]
    list_filter = ["calendar"]
    list_select_related = ["calendar"]

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_inlines(self, request: HttpRequest, obj: CalendarVersion | None) -> list[type[admin.TabularInline]]:
        return [CalendarDayInline] if obj else []

    def get_fields(self, request: HttpRequest, obj: CalendarVersion | None = None) -> list[str]:
        fields = list(CalendarVersionForm.Meta.fields)
        return [*fields, "number", "created_at"] if obj else [*fields, "days"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        code = request.GET.get("calendar", work_calendar.DEFAULT_CODE)
        version = CalendarVersion.objects.filter(calendar__code=code).order_by("-number").first()
        if version is None:
            return {}
        content = work_calendar.content_of(version)
        return {
            "calendar": version.calendar_id,
            "weekly": content.weekly,
            "seasons": content.seasons,
            "nominal_day_minutes": content.nominal_day_minutes,
            "covers_from": content.covers_from,
            "covers_to": content.covers_to,
            "source": version.source,
            "days": "\n".join(_line(on, day) for on, day in sorted(content.days.items())),
        }

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """With each year that the version (of a new one: what it starts from) covers, on one page."""
        version = context.get("original") or CalendarVersion.objects.filter(
            calendar__code=request.GET.get("calendar", work_calendar.DEFAULT_CODE)
        ).order_by("-number").first()  # fmt: skip
        if version is not None:
            days = work_calendar.content_of(version).as_calendar()
            covered = range(version.covers_from.year, version.covers_to.year + 1)
            context["years"] = [year_of(days, number) for number in reversed(covered[-SHOWN_YEARS:])]
            context["week_days"] = [_("周一"), _("周二"), _("周三"), _("周四"), _("周五"), _("周六"), _("周日")]
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: CalendarVersion, form: CalendarVersionForm, change: bool) -> None:
        if change:
            raise PermissionDenied
        saved = work_calendar.save_version(
            code=obj.calendar.code,
            content=form.content(),
            source=form.cleaned_data["source"],
            by=request.user,
            address=address.of(request),
        )
        # what the admin goes on with is the saved row
        obj.__dict__.update(saved.__dict__)


class ActionFilter(admin.SimpleListFilter):
    """By what was done, in words."""

    title = _("操作")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(audit_actions.ACTIONS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(action=self.value()) if self.value() else queryset


def _line_of(row: AuditEntry) -> audit_words.Line:
    """The entry in words: put there with all of its page's, or of the one that is looked at."""
    if not hasattr(row, "line"):
        row.line = audit_words.lines([row])[0]  # type: ignore[attr-defined]
    return row.line  # type: ignore[attr-defined]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    about = _("规则、账号和受保护数据的每次改动：谁、何时、从哪里、改了什么。只增不改，至少保存六个月。")
    list_display = ["at", "who", "action_words", "object_words", "detail_words", "address"]
    list_filter = [ActionFilter]
    list_select_related = ["actor"]
    fields = readonly_fields = ["at", "who", "action_words", "object_words", "detail_words", "address"]
    search_fields = ["=object_id", "=actor__username", "=actor__name"]
    search_help_text = _("操作人、操作、对象的名称或编码")
    date_hierarchy = None

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """By what the page shows: the whole of what was typed is a name, a code, or "部件 12"."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        text = search_term.strip()[:60]
        return (found | queryset.filter(audit_words.meant(text)) if text else found), may_repeat

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        for row, line in zip(rows, audit_words.lines(rows), strict=True):
            row.line = line
        changelist.result_list = rows
        return changelist

    @admin.display(description=_("操作人"), ordering="actor")
    def who(self, row: AuditEntry) -> str:
        return f"{row.actor} ({row.actor.get_username()})" if row.actor else "—"

    @admin.display(description=_("操作"), ordering="action")
    def action_words(self, row: AuditEntry) -> str:
        return _line_of(row).action

    @admin.display(description=_("对象"))
    def object_words(self, row: AuditEntry) -> str:
        return _line_of(row).object or "—"

    @admin.display(description=_("内容"))
    def detail_words(self, row: AuditEntry) -> str:
        return _line_of(row).detail or "—"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return super().get_queryset(request).order_by("-id")
