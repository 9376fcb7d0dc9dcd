"""Two that do something in one instant, without luck."""

import threading

from django.db import connection, connections

from gridgov.common.errors import Conflict


def met_before(word: str, table: str, work, other) -> tuple[object, object]:
    """What ``work`` and ``other`` return, ``other`` begun just before the first statement ``word`` of ``work``.

    A turn lets ``other`` wait there until ``work`` is done; without one it is done first.
    """
    found: list[object] = []

    def run() -> None:
        try:
            found.append(other())
        except Conflict as refused:
            found.append(refused)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)

    def begins(execute, sql, params, many, context):
        if not thread.ident and str(sql).startswith(word) and table in str(sql):
            thread.start()
            thread.join(2)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(begins):
        mine = work()
    thread.join(60)
    assert not thread.is_alive()
    return mine, found[0]
