"""Admin of the rules of dispatch, saved through their services as new versions; tickets and requests read only."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from dispatch import admin_areas, admin_workbench, escalation, routing
from dispatch.models import EscalationTarget, LadderPause, NoticeDelivery, Request, RoutingRule, Ticket
from gridgov.common.errors import FieldError
from gridgov.common.read_only import ReadOnlyAdmin
from gridgov.common.service_admin import ServiceAdmin
from grids.admin_scope import CityFilter, ScopedAdmin
from grids.capabilities import Capability
from grids.spatial import areas
from personnel.roles import Role
from personnel.selectors import department_tree

__all__ = ["admin_areas", "admin_workbench"]

# --- rules ------------------------------------------------------------------------------------------------------


class RoutingRuleForm(forms.ModelForm):
    withdraw = forms.CharField(
        label=_("停用原因"), required=False, max_length=200, help_text=_("填写后此规则停用，其余改动不保存。")
    )

    class Meta:
        model = RoutingRule
        fields = ["area", "standard", "category", "zone", "calendar_class", "lead", "joint", "priority", "note"]


class RuleCityFilter(CityFilter):
    lookup = "area__root"


@admin.register(RoutingRule)
class RoutingRuleAdmin(ScopedAdmin, ServiceAdmin):
    """A change is a new version; the old one stays, because proposals name it."""

    about = _("什么案件在哪里派给谁。条件越具体的规则越优先；每次修改是一个新版本，旧版本保留。")
    capabilities = frozenset({Capability.MANAGE_RULES})
    area_lookup = "area"
    form = RoutingRuleForm
    list_display = [
        "id", "place", "subject", "zone", "calendar_class", "handler", "priority", "version", "is_live",
    ]  # fmt: skip
    list_display_links = ["id", "place", "subject"]
    list_filter = [
        ("superseded_at", admin.EmptyFieldListFilter), RuleCityFilter, "area__level", "calendar_class",
        ("lead", admin.RelatedOnlyFieldListFilter),
    ]  # fmt: skip
    list_select_related = ["standard", "category", "zone"]
    search_fields = ["category__name", "category__code", "standard__code", "lead__name", "area__name", "note"]
    autocomplete_fields = ["area", "standard", "category", "zone", "lead", "joint"]

    @admin.display(description=_("对象"))
    def subject(self, rule: RoutingRule) -> str:
        return str(rule.standard or rule.category or _t("全部案件"))

    @admin.display(description=_("主办"), ordering="lead")
    def handler(self, rule: RoutingRule) -> str:
        return department_tree().full_name(rule.lead_id)

    @admin.display(description=_("区域"))
    def place(self, rule: RoutingRule) -> str:
        return areas.full_name(rule.area_id)

    @admin.display(description=_("在用"), boolean=True)
    def is_live(self, rule: RoutingRule) -> bool:
        return rule.superseded_at is None

    def has_change_permission(self, request: HttpRequest, obj: RoutingRule | None = None) -> bool:
        is_live = obj is None or obj.superseded_at is None
        return is_live and super().has_change_permission(request, obj)

    def save_by_service(self, request: HttpRequest, obj: RoutingRule, data: dict[str, Any], change: bool) -> Model:
        before = RoutingRule.objects.get(pk=obj.pk) if change else None
        given = dict(data)
        reason = given.pop("withdraw", "")
        if reason:
            if before is None:
                raise FieldError("withdraw", str(_("还没有这条规则")))
            routing.withdraw_rule(rule=before, reason=reason, by=request.user)
            return before
        return routing.save_rule(**given, replaces=before, by=request.user)


class EscalationTargetForm(forms.ModelForm):
    role = forms.ChoiceField(label=_("角色"), choices=Role.choices)

    class Meta:
        model = EscalationTarget
        fields = ["step", "clock", "side", "role", "levels_up", "channel", "supervision_level"]


@admin.register(EscalationTarget)
class EscalationTargetAdmin(ServiceAdmin):
    """All targets of a step and clock are saved together; a row that moves to another step leaves the first."""

    about = _("阶梯的每一步通知谁：哪一方、什么角色、向上几级、用什么方式。同一步骤和时钟的对象一起保存。")
    form = EscalationTargetForm
    list_display = ["step", "clock", "side", "role_name", "levels_up", "channel", "supervision_level"]
    list_filter = ["step", "clock", "side", "channel"]
    search_fields = ["step", "role"]

    @admin.display(description=_("角色"))
    def role_name(self, target: EscalationTarget) -> str:
        return str(Role(target.role).label) if target.role in Role.values else target.role

    def save_by_service(self, request: HttpRequest, obj: EscalationTarget, data: dict[str, Any], change: bool) -> Model:
        before = EscalationTarget.objects.get(pk=obj.pk) if change else None
        wanted = escalation.Target(
            side=data["side"], role=data["role"], levels_up=data["levels_up"], channel=data["channel"],
            supervision_level=data["supervision_level"],
        )  # fmt: skip
        step, kind = data["step"], data["clock"]
        if before is not None and (before.step, before.clock) != (step, kind):
            self._save(before.step, before.clock, _others(before), request)
        same = EscalationTarget.objects.filter(step=step, clock=kind).exclude(pk=before.pk if before else None)
        self._save(step, kind, [*map(_target, same.order_by("id")), wanted], request)
        return EscalationTarget.objects.get(
            step=step, clock=kind, side=wanted.side, role=wanted.role, levels_up=wanted.levels_up,
            channel=wanted.channel,
        )  # fmt: skip

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: EscalationTarget) -> None:
        self._save(obj.step, obj.clock, _others(obj), request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[EscalationTarget]) -> None:
        gone = set(queryset.values_list("pk", flat=True))
        for step, kind in set(queryset.values_list("step", "clock")):
            kept = EscalationTarget.objects.filter(step=step, clock=kind).exclude(pk__in=gone)
            self._save(step, kind, [_target(row) for row in kept.order_by("id")], request)

    def _save(self, step: str, kind: str, targets: list[escalation.Target], request: HttpRequest) -> None:
        escalation.save_targets(step=step, clock_kind=kind, targets=targets, by=request.user)


def _target(row: EscalationTarget) -> escalation.Target:
    return escalation.Target(
        side=row.side, role=row.role, levels_up=row.levels_up, channel=row.channel,
        supervision_level=row.supervision_level,
    )  # fmt: skip


def _others(row: EscalationTarget) -> list[escalation.Target]:
    same = EscalationTarget.objects.filter(step=row.step, clock=row.clock).exclude(pk=row.pk)
    return [_target(other) for other in same.order_by("id")]


# --- what cases made: read only --------------------------------------------------------------------------------


class _OfCases(ReadOnlyAdmin):
    """Rows of cases, without those of confidential ones."""

    path = "incident"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).exclude(**{f"{self.path}__is_confidential": True}).order_by("-id")


@admin.register(Ticket)
class TicketAdmin(_OfCases):
    list_display = ["incident", "assignment", "is_lead", "department", "state", "dispatched_at", "due_at", "ended_at"]
    list_filter = ["state", "is_lead"]
    list_select_related = ["incident", "department"]
    search_fields = ["=incident__number"]


@admin.register(Request)
class RequestAdmin(_OfCases):
    list_display = ["incident", "kind", "state", "asked_by", "asked_at", "level", "decide_by_at", "decided_by"]
    list_filter = ["kind", "state"]
    list_select_related = ["incident", "asked_by", "decided_by"]
    search_fields = ["=incident__number"]


@admin.register(LadderPause)
class LadderPauseAdmin(_OfCases):
    path = "clock__incident"
    list_display = ["clock", "paused_by", "paused_at", "reason", "released_by", "released_at"]
    list_select_related = ["clock", "paused_by", "released_by"]


@admin.register(NoticeDelivery)
class NoticeDeliveryAdmin(_OfCases):
    path = "notice__incident"
    list_display = ["id", "notice", "channel", "state", "attempt_count", "next_try_at", "sent_at", "last_error"]
    list_filter = ["state", "channel"]
    list_select_related = ["notice"]
