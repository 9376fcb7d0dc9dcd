"""What takes a step back, out of the table."""

import pytest

from dispatch import loop, undo
from incidents.workflow import Action, Status, available, lines
from tests.worlds import World


def test_every_undo_is_open_where_its_step_leads() -> None:
    for action, backs in undo.TAKES_BACK.items():
        targets = {line.target for line in lines(action)} - {None} or {
            s for line in lines(action) for s in line.sources
        }
        for back in backs:
            assert any(back in undo.undo_of(action.value, target.value) for target in targets), (action, back)


def test_undo_leads_back_to_where_the_step_began() -> None:
    for action in (Action.ACCEPT, Action.REQUEST_CHECK, Action.FILE, Action.DISPATCH, Action.REJECT, Action.SUSPEND):
        for line in lines(action):
            assert line.target is not None
            [back] = undo.undo_of(action.value, line.target.value)
            [returns] = [other for other in available(line.target) if other.action is back]
            assert returns.target in line.sources, action


def test_what_the_table_does_not_know_is_not_undone() -> None:
    assert undo.undo_of("report", "reported") == ()
    assert undo.undo_of("evaluate", "evaluated") == ()
    assert undo.undo_of("sign", "handling") == ()


@pytest.mark.django_db
def test_recall_is_offered_to_who_dispatched_until_the_case_moves_on(world: World) -> None:
    number = world.carry("filed")
    done = world.perform(number, "dispatch", "dispatcher", lead=world.lead())

    def offered(login: str, version: int) -> list[str]:
        by = world.actor(login)
        case = loop.read(number, by)
        return [offer.action for offer in undo.offered(case, by, action="dispatch", version=version)]

    assert offered("dispatcher", done.version) == ["recall"]
    assert offered("acceptor", done.version) == []
    world.perform(number, "sign", "department_handler")
    assert offered("dispatcher", done.version) == []
    assert Status(world.case(number).status) is Status.HANDLING
