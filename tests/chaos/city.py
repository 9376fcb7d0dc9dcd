"""The city of the tests in a deployment's database, with clocks of a minute: ``python -m tests.chaos.city [backlog]``.

Prints what a client needs to know as one line of JSON. A city that is there already is left as it is. ``backlog``: so
many cases more, whose steps fall due one after another from now on.
"""

# ruff: noqa: I001 - the first of them makes Django ready for the others
import json
import sys
from datetime import timedelta
from typing import Any

import tests.processes  # noqa: F401

from django.db import connection
from rest_framework.authtoken.models import Token

from dispatch import escalation
from gridgov.common import clock
from gridgov.common.business_time import Allowance, Unit
from gridgov.common.models import User
from grids.models import Area
from incidents.catalogue import StepSpec
from incidents.catalogue_services import LimitInput, save_default_limits, save_ladder
from personnel.models import Department
from personnel.services import hire, post
from tests.worlds import SINCE, _world, make_world

#: Whoever claims: so many acceptors of 甲区.
SESSIONS = 200
CLOCKS = ("accept", "check", "file", "dispatch", "sign", "handle", "send", "verify", "close", "total")
SPREAD = timedelta(seconds=45)
_LOCK = 20_261_126


def make() -> None:
    """The city, its people, ladders and targets; nothing where there is one. One process at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            if not Area.objects.exists():
                _make()
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _make() -> None:
    world = make_world()
    for n in range(SESSIONS):
        worker = hire(login=f"session-{n:03}", name=f"坐席{n:03}", number=f"S{n:03}", phone="")
        post(worker=worker, role="acceptor", starts_on=SINCE, area=world.areas["620901"])
    Token.objects.bulk_create(Token(user=user, key=Token.generate_key()) for user in User.objects.all())
    save_ladder(
        code="minute",
        name="一分钟",
        steps=[
            StepSpec("warn", "share_left", share=0.25),
            StepSpec("due", "at_due"),
            StepSpec("after_4h", "after_due", minutes=1),
        ],
    )
    save_default_limits(
        limits=[LimitInput(clock=kind, allowance=Allowance(Unit.URGENT, minutes=1), ladder="minute") for kind in CLOCKS]
    )
    escalation.load_file()


def backlog(count: int) -> None:
    """So many reported cases, the first steps of which fall due within SPREAD."""
    world = _there()
    now = clock.now()
    for n in range(count):
        # the warning comes 45 s after the report
        world.report(at=now - timedelta(seconds=45) + SPREAD * n / count, description="待扫描")


def _there() -> Any:
    return _world()


def known() -> dict[str, Any]:
    """Tokens by login, and the ids that payloads name."""
    return {
        "tokens": dict(Token.objects.values_list("user__username", "key")),
        "lead": Department.objects.get(code="CG-SZ").pk,
        "point": list(_there().point()),
    }


if __name__ == "__main__":
    make()
    if len(sys.argv) > 1:
        backlog(int(sys.argv[1]))
    print(json.dumps(known()))
