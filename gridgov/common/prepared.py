"""Reads that are asked all the time: their SQL is worked out once, afterwards only the values change.

To build and compile a query with many subqueries costs the ORM some ten milliseconds, to run it one. A
:class:`Prepared` compiles the query once a thread, with markers in the place of the values, and keeps the text. On
PostgreSQL the server keeps it, too, parsed and planned (``gridgov.postgres``; ``PREPARED_STATEMENTS`` off: not, for a
pool of connections between that hands each transaction another one).
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Model, QuerySet

from gridgov.postgres import Statement

#: Values that no constant of a query has: recognised among the parameters after compiling.
_WHOLE = 2_017_000_003
_DAY = date(1903, 2, 1)
_INSTANT = datetime(1903, 3, 1, tzinfo=UTC)
#: as PostgreSQL calls them; a text's type is told by where it stands
_KINDS: dict[type, str] = {
    int: "bigint", float: "double precision", str: "unknown", date: "date", datetime: "timestamptz",
}  # fmt: skip

_Slots = tuple[tuple[str | None, Any], ...]


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    #: for each parameter the name of the value that goes there, or None and the constant
    slots: _Slots
    #: the same as the server keeps it, or None
    statement: Statement | None
    compiler: Any
    converters: Any
    model: type[Model]
    columns: tuple[str, ...]
    first: int
    last: int
    annotations: tuple[tuple[str, int], ...]


class Prepared:
    """One query for whole rows of a model, with annotations, whose values are given when it is run.

    ``build`` takes one keyword argument a name of ``kinds`` and returns the queryset. It must not look at the values
    (no lists, no conditions): they are markers. ``kinds``: int, float, str, date or datetime for each name.
    ``planned``: PostgreSQL plans it once for any values, which is right where they are keys. What finds few rows for
    one value and half the table for another is planned anew each time (False).
    """

    def __init__(self, build: Callable[..., QuerySet[Any]], *, planned: bool = True, **kinds: type) -> None:
        self._build = build
        self._planned = planned
        self._kinds = kinds
        self._held = threading.local()

    def rows(self, **values: Any) -> list[Any]:
        """The instances that the query finds for these values, each with its annotations. One statement."""
        compiled = self._compiled()
        return [_instance(compiled, row) for row in self._fetched(compiled, values)]

    def _fetched(self, compiled: Any, values: Mapping[str, Any]) -> list[Any]:
        prepared = {name: _prepared(value) for name, value in values.items()}
        if compiled.statement is not None:
            given = [prepared[name] for name, _constant in compiled.slots if name is not None]
            _count, found = connection.run_prepared(compiled.statement, given)
        else:
            parameters = [prepared[name] if name is not None else constant for name, constant in compiled.slots]
            with connection.cursor() as cursor:
                cursor.execute(compiled.sql, parameters)
                found = cursor.fetchall()
        if compiled.converters:
            found = list(compiled.compiler.apply_converters(chain(found), compiled.converters))
        return found

    def first(self, **values: Any) -> Any:
        """The first of :meth:`rows`, or None."""
        found = self.rows(**values)
        return found[0] if found else None

    def _described(self, sql: str, slots: _Slots, statement: Statement | None, compiler: Any) -> Any:
        return _described(sql, slots, statement, compiler)

    def _compiled(self) -> _Compiled:
        by_vendor: dict[str, _Compiled] | None = getattr(self._held, "by_vendor", None)
        if by_vendor is None:
            by_vendor = self._held.by_vendor = {}
        if connection.vendor not in by_vendor:
            by_vendor[connection.vendor] = self._compile()
        return by_vendor[connection.vendor]

    def _compile(self) -> _Compiled:
        markers = {name: _marker(kind, position) for position, (name, kind) in enumerate(self._kinds.items())}
        queryset = self._build(**markers)
        compiler = queryset.query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        names = {_prepared(marker): name for name, marker in markers.items()}
        slots = tuple((names.get(value), value) for value in parameters)
        missing = markers.keys() - {name for name, _value in slots}
        if missing:
            raise ValueError(f"not in the query as they were given: {sorted(missing)}")
        return self._described(sql, slots, self._statement(sql, slots), compiler)

    def _statement(self, sql: str, slots: _Slots) -> Statement | None:
        """The query as the server keeps it: the values open, what is constant within."""
        if connection.vendor != "postgresql" or not (self._planned and settings.PREPARED_STATEMENTS):
            return None
        names = [name for name, _constant in slots if name is not None]
        marks = (f"${position}" for position in range(1, len(names) + 1))
        with connection.cursor() as cursor:
            parts = [
                next(marks) if name is not None else cursor.mogrify("%s", [constant]).decode()
                for name, constant in slots
            ]
        return Statement(sql % tuple(parts), tuple(_KINDS[self._kinds[name]] for name in names))


@dataclass(frozen=True, slots=True)
class _CompiledRows:
    sql: str
    slots: _Slots
    statement: Statement | None
    compiler: Any
    converters: Any


class PreparedRows(Prepared):
    """The same for ``values_list``: rows are tuples in the order of its fields."""

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """The tuples that the query finds for these values. One statement."""
        return [tuple(row) for row in self._fetched(self._compiled(), values)]

    def _described(self, sql: str, slots: _Slots, statement: Statement | None, compiler: Any) -> Any:
        if compiler.query.default_cols:
            raise ValueError("a query of values_list is needed")
        chosen = [column[0] for column in compiler.select[0 : compiler.col_count]]
        return _CompiledRows(sql, slots, statement, compiler, compiler.get_converters(chosen))


def _described(sql: str, slots: _Slots, statement: Statement | None, compiler: Any) -> _Compiled:
    info = compiler.klass_info
    if info.get("related_klass_infos"):
        raise ValueError("select_related is not for prepared queries: annotate what is needed")
    chosen = info["select_fields"]
    first, last = chosen[0], chosen[-1] + 1
    fields = [column[0] for column in compiler.select[0 : compiler.col_count]]
    return _Compiled(
        sql=sql,
        slots=slots,
        statement=statement,
        compiler=compiler,
        converters=compiler.get_converters(fields),
        model=info["model"],
        columns=tuple(column[0].target.attname for column in compiler.select[first:last]),
        first=first,
        last=last,
        annotations=tuple(compiler.annotation_col_map.items()),
    )


def _marker(kind: type, position: int) -> Any:
    if kind is int:
        return _WHOLE + position
    if kind is float:
        return _WHOLE + position + 0.5
    if kind is datetime:
        return _INSTANT.replace(day=1 + position)
    if kind is date:
        return _DAY.replace(day=1 + position)
    if kind is str:
        return f"\ue000{position}\ue000"
    raise TypeError(kind)


def _prepared(value: Any) -> Any:
    """As the value reaches the driver."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return connection.ops.adapt_datefield_value(value) if isinstance(value, date) else value


def _instance(compiled: _Compiled, row: Any) -> Any:
    instance = compiled.model.from_db(connection.alias, compiled.columns, row[compiled.first : compiled.last])
    for name, position in compiled.annotations:
        setattr(instance, name, row[position])
    return instance
