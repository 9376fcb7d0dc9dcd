"""Everything that writes in the loop, as works that can be ended anywhere and begun again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count, F

from dispatch import claims, delivery, escalation, loop, notify, receivers, requests, tickets, timeouts
from dispatch.models import Claim, LadderPause, Notice, NoticeDelivery, Request, Ticket
from gridgov.common import clock
from gridgov.common.errors import DomainError
from incidents import journal
from incidents.models import (
    Attachment,
    Checkpoint,
    Clock,
    ClockSegment,
    FiredStep,
    IdempotencyKey,
    Incident,
    JournalEntry,
)
from incidents.workflow import TRANSITIONS
from tests.chaos.faults import undone
from tests.dispatch.cases import cases_in_every_status, payload_for
from tests.dispatch.test_garbage import LATER, doer, fits
from tests.flows.journey import Quick
from tests.worlds import World


@dataclass(frozen=True, slots=True)
class Work:
    """``whole``: it is one transaction, so that ended anywhere it has done nothing."""

    name: str
    do: Callable[[], Any]
    whole: bool = True


def few(world: World) -> list[Work]:
    """A report, a move, a dispatch and a grant, for a short run."""
    body, by = world.body(attachments=(world.photo("acceptor"),)), world.actor("acceptor")
    reported, filed = Quick(world).number, Quick(world).to("filed").number
    handled = Quick(world).to("handling")
    pk = handled.ask("return", "department_handler")
    decider = world.actor("dispatcher")
    found = [
        Work("report", lambda: loop.report(body=body, by=by, idempotency_key="works-1")),
        Work("accept", lambda: loop.perform(number=reported, action="accept", by=by, at=LATER)),
        Work("dispatch", lambda: world.perform(filed, "dispatch", "dispatcher", at=LATER, lead=world.lead())),
        Work("grant", lambda: requests.decide(request_id=pk, grant=True, by=decider, at=handled.at)),
    ]
    settle()
    return found


def on_cases(world: World) -> list[Work]:
    """What people and the system do to cases, on settled cases in every status."""
    cases = cases_in_every_status(world)
    settle()
    found = [*transitions(world, cases), *granted(world), *others(world)]
    settle()
    return found


def transitions(world: World, cases: dict[Any, str]) -> Iterator[Work]:
    """Each line of the table once, by somebody who may."""
    into = Quick(world).number
    settle()
    for line in TRANSITIONS:
        number, status = next((n, s) for (s, ticket), n in cases.items() if fits(line, s, ticket))
        found = None if line.granted else doer(world, line, number)
        if found is None:
            continue
        by, login = found
        payload = payload_for(world, line.action, status, login, into)

        def act(number: str = number, action: str = line.action, by: Any = by, payload: Any = payload) -> None:
            loop.perform(number=number, action=action, by=by, at=LATER, **payload)

        if _is_taken(act):
            yield Work(f"{line.action} from {status}", act)


def _is_taken(act: Callable[[], Any]) -> bool:
    with undone():
        try:
            act()
        except DomainError:
            return False
    return True


def granted(world: World) -> Iterator[Work]:
    """Asking and deciding, for each kind."""
    handler, chief, leader = (world.actor(who) for who in ("department_handler", "duty_chief", "leader"))
    kinds: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "return": (handler, world.actor("dispatcher"), {}),
        "extend": (handler, world.actor("dispatcher"), {}),
        "suspend": (handler, chief, {"until": LATER + timedelta(days=3)}),
        "void": (world.actor("acceptor"), chief, {}),
        "force_close": (world.actor("dispatcher_2"), leader, {}),
    }
    for kind, (asker, decider, more) in kinds.items():
        number = Quick(world).to("handling").number
        at = Incident.objects.get(number=number).status_at + timedelta(minutes=1)

        def ask(number: str = number, kind: str = kind, by: Any = asker, at: Any = at, more: Any = more) -> int:
            return requests.ask(number=number, kind=kind, by=by, reason="需要", at=at, **more)

        yield Work(f"ask {kind}", ask)
        other = Quick(world).to("handling").number
        pk = ask(other)
        for grant in (True, False):

            def decide(pk: int = pk, by: Any = decider, grant: bool = grant, at: Any = at) -> Any:
                return requests.decide(request_id=pk, grant=grant, reason="已核", by=by, at=at + timedelta(minutes=1))

            yield Work(f"{'grant' if grant else 'refuse'} {kind}", decide)


def others(world: World) -> Iterator[Work]:
    """Reports, claims, joint tickets, ladders, and the system's own."""
    photo = world.photo("acceptor")
    body = world.body(attachments=(photo,), reporter_name="某", reporter_phone="13900001111")
    by = world.actor("acceptor")
    yield Work("report", lambda: loop.report(body=body, by=by, idempotency_key="works-1"))
    dispute = world.body(category="0302")
    yield Work("confidential report", lambda: loop.report(body=dispute, by=by, idempotency_key="works-2"))

    number = Quick(world).number
    yield Work("claim", lambda: claims.claim(number=number, by=world.actor("acceptor")))
    held = Quick(world).number
    claims.claim(number=held, by=world.actor("acceptor"))
    # the lease is by the database's clock, and to go through all points of all works takes longer than it
    Claim.objects.filter(incident__number=held).update(until=F("until") + timedelta(days=1))
    yield Work("seize", lambda: claims.seize(number=held, by=world.actor("supervisor"), reason="急件"))

    joint = Quick(world).to("handling", joint=("ZJ",))
    ticket = Ticket.objects.get(incident__number=joint.number, is_lead=False)
    who = world.actor("department_handler_joint")
    yield Work("sign joint", lambda: tickets.sign_joint(ticket_id=ticket.pk, by=who))
    yield Work("finish joint", lambda: tickets.finish_joint(ticket_id=ticket.pk, by=who, note="已办"))
    yield Work("refuse joint", lambda: tickets.refuse_joint(ticket_id=ticket.pk, by=who, reason="不归我"))

    accept = Clock.objects.get(incident__number=number, kind="accept")
    chief = world.actor("duty_chief")
    yield Work("hold ladder", lambda: escalation.pause_ladder(clock_id=accept.pk, by=chief, reason="检修"))

    suspended = Incident.objects.filter(status="suspended").latest("pk")
    until = suspended.suspended_until
    yield Work("resume on the date", lambda: timeouts.resume_due(at=until), whole=False)
    yield Work("evaluate after the days", lambda: _later(timeouts.evaluate_due), whole=False)


def _later(task: Callable[..., Any]) -> None:
    at = LATER + timedelta(days=60)
    with clock.played(at):
        task(at=at)


def machinery(world: World) -> Iterator[Work]:
    """The sweep, deliveries with all that follows by itself, notices and the seal."""
    now = clock.now()
    for _case in range(4):
        world.report(at=now - timedelta(days=10))
    world.carry("handling")
    urgent = world.report(category="0101")  # the system accepts, files and dispatches it
    parent, child = Quick(world).number, Quick(world).number
    loop.perform(number=child, action="merge", by=world.actor("acceptor"), into=parent)
    loop.perform(number=parent, action="reject", by=world.actor("acceptor_2"), reason="outside", note="请向邻区反映")
    assert urgent
    yield Work("sweep", lambda: escalation.sweep(now=now), whole=False)
    yield Work("deliver", receivers.deliver_pending, whole=False)
    yield Work("sweep and deliver", lambda: (escalation.sweep(now=now), receivers.deliver_pending()), whole=False)
    yield Work("send", lambda: (receivers.deliver_pending(), notify.send_due(now=clock.now())), whole=False)
    yield Work("seal", lambda: journal.make_checkpoint(at=now), whole=False)


# --- what the works come to -----------------------------------------------------------------------------------------


def settle() -> None:
    """What was left lying is taken up again: leases have run out, and all that follows by itself follows."""
    Incident.objects.exclude(deliver_until=None).update(deliver_until=clock.now() - delivery.LEASE)
    waiting = JournalEntry.objects.filter(delivered_at__isnull=True, parked_at__isnull=True)
    waiting.update(next_try_at=clock.now())
    now = clock.now()
    while escalation.sweep(now=now) or receivers.deliver_pending().delivered:
        pass
    while notify.send_due(now=clock.now()):
        pass
    while journal.make_checkpoint(at=now):
        pass


def standing() -> tuple[Any, ...]:
    """Everything a single transaction of the loop may write, so that half of it would show."""
    lease = {"deliver_lease", "deliver_until"}
    cases = [f.attname for f in Incident._meta.concrete_fields if f.name not in lease]
    tables = (Clock, ClockSegment, FiredStep, Ticket, Request, Claim, LadderPause, IdempotencyKey)
    return (
        list(Incident.objects.order_by("pk").values_list(*cases)),
        *(list(table.objects.order_by("pk").values_list()) for table in tables),
        list(JournalEntry.objects.order_by("pk").values_list("pk", "mac")),
        list(Attachment.objects.order_by("pk").values_list("pk", "incident_id", "entry_seq")),
    )


def outcome() -> tuple[Any, ...]:
    """What the works come to, whenever and however often they were begun: no ids and no times of doing."""
    entries = JournalEntry.objects.values_list("incident__number", "action", "status_to")
    notices = Notice.objects.exclude(topic__startswith="step_digest").values_list("incident__number", "user", "topic")
    return (
        sorted(Incident.objects.values_list("status", "version", "head_seq", "supervision_level")),
        sorted((action, status) for _number, action, status in entries),
        sorted(FiredStep.objects.values_list("clock__kind", "clock__cycle", "fence", "key")),
        sorted(Ticket.objects.values_list("state").annotate(n=Count("pk"))),
        len(notices),
        NoticeDelivery.objects.exclude(state="sent").count(),
        JournalEntry.objects.filter(delivered_at__isnull=True).count(),
    )


def forget_file() -> None:
    """The seals of what was undone are no seals."""
    Path(settings.CHECKPOINT_FILE).unlink(missing_ok=True)
    if Checkpoint.objects.exists():
        journal.mend_file()
