"""Addresses of the pages of figures and assessments."""

from django.urls import URLPattern, URLResolver, include, path

app_name = "reporting"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("reporting.assessment_urls")),
]
