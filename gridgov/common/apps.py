from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CommonConfig(AppConfig):
    name = "gridgov.common"
    label = "common"
    verbose_name = _("公共")

    def ready(self) -> None:
        """Statements are timed from the first connection on."""
        from gridgov.common.observability import slow  # noqa: PLC0415  its table is a model

        slow.watch()
