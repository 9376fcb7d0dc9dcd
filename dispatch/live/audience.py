"""Who may hear of a case, and what a person may hear of: the rules of ``dispatch.visibility`` as sets of keys."""

from collections.abc import Iterable, Mapping

from dispatch.actors import Actor
from dispatch.live.hub import ALL, Audience, Key, Viewer
from dispatch.models import Ticket
from grids import permissions
from incidents.models import NamedAccess

#: Of a case, in this order: what :func:`audiences` needs to know.
COLUMNS = (
    "city_id", "district_id", "street_id", "community_id", "grid_id", "is_confidential", "reported_by_id",
    "checker_id", "verifier_id",
)  # fmt: skip


def viewer_of(actor: Actor) -> Viewer:
    """What a signed-in person may hear of: exactly the cases that ``visibility.may_see`` lets him open."""
    assert actor.user_id is not None
    keys: set[Key] = {ALL, ("user", actor.user_id)}
    keys |= {("area", area_id) for area_id in permissions.visible_area_ids(actor.grants)}
    keys |= {("department", department_id) for department_id in actor.department_ids}
    if actor.worker_id is not None:
        keys.add(("worker", actor.worker_id))
    return Viewer(actor.user_id, frozenset(keys))


def audiences(cases: Mapping[int, tuple]) -> dict[int, Audience]:
    """Who may open each of the cases as they are now; ``cases``: id → values of COLUMNS. Two statements at most."""
    handlers: dict[int, set[Key]] = {}
    for incident_id, department_id, worker_id in Ticket.objects.filter(incident__in=list(cases)).values_list(
        "incident_id", "department_id", "worker_id"
    ):
        key = ("worker", worker_id) if department_id is None else ("department", department_id)
        handlers.setdefault(incident_id, set()).add(key)
    confidential = [incident_id for incident_id, values in cases.items() if values[5]]
    named: dict[int, set[int]] = {incident_id: set() for incident_id in confidential}
    if confidential:
        for incident_id, user_id in NamedAccess.objects.filter(incident__in=confidential).values_list(
            "incident_id", "user_id"
        ):
            named[incident_id].add(user_id)
    return {
        incident_id: Audience(
            frozenset(_areas(values[:5]) | _people(values[6:]) | handlers.get(incident_id, set())),
            frozenset(named[incident_id]) if incident_id in named else None,
        )
        for incident_id, values in cases.items()
    }


def _areas(chain: Iterable[int | None]) -> set[Key]:
    return {("area", area_id) for area_id in chain if area_id is not None}


def _people(user_ids: Iterable[int | None]) -> set[Key]:
    return {("user", user_id) for user_id in user_ids if user_id is not None}
