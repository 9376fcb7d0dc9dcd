"""What is said of a report before it is saved: its clocks, its place, and cases that may be the same."""

from datetime import timedelta
from typing import Any

import pytest

from dispatch import preview
from gridgov.common import clock
from gridgov.common.errors import FieldError
from incidents.models import Clock, Incident
from tests.common.calendars import local
from tests.flows.journey import Journey
from tests.statements import at_most
from tests.worlds import World

pytestmark = pytest.mark.django_db
AT = local("2026-03-10 09:00")


def test_deadlines_are_those_that_the_case_then_has(world: World) -> None:
    said = {d.clock: d for d in preview.deadlines(category="0201", standard="0201-1", at=AT)}
    case = Journey(world, at=AT)
    due = {row.kind: row.due_at for row in Clock.objects.filter(incident__number=case.number)}
    assert {name: d.due_at for name, d in said.items() if d.is_running_at_once} == due
    case.do("accept", "acceptor")
    case.do("file", "duty_chief", standard="0201-1")
    case.do("dispatch", "dispatcher", lead=world.lead())
    for kind in ("file", "dispatch", "sign", "handle"):
        assert Clock.objects.get(incident__number=case.number, kind=kind).due_at == said[kind].due_at, kind
    assert (said["handle"].allowance, said["handle"].starts) == ("4工作时", "自派遣")
    assert "限4工作时" in said["handle"].explain
    assert list(said) == ["accept", "total", "file", "dispatch", "sign", "handle", "send", "verify", "close"]


def test_milestones_are_told_each(world: World) -> None:
    found = [d for d in preview.deadlines(category="0202", at=AT) if d.clock == "handle"]
    assert [d.milestone for d in found] == ["停工", "拆除"]
    assert found[0].due_at < found[1].due_at  # type: ignore[operator]


def test_standard_is_guessed_only_where_there_is_one(world: World) -> None:
    usual = next(d for d in preview.deadlines(category="0201", at=AT) if d.clock == "handle")
    assert usual.allowance == "16工作时", "two standards: the default"
    urgent = next(d for d in preview.deadlines(category="0101", at=AT) if d.clock == "handle")
    assert urgent.allowance == "2紧急工作时"


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("category", {"category": "02"}), ("category", {"category": "none"}), ("category", {"category": 201}),
        ("standard", {"category": "0201", "standard": "0102-1"}), ("standard", {"category": "0201", "standard": []}),
    ],
)  # fmt: skip
def test_wrong_category_or_standard_is_named(world: World, field: str, given: dict[str, Any]) -> None:
    if given.get("standard") == []:
        given = given | {"standard": ["x"]}
    with pytest.raises(FieldError) as refused:
        preview.deadlines(at=AT, **given)
    assert refused.value.field == field


def test_place_says_area_and_holder_as_the_report_would(world: World) -> None:
    lon, lat = world.point()
    for category in ("0201", "0203"):
        said = preview.place(category=category, lon=lon, lat=lat)
        case = Incident.objects.get(number=world.report(category=category))
        assert (said.area_id, said.holder_id) == (case.grid_id, case.holder_id)
    nowhere = preview.place(category="0201", lon=100.0, lat=30.0)
    assert (nowhere.area_id, nowhere.holder_id) == (None, None)
    for point in ({"lon": 200.0, "lat": 36.0}, {"lon": lon, "lat": lat, "crs": "moon"}):
        with pytest.raises(FieldError):
            preview.place(category="0201", **point)


def test_alike_are_the_open_near_ones_that_one_may_see(world: World) -> None:
    lon, lat = world.point()
    near, far = world.report(), world.report(lon=lon + 0.002)
    other = world.report(category="0102")
    over = world.report()
    world.perform(over, "reject", "acceptor", reason="outside", note="请向邻区反映")
    old = world.report()
    Incident.objects.filter(number=old).update(received_at=clock.now() - timedelta(hours=25))

    def alike(login: str) -> list[str]:
        by = world.actor(login)
        with at_most(1):
            found = preview.alike(by, category="0201", lon=lon, lat=lat, now=clock.now())
        assert all(0 <= row["score"] <= 1 for row in found)
        return [row["number"] for row in found]

    assert alike("acceptor") == [near]
    assert alike("acceptor_b") == []
    assert not {far, other, over, old} & set(alike("acceptor"))
