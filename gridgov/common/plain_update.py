"""Writes that are made all the time, without the ORM's expressions: to build those costs ten times the write.

Instants and JSON are written as the database takes them, texts and numbers as they are, so that what is stored is what
the ORM would have stored of values of the right type. Names of tables and columns come from the models alone.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import (
    AutoField,
    BooleanField,
    CharField,
    DateTimeField,
    FloatField,
    IntegerField,
    JSONField,
    Model,
    TextField,
)

from gridgov.postgres import Statement

_VALUES = 30_000


def update_where(model: type[Model], where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Rows of ``model`` that have all the values of ``where`` (none of them None) have ``values``; how many.

    One statement. Values that are expressions (``F`` and the like) go the ORM's way.
    """
    if any(hasattr(value, "resolve_expression") for value in values.values()):
        return model._default_manager.filter(**where).update(**values)
    sql = _where_sql(model, tuple(where), tuple(values))
    given = [_stored(model, name, value) for name, value in (*values.items(), *where.items())]
    return _run(sql, given)[0]


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


def insert_new(rows: Sequence[Model]) -> None:
    """The rows, new ones of one model whose key the database gives, stand in its table and have their keys.

    One statement. Nothing is sent to receivers of the ORM's signals, and no value is made up on the way: a model with
    such fields (``auto_now``, ``db_default``) is refused.
    """
    model = type(rows[0])
    sql, columns = _new_sql(model, len(rows), connection.vendor)
    values = [
        row.__dict__[name] if make is None else make(row.__dict__[name]) for row in rows for name, make in columns
    ]
    _count, keys = _run(sql, values)
    for row, (key,) in zip(rows, keys, strict=True):
        row.pk = key
        row._state.adding, row._state.db = False, connection.alias


def insert_rows(model: type[Model], names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """New rows of ``model``, each with its values of the fields ``names``; other columns are NULL.

    One statement, or as many as the number of values takes: SQLite knows no more than 32,766 in one.
    """
    size = _VALUES // len(names)
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        with connection.cursor() as cursor:
            cursor.execute(_insert_sql(model, tuple(names), len(part)), _by_column(model, names, part))


def _run(sql: str, values: Sequence[Any]) -> tuple[int, list[Any]]:
    """How many rows, and what was given back of them. PostgreSQL has the statement parsed and planned already."""
    if connection.vendor == "postgresql" and settings.PREPARED_STATEMENTS:
        return connection.run_prepared(_statement(sql), values)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount), cursor.fetchall() if cursor.description else []


@lru_cache(maxsize=512)
def _statement(sql: str) -> Statement:
    parts = sql.split("%s")
    return Statement("".join(f"{part}${position}" for position, part in enumerate(parts[:-1], 1)) + parts[-1])


def _by_column(model: type[Model], names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The values of all rows in order, those of a column made ready by one function."""
    columns = list(zip(*rows, strict=True))
    ready = [
        column if (make := _maker(_field(model, name), connection.vendor)) is None else [make(v) for v in column]
        for name, column in zip(names, columns, strict=True)
    ]
    return [value for row in zip(*ready, strict=True) for value in row]


@lru_cache(maxsize=512)
def _maker(field: Any, vendor: str) -> Callable[[Any], Any] | None:
    """What makes a value of the field ready for the database; None where it is so. The rare kinds go the ORM's way."""
    stored = field.target_field if field.is_relation else field
    if isinstance(stored, JSONField):
        return _as_json
    if isinstance(stored, DateTimeField):
        return lambda value: None if value is None else connection.ops.adapt_datetimefield_value(value)
    if isinstance(stored, CharField | TextField | IntegerField | BooleanField | FloatField):
        return None
    return lambda value: field.get_db_prep_save(value, connection)


def _as_json(value: Any) -> str | None:
    """As both databases take it: the text of it, with the blanks that the ORM's has."""
    return None if value is None else json.dumps(value)


def _field(model: type[Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def _stored(model: type[Model], name: str, value: Any) -> Any:
    value = value.pk if isinstance(value, Model) else value
    make = _maker(_field(model, name), connection.vendor)
    return value if make is None else make(value)


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


def _new_fields(model: type[Model]) -> list[Any]:
    fields = [field for field in model._meta.local_concrete_fields if not field.primary_key]
    made_up = [f.name for f in fields if getattr(f, "auto_now", False) or getattr(f, "auto_now_add", False)]
    made_up += [field.name for field in fields if field.has_db_default()]
    if made_up or not isinstance(model._meta.pk, AutoField) or model._meta.parents:
        raise TypeError(f"{model.__name__} has values that are made up on the way: {made_up or 'its key'}")
    return fields


@lru_cache(maxsize=512)
def _new_sql(
    model: type[Model], count: int, vendor: str
) -> tuple[str, tuple[tuple[str, Callable[[Any], Any] | None], ...]]:
    """The statement, and for each of its columns the attribute and what makes its value ready."""
    fields = _new_fields(model)
    sql = _insert_sql(model, tuple(field.name for field in fields), count)
    return f"{sql} RETURNING {_column(model, 'pk')}", tuple((field.attname, _maker(field, vendor)) for field in fields)


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
