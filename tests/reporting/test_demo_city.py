"""On the demo city, too, every figure equals the brute-force count (slow: the city is made and played first)."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from dispatch.actors import actor_of
from gridgov.common import clock
from gridgov.common.models import User
from grids.models import Area, Level
from grids.spatial import areas
from incidents.models import Incident
from personnel import assessment_services
from reporting import facts, selectors, services
from reporting.history import Period
from tests.reporting import brute
from tests.reporting.test_indicators import compare
from tests.reporting.test_selectors import check_dashboard
from tests.reporting.test_services import as_counted, by_brute_force

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_demo_city_equals_the_brute_force_count() -> None:
    at = clock.now()
    call_command("seed_demo", no_cases=True, verbosity=0)
    call_command("simulate", start=at - timedelta(hours=40), end=at, rate=60.0, verbosity=0)
    assert Incident.objects.count() > 40
    everything = brute.lives(at + timedelta(microseconds=1))
    for login in ("leader", "duty_chief", "grid_leader"):
        user = User.objects.get(username=login)
        shown = selectors.dashboard(actor_of(user), at=at)
        assert shown.area_id is not None
        secret = Incident.objects.filter(is_confidential=True).exclude(named__user=user)
        hidden = set(secret.values_list("number", flat=True))
        seen = [life for life in brute.in_area(everything, shown.area_id) if life.number not in hidden]
        check_dashboard(shown, seen)
    for hours in (3, 11, 20):
        end = at - timedelta(hours=hours)
        compare(facts.load(Period(end - timedelta(days=7), end)), brute.lives(end), end)
    first = clock.local_date(min(Incident.objects.values_list("received_at", flat=True)))
    root = Area.objects.get(parent=None)
    grids = [record.id for record in areas.index().all() if record.level == Level.GRID and record.active]
    # the month may not be over yet: it is counted up to now, which is all there is
    month = assessment_services.open_month(root=root, on=first.replace(day=1), grid_ids=grids, known_at=at)
    services.compute(month, at=at)
    counted = by_brute_force(first.year, first.month, month.scheme, grids)
    assert as_counted(first.year, first.month) == counted
    assert sum(score is not None for score, _cases in counted.values()) > 10
