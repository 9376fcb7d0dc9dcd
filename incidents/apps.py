from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class IncidentsConfig(AppConfig):
    name = "incidents"
    verbose_name = _("案件")

    def ready(self) -> None:
        from incidents import checks as own  # noqa: PLC0415  models are not loaded when this module is

        post_migrate.connect(_install_triggers, sender=self, dispatch_uid="incidents.install_triggers")
        checks.register(own.check_tables)
        checks.register(own.check_triggers, checks.Tags.database)


def _install_triggers(using: str, **kwargs: Any) -> None:
    """After every migrate the append-only tables refuse changes again: rebuilding a SQLite table drops its triggers."""
    from incidents import triggers  # noqa: PLC0415

    triggers.install(connections[using])
