"""Around every request: its id, its time, its log line, and an answer in place of a 500 where the database gave up."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from gridgov.common import problems
from gridgov.common.observability import context, metrics

logger = logging.getLogger("gridgov.request")

HEADER = "X-Request-ID"
#: Asked by machines every few seconds: no log line of theirs.
QUIET = frozenset({"livez", "readyz", "healthz", "metrics", "static"})


class Observed:
    """The first of the middlewares, so that what the others do is timed and logged with the request's id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        work = context.Work(context.request_id_of(request.headers.get(HEADER, "")))
        with context.at_work(work):
            response = self._get_response(request)
            response[HEADER] = work.request_id
            self._tell(request, response, work, time.perf_counter() - started)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        """The route and the case are known from here on."""
        work = context.current()
        if work is not None and request.resolver_match is not None:
            work.where = request.resolver_match.route
            work.case = str(kwargs.get("number", ""))[:24]

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The database did not answer, or ended the statement: no fault of the code, and the log says which route."""
        return problems.unavailable(request, error)

    def _tell(self, request: HttpRequest, response: HttpResponse, work: context.Work, seconds: float) -> None:
        route = work.where or ("static" if request.path.startswith(settings.STATIC_URL) else "-")
        method = request.method if request.method in _METHODS else "other"
        status = response.status_code
        metrics.requests.labels(route, method, str(status)).inc()
        metrics.request_seconds.labels(route, method).observe(seconds)
        if work.statements:
            metrics.statements.labels(route).inc(work.statements)
            metrics.statement_seconds.labels(route).inc(work.database_seconds)
        if route in QUIET:
            return
        is_slow = seconds * 1000 >= settings.SLOW_REQUEST_MS > 0
        level = logging.ERROR if status >= 500 else logging.WARNING if is_slow else logging.INFO
        if logger.isEnabledFor(level):
            logger.log(
                level,
                "%s %s %d in %d ms",
                method,
                route,
                status,
                round(seconds * 1000),
                extra={
                    "method": method,
                    "status": status,
                    "ms": round(seconds * 1000, 1),
                    "statements": work.statements,
                    "database_ms": round(work.database_seconds * 1000, 1),
                    "user_id": getattr(getattr(request, "actor", None), "user_id", None),
                },
            )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
