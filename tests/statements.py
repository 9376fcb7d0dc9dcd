"""Counting statements as the budgets do: without BEGIN, COMMIT and SAVEPOINT, with authentication."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

_FRAME = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)", re.IGNORECASE)


@contextmanager
def counted() -> Iterator[list[str]]:
    """A list that has the statements of the block once it is left."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    found += [query["sql"] for query in captured.captured_queries if not _FRAME.match(query["sql"])]


@contextmanager
def at_most(limit: int) -> Iterator[None]:
    """The block takes no more than so many statements."""
    with counted() as found:
        yield
    assert len(found) <= limit, f"{len(found)} statements:\n" + "\n".join(sql[:300] for sql in found)
