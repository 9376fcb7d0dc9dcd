"""Real reports through the whole loop, by the API alone.

    python -m benchmarks.replay setup --areas DIR --root nyc --out accounts.json
    python -m benchmarks.replay run FILE.csv.gz --base-url http://127.0.0.1:8000 --accounts accounts.json --areas DIR

``setup`` (once, beside a demo or in an empty database): loads the four levels ``nyc_areas_level1..4.geojson.gz`` of
DIR as root ``nyc`` with a desk, two departments, one account a role with a token, and a filing standard whose handling
limit is one minute, so that a breach can happen while one waits.

``run``: reports the first N rows that have a position and lie in a grid, in a few threads, and carries each to
``closed``: accept, file, dispatch, sign, feed back, request verification, pass, close, each by its own account. Every
20th is returned once and dispatched again, every 17th is reworked, every 25th waits past its handling limit. Then each
case is read again: its chain of areas against a brute-force search in the polygons (points over 5 m from an edge), its
journal's sequence and its clocks. Prints one JSON line and exits 1 if anything does not agree; the seals of the
journal are ``manage.py verify_journal``'s.
"""

import argparse
import csv
import gzip
import http.client
import io
import json
import math
import os
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LEVELS = ("district", "street", "community", "grid")
ROLES = {
    "acceptor": "acceptor",
    "chief": "duty_chief",
    "closer": "duty_chief",
    "dispatcher": "dispatcher",
    "verifier": "verifier",
    "handler": "department_handler",
    "other_handler": "department_handler",
}
CATEGORY, STANDARD, BREACH_STANDARD = "NYC01", "NYC01-1", "NYC01-2"
METRES_A_DEGREE = 111_320.0


# --- setup --------------------------------------------------------------------------------------------------------


def setup(areas_dir: Path, root_code: str, out: Path) -> None:
    """The city stands with its accounts; their tokens are written to ``out``."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gridgov.settings")
    import django  # noqa: PLC0415 - the settings must be named first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - needs the apps

    for number, level in enumerate(LEVELS, start=1):
        parents = ["--parent-field", "parent_code"] if number > 1 else []
        path = areas_dir / f"nyc_areas_level{number}.geojson.gz"
        call_command(
            "load_areas", str(path), "--root", root_code, "--root-name", "New York", "--level", level, *parents
        )
    out.write_text(json.dumps(_people(root_code), indent=1), encoding="utf-8")
    print(f"accounts in {out}")


def _people(root_code: str) -> dict[str, Any]:
    from django.db import transaction  # noqa: PLC0415 - needs the apps
    from rest_framework.authtoken.models import Token  # noqa: PLC0415

    from gridgov.common import clock  # noqa: PLC0415
    from gridgov.common.business_time import Allowance, Unit  # noqa: PLC0415
    from grids import services as grids  # noqa: PLC0415
    from grids.models import Area, Level  # noqa: PLC0415
    from incidents.catalogue_services import LimitInput, save_category, save_standard  # noqa: PLC0415
    from personnel.services import hire, post, save_department  # noqa: PLC0415

    root = Area.objects.get(code=root_code, level=Level.CITY)
    grids.set_desks(root=root, levels=[Level.CITY])
    with transaction.atomic():
        save_category(code="NYC", name="街面设施", kind="component")
        save_category(code=CATEGORY, name="路面破损", kind="component", parent="NYC", holder_level=Level.CITY)
        for code, minutes in ((STANDARD, 480), (BREACH_STANDARD, 1)):
            save_standard(
                code=code, category=CATEGORY, condition="路面坑洞", closing_condition="修补平整", after_photo_count=1,
                limits=[LimitInput(clock="handle", allowance=Allowance(Unit.URGENT, minutes=minutes))],
            )  # fmt: skip
        departments = [
            save_department(root=root, code=code, name=name, kind="bureau")
            for code, name in (("DOT", "Department of Transportation"), ("DPR", "Department of Parks"))
        ]
        tokens = {}
        for number, (name, role) in enumerate(ROLES.items()):
            worker = hire(login=f"nyc-{name}", name=f"NYC {name}", number=f"NYC{number}", phone="")
            place: dict[str, Any] = {"area": root}
            if role == "department_handler":
                place = {"department": departments[name == "other_handler"]}
            post(worker=worker, role=role, starts_on=clock.local_date(clock.now()), **place)
            tokens[name] = Token.objects.get_or_create(user=worker.user)[0].key
    return {"tokens": tokens, "departments": [department.pk for department in departments]}


# --- the API ------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """The API said no."""


class Api:
    """One connection a thread, kept alive."""

    def __init__(self, base_url: str, tokens: dict[str, str]) -> None:
        self._host, self._port = urlsplit(base_url).hostname, urlsplit(base_url).port
        if self._host not in ("127.0.0.1", "localhost", "::1"):
            raise SystemExit("a load runs against this machine only")
        self._tokens = tokens
        self._own = threading.local()

    def call(
        self, who: str, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> Any:
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        sent = {"Authorization": f"Token {self._tokens[who]}", "Content-Type": "application/json"} | headers
        for attempt in (1, 2):
            connection = getattr(self._own, "connection", None)
            if connection is None:
                connection = self._own.connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
            try:
                connection.request(method, path, data, sent)
                answer = connection.getresponse()
                text = answer.read()
                break
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                self._own.connection = None
                if attempt == 2 or method != "GET":
                    raise
        if answer.status >= 300:
            raise Refused(f"{method} {path} {answer.status} {text[:400].decode(errors='replace')}")
        return json.loads(text) if text else None

    def photo(self, who: str, image: bytes) -> str:
        """The id of an uploaded photo."""
        edge = "gridgov-replay"
        lines = (
            f"--{edge}",
            'Content-Disposition: form-data; name="file"; filename="p.jpg"',
            "Content-Type: image/jpeg",
        )
        head = "\r\n".join((*lines, "", ""))
        raw = head.encode() + image + f"\r\n--{edge}--\r\n".encode()
        sent = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        return self.call(who, "POST", "/api/v1/attachments/", raw=raw, **sent)["id"]


class Replay:
    """Carries rows through the loop and remembers what became of each."""

    def __init__(self, api: Api, departments: list[int], image: bytes, wait_s: float) -> None:
        self.api, self.departments, self.image, self.wait_s = api, departments, image, wait_s
        self.counts: Counter[str] = Counter()
        self._guard = threading.Lock()

    def _count(self, what: str) -> None:
        with self._guard:
            self.counts[what] += 1

    def _act(self, number: str, who: str, action: str, **payload: Any) -> Any:
        self._count("calls")
        return self.api.call(who, "POST", f"/api/v1/incidents/{number}/transitions/", {"action": action, **payload})

    def report(self, row: dict[str, str]) -> str:
        body = {
            "category": CATEGORY, "description": f"{row['subcategory']} {row['address']}", "lon": float(row["lon"]),
            "lat": float(row["lat"]), "crs": "wgs84", "source": "hotline", "address": row["address"],
        }  # fmt: skip
        key = {"Idempotency-Key": f"nyc-{row['id']}"}
        return self.api.call("acceptor", "POST", "/api/v1/incidents/", body, **key)["number"]

    def to_handling(self, position: int, number: str) -> None:
        """Accepted, filed, dispatched and signed; every 20th after a return."""
        breaches = position % 25 == 7
        self._act(number, "acceptor", "accept")
        self._act(number, "chief", "file", standard=BREACH_STANDARD if breaches else STANDARD)
        lead, other = self.departments
        if position % 20 == 3:
            self._act(number, "dispatcher", "dispatch", lead={"department": other})
            request = self.api.call(
                "other_handler",
                "POST",
                f"/api/v1/incidents/{number}/requests/",
                {"kind": "return", "reason": "非本部门职责"},
            )
            decision = f"/api/v1/incidents/{number}/requests/{request['id']}/decision/"
            self.api.call("dispatcher", "POST", decision, {"grant": True, "reason": "改派"})
            self._count("returned")
        self._act(number, "dispatcher", "dispatch", lead={"department": lead})
        self._act(number, "handler", "sign")

    def to_closed(self, position: int, number: str) -> None:
        """Fed back, verified and closed; every 17th after a rework."""
        for last in (False, True) if position % 17 == 5 else (True,):
            self._act(
                number, "handler", "feed_back", note="已修补", attachments=[self.api.photo("handler", self.image)]
            )
            try:
                self._act(number, "acceptor", "request_verification")
            except Refused as refusal:
                # the system asks for it by itself, and may have been faster
                if " 409 " not in str(refusal):
                    raise
            photo = [self.api.photo("verifier", self.image)]
            if not last:
                self._act(number, "verifier", "fail", note="仍有坑洞", attachments=photo)
                self._count("reworked")
        self._act(number, "verifier", "pass", note="已平整", attachments=photo)
        self._act(number, "closer", "close")
        self._count("closed")


# --- checking -----------------------------------------------------------------------------------------------------


class BruteForce:
    """Every polygon of every level asked about every point; no index."""

    def __init__(self, areas_dir: Path) -> None:
        import shapely  # noqa: PLC0415 - only the check needs it

        self._shapely = shapely
        self.levels = []
        for number in range(1, 5):
            data = json.loads(gzip.decompress((areas_dir / f"nyc_areas_level{number}.geojson.gz").read_bytes()))
            shapes = shapely.from_geojson([json.dumps(f["geometry"]) for f in data["features"]])
            codes = [f["properties"]["code"] for f in data["features"]]
            parents = {f["properties"]["code"]: f["properties"]["parent_code"] for f in data["features"]}
            self.levels.append((shapes, codes, parents))

    def chain(self, lon: float, lat: float) -> list[str] | None:
        """Codes of the four levels, the grid's found by geometry and its parents by their field; None near an edge."""
        shapes, codes, _parents = self.levels[3]
        point = self._shapely.Point(lon, lat)
        inside = [codes[i] for i in self._shapely.intersects(shapes, point).nonzero()[0]]
        squeeze = math.cos(math.radians(lat))
        near = self._shapely.distance(self._shapely.boundary(shapes), point).min() * METRES_A_DEGREE * squeeze
        if len(inside) != 1 or near <= 5:
            return None
        chain = [inside[0]]
        for level in (3, 2, 1):
            chain.insert(0, self.levels[level][2][chain[0]])
        return chain


def rows_of(path: Path, limit: int, levels: BruteForce) -> list[dict[str, str]]:
    """The first ``limit`` rows that have a position inside a grid."""
    found = []
    shapes = levels.levels[3][0]
    tree = levels._shapely.STRtree(shapes)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["lon"] and row["lat"]:
                at = levels._shapely.Point(float(row["lon"]), float(row["lat"]))
                if len(tree.query(at, predicate="intersects")):
                    found.append(row)
                    if len(found) == limit:
                        break
    return found


def check(api: Api, cases: dict[str, dict[str, str]], levels: BruteForce, threads: int) -> dict[str, Any]:
    """What does not agree, by kind."""
    wrong: Counter[str] = Counter()
    compared = 0

    def read(number: str) -> tuple[str, Any]:
        return number, api.call("acceptor", "GET", f"/api/v1/incidents/{number}/")

    with ThreadPoolExecutor(threads) as pool:
        for number, case in pool.map(read, cases):
            row = cases[number]
            if case["status"] != "closed":
                wrong["not_closed"] += 1
            if any(clock["state"] in ("running", "paused") for clock in case["clocks"]):
                wrong["live_clock"] += 1
            if [entry["seq"] for entry in case["journal"]] != list(range(1, len(case["journal"]) + 1)):
                wrong["journal_gap"] += 1
            expected = levels.chain(float(row["lon"]), float(row["lat"]))
            if expected is not None:
                compared += 1
                if [area["code"] for area in case["areas"] if area["level"] > 1] != expected:
                    wrong["chain"] += 1
    return {"wrong": dict(wrong), "chains_compared": compared}


def run(options: argparse.Namespace) -> int:
    """Replays and checks; the exit code."""
    from PIL import Image  # noqa: PLC0415 - only the run needs it

    accounts = json.loads(Path(options.accounts).read_text(encoding="utf-8"))
    levels = BruteForce(options.areas)
    rows = rows_of(options.file, options.rows, levels)
    file = io.BytesIO()
    Image.new("RGB", (160, 120), (110, 110, 105)).save(file, "JPEG")
    api = Api(options.base_url, accounts["tokens"])
    replay = Replay(api, accounts["departments"], file.getvalue(), options.wait)
    start = time.monotonic()
    with ThreadPoolExecutor(options.threads) as pool:
        numbers = list(pool.map(replay.report, rows))
    reported_s = time.monotonic() - start
    with ThreadPoolExecutor(options.threads) as pool:
        list(pool.map(lambda pair: replay.to_handling(*pair), enumerate(numbers)))
    late = [position for position in range(len(numbers)) if position % 25 == 7]
    waited = 0.0
    if late:
        # the limit of the breaching ones is one minute from dispatch; the others are closed meanwhile
        before = time.monotonic()
        on_time = [pair for pair in enumerate(numbers) if pair[0] % 25 != 7]
        with ThreadPoolExecutor(options.threads) as pool:
            list(pool.map(lambda pair: replay.to_closed(*pair), on_time))
        rest = options.wait - (time.monotonic() - before)
        if rest > 0:
            time.sleep(rest)
            waited = rest
        with ThreadPoolExecutor(options.threads) as pool:
            list(pool.map(lambda position: replay.to_closed(position, numbers[position]), late))
    else:
        with ThreadPoolExecutor(options.threads) as pool:
            list(pool.map(lambda pair: replay.to_closed(*pair), enumerate(numbers)))
    total_s = time.monotonic() - start - waited
    result = check(api, dict(zip(numbers, rows, strict=True)), levels, options.threads)
    report = {
        "rows": len(rows), "threads": options.threads, "report_rows_per_s": round(len(rows) / reported_s, 1),
        "loop_rows_per_s": round(len(rows) / total_s, 2), "seconds": round(total_s, 1), "waited_s": round(waited, 1),
        "past_limit": len(late), **replay.counts, **result,
    }  # fmt: skip
    print(json.dumps(report, ensure_ascii=False))
    return 1 if result["wrong"] or replay.counts["closed"] != len(rows) else 0


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("setup")
    first.add_argument("--areas", type=Path, required=True)
    first.add_argument("--root", default="nyc")
    first.add_argument("--out", type=Path, default=Path("var/replay-accounts.json"))
    second = commands.add_parser("run")
    second.add_argument("file", type=Path)
    second.add_argument("--areas", type=Path, required=True)
    second.add_argument("--accounts", default="var/replay-accounts.json")
    second.add_argument("--base-url", default="http://127.0.0.1:8000")
    second.add_argument("--rows", type=int, default=2000)
    second.add_argument("--threads", type=int, default=3)
    second.add_argument("--wait", type=float, default=65.0, help="seconds past which the late ones are fed back")
    options = parser.parse_args()
    if options.command == "setup":
        setup(options.areas, options.root, options.out)
        return 0
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
