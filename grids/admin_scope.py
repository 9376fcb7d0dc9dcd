"""Admin pages show the rows of the areas in which who looks holds what the page needs; a superuser sees all of them.

What lies elsewhere is not there (404), neither in lists, nor by its address, nor in a choice. Rows that belong to no
area (the catalogue, calendars) are shared by all cities and are not scoped.
"""

from collections.abc import Iterable
from typing import Any, NoReturn

from django.contrib import admin
from django.db.models import ForeignKey, ManyToManyField, Q, QuerySet
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from grids import permissions
from grids.capabilities import Capability as Cap
from grids.models import Area
from grids.permissions import Grants
from grids.spatial import AreaRecord, areas


def grants_once(user: Any) -> Grants:
    """What the user holds today, read once for this user object. One statement, then none."""
    held = getattr(user, "_admin_grants", None)
    if held is None:
        held = user._admin_grants = permissions.grants_of(user, clock.local_date(clock.now()))
    return held


def held_areas(user: Any, capabilities: Iterable[Cap]) -> list[AreaRecord] | None:
    """The areas in which the user holds one of the capabilities, highest first; None: everywhere (a superuser)."""
    if user.is_superuser:
        return None
    wanted = set(capabilities)
    ids = {area_id for held, area_id in grants_once(user) if held in wanted}
    found = [record for record in map(areas.find, ids) if record is not None]
    return sorted(found, key=lambda record: (record.level, record.code))


def within(user: Any, capabilities: Iterable[Cap], *, area: str = "", root: str = "") -> Q:
    """The rows whose area (lookup ``area``; "" with neither: the row is an area) lies where a capability is held.

    ``root``: the lookup of the city, for rows that have no area. Rows of a whole city belong to who holds the city.
    """
    held = held_areas(user, capabilities)
    if held is None:
        return Q()
    inside = Q(pk__in=[])
    if area or not root:
        prefix = f"{area}__" if area else ""
        for record in held:
            inside |= Q(**{f"{prefix}path__startswith": record.path})
    if root:
        cities = Q(**{f"{root}__in": [record.id for record in held if record.parent_id is None]})
        inside |= cities & Q(**{f"{area}__isnull": True}) if area else cities
    return inside


class CityFilter(admin.SimpleListFilter):
    """By city, shown where the reader has more than one."""

    title = _("城市")
    parameter_name = "root"
    #: From a row to its city.
    lookup = "root"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[int, str]]:
        held = held_areas(request.user, getattr(model_admin, "capabilities", ()))
        ids = None if held is None else {record.root_id for record in held}
        return [(root.id, root.name) for root in areas.index().roots if ids is None or root.id in ids]

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        known = value.isascii() and value.isdecimal() and len(value) < 18
        return queryset.filter(**{self.lookup: value}) if known else queryset


class ScopedAdmin(admin.ModelAdmin):
    """A model admin whose rows lie where one of ``capabilities`` is held, found by the lookups below."""

    #: As in ``gridgov.admin_access.PAGES``; a test holds them together.
    capabilities: frozenset[Cap] = frozenset()
    area_lookup = ""
    root_lookup = ""

    def scope(self, user: Any, capabilities: Iterable[Cap] | None = None) -> Q:
        """The rows that the user may see here; in a choice of another page those of its ``capabilities``."""
        return within(user, capabilities or self.capabilities, area=self.area_lookup, root=self.root_lookup)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(self.scope(request.user))

    def _cities(self, user: Any) -> list[int]:
        """Ids of the cities that a row of the user's may name: those held, or held in part if rows have areas."""
        held = held_areas(user, self.capabilities)
        if held is None:
            return [root.id for root in areas.index().roots]
        return [record.root_id for record in held if self.area_lookup or record.parent_id is None]

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        raise Http404(_t("没有这一条，或不在你负责的区域内。"))

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        self._narrow(db_field, request, kwargs)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: ManyToManyField, request: HttpRequest, **kwargs: Any) -> Any:
        self._narrow(db_field, request, kwargs)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _narrow(self, db_field: Any, request: HttpRequest, kwargs: dict[str, Any]) -> None:
        """The choices of a field are what its own page shows, areas without their boundaries."""
        model = db_field.remote_field.model
        if "queryset" in kwargs:
            return
        if model is Area:
            found = Area.objects.filter(valid_to=None).defer("boundary").order_by("level", "code")
            if db_field.name == "root":
                kwargs["queryset"] = found.filter(parent=None, pk__in=self._cities(request.user))
            else:
                kwargs["queryset"] = found.filter(within(request.user, self.capabilities))
            return
        page = self.admin_site._registry.get(model)
        if isinstance(page, ScopedAdmin):
            kwargs["queryset"] = model._default_manager.filter(page.scope(request.user, self.capabilities))
