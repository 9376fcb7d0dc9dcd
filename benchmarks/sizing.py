"""Processor cores of a deployment, on paper: ``python -m benchmarks.sizing --cost create=9+3 --cost list=5+1``.

A load (requests a second in the busiest hour) times what each request costs the processor (milliseconds of the
application + of the database, as ``docs/benchmarks.md`` has them) over the share of a core that may be in use. Pure
arithmetic: what it is worth is what the costs are worth. Loads are assumptions, written out below so that they can be
argued with; ``--scenario`` chooses one. A request without a cost is named and counts as nothing.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass

#: Above this share queues grow: a request then waits longer than it works.
BUSY = 0.5
#: The busiest hour has so much of the day (a tenth would be a day of ten even hours).
PEAK_SHARE = 0.15
#: What one case makes: transitions and other entries of its journal, and looks at it.
TRANSITIONS, LOOKS = 9, 25
STREAMS_A_PROCESS = 10_000
#: Kilobytes in the database: a case with clocks, tickets and indexes; an entry of the journal with its indexes.
CASE_KB, ENTRY_KB = 6.0, 1.2


@dataclass(frozen=True, slots=True)
class Scenario:
    """Who uses it. ``cases``: a day; ``desks``: people with a queue open in the busiest hour; ``field``: phones."""

    name: str
    cases: int
    desks: int
    departments: int
    field: int
    walls: int

    def load(self) -> dict[str, float]:
        """Requests a second in the busiest hour."""
        peak = self.cases * PEAK_SHARE / 3600
        return {
            "create": peak,
            "transition": peak * TRANSITIONS,
            # an event brings one fragment of the list; without any the page asks each minute
            "list": self.desks / 15 + self.departments / 60 + self.field / 300,
            "detail": peak * LOOKS,
            "map": self.desks / 30,
            "dashboard": self.walls / 60,
        }


SCENARIOS = {
    # 3 cases a year and person is a good deal more than hotlines report; grids of some 500 households
    "city": Scenario("one city of 10 million people", 80_000, 1_500, 6_000, 12_000, 200),
    # 2 million grids of some 700 people: as many cases a person, spread over 340 cities of their own
    "country": Scenario("2 million grids", 11_000_000, 200_000, 800_000, 2_000_000, 10_000),
}


def sized(scenario: Scenario, costs: Mapping[str, tuple[float, float]], *, busy: float = BUSY) -> dict[str, object]:
    """Cores of the application and of the database, processes of streams, and what a year adds to the disk."""
    load = scenario.load()
    known = {name: costs[name] for name in load if name in costs}
    application, database = (
        sum(load[name] * cost[side] for name, cost in known.items()) / 1000 / busy for side in (0, 1)
    )
    streams = scenario.desks + scenario.departments
    return {
        "scenario": scenario.name,
        "requests_per_second": {name: round(rate, 1) for name, rate in load.items()},
        "application_cores": round(application, 1),
        "database_cores": round(database, 1),
        "streams": streams,
        "stream_processes": -(-streams // STREAMS_A_PROCESS) + 1,
        "disk_gb_a_year": round(scenario.cases * 365 * (CASE_KB + (TRANSITIONS + 3) * ENTRY_KB) / 1024 / 1024),
        "not_costed": sorted(load.keys() - known.keys()),
    }


def cost_of(text: str) -> tuple[str, tuple[float, float]]:
    """``create=9+3``: 9 ms of the application and 3 of the database."""
    name, _equals, figures = text.partition("=")
    application, _plus, database = figures.partition("+")
    return name, (float(application), float(database or 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=SCENARIOS, action="append")
    parser.add_argument("--cost", type=cost_of, action="append", default=[], metavar="NAME=APPLICATION+DATABASE")
    parser.add_argument("--busy", type=float, default=BUSY)
    given = parser.parse_args()
    for name in given.scenario or SCENARIOS:
        print(json.dumps(sized(SCENARIOS[name], dict(given.cost), busy=given.busy), ensure_ascii=False))


if __name__ == "__main__":
    main()
