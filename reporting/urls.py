"""Addresses of the pages of figures and assessments."""

from django.urls import URLPattern

app_name = "reporting"
urlpatterns: list[URLPattern] = []
