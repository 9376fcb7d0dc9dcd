"""What the one who came too late is told."""

import pytest

from dispatch import changes
from gridgov.common.errors import FieldError, NotFound
from tests.statements import at_most
from tests.worlds import World

pytestmark = pytest.mark.django_db


def test_everything_since_the_version_seen_is_told_in_order(world: World) -> None:
    number = world.report(address="旧地址")
    seen = world.case(number).version
    world.perform(number, "amend", "acceptor_2", reason="核对后更正", address="福利路1号", category="0202")
    world.perform(number, "note", "acceptor_2", note="已电话联系")
    world.perform(number, "accept", "acceptor_2")
    found = changes.changes_since(number=number, by=world.actor("acceptor"), version=seen)
    assert [(step.action, step.actor, step.role_label) for step in found.steps] == [
        ("amend", "受理甲二", "受理员"), ("note", "受理甲二", "受理员"), ("accept", "受理甲二", "受理员"),
    ]  # fmt: skip
    assert found.steps[0].text == "核对后更正"
    assert {(field.name, field.value) for field in found.fields} == {
        ("status", "待立案"), ("address", "福利路1号"), ("category", "市容环境／违法搭建"),
    }  # fmt: skip
    assert (found.seen, found.version, found.status) == (seen, 3, "accepted")


def test_dispatch_names_its_handlers(world: World) -> None:
    number = world.carry("filed")
    seen = world.case(number).version
    world.perform(number, "dispatch", "dispatcher", lead=world.lead(), joint=[world.lead("ZJ")])
    found = changes.changes_since(number=number, by=world.actor("dispatcher_2"), version=seen)
    values = {field.name: field.value for field in found.fields}
    assert values["lead"].endswith("市政设施科")
    assert values["joint"] == "住房和建设局"


def test_nothing_since_is_nothing_and_takes_two_statements(world: World) -> None:
    number, by = world.report(), world.actor("acceptor")
    with at_most(2):
        found = changes.changes_since(number=number, by=by, version=1)
    assert (found.steps, found.fields) == ([], [])


def test_outsider_is_told_nothing(world: World) -> None:
    number = world.report()
    with pytest.raises(NotFound):
        changes.changes_since(number=number, by=world.actor("acceptor_b"), version=1)
    for version in (0, -1, True, "1", 2**40):
        with pytest.raises(FieldError):
            changes.changes_since(number=number, by=world.actor("acceptor"), version=version)  # type: ignore[arg-type]
