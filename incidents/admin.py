"""Admin pages of the catalogue, and cases with what hangs on them: read only, for superusers too.

Cases move through ``dispatch.loop`` alone. What is confidential is not here: its named people see it in its page.
"""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from gridgov.common.read_only import ReadOnlyAdmin
from incidents import admin_catalogue, admin_components
from incidents.models import Checkpoint, Clock, Incident, JournalEntry

__all__ = ["admin_catalogue", "admin_components"]


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ["number", "status", "category", "source", "is_urgent", "received_at", "due_at"]
    list_filter = ["status", "source", "is_urgent"]
    list_select_related = ["category"]
    search_fields = ["=number"]
    fields = [
        "number", "status", "status_before", "version", "source", "category", "standard", "address", "lon", "lat",
        "received_at", "occurred_at", "status_at", "due_at", "closed_at", "ended_at", "assignment", "lead_assignment",
        "rework_count", "return_count", "extension_count", "reopen_count", "was_suspended", "suspended_until",
        "supervision_level", "is_urgent", "is_force_closed", "is_answered", "is_adopted", "evaluation", "head_seq",
        "placed_revision",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        return super().get_queryset(request).filter(is_confidential=False).order_by("-id")


class _OfCases(ReadOnlyAdmin):
    """Rows of cases, without those of confidential ones."""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(incident__is_confidential=False).order_by("-id")


@admin.register(JournalEntry)
class JournalEntryAdmin(_OfCases):
    list_display = ["incident", "seq", "action", "status_from", "status_to", "actor", "at", "delivered_at", "parked_at"]
    list_filter = ["action"]
    list_select_related = ["incident", "actor"]
    search_fields = ["=incident__number"]
    exclude = ["text"]


@admin.register(Clock)
class ClockAdmin(_OfCases):
    list_display = ["incident", "kind", "cycle", "state", "started_at", "due_at", "stopped_at", "next_step_at"]
    list_filter = ["kind", "state"]
    list_select_related = ["incident"]
    search_fields = ["=incident__number"]


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    list_display = ["number", "entry_count", "digest", "made_at"]
