from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class PersonnelConfig(AppConfig):
    name = "personnel"
    verbose_name = _("人员与部门")

    def ready(self) -> None:
        post_migrate.connect(_follow_roles, sender=self, dispatch_uid="personnel.follow_roles")


def _follow_roles(using: str, **kwargs: Any) -> None:
    """After an upgrade the groups of people already posted give what their roles give now."""
    if "grids_areamembership" not in connections[using].introspection.table_names():
        return  # a partial migrate: nobody is posted yet
    from personnel.services import sync_roles  # noqa: PLC0415  models are not loaded when this module is

    sync_roles()
