"""The command line: what a text may mean, for whom, and in how many statements."""

from datetime import timedelta
from typing import Any

import pytest

from dispatch import finding, initials
from gridgov.common import clock
from gridgov.common.errors import FieldError
from grids.models import Component
from incidents.models import Incident, JournalEntry
from tests.statements import at_most
from tests.worlds import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _warm(world: World, settings: Any) -> None:
    settings.REFERENCE_CHECK_SECONDS = 3600
    finding.find(world.actor("acceptor"), "aa", now=clock.now())


def find(world: World, login: str, text: str) -> list[tuple[str, str]]:
    by = world.actor(login)
    with at_most(3):
        return [(hit.kind, hit.key) for hit in finding.find(by, text, now=clock.now())]


def test_number_and_its_tail_find_the_case_in_threes(world: World) -> None:
    number = world.report()
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in number)
    for text in (number, number.lower(), number[-5:], wide):
        assert ("case", number) in find(world, "acceptor", text)
        assert find(world, "acceptor_b", text) == []
        assert find(world, "nobody", text) == []


def test_phone_tail_is_for_who_may_reveal_it_and_shows_a_mask(world: World) -> None:
    number = world.report(reporter_name="张先生", reporter_phone="13800002716")
    before = JournalEntry.objects.count()
    assert find(world, "acceptor", "2716") == [("case", number)]
    [hit] = finding.find(world.actor("acceptor"), "2716", now=clock.now())
    assert (hit.why, hit.hint) == ("phone", "138****2716")
    assert find(world, "supervisor", "2716") == [], "may not reveal"
    assert find(world, "acceptor_b", "2716") == []
    for more in ("02716", "13800002716", "1380", "0000"):
        assert find(world, "acceptor", more) == []
    assert JournalEntry.objects.count() == before


def test_what_was_long_ago_is_found_by_its_whole_number_alone(world: World) -> None:
    number = world.report(reporter_phone="13800002716", address="福利路1号")
    Incident.objects.update(received_at=clock.now() - finding.RECENT - timedelta(days=1))
    assert find(world, "acceptor", number) == [("case", number)]
    for text in (number[-5:], "2716", "福利路"):
        assert find(world, "acceptor", text) == []


def test_confidential_case_is_found_by_named_people_only(world: World) -> None:
    number = world.report(category="0302", address="幸福路2号")
    for text in (number, "幸福路"):
        assert ("case", number) in find(world, "acceptor", text)
        assert find(world, "supervisor", text) == []


def test_address_words_all_have_to_be_there(world: World) -> None:
    number = world.report(address="福利路100号 山丹花园")
    assert find(world, "acceptor", "福利路 山丹") == [("case", number)]
    assert find(world, "acceptor", "福利路 玉门") == []
    assert find(world, "acceptor_b", "福利路") == []


def test_area_is_found_by_code_name_and_initials_where_one_may_look(world: World) -> None:
    street = world.areas["620901001"]
    for text in ("620901001", "甲一街道", "jyjd", "JYJD"):
        assert find(world, "acceptor", text)[0] == ("area", str(street.pk)), text
        assert ("area", str(street.pk)) not in find(world, "acceptor_b", text)
    assert find(world, "acceptor", "62090") == []


def test_category_is_found_by_name_and_initials(world: World) -> None:
    assert "|bllj" in initials.readings("暴露垃圾")
    for text in ("暴露", "bllj", "lj", "垃圾"):
        assert ("category", "0201") in find(world, "acceptor", text), text


def test_every_reading_of_a_character_is_found() -> None:
    for name, wanted in (
        ("重庆路", "cql"),
        ("重庆路", "zql"),
        ("长乐街道", "cljd"),
        ("长乐街道", "zljd"),
        ("A座 12号", "az12h"),
    ):
        assert f"|{wanted}" in initials.readings(name), name
    assert initials.readings("——、") == "|"
    names = (
        initials.Named(1, "重庆路", initials.readings("重庆路")),
        initials.Named(2, "路口", initials.readings("路口")),
    )
    assert [one.id for one in initials.match(names, "l", 5)] == [2]
    assert [one.id for one in initials.match(names, "ql", 5)] == [1]


def test_names_are_worked_out_once_a_revision(world: World) -> None:
    assert initials.area_names() is initials.area_names()
    assert initials.category_names() is initials.category_names()
    with at_most(0):
        initials.area_names(), initials.category_names()


def test_component_is_found_by_its_codes(world: World) -> None:
    grid = world.areas["620901001001001"]
    lon, lat = world.point()
    lamp = Component.objects.create(
        root=world.root, code="6209010102000001", type_code="0102", name="路灯", lon=lon, lat=lat, area=grid
    )
    for text in (lamp.code, lamp.short_code):
        assert ("component", lamp.code) in find(world, "acceptor", text)
        assert ("component", lamp.code) not in find(world, "acceptor_b", text)


@pytest.mark.parametrize("text", ["", "a", " 字 ", "字" * 51, "a\x00b", None, 12])
def test_text_that_is_none_is_refused(world: World, text: Any) -> None:
    with pytest.raises(FieldError) as refused:
        finding.find(world.actor("acceptor"), text, now=clock.now())
    assert refused.value.field == "text"


@pytest.mark.parametrize("text", ["%%", "__", "100%", "' OR 1=1", "\\\\", "{编号}", "😀😀", "a-b"])
def test_odd_text_finds_nothing_and_breaks_nothing(world: World, text: str) -> None:
    world.report(address="福利路1号", reporter_phone="13800002716")
    assert find(world, "acceptor", text) == []
