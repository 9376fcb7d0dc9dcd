"""Who plays: the real accounts by their postings, as the loop knows them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime

from django.contrib.auth import get_user_model
from django.db.models import Q

from dispatch.actors import Actor, actor_of
from dispatch.cases import Case
from gridgov.common import clock
from grids.spatial import areas
from personnel.models import Posting
from personnel.roles import Role
from personnel.selectors import department_tree

PUBLIC = Actor(user_id=None, channel="link")
_OF_THE_DESK = frozenset({"acceptor", "duty_chief", "dispatcher", "verifier", "supervisor", "leader"})
_FIELD = frozenset({Role.GRID_WORKER.value, Role.GRID_LEADER.value})


class Cast:
    """Everybody who is posted anywhere, by role and place; in one order, so that the same people act again."""

    def __init__(self) -> None:
        self._users = {user.pk: user for user in get_user_model().objects.filter(is_active=True)}
        self._by_area: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._by_department: dict[int, list[int]] = defaultdict(list)
        self._field: set[int] = set()
        self._actors: dict[tuple[int, date], Actor] = {}
        rows = Posting.objects.filter(Q(ends_on__isnull=True), worker__user__in=self._users).order_by(
            "role", "worker__user__username", "id"
        )
        for role, area_id, department_id, user_id in rows.values_list(
            "role", "area_id", "department_id", "worker__user_id"
        ):
            if area_id is not None:
                self._by_area[role, area_id].append(user_id)
            else:
                # handlers come before heads, as their roles do
                self._by_department[department_id].append(user_id)
            if role in _FIELD:
                self._field.add(user_id)

    def actor(self, user_id: int, at: datetime) -> Actor:
        """The person as of that day."""
        on = clock.local_date(at)
        found = self._actors.get((user_id, on))
        if found is None:
            channel = "phone" if user_id in self._field else "desk"
            found = self._actors[user_id, on] = actor_of(self._users[user_id], channel=channel, on=on)
        return found

    def of_area(self, role: str, chain: Iterable[int | None]) -> list[int]:
        """Users who hold the role in an area of ``chain`` (from the city down), the nearest first."""
        ids = [area_id for area_id in chain if area_id is not None]
        return [user_id for area_id in reversed(ids) for user_id in self._by_area.get((role, area_id), ())]

    def worker_of(self, grid_id: int) -> int | None:
        """Who walks the grid."""
        return next(iter(self.of_area(Role.GRID_WORKER.value, areas.chain(grid_id))), None)

    def is_led(self, area_id: int) -> bool:
        """Whether a grid leader has the area."""
        return bool(self.of_area(Role.GRID_LEADER.value, areas.chain(area_id)))

    def of_department(self, department_id: int | None) -> list[int]:
        """Who may handle for the department: its own people first, then those above it."""
        record = department_tree().find(department_id)
        chain = reversed(record.ancestors) if record else ()
        return [user_id for found in chain for user_id in self._by_department.get(found, ())]

    def candidates(self, who: str, case: Case, at: datetime, ticket_id: int = 0) -> list[Actor]:
        """Those who could do it, the likeliest first; whether each may is the loop's to say."""
        incident = case.incident
        if who == "reporter":
            return [Actor(user_id=None, channel="link", reporter_incident_id=incident.pk)]
        if who in _OF_THE_DESK:
            ids = self.of_area(who, case.holder_chain)
        elif who == "handler":
            lead = case.lead
            ids = self.of_department(lead.department_id) if lead else []
        elif who == "joint":
            ids = next((self.of_department(t.department_id) for t in case.tickets if t.id == ticket_id), [])
        else:
            party = {
                "checker": incident.checker_id,
                "named_verifier": incident.verifier_id,
                "reporting_worker": incident.reported_by_id,
            }[who]
            ids = [party] if party in self._users else []
        return [self.actor(user_id, at) for user_id in dict.fromkeys(ids)]
