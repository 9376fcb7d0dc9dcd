"""Counting that ends: how many rows there are, up to a limit beyond which nobody counts."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet

#: A queue of more is nobody's day's work: its figure is "9999+".
MOST = 9_999


def count_up_to(parts: Mapping[str, QuerySet[Any]]) -> dict[str, int]:
    """How many rows each of ``parts`` has, ``MOST + 1`` where it has more. One statement for all; all of one database.

    Each is a count of its own, so that an index can serve it and it ends at the limit; together in one pass over all
    rows they would cost what all rows cost.
    """
    counts, asked, columns, values = dict.fromkeys(parts, 0), [], [], []
    using = next((rows.db for rows in parts.values()), "default")
    for name, rows in parts.items():
        bounded = rows.order_by().values("pk")[: MOST + 1].query
        try:
            statement, given = bounded.get_compiler(using=using).as_sql()
        except EmptyResultSet:
            continue
        asked.append(name)
        columns.append(f"(SELECT COUNT(*) FROM ({statement}) AS c)")  # noqa: S608 - Django's own text, its values apart
        values += given
    if asked:
        with connections[using].cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(columns)}", values)
            counts |= dict(zip(asked, cursor.fetchone(), strict=True))
    return counts


def words(count: int) -> str:
    """The figure as it is shown."""
    return f"{MOST}+" if count > MOST else str(count)
