"""Lists of options, written straight as HTML.

Django renders two templates for each ``<option>``: with the 170 categories and the departments of a city among the
fields of a case's steps, that was over half of what its panel cost. What comes out is the same.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe


class _Written:
    """Mixed into ``Select`` and its kind."""

    attrs: Mapping[str, Any]
    choices: Iterable[Any]
    allow_multiple_selected: bool

    def render(self, name: str, value: Any, attrs: Mapping[str, Any] | None = None, renderer: Any = None) -> SafeString:
        chosen = set(self.format_value(value))  # type: ignore[attr-defined]
        given: dict[str, Any] = {"name": name} | self.build_attrs(self.attrs, attrs)  # type: ignore[attr-defined]
        if self.allow_multiple_selected:
            given["multiple"] = True
        options = "".join(
            f'<optgroup label="{escape(label)}">{_options(choice, chosen)}</optgroup>'
            if isinstance(choice, list | tuple)
            else _options([(label, choice)], chosen)
            for label, choice in self.choices
        )
        return mark_safe(f"<select{flatatt(given)}>{options}</select>")  # noqa: S308 - every part is escaped


def _options(choices: Iterable[tuple[Any, Any]], chosen: set[str]) -> str:
    found = []
    for value, label in choices:
        text = "" if value is None else str(value)
        found.append(f'<option value="{escape(text)}"{" selected" * (text in chosen)}>{escape(label)}</option>')
    return "".join(found)


class Select(_Written, forms.Select):
    """One of many."""


class SelectMultiple(_Written, forms.SelectMultiple):
    """Some of many."""
