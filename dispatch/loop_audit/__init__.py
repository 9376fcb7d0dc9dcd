"""The auditor: states of the loop as a whole whether anything was lost, doubled or left standing.

``manage.py audit_loop`` and a task run it; ``/ops/audit/`` shows what it found. It reads only, in statements of sets
with a bounded answer, and may run beside everything else: each transaction keeps all that is checked, so no moment
between two of them is at fault. Whoever operates the loop is told when something is found that was not found before.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch.loop_audit.accepted import Accepted, unheld
from dispatch.loop_audit.checks import CHECKS, Rows, Scope, grown
from dispatch.models import LoopAudit
from dispatch.notify import plain
from gridgov.common import clock
from grids import permissions
from grids.capabilities import Capability
from grids.models import AreaMembership
from incidents import journal
from incidents.models import Incident, JournalEntry

#: So late an entry may be delivered, a step fire or a notice go out before it counts as left standing.
GRACE = timedelta(seconds=60)
#: Sealed each minute; the file of another machine may be a few minutes behind.
SEAL_GRACE = timedelta(minutes=10)
#: Ids commit out of order: so far before the last run's end the next one begins.
OVERLAP = 5_000
#: Cases named in a finding.
SAMPLE = 50
RUNS_KEPT = 1_000
TOPIC = "loop_audit"
#: What runs are called that are not to meet (:func:`gridgov.common.turns.alone`).
TURN = "loop_audit"

#: Looked at only where a client has told what it was answered.
OF_CLIENT = "accepted_lost"
#: The checks that are no set of rows.
MORE: dict[str, str | Promise] = {
    OF_CLIENT: gettext_lazy("来访方记为已受理的请求都在库中，内容相符"),
    "journal_proof": gettext_lazy("流转记录的校验码逐条相符"),
    "seal_unwritten": gettext_lazy("校验点都已写入外部文件"),
}
STATEMENTS: dict[str, str | Promise] = {check.key: check.statement for check in CHECKS} | MORE
WAITS = frozenset(check.key for check in CHECKS if check.waits)


@dataclass(frozen=True, slots=True)
class Finding:
    """What breaks one statement: how many rows, and the numbers of the first cases (of checkpoints: theirs)."""

    key: str
    count: int
    numbers: tuple[str, ...]

    @property
    def waits(self) -> bool:
        """It failed visibly and waits for a person: no fault."""
        return self.key in WAITS

    def as_json(self) -> dict[str, Any]:
        return {"key": self.key, "count": self.count, "numbers": list(self.numbers)}


@dataclass(slots=True)
class Verdict:
    """What one run found."""

    started_at: datetime
    is_full: bool
    last_entry_id: int
    seconds: float = 0.0
    case_count: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def faults(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.waits]

    @property
    def is_clean(self) -> bool:
        return not self.faults


def run(
    *,
    since: int = 0,
    grace: timedelta = GRACE,
    seal_grace: timedelta = SEAL_GRACE,
    accepted: Iterable[Accepted] = (),
    proof: bool = True,
) -> Verdict:
    """The loop looked at as a whole; nothing is written.

    ``since``: an entry's id; journals that have not grown since are not walked again (0: all are). ``accepted``: what a
    client was told to be done, to be found again. ``proof``: whether the journals' codes are worked out anew.
    """
    started, now = time.monotonic(), clock.now()
    last = JournalEntry.objects.aggregate(last=Max("pk"))["last"] or 0
    scope = Scope(late=now - grace, seal_late=now - seal_grace, journal_since=since)
    verdict = Verdict(now, not since, last)
    for check in CHECKS:
        count, numbers = _of(check.rows(scope))
        _add(verdict, check.key, count, numbers)
    lost = list(unheld(accepted))
    _add(verdict, OF_CLIENT, len(lost), lost)
    if proof:
        proved = journal.verify(cases=Incident.objects.filter(grown(scope, "pk")))
        verdict.case_count = proved.incident_count
        _add(verdict, "journal_proof", len(proved.faults), dict.fromkeys(fault.number for fault in proved.faults))
    count, numbers = _of([Rows(journal.without_line(made_before=scope.seal_late), "number")])
    _add(verdict, "seal_unwritten", count, (f"#{number}" for number in numbers))
    verdict.seconds = time.monotonic() - started
    return verdict


def _of(rows: Sequence[Rows]) -> tuple[int, Iterator[str]]:
    count, numbers = 0, list[str]()
    for one in rows:
        first = list(one.found.order_by().values_list(one.number, flat=True)[: SAMPLE + 1])
        # the second look is only for who has much to answer for
        count += len(first) if len(first) <= SAMPLE else one.found.order_by().count()
        numbers += [number or "" for number in first]
    return count, iter(dict.fromkeys(filter(None, numbers)))


def _add(verdict: Verdict, key: str, count: int, numbers: Iterable[str]) -> None:
    if count:
        verdict.findings.append(Finding(key, count, tuple(sorted(numbers)[:SAMPLE])))


# --- keeping and telling ------------------------------------------------------------------------------------------


def run_and_tell(*, full: bool = False) -> LoopAudit:
    """A run is kept, and who operates the loop is told of what the run before did not find.

    ``full``: all journals are walked, else those that have grown since the last run.
    """
    before = LoopAudit.objects.order_by("-pk").first()
    since = 0 if full or before is None else max(0, before.last_entry_id - OVERLAP)
    verdict = run(since=since)
    known = {found["key"] for found in before.findings} if before is not None else set()
    fresh = [finding for finding in verdict.faults if finding.key not in known]
    people = _operators(verdict.started_at) if fresh else []
    with transaction.atomic():
        kept = keep(verdict)
        if people:
            plain.store(people, topic=f"{TOPIC}:{kept.pk}", text=_words(fresh), at=verdict.started_at)
    LoopAudit.objects.filter(pk__lte=kept.pk - RUNS_KEPT).delete()
    return kept


def keep(verdict: Verdict) -> LoopAudit:
    """The run stands in the table."""
    return LoopAudit.objects.create(
        started_at=verdict.started_at,
        seconds=round(verdict.seconds, 3),
        is_full=verdict.is_full,
        last_entry_id=verdict.last_entry_id,
        case_count=verdict.case_count,
        fault_count=sum(finding.count for finding in verdict.faults),
        waiting_count=sum(finding.count for finding in verdict.findings if finding.waits),
        findings=[finding.as_json() for finding in verdict.findings],
    )


def _words(fresh: Sequence[Finding]) -> str:
    said = "；".join(f"{STATEMENTS[finding.key]}（{finding.count}）" for finding in fresh)
    return _("流程核对发现不符，请到运维页查看。应为：%(said)s") % {"said": said}


def _operators(at: datetime) -> list[int]:
    """Everybody who operates the loop anywhere on the day: what the machinery lost is no single area's affair."""
    on = clock.local_date(at)
    areas = AreaMembership.objects.order_by().values_list("area_id", flat=True).distinct()
    found = permissions.holders(on=on, areas_in=areas, capability=Capability.OPERATE_LOOP)
    return sorted({holder.user_id for holder in found})
