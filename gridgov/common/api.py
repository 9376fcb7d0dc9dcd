"""What every endpoint needs: strict bodies, bounded JSON, answers by orjson, keyset pages."""

import base64
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.http import HttpResponse
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, serializers
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from gridgov.common.errors import FieldError
from gridgov.common.problems import TooLarge

BIG = 2**63 - 1
PAGE_SIZE = 50
PAGE_LIMIT = 200
_DRAINED = 64 * 1024 * 1024
_CHUNK = 256 * 1024


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """``body`` as JSON; instants in UTC with ``Z``."""
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z, default=str)
    return HttpResponse(content, status=status, content_type="application/json", headers=dict(headers or {}))


class JSONRenderer(BaseRenderer):
    """For the few answers that are no :func:`answer`."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, option=orjson.OPT_UTC_Z, default=str)


class JSONParser(BaseParser):
    """JSON in UTF-8, at most ``DATA_UPLOAD_MAX_MEMORY_SIZE`` bytes: more is refused unread (413)."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        content = stream.read(limit + 1)
        if len(content) > limit:
            drained = len(content)
            while drained < _DRAINED and (more := stream.read(_CHUNK)):
                drained += len(more)  # a client that still sends would see a broken connection, not the answer
            raise TooLarge(_("提交的内容超过%(limit)d KB") % {"limit": limit // 1024})
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            where = {"line": error.lineno, "column": error.colno}
            raise exceptions.ParseError(_("不是完整的JSON（第%(line)d行第%(column)d列）") % where) from error


# --- fields -----------------------------------------------------------------------------------------------------


class Body(serializers.Serializer):
    """A request's body: a JSON object whose every field is known and of its type; nothing is converted silently."""

    default_error_messages = {"invalid": gettext_lazy("须是一个JSON对象")}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            unknown = [str(name)[:60] for name in data if name not in self.fields]
            if unknown:
                message = _("没有这一项")
                raise serializers.ValidationError(
                    {name: [exceptions.ErrorDetail(message, "unknown")] for name in unknown}
                )
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A JSON string and nothing else."""

    default_error_messages = {"invalid": gettext_lazy("须是文字")}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Number(serializers.FloatField):
    """A finite JSON number."""

    default_error_messages = {"invalid": gettext_lazy("须是数字")}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            self.fail("invalid")
        return float(data)


class Integer(serializers.IntegerField):
    """A whole JSON number that a database column can hold."""

    default_error_messages = {"invalid": gettext_lazy("须是整数")}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int) or abs(data) > BIG:
            self.fail("invalid")
        return data


class Flag(serializers.BooleanField):
    """``true`` or ``false``."""

    default_error_messages = {"invalid": gettext_lazy("须是true或false")}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class Instant(serializers.DateTimeField):
    """An instant as ISO 8601 text; without an offset it is taken for the deployment's local time."""

    default_error_messages = {"invalid": gettext_lazy("须是时间，应如 2026-11-22T08:30:00+08:00")}

    def to_internal_value(self, value: Any) -> datetime:
        found = instant_of(value) if isinstance(value, str) else None
        if found is None:
            self.fail("invalid")
        return found


def instant_of(text: str) -> datetime | None:
    """The instant that ISO 8601 text says, or None; a date alone is none. Years 1900 to 2200: others overflow."""
    try:
        found = parse_datetime(text.strip()) if 10 < len(text) <= 40 else None
    except ValueError:
        return None
    if found is None or not 1900 <= found.year <= 2200:
        return None
    local = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(settings.TIME_ZONE))
    return local.astimezone(UTC)


#: One serializer of each shape a thread: to copy its fields costs more than to check a body.
_shapes = threading.local()


def check(shape: type[serializers.Serializer], data: Any) -> dict[str, Any]:
    """The body ``data`` in that shape: only what was given. Raises what names each wrong field."""
    if not hasattr(_shapes, "held"):
        _shapes.held = {}
    held: dict[type[serializers.Serializer], Any] = _shapes.held
    if shape not in held:
        held[shape] = shape()
    try:
        return held[shape].run_validation(data)
    except exceptions.ValidationError:
        # once more, as the library says it
        serializer = shape(data=data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data


# --- filters ----------------------------------------------------------------------------------------------------


def only(request: Request, names: Sequence[str]) -> dict[str, str]:
    """The query's parameters, each given once and not empty. FieldError for any that is not in ``names``."""
    found: dict[str, str] = {}
    for name, values in request.query_params.lists():
        if name not in names:
            raise FieldError(name[:60], _("没有这个查询条件"), code="unknown")
        if len(values) > 1:
            raise FieldError(name, _("查询条件只能给一次"), code="repeated")
        if len(values[0]) > 500:
            raise FieldError(name, _("查询条件的值不对"))
        if values[0] != "":
            found[name] = values[0]
    return found


def whole(name: str, text: str, low: int = 0, high: int = BIG) -> int:
    """A whole number in a query."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and low <= int(text) <= high):
        raise FieldError(name, _("须是%(low)d到%(high)d之间的整数") % {"low": low, "high": high})
    return int(text)


def flag(name: str, text: str) -> bool:
    """``true``, ``false``, ``1`` or ``0`` in a query."""
    if text not in ("true", "false", "1", "0"):
        raise FieldError(name, _("须是true或false"))
    return text in ("true", "1")


def moment(name: str, text: str, *, end_of_day: bool = False) -> datetime:
    """An instant in a query; a date stands for its first moment in the local zone, or its last."""
    # "+" of an offset arrives as a space where it was not quoted
    found = instant_of(text.replace(" ", "+") if "T" in text else text)
    if found is not None:
        return found
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None or not 1900 <= day.year <= 2200:
        raise FieldError(name, _("须是日期或时间，应如 2026-11-22 或 2026-11-22T08:30:00+08:00"))
    return _midnight(day + timedelta(days=1)) - timedelta(microseconds=1) if end_of_day else _midnight(day)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(settings.TIME_ZONE))


# --- pages ------------------------------------------------------------------------------------------------------

PAGE_PARAMETERS = ("cursor", "page_size")


class Keyset:
    """Pages by where the last one ended, never by an offset: ``newest`` by id downwards, or by a column and id.

    A cursor is opaque to the client and checked here: another order's, or a broken one, is a FieldError.
    """

    def __init__(self, column: str = "", *, descending: bool = False, nullable: bool = True) -> None:
        """``column``: an instant (rows where it is NULL come last), or empty for ids alone.

        Where it is never NULL, ``nullable`` False lets a plain index serve the order.
        """
        self.column = column
        self.nullable = nullable
        self.descending = descending
        self._name = f"{'-' if descending else ''}{column or 'id'}"

    def page(self, rows: QuerySet[Any], given: Mapping[str, str]) -> tuple[QuerySet[Any], int]:
        """The rows after the cursor in order, one more than the page has, and the page's size."""
        size, mark = self.size(given), self.mark(given)
        if mark is not None:
            rows = rows.filter(self.beyond(mark))
        return self.ordered(rows)[: size + 1], size

    def size(self, given: Mapping[str, str]) -> int:
        """How many rows a page has."""
        return whole("page_size", given["page_size"], 1, PAGE_LIMIT) if "page_size" in given else PAGE_SIZE

    def mark(self, given: Mapping[str, str]) -> tuple[datetime | None, int] | None:
        """Where the page before ended: the column's value (None by id alone, or where it is NULL) and the id."""
        return self._read(given["cursor"]) if "cursor" in given else None

    def ordered(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        if not self.column:
            return rows.order_by("-id" if self.descending else "id")
        last = True if self.nullable else None
        column = F(self.column).desc(nulls_last=last) if self.descending else F(self.column).asc(nulls_last=last)
        return rows.order_by(column, "-id" if self.descending else "id")

    def cut(self, found: list[Any], size: int, key: Callable[[Any], tuple[Any, int]]) -> tuple[list[Any], str | None]:
        """The page without the row too many, and the cursor of the next (None on the last)."""
        if len(found) <= size:
            return found, None
        return found[:size], self.cursor(*key(found[size - 1]))

    def cursor(self, value: Any, pk: int) -> str:
        """The cursor of the page after the row with that id and that value of the column."""
        said = [self._name, value.astimezone(UTC).isoformat() if isinstance(value, datetime) else None, pk]
        return base64.urlsafe_b64encode(orjson.dumps(said)).decode().rstrip("=")

    def _read(self, cursor: str) -> tuple[datetime | None, int]:
        try:
            name, value, pk = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            at = instant_of(value) if isinstance(value, str) else None
            if name == self._name and type(pk) is int and 0 <= pk <= BIG and (at is not None) == (value is not None):
                return at, pk
        except (ValueError, TypeError):
            pass
        raise FieldError("cursor", _("分页标记无效，请从第一页重新开始"), code="cursor")

    def beyond(self, mark: tuple[datetime | None, int]) -> Q:
        """The rows that come after that one."""
        at, pk = mark
        beyond = Q(id__lt=pk) if self.descending else Q(id__gt=pk)
        if not self.column:
            return beyond
        empty = Q(**{f"{self.column}__isnull": True})
        if at is None:
            return empty & beyond
        way = "lt" if self.descending else "gt"
        further = Q(**{f"{self.column}__{way}": at}) | (Q(**{self.column: at}) & beyond)
        # said once more for the index, which an OR alone does not use
        return further | empty if self.nullable else Q(**{f"{self.column}__{way}e": at}) & further


def paged(request: Request, results: list[Any], cursor: str | None) -> HttpResponse:
    """A page: ``results`` and ``next``, the address of the next page or null."""
    following = None
    if cursor is not None:
        query = request.query_params.copy()
        query["cursor"] = cursor
        following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
    return answer({"results": results, "next": following})
