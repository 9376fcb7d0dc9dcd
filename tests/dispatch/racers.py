"""What the races run in processes of their own."""

# ruff: noqa: I001 - the first of them makes Django ready for the others
import threading
from typing import Any

from tests.processes import use

from django.db import connection

from dispatch import claims, loop
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


def claim(database: str, number: str, people: list[tuple[int, Any]], start: Any, results: Any) -> None:
    """Each of ``people`` claims the case in a thread of his own; user id and outcome go to ``results``."""
    use(database)

    def one(user_id: int, by: Any) -> None:
        start.wait(120)
        try:
            claims.claim(number=number, by=by)
            results.put((user_id, "ok", {}))
        except Conflict as conflict:
            results.put((user_id, conflict.code, conflict.extra))
        except BaseException as error:
            results.put((user_id, repr(error), {}))
        connection.close()

    threads = [threading.Thread(target=one, args=person) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
