from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "gridgov.accounts"
    label = "accounts"
    verbose_name = _("账号安全")

    def ready(self) -> None:
        from gridgov.accounts import receivers  # noqa: PLC0415  signals need the models

        receivers.connect()
