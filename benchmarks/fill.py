"""Fills an empty PostgreSQL database with a city and its cases by COPY: chain, clocks, tickets, seals, triggers.

    python -m benchmarks.fill --database postgres://… --cases 100000 --areas 8500

Migrates, makes the city of ``benchmarks.city`` with so many unit grids of 33 points, plays some hundred cases through
the loop (``benchmarks.played``) and copies them (``benchmarks.copying``) until there are so many. ``--live-clocks``
says how many clocks are armed at the end (else about two for each of the 12 % that are open). The signing keys are
taken from the environment, else those of the benchmarks (``KEYS``). ``--verify`` proves the journal, the foreign keys
and the triggers afterwards. Prints one JSON line.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

KEYS = {
    "SECRET_KEY": "only-for-the-benchmarks-" + "s" * 40,
    "JOURNAL_KEY": "only-for-the-benchmarks-" + "j" * 40,
}


def _say(text: str, since: float) -> None:
    print(f"{time.monotonic() - since:7.1f} s ({time.process_time():.0f})  {text}", file=sys.stderr, flush=True)


def fill(*, cases: int, grids: int, live_clocks: int, templates: int, until: datetime, seed: int) -> dict[str, Any]:
    """The database has so many cases; what was written, by table."""
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up by main
    from django.db import connection  # noqa: PLC0415

    from benchmarks import city as cities  # noqa: PLC0415
    from benchmarks import copying, played  # noqa: PLC0415
    from incidents import journal  # noqa: PLC0415
    from incidents.models import Clock, Incident, JournalEntry  # noqa: PLC0415

    begun = time.monotonic()
    call_command("migrate", verbosity=0, interactive=False)
    if connection.vendor != "postgresql" or Incident.objects.exists():
        raise SystemExit("an empty PostgreSQL database is needed")
    city = cities.make_city(grids)
    _say(f"{len(city.districts)} districts, {grids} grids", begun)
    some = played.play(city, count=min(templates, cases), until=until, seed=seed)
    copying.delivered()
    while journal.make_checkpoint(at=until) is not None:
        pass
    _say(f"{len(some)} cases played", begun)
    copier = copying.Copier(city, at=until, seed=seed + 1)
    copier.write(apportion(copying.read(some), max(0, cases - len(some)), live_clocks))
    _say("copied", begun)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    _say("analysed", begun)
    return {
        "cases": Incident.objects.count(),
        "open": Incident.objects.filter(ended_at__isnull=True).count(),
        "journal": JournalEntry.objects.count(),
        "clocks": Clock.objects.count(),
        "armed": Clock.objects.filter(next_step_at__isnull=False).count(),
        "grids": grids,
        "played": len(some),
        "seconds": round(time.monotonic() - begun, 1),
    }


def apportion(cases: Sequence[Any], count: int, live_clocks: int) -> list[tuple[Any, int]]:
    """How many copies of each, ``count`` in all: as many as of any other, unless so many clocks are to be armed."""
    armed = sum(case.armed for case in cases)
    running = [case.armed > 0 for case in cases]
    share_live = share_ended = count / len(cases)
    if live_clocks:
        share_live = max(0, live_clocks - armed) / armed
        ended = len(cases) - sum(running)
        share_ended = (count - share_live * sum(running)) / ended
        if share_ended < 0:
            raise SystemExit(f"{count} cases cannot have {live_clocks} armed clocks")
    found, whole, given = [], 0.0, 0
    for case, is_live in zip(cases, running, strict=True):
        whole += share_live if is_live else share_ended
        found.append((case, round(whole) - given))
        given = round(whole)
    return found


def verify() -> dict[str, Any]:
    """What has to hold of the filled database; ``faults`` is empty if it does."""
    from django.db import connection  # noqa: PLC0415 - as above

    from benchmarks import copying  # noqa: PLC0415
    from incidents import journal, triggers  # noqa: PLC0415

    verdict = journal.verify()
    audited, wrong = _audited()
    faults = [f"{fault.number}#{fault.seq} {fault.what}" for fault in verdict.faults[:20]]
    return {
        "faults": [*faults, *wrong, *copying.orphans(), *triggers.missing(connection)],
        "audited": audited,
        "entries": verdict.entry_count,
        "checkpoints": verdict.checkpoint_count,
        "unsealed": verdict.unsealed_count,
        "fingerprint": copying.fingerprint(),
    }


def _audited() -> tuple[int, list[str]]:
    """How many of the last cases of each status were looked at whole (clocks, tickets, requests), and what is wrong."""
    from incidents.models import Incident  # noqa: PLC0415 - Django is set up by then
    from incidents.workflow import Status  # noqa: PLC0415
    from tests.dispatch.audit import audit  # noqa: PLC0415

    numbers = [
        number
        for status in Status
        for number in Incident.objects.filter(status=status).order_by("-id").values_list("number", flat=True)[:5]
    ]
    wrong = []
    for number in numbers:
        try:
            audit(number)
        except AssertionError as error:
            wrong.append(f"{number}: {error}"[:300])
    return len(numbers), wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", required=True, help="postgres://… of an empty database")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--areas", type=int, default=8_500, help="unit grids; the levels above come in addition")
    parser.add_argument("--live-clocks", type=int, default=0, help="armed clocks in all")
    parser.add_argument("--templates", type=int, default=400, help="cases played through the loop and then copied")
    parser.add_argument("--until", help="the fill's present, ISO 8601 (default: the hour that has begun)")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--verify", action="store_true")
    given = parser.parse_args()
    until = datetime.fromisoformat(given.until) if given.until else datetime.now(UTC)
    if given.cases > 2_000_000 or given.areas > 50_000 or until.tzinfo is None:
        parser.error("at most 2,000,000 cases and 50,000 areas; --until with its offset")
    os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = given.database, ""
    os.environ["DJANGO_SETTINGS_MODULE"] = "gridgov.settings"
    for name, value in KEYS.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("GRIDGOV_DATA_DIR", tempfile.mkdtemp(prefix="gridgov-fill-"))
    import django  # noqa: PLC0415 - the settings must be named first

    django.setup()
    from incidents.signals import incident_changed  # noqa: PLC0415 - as above

    # nobody is to be woken by what is played
    incident_changed.receivers.clear()
    said: dict[str, Any] = {"benchmark": "fill"} | fill(
        cases=given.cases, grids=given.areas, live_clocks=given.live_clocks, templates=given.templates,
        until=until.replace(minute=0, second=0, microsecond=0), seed=given.seed,
    )  # fmt: skip
    if given.verify:
        said |= verify()
    print(json.dumps(said, ensure_ascii=False))
    if said.get("faults"):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
