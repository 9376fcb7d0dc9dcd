"""What somebody does next to a case, who, and when. Pure: the same case, seed and instant give the same move.

A case has a :class:`Fate`, drawn from its number, which says what will go wrong with it; each move is worked out from
how the case stands, so that a plan that was lost (a restart, somebody who was faster) is simply made anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from gridgov.simulation.duty import Shift, Town
from gridgov.simulation.words import SAID, TOPICS
from incidents.workflow import Action, Status

#: So long people wait for what the system does by itself.
_SYSTEM_MINUTES = 45


@dataclass(frozen=True, slots=True)
class View:
    """A case as far as people decide by it. Ids are of the database; ``due``: live clock → its due time."""

    id: int
    number: str
    status: str
    version: int
    status_at: datetime
    source: str
    category: str
    has_link: bool = False
    is_reported_by_worker: bool = False
    is_confidential: bool = False
    is_answerable: bool = False
    #: what the system does by itself under the case's standard (or would, under its urgent category's)
    system_steps: frozenset[str] = frozenset()
    standards: tuple[str, ...] = ()
    due: Mapping[str, datetime] = field(default_factory=dict)
    assignment: int = 0
    returns: int = 0
    reworks: int = 0
    extensions: int = 0
    reopens: int = 0
    was_suspended: bool = False
    supervision: int = 0
    has_ticket: bool = False
    is_wrong_lead: bool = False
    is_final: bool = False
    #: (id, state) of joint tickets
    joints: tuple[tuple[int, str], ...] = ()
    #: (id, kind, level) of the request that waits
    pending: tuple[int, str, int] | None = None
    asked: frozenset[str] = frozenset()
    milestones: tuple[tuple[str, bool], ...] = ()
    has_verifier: bool = False
    after_photos: int = 1
    verification_photos: int = 1
    suspended_until: datetime | None = None
    #: whether there is a centre above, and which way the case went to its holder: up, back, or nowhere
    has_centre_above: bool = False
    transferred: str = ""
    received_at: datetime | None = None
    #: when the request goes to the next level, and when the system writes down that nobody rated
    pending_by: datetime | None = None
    rated_until: datetime | None = None

    @property
    def mark(self) -> str:
        """What a plan was made on; with another mark it is made anew."""
        joints = "".join(f"{pk}{state[:2]}" for pk, state in self.joints)
        pending = f"{self.pending[1]}{self.pending[2]}" if self.pending else ""
        asked = "".join(sorted(self.asked))
        return f"{self.version}.{joints}.{pending}.{asked}.{self.has_verifier:d}.{self.supervision}.{self.transferred}"


@dataclass(frozen=True, slots=True)
class Move:
    """Somebody's next step. ``kind``: act, ask, decide, joint, or wait (look again). ``who``: as the cast knows it."""

    kind: str
    name: str
    who: str
    at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    photos: int = 0
    target: int = 0


@dataclass(frozen=True, slots=True)
class Fate:
    """What will become of a case, as far as it is not the moment's."""

    rejected: bool
    checked: bool
    check: str  # true, false, silent
    on_site: bool
    declined: bool
    sent_back: bool
    amended: bool
    wrong_routes: int
    recalled: bool
    suspends: bool
    extends: int
    voids: bool
    forces: bool
    late: bool
    fails: int
    supervised: bool
    waives: bool
    joint_refuses: bool
    grants: bool
    reopens: bool
    result: str  # empty: nobody rates
    by_call: bool
    transfers: bool
    gives_back: bool


def fate_of(seed: int, number: str) -> Fate:
    """The same for the same seed and number."""
    rng = Random(f"{seed}|fate|{number}")

    def chance(share: float) -> bool:
        return rng.random() < share

    roll = rng.random()
    return Fate(
        rejected=chance(0.03),
        checked=chance(0.14),
        check=rng.choices(("true", "false", "silent"), (74, 21, 5))[0],
        on_site=chance(0.12),
        declined=chance(0.02),
        sent_back=chance(0.02),
        amended=chance(0.03),
        wrong_routes=2 if roll < 0.018 else 1 if roll < 0.085 else 0,
        recalled=chance(0.015),
        suspends=chance(0.1),
        extends=rng.choices((0, 1, 2), (88, 10, 2))[0],
        voids=chance(0.02),
        forces=chance(0.012),
        late=chance(0.09),
        fails=rng.choices((0, 1, 2), (90, 8.5, 1.5))[0],
        supervised=chance(0.4),
        waives=chance(0.2),
        joint_refuses=chance(0.06),
        grants=chance(0.86),
        reopens=chance(0.02),
        result=rng.choices(("", "very_satisfied", "satisfied", "unsatisfied"), (45, 22, 27, 6))[0],
        by_call=chance(0.3),
        transfers=chance(0.025),
        gives_back=chance(0.3),
    )


@dataclass(frozen=True, slots=True)
class _At:
    """One decision: the case, its fate, the moment and the dice."""

    view: View
    fate: Fate
    town: Town
    now: datetime
    rng: Random

    def say(self, topic: str) -> str:
        return self.rng.choice(SAID[topic])

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def after(self, minutes: float, shift: Shift) -> datetime:
        return self.town.after(self.now, minutes, shift, self.rng)

    def act(self, action: Action, who: str, at: datetime, photos: int = 0, **payload: Any) -> Move:
        return Move("act", action.value, who, at, payload, photos)

    def ask(self, kind: str, who: str, at: datetime, **payload: Any) -> Move:
        return Move("ask", kind, who, at, {"reason": self.say(kind)} | payload)

    def look_again(self, minutes: float) -> Move:
        return Move("wait", "", "", self.now + timedelta(minutes=minutes) * self.town.pace)

    @property
    def is_the_systems(self) -> bool:
        """Whether the case came here just now, so that the system may yet take the next step."""
        return self.now < self.view.status_at + timedelta(minutes=_SYSTEM_MINUTES) * self.town.pace

    def desk(self, minutes: float, late: float = 0.06) -> datetime:
        """At the desk: mostly within minutes, now and then forgotten for an hour or two."""
        return self.after(minutes * (14 if self.chance(late) else 1), Shift.DESK)


def next_move(view: View, fate: Fate, town: Town, now: datetime, rng: Random) -> Move | None:
    """What happens next to the case, not before ``now``; None if nobody will do anything by himself."""
    at = _At(view, fate, town, now, rng)
    if view.pending is not None:
        return _decision(at, *view.pending)
    rule = _RULES.get(Status(view.status))
    move = rule(at) if rule is not None else None
    return _supervision(at, move) or move


def _decision(a: _At, request_id: int, kind: str, level: int) -> Move:
    who = ("dispatcher", "duty_chief", "leader")[level]
    slow = a.chance(0.1)
    when = a.after(240 if slow else 25, Shift.CHIEF)
    grant = a.fate.grants or kind == "force_close"
    reason = a.say("granted" if grant else "refused")
    return Move("decide", kind, who, when, {"grant": grant, "reason": reason}, target=request_id)


def _supervision(a: _At, move: Move | None) -> Move | None:
    """Somebody whose next step will be late is reminded by the supervisor, once."""
    dues = [due for clock, due in a.view.due.items() if clock != "total"]
    if not (a.fate.supervised and a.view.supervision == 0 and dues and move is not None):
        return None
    when = a.town.on_duty(min(dues) + timedelta(minutes=a.rng.randint(15, 80)), Shift.DESK, a.rng)
    return a.act(Action.SUPERVISE, "supervisor", when, note=a.say("supervise")) if a.now < when < move.at else None


# --- 受理、立案、派遣 ---------------------------------------------------------------------------------------------


def _reported(a: _At) -> Move:
    view, fate = a.view, a.fate
    if Action.ACCEPT in view.system_steps and view.version == 1:
        return a.act(Action.ACCEPT, "acceptor", a.look_again(_SYSTEM_MINUTES).at)
    if view.version == 1:
        if fate.on_site and view.is_reported_by_worker and view.category[:3] in ("E01", "E02", "E05"):
            return a.act(
                Action.RESOLVE_ON_SITE, "reporting_worker", a.after(9, Shift.ANYTIME), 2, note=a.say("resolve_on_site")
            )
        if fate.rejected and not view.is_reported_by_worker:
            reason = a.rng.choice(("outside", "not_ours", "unclear"))
            return a.act(Action.REJECT, "acceptor", a.desk(12), reason=reason, note=a.say("reject"))
        if fate.checked and not view.is_reported_by_worker and not view.is_confidential and not view.is_answerable:
            return a.act(Action.REQUEST_CHECK, "acceptor", a.desk(7), checker="grid", note=a.say("request_check"))
    elif fate.checked and fate.check == "false" and not view.is_reported_by_worker:
        return a.act(Action.REJECT, "acceptor", a.desk(15), reason="unfounded", note=a.say("unfounded"))
    if view.is_answerable and a.chance(0.85):
        return a.act(Action.ANSWER, "acceptor", a.desk(10), note=a.say("answer"))
    return a.act(Action.ACCEPT, "acceptor", a.desk(7), note=a.say("accept"))


def _checking(a: _At) -> Move | None:
    if a.fate.check == "silent":
        return None
    false = a.fate.check == "false"
    action = Action.REFUTE_CHECK if false else Action.CONFIRM_CHECK
    return a.act(action, "checker", a.after(50, Shift.FIELD), 1, note=a.say(action.value))


def _accepted(a: _At) -> Move:
    view, fate = a.view, a.fate
    if Action.FILE in view.system_steps and a.is_the_systems:
        return a.look_again(_SYSTEM_MINUTES)
    if fate.declined:
        return a.act(Action.DECLINE, "duty_chief", a.desk(12), reason="not_in_conditions", note=a.say("decline"))
    if fate.sent_back and view.version == 2:
        return a.act(Action.SEND_BACK, "duty_chief", a.desk(8), reason=a.say("send_back"))
    if fate.transfers and not view.transferred and view.has_centre_above and not view.is_confidential:
        return a.act(Action.TRANSFER, "duty_chief", a.desk(10), target="up", reason=a.say("transfer_up"))
    if fate.gives_back and view.transferred == "up":
        return a.act(Action.TRANSFER, "duty_chief", a.desk(20), target="down", reason=a.say("transfer_down"))
    if fate.amended and view.version == 2:
        return a.act(Action.AMEND, "acceptor", a.desk(4), reason=a.say("amend"), address="near")
    if fate.voids and "void" not in view.asked:
        return a.ask("void", "acceptor", a.desk(10))
    # the first condition of a class is the gravest: a hole in the road is rarer than a loose cover
    several = len(view.standards) > 1
    standard = a.rng.choice(view.standards[1:]) if several and a.chance(0.8) else view.standards[0]
    return a.act(Action.FILE, "duty_chief", a.desk(4.5), standard=standard, note=a.say("file"))


def _filed(a: _At) -> Move:
    view, fate = a.view, a.fate
    if Action.DISPATCH in view.system_steps and a.is_the_systems:
        return a.look_again(_SYSTEM_MINUTES)
    if view.returns >= 2:
        return a.act(Action.IMPOSE, "duty_chief", a.desk(20), lead="proposed", reason=a.say("impose"))
    wrong = fate.wrong_routes > view.returns and not view.is_confidential and view.reopens == 0
    lead = "wrong" if wrong else "proposed"
    return a.act(Action.DISPATCH, "dispatcher", a.desk(4.5), lead=lead, note=a.say("dispatch"))


# --- 处理、反馈 ---------------------------------------------------------------------------------------------------


def _refuses(a: _At) -> Move | None:
    """A handler who was sent somebody else's case asks to be rid of it."""
    view = a.view
    if view.is_wrong_lead and not view.is_final and "return" not in view.asked:
        return a.ask("return", "handler", a.after(35, Shift.DEPARTMENT))
    return None


def _dispatched(a: _At) -> Move:
    if a.fate.recalled and a.view.assignment == 1:
        return a.act(Action.RECALL, "dispatcher", a.desk(12), reason=a.say("recall"))
    refuses = _refuses(a) if a.chance(0.75) else None
    if refuses is not None:
        return refuses
    minutes = 110 if a.chance(0.08) else 9
    return a.act(Action.SIGN, "handler", a.after(minutes, Shift.DEPARTMENT), note=a.say("sign"))


def _handling(a: _At) -> Move:
    view, fate = a.view, a.fate
    due = view.due.get("handle")
    found = _refuses(a)
    if found is not None:
        return found
    if fate.voids and "void" not in view.asked:
        return a.ask("void", "dispatcher", a.desk(90))
    if fate.forces and "force_close" not in view.asked:
        return a.ask("force_close", "dispatcher", a.desk(200))
    if fate.suspends and not view.was_suspended and "suspend" not in view.asked:
        days = a.rng.choice((1, 1, 2, 2, 3, 5, 9, 40))
        when = a.after(70, Shift.DEPARTMENT)
        until = (a.town.local(when) + timedelta(days=days)).replace(hour=9, minute=0, second=0, microsecond=0)
        return a.ask("suspend", "handler", when, until=until)
    if fate.extends > view.extensions and due is not None and f"extend{view.extensions}" not in view.asked:
        when = a.after(max(5.0, (due - a.now).total_seconds() / 60 * 0.35), Shift.DEPARTMENT)
        if when < due:
            return a.ask("extend", "handler", when)
    return _joint(a) or _milestone(a) or _feed_back(a, due)


def _joint(a: _At) -> Move | None:
    if a.fate.waives:
        return None
    for ticket_id, state in a.view.joints:
        if state == "open" and a.fate.joint_refuses:
            payload = {"reason": a.say("joint_refused")}
            return Move("joint", "refuse", "joint", a.after(40, Shift.DEPARTMENT), payload, target=ticket_id)
        if state == "open":
            return Move("joint", "sign", "joint", a.after(25, Shift.DEPARTMENT), target=ticket_id)
        if state == "signed":
            payload = {"note": a.say("joint_done")}
            return Move("joint", "finish", "joint", a.after(60, Shift.DEPARTMENT), payload, target=ticket_id)
    return None


def _milestone(a: _At) -> Move | None:
    """All but the last, which is the end of handling itself."""
    if len(a.view.milestones) < 2:
        return None
    key, wants_evidence = a.view.milestones[0]
    when = a.after(45, Shift.DEPARTMENT)
    return a.act(
        Action.REACH_MILESTONE, "handler", when, 1 if wants_evidence else 0, milestone=key, note=a.say("milestone")
    )


#: Work that is given days often takes them.
_LONG = timedelta(hours=20)
_TAKES_ITS_TIME = 0.6


def _feed_back(a: _At, due: datetime | None) -> Move:
    view = a.view
    again = 0.4 if view.reworks else 1.0
    when = a.after(200 * again, Shift.DEPARTMENT)
    if due is not None and due > a.now:
        left = due - a.now
        latest = a.now + left * a.rng.uniform(0.45, 0.9)
        if left > _LONG and not view.reworks and a.chance(_TAKES_ITS_TIME):
            when = a.town.on_duty(a.now + left * a.rng.uniform(0.35, 0.9) * a.town.pace, Shift.DEPARTMENT, a.rng)
        if a.fate.late and due - a.now < timedelta(hours=60):
            when = a.town.on_duty(due + timedelta(minutes=a.rng.randint(15, 200)), Shift.DEPARTMENT, a.rng)
        elif when > latest:
            when = a.town.on_duty(latest, Shift.DEPARTMENT, a.rng)
    topic = TOPICS.get(view.category)
    payload: dict[str, Any] = {"note": a.rng.choice(topic.fixed) if topic else "已处置完毕"}
    if any(state in ("open", "signed") for _pk, state in view.joints):
        payload["waive"] = a.say("waive")
    return a.act(Action.FEED_BACK, "handler", when, max(1, view.after_photos), **payload)


def _suspended(a: _At) -> Move | None:
    until = a.view.suspended_until
    if until is None or not a.chance(0.3):
        return None
    when = a.town.on_duty(a.now + (until - a.now) * a.rng.uniform(0.4, 0.8), Shift.DEPARTMENT, a.rng)
    return a.act(Action.RESUME, "handler", when, note=a.say("resume")) if when < until else None


# --- 核查、结案、评价 -----------------------------------------------------------------------------------------------


def _handled(a: _At) -> Move:
    if not a.view.has_ticket:
        if a.chance(0.8):
            return a.act(Action.APPROVE_ON_SITE, "acceptor", a.desk(9), note=a.say("approve_on_site"))
        if a.chance(0.5):
            return a.act(Action.REFUSE_ON_SITE, "acceptor", a.desk(9), reason=a.say("refuse_on_site"))
    elif a.chance(0.03):
        return a.act(Action.REFUSE_FEEDBACK, "dispatcher", a.desk(9), reason=a.say("refuse_feedback"))
    payload = {"verifier": "grid"} if a.chance(0.75) else {}
    note = a.say("request_verification")
    return a.act(Action.REQUEST_VERIFICATION, "acceptor", a.desk(8), note=note, **payload)


def _verifying(a: _At) -> Move:
    view = a.view
    if not view.has_verifier and not view.is_confidential and a.is_the_systems:
        return a.look_again(_SYSTEM_MINUTES)
    who = "named_verifier" if view.has_verifier else "verifier"
    when = a.after(190 if a.chance(0.1) else 32, Shift.FIELD if view.has_verifier else Shift.DESK)
    if a.fate.fails > view.reworks and view.has_ticket:
        return a.act(Action.FAIL, who, when, max(1, view.verification_photos), note=a.say("fail"))
    return a.act(Action.PASS, who, when, max(1, view.verification_photos), note=a.say("pass"))


def _verified(a: _At) -> Move:
    return a.act(Action.CLOSE, "duty_chief", a.desk(14), note=a.say("close"))


def _closed(a: _At) -> Move | None:
    view, fate = a.view, a.fate
    if fate.reopens and view.reopens == 0 and view.has_ticket:
        return a.act(Action.REOPEN, "acceptor", a.after(600, Shift.DESK), reason=a.say("reopen"))
    if not fate.result or view.is_reported_by_worker:
        return None
    if fate.by_call:
        return a.act(Action.EVALUATE, "acceptor", a.after(500, Shift.DESK), result=fate.result)
    if view.has_link:
        when = a.after(400, Shift.FIELD)
        return a.act(Action.EVALUATE, "reporter", when, result=fate.result, note=a.say("evaluate"))
    return None


def _rejected(a: _At) -> Move | None:
    if not (a.fate.rejected and a.view.version == 2 and a.chance(0.15)):
        return None
    return a.act(Action.REINSTATE, "duty_chief", a.desk(60), reason=a.say("reinstate"))


_RULES: Mapping[Status, Callable[[_At], Move | None]] = {
    Status.REPORTED: _reported,
    Status.CHECKING: _checking,
    Status.ACCEPTED: _accepted,
    Status.FILED: _filed,
    Status.DISPATCHED: _dispatched,
    Status.HANDLING: _handling,
    Status.SUSPENDED: _suspended,
    Status.HANDLED: _handled,
    Status.VERIFYING: _verifying,
    Status.VERIFIED: _verified,
    Status.CLOSED: _closed,
    Status.REJECTED: _rejected,
    # set free again if its main case ends otherwise than closed
    Status.MERGED: lambda a: a.look_again(720),
}
