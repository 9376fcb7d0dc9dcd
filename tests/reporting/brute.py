"""The same figures a second time, from the journal alone and written differently: for comparing, never for use.

A case is walked event by event with clocks that are started, moved, held and ended by hand-written rules; what was on
time is judged here, by comparing instants, and not by what the journal calls met or late. Of clocks, pauses and tickets
nothing is read but what the entries say of due times, places and handlers.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gridgov.common import work_calendar
from incidents.models import JournalEntry

ZONE = ZoneInfo("Asia/Shanghai")
STOPS = {
    "accept": "accept reject answer request_check resolve_on_site",
    "check": "confirm_check refute_check",
    "file": "file decline send_back",
    "dispatch": "dispatch impose send_back",
    "sign": "sign",
    "handle": "feed_back",
    "send": "request_verification refuse_feedback approve_on_site refuse_on_site",
    "verify": "pass fail refuse_on_site",
    "close": "close",
    "total": "close force_close answer approve_on_site reject decline",
}
STOPS = {kind: actions.split() for kind, actions in STOPS.items()}
#: What takes a clock away without an answer; void and merge take all, force_close all but total.
DROPS = {"check": ["cancel_check"], "file": ["answer"], "sign": ["recall", "return"], "handle": ["recall", "return"]}
PLACELESS = ("note", "supervise", "request_asked", "request_refused", "request_raised")


@dataclass
class Watch:
    kind: str
    cycle: int
    due: datetime | None
    ticket: int
    state: str = "on"  # on, held, over, gone
    over_at: datetime | None = None
    over_by: str = ""
    person: int | None = None
    runs: list[list[datetime | None]] = field(default_factory=list)
    exempt: bool = False

    def in_time(self) -> bool:
        return self.due is None or self.over_at.replace(microsecond=0) <= self.due


@dataclass
class Told:
    action: str
    at: datetime
    ticket: int
    result: str


@dataclass
class Life:
    number: str
    source: str = ""
    reporter: int | None = None
    places: list[int | None] = field(default_factory=list)
    status: str = ""
    ticket: int = 0
    watches: list[Watch] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    leads: dict[int, dict[str, int]] = field(default_factory=dict)
    checker: int | None = None
    verifier: int | None = None

    def live(self, kind: str) -> Watch | None:
        return next((w for w in self.watches if w.kind == kind and w.state in ("on", "held")), None)

    @property
    def is_open(self) -> bool:
        return self.status not in ("rejected", "declined", "voided", "merged", "closed", "evaluated")


def lives(end: datetime, *, exempt_before: datetime | None = None) -> list[Life]:
    """Every case as its journal leaves it just before ``end``; exemptions whenever given, or those given before."""
    found: dict[int, Life] = {}
    for entry in JournalEntry.objects.select_related("incident").order_by("incident_id", "seq"):
        if entry.action == "exempted":
            if exempt_before is not None and entry.at >= exempt_before:
                continue
            for watch in found[entry.incident_id].watches if entry.incident_id in found else ():
                if (watch.kind, watch.cycle) == (entry.payload["clock"], entry.payload["cycle"]):
                    watch.exempt = True
        elif entry.at < end and entry.action != "step":  # a step is stamped with when it was due, not with its turn
            life = found.setdefault(entry.incident_id, Life(entry.incident.number))
            _one(life, entry)
    return list(found.values())


def _one(life: Life, entry: JournalEntry) -> None:
    action, payload = entry.action, entry.payload
    when = datetime.fromisoformat(payload["asked_at"]) if "asked_at" in payload else entry.at
    if action == "report":
        life.source, life.reporter = payload["source"], entry.actor_id
    if payload.get("areas"):
        life.places = payload["areas"]
    if action in ("dispatch", "impose"):
        life.ticket = payload["assignment"]
        life.leads[life.ticket] = payload["lead"]
    if action == "request_check":
        life.checker = payload["checker"]
    if action in ("request_verification", "reassign_verification"):
        life.verifier = payload.get("verifier")
        if action == "reassign_verification":
            life.live("verify").person = life.verifier
    was_suspended = life.status == "suspended"
    life.status = entry.status_to
    if action not in PLACELESS:
        life.told.append(Told(action, entry.at, life.ticket, payload.get("result", "")))
    for watch in life.watches:
        if watch.state in ("on", "held"):
            _touch(watch, entry, when, was_suspended)
    if action == "unmerge":
        watch = next(w for w in reversed(life.watches) if w.kind == "total")
        watch.state, watch.over_at, watch.over_by = "on", None, ""
    for key, due in payload.get("started", {}).items():
        kind, cycle = key.split(":")
        person = {"check": life.checker, "verify": life.verifier}.get(kind)
        watch = Watch(kind, int(cycle), _moment(due), life.ticket, person=person)
        watch.runs.append([entry.at, None])
        life.watches.append(watch)
    for key, words in payload.get("clocks", {}).items():
        kind, cycle = key.split(":")
        watch = next(w for w in life.watches if (w.kind, w.cycle) == (kind, int(cycle)))
        if watch.state == "on":
            watch.due = _moment(words.split(" ")[1]) if " " in words else None
    if action in "return recall reopen reinstate resolve_on_site refuse_on_site void force_close".split():
        life.ticket = 0


def _touch(watch: Watch, entry: JournalEntry, when: datetime, was_suspended: bool) -> None:
    action = entry.action
    restart = action == "amend" and entry.payload.get("clock_choice") == "restart" and watch.kind == "handle"
    drops = action in ("void", "merge") or action in DROPS.get(watch.kind, ())
    if action in STOPS[watch.kind]:
        watch.state, watch.over_at, watch.over_by = "over", when, action
        if watch.kind == "verify":
            watch.person = entry.actor_id
    elif drops or (restart and not was_suspended) or action in ("force_close",):
        watch.state = "gone"
    elif watch.kind in ("handle", "total") and action == "suspend":
        watch.state = "held"
    elif watch.state == "held" and was_suspended and entry.status_to != "suspended":
        watch.state = "on"
        watch.runs.append([entry.at, None])
        return
    if watch.state != "on" and watch.runs[-1][1] is None:
        watch.runs[-1][1] = max(when, watch.runs[-1][0])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


# --- scopes -------------------------------------------------------------------------------------------------------


def in_area(found: Iterable[Life], area_id: int) -> list[Life]:
    return [life for life in found if area_id in life.places]


def of_departments(found: Iterable[Life], ids: Collection[int]) -> list[Life]:
    return _of_tickets(found, lambda lead: lead.get("department") in ids)


def of_person(found: Iterable[Life], user_id: int, worker_id: int) -> list[Life]:
    kept = []
    for life in found:
        part = _of_tickets([life], lambda lead: lead.get("worker") == worker_id)
        one = part[0] if part else Life(life.number, life.source, life.reporter, life.places, "voided")
        one.watches += [w for w in life.watches if w.person == user_id and w not in one.watches]
        if life.reporter == user_id:
            fate = ("report", "file", "decline", "reject", "void", "approve_on_site")
            one.told = [t for t in life.told if t.action in fate or t in one.told]
        kept.append(one)
    return kept


def _of_tickets(found: Iterable[Life], mine: Callable[[dict[str, int]], bool]) -> list[Life]:
    kept = []
    for life in found:
        own = {number for number, lead in life.leads.items() if mine(lead)}
        if not own:
            continue
        with_it = life.status in ("dispatched", "handling", "suspended") and life.ticket in own
        kept.append(
            Life(
                life.number, life.source, life.reporter, life.places, life.status if with_it else "voided", life.ticket,
                [w for w in life.watches if w.kind in ("sign", "handle") and w.ticket in own],
                [t for t in life.told if t.ticket in own],
                {number: lead for number, lead in life.leads.items() if number in own},
            )
        )  # fmt: skip
    return kept


# --- figures ------------------------------------------------------------------------------------------------------

Answer = tuple[list[str], list[str]] | tuple[list[str], float | None]


def figures(found: Iterable[Life], start: datetime, end: datetime) -> dict[str, Any]:
    """By the names of ``reporting.indicators``: (numbers in, numbers out); of the average (numbers, hours)."""
    found = list(found)
    second = end.replace(microsecond=0)
    said: dict[str, Any] = {}

    def during(at: datetime | None) -> bool:
        return at is not None and start <= at < end

    def past(watch: Watch) -> bool:
        return watch.state == "on" and watch.due is not None and watch.due < second

    def judged(watch: Watch) -> str:
        """ "" (not counted), "yes" or "no"."""
        if not during(watch.due) or watch.state in ("held", "gone"):
            return ""
        if watch.state == "over":
            return "yes" if watch.in_time() else "no"
        return "no" if past(watch) else ""

    def cases(*actions: str) -> tuple[list[str], list[str]]:
        return [f.number for f in found if any(t.action in actions and during(t.at) for t in f.told)], []

    def split(pairs: Iterable[tuple[str, bool]]) -> tuple[list[str], list[str]]:
        pairs = list(pairs)
        return [number for number, yes in pairs if yes], [number for number, yes in pairs if not yes]

    def timely(kind: str, keep: Callable[[Watch], bool] = lambda w: True) -> tuple[list[str], list[str]]:
        return split(
            (f.number, judged(w) == "yes")
            for f in found for w in f.watches
            if w.kind == kind and not w.exempt and judged(w) and keep(w)
        )  # fmt: skip

    for name, actions in {
        "reported": ["report"], "accepted": ["accept", "confirm_check"], "filed": ["file"],
        "dispatched": ["dispatch", "impose"], "handled": ["feed_back"], "resolved_on_site": ["resolve_on_site"],
        "verified": ["pass", "fail"], "closed": ["close", "approve_on_site"], "answered": ["answer"],
        "force_closed": ["force_close"],
    }.items():  # fmt: skip
        said[name] = cases(*actions)
    said["open_cases"] = ([f.number for f in found if f.is_open], [])
    said["overdue_cases"] = ([f.number for f in found if f.is_open and any(past(w) for w in f.watches)], [])
    said["suspended_cases"] = ([f.number for f in found if f.status == "suspended"], [])
    said["overdue_unhandled"] = (
        [f.number for f in found for w in f.watches
         if w.kind == "handle" and past(w) and during(w.due) and not w.exempt], [],
    )  # fmt: skip
    for kind in ("accept", "check", "file", "dispatch", "sign", "send", "verify", "close"):
        said[f"on_time_{kind}"] = timely(kind)
    said["on_time_total"] = timely("total", lambda w: w.over_by not in ("answer", "force_close"))
    said["on_time_answer"] = timely("total", lambda w: w.over_by == "answer")

    tickets: dict[tuple[str, int], list[Watch]] = {}
    lengthened: set[tuple[str, int]] = set()
    for f in found:
        for w in f.watches:
            if w.kind == "handle":
                tickets.setdefault((f.number, w.ticket), []).append(w)
        lengthened |= {(f.number, t.ticket) for t in f.told if t.action == "extend"}
    counted = {key: ws for key, ws in tickets.items() if any(judged(w) and not w.exempt for w in ws)}
    bad = {
        key for key, ws in counted.items()
        if any(not w.exempt and (past(w) or (w.state == "over" and not w.in_time())) for w in ws)
    }  # fmt: skip
    said["on_time_handle"] = split((key[0], key not in bad) for key in counted)
    said["extension_ratio"] = split((key[0], key in lengthened) for key in counted)

    to_close = [
        (f.number, w) for f in found for w in f.watches
        if w.kind == "total" and judged(w) and w.over_by not in ("answer", "force_close", "reject", "decline")
    ]  # fmt: skip
    said["closing_ratio"] = split((number, w.over_by in ("close", "approve_on_site")) for number, w in to_close)
    said["closing_on_time_ratio"] = split((number, judged(w) == "yes") for number, w in to_close if not w.exempt)
    said["rework_ratio"] = split(
        (f.number, t.action == "fail")
        for f in found for t in f.told if t.action in ("pass", "fail") and t.ticket and during(t.at)
    )  # fmt: skip
    said["return_ratio"] = split(
        (f.number, any(r.action == "return" and r.ticket == t.ticket for r in f.told))
        for f in found for t in f.told if t.action in ("dispatch", "impose") and during(t.at)
    )  # fmt: skip
    said["average_handling_hours"] = _average(found, during)

    valid = []
    for f in found:
        decided = [
            t.action for t in f.told
            if t.action in ("file", "approve_on_site", "reject", "decline", "void") and during(t.at)
        ]  # fmt: skip
        if f.source == "worker" and decided:
            valid.append((f.number, decided[-1] in ("file", "approve_on_site")))
    said["valid_report_ratio"] = split(valid)
    said["patrol_found_ratio"] = split((f.number, f.source == "worker") for f in found if f.number in said["filed"][0])
    said["satisfaction_ratio"] = split(
        (f.number, t.result != "unsatisfied")
        for f in found for t in f.told if t.action == "evaluate" and t.result != "not_rated" and during(t.at)
    )  # fmt: skip
    return said


def _average(found: Iterable[Life], during: Callable[[datetime | None], bool]) -> tuple[list[str], float | None]:
    numbers, spans = [], []
    for f in found:
        for ticket in {t.ticket for t in f.told if t.action == "feed_back" and during(t.at)}:
            rounds = [w for w in f.watches if w.kind == "handle" and w.ticket == ticket and w.state != "gone"]
            if all(w.state == "over" for w in rounds):
                numbers.append(f.number)
                spans.append(sum((_worked(*run) for w in rounds for run in w.runs), timedelta()))
    if not spans:
        return [], None
    return numbers, sum(spans, timedelta()) / timedelta(hours=1) / len(spans)


def _worked(start: datetime, end: datetime) -> timedelta:
    """The working time between two instants, day by day."""
    calendar = work_calendar.current()
    total = timedelta()
    day: date = start.astimezone(ZONE).date()
    while day <= end.astimezone(ZONE).date():
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE)
        for opens, closes in calendar.hours_of(day):
            first = max(start, midnight + timedelta(minutes=opens))
            last = min(end, midnight + timedelta(minutes=closes))
            total += max(last - first, timedelta())
        day += timedelta(days=1)
    return total
