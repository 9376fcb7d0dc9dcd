"""The tasks of beat and of the poke: each only says "look now", so that one lost, late or repeated does no harm.

What is due stands in the database. Each looks in sets and gives up after a few seconds; the next run goes on.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from celery import shared_task
from django.db import IntegrityError

from dispatch import claims, delivery, drafts, escalation, loop_audit, notify, placing, receivers, requests, timeouts
from dispatch.models import LoopAudit
from gridgov.common import clock, heartbeat, turns
from gridgov.common.deadlocks import begun_again
from grids.services import place_due
from grids.spatial import areas
from incidents import attachments, journal

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
#: Cases that were reported under the old areas while they changed are found by looking on for this long.
PLACE_AGAIN_FOR = timedelta(seconds=60)
#: A form that was left open is not filled in after a week.
UPLOADS_KEPT_FOR = timedelta(days=7)
CLAIMS_KEPT_FOR = timedelta(days=1)
FULL_AUDIT_EVERY = timedelta(days=1)
#: An audit that somebody asked for waits for the one under way; beat's comes again.
AUDIT_PATIENCE_SECONDS = 120.0

#: A poke that was not fetched by then is dropped: the one before it is still delivering, or the sweep will.
POKE_EXPIRES_SECONDS = 2
#: Under a load that never ends one task hands over to the next after so many rounds.
ROUNDS = 3

poker = delivery.Poker(lambda: deliver_pending.apply_async(expires=POKE_EXPIRES_SECONDS))
_delivering = threading.Lock()
_wanted = threading.Event()


def _while_any(step: Callable[[], int]) -> int:
    """``step`` again and again while it finds something, for at most some seconds; the sum of what it found."""
    started, total = time.monotonic(), 0
    while time.monotonic() - started < PATIENCE_SECONDS:
        found = step()
        total += found
        if not found:
            break
    return total


@shared_task(name="dispatch.sweep_clocks")
def sweep_clocks() -> int:
    """Every step that is due has fired."""
    fired = _while_any(lambda: escalation.sweep(now=clock.now()))
    heartbeat.beat("sweep")
    return fired


@shared_task(name="dispatch.deliver_pending")
def deliver_pending() -> int:
    """Every entry that waits for delivery has been tried, and the notices made of it are sent.

    One at a time in a process: pokes come faster than a loaded worker delivers, and must not take every thread from
    the sweep and the heartbeat. Whoever finds another at it leaves word, and that one looks once more.
    """
    _wanted.set()
    delivered = rounds = 0
    while rounds < ROUNDS and _wanted.is_set() and _delivering.acquire(blocking=False):
        try:
            _wanted.clear()
            rounds += 1
            delivered += _deliver()
        finally:
            _delivering.release()
    return delivered


def _deliver() -> int:
    told = 0

    def step() -> int:
        nonlocal told
        done = receivers.deliver_pending()
        told += done.told
        return done.delivered

    delivered = _while_any(step)
    if told:
        send_notices()
    return delivered


@shared_task(name="dispatch.send_notices")
def send_notices() -> int:
    """Every notice that waits has been tried once."""
    return _while_any(lambda: notify.send_due(now=clock.now()))


@shared_task(name="dispatch.resume_due")
def resume_due() -> int:
    """Suspended cases whose date has come go on."""
    return timeouts.resume_due(at=clock.now())


@shared_task(name="dispatch.limits_due")
def limits_due() -> int:
    """Checks that nobody answered are called off, verifications that nobody made are with the queue."""
    at = clock.now()
    return timeouts.cancel_checks(at=at) + timeouts.free_verifications(at=at)


@shared_task(name="dispatch.decide_requests_due")
def decide_requests_due() -> int:
    """Requests that were not decided in time are with the next level."""
    return requests.raise_due(at=clock.now())


@shared_task(name="dispatch.evaluate_due")
def evaluate_due() -> int:
    """Closed cases that nobody rated in their days are evaluated as not rated."""
    return _while_any(lambda: timeouts.evaluate_due(at=clock.now()))


@shared_task(name="dispatch.make_checkpoint")
def make_checkpoint() -> None:
    """Every entry of the journal is sealed."""
    try:
        while begun_again(lambda: journal.make_checkpoint(at=clock.now())) is not None:
            pass
    except IntegrityError:
        logger.info("another process makes this checkpoint")


@shared_task(name="dispatch.discard_uploads")
def discard_uploads() -> int:
    """Uploads that no case took within a week are gone."""
    return _while_any(lambda: attachments.discard_unlinked(before=clock.now() - UPLOADS_KEPT_FOR))


@shared_task(name="dispatch.tidy_desks")
def tidy_desks() -> int:
    """Claims that ended a day ago and drafts that nobody touched for a week are gone."""
    now = clock.now()
    ended = _while_any(lambda: begun_again(lambda: claims.discard_ended(before=now - CLAIMS_KEPT_FOR)))
    return ended + _while_any(lambda: drafts.discard(before=now - drafts.KEPT_FOR))


@shared_task(name="dispatch.audit_loop")
def audit_loop(full: bool = False) -> int:
    """The loop as a whole was looked at, and who operates it told of what does not hold; how much does not.

    All journals once a day and when somebody asks for it, else those that have grown. One at a time: while another is
    under way, by whatever process, beat's run is left out.
    """
    with turns.alone(loop_audit.TURN, patience=AUDIT_PATIENCE_SECONDS if full else 0.0) as mine:
        if not mine:
            logger.warning("the loop is being audited already") if full else logger.info("an audit is under way")
            return 0
        since = clock.now() - FULL_AUDIT_EVERY
        walked = LoopAudit.objects.filter(is_full=True, started_at__gt=since).exists()
        return loop_audit.run_and_tell(full=full or not walked).fault_count


_placed_until: tuple[int, object] = (-1, None)


@shared_task(name="dispatch.place_again")
def place_again() -> int:
    """Open cases lie where the present areas say; so do places and components where who changed the areas died."""
    global _placed_until
    begun_again(place_due)
    revision, at = areas.index().revision, clock.now()
    seen, until = _placed_until
    if revision != seen:
        _placed_until = (revision, at + PLACE_AGAIN_FOR)
    elif at > until:  # type: ignore[operator]
        return 0
    moved = begun_again(lambda: placing.place_again(at=at))
    if moved:
        # many more may be left
        _placed_until = (revision, at + PLACE_AGAIN_FOR)
    return moved
