"""Addresses of the pages of figures and assessments."""

from django.urls import include, path, re_path

from reporting.views import dashboard, drill, exports

app_name = "reporting"
urlpatterns = [
    path("dashboard/", dashboard.dashboard, name="dashboard"),
    path("dashboard/figures/<slug:key>/", drill.figure, name="figure"),
    re_path(
        r"^dashboard/cases/(?P<number>[0-9A-Za-z-]{1,24})/(?P<seq>[0-9]{1,9})/$", drill.case_then, name="case_then"
    ),
    path("exports/", exports.listing, name="exports"),
    path("exports/start/", exports.start, name="export_start"),
    path("exports/<uuid:export_id>/cancel/", exports.cancel, name="export_cancel"),
    path("exports/<uuid:export_id>/file/", exports.file, name="export_file"),
    path("", include("reporting.assessment_urls")),
]
