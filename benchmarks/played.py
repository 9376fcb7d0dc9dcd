"""Some hundred cases played through the loop's services, to be copied by ``benchmarks.fill``: every lane, every stage.

Each district has its share. The cases go their ways at past times, in one order of time, and the sweeper runs between
the steps, so that clocks are late, ladders have fired and journals say so, as they would. Deterministic for a seed but
for what the services draw themselves (tokens, ids of photos).
"""

import heapq
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from PIL import Image

from benchmarks.city import BUREAUS, Cell, City
from dispatch import escalation, loop, requests
from dispatch.actors import Actor, actor_of
from gridgov.common.models import User
from incidents import attachments, sweep
from incidents.catalogue import catalogue
from incidents.models import Attachment, Incident
from incidents.services.report import Report

DAYS = 60
#: lane → share of all cases; a lane that ends in an open status is one of the desk's piles.
LANES: dict[str, float] = {
    "closed": 40, "evaluated": 12, "on_site": 18, "answered": 8, "rejected": 5, "declined": 2, "returned": 2,
    "reworked": 1,
    "reported": 2.0, "accepted": 1.5, "filed": 1.5, "dispatched": 2.0, "handling": 3.0, "suspended": 0.5,
    "handled": 0.5, "verifying": 0.5, "verified": 0.5,
}  # fmt: skip
OPEN_LANES = frozenset(
    {"reported", "accepted", "filed", "dispatched", "handling", "suspended", "handled", "verifying", "verified"}
)
#: Steps of the long way with the shortest and the longest minutes before each.
WAY = (
    ("accept", 2, 45), ("file", 3, 30), ("dispatch", 3, 30), ("sign", 5, 60), ("feed_back", 60, 2400),
    ("request_verification", 5, 60), ("pass", 20, 240), ("close", 5, 150), ("evaluate", 60, 4000),
)  # fmt: skip
UNTIL = {
    "reported": 0, "accepted": 1, "filed": 2, "dispatched": 3, "handling": 4, "handled": 5, "verifying": 6,
    "verified": 7, "closed": 8, "evaluated": 9,
}  # fmt: skip
SHORT = {
    "on_site": (("resolve_on_site", 1, 10), ("approve_on_site", 10, 300)),
    "answered": (("answer", 2, 60),),
    "rejected": (("reject", 2, 60),),
    "declined": (("accept", 2, 45), ("decline", 3, 60)),
    "suspended": (*WAY[:4], ("suspend", 30, 300)),
    "returned": (*WAY[:3], ("return", 10, 100), *WAY[2:8]),
    "reworked": (*WAY[:6], ("fail", 20, 240), ("feed_back", 30, 300), *WAY[5:8]),
}
ROLES = {
    "accept": "acceptor", "answer": "acceptor", "reject": "acceptor", "approve_on_site": "acceptor",
    "request_verification": "acceptor", "evaluate": "acceptor", "file": "duty_chief", "decline": "duty_chief",
    "close": "duty_chief", "dispatch": "dispatcher", "pass": "verifier", "fail": "verifier",
    "resolve_on_site": "worker",
}  # fmt: skip
TEXTS = (
    "路边堆放生活垃圾",
    "井盖破损，存在安全隐患",
    "占道经营影响通行",
    "路面积水",
    "小广告较多",
    "护栏损坏",
    "绿化带枯死",
)


@dataclass(slots=True)
class Played:
    """A case to be copied: its number, lane and district, and which street it may not leave (None: any)."""

    number: str
    lane: str
    district_id: int
    street_id: int | None


@dataclass(slots=True)
class _Part:
    lane: str
    district_id: int
    start: datetime
    steps: list[tuple[datetime, str]]
    cell: Cell
    category: str
    standard: str
    bureau: str
    number: str = ""


def play(city: City, *, count: int, until: datetime, seed: int) -> list[Played]:
    """About ``count`` cases stand in the database as they went up to ``until``; in the order of their reports."""
    return _Player(city, until, random.Random(seed)).play(count)


class _Player:
    def __init__(self, city: City, until: datetime, dice: random.Random) -> None:
        self.city, self.until, self.dice = city, until, dice
        self._actors: dict[str, Actor] = {}
        self._photo_row: dict[str, Any] | None = None
        self._cells: dict[int, list[Cell]] = {}
        for cell in city.cells:
            self._cells.setdefault(cell.district_id, []).append(cell)
        self._categories = _categories()

    def play(self, count: int) -> list[Played]:
        parts = list(self._parts(count))
        events: list[tuple[datetime, int, str, _Part]] = []
        for number, part in enumerate(parts):
            heapq.heappush(events, (part.start, number * 100, "report", part))
            for place, (at, step) in enumerate(part.steps, start=1):
                heapq.heappush(events, (at, number * 100 + place, step, part))
        while events:
            at, _order, step, part = heapq.heappop(events)
            self._sweep(at)
            self._take(part, step, at)
        self._sweep(self.until)
        parts.sort(key=lambda part: part.start)
        holders = dict(Incident.objects.values_list("number", "holder_id"))
        return [
            Played(p.number, p.lane, p.district_id, p.cell.street_id if holders[p.number] == p.cell.street_id else None)
            for p in parts
        ]

    def _sweep(self, now: datetime) -> None:
        while sweep.oldest_due(now) is not None and escalation.sweep(now=now):
            pass

    # --- what is to happen ----------------------------------------------------------------------------------------

    def _parts(self, count: int) -> Iterator[_Part]:
        districts = sorted(self._cells)
        whole = sum(LANES.values())
        number = 0
        for lane, share in LANES.items():
            for _ in range(max(1, round(count * share / whole))):
                yield self._part(lane, districts[number % len(districts)])
                number += 1

    def _part(self, lane: str, district_id: int) -> _Part:
        dice = self.dice
        way = SHORT.get(lane) or WAY[: UNTIL[lane]]
        gaps = [
            # one in eight is slow, and late with it
            dice.randint(least, most) * (6 if dice.random() < 0.125 else 1)
            for _step, least, most in way
        ]
        length = timedelta(minutes=sum(gaps))
        if lane in OPEN_LANES:
            start = self.until - length - timedelta(minutes=dice.randint(1, 60 * dice.choice((1, 4, 24, 72))))
        else:
            room = max(timedelta(days=DAYS) - length, timedelta(hours=1))
            start = self.until - length - timedelta(minutes=1) - room * dice.random()
        start = start.replace(second=dice.randrange(60), microsecond=0)
        steps, at = [], start
        for (step, _least, _most), gap in zip(way, gaps, strict=True):
            at += timedelta(minutes=gap)
            steps.append((at, step))
        kinds = self._categories["answerable" if lane == "answered" else "usual"]
        category, standard = dice.choice(kinds)
        return _Part(
            lane, district_id, start, steps, dice.choice(self._cells[district_id]), category, standard,
            dice.choice(list(BUREAUS)),
        )  # fmt: skip

    # --- making it happen -----------------------------------------------------------------------------------------

    def _take(self, part: _Part, step: str, at: datetime) -> None:
        code = self.city.districts[part.district_id]
        if step == "report":
            part.number = self._report(part, code, at)
            return
        if step in ("suspend", "return"):
            self._request(part, step, code, at)
            return
        login = f"handler-{part.bureau}" if step in ("sign", "feed_back") else f"{ROLES[step]}-{code}"
        actor = self._actor(login)
        loop.perform(number=part.number, action=step, by=actor, at=at, **self._payload(part, step, actor, at))

    def _report(self, part: _Part, code: str, at: datetime) -> str:
        by_worker = part.lane == "on_site"
        told = self.dice.random() < 0.4 and not by_worker
        body = Report(
            source="worker" if by_worker else "hotline",
            category=part.category,
            description=self.dice.choice(TEXTS),
            address=f"测试路{self.dice.randint(1, 999)}号",
            lon=part.cell.lon,
            lat=part.cell.lat,
            reporter_name="来电人" if told else "",
            reporter_phone=f"139{self.dice.randint(0, 99_999_999):08}" if told else "",
        )
        return loop.report(body=body, by=self._actor(f"{'worker' if by_worker else 'acceptor'}-{code}"), at=at).number

    def _request(self, part: _Part, kind: str, code: str, at: datetime) -> None:
        until = self.until + timedelta(days=self.dice.randint(3, 25)) if kind == "suspend" else None
        asked = requests.ask(
            number=part.number, kind=kind, by=self._actor(f"handler-{part.bureau}"), reason="情况特殊，需要协调",
            until=until, at=at - timedelta(minutes=4),
        )  # fmt: skip
        decider = "duty_chief" if kind == "suspend" else "dispatcher"
        requests.decide(request_id=asked, grant=True, reason="同意", by=self._actor(f"{decider}-{code}"), at=at)

    def _payload(self, part: _Part, step: str, actor: Actor, at: datetime) -> dict[str, Any]:
        if step == "file":
            return {"standard": part.standard}
        if step == "dispatch":
            return {"lead": {"department": self.city.departments[part.bureau]}}
        if step in ("reject", "decline"):
            return {"reason": "not_in_conditions", "note": "不符合立案条件，已告知上报人"}
        if step == "evaluate":
            return {"result": "satisfied"}
        photos = {"feed_back": 1, "pass": 1, "fail": 1, "resolve_on_site": 2}.get(step, 0)
        found: dict[str, Any] = {}
        if photos:
            found["attachments"] = [self._photo(actor, at) for _ in range(photos)]
        if photos or step == "answer":
            found["note"] = "现场已查看，照片如附" if photos else "已向来电人说明有关政策"
        return found

    def _photo(self, actor: Actor, at: datetime) -> uuid.UUID:
        """An uploaded photo. All are rows of one stored file: the first is stored, the others have its columns."""
        if self._photo_row is None:
            file = BytesIO()
            Image.new("RGB", (1280, 960), (90, 120, 90)).save(file, "JPEG")
            file.seek(0)
            assert actor.user_id is not None
            pk = attachments.store(file=file, name="现场.jpg", user_id=actor.user_id, at=at).pk
            self._photo_row = Attachment.objects.filter(pk=pk).values().get()
            return pk
        row = self._photo_row | {"id": uuid.UUID(int=self.dice.getrandbits(128), version=4)}
        return Attachment.objects.create(**row | {"uploaded_by_id": actor.user_id, "uploaded_at": at}).pk

    def _actor(self, login: str) -> Actor:
        if login not in self._actors:
            user = User.objects.get(pk=self.city.users[login])
            self._actors[login] = actor_of(user)
        return self._actors[login]


def _categories() -> dict[str, list[tuple[str, str]]]:
    """Codes of categories, each with one of its standards: what a desk has every day, and what may be answered."""
    book = catalogue()
    known = [c for group in book.categories() for c in book.categories(group.id) if c.is_reportable]
    usual = []
    for category in known:
        standards = [
            s for s in book.standards_of(category.id)
            if s.is_active and s.after_photo_count <= 1 and s.verification_photo_count <= 1
        ]  # fmt: skip
        if standards and not category.is_confidential:
            usual.append((category.code, standards[0].code))
    # every third: a desk's cases are of some dozen kinds
    return {"usual": usual[::3], "answerable": [(c.code, "") for c in known if c.is_answerable]}
