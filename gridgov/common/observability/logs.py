"""Log lines for people or for machines, with the request and the case that they are about, without anything secret.

The settings file calls :func:`configuration`; nothing here reads settings.
"""

import logging
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from gridgov.common.observability import context
from gridgov.common.secrecy import WithoutSecrets, masked

FORMATS = ("line", "json")


class Context(logging.Filter):
    """Every record says of which request, case and route it is; empty outside of any."""

    def filter(self, record: logging.LogRecord) -> bool:
        work = context.current()
        record.request_id = work.request_id if work else ""
        record.case = work.case if work else ""
        record.where = work.where if work else ""
        return True


class Line(logging.Formatter):
    """One line for people, the traceback below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        about = " ".join(part for part in (getattr(record, "request_id", "")[:8], getattr(record, "case", "")) if part)
        line = super().formatMessage(record)
        return f"{line} [{about}]" if about else line


class Json(JsonFormatter):
    """One JSON object a line: at, level, logger, message, request_id, case, where and what the caller added."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            "{levelname}{name}{message}",
            style="{",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="at",
            json_ensure_ascii=False,
            **options,
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        # the filter of the handler has seen message and traceback, not what the caller added
        return {name: masked(said) if isinstance(said, str) else said for name, said in log_data.items()}


def configuration(*, form: str, level: str, requests: bool) -> dict[str, Any]:
    """What ``LOGGING`` is to be. ``requests``: a line for every request, not for slow and failed ones alone."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": Context}, "secrets": {"()": WithoutSecrets}},
        "formatters": {
            "line": {"()": Line, "format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
            "json": {"()": Json},
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": form, "filters": ["context", "secrets"]}
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Celery says at INFO that it sent and did each of the tasks that beat sends all the time.
            "celery": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            # it says what the audit trail says
            "axes": {"level": "ERROR"},
            "gridgov.request": {"level": "INFO" if requests else "WARNING"},
            # its own handler and form would pass by ours
            "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        },
    }
