"""Admin of assessment schemes: a version is never changed, "add" starts from the last one and saves the next."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from gridgov.common.service_admin import ServiceAdmin
from personnel import assessment_services
from personnel.models import AssessmentScheme


class SchemeForm(forms.ModelForm):
    """The next version. Items one a line, so that a weight is found and changed without braces and quotes."""

    lines = forms.CharField(
        label=_("指标与权重"),
        widget=forms.Textarea(attrs={"rows": 8, "cols": 80}),
        help_text=_("每行一个指标：名称 权重，可另加零分点和满分点。权重合计100。例：valid_report_ratio 35 0.6 1"),
    )
    cap_points = forms.CharField(label=_("人工加减分上限（分）"), max_length=8)

    class Meta:
        model = AssessmentScheme
        fields = ["code", "name", "reply_days", "from_month", "source"]

    def clean_lines(self) -> list[dict[str, str]]:
        found = []
        for number, line in enumerate(self.cleaned_data["lines"].splitlines(), start=1):
            parts = line.split()
            if not parts:
                continue
            if len(parts) not in (2, 4):
                raise forms.ValidationError(_("第%d行：应为名称、权重，可另加零分点和满分点") % number)
            found.append(dict(zip(("key", "weight", "zero_at", "full_at"), parts, strict=False)))
        return found


@admin.register(AssessmentScheme)
class AssessmentSchemeAdmin(ServiceAdmin):
    about = _("网格月度考核的指标与权重。每次保存是一个新版本，已算出的月份仍按当时的版本。只评结果，不给人排名。")
    form = SchemeForm
    field_names = {**dict.fromkeys(("items", "weight", "zero_at", "full_at"), "lines"), "mark_cap": "cap_points"}
    list_display = ["name", "code", "version", "from_month", "weights", "cap", "reply_days", "created_at"]
    list_filter = ["code"]
    search_fields = ["code", "name"]
    ordering = ["code", "-version"]

    @admin.display(description=_("指标与权重"))
    def weights(self, scheme: AssessmentScheme) -> str:
        rows = ((item.get("key", ""), item.get("weight", "")) for item in scheme.items)
        return format_html_join("，", "{} {}", rows)

    @admin.display(description=_("加减分上限"))
    def cap(self, scheme: AssessmentScheme) -> str:
        return f"±{scheme.mark_cap / 100:g}"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: AssessmentScheme | None = None) -> list[str]:
        if obj is None:
            return ["code", "name", "lines", "cap_points", "reply_days", "from_month", "source"]
        return ["code", "version", "name", "weights", "cap", "reply_days", "from_month", "source", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: AssessmentScheme | None = None) -> list[str]:
        return ["version", "weights", "cap", "created_at"] if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        last = AssessmentScheme.objects.order_by("-created_at", "-version").first()
        if last is None:
            return {}
        lines = [" ".join(str(item[name]) for name in ("key", "weight", "zero_at", "full_at") if name in item)
                 for item in last.items]  # fmt: skip
        return {
            "code": last.code, "name": last.name, "lines": "\n".join(lines), "cap_points": f"{last.mark_cap / 100:g}",
            "reply_days": last.reply_days, "source": last.source,
        }  # fmt: skip

    def save_by_service(self, request: HttpRequest, obj: AssessmentScheme, data: dict[str, Any], change: bool) -> Model:
        known = {item["key"] for items in AssessmentScheme.objects.values_list("items", flat=True) for item in items}
        scheme, _is_new = assessment_services.save_scheme(
            code=obj.code, name=obj.name, items=data["lines"], mark_cap=data["cap_points"], from_month=obj.from_month,
            reply_days=obj.reply_days, source=obj.source, known_keys=known or None, by=request.user,
        )  # fmt: skip
        return scheme
