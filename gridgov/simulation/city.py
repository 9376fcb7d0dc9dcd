"""Doing what was planned: a queue ordered by played time, each move through ``dispatch.loop`` at its instant.

With an ``upkeep`` the city also does what worker and beat do, in played time; beside a running server it has none and
leaves that to it.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.db.models import Q

from dispatch import loop, placing, requests, tickets, timeouts
from dispatch.actors import SYSTEM, Actor
from dispatch.cases import Case
from gridgov.common import clock
from gridgov.common.errors import DomainError, NotFound, NotPermitted
from gridgov.simulation import plan, reports
from gridgov.simulation.cast import PUBLIC, Cast
from gridgov.simulation.duty import Town
from gridgov.simulation.photos import stored
from gridgov.simulation.plan import Move, View
from gridgov.simulation.reading import next_centre, proposed, twin_of, view_of, wrong
from gridgov.simulation.upkeep import Upkeep
from gridgov.simulation.words import TOPICS, Topic
from grids.models import Level
from grids.spatial import AreaRecord, areas
from incidents.catalogue import catalogue
from incidents.models import Incident
from incidents.services.report import Report
from incidents.workflow import Action, Status

#: A case whose next step was refused so often is left as it stands.
TRIES = 4
_AT_REST = (Status.DECLINED.value, Status.VOIDED.value, Status.EVALUATED.value)
#: Who is to rate a case that ended longer ago does not do it any more.
_LOOKED_BACK = timedelta(days=2)
_INSTEAD_MERGED = (Action.ACCEPT, Action.REQUEST_CHECK, Action.REJECT)
_JOINT = {"sign": tickets.sign_joint, "finish": tickets.finish_joint, "refuse": tickets.refuse_joint}


@dataclass(frozen=True, slots=True)
class _Planned:
    """What stands in the queue for a case, and what it was planned on."""

    number: str
    case: Case
    view: View
    move: Move
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class _Timeout:
    """The system looks whether something of the case has run out."""

    number: str
    act: Callable[..., int]


class City:
    """The city from its present state on. ``per_day``: reports that come in on an ordinary day.

    ``topics``: what is reported, by the codes of the city's catalogue; codes that it does not have are passed over.
    """

    def __init__(
        self,
        *,
        seed: int,
        town: Town,
        per_day: float,
        upkeep: Upkeep | None = None,
        topics: Mapping[str, Topic] = TOPICS,
    ) -> None:
        self.seed, self.town, self.per_day, self.upkeep = seed, town, per_day, upkeep
        self._queue: list[tuple[datetime, int, Any]] = []
        self._order = 0
        #: case → the entry of the queue that counts; an older one was planned on what is no longer so
        self._current: dict[str, int] = {}
        self._timeouts: set[tuple[str, str, datetime]] = set()
        self._cast = Cast()
        book = catalogue()
        known = {code: book.category_by_code(code) for code in topics}
        self._topics = {
            code: topics[code] for code, found in known.items() if found is not None and found.is_reportable
        }
        self._places = _places(self._cast)
        self._shares = _shares(self._places, self._cast)
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    # --- the queue ----------------------------------------------------------------------------------------------

    def _push(self, at: datetime, what: Any) -> int:
        self._order += 1
        heapq.heappush(self._queue, (at, self._order, what))
        return self._order

    def expect_reports(self, start: datetime, end: datetime, *, per_day: float | None = None) -> int:
        """What comes in between the two instants stands in the queue; how much it is. ``per_day``: else the city's."""
        per_day = self.per_day if per_day is None else per_day
        if not self._places or not self._topics:
            return 0
        count, order, last = 0, 0, None
        for at in reports.instants(self.seed, start, end, per_day, self.town):
            order = order + 1 if at == last else 0
            last = at
            draft = reports.draft(self.seed, at, topics=self._topics, places=self._shares, order=order)
            self._push(at, draft)
            count += 1
        return count

    def adopt(self, now: datetime) -> int:
        """Every case that may still move, and is not in the queue, has its next move planned; how many."""
        moving = Q(ended_at__isnull=True) | Q(status_at__gte=now - _LOOKED_BACK) & ~Q(status__in=_AT_REST)
        numbers = Incident.objects.filter(moving).order_by("pk").values_list("number", flat=True)
        fresh = [number for number in numbers if number not in self._current]
        for number in fresh:
            self._plan(number, now)
        return len(fresh)

    def play(self, end: datetime, *, before: Callable[[datetime], None] | None = None) -> None:
        """Everything in the queue up to ``end`` has happened, and what follows from it by itself is done."""
        assert self.upkeep is not None
        while self._queue and self._queue[0][0] <= end:
            at, order, what = heapq.heappop(self._queue)
            if before is not None:
                before(at)
            self.upkeep.catch_up(at)
            self._take(at, order, what)
        self.upkeep.settle(end)

    def take_due(self, limit: int) -> int:
        """At most ``limit`` things that are due have been done, as of now; how many."""
        taken = 0
        while taken < limit and self._queue and self._queue[0][0] <= clock.now():
            _at, order, what = heapq.heappop(self._queue)
            self._take(clock.now(), order, what)
            taken += 1
        return taken

    # --- doing --------------------------------------------------------------------------------------------------

    def _clock(self, at: datetime) -> AbstractContextManager[None]:
        return clock.played(at) if self.upkeep is not None else nullcontext()

    def _take(self, at: datetime, order: int, what: Any) -> None:
        with self._clock(at):
            if isinstance(what, reports.Draft):
                self._report(at, what)
            elif isinstance(what, _Timeout):
                what.act(at=at)  # for every case of which it has run out by now
                self._moved(at)
                self._plan(what.number, at)
            elif self._current.get(what.number) == order:
                self._move(at, what)

    def _moved(self, at: datetime) -> None:
        if self.upkeep is not None:
            self.upkeep.moved(at)

    def _report(self, at: datetime, draft: reports.Draft) -> None:
        grid = self._places[draft.grid]
        by, source = self._reporter(draft, grid, at)
        rng = Random(f"{draft.key}|details")
        chain = areas.chain(grid.id)
        street, community = areas.name(chain[Level.STREET - 1]), areas.name(chain[Level.COMMUNITY - 1])
        lon, lat = self._point(grid, draft)
        is_resident = source in reports.OF_RESIDENTS
        try:
            received = loop.report(
                body=Report(
                    source=source,
                    category=draft.category,
                    description=draft.description,
                    address=f"{street}{community}{draft.place}",
                    lon=lon,
                    lat=lat,
                    accuracy_m=float(rng.randint(4, 30)) if source in reports.BY_PHONE else None,
                    reporter_name=draft.reporter_name if is_resident else "",
                    reporter_phone=draft.reporter_phone if is_resident else "",
                    attachments=tuple(stored(1, user_id=by.user_id, at=at, rng=rng))
                    if source in reports.WITH_PHOTO
                    else (),
                ),
                by=by,
                at=at,
            )
        except DomainError as error:
            self._refused("report", error)
            return
        self.done["report"] += 1
        self._moved(at)
        category = catalogue().category_by_code(draft.category)
        if self.upkeep is not None and category is not None and category.is_urgent:
            self.upkeep.deliver(at)  # the system does not wait
        self._plan(received.number, at)
        if draft.echo_minutes is not None:
            later = reports.echo(draft)
            self._push(at + (later.at - draft.at) * self.town.pace, later)

    def _reporter(self, draft: reports.Draft, grid: AreaRecord, at: datetime) -> tuple[Actor, str]:
        if draft.source == "worker":
            worker_id = self._cast.worker_of(grid.id)
            assert worker_id is not None
            return self._cast.actor(worker_id, at), draft.source
        desk = self._cast.of_area("acceptor", areas.chain(grid.id))
        if draft.source in reports.BY_THEMSELVES or not desk:
            return PUBLIC, draft.source if draft.source in reports.BY_THEMSELVES else "web"
        return self._cast.actor(desk[0], at), draft.source

    @staticmethod
    def _point(grid: AreaRecord, draft: reports.Draft) -> tuple[float, float]:
        """lon, lat in the grid; of a repeated report within some metres of the first."""
        rng = Random(f"{draft.key.removesuffix(reports.ECHO)}|point")
        west, south, east, north = grid.box
        index = areas.index()
        point = grid.label
        for _attempt in range(40):
            drawn = rng.uniform(west, east), rng.uniform(south, north)
            found = index.locate(*drawn)
            if found is not None and found.area_id == grid.id:
                point = drawn
                break
        if draft.key.endswith(reports.ECHO):
            beside = point[0] + rng.uniform(-8e-5, 8e-5), point[1] + rng.uniform(-8e-5, 8e-5)
            point = beside if index.locate(*beside) is not None else point
        return round(point[0], 6), round(point[1], 6)

    def _move(self, at: datetime, planned: _Planned) -> None:
        number, case, view, move = planned.number, planned.case, planned.view, planned.move
        if move.kind == "wait":
            self._plan(number, at)
            return
        if self.upkeep is None:
            # others act here too; played, hardly anything comes between, and what does the loop refuses
            case = loop.read(number, SYSTEM)
            if self._is_stale(planned, case, at):
                return
        try:
            self._carry_out(case, view, move, at)
        except DomainError as error:
            if self.upkeep is not None and self._is_stale(planned, loop.read(number, SYSTEM), at):
                return
            self._refused(move.name, error)
            if planned.attempt + 1 < TRIES:
                later = at + timedelta(minutes=10) * self.town.pace
                self._plan(number, later, attempt=planned.attempt + 1)
            return
        self._moved(at)
        self._plan(number, at)

    def _is_stale(self, planned: _Planned, case: Case, at: datetime) -> bool:
        """Whether the case is no longer as it was planned on; then its next move is planned anew."""
        if view_of(case).mark == planned.view.mark:
            return False
        self._plan(planned.number, at, case=case)
        return True

    def _carry_out(self, case: Case, view: View, move: Move, at: datetime) -> None:
        rng = Random(f"{self.seed}|do|{view.number}|{view.mark}|{move.name}")
        name, payload = move.name, dict(move.payload)
        if move.kind == "act" and name in _INSTEAD_MERGED and rng.random() < 0.9:
            main = twin_of(view)
            if main is not None:
                name, payload = Action.MERGE.value, {"into": main}
        self._fill(case, payload, at)
        refusal: DomainError = NotPermitted("nobody is there for it", missing=move.who)
        for actor in self._cast.candidates(move.who, case, at, move.target):
            try:
                self._one(case, move, name, payload, actor, at, rng)
            except (NotPermitted, NotFound) as error:
                refusal = error  # somebody else of that role may
                continue
            self.done[name if move.kind == "act" else f"{move.kind} {name}"] += 1
            return
        raise refusal

    def _one(
        self, case: Case, move: Move, name: str, payload: dict[str, Any], by: Actor, at: datetime, rng: Random
    ) -> None:
        number = case.incident.number
        if move.kind == "ask":
            requests.ask(number=number, kind=name, by=by, at=at, **payload)
        elif move.kind == "decide":
            requests.decide(request_id=move.target, by=by, at=at, **payload)
        elif move.kind == "joint":
            _JOINT[name](ticket_id=move.target, by=by, at=at, **payload)
        else:
            loop.judge(case, Action(name), by)  # before any photo is stored
            if move.photos and name == move.name:
                payload = payload | {"attachments": stored(move.photos, user_id=by.user_id, at=at, rng=rng)}
            loop.perform(number=number, action=name, by=by, version=case.incident.version, at=at, **payload)

    def _fill(self, case: Case, payload: dict[str, Any], at: datetime) -> None:
        """What a plan leaves to the moment: who, and where."""
        incident = case.incident
        if payload.get("lead") == "wrong":
            payload |= wrong(case, self.seed, at)
        elif "lead" in payload:
            payload |= proposed(case, at)
        if payload.get("verifier") == "grid":
            payload["verifier"] = placing.verifier_for(case, at=at)
        if payload.get("checker") == "grid":
            where = incident.grid_id or incident.community_id or incident.holder_id
            payload["checker"] = self._cast.worker_of(where)
        if payload.get("target") in ("up", "down"):
            payload["target"] = next_centre(case, payload["target"])
        if payload.get("address") == "near":
            payload["address"] = f"{incident.address}附近"

    def _refused(self, name: str, error: DomainError) -> None:
        self.refused[f"{name}: {error.message}"] += 1

    # --- planning -----------------------------------------------------------------------------------------------

    def _plan(self, number: str, now: datetime, *, attempt: int = 0, case: Case | None = None) -> None:
        case = case or loop.read(number, SYSTEM)
        view = view_of(case)
        if self.upkeep is not None:
            for at, act in _running_out(view):
                self._expect(number, max(at, now) + timedelta(seconds=1), act)
        rng = Random(f"{self.seed}|plan|{view.number}|{view.mark}|{attempt}")
        fate = plan.fate_of(self.seed, view.number)
        move = plan.next_move(view, fate, self.town_of(view, now), now, rng)
        self._current[number] = 0
        if move is not None:
            later = max(move.at, now + timedelta(seconds=1))
            self._current[number] = self._push(later, _Planned(number, case, view, move, attempt))

    def town_of(self, view: View, now: datetime) -> Town:
        """The hours and the pace that hold for a case."""
        return self.town

    def _expect(self, number: str, at: datetime, act: Callable[..., int]) -> None:
        key = (number, act.__name__, at)
        if key not in self._timeouts:
            self._timeouts.add(key)
            self._push(at, _Timeout(number, act))


def _places(cast: Cast) -> list[AreaRecord]:
    """Where something is reported: grids, and communities without any, if somebody walks there. By code."""
    divided = {area.parent_id for area in areas.all() if area.level == Level.GRID and area.active}
    leaves = (
        area
        for area in areas.all()
        if area.active and (area.level == Level.GRID or (area.level == Level.COMMUNITY and area.id not in divided))
    )
    return sorted((area for area in leaves if cast.worker_of(area.id)), key=lambda area: area.code)


def _shares(places: Sequence[AreaRecord], cast: Cast) -> list[float]:
    """As of :func:`reports.shares`; at home is the district where most places have a grid leader."""
    districts = [area.chain[Level.DISTRICT - 1] for area in places]
    is_led = [cast.is_led(area.id) for area in places]
    led = Counter(district for district, leads in zip(districts, is_led, strict=True) if leads)
    return reports.shares(districts, is_led, led.most_common(1)[0][0] if led else None)


def _running_out(view: View) -> Iterable[tuple[datetime, Callable[..., int]]]:
    """When the system will look whether something of the case has run out."""
    if view.pending_by is not None:
        yield view.pending_by, requests.raise_due
    if view.status == Status.CHECKING and "check" in view.due:
        yield view.due["check"] + timeouts.CHECK_GRACE, timeouts.cancel_checks
    elif view.status == Status.VERIFYING and view.has_verifier and "verify" in view.due:
        yield view.due["verify"], timeouts.free_verifications
    elif view.status == Status.SUSPENDED and view.suspended_until is not None:
        yield view.suspended_until, timeouts.resume_due
    elif view.status == Status.CLOSED and view.rated_until is not None:
        yield view.rated_until, timeouts.evaluate_due
