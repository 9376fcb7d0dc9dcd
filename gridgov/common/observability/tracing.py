"""Sentry and OpenTelemetry, where a deployment names them; neither is imported, or need be installed, otherwise.

``SENTRY_DSN``: faults go there (``pip install sentry-sdk``), without personal data and with what logs blank blanked.
``OTEL_EXPORTER_OTLP_ENDPOINT``: spans of requests, statements and tasks go there (``pip install opentelemetry-sdk
opentelemetry-exporter-otlp opentelemetry-instrumentation-django opentelemetry-instrumentation-celery``).
"""

import importlib
import logging
import os
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from gridgov.common.secrecy import masked

logger = logging.getLogger(__name__)


def start(service: str) -> list[str]:
    """What was asked for runs in this process, ``service`` (web, worker, live) being its name; which of the two.

    Call after any fork. ImproperlyConfigured where a package that is asked for is not installed.
    """
    begun = []
    if settings.SENTRY_DSN:
        _sentry(service)
        begun.append("sentry")
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        _opentelemetry(service)
        begun.append("opentelemetry")
    return begun


def _wanted(module: str, setting: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImproperlyConfigured(f"{setting} is set but {module} is not installed.") from None


def _sentry(service: str) -> None:
    sentry = _wanted("sentry_sdk", "SENTRY_DSN")
    sentry.init(
        dsn=settings.SENTRY_DSN,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        before_send=_blanked,
        server_name=service,
    )


def _blanked(event: dict[str, Any], hint: Any) -> dict[str, Any]:
    """No headers, cookies or query strings; the texts of the fault as a log would have them."""
    request = event.get("request") or {}
    for name in ("headers", "cookies", "query_string", "data", "env"):
        request.pop(name, None)
    if "url" in request:
        request["url"] = masked(request["url"])
    entry = event.get("logentry") or {}
    for name in ("message", "formatted"):
        if entry.get(name):
            entry[name] = masked(str(entry[name]))
    entry.pop("params", None)
    for fault in (event.get("exception") or {}).get("values") or ():
        fault["value"] = masked(str(fault.get("value") or ""))
    for entry in (event.get("breadcrumbs") or {}).get("values") or ():
        entry["message"] = masked(str(entry.get("message") or ""))
        entry.pop("data", None)
    return event


def _opentelemetry(service: str) -> None:
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    trace = _wanted("opentelemetry.trace", name)
    sdk = _wanted("opentelemetry.sdk.trace", name)
    resources = _wanted("opentelemetry.sdk.resources", name)
    export = _wanted("opentelemetry.sdk.trace.export", name)
    otlp = _wanted("opentelemetry.exporter.otlp.proto.http.trace_exporter", name)
    provider = sdk.TracerProvider(resource=resources.Resource.create({"service.name": f"gridgov-{service}"}))
    endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip("/") + "/v1/traces"
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
    # the links of the public are keys to a case, and a span has the whole address
    os.environ.setdefault("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", "/r/,/c/,/files/signed/,healthz,livez,readyz,metrics")
    if service == "worker":
        _wanted("opentelemetry.instrumentation.celery", name).CeleryInstrumentor().instrument()
    else:
        _wanted("opentelemetry.instrumentation.django", name).DjangoInstrumentor().instrument()
