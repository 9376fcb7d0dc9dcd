"""Admin pages for what the admin may show but not change."""

from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest

COUNTED_AT_MOST = 2000


class BoundedPaginator(Paginator):
    """Counts no further than ``COUNTED_AT_MOST`` rows: a large table is never counted whole. Filters reach the rest."""

    @cached_property
    def count(self) -> int:
        return self.object_list[:COUNTED_AT_MOST].count()


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows rows to those who may view them; nobody adds, changes or deletes, superusers neither."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
