"""Lists, filters, pages at the far end and counts over a million cases, as the server answers them.

    python -m benchmarks.million                                    # fills once, then some three minutes
    python -m benchmarks.million --cases 3000 --areas 60 --times 5  # does it work
    python -m benchmarks.million --explain list_text                # the plans of one of them

Each question is asked ``--times`` times by one client, each time about something else (another area, day, category,
page), from the first to the far end. ``p95_ms`` is to stay under 50 ms for lists and under 200 ms for what counts. One
JSON line each; exits 1 where a question fails or misses.
"""

import argparse
import base64
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks import load, stack

LIST_MS, COUNT_MS = 50.0, 200.0
#: Whose tokens and sessions are used; a district's people beside the city's.
PEOPLE = ("acceptor", "duty_chief", "dispatcher", "supervisor", "verifier")
_STATUSES = ("reported", "handling", "closed", "rejected", "suspended")
_STAGES = ("accept", "file", "dispatch", "handle", "verify", "evaluate")


class Questions:
    """What is asked, by name. Needs Django set up on the stack's database."""

    def __init__(self, seed: int = 1) -> None:
        from django.contrib.auth import get_user_model  # noqa: PLC0415 - Django is set up by then
        from django.db.models import Max, Min  # noqa: PLC0415
        from django.test import Client  # noqa: PLC0415
        from rest_framework.authtoken.models import Token  # noqa: PLC0415

        from grids.models import Area, Level  # noqa: PLC0415
        from incidents.catalogue import catalogue  # noqa: PLC0415
        from incidents.models import Incident  # noqa: PLC0415
        from personnel.models import Department  # noqa: PLC0415

        self.dice = random.Random(seed)
        districts = list(Area.objects.filter(level=Level.DISTRICT).order_by("code").values_list("code", flat=True))
        logins = [f"{role}-{place}" for role in PEOPLE for place in ("city", districts[0])]
        self.tokens, self.cookies = {}, {}
        for user in get_user_model().objects.filter(username__in=[*logins, "leader-city", "handler-CG"]):
            name = user.username.replace(districts[0], "district")
            self.tokens[name] = Token.objects.get_or_create(user=user)[0].key
            client = Client()
            client.force_login(user)
            self.cookies[name] = f"sessionid={client.cookies['sessionid'].value}"
        self.areas = {
            level: list(Area.objects.filter(level=level).values_list("pk", flat=True)) for level in Level.values
        }
        self.inner = list(
            Area.objects.filter(level=Level.STREET, parent__code=districts[0]).values_list("pk", flat=True)
        )
        self.departments = list(Department.objects.values_list("pk", flat=True))
        book = catalogue()
        self.groups = [c.code for c in book.categories()]
        self.categories = [c.code for group in book.categories() for c in book.categories(group.id)]
        self.first, self.last = Incident.objects.aggregate(a=Min("id"), b=Max("id")).values()
        span = Incident.objects.aggregate(a=Min("received_at"), b=Max("received_at"))
        self.begun, self.ended = span["a"], span["b"]
        due = Incident.objects.filter(ended_at__isnull=True, due_at__isnull=False).order_by("due_at")
        dues = list(due.values_list("due_at", "id")[::1_000]) or [(self.ended, self.last)]
        self.dues = [dues[len(dues) * tenth // 10] for tenth in range(1, 10)]
        self.numbers = list(Incident.objects.order_by("id").values_list("number", flat=True)[:1_000])
        self.closed = list(Incident.objects.filter(status="closed").values_list("number", flat=True)[:500])
        self.box = Area.objects.values_list("min_lon", "min_lat", "max_lon", "max_lat").get(level=Level.CITY)

    def all(self) -> dict[str, tuple[float, Callable[[], bytes]]]:
        """Name → (milliseconds allowed, what makes the next request)."""
        lists: dict[str, Callable[[], dict[str, Any]]] = {
            "list_first": dict,
            "list_far": lambda: {"cursor": self._cursor("-id", None, self._pk())},
            "list_end": lambda: {"cursor": self._cursor("-id", None, self.first + self.dice.randint(60, 5_000))},
            "list_due_first": lambda: {"order": "due"},
            "list_due_far": lambda: {"order": "due", "cursor": self._cursor("due_at", *self.dice.choice(self.dues))},
            "list_due_without": lambda: {"order": "due", "cursor": self._cursor("due_at", None, self._pk())},
            "list_status": lambda: {"status": self.dice.choice(_STATUSES)},
            "list_status_far": lambda: self._far({"status": self.dice.choice(_STATUSES)}),
            "list_statuses": lambda: {"status": ",".join(self.dice.sample(_STATUSES, 3))},
            "list_stage": lambda: {"stage": self.dice.choice(_STAGES)},
            "list_district": lambda: self._area(2),
            "list_street": lambda: self._area(3),
            "list_community": lambda: self._area(4),
            "list_grid": lambda: self._area(5),
            "list_district_status": lambda: self._area(2) | {"status": self.dice.choice(_STATUSES)},
            "list_street_due": lambda: self._area(3) | {"stage": "handle", "order": "due"},
            "list_street_far": lambda: self._far(self._area(3)),
            "list_category": lambda: {"category": self.dice.choice(self.categories)},
            "list_group": lambda: {"category": self.dice.choice(self.groups)},
            "list_category_street": lambda: self._area(3) | {"category": self.dice.choice(self.categories)},
            "list_department": lambda: {"department": self.dice.choice(self.departments)},
            "list_overdue": lambda: {"overdue": "true"},
            "list_not_overdue": lambda: {"overdue": "false"},
            "list_due_before": lambda: {"due_before": self._day()},
            "list_received_from": lambda: {"received_from": self._day()},
            "list_received_day": self._one_day,
            "list_number": lambda: {"text": self.dice.choice(self.numbers)[:-3]},
            "list_text": lambda: {"text": f"测试路{self.dice.randint(1, 999)}号"},
            "list_text_rare": lambda: {"text": f"没有这条路{self.dice.randint(1, 99)}"},
            "list_text_two": lambda: {"text": self.dice.choice(("积水", "护栏", "枯死", "窨井"))},
            "list_mine": lambda: {"mine": "true"},
        }  # fmt: skip
        found: dict[str, tuple[float, Callable[[], bytes]]] = {
            name: (LIST_MS, self._asking(query)) for name, query in lists.items()
        }
        found["list_mine_handler"] = (LIST_MS, self._asking(lambda: {"mine": "true"}, who="handler-CG"))
        found["list_district_person"] = (LIST_MS, self._asking(dict, who="acceptor-district"))
        found["case"] = (LIST_MS, lambda: self._api(f"/api/v1/incidents/{self.dice.choice(self.closed)}/"))
        found["find_tail"] = (
            LIST_MS,
            lambda: self._api(f"/api/v1/find/?{self._text(str(self.dice.randint(0, 9999)))}"),
        )
        for place in ("city", "district"):
            desks = (("acceptor", "accept"), ("duty_chief", "file"), ("dispatcher", "dispatch"),
                     ("verifier", "verify"), ("supervisor", "supervise"))  # fmt: skip
            for role, desk in desks:
                found[f"work_{desk}_{place}"] = (COUNT_MS, self._paging(f"/work/{desk}/", f"{role}-{place}"))
            found[f"queue_supervise_{place}"] = (COUNT_MS, self._paging("/queue/supervise/", f"supervisor-{place}"))
            found[f"queue_accept_below_{place}"] = (
                COUNT_MS, self._paging("/queue/accept/?scope=below", f"acceptor-{place}"),
            )  # fmt: skip
        found["map_city"] = (COUNT_MS, self._city)
        found["map_near"] = (LIST_MS, self._near)
        return found

    # --- the parts of a question ---

    def _pk(self) -> int:
        return self.dice.randint(self.first, self.last)

    def _area(self, level: int) -> dict[str, Any]:
        return {"area_id": self.dice.choice(self.areas[level])}

    def _day(self) -> str:
        return f"{self._instant():%Y-%m-%d}"

    def _instant(self) -> datetime:
        return self.begun + (self.ended - self.begun) * self.dice.random()

    def _one_day(self) -> dict[str, Any]:
        day = self._instant()
        return {"received_from": f"{day:%Y-%m-%d}", "received_to": f"{day + timedelta(days=1):%Y-%m-%d}"}

    def _far(self, query: dict[str, Any]) -> dict[str, Any]:
        return query | {"cursor": self._cursor("-id", None, self._pk())}

    @staticmethod
    def _cursor(name: str, value: datetime | None, pk: int) -> str:
        said = [name, value.isoformat() if value is not None else None, pk]
        return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")

    @staticmethod
    def _text(text: str) -> str:
        return urlencode({"text": text})

    def _asking(self, query: Callable[[], dict[str, Any]], who: str = "acceptor-city") -> Callable[[], bytes]:
        return lambda: self._api(f"/api/v1/incidents/?{urlencode(query())}", who)

    def _api(self, path: str, who: str = "acceptor-city") -> bytes:
        return load.request("GET", path, token=self.tokens[who])

    def _paging(self, path: str, who: str) -> Callable[[], bytes]:
        return lambda: load.request("GET", path, cookie=self.cookies[who], accept="text/html")

    def _city(self) -> bytes:
        # a bounding box that differs a little, each side by itself, so that nothing answers from memory
        west, south, east, north = self.box
        shift = [self.dice.uniform(0, 0.5) for _side in range(4)]
        box = (west - shift[0], south - shift[1], east + shift[2], north + shift[3])
        path = f"/map/cases/?bbox={','.join(f'{side:.5f}' for side in box)}&zoom=10"
        return load.request("GET", path, cookie=self.cookies["acceptor-city"])

    def _near(self) -> bytes:
        lon, lat = (self.dice.uniform(self.box[n], self.box[n + 2]) for n in (0, 1))
        path = f"/map/cases/?bbox={lon:.5f},{lat:.5f},{lon + 0.01:.5f},{lat + 0.01:.5f}&zoom=16"
        return load.request("GET", path, cookie=self.cookies["acceptor-city"])


def measured(made: stack.Stack, name: str, allowed: float, make: Callable[[], bytes], times: int) -> dict[str, Any]:
    """The line of one question."""
    found = load.run(made.web, lambda _client: (make(), None), clients=1, seconds=120, most=times)
    seconds = found.seconds[min(3, len(found.seconds) - 1) :]  # the first are the process's own
    p95 = 1e3 * stack.percentile(seconds, 0.95)
    return {
        "benchmark": "million", "question": name, "p50_ms": round(1e3 * statistics.median(seconds), 1),
        "p95_ms": round(p95, 1), "most_ms": round(1e3 * max(seconds), 1), "times": len(seconds),
        "statuses": dict(found.statuses), "bytes": found.size // max(1, sum(found.statuses.values())),
        "allowed_ms": allowed, "meets": p95 < allowed and set(found.statuses) == {200},
    }  # fmt: skip


def explain(make: Callable[[], bytes]) -> None:
    """The statements of a request in this process, the slow ones with their plans."""
    from django.db import connection  # noqa: PLC0415 - Django is set up by then
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from benchmarks.requests import Direct  # noqa: PLC0415

    direct = Direct()
    for _ in range(3):
        direct(make())
    with CaptureQueriesContext(connection) as captured:
        direct(make())
    for query in captured.captured_queries:
        print(f"-- {query['time']} s\n{query['sql'][:3000]}")
        if query["sql"].lstrip().upper().startswith(("SELECT", "(SELECT", "WITH")):
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + query["sql"].replace("%", "%%"), [])
                print("\n".join(f"   {line}" for (line,) in cursor.fetchall()))


def _said(found: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps(found, ensure_ascii=False), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--areas", type=int, default=20_000)
    parser.add_argument("--live-clocks", type=int, default=0, help="armed clocks, e.g. 1000000")
    parser.add_argument("--times", type=int, default=60)
    parser.add_argument("--only", nargs="+", help="names of questions, or their beginnings")
    parser.add_argument("--explain", help="the plans of one question")
    given = parser.parse_args()
    if not 4 < given.times <= 2_000:
        parser.error("--times from 5 to 2000")
    with (
        tempfile.TemporaryDirectory(prefix="gridgov-million-") as folder,
        stack.stack(
            cases=given.cases, grids=given.areas, folder=Path(folder), live_clocks=given.live_clocks,
            web=not given.explain, copy=False,
        ) as made,
    ):  # fmt: skip
        stack.use(made)
        questions = Questions().all()
        if given.explain:
            explain(questions[given.explain][1])
            return
        wanted = {n: q for n, q in questions.items() if not given.only or n.startswith(tuple(given.only))}
        same = stack.conditions() | {"postgres": stack.postgres_version(made.database), "filled": made.filled}
        _said({"benchmark": "million", "conditions": same})
        lines = [_said(measured(made, n, allowed, make, given.times)) for n, (allowed, make) in wanted.items()]
    missed = [line["question"] for line in lines if not line["meets"]]
    _said({"benchmark": "million", "questions": len(lines), "missed": missed})
    if missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
