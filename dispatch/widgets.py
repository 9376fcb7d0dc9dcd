"""Lists of options, written straight as HTML.

Django renders two templates for each ``<option>``: with the 170 categories and the departments of a city among the
fields of a case's steps, that was over half of what its panel cost. What comes out is the same.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

_SELECTED = mark_safe(" selected")


class _Written:
    """Mixed into ``Select`` and its kind."""

    attrs: Mapping[str, Any]
    choices: Iterable[Any]
    allow_multiple_selected: bool

    def render(self, name: str, value: Any, attrs: Mapping[str, Any] | None = None, renderer: Any = None) -> SafeString:
        chosen = set(self.format_value(value))  # type: ignore[attr-defined]
        given: dict[str, Any] = self.build_attrs(self.attrs, attrs)  # type: ignore[attr-defined]
        if self.allow_multiple_selected:
            given["multiple"] = True
        return format_html('<select name="{}"{}>{}</select>', name, flatatt(given), _options(self.choices, chosen))


def _options(choices: Iterable[tuple[Any, Any]], chosen: set[str]) -> SafeString:
    return format_html_join("", "{}", ((_option(value, label, chosen),) for value, label in choices))


def _option(value: Any, label: Any, chosen: set[str]) -> SafeString:
    if isinstance(label, list | tuple):
        return format_html('<optgroup label="{}">{}</optgroup>', value, _options(label, chosen))
    text = "" if value is None else str(value)
    return format_html('<option value="{}"{}>{}</option>', text, _SELECTED if text in chosen else "", label)


class Select(_Written, forms.Select):
    """One of many."""


class SelectMultiple(_Written, forms.SelectMultiple):
    """Some of many."""
