"""What the races run in processes of their own."""

# ruff: noqa: I001 - the first of them makes Django ready for the others
from typing import Any

from tests.processes import use

from django.db import connection

from dispatch import loop
from dispatch.actors import actor_of
from gridgov.common.errors import Conflict
from gridgov.common.models import User


def accept(database: str, number: str, login: str, version: int, start: Any, results: Any) -> None:
    """Accepts the case as soon as everybody is ready; who it was, and how it ended, goes to ``results``."""
    use(database)
    by = actor_of(User.objects.get(username=login))
    loop.read(number, by)
    start.wait(60)
    try:
        loop.perform(number=number, action="accept", by=by, version=version)
        results.put((login, "ok", {}))
    except Conflict as conflict:
        results.put((login, conflict.code, conflict.extra))
    connection.close()
