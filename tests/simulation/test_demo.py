"""Where and when it may be played: in a marked database, in the past."""

from datetime import timedelta
from threading import Thread

import pytest
from django.core.management import CommandError, call_command

from gridgov.common import clock
from gridgov.common.errors import Conflict, FieldError
from gridgov.common.models import AuditEntry, Heartbeat
from gridgov.simulation import demo, runs
from incidents.models import Incident


def span(hours: float = 1) -> dict:
    end = clock.now()
    return {"start": end - timedelta(hours=hours), "end": end, "seed": 1}


def test_a_database_that_is_no_demo_is_not_played_in(world):
    number = world.report()
    for play in (lambda: runs.play(**span()), lambda: runs.make_up(now=clock.now())):
        with pytest.raises(Conflict) as refused:
            play()
        assert refused.value.code == "not_a_demo"
    with pytest.raises(CommandError, match="seed_demo"):
        call_command("simulate")
    assert list(Incident.objects.values_list("number", "version")) == [(number, 1)]


def test_a_database_with_cases_is_not_marked(world):
    world.report()
    with pytest.raises(Conflict) as refused:
        demo.mark(seed=1)
    assert refused.value.code == "not_empty"
    with pytest.raises(CommandError):
        call_command("seed_demo")
    assert demo.mark_of() is None


def test_a_mark_is_made_once_and_keeps_its_seed(db):
    first = demo.mark(seed=5)
    assert demo.mark(seed=6) == first == demo.mark_of() == demo.Mark(5, None, None)
    assert AuditEntry.objects.filter(action=demo.MARKED).count() == 1


def test_the_future_is_never_played(world):
    demo.mark(seed=1)
    end = clock.now() + timedelta(minutes=5)
    with pytest.raises(FieldError) as refused:
        runs.play(start=end - timedelta(hours=1), end=end, seed=1)
    assert refused.value.field == "to"
    with pytest.raises(ValueError, match="future"), clock.played(end):
        pass


def test_what_has_happened_is_not_played_over(world):
    demo.mark(seed=1)
    world.report()
    with pytest.raises(FieldError) as refused:
        runs.play(**span())
    assert refused.value.field == "from"


def test_the_past_is_not_played_beside_a_running_server(world):
    demo.mark(seed=1)
    Heartbeat.objects.create(name="worker", beat_at=clock.now())
    with pytest.raises(Conflict) as refused:
        runs.play(**span())
    assert refused.value.code == "server_runs"
    Heartbeat.objects.update(beat_at=clock.now() - timedelta(minutes=5))
    runs.play(**span())


def test_a_short_pause_is_not_made_up_for(world):
    demo.mark(seed=1)
    assert runs.make_up(now=clock.now()) is None  # nothing ever happened
    world.report()
    assert runs.make_up(now=clock.now()) is None


def test_a_pause_of_days_is_made_up_for_up_to_now(world):
    demo.mark(seed=1)
    now = clock.now().replace(microsecond=0)
    with clock.played(now - timedelta(days=3)):
        number = world.report(at=now - timedelta(days=3))
    city = runs.make_up(now=now)
    assert city is not None
    assert Incident.objects.get(number=number).status != "reported"
    assert demo.last_moment() <= now


def test_a_played_instant_is_this_threads_alone():
    then = clock.now() - timedelta(days=1)
    seen = []
    with clock.played(then):
        assert clock.now() == then
        thread = Thread(target=lambda: seen.append(clock.now()))
        thread.start()
        thread.join()
    assert seen[0] > then + timedelta(hours=23)
    assert clock.now() > then + timedelta(hours=23)


def test_impossible_options_are_refused(world):
    demo.mark(seed=1)
    for options in ({"rate": -1}, {"rate": 1e9}, {"speed": -2}):
        with pytest.raises(CommandError):
            call_command("simulate", **options)
