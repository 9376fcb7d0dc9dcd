"""Children of a row as one JSON text column: the same on PostgreSQL and SQLite.

A case with its clocks, tickets and requests is read in one statement, whatever their number. Instants come
back as text (ISO 8601 on PostgreSQL, ``YYYY-MM-DD HH:MM:SS`` in UTC on SQLite); :func:`instant` reads both.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
from django.db.models import Aggregate, BigIntegerField, Expression, F, Func, QuerySet, Subquery, TextField, Value
from django.db.models.functions import JSONObject


class _JSONRows(Aggregate):
    """All rows of a group as one JSON array of objects, as text."""

    function = "JSON_AGG"
    template = "%(function)s(%(expressions)s)"
    output_field = TextField()
    allow_distinct = False

    def as_sqlite(self, compiler, connection, **context):  # type: ignore[no-untyped-def]
        return self.as_sql(compiler, connection, function="JSON_GROUP_ARRAY", **context)

    def as_postgresql(self, compiler, connection, **context):  # type: ignore[no-untyped-def]
        return self.as_sql(compiler, connection, template="(%(function)s(%(expressions)s))::text", **context)


def rows_subquery(children: QuerySet[Any], *, link: str, fields: Iterable[str] = (), **expressions: Expression | str):
    """The rows of ``children`` (already tied to the outer row by ``OuterRef``) as a JSON text.

    ``link`` is the children's column that ties them to the outer row; it becomes the GROUP BY. The value is
    NULL where there is none: read it with :func:`rows`.
    """
    spec: dict[str, Any] = {name: F(name) for name in fields} | expressions
    grouped = children.order_by().values(link).annotate(_rows=_JSONRows(JSONObject(**spec))).values("_rows")
    return Subquery(grouped, output_field=TextField())


class among(Func):
    """For ``…__in``: the whole numbers of a JSON list, so that the SQL is the same whatever their number."""

    output_field = BigIntegerField()
    template = "(SELECT value FROM JSON_EACH(%(expressions)s))"

    def __init__(self, text: str) -> None:
        super().__init__(Value(text, output_field=TextField()))

    def as_postgresql(self, compiler, connection, **context):  # type: ignore[no-untyped-def]
        template = "(SELECT value::bigint FROM JSONB_ARRAY_ELEMENTS_TEXT((%(expressions)s)::jsonb))"
        return self.as_sql(compiler, connection, template=template, **context)


def whole_numbers(ids: Iterable[int]) -> str:
    """The JSON list that :class:`among` reads."""
    return orjson.dumps(list(ids)).decode()


def rows(text: str | None) -> list[dict[str, Any]]:
    """The rows of a column made by :func:`rows_subquery`."""
    return orjson.loads(text) if text else []


def instant(value: str | None) -> datetime | None:
    """An instant out of such a row, aware, in UTC."""
    if value is None:
        return None
    parsed = datetime.fromisoformat(value)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
