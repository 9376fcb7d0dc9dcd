"""The city at real speed beside a running server: a part of ``manage.py serve --simulate``.

It acts as people do, now and through the loop; steps, delivery and the system's own steps are the server's. What was
reported just now goes quickly, so that a visitor sees a case through its stages in a quarter of an hour; half of the
older cases take their usual time. A visitor's own case is taken up like any other.
"""

import logging
from datetime import datetime, timedelta
from random import Random

from django.db import connections

from gridgov.common import clock
from gridgov.common.background import Background
from gridgov.simulation import demo, runs
from gridgov.simulation.city import City
from gridgov.simulation.duty import Town
from gridgov.simulation.plan import View

logger = logging.getLogger(__name__)

#: What a case that was just reported takes of the usual time, and for how long it counts as such.
QUICK = 0.05
FRESH = timedelta(hours=2)
#: The share of older cases that go as quickly, so that there is something to see from the beginning.
HURRIED = 0.5
_TICK_SECONDS = 0.5
#: Things done at most in a tick, so that a backlog is worked off before everybody's eyes and not at a stroke.
_AT_ONCE = 2
_AHEAD = timedelta(minutes=1)
_AFTER_A_FAULT_SECONDS = 10


class LiveCity(City):
    """The city as of now, with nobody but people in it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed, town=runs.town(pace=QUICK, is_show=True), per_day=0.0)
        self._usual = runs.town()
        self._since = clock.now()

    def town_of(self, view: View, now: datetime) -> Town:
        """Everybody is on duty for what was just reported, and for some of the rest; the others take their time."""
        received_at = view.received_at
        fresh = received_at is not None and received_at >= self._since and now - received_at < FRESH
        hurried = Random(f"{self.seed}|hurried|{view.number}").random() < HURRIED
        return self.town if fresh or hurried else self._usual


class Residents(Background):
    """A thread in which people report and act. ``start`` returns at once, ``stop`` when nobody acts any more."""

    def __init__(self) -> None:
        super().__init__("simulation")

    def _run(self) -> None:
        city, expected = None, clock.now()
        while not self._stop.is_set():
            try:
                if city is None:
                    city = LiveCity(demo.needed().seed)
                now = clock.now()
                if now >= expected:
                    expected = max(expected, now - _AHEAD)
                    city.expect_reports(expected, expected + _AHEAD)
                    expected += _AHEAD
                    city.adopt(now)
                city.take_due(_AT_ONCE)
                self._stop.wait(_TICK_SECONDS)
            except Exception:
                # the show is not worth the server: begin anew a little later
                logger.exception("the simulation failed and begins anew")
                city = None
                self._stop.wait(_AFTER_A_FAULT_SECONDS)
        connections.close_all()
