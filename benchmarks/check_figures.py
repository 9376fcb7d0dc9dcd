"""Every figure of the configured database beside a second, independent count over its journal.

    GRIDGOV_DATA_DIR=… python -m benchmarks.check_figures [--people leader duty_chief …] [--hours 0 9 50]

For a few people of different rank (the demo's by default) and a few instants: the whole dashboard, and every indicator
there is over the cases that the person sees. Then the last month's assessment, and this month's as far as it has come:
rows that are stored are compared as they stand; what is not computed yet is computed in a transaction that is taken
back. The second count is ``tests/reporting/brute.py``, which walks the journals by rules of its own and uses nothing of
``reporting``. It only reads; let nothing else write meanwhile.

Prints one JSON line and exits 1 if anything differs or nothing was compared.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gridgov.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()

from django.db import connection, transaction

from dispatch.actors import actor_of
from gridgov.common import clock
from gridgov.common.models import User
from grids.models import Area, Level
from incidents.models import Incident, JournalEntry
from personnel import assessment_services
from personnel.assessment_models import AssessmentMonth
from reporting import facts, selectors, services
from reporting.history import Period
from tests.reporting import brute, comparing

PEOPLE = ("leader", "duty_chief", "grid_leader", "grid_worker", "department_handler", "department_head")
MOMENT = timedelta(microseconds=1)


def dashboards(tally: comparing.Tally, told: comparing.Told, people: list[User], at: datetime, turn: int) -> None:
    """What each of them sees at the instant, over the spans by turns."""
    end = at + MOMENT
    everything = brute.lives(end)
    for number, user in enumerate(people, start=turn):
        actor = actor_of(user)
        span = selectors.SPANS[number % len(selectors.SPANS)]
        who = f"{user.username}@{at:%m-%dT%H:%M}/{span}"
        shown = selectors.dashboard(actor, at=at, span=span)
        tally.same(f"scope {who}", shown.area_id, comparing.top_area(actor))
        numbers = comparing.seen_by(actor, shown.area_id)
        seen = [life for life in everything if life.number in numbers]
        comparing.dashboard(tally, shown, seen, told, who)
        cases = Incident.objects.filter(number__in=numbers)
        for days in (1, 30):
            period = Period(end - timedelta(days=days), end)
            comparing.all_indicators(tally, facts.load(period, cases=cases), seen, told, f"{who}/{days}d")


def months(tally: comparing.Tally, told: comparing.Told, at: datetime) -> dict[str, Any]:
    """The last month and this one, city by city; rows and rows with a score."""
    first = clock.local_date(at).replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    counted: Counter[str] = Counter()
    for root in Area.objects.filter(parent=None, valid_to=None):
        for on in (before, first):
            stored = AssessmentMonth.objects.filter(root=root, on=on).exclude(computed_at=None)
            for month in stored:
                counted["stored_rows"] += month.rows.count()
                counted["scored"] += comparing.assessment(tally, month, told)
            if not stored:
                with transaction.atomic():
                    month = _computed(root, on, at)
                    counted["computed_rows"] += month.rows.count()
                    counted["scored"] += comparing.assessment(tally, month, told)
                    transaction.set_rollback(True)
    return dict(counted)


def _computed(root: Area, on: date, at: datetime) -> AssessmentMonth:
    grids = Area.objects.filter(root=root, level=Level.GRID, valid_to=None).values_list("pk", flat=True)
    month = assessment_services.open_month(root=root, on=on, grid_ids=list(grids), known_at=at)
    return services.compute(month, at=at)


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", nargs="+", default=PEOPLE, help="logins; those that there are not are left out")
    parser.add_argument("--hours", nargs="+", type=float, default=[0, 7.3, 31, 170], help="instants, back from now")
    options = parser.parse_args()
    start, cpu = time.monotonic(), time.process_time()
    now = clock.now()
    people = list(User.objects.filter(username__in=options.people).order_by("username"))
    tally, told = comparing.Tally(), comparing.Told()
    instants = [now - timedelta(hours=hours) for hours in options.hours]
    # one at which something happened, to the microsecond
    last = JournalEntry.objects.filter(at__lte=now, action="file").order_by("at").values_list("at", flat=True).last()
    for turn, at in enumerate([*instants, *([last] if last else [])]):
        dashboards(tally, told, people, at, turn)
    assessed = months(tally, told, now)
    for difference in tally.differences[:20]:
        print(difference, file=sys.stderr)
    print(json.dumps({
        "database": connection.vendor, "cases": Incident.objects.count(), "entries": JournalEntry.objects.count(),
        "people": [user.username for user in people], "instants": len(instants) + bool(last),
        "compared": tally.compared, "with_something_to_count": tally.busy, "parts": dict(tally.by_part),
        "assessment": assessed, "differences": len(tally.differences),
        "seconds": round(time.monotonic() - start, 1), "cpu_s": round(time.process_time() - cpu, 1),
    }, ensure_ascii=False))  # fmt: skip
    return 1 if tally.differences or not tally.busy else 0


if __name__ == "__main__":
    sys.exit(main())
