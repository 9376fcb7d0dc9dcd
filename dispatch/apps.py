from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class DispatchConfig(AppConfig):
    name = "dispatch"
    verbose_name = _("派遣")

    def ready(self) -> None:
        from dispatch import actors  # noqa: PLC0415
        from dispatch.claims import claim_changed  # noqa: PLC0415
        from dispatch.live import wire  # noqa: PLC0415
        from dispatch.tasks import poker  # noqa: PLC0415  models are not loaded when this module is
        from gridgov.accounts import sessions  # noqa: PLC0415
        from gridgov.common import wake  # noqa: PLC0415
        from incidents.signals import incident_changed  # noqa: PLC0415

        sessions.tell_with_owner(actors.TOLD, actors.told_of_owner)
        incident_changed.connect(poker.poke, dispatch_uid="dispatch.poke", weak=False)
        wake.on_change(poker.poke)
        if settings.REDIS_URL:
            for signal in (incident_changed, claim_changed):
                signal.connect(wire.poker.poke, dispatch_uid="dispatch.live", weak=False)
