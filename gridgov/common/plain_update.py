"""Writes that are made all the time, without the ORM's expressions: to build those costs ten times the write.

A single update's values still pass through their fields. Sets of rows are written by column: instants and JSON as the
database takes them, everything else as it is, so that what is stored is what the ORM would have stored of values of the
right type. Names of tables and columns come from the models alone.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, JSONField, Model

_VALUES = 30_000


def update_where(model: type[Model], where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Rows of ``model`` that have all the values of ``where`` (none of them None) have ``values``; how many.

    One statement. Values that are expressions (``F`` and the like) go the ORM's way.
    """
    if any(hasattr(value, "resolve_expression") for value in values.values()):
        return model._default_manager.filter(**where).update(**values)
    sql = _where_sql(model, tuple(where), tuple(values))
    given = [_stored(model, name, value) for name, value in (*values.items(), *where.items())]
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        return int(cursor.rowcount)


def update_rows(model: type[Model], names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Each row ``(id, value, …)`` of ``model`` has those values in the fields ``names``. One statement for all."""
    if not rows:
        return
    if len(rows) == 1:
        pk, *values = rows[0]
        update_where(model, {"pk": pk}, dict(zip(names, values, strict=True)))
        return
    sql = _rows_sql(model, tuple(names), len(rows), connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(sql, _by_column(model, ("pk", *names), rows))


def insert_rows(model: type[Model], names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """New rows of ``model``, each with its values of the fields ``names``; other columns are NULL.

    One statement, or as many as the number of values takes: SQLite knows no more than 32,766 in one.
    """
    size = _VALUES // len(names)
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        with connection.cursor() as cursor:
            cursor.execute(_insert_sql(model, tuple(names), len(part)), _by_column(model, names, part))


def _by_column(model: type[Model], names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The values of all rows in order, those of a column made ready by one function."""
    columns = list(zip(*rows, strict=True))
    ready = [
        column if (make := _maker(_field(model, name))) is None else [make(value) for value in column]
        for name, column in zip(names, columns, strict=True)
    ]
    return [value for row in zip(*ready, strict=True) for value in row]


def _maker(field: Any) -> Callable[[Any], Any] | None:
    if isinstance(field, JSONField):
        return _as_json
    if isinstance(field, DateTimeField):
        adapt = connection.ops.adapt_datetimefield_value
        return lambda value: None if value is None else adapt(value)
    return None


def _as_json(value: Any) -> str | None:
    """As both databases take it: the text of it, with the blanks that the ORM's has."""
    return None if value is None else json.dumps(value)


def _field(model: type[Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def _stored(model: type[Model], name: str, value: Any) -> Any:
    value = value.pk if isinstance(value, Model) else value
    return _field(model, name).get_db_prep_save(value, connection)


def _column(model: type[Model], name: str) -> str:
    return connection.ops.quote_name(_field(model, name).column)


@lru_cache(maxsize=512)
def _where_sql(model: type[Model], where: tuple[str, ...], names: tuple[str, ...]) -> str:
    table = connection.ops.quote_name(model._meta.db_table)
    values = ", ".join(f"{_column(model, name)} = %s" for name in names)
    conditions = " AND ".join(f"{_column(model, name)} = %s" for name in where)
    return f"UPDATE {table} SET {values} WHERE {conditions}"  # noqa: S608 - names of columns


@lru_cache(maxsize=512)
def _insert_sql(model: type[Model], names: tuple[str, ...], count: int) -> str:
    table = connection.ops.quote_name(model._meta.db_table)
    columns = ", ".join(_column(model, name) for name in names)
    marks = f"({', '.join(['%s'] * len(names))})"
    return f"INSERT INTO {table} ({columns}) VALUES {', '.join([marks] * count)}"  # noqa: S608 - as above


@lru_cache(maxsize=512)
def _rows_sql(model: type[Model], names: tuple[str, ...], count: int, vendor: str) -> str:
    table, key = connection.ops.quote_name(model._meta.db_table), _column(model, "pk")
    marks = f"({', '.join(['%s'] * (len(names) + 1))})"
    columns = [_column(model, name) for name in names]
    types = [_field(model, name).cast_db_type(connection) for name in ("pk", *names)]
    # a list of bare values has no types of its own on PostgreSQL
    given = [
        f"CAST(given.{column} AS {kind})" if vendor == "postgresql" else f"given.{column}"
        for column, kind in zip((key, *columns), types, strict=True)
    ]
    values = ", ".join(f"{column} = {value}" for column, value in zip(columns, given[1:], strict=True))
    return (
        f"WITH given({key}, {', '.join(columns)}) AS (VALUES {', '.join([marks] * count)}) "  # noqa: S608 - as above
        f"UPDATE {table} SET {values} FROM given WHERE {table}.{key} = {given[0]}"
    )
