"""All addresses of the site."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.cache import cache_control
from django.views.generic import RedirectView
from django.views.i18n import JavaScriptCatalog, set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from dispatch.api import health
from dispatch.views.session import AdminSignIn
from gridgov.common.no_such_path import NoSuchPath

handler500 = "gridgov.common.problems.broken"

urlpatterns = [
    path("admin/login/", AdminSignIn.as_view()),
    # one's password is changed where one's account is
    path("admin/password_change/", RedirectView.as_view(pattern_name="pages:account")),
    path("admin/", admin.site.urls),
    path("language/", set_language, name="set_language"),
    # what scripts say, in the language of the page that asks: its address has the language
    path("language/words.js", cache_control(private=True, max_age=600)(JavaScriptCatalog.as_view()), name="words"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("livez", health.livez, name="livez"),
    path("metrics", health.metrics, name="metrics"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("api/v1/", include("dispatch.api.urls")),
    re_path("^api/", NoSuchPath.as_view()),
    path("", include("reporting.urls")),
    path("", include("dispatch.urls")),
]
