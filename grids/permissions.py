"""Who may do what where. The only caller of guardian.

A capability is a guardian permission on an area, held by the group ``role@area``; memberships say who is in that
group and when. Each pair (capability, area) comes from one posting, and :func:`may` needs one pair: two postings
never add up (派遣员 of A who is 核查员 of B neither dispatches in B nor verifies in A).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from guardian.utils import get_group_obj_perms_model

from gridgov.common import clock
from gridgov.common.json_rows import rows, rows_subquery
from grids.capabilities import Capability
from grids.models import LEVEL_NAMES, Area, AreaMembership
from grids.spatial import areas

Grants = frozenset[tuple[str, int]]
NO_GRANTS: Grants = frozenset()
_CODENAME = "group__areagroupobjectpermission__permission__codename"
# Below SQLite's limit of parameters in a statement
_CHUNK = 400


@dataclass(frozen=True, slots=True)
class Holder:
    """One person holding a role in an area."""

    user_id: int
    area_id: int
    role: str
    posting_ref: str


@dataclass(frozen=True, slots=True)
class Post:
    """Whom a new posting puts where."""

    user_id: int
    area_id: int
    posting_ref: str


# --- asking ---------------------------------------------------------------------------------------------------


def may(grants: Grants, capability: Capability, chain: Iterable[int | None]) -> bool:
    """Whether one posting gives ``capability`` at an area whose ids, itself and its ancestors, are ``chain``."""
    return any(area_id is not None and (capability, area_id) in grants for area_id in chain)


def grants_of(user: Any, on: date) -> Grants:
    """All pairs (capability, area id) that ``user`` holds on the day ``on``. One statement."""
    if user is None or user.pk is None or not user.is_active:
        return NO_GRANTS
    return frozenset(_held(on).filter(user=user.pk).values_list(_CODENAME, "area_id"))


def grants_subquery(on: date, *, user: str = "pk") -> Subquery:
    """The grants of the outer row's user as a text column, so that user and grants are one statement.

    ``user`` is the outer query's column with the user's id (``"user"`` on a token). Read it with
    :func:`grants_from`. It does not ask whether the user is active.
    """
    return rows_subquery(_held(on).filter(user=OuterRef(user)), link="user", c=F(_CODENAME), a=F("area_id"))


def grants_from(text: str | None) -> Grants:
    """The grants out of a column made by :func:`grants_subquery`."""
    return frozenset((row["c"], row["a"]) for row in rows(text))


def visible_area_ids(grants: Grants, capability: Capability = Capability.VIEW_INCIDENT) -> frozenset[int]:
    """The areas in which ``capability`` is held; it counts in everything below them too."""
    return frozenset(area_id for held, area_id in grants if held == capability)


def area_filter(grants: Grants, capability: Capability = Capability.VIEW_INCIDENT, *, prefix: str = "") -> Q:
    """The rows that lie where ``capability`` is held.

    For models with the five level columns ``city``, ``district``, ``street``, ``community``, ``grid`` (behind
    ``prefix``): an equality for each area held, nothing held means no row.
    """
    by_level: dict[int, list[int]] = {}
    for area_id in visible_area_ids(grants, capability):
        record = areas.find(area_id)
        if record is not None:
            by_level.setdefault(record.level, []).append(area_id)
    condition = Q()
    for level, ids in by_level.items():
        condition |= Q(**{f"{prefix}{LEVEL_NAMES[level]}_id__in": sorted(ids)})
    return condition or Q(pk__in=[])


def holders(
    *, on: date, areas_in: Iterable[int], role: str | None = None, capability: Capability | None = None
) -> list[Holder]:
    """Who holds ``role`` or ``capability`` in exactly the areas ``areas_in`` on the day ``on``, by user id.

    Nobody inactive. One statement.
    """
    ids = list(areas_in)
    if capability is None:
        found = AreaMembership.objects.filter(_current(on))
    else:
        found = _held(on, **{_CODENAME: capability})
    found = found.filter(area__in=ids, user__is_active=True)
    if role is not None:
        found = found.filter(role=role)
    return [
        Holder(*row) for row in found.order_by("user_id", "pk").values_list("user_id", "area_id", "role", "posting_ref")
    ]


def holding(capability: Capability, on: date) -> list[tuple[int, int]]:
    """(user id, area id) of everybody active who holds the capability somewhere on the day. One statement.

    For figures by area: whoever asks tells numbers, not people.
    """
    found = _held(on, **{_CODENAME: capability}).filter(user__is_active=True)
    return sorted(set(found.values_list("user_id", "area_id")))


def _current(on: date) -> Q:
    return Q(starts_on__lte=on) & (Q(ends_on__isnull=True) | Q(ends_on__gte=on))


def _held(on: date, **more: Any) -> QuerySet[AreaMembership]:
    """Memberships of the day with what each gives (by its own dates, not by the last sync of the groups).

    ``more`` conditions on the permission go here: a later ``filter`` would join the permissions a second time.
    """
    return AreaMembership.objects.filter(
        _current(on), group__areagroupobjectpermission__content_object=F("area"), **more
    )


# --- telling --------------------------------------------------------------------------------------------------


def grant(
    *,
    user: Any,
    role: str,
    area: Area,
    capabilities: Iterable[Capability],
    starts_on: date,
    ends_on: date | None = None,
    posting_ref: str,
) -> AreaMembership:
    """The posting ``posting_ref`` gives ``user`` the role in ``area`` from ``starts_on`` to ``ends_on`` inclusive.

    Said again with other dates it is corrected. The group role@area has exactly ``capabilities``; the user is in
    it when the posting holds today.
    """
    with transaction.atomic():
        before = AreaMembership.objects.filter(posting_ref=posting_ref).values_list("user_id", flat=True).first()
        group = _group(role, area.pk, frozenset(capabilities))
        membership, _created = AreaMembership.objects.update_or_create(
            posting_ref=posting_ref,
            defaults={
                "user": user,
                "role": role,
                "area": area,
                "group": group,
                "starts_on": starts_on,
                "ends_on": ends_on,
            },
        )
        sync_members(_today(), users={user.pk, before or user.pk})
    return membership


def grant_all(*, role: str, capabilities: Iterable[Capability], posts: Iterable[Post], starts_on: date) -> None:
    """:func:`grant` of one role from ``starts_on`` until further notice for many postings that are new.

    Some statements for all of them, however many.
    """
    new, wanted = list(posts), frozenset(capabilities)
    with transaction.atomic():
        groups = _groups(role, {post.area_id for post in new})
        _set_capabilities({groups[area_id]: area_id for area_id in groups}, wanted)
        AreaMembership.objects.bulk_create(
            AreaMembership(
                user_id=post.user_id, role=role, area_id=post.area_id, group_id=groups[post.area_id],
                starts_on=starts_on, posting_ref=post.posting_ref,
            )
            for post in new
        )  # fmt: skip
        users = sorted({post.user_id for post in new})
        for start in range(0, len(users), _CHUNK):
            sync_members(_today(), users=users[start : start + _CHUNK])


def end(*, posting_ref: str, ends_on: date) -> None:
    """The posting's last day is ``ends_on``; one that had not begun by then leaves no trace here. Idempotent."""
    with transaction.atomic():
        membership = AreaMembership.objects.filter(posting_ref=posting_ref).first()
        if membership is None:
            return
        if ends_on < membership.starts_on:
            membership.delete()
        else:
            AreaMembership.objects.filter(pk=membership.pk).update(ends_on=ends_on)
        sync_members(_today(), users=[membership.user_id])


def set_role(*, role: str, capabilities: Iterable[Capability]) -> int:
    """Every group of ``role`` has exactly ``capabilities``. Returns how many groups changed."""
    wanted = frozenset(capabilities)
    with transaction.atomic():
        pairs = AreaMembership.objects.filter(role=role).values_list("group_id", "area_id").distinct()
        return _set_capabilities(dict(pairs), wanted)


def sync_members(on: date, *, users: Iterable[int] | None = None) -> tuple[int, int]:
    """Every group role@area has as members exactly who holds the role on the day ``on``: (added, removed).

    Our own answers come from the memberships' dates; this keeps guardian's and the admin's in step. Run after each
    change (``users`` limits it to them) and once a day.
    """
    through = get_user_model().groups.through
    held = AreaMembership.objects.filter(_current(on))
    present = through.objects.filter(group__name__contains="@")
    if users is not None:
        ids = list(users)
        held, present = held.filter(user__in=ids), present.filter(user__in=ids)
    with transaction.atomic():
        wanted = set(held.values_list("user_id", "group_id"))
        actual = {(user_id, group_id): pk for pk, user_id, group_id in present.values_list("pk", "user_id", "group_id")}
        added = wanted - actual.keys()
        removed = [pk for pair, pk in actual.items() if pair not in wanted]
        if added:
            through.objects.bulk_create(
                [through(user_id=user_id, group_id=group_id) for user_id, group_id in sorted(added)],
                ignore_conflicts=True,
            )
        if removed:
            through.objects.filter(pk__in=removed).delete()
    return len(added), len(removed)


def _today() -> date:
    return clock.local_date(clock.now())


def _group(role: str, area_id: int, wanted: frozenset[Capability]) -> Group:
    group, _created = Group.objects.get_or_create(name=f"{role}@{area_id}")
    _set_capabilities({group.pk: area_id}, wanted)
    return group


def _groups(role: str, area_ids: Iterable[int]) -> dict[int, int]:
    """The id of the group role@area by area id; those that were missing are made."""
    names = {f"{role}@{area_id}": area_id for area_id in sorted(area_ids)}
    kept = Group.objects.filter(name__startswith=f"{role}@")
    present = set(kept.values_list("name", flat=True))
    Group.objects.bulk_create([Group(name=name) for name in names if name not in present], ignore_conflicts=True)
    return {names[name]: pk for name, pk in kept.values_list("name", "pk") if name in names}


def _set_capabilities(groups: Mapping[int, int], wanted: frozenset[Capability]) -> int:
    """Each group (id → its area's id) has exactly ``wanted`` there. Returns how many groups changed."""
    table = get_group_obj_perms_model(Area)
    permissions = _permissions()
    changed: set[int] = set()
    ids = sorted(groups)
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        present: dict[int, dict[str, int]] = {pk: {} for pk in chunk}
        rows_ = table.objects.filter(group__in=chunk, content_object__in={groups[pk] for pk in chunk})
        for pk, group_id, area_id, codename in rows_.values_list(
            "pk", "group_id", "content_object_id", "permission__codename"
        ):
            if groups[group_id] == area_id:
                present[group_id][codename] = pk
        gone = [(g, pk) for g, found in present.items() for name, pk in found.items() if name not in wanted]
        new = [(g, name) for g, found in present.items() for name in sorted(wanted - found.keys())]
        changed.update(g for g, _each in (*gone, *new))
        for first in range(0, len(gone), _CHUNK):
            table.objects.filter(pk__in=[pk for _g, pk in gone[first : first + _CHUNK]]).delete()
        # not guardian's assign_perm: it costs two statements a permission
        table.objects.bulk_create(
            [table(group_id=g, content_object_id=groups[g], permission_id=permissions[name]) for g, name in new]
        )
    return len(changed)


def _permissions() -> dict[str, int]:
    return dict(
        Permission.objects.filter(content_type__app_label="grids", content_type__model="area").values_list(
            "codename", "pk"
        )
    )
