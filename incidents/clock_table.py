"""Which action starts, stops and cancels each clock (pure). ``incidents.clocks`` carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass

from incidents.workflow import Action as A
from incidents.workflow import Status as S

REPORT = "report"  # the receipt of a report is no transition: nothing stood before it


@dataclass(frozen=True, slots=True)
class On:
    """An action, if need be only out of one status or into one."""

    action: str
    source: S | None = None
    target: S | None = None

    def matches(self, action: str, source: S | None, target: S) -> bool:
        return (
            self.action == action
            and (self.source is None or self.source == source)
            and (self.target is None or self.target == target)
        )


@dataclass(frozen=True, slots=True)
class ClockRule:
    """One line of the table. ``starts`` as rework means: a new cycle on what is left (see :func:`rework_allowance`)."""

    kind: str
    starts: tuple[On, ...]
    stops: tuple[On, ...]
    cancels: tuple[On, ...]
    reworks: tuple[On, ...] = ()
    revives: tuple[On, ...] = ()
    pauses: bool = False


def _on(*actions: str) -> tuple[On, ...]:
    return tuple(On(action) for action in actions)


CLOCKS: tuple[ClockRule, ...] = (
    ClockRule(
        "accept",
        (
            *_on(REPORT, A.REFUTE_CHECK, A.CANCEL_CHECK, A.REINSTATE),
            On(A.SEND_BACK, target=S.REPORTED),
            On(A.UNMERGE, target=S.REPORTED),
        ),
        _on(A.ACCEPT, A.REJECT, A.ANSWER, A.REQUEST_CHECK, A.RESOLVE_ON_SITE),
        _on(A.MERGE, A.VOID),
    ),
    ClockRule("check", _on(A.REQUEST_CHECK), _on(A.CONFIRM_CHECK, A.REFUTE_CHECK), _on(A.CANCEL_CHECK, A.VOID)),
    ClockRule(
        "file",
        (
            *_on(A.ACCEPT, A.CONFIRM_CHECK, A.REFUSE_ON_SITE),
            On(A.SEND_BACK, target=S.ACCEPTED),
            On(A.UNMERGE, target=S.ACCEPTED),
        ),
        _on(A.FILE, A.DECLINE, A.SEND_BACK),
        _on(A.MERGE, A.VOID, A.ANSWER),
    ),
    ClockRule(
        "dispatch",
        (*_on(A.FILE, A.RETURN, A.RECALL, A.REOPEN), On(A.UNMERGE, target=S.FILED)),
        _on(A.DISPATCH, A.IMPOSE, A.SEND_BACK),
        _on(A.MERGE, A.VOID, A.FORCE_CLOSE),
    ),
    ClockRule("sign", _on(A.DISPATCH, A.IMPOSE), _on(A.SIGN), _on(A.RECALL, A.RETURN, A.VOID, A.FORCE_CLOSE)),
    ClockRule(
        "handle",
        _on(A.DISPATCH, A.IMPOSE),
        _on(A.FEED_BACK),
        _on(A.RECALL, A.RETURN, A.VOID, A.FORCE_CLOSE),
        reworks=_on(A.FAIL, A.REFUSE_FEEDBACK),
        pauses=True,
    ),
    ClockRule(
        "send",
        _on(A.FEED_BACK, A.RESOLVE_ON_SITE),
        _on(A.REQUEST_VERIFICATION, A.REFUSE_FEEDBACK, A.APPROVE_ON_SITE, A.REFUSE_ON_SITE),
        _on(A.VOID, A.FORCE_CLOSE),
    ),
    ClockRule("verify", _on(A.REQUEST_VERIFICATION), _on(A.PASS, A.FAIL, A.REFUSE_ON_SITE), _on(A.VOID, A.FORCE_CLOSE)),
    ClockRule("close", _on(A.PASS), _on(A.CLOSE), _on(A.VOID, A.FORCE_CLOSE)),
    ClockRule(
        "total",
        _on(REPORT, A.REOPEN, A.REINSTATE),
        _on(A.CLOSE, A.FORCE_CLOSE, A.ANSWER, A.APPROVE_ON_SITE, A.REJECT, A.DECLINE),
        _on(A.VOID, A.MERGE),
        revives=_on(A.UNMERGE),
        pauses=True,
    ),
)
RULES: Mapping[str, ClockRule] = {rule.kind: rule for rule in CLOCKS}

#: The clocks that are live in each open status; of an ended case none is. Handle and total are paused while it is
#: suspended. Written by hand, and held to the rules above by the walks of the tests.
LIVE: Mapping[S, frozenset[str]] = {
    S.REPORTED: frozenset({"accept", "total"}),
    S.CHECKING: frozenset({"check", "total"}),
    S.ACCEPTED: frozenset({"file", "total"}),
    S.FILED: frozenset({"dispatch", "total"}),
    S.DISPATCHED: frozenset({"sign", "handle", "total"}),
    S.HANDLING: frozenset({"handle", "total"}),
    S.SUSPENDED: frozenset({"handle", "total"}),
    S.HANDLED: frozenset({"send", "total"}),
    S.VERIFYING: frozenset({"verify", "total"}),
    S.VERIFIED: frozenset({"close", "total"}),
}
