"""Reads about people: who is where, who holds a role nearby, which departments a person works for.

The department tree is kept in the process; postings are read by day. Nobody inactive is ever named.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from gridgov.common.reference import Reference
from grids import permissions
from grids.models import Level
from grids.spatial import areas
from personnel.models import Department, Posting
from personnel.roles import DEPARTMENT_ROLES, Role

#: The name under which changes of departments are announced to every process.
DEPARTMENTS = "departments"
NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class DepartmentRecord:
    """A department. ``ancestors`` are ids from the top down to itself."""

    id: int
    root_id: int
    code: str
    name: str
    kind: str
    parent_id: int | None
    area_id: int | None
    is_active: bool
    ancestors: tuple[int, ...]


class DepartmentTree:
    """All departments of all cities as of one moment; nothing in it changes."""

    def __init__(self, records: Iterable[DepartmentRecord]) -> None:
        self._by_id = {record.id: record for record in records}
        self._by_code = {(record.root_id, record.code): record for record in self._by_id.values()}
        below: dict[int, set[int]] = {}
        for record in self._by_id.values():
            for ancestor in record.ancestors:
                below.setdefault(ancestor, set()).add(record.id)
        self._below = {key: frozenset(ids) for key, ids in below.items()}

    def find(self, department_id: int | None) -> DepartmentRecord | None:
        """The department, inactive ones too, or None."""
        return self._by_id.get(department_id) if department_id is not None else None

    def name(self, department_id: int | None) -> str:
        """Its name, empty for None or an unknown id."""
        record = self.find(department_id)
        return record.name if record else ""

    def full_name(self, department_id: int | None) -> str:
        """Its name behind those above it: 区城市管理局／市政设施科."""
        record = self.find(department_id)
        return "／".join(self._by_id[i].name for i in record.ancestors) if record else ""

    def by_code(self, root_id: int, code: str) -> DepartmentRecord | None:
        """The department with that code in the city, or None."""
        return self._by_code.get((root_id, code))

    def below(self, department_id: int) -> frozenset[int]:
        """The department's id and those of everything below it; only itself where it is unknown."""
        return self._below.get(department_id, frozenset({department_id}))

    def widened(self, department_ids: Iterable[int]) -> frozenset[int]:
        """Those departments and everything below them."""
        return NOBODY.union(*(self.below(i) for i in department_ids))

    def top(self, department_id: int) -> int:
        """The id of the bureau at the top of its branch."""
        record = self.find(department_id)
        return record.ancestors[0] if record else department_id

    def of_area(self, area_id: int, kind: str) -> list[DepartmentRecord]:
        """The active departments of that kind (team, centre) whose area it is, by code."""
        found = [r for r in self._by_id.values() if r.area_id == area_id and r.kind == kind and r.is_active]
        return sorted(found, key=lambda record: record.code)

    def all(self, root_id: int | None = None) -> list[DepartmentRecord]:
        """Every active department (of one city), by code."""
        found = [r for r in self._by_id.values() if r.is_active and root_id in (None, r.root_id)]
        return sorted(found, key=lambda record: (record.root_id, record.code))


def _load() -> DepartmentTree:
    return DepartmentTree(
        DepartmentRecord(*row[:-1], ancestors=tuple(int(part) for part in row[-1].strip("/").split("/") if part))
        for row in Department.objects.values_list(
            "id", "root_id", "code", "name", "kind", "parent_id", "area_id", "is_active", "path"
        )
    )


_departments: Reference[DepartmentTree] = Reference(DEPARTMENTS, _load)


def department_tree() -> DepartmentTree:
    """The departments as of at most a second ago. No statement, but for the tokens once a second."""
    return _departments.get()


# --- departments of people ------------------------------------------------------------------------------------


def departments_of(user_id: int, on: date) -> frozenset[int]:
    """The departments to which the user is posted on that day, and everything below them. One statement."""
    found = Posting.objects.filter(_current(on), role__in=DEPARTMENT_ROLES, worker__user=user_id)
    return department_tree().widened(found.values_list("department_id", flat=True))


def staff_of(department_id: int, on: date, *, role: Role | None = None) -> list[int]:
    """Ids of the users posted to exactly this department, by id."""
    found = Posting.objects.filter(
        _current(on), department=department_id, role__in=DEPARTMENT_ROLES, worker__user__is_active=True
    )
    if role is not None:
        found = found.filter(role=role)
    return sorted(set(found.values_list("worker__user", flat=True)))


# --- roles in areas -------------------------------------------------------------------------------------------


def holders(role: Role | str, area_id: int, on: date, *, levels_up: int = 0) -> list[int]:
    """Ids of the users who hold the role in exactly the area, or ``levels_up`` areas above it (at most the city)."""
    record = areas.find(area_id)
    if record is None:
        return []
    at = record.ancestors[max(0, len(record.ancestors) - 1 - levels_up)]
    return sorted({h.user_id for h in permissions.holders(on=on, areas_in=[at], role=str(role))})


def holders_upward(role: Role | str, chain_ids: Iterable[int | None], on: date) -> list[permissions.Holder]:
    """Everybody who holds the role in one of the areas, those of the last (deepest) area first, then by user id.

    ``chain_ids`` goes from the city down, as ``AreaIndex.chain`` or a case's level columns; None is passed over.
    """
    ids = [i for i in chain_ids if i is not None]
    depth = {area_id: index for index, area_id in enumerate(ids)}
    found = permissions.holders(on=on, areas_in=ids, role=str(role))
    return sorted(found, key=lambda holder: (-depth[holder.area_id], holder.user_id))


def nearest_holders(
    role: Role | str, chain_ids: Iterable[int | None], on: date, *, exclude: Collection[int] = NOBODY
) -> list[int]:
    """Ids of the users who hold the role in the deepest area of the chain that has somebody not excluded."""
    found = [h for h in holders_upward(role, chain_ids, on) if h.user_id not in exclude]
    return sorted({h.user_id for h in found if h.area_id == found[0].area_id})


def worker_of_grid(grid_id: int, on: date, *, exclude: Collection[int] = NOBODY) -> int | None:
    """The grid worker of the grid, else of its community; the one with the lowest user id of several."""
    chain = areas.chain(grid_id)
    found = nearest_holders(Role.GRID_WORKER, chain[Level.COMMUNITY - 1 :], on, exclude=exclude)
    return found[0] if found else None


def leader_of_community(community_id: int, on: date, *, exclude: Collection[int] = NOBODY) -> int | None:
    """The grid leader posted to the community; the one with the lowest user id of several."""
    found = nearest_holders(Role.GRID_LEADER, [community_id], on, exclude=exclude)
    return found[0] if found else None


def _current(on: date) -> Q:
    return Q(starts_on__lte=on) & (Q(ends_on__isnull=True) | Q(ends_on__gte=on))
