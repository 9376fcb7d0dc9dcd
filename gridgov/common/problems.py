"""Refusals as RFC 9457 problem details (``application/problem+json``): our own, the framework's, and bad bodies.

``type`` is a URN by the code, ``title`` the kind of refusal, ``detail`` the sentence for this one. A 400 has
``errors`` with ``field``, ``message`` and ``code``; a 403 ``missing``; a 409 ``actor``, ``at``, ``action``,
``version`` and ``case_status``.
"""

import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.defaults import server_error
from rest_framework import exceptions, status

from gridgov.common.errors import DomainError, FieldError, FieldErrors, NotPermitted
from gridgov.common.observability import context
from gridgov.common.outages import Outage, outage

logger = logging.getLogger("gridgov.request")

MEDIA_TYPE = "application/problem+json"

_TITLES = {
    400: gettext_lazy("提交的内容有误"),
    401: gettext_lazy("尚未登录"),
    403: gettext_lazy("没有权限"),
    404: gettext_lazy("不存在"),
    405: gettext_lazy("不支持的方法"),
    406: gettext_lazy("不支持的返回格式"),
    409: gettext_lazy("情况已变"),
    413: gettext_lazy("内容过大"),
    415: gettext_lazy("不支持的内容类型"),
    429: gettext_lazy("请求过于频繁"),
    500: gettext_lazy("系统出错"),
    503: gettext_lazy("服务暂时不可用"),
}
_UNAVAILABLE = {
    Outage.BUSY: gettext_lazy("数据库繁忙，没有写入任何内容；请稍后再试"),
    Outage.AWAY: gettext_lazy("数据库暂时连接不上；请稍后再试，并先看看刚才的操作是否已经完成"),
}
RETRY_SECONDS = 5


class TooLarge(exceptions.APIException):
    """The body is larger than what is read (413)."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


def problem(code_of_status: int, detail: str, *, code: str, **members: Any) -> HttpResponse:
    """The answer with that status. ``members``: what else the problem says; a ``status`` there is the case's."""
    if "status" in members:
        members["case_status"] = members.pop("status")
    body = {
        "type": f"urn:gridgov:problem:{code}",
        "title": str(_TITLES.get(code_of_status, _("请求未能完成"))),
        "status": code_of_status,
        "detail": str(detail),
        "code": code,
        **members,
    }
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z, default=str)
    return HttpResponse(content, status=code_of_status, content_type=MEDIA_TYPE)


def of_domain(error: DomainError) -> HttpResponse:
    """One of our own refusals as an answer."""
    if isinstance(error, FieldErrors):
        return problem(400, error.message, code=error.code, errors=[_of_field(e) for e in error.errors])
    if isinstance(error, FieldError):
        return problem(400, error.message, code=error.code, errors=[_of_field(error)], **error.extra)
    if isinstance(error, NotPermitted):
        return problem(403, error.message, code=error.code, missing=error.missing, **error.extra)
    return problem(error.status, error.message, code=error.code, **error.extra)


def _of_field(error: FieldError) -> dict[str, Any]:
    return {"field": error.field, "message": str(error.message), "code": error.code}


def handle(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """REST framework's exception handler. None (and so a 500, logged) for what is nobody's refusal."""
    if isinstance(error, DomainError):
        return of_domain(error)
    if isinstance(error, Http404):
        return problem(404, _("没有这个资源"), code="not_found")
    if isinstance(error, PermissionDenied):
        return problem(403, _("您没有执行此操作的权限"), code="permission_denied", missing="")
    if isinstance(error, RequestDataTooBig):
        return problem(413, _("提交的内容过大"), code="too_large")
    if not isinstance(error, exceptions.APIException):
        return None
    if isinstance(error, exceptions.ValidationError):
        errors = list(flat(error.get_full_details()))
        return problem(400, "；".join(e["message"] for e in errors), code="invalid", errors=errors)
    code = error.get_codes() if isinstance(error.get_codes(), str) else error.default_code
    members: dict[str, Any] = {}
    if isinstance(error, exceptions.ParseError):
        members["errors"] = [{"field": "", "message": str(error.detail), "code": code}]
    if isinstance(error, exceptions.PermissionDenied):
        members["missing"] = "csrf" if "CSRF" in str(error.detail) else code
    answer = problem(error.status_code, str(error.detail), code=code, **members)
    if header := getattr(error, "auth_header", None):
        answer["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        answer["Retry-After"] = str(int(wait) + 1)
    return answer


def flat(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Each fault of a serializer with the dotted path of its field: ``reporter.phone``, ``points.3``."""
    if isinstance(details, Mapping) and "message" in details and "code" in details:
        yield {"field": path, "message": str(details["message"]), "code": str(details["code"])}
    elif isinstance(details, Mapping):
        for name, inner in details.items():
            below = path if name == "non_field_errors" else f"{path}.{name}" if path else str(name)
            yield from flat(inner, below)
    elif isinstance(details, list):
        leaves = all(isinstance(item, Mapping) and "message" in item for item in details)
        for position, inner in enumerate(details):
            yield from flat(inner, path if leaves else f"{path}.{position}" if path else str(position))


def unavailable(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """503 with ``Retry-After`` where ``error`` is the database's, and a line in the log; None for every other one."""
    kind = outage(error)
    if kind is None:
        return None
    work = context.current()
    extra = {"statements": work.statements if work else 0}
    logger.error("the database did not answer (%s): %s", kind.value, error, extra=extra)
    words = _UNAVAILABLE[kind]
    if request.path.startswith("/api/"):
        answer = problem(503, words, code=kind.value)
    else:
        answer = render(request, "503.html", {"words": words}, status=503)
    answer["Retry-After"] = str(RETRY_SECONDS)
    return answer


def broken(request: HttpRequest) -> HttpResponse:
    """The answer to what nobody caught (``handler500``), a middleware's errors and those of error pages included.

    503 where the database did not answer; else a fault of ours: a problem under ``/api/``, the site's page elsewhere.
    """
    answer = unavailable(request, sys.exception())
    if answer is not None:
        return answer
    if request.path.startswith("/api/"):
        return problem(500, _("系统出错，没有写入任何内容；请稍后再试"), code="server_error")
    return server_error(request)
