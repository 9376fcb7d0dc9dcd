"""Who may know of a case: the list's condition and the judgement on one case are the same rules."""

import pytest

from dispatch.actors import SYSTEM, Actor, actor_by_link
from dispatch.cases import case_from, with_all
from dispatch.visibility import cases_of, may_see
from incidents.models import Incident, Reporter
from tests.worlds import PEOPLE, World

pytestmark = pytest.mark.django_db


def test_judgement_on_one_case_agrees_with_the_queryset(world: World) -> None:
    made = [
        world.report(grid="620901001001002"),
        world.report(by="acceptor_b", grid="620902001001001"),
        world.report(by="grid_worker", source="worker", grid="620902002001001"),
        world.report(category="0302"),
        world.carry("dispatched"),
        world.carry("handled"),
        world.report(reporter_name="张先生", reporter_phone="13800002716"),
    ]
    world.perform(made[0], "request_check", "acceptor", checker=world.people["grid_worker_2"].pk)
    world.perform(made[5], "request_verification", "acceptor", verifier=world.people["verifier"].pk)
    taken = world.carry("filed")
    world.perform(taken, "dispatch", "dispatcher", lead={"worker": world.workers["grid_worker_b"].pk})
    world.perform(taken, "recall", "dispatcher", reason="派错")
    secret = world.report(category="0302")
    world.perform(secret, "accept", "acceptor")
    world.perform(secret, "file", "duty_chief", standard="0302-1")
    world.perform(secret, "dispatch", "dispatcher", lead=world.lead())
    cases = [case_from(row) for row in with_all(Incident.objects.order_by("id"))]
    link = actor_by_link(Reporter.objects.get().token)
    assert link is not None
    everybody: list[Actor] = [SYSTEM, link, Actor(user_id=None), *(world.actor(login) for login in PEOPLE)]
    seen = 0
    for actor in everybody:
        wanted = set(cases_of(actor, wide=True).values_list("number", flat=True))
        assert {case.incident.number for case in cases if may_see(case, actor)} == wanted, actor
        seen += len(wanted)
    assert 0 < seen < len(cases) * len(everybody)
