"""Admin pages for what the admin may show but not change."""

from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

COUNTED_AT_MOST = 2000


class BoundedPaginator(Paginator):
    """Counts no further than ``COUNTED_AT_MOST`` rows: a large table is never counted whole. Filters reach the rest.

    ``is_cut``: there are more than are counted, and so shown; the list says it.
    """

    @cached_property
    def _seen(self) -> int:
        return self.object_list[: COUNTED_AT_MOST + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._seen, COUNTED_AT_MOST)

    @property
    def is_cut(self) -> bool:
        return self._seen > COUNTED_AT_MOST


class ShownFormSet(BaseInlineFormSet):
    """Rows that are shown: whatever is sent with the page, nothing of them is read, checked or saved."""

    def __init__(self, data: Any = None, files: Any = None, save_as_new: bool = False, **kwargs: Any) -> None:
        super().__init__(None, None, **kwargs)
        self.new_objects: list[Any] = []
        self.changed_objects: list[Any] = []
        self.deleted_objects: list[Any] = []

    def is_valid(self) -> bool:
        return True

    def save(self, commit: bool = True) -> list[Any]:
        return []


class ShownInline(admin.TabularInline):
    """Rows that hang on what a page shows, with the way to their own page, where they are changed."""

    formset = ShownFormSet
    can_delete = False
    show_change_link = True
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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
