from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DispatchConfig(AppConfig):
    name = "dispatch"
    verbose_name = _("派遣")

    def ready(self) -> None:
        from dispatch.tasks import poker  # noqa: PLC0415  models are not loaded when this module is
        from gridgov.common import wake  # noqa: PLC0415
        from incidents.signals import incident_changed  # noqa: PLC0415

        incident_changed.connect(poker.poke, dispatch_uid="dispatch.poke", weak=False)
        wake.on_change(poker.poke)
