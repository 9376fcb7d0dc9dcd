"""The project itself as an application: it carries the commands and the system checks."""

from django.apps import AppConfig

from gridgov import celery as _celery  # noqa: F401  so that shared tasks are sent through our Celery app
from gridgov import checks as _checks  # noqa: F401  registers the checks


class GridgovConfig(AppConfig):
    name = "gridgov"
    label = "gridgov"
    verbose_name = "网格治理"
