"""Who acts: a person with what he may do and which departments he works for, the system, or a reporter by his link."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import F, OuterRef, Q

from gridgov.common import clock
from gridgov.common.json_rows import rows, rows_subquery
from gridgov.common.prepared import Prepared
from grids import permissions
from grids.capabilities import Capability
from grids.permissions import NO_GRANTS, Grants
from grids.spatial import areas
from incidents.models import Incident
from personnel.models import Posting
from personnel.roles import DEPARTMENT_ROLES, Role, area_capabilities
from personnel.selectors import department_tree

NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever does something, as of today. ``postings``: (role, area id, department id) of the day.

    ``department_ids``: the departments of a department role and everything below them.
    """

    user_id: int | None
    name: str = ""
    grants: Grants = NO_GRANTS
    postings: tuple[tuple[str, int | None, int | None], ...] = ()
    department_ids: frozenset[int] = NOBODY
    worker_id: int | None = None
    channel: str = "desk"
    reporter_incident_id: int | None = None
    is_system: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles held today, each once."""
        return tuple(dict.fromkeys(role for role, _area, _department in self.postings))

    def may(self, capability: Capability, chain: Iterable[int | None]) -> bool:
        """Whether one posting gives the capability at the area whose ancestors-or-self are ``chain``."""
        return permissions.may(self.grants, capability, chain)

    def may_somewhere(self, capability: Capability) -> bool:
        """Whether any posting gives the capability anywhere."""
        return any(held == capability for held, _area in self.grants)

    def role_for(self, capability: Capability, chain: Iterable[int | None]) -> str:
        """The role under which the actor uses the capability there, for the journal; empty if none fits."""
        ids = {area_id for area_id in chain if area_id is not None and (capability, area_id) in self.grants}
        return next(
            (
                role
                for role, area_id, _d in self.postings
                if area_id in ids and capability in area_capabilities(Role(role))
            ),
            "",
        )

    @property
    def desk_area_id(self) -> int | None:
        """The centre of the actor's highest posting: it receives what has no place."""
        index = areas.index()
        held = [index.find(area_id) for _role, area_id, _d in self.postings if area_id is not None]
        for record in sorted((r for r in held if r is not None), key=lambda r: (r.level, r.id)):
            centre = index.centre_for(record.id)
            if centre is not None:
                return centre.id
        return None


#: Its steps are said to be by 系统 where they are shown, in the language of who reads.
SYSTEM = Actor(user_id=None, channel="system", is_system=True)


#: What an actor is made of, beside the user.
TOLD = ("_grants", "_postings", "_worker")


def told_of_owner(on: date) -> dict[str, Any]:
    """TOLD as expressions over a row whose ``user`` it is about, a session's."""
    return _told(on, "user", "user__worker")


def _told(on: date, user: str, worker: str) -> dict[str, Any]:
    current = Posting.objects.filter(
        Q(starts_on__lte=on) & (Q(ends_on__isnull=True) | Q(ends_on__gte=on)), worker__user=OuterRef(user)
    )
    return {
        "_grants": permissions.grants_subquery(on, user=user),
        "_postings": rows_subquery(
            current, link="worker__user", r=F("role"), a=F("area_id"), d=F("department_id"), w=F("worker_id")
        ),
        "_worker": F(f"{worker}__id"),
    }


def _annotated(people: Any, on: date) -> Any:
    """The users ``people`` with grants, postings and worker, in the same statement."""
    return people.annotate(**_told(on, "pk", "worker"))


def _actor(user: Any, channel: str) -> Actor:
    postings = tuple((p["r"], p["a"], p["d"]) for p in rows(user._postings))
    departments = [d for role, _a, d in postings if role in DEPARTMENT_ROLES and d is not None]
    return Actor(
        user_id=user.pk,
        name=user.name or user.username,
        grants=permissions.grants_from(user._grants) if user.is_active else NO_GRANTS,
        postings=postings,
        department_ids=department_tree().widened(departments) if departments else NOBODY,
        worker_id=user._worker,
        channel=channel,
    )


_BY_ID = Prepared(lambda pk, on: _annotated(get_user_model().objects.filter(pk=pk), on), pk=int, on=date)
_BY_TOKEN = Prepared(
    lambda key, on: _annotated(get_user_model().objects.filter(auth_token__key=key, is_active=True), on),
    key=str,
    on=date,
)


def actor_of(user: Any, *, channel: str = "desk", on: date | None = None) -> Actor:
    """The actor behind a signed-in user. One statement."""
    row = _BY_ID.first(pk=user.pk, on=on or clock.local_date(clock.now()))
    if row is None:
        raise get_user_model().DoesNotExist
    return _actor(row, channel)


def actor_signed_in(user: Any) -> Actor:
    """The actor behind ``request.user``, who is signed in at a desk, as he was read with the session.

    No statement; that of :func:`actor_of` where he was not read so, or the day is another one by now.
    """
    if getattr(user, "told_on", None) == clock.local_date(clock.now()):
        return _actor(user, "desk")
    return actor_of(user, channel="desk")


def actors_of(user_ids: Iterable[int], *, on: date | None = None) -> list[tuple[Any, Actor]]:
    """Each active one of the users, and who he is on the day. One statement, and one for the departments."""
    people = get_user_model().objects.filter(pk__in=list(user_ids), is_active=True)
    return [(row, _actor(row, "desk")) for row in _annotated(people, on or clock.local_date(clock.now()))]


def actor_by_token(key: str, *, channel: str = "api", on: date | None = None) -> tuple[Any, Actor] | None:
    """User and actor behind an API token: token, person, grants and departments in one statement. None if unknown."""
    row = _BY_TOKEN.first(key=key, on=on or clock.local_date(clock.now()))
    return (row, _actor(row, channel)) if row is not None else None


def actor_by_link(token: str) -> Actor | None:
    """The reporter behind the link given at report; None if unknown."""
    if not token:
        return None
    incident_id = Incident.objects.filter(reporter__token=token).values_list("pk", flat=True).first()
    if incident_id is None:
        return None
    return Actor(user_id=None, name="", channel="link", reporter_incident_id=incident_id)
