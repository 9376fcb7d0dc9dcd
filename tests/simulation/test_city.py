"""A working day of the test city through the loop: what must hold of it afterwards, and that it can be had again."""

from datetime import timedelta

import pytest
from django.db import transaction

from dispatch.models import Ticket
from gridgov.common import reference
from gridgov.simulation.digest import journal_digest
from incidents import journal, numbers
from incidents.models import Attachment, Clock, Incident, JournalEntry
from incidents.workflow import WITH_LIVE_TICKET
from tests.common.calendars import local
from tests.dispatch.audit import audit
from tests.simulation.cities import played

#: A Monday.
START = local("2026-03-09 07:30")
END = START + timedelta(hours=12)


@pytest.fixture
def city(world):
    return played(START, END)


def test_a_played_day_leaves_every_case_as_it_has_to_be(city):
    assert city.done["report"] > 15
    assert Incident.objects.count() == city.done["report"]
    for number in Incident.objects.values_list("number", flat=True):
        audit(number)
    verdict = journal.verify()
    assert verdict.is_whole, verdict.faults
    assert verdict.unsealed_count == 0
    assert not Clock.objects.filter(state__in=Clock.LIVE, incident__ended_at__isnull=False).exists()
    leads = Ticket.objects.filter(is_lead=True, state__in=Ticket.LIVE)
    with_handler = Incident.objects.filter(status__in=WITH_LIVE_TICKET)
    assert sorted(leads.values_list("incident", flat=True)) == sorted(with_handler.values_list("pk", flat=True))
    assert not JournalEntry.objects.filter(delivered_at__isnull=True).exists()


def test_people_act_in_order_by_their_roles_where_they_walk(city, world):
    worker_grids = {area.pk for code, area in world.areas.items() if len(code) == 15}
    assert set(Incident.objects.values_list("grid", flat=True)) <= worker_grids
    assert not Incident.objects.filter(category__code="9999").exists()
    assert Attachment.objects.count() > 10
    assert not Attachment.objects.filter(incident__isnull=True).exists()
    accepted = JournalEntry.objects.filter(action="accept", actor__isnull=False)
    assert set(accepted.values_list("actor_role", flat=True)) == {"acceptor"}
    entries = JournalEntry.objects.order_by("incident", "seq").values_list("incident", "at", "recorded_at", "action")
    before = {}
    for incident, at, recorded_at, action in entries:
        assert START <= at <= recorded_at <= END
        if action != "step":  # stated when it is looked for, stamped with when it was due
            assert recorded_at == at
        assert recorded_at >= before.get(incident, START)
        before[incident] = recorded_at


def test_the_same_seed_gives_the_same_journal_and_another_seed_another(world):
    found = []
    for seed in (3, 3, 4):
        with transaction.atomic():
            played(START, START + timedelta(hours=5), seed=seed)
            found.append((journal_digest(), JournalEntry.objects.count()))
            transaction.set_rollback(True)
        numbers.forget()
        reference.expire()
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]
    assert found[0][1] > 50


def test_a_city_goes_on_from_where_it_stands(world):
    middle = START + timedelta(hours=5)
    first = played(START, middle)
    second = played(middle, START + timedelta(hours=12))
    assert second.done["report"] > 5
    assert sum(second.done.values()) > second.done["report"]
    assert Incident.objects.count() == first.done["report"] + second.done["report"]
    for number in Incident.objects.values_list("number", flat=True):
        audit(number)


def test_after_days_off_missed_steps_are_stated_together_at_the_end(world):
    played(START, START + timedelta(hours=6))
    seen = JournalEntry.objects.count()
    pause = START + timedelta(hours=6)
    end = pause + timedelta(hours=26)
    played(pause, end, per_day=6.0, steps_last=True)
    stated = JournalEntry.objects.filter(action="step", recorded_at__gt=pause)
    assert JournalEntry.objects.count() > seen
    assert set(stated.values_list("recorded_at", flat=True)) <= {end}
    for number in Incident.objects.values_list("number", flat=True):
        audit(number)
