"""Django's admin, without what needs a GDAL library."""

from importlib import import_module

from django.apps import apps
from django.contrib.admin.apps import SimpleAdminConfig
from django.utils.module_loading import module_has_submodule

# leaflet.admin imports GeoDjango, which fails without system GDAL; areas are edited with a widget of our own. The
# others would show secrets: keys of the second factor, tokens of the API.
_LEFT_OUT = {
    "leaflet",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "rest_framework.authtoken",
}


class AdminConfig(SimpleAdminConfig):
    """Registers every app's ``admin`` module but those left out, on the site of ``gridgov.admin_site``."""

    default_site = "gridgov.admin_site.Site"

    def ready(self) -> None:
        super().ready()
        for config in apps.get_app_configs():
            if config.name not in _LEFT_OUT and module_has_submodule(config.module, "admin"):
                import_module(f"{config.name}.admin")
