"""What comes in: when, what, where and from whom. Pure: the same seed and hour give the same reports."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

from gridgov.simulation.duty import Town
from gridgov.simulation.words import ECHOES, NAMES, PLACES, Topic

#: Of a day's reports the share of each hour, by local hour: few at night, most in mid-morning and afternoon.
HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 11, 7, 7, 10, 12, 12, 10, 8, 6, 5, 4, 3, 2)
#: Somebody who watches sees a report at least this often.
SHOW_EVERY_SECONDS = 20
ECHO_SHARE = 0.11
#: Of all reports those from the district that is at home in the demo, and how much more comes from a led community.
HOME_SHARE = 0.6
LED_WEIGHT = 9.0
SOURCES: Mapping[str, float] = {
    "worker": 44, "hotline": 24, "web": 12, "qr": 9, "upper": 4, "sensor": 4, "leader": 2, "other": 1,
}  # fmt: skip
OF_RESIDENTS = frozenset({"hotline", "web", "qr"})
#: Residents who do it themselves, without the desk.
BY_THEMSELVES = frozenset({"web", "qr"})
BY_PHONE = frozenset({"worker", "qr"})
WITH_PHOTO = frozenset({"worker", "qr", "web"})
ECHO = "|echo"


@dataclass(frozen=True, slots=True)
class Draft:
    """A report before it has a place: ``grid`` is a number into the city's places.

    ``echo_minutes``: so much later somebody else reports the same; None: nobody does.
    """

    at: datetime
    source: str
    category: str
    description: str
    place: str
    grid: int
    key: str
    reporter_name: str = ""
    reporter_phone: str = ""
    echo_minutes: int | None = None


def instants(seed: int, start: datetime, end: datetime, per_day: float, town: Town) -> Iterator[datetime]:
    """When reports come in, ``start`` ≤ instant < ``end``, in order."""
    step = timedelta(minutes=1) if town.is_show else timedelta(hours=1)
    seconds = int(step.total_seconds())
    slot = int(start.timestamp()) // seconds
    begin = start - timedelta(seconds=start.timestamp() - slot * seconds)
    while begin < end:
        rng = Random(f"{seed}|slot{seconds}|{slot}")
        if town.is_show:
            offsets = [base + rng.uniform(0, 8) for base in range(0, seconds, SHOW_EVERY_SECONDS)]
        else:
            wanted = per_day * HOURS[town.local(begin).hour] / sum(HOURS)
            count = int(wanted) + (rng.random() < wanted % 1)
            offsets = sorted(rng.uniform(0, seconds) for _each in range(count))
        for offset in offsets:
            instant = (begin + timedelta(seconds=offset)).replace(microsecond=0)
            if start <= instant < end:
                yield instant
        begin, slot = begin + step, slot + 1


def shares(districts: Sequence[Hashable], is_led: Sequence[bool], home: Hashable) -> list[float]:
    """What each place has of the reports, added up from the first: the district of each, and whether a leader is there.

    Home has most of it where there are others, and who leads a few grids is to find something in them.
    """
    weights = [LED_WEIGHT if led else 1.0 for led in is_led]
    of_home = sum(weight for weight, found in zip(weights, districts, strict=True) if found == home)
    elsewhere = sum(weights) - of_home
    if of_home and elsewhere:
        parts = {True: HOME_SHARE / of_home, False: (1 - HOME_SHARE) / elsewhere}
        weights = [weight * parts[found == home] for weight, found in zip(weights, districts, strict=True)]
    return list(accumulate(weights))


def draft(seed: int, at: datetime, *, topics: Mapping[str, Topic], places: Sequence[float], order: int) -> Draft:
    """The report that comes in at that instant, the ``order``-th of its second. ``places``: as of :func:`shares`."""
    key = f"{seed}|report|{at.timestamp():.0f}|{order}"
    rng = Random(key)
    category = rng.choices(tuple(topics), [topic.weight for topic in topics.values()])[0]
    source = rng.choices(tuple(SOURCES), tuple(SOURCES.values()))[0]
    if category.startswith("S"):
        source = rng.choice(("hotline", "hotline", "web"))
    place = rng.choice(PLACES)
    named = source in OF_RESIDENTS and rng.random() < 0.8
    return Draft(
        at=at,
        source=source,
        category=category,
        description=f"{place}{rng.choice(topics[category].found)}",
        place=place,
        grid=rng.choices(range(len(places)), cum_weights=places)[0],
        key=key,
        reporter_name=rng.choice(NAMES) if named else "",
        # no number in the country begins like this
        reporter_phone=f"000-{rng.randint(1000000, 9999999)}" if named else "",
        echo_minutes=rng.randint(2, 40) if rng.random() < ECHO_SHARE and category[0] != "S" else None,
    )


def echo(first: Draft) -> Draft:
    """Somebody else's report of the same thing, some time later."""
    rng = Random(f"{first.key}{ECHO}")
    return replace(
        first,
        at=first.at + timedelta(minutes=first.echo_minutes or 1),
        source=rng.choice(("hotline", "web", "qr", "worker")),
        description=f"{rng.choice(ECHOES)}{first.description}",
        key=f"{first.key}{ECHO}",
        reporter_name=rng.choice(NAMES),
        reporter_phone="",
        echo_minutes=None,
    )
