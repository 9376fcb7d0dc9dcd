"""The city beside a running server."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from dispatch.actors import SYSTEM
from dispatch.loop import read
from gridgov.common import clock
from gridgov.simulation import demo
from gridgov.simulation.live import FRESH, LiveCity, Residents
from gridgov.simulation.reading import view_of
from incidents.models import JournalEntry


@pytest.mark.skipif(not settings.EMBEDDED, reason="serve is the embedded default's")
def test_serve_simulates_in_a_demo_only(world):
    world.report()
    with pytest.raises(CommandError, match="seed_demo"):
        call_command("serve", "--simulate")


def test_what_was_just_reported_goes_quickly_and_round_the_clock(world):
    demo.mark(seed=1)
    city = LiveCity(1)
    now = clock.now()
    case = view_of(read(world.report(), SYSTEM))
    fresh = city.town_of(case, now)
    assert (fresh.is_show, fresh.pace < 0.2) == (True, True)
    later = {city.town_of(case, now + FRESH * 2).is_show}
    for _each in range(30):
        later.add(city.town_of(view_of(read(world.report(), SYSTEM)), now + FRESH * 2).is_show)
    assert later == {True, False}


def test_open_cases_are_taken_up_once_and_nothing_happens_before_its_time(world):
    demo.mark(seed=1)
    numbers = [world.report(), world.carry("handling")]
    city = LiveCity(1)
    entries = JournalEntry.objects.count()
    assert city.adopt(clock.now()) == len(numbers)
    assert city.adopt(clock.now()) == 0
    assert city.take_due(10) == 0
    assert JournalEntry.objects.count() == entries


def test_a_backlog_is_worked_off_now_and_not_as_of_then(world):
    demo.mark(seed=1)
    then = clock.now() - timedelta(days=1)
    with clock.played(then):
        number = world.report(at=then)
    city = LiveCity(1)
    city.adopt(then)
    before = clock.now()
    while city.take_due(2):
        pass
    entries = list(JournalEntry.objects.filter(incident__number=number).order_by("seq").values_list("at", flat=True))
    assert entries[0] == then
    assert len(entries) > 1
    assert all(at >= before for at in entries[1:])


def test_residents_leave_nothing_running_even_after_a_fault(transactional_db):
    residents = Residents()
    residents.start()
    residents.stop()
    assert not residents._thread.is_alive()
